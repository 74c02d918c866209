//! Strategic merge patches: like merge patches, but lists whose items have keys are merged item by item.

use serde_json::{Map, Value};

use super::keys::{self, Items};
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;

const DIRECTIVE: &str = "$patch";
const RETAIN: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const REMOVE: &str = "$deleteFromPrimitiveList/";

/// The object after the patch.
pub(super) fn apply(kind: &Kind, live: &Value, patch: &Value) -> Result<Value, Failure> {
    if !patch.is_object() {
        return Err(Failure::bad_request(
            "json: cannot unmarshal array into Go value of type map[string]interface {}",
        ));
    }
    merge(kind, live.clone(), patch, &mut Vec::new())
}

fn merge(kind: &Kind, value: Value, patch: &Value, names: &mut Vec<String>) -> Result<Value, Failure> {
    let Value::Object(patch) = patch else {
        return Ok(patch.clone());
    };
    let mut fields = if let Value::Object(fields) = value {
        fields
    } else {
        Map::new()
    };
    match patch.get(DIRECTIVE).and_then(Value::as_str) {
        Some("replace") => {
            let mut new = patch.clone();
            new.shift_remove(DIRECTIVE);
            return Ok(Value::Object(new));
        }
        Some("delete") => return Ok(Value::Object(Map::new())),
        Some("merge") | None => {}
        Some(other) => {
            return Err(Failure::new(
                500,
                "",
                format!("unknown patch type found: {other}"),
            ));
        }
    }
    if let Some(retained) = patch.get(RETAIN).and_then(Value::as_array) {
        fields.retain(|key, _| retained.iter().any(|kept| kept == key));
    }
    for (key, change) in patch {
        if key == DIRECTIVE || key == RETAIN || key.starts_with(ORDER) || key.starts_with(REMOVE) {
            continue;
        }
        if change.is_null() {
            fields.shift_remove(key);
            continue;
        }
        names.push(key.clone());
        let old = fields.get(key).cloned().unwrap_or(Value::Null);
        let new = match change.as_array() {
            Some(items) => list(kind, old, items, names)?,
            None => merge(kind, old, change, names)?,
        };
        names.pop();
        fields.insert(key.clone(), new);
    }
    directives(kind, &mut fields, patch, names);
    Ok(Value::Object(fields))
}

/// What is said about lists beside them: items to remove, and their order.
fn directives(kind: &Kind, fields: &mut Map<String, Value>, patch: &Map<String, Value>, names: &[String]) {
    for (key, said) in patch {
        let said = said.as_array().map_or(&[][..], Vec::as_slice);
        if let Some(field) = key.strip_prefix(REMOVE) {
            if let Some(Value::Array(items)) = fields.get_mut(field) {
                items.retain(|item| !said.contains(item));
            }
        } else if let Some(field) = key.strip_prefix(ORDER)
            && let Some(Value::Array(items)) = fields.get_mut(field)
        {
            let mut full: Vec<&str> = names.iter().map(String::as_str).collect();
            full.push(field);
            let by = keys::strategic(kind, &full);
            let place = |item: &Value| {
                said.iter().position(|other| match &by {
                    Items::By(keys) => keys.iter().all(|key| item.get(key) == other.get(key)),
                    Items::Themselves | Items::Whole => item == other,
                })
            };
            // Items that nothing is said about keep their places behind those before which they stood.
            let mut last = 0;
            let mut ranked: Vec<(usize, Value)> = Vec::new();
            for item in items.drain(..) {
                last = place(&item).unwrap_or(last);
                ranked.push((last, item));
            }
            ranked.sort_by_key(|(rank, _)| *rank);
            items.extend(ranked.into_iter().map(|(_, item)| item));
        }
    }
}

fn list(kind: &Kind, old: Value, items: &[Value], path: &mut Vec<String>) -> Result<Value, Failure> {
    let names: Vec<&str> = path.iter().map(String::as_str).collect();
    let by = keys::strategic(kind, &names);
    let old = if let Value::Array(items) = old {
        items
    } else {
        Vec::new()
    };
    let replaced = items.iter().any(|item| {
        item.text("/$patch") == "replace" && item.as_object().is_some_and(|item| item.len() == 1)
    });
    if replaced {
        let new = items.iter().filter(|item| item.text("/$patch") != "replace");
        return Ok(Value::Array(new.cloned().collect()));
    }
    match by {
        Items::Whole => Ok(Value::Array(items.to_vec())),
        Items::Themselves => {
            let mut all = old;
            for item in items {
                if !all.contains(item) {
                    all.push(item.clone());
                }
            }
            Ok(Value::Array(all))
        }
        Items::By(keys) => {
            let key = keys.first().cloned().unwrap_or_default();
            merged(kind, old, items, &key, path)
        }
    }
}

fn merged(
    kind: &Kind,
    mut all: Vec<Value>,
    items: &[Value],
    key: &str,
    path: &mut Vec<String>,
) -> Result<Value, Failure> {
    for item in items {
        let Some(name) = item.get(key) else {
            return Err(Failure::new(
                500,
                "",
                format!("map: {item} does not contain declared merge key: {key}"),
            ));
        };
        let index = all.iter().position(|known| known.get(key) == Some(name));
        if item.text("/$patch") == "delete" {
            all.retain(|known| known.get(key) != Some(name));
            continue;
        }
        match index {
            Some(index) => all[index] = merge(kind, all[index].clone(), item, path)?,
            None => all.push(merge(kind, Value::Null, item, path)?),
        }
    }
    Ok(Value::Array(all))
}
