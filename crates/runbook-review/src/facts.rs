//! Reading plans that are data: small words for what is there, and the steps one after the other.

use serde_json::{Map, Value};

/// The keys under which steps hold steps, with what is said of those.
const HOLDERS: [&str; 3] = ["steps", "choose", "first_of"];

/// A step of a plan, wherever it stands.
#[derive(Debug, Clone, Copy)]
pub struct Step<'a> {
    /// Its id.
    pub id: &'a str,
    /// The id of the step that it stands in, or the section: `steps`, `finally`.
    pub parent: &'a str,
    /// All that is known of it.
    pub facts: &'a Value,
}

/// All steps of a plan in the author's order, those within others too.
#[must_use]
pub fn steps(plan: &Value) -> Vec<Step<'_>> {
    let mut all = Vec::new();
    for section in ["steps", "finally"] {
        gather(&plan[section], section, &mut all);
    }
    all
}

fn gather<'a>(list: &'a Value, parent: &'a str, all: &mut Vec<Step<'a>>) {
    for facts in items(list) {
        let id = text(&facts["id"]);
        all.push(Step { id, parent, facts });
        for key in HOLDERS {
            gather(&facts[key], id, all);
        }
    }
}

/// Whether a key holds steps of their own, which are compared by themselves.
pub(crate) fn holds_steps(key: &str) -> bool {
    HOLDERS.contains(&key)
}

/// A text, or nothing.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The items of a list, or none.
pub(crate) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The entries of a mapping, or none.
pub(crate) fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

/// A value as one line: a text as it is.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            value.to_string()
        }
    }
}

/// A value as lines, for comparing: a text as it is, a mapping with an entry a line.
pub(crate) fn lines(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(map) if map.len() == 1 => map.iter().map(|(key, value)| keyed(key, value)).collect(),
        Value::Object(map) => {
            let lines: Vec<String> = map.iter().map(|(key, value)| keyed(key, value)).collect();
            lines.join("\n")
        }
        Value::Array(items) => {
            let lines: Vec<String> = items.iter().map(shown).collect();
            lines.join("\n")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn keyed(key: &str, value: &Value) -> String {
    match value {
        Value::String(text) if text.contains('\n') => format!("{key}:\n{text}"),
        Value::String(_)
        | Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_) => format!("{key}: {}", shown(value)),
    }
}

/// In backticks, cut where it is long.
pub(crate) fn quoted(text: &str) -> String {
    const MOST: usize = 60;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > MOST {
        let cut: String = line.chars().take(MOST).collect();
        return format!("`{cut}…`");
    }
    format!("`{line}`")
}

/// A length of time as plans write it, `1h30m`, in seconds.
pub(crate) fn seconds(value: &Value) -> Option<f64> {
    let length = runbook_action::schema::duration::parse_duration(value.as_str()?)?;
    Some(length.as_secs_f64())
}

/// A length of time as plans write it, `1h30m`, in milliseconds.
pub(crate) fn millis(value: &Value) -> Option<u128> {
    let length = runbook_action::schema::duration::parse_duration(value.as_str()?)?;
    Some(length.as_millis())
}
