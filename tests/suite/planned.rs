//! `tests/cases/planned/`: a project whose runbooks use every key of the language, one feature each. Each is right,
//! and what this version cannot run is refused before anything starts.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use runbook_action::schema::{Object, Shape};
use runbook_document::language::{CONFIG, NODES, RUNBOOK};
use runbook_document::{Findings, Kind, Node, SourceId};

use crate::book;
use crate::harness::{Project, repository};

/// Keys that no runbook can use without a finding, each with the reason.
const UNUSED: &[(&str, &str, &str)] = &[("secret", "waive", "no lint is about where a secret comes from")];

fn folder() -> PathBuf {
    repository().join("tests/cases/planned")
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(folder().join("runbooks")).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| format!("runbooks/{}", entry.unwrap().file_name().to_string_lossy()))
        .collect();
    names.sort();
    names
}

#[test]
fn each_is_right_and_what_cannot_be_run_yet_is_refused() {
    let project = Project::case(&folder());
    for name in names() {
        let findings = project
            .run(&["check", &name, "--format", "json"])
            .expect(0)
            .json();
        let findings = findings.as_array().unwrap();
        let others: Vec<_> = findings
            .iter()
            .filter(|finding| finding["code"] != "RB0901")
            .collect();
        assert!(others.is_empty(), "{name}: {others:#?}");
        if findings.is_empty() {
            continue;
        }
        let ended = project.run(&["exec", &name, "--env", "prod", "--yes"]).expect(2);
        let ended = ended.says(&["RB0901", "nothing ran"]);
        assert!(
            !project.path(".runbook").exists(),
            "{name} began\n{}",
            ended.all()
        );
    }
}

/// The keys that are used, each as the name of its mapping and itself.
type Used = BTreeSet<(&'static str, &'static str)>;

/// Notes the keys of a value that has this shape.
fn note(node: &Node, shape: &Shape, used: &mut Used) {
    match (shape, &node.kind) {
        (Shape::OneOf(shapes), _) => {
            for shape in *shapes {
                note(node, shape, used);
            }
        }
        (Shape::Dynamic(inner), _) => note(node, inner, used),
        (Shape::List(inner), Kind::List(items)) => items.iter().for_each(|item| note(item, inner, used)),
        (Shape::Map(inner) | Shape::Named(inner), Kind::Map(entries)) => {
            for entry in entries {
                note(&entry.value, inner, used);
            }
        }
        (Shape::Object(object), Kind::Map(entries)) => {
            for entry in entries {
                let node = NODES
                    .iter()
                    .find(|node| object.open && node.key == entry.key.value);
                if let Some(field) = object.field(&entry.key.value) {
                    used.insert((name_of(object, field.key), field.key));
                    note(&entry.value, &field.shape, used);
                } else if let Some(node) = node {
                    used.insert(("step", node.key));
                    note(&entry.value, &node.shape, used);
                }
            }
        }
        _ => {}
    }
}

/// All keys of the tables below a shape.
fn all_below(shape: &Shape, all: &mut Used, seen: &mut Vec<*const Object>) {
    match shape {
        Shape::OneOf(shapes) => shapes.iter().for_each(|shape| all_below(shape, all, seen)),
        Shape::Dynamic(inner) | Shape::List(inner) | Shape::Map(inner) | Shape::Named(inner) => {
            all_below(inner, all, seen);
        }
        Shape::Object(object) if !seen.contains(&std::ptr::from_ref(*object)) => {
            seen.push(std::ptr::from_ref(*object));
            for field in object.fields {
                all.insert((name_of(object, field.key), field.key));
                all_below(&field.shape, all, seen);
            }
        }
        Shape::Object(_)
        | Shape::Template
        | Shape::Literal
        | Shape::Quoted(_)
        | Shape::Expression
        | Shape::Slug
        | Shape::Version
        | Shape::Integer { .. }
        | Shape::Number { .. }
        | Shape::Boolean
        | Shape::Duration
        | Shape::Choice(_)
        | Shape::Any => {}
    }
}

/// What is like a step has the keys of one, and some of its own.
fn name_of(object: &Object, key: &str) -> &'static str {
    let own = ["else", "within"].contains(&key);
    match object.name {
        "branch" | "alternative" | "undo step" if !own => "step",
        name => name,
    }
}

