//! Whose fields are whose: server-side apply, and the notes that every other change leaves.

use serde_json::{Map, Value, json};

use super::fields::{self, Path, Set};
use super::keys::{self, Items};
use crate::clock;
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;

/// The fields of one manager.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    manager: String,
    operation: String,
    version: String,
    time: String,
    part: String,
    set: Set,
}

impl Entry {
    fn read(value: &Value) -> Self {
        let text = |pointer: &str| value.text(pointer).to_owned();
        Self {
            manager: text("/manager"),
            operation: text("/operation"),
            version: text("/apiVersion"),
            time: text("/time"),
            part: text("/subresource"),
            set: fields::from_json(value.at("/fieldsV1")),
        }
    }

    fn written(&self) -> Value {
        let mut value = json!({
            "manager": self.manager, "operation": self.operation, "apiVersion": self.version, "time": self.time,
            "fieldsType": "FieldsV1", "fieldsV1": fields::to_json(&self.set),
        });
        if !self.part.is_empty() {
            value.put("/subresource", json!(self.part));
        }
        value
    }

    fn is(&self, manager: &str, operation: &str, part: &str) -> bool {
        self.manager == manager && self.operation == operation && self.part == part
    }

    /// As a failure names it.
    fn shown(&self) -> String {
        let part = if self.part.is_empty() {
            String::new()
        } else {
            format!(" with subresource {:?}", self.part)
        };
        format!("{:?}{part} using {}", self.manager, self.version)
    }
}

fn entries(object: &Value) -> Vec<Entry> {
    object
        .items("/metadata/managedFields")
        .iter()
        .map(Entry::read)
        .collect()
}

fn keep(object: &mut Value, entries: &[Entry]) {
    let written: Vec<Value> = entries
        .iter()
        .filter(|entry| !entry.set.is_empty())
        .map(Entry::written)
        .collect();
    if written.is_empty() {
        object.take_out("/metadata/managedFields");
    } else {
        object.put("/metadata/managedFields", Value::Array(written));
    }
}

/// Notes what a change other than an application has set. Without a live object, it has set all.
pub(crate) fn track(kind: &Kind, manager: &str, part: &str, live: Option<&Value>, object: &mut Value) {
    let status = part == "status";
    let nothing = json!({});
    let before = live.unwrap_or(&nothing);
    let (old, new) = (fields::of(kind, before, status), fields::of(kind, object, status));
    let set: Set = new
        .iter()
        .filter(|path| !old.contains(*path) || fields::find(before, path) != fields::find(object, path))
        // An item is its own only when it is new; what changed in it is among its fields.
        .filter(|path| !(old.contains(*path) && is_item(path)))
        .cloned()
        .collect();
    let gone: Set = old.difference(&new).cloned().collect();
    let mut all = live.map(entries).unwrap_or_default();
    if set.is_empty() && gone.is_empty() {
        keep(object, &all);
        return;
    }
    for entry in &mut all {
        let own = entry.is(manager, "Update", part);
        entry
            .set
            .retain(|path| !gone.contains(path) && (own || !set.contains(path)));
    }
    let index = all.iter().position(|entry| entry.is(manager, "Update", part));
    let time = clock::now_stamp();
    if let Some(index) = index {
        all[index].set.extend(set);
        all[index].time = time;
        all[index].version = kind.api_version();
    } else {
        all.push(Entry {
            manager: manager.to_owned(),
            operation: "Update".to_owned(),
            version: kind.api_version(),
            time,
            part: part.to_owned(),
            set,
        });
    }
    keep(object, &all);
}

fn is_item(path: &[String]) -> bool {
    path.last().is_some_and(|step| step.starts_with("k:"))
}

/// Notes who applied a new object.
pub(crate) fn track_first(kind: &Kind, manager: &str, config: &Value, object: &mut Value) {
    let entry = Entry {
        manager: manager.to_owned(),
        operation: "Apply".to_owned(),
        version: kind.api_version(),
        time: clock::now_stamp(),
        part: String::new(),
        set: fields::of(kind, config, false),
    };
    keep(object, &[entry]);
}

/// The object after one manager's wishes are applied to it.
pub(crate) fn apply(
    kind: &Kind,
    manager: &str,
    part: &str,
    force: bool,
    (live, config): (&Value, &Value),
) -> Result<Value, Failure> {
    check(kind, config, live)?;
    let status = part == "status";
    let wanted = fields::of(kind, config, status);
    let mut all = entries(live);
    let mut merged = merge(kind, live, config, &mut Vec::new());
    let changed: Set = wanted
        .iter()
        .filter(|path| !is_item(path) && fields::find(live, path) != fields::find(&merged, path))
        .cloned()
        .collect();
    let mut conflicts: Vec<(String, Path)> = Vec::new();
    for entry in &mut all {
        if entry.is(manager, "Apply", part) {
            continue;
        }
        let taken: Vec<Path> = entry.set.intersection(&changed).cloned().collect();
        if force {
            entry.set.retain(|path| !changed.contains(path));
        } else {
            conflicts.extend(taken.into_iter().map(|path| (entry.shown(), path)));
        }
    }
    if !conflicts.is_empty() {
        return Err(conflict(&conflicts));
    }
    let index = all.iter().position(|entry| entry.is(manager, "Apply", part));
    let before = index.map(|index| all[index].set.clone()).unwrap_or_default();
    prune(
        &mut merged,
        &all,
        (manager, part),
        before.difference(&wanted).collect(),
    );
    let same = before == wanted && merged == *live;
    let entry = Entry {
        manager: manager.to_owned(),
        operation: "Apply".to_owned(),
        version: kind.api_version(),
        time: index
            .filter(|_| same)
            .map_or_else(clock::now_stamp, |index| all[index].time.clone()),
        part: part.to_owned(),
        set: wanted,
    };
    match index {
        Some(index) => all[index] = entry,
        None => all.insert(0, entry),
    }
    keep(&mut merged, &all);
    Ok(merged)
}

