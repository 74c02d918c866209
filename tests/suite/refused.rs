//! What is refused: exit code 2, words that help, and nothing has run.

use std::fs;

use crate::harness::{Ended, Project};

const STEP: &str = "steps: [{id: one, shell: touch ran, rollback: not_needed}]\n";

/// Runs it, and fails if anything has run.
#[track_caller]
fn refused(project: &Project, args: &[&str], says: &[&str]) -> Ended {
    let ended = project.run(args).expect(2).says(says);
    assert!(project.runs().is_empty(), "there is a run\n{}", ended.all());
    assert!(!project.path("ran").exists(), "a step ran\n{}", ended.all());
    assert_eq!(ended.stdout, "", "what is wrong is for the error output");
    ended
}

/// The same for a runbook with these further keys.
#[track_caller]
fn exec(rest: &str, args: &[&str], says: &[&str]) {
    let project = Project::runbook(&format!("{STEP}{rest}"));
    refused(&project, &[&["exec", "runbook.yaml"], args].concat(), says);
}

#[test]
fn a_runbook_that_is_not_there() {
    let project = Project::shipped();
    refused(
        &project,
        &["exec", "incident/pool-exhuastion.yaml", "--yes"],
        &["did you mean `incident/pool-exhaustion.yaml`?"],
    );
    refused(
        &project,
        &["exec", "nothing-like-it"],
        &[
            "the runbooks are incident/",
            " more: `runbook list` lists them all",
        ],
    );
    refused(&Project::empty(), &["exec", "any"], &["there are no runbooks"]);
}

#[test]
fn wrong_usage_names_the_nearest_right_one() {
    let project = Project::shipped();
    refused(
        &project,
        &["exce", "incident/pool-exhaustion.yaml"],
        &["exce", "'exec'"],
    );
    refused(&project, &["exec", "x", "--lab-helthy"], &["--lab-healthy"]);
    refused(&project, &["exec"], &["<RUNBOOK>"]);
    refused(&project, &["exec", "x", "--format", "yaml"], &["text, json"]);
    refused(
        &project,
        &["lab", "codebase-mpc"],
        &["did you mean `codebase-mcp`?"],
    );
}

#[test]
fn inputs_that_do_not_fit() {
    let rest = "inputs:\n  size: {type: integer, minimum: 10, default: 20}\n  mode: {type: enum, values: [a, b], default: a}\n";
    exec(
        rest,
        &["-i", "size=many"],
        &["input `size`", "a whole number", "many"],
    );
    exec(rest, &["-i", "size=9"], &["input `size`", "10"]);
    exec(rest, &["-i", "siez=11"], &["siez", "did you mean `size`?"]);
    exec(rest, &["-i", "mode=c"], &["input `mode`", "`a`, `b`"]);
    exec(
        rest,
        &["-i", "size"],
        &["`size` is not an input", "-i NAME=VALUE"],
    );
    exec(rest, &["--inputs", "none.yaml"], &["none.yaml"]);
    exec(
        "inputs: {size: {type: integer}}\n",
        &[],
        &["input `size`", "-i size="],
    );
    // Two that are wrong are told together.
    exec(
        rest,
        &["-i", "size=9", "-i", "mode=c"],
        &["input `size`", "input `mode`"],
    );
}

#[test]
fn files_of_inputs_that_do_not_fit() {
    let rest = format!("{STEP}inputs: {{size: {{type: integer, minimum: 10}}}}\n");
    for (text, says) in [
        ("size: 9\n", "10"),
        ("- size\n", "write a mapping"),
        ("size: [\n", "is not YAML or JSON"),
    ] {
        let project = Project::runbook(&rest).with("given.yaml", text);
        refused(
            &project,
            &["exec", "runbook.yaml", "--inputs", "given.yaml"],
            &[says],
        );
    }
}

#[test]
fn a_secret_without_a_value() {
    let project = || {
        Project::runbook(
            "secrets: {token: {env: TOKEN}}\nsteps:\n  - {id: one, shell: touch ran, \
            env: {T: '{{ secrets.token }}'}, rollback: not_needed}\n",
        )
    };
    let exec = ["exec", "runbook.yaml"];
    refused(&project(), &exec, &["secret `token`", "`TOKEN` is not set"]);
    refused(&project().variable("TOKEN", ""), &exec, &["`TOKEN`"]);
    let ended = refused(
        &project().variable("TOKEN", "q%z"),
        &exec,
        &["`token`", "shorter"],
    );
    assert!(!ended.all().contains("q%z"), "{}", ended.all());
}

#[test]
fn an_approval_that_nobody_can_give() {
    let project =
        Project::runbook("steps: [{id: one, shell: touch ran, rollback: not_needed, approve: true}]\n");
    refused(&project, &["exec", "runbook.yaml"], &["`one`", "--yes"]);
}

#[test]
fn environments_and_practice_systems_that_are_not_there() {
    let project = Project::shipped();
    let exec = |further: &[&str], says: &[&str]| {
        let args = [&["exec", "incident/pool-exhaustion.yaml", "--yes"], further].concat();
        refused(&project, &args, says);
    };
    exec(&["--env", "postgers"], &["postgers", "did you mean `postgres`?"]);
    exec(
        &["--lab-fault", "connections-leeked"],
        &["did you mean `connections-leaked`?"],
    );
    exec(
        &["--lab-fault", "x", "--lab-healthy"],
        &["--lab-healthy", "cannot be used"],
    );
    let ended = refused(
        &project,
        &["check", "--env", "production"],
        &["the environments are lab, postgres"],
    );
    assert!(!ended.stderr.contains("RB"), "it is no runbook's fault");
    exec(&["--env", "postgres"], &["`DATABASE_URL` is not set"]);
    self::exec("", &["--lab-healthy"], &["nothing here uses a practice system"]);
}