#[test]
fn every_key_of_the_language_is_used() {
    let (mut all, mut used) = (Used::new(), Used::new());
    let mut seen = Vec::new();
    all_below(&Shape::Object(&RUNBOOK), &mut all, &mut seen);
    all_below(&Shape::Object(&CONFIG), &mut all, &mut seen);
    for node in NODES {
        all.insert(("step", node.key));
        all_below(&node.shape, &mut all, &mut seen);
    }
    let mut read = |path: &str, table: &'static Object| {
        let text = fs::read_to_string(folder().join(path)).unwrap();
        let tree = runbook_document::parse(SourceId(0), &text, &mut Findings::new()).unwrap();
        note(&tree, &Shape::Object(table), &mut used);
    };
    for name in names() {
        read(&name, &RUNBOOK);
    }
    read("runbook.config.yaml", &CONFIG);
    for (table, key, _) in UNUSED {
        assert!(!used.contains(&(*table, *key)), "`{key}` of a {table} is used");
        used.insert((table, key));
    }
    let missing: Vec<_> = all.difference(&used).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    assert!(all.len() > 200, "{}", all.len());
}

/// Keys as a place and a word, with the words of the page.
type Listed = BTreeSet<(String, String)>;

/// The page's list of what cannot be run.
fn listed_as_not_yet(page: &str) -> Listed {
    let list = page.split("\n## Not yet\n").nth(1).unwrap();
    let rows = list
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains('`'));
    let mut listed = Listed::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [place, words] = cells.as_slice() else {
            panic!("{row}");
        };
        let words = words.split('`').skip(1).step_by(2);
        listed.extend(words.map(|word| (place.trim().to_owned(), word.to_owned())));
    }
    listed
}

/// The places of the page whose keys are in tables of the language.
fn place_of(table: &str) -> Option<&'static str> {
    Some(match table {
        "runbook" => "a runbook",
        "step" => "a step",
        "check" => "a check",
        "approval" => "an approval",
        "rollback" => "a rollback",
        "capture" => "a capture",
        "input" => "an input",
        "secret" => "a secret",
        _ => return None,
    })
}

/// The actions of plugins within the program.
const ACTIONS: &[&str] = &[
    "shell", "exec", "http", "sql", "promql", "file", "k8s", "docker", "compose", "service", "uses",
];

/// Notes actions with their parameters, wherever they stand in steps and checks.
fn note_actions(node: &Node, listed: &mut Listed) {
    for entry in node.entries() {
        let key = entry.key.value.as_str();
        if key == "with" {
            // What stands there are words of the plugin.
            continue;
        }
        if !ACTIONS.contains(&key) {
            note_actions(&entry.value, listed);
            continue;
        }
        listed.insert(("actions".to_owned(), key.to_owned()));
        let params = entry.value.entries().iter();
        listed.extend(params.map(|param| (format!("`{key}`"), param.key.value.clone())));
    }
    node.items().iter().for_each(|item| note_actions(item, listed));
}

fn note_connections(node: &Node, listed: &mut Listed) {
    for connection in node.entries() {
        let keys = connection.value.entries();
        for key in keys.iter().map(|entry| entry.key.value.as_str()) {
            for kind in ["http", "sql", "prometheus"] {
                if keys.iter().any(|entry| entry.key.value == kind) && key != "via" {
                    listed.insert((format!("an `{kind}` connection"), key.to_owned()));
                }
            }
            listed.insert(("a connection".to_owned(), key.to_owned()));
        }
    }
}

/// What a runbook uses, in the page's words.
fn used_by(runbook: &str) -> Listed {
    let tree = runbook_document::parse(SourceId(0), runbook, &mut Findings::new()).unwrap();
    let mut used = Used::new();
    note(&tree, &Shape::Object(&RUNBOOK), &mut used);
    let mut listed = Listed::new();
    for (table, key) in used {
        let is_node = table == "step" && NODES.iter().any(|node| node.key == key);
        let place = if is_node { Some("actions") } else { place_of(table) };
        listed.extend(place.map(|place| (place.to_owned(), key.to_owned())));
    }
    for entry in tree.entries() {
        match entry.key.value.as_str() {
            "connections" => note_connections(&entry.value, &mut listed),
            "detect" | "guards" | "steps" | "verify" | "finally" => note_actions(&entry.value, &mut listed),
            _ => {}
        }
    }
    listed
}

