//! The schemas for editors: they are the program's own, they take what is right, and they refuse what they can.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jsonschema::Validator;
use serde_json::Value;

use crate::harness::{Project, cases, repository};

/// Cases of `tests/cases/invalid/` that both schemas take: a code for all of its cases, or the whole name of one; and
/// what a schema would have to know.
const BEYOND: &[(&str, &str)] = &[
    (
        "RB0102",
        "that a key stands twice: one of the two is gone once YAML is read; editors find it by themselves",
    ),
    ("RB0106", "what YAML takes for a comment"),
    ("RB0202-no-time", "which lengths of time may be none"),
    ("RB0205-nothing-within", "that steps hold steps"),
    ("RB0301", "that ids differ"),
    ("RB0302", "which steps there are"),
    ("RB0303", "the order of steps"),
    ("RB0307-runbook-inputs", "the inputs of other runbooks"),
    ("RB0307-services", "which keys go with which verb"),
    ("RB0307-value-within-quotes", "the grammar of SQL"),
    ("RB0308", "how steps go together"),
    ("RB0309", "the order of steps"),
    ("RB0310", "which runbooks there are"),
    ("RB0311", "which runbooks there are"),
    ("RB0312", "which runbooks there are"),
    ("RB0313", "the order of steps"),
    ("RB0314", "which keys do something for which step"),
    ("RB0401", "the grammar of expressions, and what they are worth"),
    ("RB0402", "which names have a value"),
    ("RB0403", "the order of steps"),
    ("RB0404", "the grammar of expressions"),
    ("RB0405", "the grammar of templates"),
    ("RB0406", "that `{{` is right in some scripts"),
    ("RB0407", "what an expression uses"),
    ("RB0501", "the effect of an action"),
    ("RB0502", "the effect of an action"),
    ("RB0503", "the effect of an action"),
    ("RB0504", "the effect of an action"),
    ("RB0505", "what an expression uses"),
    ("RB0506", "the effect of an action"),
    ("RB0507", "the effect of an action"),
    (
        "RB0508",
        "the effect of an action, and what the project file demands",
    ),
    ("RB0509", "what an expression is worth"),
    ("RB0510", "what an expression uses"),
    ("RB0511", "what a URL has in it"),
    ("RB0512", "what an action can put back"),
    ("RB0601-in-one-environment", "which connections there are"),
    ("RB0602", "which connections there are"),
    ("RB0603", "which connections there are"),
    ("RB0604-circle", "what goes through what"),
    ("RB0604-must-go-through", "which connections there are"),
    ("RB0604-several-ways", "which connections there are"),
    ("RB0701", "how the keys of an input go together"),
    ("RB0702", "which environments there are"),
    ("RB0703", "what expressions use"),
    ("RB0704", "what expressions use"),
    ("RB0801-schedules", "the calendar, and the zones of the world"),
    ("RB0802", "what the project file has"),
    ("RB0803", "which codes are lints"),
    ("RB0804", "what it was before"),
    ("RB0901", "what this version can run"),
    (
        "hostile-a-sub-runbook-over-three-others",
        "which runbooks there are",
    ),
    ("hostile-capture-of-an-outer-step", "the order of steps"),
    ("hostile-defaults", "which connections there are"),
    ("hostile-guards-and-outputs-see", "the order of steps"),
    ("hostile-own-capture-in-when", "the order of steps"),
    (
        "hostile-rollback-list-uses-own-capture",
        "what an expression uses",
    ),
    ("hostile-twenty-levels", "which names have a value"),
];

/// A schema as the program prints it.
fn printed(name: &str) -> String {
    Project::empty().run(&["schema", name]).expect(0).stdout
}

fn schema(name: &str) -> Value {
    serde_json::from_str(&printed(name)).expect("the schema is JSON")
}

fn validator(name: &str) -> Validator {
    jsonschema::draft202012::new(&schema(name)).expect("the schema can be used")
}

