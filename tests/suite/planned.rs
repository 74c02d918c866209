//! `tests/cases/planned/`: a project whose runbooks use every key of the language, one feature each. Each is right,
//! and what this version cannot run is refused before anything starts.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use runbook_action::schema::{Object, Shape};
use runbook_document::language::{CONFIG, NODES, RUNBOOK};
use runbook_document::{Findings, Kind, Node, SourceId};

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