#[test]
fn a_project_file_with_errors() {
    let project = Project::shipped().with(
        "runbook.config.yaml",
        "default_environment: lap\nenvironments: {lab: {}}\n",
    );
    let exec = ["exec", "incident/pool-exhaustion.yaml", "--yes"];
    refused(&project, &exec, &["RB0702", "lap", "runbook.config.yaml:1"]);
    let project = Project::shipped().with("runbook.config.yaml", "environments: [\n");
    refused(&project, &exec, &["RB0101", "runbook.config.yaml"]);
}

#[test]
fn texts_that_are_no_runbook() {
    exec("colour: red\n", &[], &["RB0201", "`colour`", "runbook.yaml:6"]);
    exec("steps: []\n", &[], &["RB0102"]);
    exec(
        "finally: [{id: ask, manual: {instructions: Look.}}]\n",
        &[],
        &["RB0901", "`manual`"],
    );
    exec("severity: [\n", &[], &["RB0101"]);
    let files: [(&str, Vec<u8>, &[&str]); 6] = [
        ("empty", Vec::new(), &["RB0101"]),
        (
            "null-byte",
            b"apiVersion: runbook/v1\nname: a\0b\n".to_vec(),
            &["RB0101"],
        ),
        (
            "large",
            [b"# ".to_vec(), vec![b'x'; 5 << 20]].concat(),
            &["RB0103", "5242882 bytes"],
        ),
        (
            "latin-1",
            b"apiVersion: runbook/v1\ntitle: caf\xe9\n".to_vec(),
            &["RB0101", "UTF-8"],
        ),
        ("binary", vec![0xff; 4096], &["RB0101", "UTF-8"]),
        ("deep", b"[".repeat(100_000), &["RB0103"]),
    ];
    for (name, bytes, says) in files {
        let project = Project::empty();
        fs::write(project.path("runbook.yaml"), bytes).unwrap();
        let ended = refused(&project, &["exec", "runbook.yaml"], says);
        assert!(
            ended.stderr.len() < 4000,
            "{name}: nobody reads {} bytes",
            ended.stderr.len()
        );
        assert!(
            !ended.stderr.contains('\0'),
            "{name}: it is shown as it is\n{}",
            ended.all()
        );
    }
}

#[test]
fn a_hostile_text_does_not_steer_the_terminal() {
    let name = r#""\e]0;title\a\e[31mcol\u202eour": 1"#;
    let project = Project::runbook(&format!("{STEP}{name}\n# \u{202e}reversed\n"));
    let ended = refused(&project, &["exec", "runbook.yaml"], &["`col⟨U+202E⟩our`"]);
    let steers = |char: char| (char.is_control() && char != '\n') || char == '\u{202e}';
    assert!(!ended.stderr.contains(steers), "{:?}", ended.stderr);
}

#[test]
fn files_that_are_none() {
    let project = Project::empty();
    fs::create_dir(project.path("folder.yaml")).unwrap();
    fs::create_dir(project.path("runbooks")).unwrap();
    std::os::unix::fs::symlink("loop.yaml", project.path("loop.yaml")).unwrap();
    std::os::unix::fs::symlink("nowhere", project.path("dangling.yaml")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", project.path("endless.yaml")).unwrap();
    for name in ["folder.yaml", "loop.yaml", "dangling.yaml", "endless.yaml"] {
        for command in ["exec", "check"] {
            let says = if (command, name) == ("check", "folder.yaml") {
                "nothing was checked"
            } else {
                name
            };
            refused(&project, &[command, name], &[says]);
        }
    }
    refused(&project, &["check"], &["nothing was checked"]);
}

#[test]
fn a_state_folder_that_cannot_be_written() {
    let project = Project::runbook(STEP).with(".runbook", "a file where a folder is to be\n");
    refused(&project, &["exec", "runbook.yaml"], &[".runbook", "cannot"]);
}

#[test]
fn an_input_that_is_given_twice() {
    exec(
        "inputs: {size: {type: integer}}\n",
        &["-i", "size=1", "-i", "size=2"],
        &["the input `size` is given twice", "leave one of them out"],
    );
}

/// What it would do is not certain, so it is not shown either.
#[test]
fn a_runbook_that_calls_one_with_errors() {
    let wrong = "apiVersion: runbook/v1\nname: wrong\nversion: 1.0.0\ntitle: Wrong\nsteps: [{id: a, shell: touch ran}]\n";
    let steps = "steps: [{id: call, runbook: {name: wrong}}]\n";
    let project = Project::runbook(steps).with("runbooks/wrong.yaml", wrong);
    for command in ["exec", "show"] {
        refused(
            &project,
            &[command, "runbook.yaml"],
            &[
                "RB0310",
                "runbook `wrong` has errors",
                "`runbook check` shows them",
            ],
        );
    }
    let ended = project.run(&["check"]).expect(2);
    assert!(!ended.all().contains("has errors"), "{}", ended.all());
    // An error that the author has looked at is none.
    let waived = wrong.replace("{id: a,", "{id: a, waive: {RB0502: It is harmless.},");
    let project = project.with("runbooks/wrong.yaml", &waived);
    project.run(&["show", "runbook.yaml"]).expect(0);
}
