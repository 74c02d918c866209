//! What an editor makes of the schemas: the YAML language server offers, explains and underlines.

use std::fs;

use crate::harness::{Editor, Squiggle, repository};

const HEAD: &str = "apiVersion: runbook/v1\nname: small\nversion: 1.0.0\ntitle: A small runbook\n";

fn runbook(rest: &str) -> String {
    format!("{HEAD}{rest}")
}

#[track_caller]
fn has(offers: &[String], wanted: &[&str]) {
    for word in wanted {
        assert!(
            offers.iter().any(|offer| offer == word),
            "`{word}` is not among {offers:?}"
        );
    }
}

#[track_caller]
fn lacks(offers: &[String], unwanted: &[&str]) {
    for word in unwanted {
        assert!(
            !offers.iter().any(|offer| offer == word),
            "`{word}` is among {offers:?}"
        );
    }
}

#[test]
fn keys_are_offered_where_they_belong() {
    let mut editor = Editor::start();
    let mut offers = |text: &str| {
        let opened = editor.runbook(text);
        editor.offers(&opened)
    };
    let root = offers("‸\n");
    has(
        &root,
        &[
            "apiVersion",
            "name",
            "inputs",
            "connections",
            "detect",
            "steps",
            "verify",
            "on_failure",
        ],
    );
    lacks(&root, &["shell", "expect"]);

    let step = offers(&runbook("steps:\n  - id: one\n    ‸\n"));
    has(
        &step,
        &[
            "title", "when", "needs", "approve", "verify", "rollback", "shell", "exec", "http", "sql",
        ],
    );
    lacks(&step, &["id", "inputs", "expect", "get"]);

    let check = offers(&runbook("verify:\n  - http: {get: /}\n    ‸\n"));
    has(
        &check,
        &["expect", "value", "every", "within", "consecutive", "capture"],
    );
    lacks(&check, &["approve", "rollback"]);

    let http = offers(&runbook("steps:\n  - id: one\n    http:\n      ‸\n"));
    has(
        &http,
        &["get", "post", "url", "json", "headers", "query", "ok_status"],
    );
    lacks(&http, &["shell", "title"]);

    let shell = offers(&runbook("steps:\n  - id: one\n    shell:\n      ‸\n"));
    has(&shell, &["run", "interpreter", "cwd"]);

    let branch = offers(&runbook("steps:\n  - id: one\n    choose:\n      - ‸\n"));
    has(&branch, &["when", "else", "shell", "manual", "runbook", "steps"]);
    let alternative = offers(&runbook(
        "steps:\n  - id: one\n    first_of:\n      - within: 5m\n        ‸\n",
    ));
    has(&alternative, &["shell", "manual", "wait"]);
    // A person is no check, and undoes nothing that the program could prove.
    let check = offers(&runbook("guards:\n  - ‸\n"));
    has(&check, &["expect", "fails", "http", "service"]);
    lacks(&check, &["manual", "runbook"]);

    let input = offers(&runbook("inputs:\n  size:\n    ‸\n"));
    has(&input, &["type", "default", "minimum", "help"]);
}

#[test]
fn connections_are_offered_by_their_kind() {
    let mut editor = Editor::start();
    let mut offers = |text: &str| {
        let opened = editor.runbook(&runbook(text));
        editor.offers(&opened)
    };
    let kinds = offers("connections:\n  api:\n    ‸\n");
    has(&kinds, &["http", "sql"]);
    lacks(&kinds, &["headers", "read_only"]);
    let http = offers("connections:\n  api:\n    http: http://localhost\n    ‸\n");
    has(&http, &["headers", "timeout"]);
    lacks(&http, &["sql", "read_only"]);
}

#[test]
fn words_are_offered_as_values() {
    let mut editor = Editor::start();
    let mut offers = |text: &str| {
        let opened = editor.runbook(&runbook(text));
        editor.offers(&opened)
    };
    assert_eq!(
        offers("steps:\n  - id: one\n    effect: ‸\n"),
        ["change", "destructive", "read"]
    );
    assert_eq!(
        offers("steps:\n  - id: one\n    idempotent: ‸\n"),
        ["false", "true"]
    );
    has(
        &offers("inputs:\n  size:\n    type: ‸\n"),
        &["integer", "duration", "enum"],
    );
    lacks(&offers("steps:\n  - id: one\n    title: ‸\n"), &["true", "false"]);
}