/// What the refusal of a runbook says of a word of the list.
fn said_of(place: &str, word: &str) -> String {
    let what = match (place, word) {
        ("an approval", key) => return format!("`approve.{key}`"),
        ("a rollback", "uses_connections") => "uses_connections",
        ("a rollback", _) => "rollback",
        ("values", _) => word.split(':').next().unwrap_or(word),
        (_, "user") => return "as another user".to_owned(),
        (_, "umask") => return "a umask of its own".to_owned(),
        _ => word,
    };
    match what {
        "tty" => "with a terminal".to_owned(),
        "inherit" => "less than the whole environment".to_owned(),
        what => format!("`{what}`"),
    }
}

/// The keys that there are where the page tells which are run.
fn all_listed() -> Listed {
    let (mut all, mut seen) = (Used::new(), Vec::new());
    all_below(&Shape::Object(&RUNBOOK), &mut all, &mut seen);
    let unused: Vec<(&str, &str)> = UNUSED.iter().map(|(table, key, _)| (*table, *key)).collect();
    let places = all.into_iter().filter(|key| !unused.contains(key));
    let mut listed: Listed = places
        .filter_map(|(table, key)| Some((place_of(table)?.to_owned(), key.to_owned())))
        .collect();
    let schema = Project::empty().run(&["schema", "runbook"]).expect(0).json();
    let defs = schema["$defs"].as_object().unwrap();
    let kinds = defs.keys().filter_map(|name| name.strip_prefix("action."));
    let kinds = kinds.filter(|kind| !kind.contains('.'));
    listed.extend(kinds.map(|kind| ("actions".to_owned(), kind.to_owned())));
    let mut keys_of = |place: String, def: &str| {
        let keys = defs[def]["properties"].as_object().unwrap().keys();
        let keys = keys.filter(|key| *key != "via");
        listed.extend(keys.map(|key| (place.clone(), key.clone())));
    };
    for kind in ["shell", "exec", "http", "sql", "promql"] {
        keys_of(format!("`{kind}`"), &format!("action.{kind}.parameters"));
    }
    for kind in ["http", "sql", "prometheus"] {
        keys_of(format!("an `{kind}` connection"), &format!("connection.{kind}"));
    }
    listed
}

#[test]
fn what_the_book_calls_not_yet_run_is_refused_and_all_else_is_not() {
    let page = fs::read_to_string(repository().join("book/src/language.md")).unwrap();
    let not_yet = listed_as_not_yet(&page);
    assert!(not_yet.len() > 10, "{}", not_yet.len());
    let (mut run, mut refused, mut refusals) = (Listed::new(), Listed::new(), String::new());
    for example in book::examples(&page) {
        let project = example.project();
        let findings = project.run(&["check", "runbook.yaml", "--format", "json"]).json();
        let findings = findings.as_array().unwrap();
        let used = used_by(&example.runbook);
        let warning = findings.iter().find(|finding| finding["code"] == "RB0901");
        if let Some(warning) = warning {
            project
                .run(&["exec", "runbook.yaml", "--yes"])
                .expect(2)
                .says(&["RB0901", "nothing ran"]);
            refusals.push_str(warning["message"].as_str().unwrap());
            refused.extend(used);
        } else {
            let wrong: Vec<_> = used.intersection(&not_yet).collect();
            assert!(wrong.is_empty(), "line {}: it runs: {wrong:?}", example.line);
            run.extend(used);
        }
    }
    let mut wrong = Vec::new();
    for (place, word) in &not_yet {
        let by_key = place != "values";
        if by_key && !refused.contains(&(place.clone(), word.clone())) {
            wrong.push(format!("no example uses `{word}` of {place}"));
        }
        if !refusals.contains(&said_of(place, word)) {
            wrong.push(format!("`{word}` of {place} is not refused"));
        }
    }
    let silent = all_listed()
        .into_iter()
        .filter(|key| !not_yet.contains(key) && !run.contains(key));
    wrong.extend(silent.map(|(place, word)| format!("no example that is run uses `{word}` of {place}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Each mark in a table of keys is on the list, too.
#[test]
fn what_is_marked_in_the_book_is_on_its_list() {
    let page = fs::read_to_string(repository().join("book/src/language.md")).unwrap();
    let words: BTreeSet<String> = listed_as_not_yet(&page)
        .into_iter()
        .map(|(_, word)| word)
        .collect();
    let marked = page
        .lines()
        .filter(|line| line.starts_with("| `") && line.contains("*Not yet.*"));
    let mut count = 0;
    for row in marked {
        for key in row.split(" | ").next().unwrap().split('`').skip(1).step_by(2) {
            count += 1;
            assert!(words.contains(key), "`{key}` is marked and not on the list");
        }
    }
    assert!(count > 5, "{count}");
}
