//! The project file: who may what, who hears of what, and where runbooks run. No plan shows all of it.

use serde_json::Value;

use crate::facts::entries;
use crate::{Difference, Weight};

/// What differs in a project file that is data. Null for a side on which it is not there.
#[must_use]
pub fn settings(before: &Value, after: &Value) -> Vec<Difference> {
    let mut told = Vec::new();
    let mut keys: Vec<&String> = entries(before)
        .chain(entries(after))
        .map(|(key, _)| key)
        .collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (old, new) = (&before[key.as_str()], &after[key.as_str()]);
        if key == "environments" {
            environments(&mut told, old, new);
        } else if old != new {
            told.push(differs(format!("`{key}` of the project is another"), old, new));
        }
    }
    told
}

fn environments(told: &mut Vec<Difference>, before: &Value, after: &Value) {
    for (name, old) in entries(before) {
        let new = &after[name.as_str()];
        if new.is_null() {
            told.push(differs(format!("the environment `{name}` is gone"), old, new));
        } else if old != new {
            told.push(differs(format!("the environment `{name}` is another"), old, new));
        }
    }
    for (name, new) in entries(after).filter(|(name, _)| before[name.as_str()].is_null()) {
        told.push(differs(
            format!("there is a new environment `{name}`"),
            &Value::Null,
            new,
        ));
    }
}

/// Who may what, and where all of it happens, is worth a look whatever it becomes.
fn differs(text: String, before: &Value, after: &Value) -> Difference {
    let pretty = |value: &Value| {
        if value.is_null() {
            String::new()
        } else {
            format!("{value:#}")
        }
    };
    Difference {
        weight: Weight::Alarm,
        step: None,
        text,
        texts: Some((pretty(before), pretty(after))),
        of_another: false,
    }
}