#[test]
fn a_default_is_offered_as_the_value() {
    let mut editor = Editor::start();
    let opened = editor.runbook(&runbook("verify:\n  - shell: 'true'\n    every: ‸\n"));
    assert_eq!(editor.offers(&opened), ["2s"]);
    let opened = editor.runbook(&runbook(
        "steps:\n  - id: one\n    shell: 'true'\n    rollback: ‸\n",
    ));
    assert_eq!(editor.offers(&opened), ["auto", "not_needed"]);
}

#[test]
fn a_key_is_inserted_with_what_it_needs() {
    let mut editor = Editor::start();
    let opened = editor.runbook("‸\n");
    let completions = editor.completions(&opened);
    let inserted = |label: &str| {
        let found = completions.iter().find(|(offered, _)| offered == label);
        found
            .unwrap_or_else(|| panic!("{label} is not in {completions:?}"))
            .1
            .clone()
    };
    assert_eq!(inserted("apiVersion"), "apiVersion: runbook/v1");
    assert_eq!(inserted("summary"), "summary: ");
    assert_eq!(inserted("max_parallel"), "max_parallel: ${1:8}");
    assert_eq!(inserted("steps"), "steps:\n  - id: ");
    // All that a runbook must have at once.
    assert!(inserted("runbook").starts_with("apiVersion: runbook/v1\nname: $1\nversion: "));
}

#[test]
fn hovering_explains() {
    let mut editor = Editor::start();
    let mut hover = |text: &str| {
        let opened = editor.runbook(&runbook(text));
        editor.hover(&opened)
    };
    for (text, says) in [
        (
            "det‸ect:\n  - shell: uptime\n",
            vec!["Is it really happening?", "A list of checks."],
        ),
        (
            "steps:\n  - id: one\n    timeo‸ut: 5m\n    shell: uptime\n",
            vec!["How long an attempt may take", "`1h30m`"],
        ),
        (
            "steps:\n  - id: one\n    ht‸tp: {get: /}\n",
            vec![
                "Sends a request",
                "`expect` and `capture`",
                "- `status`: The status code.",
            ],
        ),
        (
            "steps:\n  - id: one\n    sh‸ell: uptime\n",
            vec!["Runs a script", "- `stdout`: Standard output"],
        ),
        (
            "steps:\n  - id: one\n    http: {get: /, he‸aders: {}}\n",
            vec!["Headers; a list gives several of one name."],
        ),
        (
            "steps:\n  - id: one\n    shell: uptime\n    effe‸ct: read\n",
            vec!["What it does to the world.", "* `destructive`"],
        ),
        ("connections:\n  db: {sq‸l: 'sqlite:a.db'}\n", vec!["A database:"]),
        (
            "verify:\n  - http: {get: /}\n    exp‸ect: status == 200\n",
            vec!["What must hold.", "without braces"],
        ),
    ] {
        let shown = hover(text);
        for part in says {
            assert!(shown.contains(part), "`{part}` is not shown for\n{text}\n{shown}");
        }
    }
}

#[test]
fn a_mistake_is_underlined_at_its_place_until_it_is_mended() {
    let mut editor = Editor::start();
    let mut opened = editor.runbook(&runbook(
        "steps:\n  - id: one\n    shell: uptime\n    efect: read\n    timeout: 30\n",
    ));
    let squiggle = |text: &str, line: usize, says: &str| Squiggle {
        text: text.to_owned(),
        line,
        says: says.to_owned(),
    };
    let both = [
        squiggle("30", 9, "Expected a length of time such as `30s` or `5m`."),
        squiggle("efect", 8, "Property efect is not allowed."),
    ];
    editor.underlines(&opened, |found| found == both);
    editor.replace(&mut opened, "efect", "effect");
    editor.underlines(&opened, |found| found == &both[..1]);
    editor.replace(&mut opened, "timeout: 30", "timeout: 30s");
    editor.underlines(&opened, <[Squiggle]>::is_empty);
}