/// What is wrong with a text by a schema; what is no YAML is wrong too.
fn complaints(validator: &Validator, text: &str) -> Vec<String> {
    match serde_yaml::from_str::<Value>(text) {
        Ok(value) => {
            let errors = validator.iter_errors(&value);
            errors
                .map(|error| format!("{}: {error}", error.instance_path()))
                .collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// The files of this extension below a folder of the repository, in order.
fn files_below(folder: &str, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// The blocks of a page with the words behind their fences, and their lines.
fn blocks(page: &str) -> Vec<(&str, usize, String)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```").filter(|info| !info.is_empty()) else {
            continue;
        };
        let body = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```");
        blocks.push((info, at + 1, body.flat_map(|line| [line, "\n"]).collect()));
    }
    blocks
}

/// Every runbook that is right, and every project file: where it is from, whether it is a project file, its text.
fn right_ones() -> Vec<(String, bool, String)> {
    let mut found = Vec::new();
    let mut add = |path: &Path| {
        let is_config = path.ends_with("runbook.config.yaml");
        found.push((
            path.display().to_string(),
            is_config,
            fs::read_to_string(path).unwrap(),
        ));
    };
    add(&repository().join("runbook.config.yaml"));
    for folder in ["runbooks", "examples"] {
        for path in files_below(folder, "yaml") {
            add(&path);
        }
    }
    for case in [cases("ok"), cases("failed")].concat() {
        for name in ["runbook.yaml", "runbook.config.yaml"] {
            if case.join(name).exists() {
                add(&case.join(name));
            }
        }
    }
    for page in files_below("book/src", "md") {
        let text = fs::read_to_string(&page).unwrap();
        let mut before = "";
        for (info, line, body) in blocks(&text) {
            let from = format!("{}:{line}", page.display());
            match info {
                "yaml,runbook" | "yaml,right" => found.push((from, false, body)),
                // What is wrong with a wrong example may be its project file.
                "yaml,config" if before != "yaml,wrong" => found.push((from, true, body)),
                _ => {}
            }
            before = info;
        }
    }
    found
}

#[test]
fn the_schemas_are_those_of_the_tables() {
    for name in ["runbook", "config", "journal", "report"] {
        let path = format!("schemas/{name}.schema.json");
        let kept = fs::read_to_string(repository().join(&path)).unwrap_or_default();
        assert!(
            kept == printed(name),
            "{path} is not what the program prints: cargo run -- schema {name} > {path}"
        );
    }
}

#[test]
fn the_schemas_are_schemas() {
    for name in ["runbook", "config", "journal", "report"] {
        let schema = schema(name);
        if let Err(error) = jsonschema::draft202012::meta::validate(&schema) {
            panic!("{name}: {error} at {}", error.instance_path());
        }
        // Whoever has the file needs nothing else.
        let text = schema.to_string();
        let references = text.split("\"$ref\":\"").skip(1);
        references.for_each(|reference| assert!(reference.starts_with("#/$defs/"), "{reference:.40}"));
    }
}

#[test]
fn every_key_says_what_it_is_for() {
    fn look(at: &str, schema: &Value, silent: &mut Vec<String>) {
        let keys = schema["properties"].as_object().into_iter().flatten();
        for (key, property) in keys.filter(|(_, property)| property.is_object()) {
            if property.get("description").is_none() && property.get("$ref").is_none() {
                silent.push(format!("{at}.{key}"));
            }
        }
    }
    for name in ["runbook", "config"] {
        let schema = schema(name);
        let mut silent = Vec::new();
        look(name, &schema, &mut silent);
        for (name, def) in schema["$defs"].as_object().unwrap() {
            look(name, def, &mut silent);
            if name.starts_with("action.") && name.matches('.').count() == 1 {
                assert!(def.get("description").is_some(), "{name}");
            }
        }
        assert!(silent.is_empty(), "{silent:?}");
    }
}

#[test]
fn what_is_right_passes() {
    let (runbook, config) = (validator("runbook"), validator("config"));
    let ones = right_ones();
    let configs = ones.iter().filter(|(_, is_config, _)| *is_config).count();
    assert!(
        configs > 1 && ones.len() - configs > 40,
        "{configs} of {}",
        ones.len()
    );
    let mut wrong = Vec::new();
    for (from, is_config, text) in &ones {
        let complaints = complaints(if *is_config { &config } else { &runbook }, text);
        wrong.extend(
            complaints
                .into_iter()
                .map(|complaint| format!("{from}: {complaint}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_is_refused_as_far_as_a_schema_can_tell() {
    let validators = [
        ("runbook.yaml", validator("runbook")),
        ("runbook.config.yaml", validator("config")),
    ];
    let covers = |entry: &str, name: &str| name == entry || name.starts_with(&format!("{entry}-"));
    let mut mistakes = Vec::new();
    let mut used = BTreeSet::new();
    for case in cases("invalid") {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        let refused = validators.iter().any(|(file, validator)| {
            let text = fs::read_to_string(case.join(file));
            text.is_ok_and(|text| !complaints(validator, &text).is_empty())
        });
        let listed = BEYOND.iter().find(|(entry, _)| covers(entry, &name));
        match (refused, listed) {
            (true, Some((entry, _))) => {
                mistakes.push(format!("{name} is refused: `{entry}` may not cover it"));
            }
            (false, None) => mistakes.push(format!("{name} passes and is not on the list")),
            (true, None) | (false, Some(_)) => {}
        }
        used.extend(listed.map(|(entry, _)| *entry));
    }
    let unused = BEYOND.iter().filter(|(entry, _)| !used.contains(entry));
    mistakes.extend(unused.map(|(entry, _)| format!("`{entry}` is on the list and no case")));
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

#[test]
fn a_step_and_what_is_done_like_one_has_exactly_one_action() {
    let runbook = validator("runbook");
    let takes = |step: &str| {
        let text = format!(
            "apiVersion: runbook/v1\nname: a\nversion: 1.0.0\ntitle: A\nsteps: [{{id: one, {step}}}]\n"
        );
        complaints(&runbook, &text).is_empty()
    };
    for place in [
        "ACTION",
        "shell: uptime, before: {capture: {a: stdout}, ACTION}",
        "shell: uptime, rollback: {timeout: 5s, ACTION}",
        "shell: uptime, require: [{timeout: 5s, ACTION}]",
        "shell: uptime, verify: [{timeout: 5s, ACTION}]",
    ] {
        let with = |action: &str| takes(&place.replace("ACTION", action));
        assert!(with("shell: uptime"), "{place}");
        assert!(with("http: {get: /}"), "{place}");
        assert!(!with("shell: uptime, http: {get: /}"), "{place}");
        assert!(!with("shel: uptime"), "{place}");
        assert!(!with("target: api"), "{place}");
    }
}
