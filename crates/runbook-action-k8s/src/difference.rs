//! What differs between two states of an object, field by field, and how a field is put back.
//!
//! A field is named by its path: `.spec.template.spec.containers[web].image`. The items of a list that all have a name of
//! their own are told by it, so that one that another program adds beside does not move the others; any other list is one
//! field as a whole.

use serde_json::{Map, Value};

/// What the items of lists are told by.
const KEY: &str = "name";

/// A step on the way to a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// The field of a mapping.
    Field(String),
    /// The item of this name.
    Item(String),
}

/// A field that differs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    pub(crate) path: String,
    pub(crate) before: Value,
    pub(crate) after: Value,
}

/// The fields that differ; one that is not there is null.
pub(crate) fn between(before: &Value, after: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(String::new(), before, after, &mut found);
    found
}

/// Mappings in which each key has an owner of its own.
const SHARED: [&str; 2] = [".metadata.annotations", ".metadata.labels"];

fn compare(path: String, before: &Value, after: &Value, found: &mut Vec<Difference>) {
    if before == after {
        return;
    }
    // Several write these, each keys of their own: one that is not there is one without keys.
    let none = Value::Object(Map::new());
    let is_shared = SHARED.contains(&path.as_str());
    let (before, after) = match (before, after) {
        (Value::Null, Value::Object(_)) if is_shared => (&none, after),
        (Value::Object(_), Value::Null) if is_shared => (before, &none),
        sides => sides,
    };
    if let (Value::Object(old), Value::Object(new)) = (before, after) {
        for key in old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))) {
            let side = |map: &Map<String, Value>| map.get(key).cloned().unwrap_or_default();
            compare(format!("{path}.{}", escaped(key)), &side(old), &side(new), found);
        }
        return;
    }
    if let (Some(old), Some(new)) = (named(before), named(after)) {
        let names = old.iter().chain(
            new.iter()
                .filter(|(name, _)| !old.iter().any(|(known, _)| known == name)),
        );
        for (name, _) in names {
            let side = |items: &[(String, &Value)]| {
                items
                    .iter()
                    .find(|(known, _)| known == name)
                    .map(|(_, item)| (*item).clone())
                    .unwrap_or_default()
            };
            compare(
                format!("{path}[{}]", escaped(name)),
                &side(&old),
                &side(&new),
                found,
            );
        }
        return;
    }
    found.push(Difference {
        path,
        before: before.clone(),
        after: after.clone(),
    });
}

/// The items of a list by their names, if each has one of its own.
fn named(value: &Value) -> Option<Vec<(String, &Value)>> {
    let items = value.as_array().filter(|items| !items.is_empty())?;
    let mut found: Vec<(String, &Value)> = Vec::new();
    for item in items {
        let name = item.get(KEY)?.as_str()?.to_owned();
        if found.iter().any(|(known, _)| *known == name) {
            return None;
        }
        found.push((name, item));
    }
    Some(found)
}

/// All fields of a value that hold no other fields, with what they hold.
pub(crate) fn leaves(value: &Value) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    collect(String::new(), value, &mut found);
    found
}

fn collect(path: String, value: &Value, found: &mut Vec<(String, Value)>) {
    if let Value::Object(map) = value
        && !map.is_empty()
    {
        for (key, value) in map {
            collect(format!("{path}.{}", escaped(key)), value, found);
        }
    } else if let Some(items) = named(value) {
        for (name, item) in items {
            collect(format!("{path}[{}]", escaped(&name)), item, found);
        }
    } else {
        found.push((path, value.clone()));
    }
}

/// What the field holds; null if it is not there.
pub(crate) fn field(object: &Value, path: &str) -> Value {
    let mut at = object;
    for step in steps(path) {
        let next = match &step {
            Step::Field(key) => at.get(key),
            Step::Item(name) => item(at, name),
        };
        let Some(next) = next else {
            return Value::Null;
        };
        at = next;
    }
    at.clone()
}

fn item<'a>(list: &'a Value, name: &str) -> Option<&'a Value> {
    let items = list.as_array()?;
    items
        .iter()
        .find(|item| item.get(KEY).and_then(Value::as_str) == Some(name))
}

/// Puts this into the field; null takes it away.
pub(crate) fn set(object: &mut Value, path: &str, value: &Value) {
    put(object, &steps(path), value);
}