#[test]
fn mistakes_are_explained_in_words_that_help() {
    let mut editor = Editor::start();
    for (text, place, says) in [
        (
            "steps: [{id: one, shell: {rn: uptime}}]\n",
            "rn",
            "Property rn is not allowed.",
        ),
        (
            "steps: [{id: one, http: {get: /, jsn: 1}}]\n",
            "jsn",
            "Property jsn is not allowed.",
        ),
        ("steps: [{id: one, title: [a]}]\n", "[a]", "Expected text."),
        (
            "steps: [{id: one, shell: uptime, http: {get: /}}]\n",
            "http",
            "There is `shell` already, and there can be only one of the two.",
        ),
        (
            "steps: [{id: one, title: One}]\n",
            "{",
            "An action is missing: one of shell, exec, ",
        ),
        (
            "connections: {api: {http: 'http://localhost', headrs: {}}}\nsteps: [{id: one, http: {get: /}}]\n",
            "headrs",
            "Property headrs is not allowed.",
        ),
        (
            "connections: {api: {headers: {}}}\nsteps: [{id: one, http: {get: /}}]\n",
            "api",
            "The kind of the connection is missing: one of ",
        ),
        (
            "triggers: [{alert: {a: b}, schedule: '0 9 * * *'}]\nsteps: [{id: one, shell: uptime}]\n",
            "schedule",
            "There is `alert` already",
        ),
        (
            "secrets: {token: {}}\nsteps: [{id: one, shell: uptime}]\n",
            "token",
            "The kind of the secret is missing: one of env, file, command.",
        ),
        (
            "steps: [{id: one, shell: uptime, rollback: atuo}]\n",
            "atuo",
            "Value is not accepted. Valid values: \"auto\", \"not_needed\".",
        ),
        (
            "inputs: {pool-size: {type: integer}}\nsteps: [{id: one, shell: uptime}]\n",
            "pool-size",
            "Expected a name that expressions can use",
        ),
    ] {
        let opened = editor.runbook(&runbook(text));
        let is_it = |squiggle: &Squiggle| squiggle.text == place && squiggle.says.starts_with(says);
        editor.underlines(&opened, |found| found.iter().any(is_it));
    }
}

#[test]
fn the_project_file_is_helped_with_too() {
    let mut editor = Editor::start();
    let opened = editor.config("environments:\n  lab:\n    ‸\n");
    has(
        &editor.offers(&opened),
        &["help", "connections", "inputs", "secrets", "lab"],
    );
    let opened = editor.config("environments:\n  lab: {he‸lp: A place to practise.}\n");
    assert!(editor.hover(&opened).contains("What it is."));
    let mut opened = editor.config("defaultenvironment: lab\nenvironments: {lab: {}}\n");
    let is_it = |squiggle: &Squiggle| squiggle.text == "defaultenvironment" && squiggle.line == 1;
    editor.underlines(&opened, |found| found.len() == 1 && is_it(&found[0]));
    editor.replace(&mut opened, "defaultenvironment", "default_environment");
    editor.underlines(&opened, <[Squiggle]>::is_empty);
}

#[test]
fn what_ships_is_underlined_nowhere() {
    let mut editor = Editor::start();
    let only_the_last = |found: &[Squiggle]| found.len() == 1 && found[0].text == "misspelt";
    for path in [
        "runbooks/incident/pool-exhaustion.yaml",
        "examples/hello.yaml",
        "examples/branches.yaml",
        "examples/rolling.yaml",
        "runbook.config.yaml",
    ] {
        let text = fs::read_to_string(repository().join(path)).unwrap();
        // That this is underlined tells that all of it was looked at.
        let text = format!("{text}misspelt: 1\n");
        let opened = if path == "runbook.config.yaml" {
            editor.config(&text)
        } else {
            editor.runbook(&text)
        };
        editor.underlines(&opened, only_the_last);
    }
}

#[test]
fn the_ways_to_name_a_schema_that_the_book_tells_work() {
    let mut editor = Editor::start();
    let wrong = runbook("steps: [{id: one, shell: uptime, efect: read}]\n");
    let config = "environments: {}\nstat: here\n";
    for (path, text, place) in [
        ("runbooks/incident/one.yaml", wrong.clone(), "efect"),
        ("runbook.config.yaml", config.to_owned(), "stat"),
        (
            "elsewhere/one.yaml",
            format!("# yaml-language-server: $schema=../schemas/runbook.schema.json\n{wrong}"),
            "efect",
        ),
        (
            "elsewhere/two.yaml",
            format!("# $schema: ../schemas/runbook.schema.json\n{wrong}"),
            "efect",
        ),
    ] {
        let opened = editor.open(path, &text);
        editor.underlines(&opened, |found| found.len() == 1 && found[0].text == place);
    }
}
