//! One number over all that a plan does, whatever it is called.

use std::fmt::Write as _;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

/// Keys of the runbook that only tell people something, or follow from the rest.
const HEAD: [&str; 11] = [
    "title",
    "path",
    "summary",
    "owner",
    "labels",
    "links",
    "totals",
    "longest",
    "cannot_run",
    "digest",
    "engine",
];

/// Keys of steps, checks, actions and inputs that only tell people something, or follow from the rest.
const WORDS: [&str; 5] = ["title", "description", "summary", "help", "why"];

/// Keys whose mappings have names of the author's, which are none of ours.
const NAMED: [&str; 14] = [
    "files", "params", "env", "vars", "capture", "let", "save", "outputs", "json", "labels", "default",
    "inputs", "given", "value",
];

/// SHA-256, in hexadecimal, over all of a plan that is more than words. The order of a mapping does not count.
#[must_use]
pub fn digest(plan: &Value) -> String {
    let mut kept = Map::new();
    for (key, value) in plan.as_object().into_iter().flat_map(Map::iter) {
        if !HEAD.contains(&key.as_str()) {
            kept.insert(key.clone(), deeds(key, value));
        }
    }
    let text = sorted(&Value::Object(kept)).to_string();
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        _ = write!(hex, "{byte:02x}");
    }
    hex
}

/// A part of a plan without its words.
pub(crate) fn deeds(key: &str, value: &Value) -> Value {
    match value {
        // The inputs of a runbook are a list of ours, those of a call a mapping of the author's.
        Value::Object(_) if NAMED.contains(&key) => value.clone(),
        Value::Object(map) => {
            let kept = map.iter().filter(|(key, _)| !WORDS.contains(&key.as_str()));
            Value::Object(
                kept.map(|(key, value)| (key.clone(), deeds(key, value)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| deeds("", item)).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

/// With its mappings in the order of their keys.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            let entries = entries
                .into_iter()
                .map(|(key, value)| (key.clone(), sorted(value)));
            Value::Object(entries.collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sorted).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
