//! Sets of fields, as managers own them.
//!
//! A field is a path of steps in the notation of `fieldsV1`: `f:spec`, `k:{"name":"main"}`, `v:"x"`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::keys::{self, Items};
use crate::kinds::Kind;

/// The way to a field.
pub(super) type Path = Vec<String>;
/// Some fields.
pub(super) type Set = BTreeSet<Path>;

/// Metadata that can be owned.
const OWNED: [&str; 4] = ["labels", "annotations", "ownerReferences", "finalizers"];

/// Mappings that are one value.
const ATOMIC: [&str; 7] = [
    "selector",
    "nodeSelector",
    "fieldRef",
    "configMapKeyRef",
    "secretKeyRef",
    "resourceFieldRef",
    "podSelector",
];

/// All fields of an object that a manager can own; only those of its status, or all but those.
pub(super) fn of(kind: &Kind, object: &Value, status: bool) -> Set {
    let mut set = Set::new();
    for (key, value) in object.as_object().into_iter().flatten() {
        let mut path = vec![format!("f:{key}")];
        match key.as_str() {
            "metadata" if !status => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if OWNED.contains(&key.as_str()) {
                        path.push(format!("f:{key}"));
                        gather(kind, value, &mut path, &mut vec!["metadata", key], &mut set);
                        path.pop();
                    }
                }
            }
            "apiVersion" | "kind" | "metadata" => {}
            "status" if kind.status && !status => {}
            _ if status && key != "status" => {}
            _ => gather(kind, value, &mut path, &mut vec![key], &mut set),
        }
    }
    set
}

fn gather<'a>(kind: &Kind, value: &'a Value, path: &mut Path, names: &mut Vec<&'a str>, set: &mut Set) {
    let atomic = names.last().is_some_and(|name| ATOMIC.contains(name)) && kind.custom.is_none();
    match value {
        Value::Null => {}
        Value::Object(fields) if !fields.is_empty() && !atomic => {
            for (key, value) in fields {
                path.push(format!("f:{key}"));
                names.push(key);
                gather(kind, value, path, names, set);
                names.pop();
                path.pop();
            }
        }
        Value::Array(items) => match keys::applied(kind, names) {
            Items::Whole => {
                set.insert(path.clone());
            }
            Items::Themselves => {
                for item in items {
                    path.push(format!("v:{item}"));
                    set.insert(path.clone());
                    path.pop();
                }
            }
            Items::By(keys) => {
                for item in items {
                    path.push(step(&keys, item));
                    set.insert(path.clone());
                    for (key, value) in item.as_object().into_iter().flatten() {
                        path.push(format!("f:{key}"));
                        names.push(key);
                        gather(kind, value, path, names, set);
                        names.pop();
                        path.pop();
                    }
                    path.pop();
                }
            }
        },
        Value::Object(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            set.insert(path.clone());
        }
    }
}

/// The keys of an item, as a step of a path.
pub(super) fn step(keys: &[String], item: &Value) -> String {
    let mut sorted: Vec<&String> = keys.iter().collect();
    sorted.sort();
    let fields: Map<String, Value> = sorted
        .into_iter()
        .map(|key| {
            let missing = if key == "protocol" {
                json!("TCP")
            } else {
                Value::Null
            };
            (
                key.clone(),
                item.get(key)
                    .filter(|value| !value.is_null())
                    .cloned()
                    .unwrap_or(missing),
            )
        })
        .collect();
    format!("k:{}", Value::Object(fields))
}

/// The item that a step means.
fn index(items: &[Value], step: &str) -> Option<usize> {
    if let Some(keys) = step.strip_prefix("k:") {
        let wanted: Value = serde_json::from_str(keys).ok()?;
        let wanted = wanted.as_object()?;
        let names: Vec<String> = wanted.keys().cloned().collect();
        return items.iter().position(|item| self::step(&names, item) == step);
    }
    let value: Value = serde_json::from_str(step.strip_prefix("v:")?).ok()?;
    items.iter().position(|item| *item == value)
}

/// The value of a field.
pub(super) fn find<'a>(object: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(object, |here, step| match here {
        Value::Object(fields) => fields.get(step.strip_prefix("f:")?),
        Value::Array(items) => items.get(index(items, step)?),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    })
}

/// Takes a field out of an object.
pub(super) fn remove(object: &mut Value, path: &[String]) {
    let Some((last, above)) = path.split_last() else {
        return;
    };
    let mut here = object;
    for step in above {
        let next = match here {
            Value::Object(fields) => step.strip_prefix("f:").and_then(|key| fields.get_mut(key)),
            Value::Array(items) => index(items, step).and_then(|index| items.get_mut(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        match next {
            Some(next) => here = next,
            None => return,
        }
    }
    match here {
        Value::Object(fields) => {
            if let Some(key) = last.strip_prefix("f:") {
                fields.shift_remove(key);
            }
        }
        Value::Array(items) => {
            if let Some(index) = index(items, last) {
                items.remove(index);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// As objects say it.
pub(super) fn to_json(set: &Set) -> Value {
    let mut root = Map::new();
    for path in set {
        let mut here = &mut root;
        for step in path {
            let next = here.entry(step.clone()).or_insert_with(|| json!({}));
            match next.as_object_mut() {
                Some(next) => here = next,
                None => return Value::Null,
            }
        }
        here.insert(".".to_owned(), json!({}));
    }
    for value in root.values_mut() {
        trim(value);
    }
    Value::Object(root)
}

/// What has no fields of its own is said by itself alone.
fn trim(value: &mut Value) {
    if let Some(fields) = value.as_object_mut() {
        if fields.len() == 1 {
            fields.shift_remove(".");
        }
        for (key, value) in fields.iter_mut() {
            if key != "." {
                trim(value);
            }
        }
    }
}

/// From what objects say.
pub(super) fn from_json(value: &Value) -> Set {
    let mut set = Set::new();
    read(value, &mut Vec::new(), &mut set);
    set
}

fn read(value: &Value, path: &mut Path, set: &mut Set) {
    let Some(fields) = value.as_object() else { return };
    if fields.is_empty() && !path.is_empty() {
        set.insert(path.clone());
    }
    for (key, value) in fields {
        if key == "." {
            set.insert(path.clone());
        } else {
            path.push(key.clone());
            read(value, path, set);
            path.pop();
        }
    }
}

/// As failures name it: `.spec.template.spec.containers[name="main"].image`.
pub(super) fn shown(path: &[String]) -> String {
    let mut text = String::new();
    for step in path {
        if let Some(key) = step.strip_prefix("f:") {
            text.push('.');
            text.push_str(key);
        } else if let Some(keys) = step.strip_prefix("k:") {
            let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
            let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
            text.extend(["[", &keys.join(","), "]"]);
        } else if let Some(value) = step.strip_prefix("v:") {
            text.extend(["[=", value, "]"]);
        }
    }
    text
}