fn put(at: &mut Value, steps: &[Step], value: &Value) {
    let Some((first, rest)) = steps.split_first() else {
        *at = value.clone();
        return;
    };
    match first {
        Step::Field(key) => {
            if !at.is_object() {
                if value.is_null() {
                    return;
                }
                *at = Value::Object(Map::new());
            }
            let Value::Object(map) = at else {
                return;
            };
            if rest.is_empty() && value.is_null() {
                map.remove(key);
            } else if !value.is_null() || map.contains_key(key) {
                put(map.entry(key.clone()).or_insert(Value::Null), rest, value);
            }
        }
        Step::Item(name) => {
            if !at.is_array() {
                if value.is_null() {
                    return;
                }
                *at = Value::Array(Vec::new());
            }
            let Value::Array(items) = at else {
                return;
            };
            let found = items
                .iter()
                .position(|item| item.get(KEY).and_then(Value::as_str) == Some(name));
            match found {
                Some(index) if rest.is_empty() && value.is_null() => {
                    items.remove(index);
                }
                Some(index) => {
                    if let Some(item) = items.get_mut(index) {
                        put(item, rest, value);
                    }
                }
                None if value.is_null() => {}
                None => {
                    let mut item = serde_json::json!({ KEY: name });
                    put(&mut item, rest, value);
                    items.push(item);
                }
            }
        }
    }
}

/// The merge patch that makes `to` of `from`.
pub(crate) fn merge(from: &Value, to: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (from, to) else {
        return to.clone();
    };
    let mut patch = Map::new();
    for (key, value) in new {
        match old.get(key) {
            Some(before) if before == value => {}
            Some(before) if before.is_object() && value.is_object() => {
                patch.insert(key.clone(), merge(before, value));
            }
            Some(_) | None => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    for key in old.keys().filter(|key| !new.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    Value::Object(patch)
}

/// Names may hold what paths are made of.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '.' | '[' | ']' | '\\') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn steps(path: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = path.chars().peekable();
    while let Some(first) = rest.next() {
        let is_item = first == '[';
        let mut name = String::new();
        while let Some(&c) = rest.peek() {
            if c == '\\' {
                rest.next();
                name.extend(rest.next());
                continue;
            }
            if (is_item && c == ']') || (!is_item && matches!(c, '.' | '[')) {
                break;
            }
            name.push(c);
            rest.next();
        }
        if is_item {
            rest.next();
            steps.push(Step::Item(name));
        } else {
            steps.push(Step::Field(name));
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(image: &str, env: &Value) -> Value {
        json!({"metadata": {"labels": {"a.b/c": "1"}}, "spec": {"containers": [
            {"name": "web", "image": image, "env": env}, {"name": "side", "image": "s"},
        ]}})
    }

    #[test]
    fn only_what_differs_is_found_and_can_be_put_back() {
        let before = pod("a", &json!([{"name": "X", "value": "1"}]));
        let mut after = pod(
            "b",
            &json!([{"name": "Y", "value": "2"}, {"name": "X", "value": "1"}]),
        );
        set(&mut after, ".metadata.labels.a\\.b/c", &json!("2"));
        let found = between(&before, &after);
        let paths: Vec<&str> = found.iter().map(|one| one.path.as_str()).collect();
        let expected = [
            ".metadata.labels.a\\.b/c",
            ".spec.containers[web].image",
            ".spec.containers[web].env[Y]",
        ];
        assert_eq!(paths, expected);
        for one in &found {
            assert_eq!(field(&after, &one.path), one.after);
            set(&mut after, &one.path, &one.before);
        }
        assert_eq!(after, before);
    }

    #[test]
    fn a_list_without_names_is_one_field() {
        let found = between(&json!({"args": ["a", "b"]}), &json!({"args": ["a"]}));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, ".args");
    }

    #[test]
    fn what_was_not_there_is_taken_away_again() {
        let mut object = json!({"spec": {}});
        set(&mut object, ".spec.template.annotations.x", &json!("1"));
        assert_eq!(field(&object, ".spec.template.annotations.x"), json!("1"));
        set(&mut object, ".spec.template", &Value::Null);
        set(&mut object, ".spec.other.deep", &Value::Null);
        assert_eq!(object, json!({"spec": {}}));
    }

    #[test]
    fn a_merge_patch_holds_what_differs() {
        let patch = merge(
            &json!({"a": 1, "b": {"c": 1, "d": 2}, "e": [1]}),
            &json!({"a": 1, "b": {"c": 2}, "e": [2]}),
        );
        assert_eq!(patch, json!({"b": {"c": 2, "d": null}, "e": [2]}));
    }

    #[test]
    fn the_fields_of_a_manifest_are_told_apart() {
        let found = leaves(&json!({"spec": {"replicas": 1, "empty": {}, "ports": [{"port": 1}]}}));
        let paths: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, [".spec.replicas", ".spec.empty", ".spec.ports"]);
    }
}