/// What the manager no longer wants and nobody else does goes.
fn prune(merged: &mut Value, all: &[Entry], (manager, part): (&str, &str), gone: Vec<&Path>) {
    // The fields of an item come after it, so they go first.
    for path in gone.into_iter().rev() {
        let others = all.iter().filter(|entry| !entry.is(manager, "Apply", part));
        let owned = others.into_iter().any(|entry| {
            let mut within = entry.set.iter();
            within.any(|other| other.starts_with(path))
        });
        if owned {
            continue;
        }
        fields::remove(merged, path);
        let parent = &path[..path.len() - 1];
        let empty = fields::find(merged, parent).is_some_and(|parent| match parent {
            Value::Object(fields) => fields.is_empty(),
            Value::Array(items) => items.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        });
        if empty && parent.len() > 1 {
            fields::remove(merged, parent);
        }
    }
}

fn conflict(conflicts: &[(String, Path)]) -> Failure {
    let mut by: Vec<(String, Vec<String>)> = Vec::new();
    let mut causes = Vec::new();
    for (who, path) in conflicts {
        let field = fields::shown(path);
        causes.push(json!({
            "reason": "FieldManagerConflict", "message": format!("conflict with {who}"), "field": field,
        }));
        match by.iter_mut().find(|(known, _)| known == who) {
            Some((_, fields)) => fields.push(field),
            None => by.push((who.clone(), vec![field])),
        }
    }
    let message = if let [(who, path)] = conflicts {
        format!(
            "Apply failed with 1 conflict: conflict with {who}: {}",
            fields::shown(path)
        )
    } else {
        let told: Vec<String> = by
            .iter()
            .map(|(who, fields)| match fields.as_slice() {
                [one] => format!("conflict with {who}: {one}"),
                several => {
                    let lines: Vec<String> = several.iter().map(|field| format!("\n- {field}")).collect();
                    format!("conflicts with {who}:{}", lines.join(""))
                }
            })
            .collect();
        format!(
            "Apply failed with {} conflicts: {}",
            conflicts.len(),
            told.join("\n")
        )
    };
    let mut failure = Failure::new(409, "Conflict", message);
    failure.details = Map::from_iter([("causes".to_owned(), Value::Array(causes))]);
    failure
}

/// Items that are told apart by keys must have them, and no two the same.
fn check(kind: &Kind, config: &Value, live: &Value) -> Result<(), Failure> {
    let wrong = |why: String| {
        let name = if live.namespace().is_empty() {
            format!("/{}", live.name())
        } else {
            format!("{}/{}", live.namespace(), live.name())
        };
        let of = format!("{}, Kind={}", kind.api_version(), kind.kind);
        Failure::new(
            500,
            "",
            format!("failed to create typed patch object ({name}; {of}): {why}"),
        )
    };
    walk(kind, config, &mut Vec::new()).map_err(wrong)
}

fn walk<'a>(kind: &Kind, value: &'a Value, names: &mut Vec<&'a str>) -> Result<(), String> {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                names.push(key);
                walk(kind, value, names)?;
                names.pop();
            }
        }
        Value::Array(items) => {
            if let Items::By(keys) = keys::applied(kind, names) {
                let mut seen: Vec<String> = Vec::new();
                for (index, item) in items.iter().enumerate() {
                    let missing = keys
                        .iter()
                        .find(|key| item.get(key).is_none() && !matches!(key.as_str(), "protocol"));
                    if let Some(key) = missing {
                        return Err(format!(
                            ".{}: element {index}: associative list with keys has an element that omits key field {key:?} (and doesn't have default value)",
                            names.join(".")
                        ));
                    }
                    let step = fields::step(&keys, item);
                    if seen.contains(&step) {
                        let item = fields::shown(std::slice::from_ref(&step));
                        return Err(format!(".{}: duplicate entries for key {item}", names.join(".")));
                    }
                    seen.push(step);
                }
            }
            for item in items {
                walk(kind, item, names)?;
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    Ok(())
}

fn merge<'a>(kind: &Kind, live: &Value, config: &'a Value, names: &mut Vec<&'a str>) -> Value {
    match config {
        Value::Object(wanted) => {
            let mut fields = live.as_object().cloned().unwrap_or_default();
            for (key, value) in wanted {
                if value.is_null() || (names.as_slice() == ["metadata"] && key == "managedFields") {
                    continue;
                }
                names.push(key);
                let old = fields.get(key).cloned().unwrap_or(Value::Null);
                fields.insert(key.clone(), merge(kind, &old, value, names));
                names.pop();
            }
            Value::Object(fields)
        }
        Value::Array(items) => match keys::applied(kind, names) {
            Items::Whole => config.clone(),
            Items::Themselves => {
                let mut all = live.as_array().cloned().unwrap_or_default();
                for item in items {
                    if !all.contains(item) {
                        all.push(item.clone());
                    }
                }
                Value::Array(all)
            }
            Items::By(keys) => {
                let mut all = live.as_array().cloned().unwrap_or_default();
                for item in items {
                    let step = fields::step(&keys, item);
                    let index = all.iter().position(|known| fields::step(&keys, known) == step);
                    match index {
                        Some(index) => all[index] = merge(kind, &all[index].clone(), item, names),
                        None => all.push(merge(kind, &Value::Null, item, names)),
                    }
                }
                Value::Array(all)
            }
        },
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => config.clone(),
    }
}
