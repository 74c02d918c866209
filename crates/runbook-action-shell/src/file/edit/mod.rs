//! Setting values in a text that people write, and leaving all else as it is: comments, order, indentation.
//!
//! Each format changes as few bytes as it can. Whatever it makes is read again, and must hold what was there with
//! just that value changed: a text that is written in a way that an editor does not understand is refused, and
//! never bent.

mod env;
mod ini;
mod json;
mod lines;
mod yaml;

use serde_json::Value;

/// What a key is to hold.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum New {
    /// This.
    Value(Value),
    /// There is to be no such key.
    Absent,
}

/// How keys and values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Env,
    Ini,
    Yaml,
    Json,
}

impl Format {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "env" => Some(Self::Env),
            "ini" => Some(Self::Ini),
            "yaml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    /// What a key holds; nothing if there is none.
    pub(super) fn get(self, text: &str, key: &str) -> Result<Option<Value>, String> {
        match self {
            Self::Env => Ok(env::get(text, key)),
            Self::Ini => Ok(ini::get(text, key)),
            Self::Yaml => Ok(at(&yaml::read(text)?, key)),
            Self::Json => Ok(at(&json::read(text)?, key)),
        }
    }

    /// The text with this key changed.
    pub(super) fn set(self, text: &str, key: &str, new: &New) -> Result<String, String> {
        let new = match (self, new) {
            // There is no null in these: no value is no key.
            (Self::Env | Self::Ini, New::Value(Value::Null)) => &New::Absent,
            _ => new,
        };
        let is_same = match (self.get(text, key)?, new) {
            (Some(now), New::Value(value)) => self.as_written(value) == now,
            (None, New::Absent) => true,
            (Some(_), New::Absent) | (None, New::Value(_)) => false,
        };
        if is_same {
            return Ok(text.to_owned());
        }
        let changed = match self {
            Self::Env => env::set(text, key, new),
            Self::Ini => ini::set(text, key, new),
            Self::Yaml => yaml::set(text, key, new),
            Self::Json => json::set(text, key, new),
        }?;
        self.is_only(text, &changed, key, new)?;
        Ok(changed)
    }

    /// A value as the format holds it: those of some are all text.
    pub(super) fn as_written(self, value: &Value) -> Value {
        match (self, value) {
            (Self::Yaml | Self::Json, value) => value.clone(),
            (Self::Env | Self::Ini, Value::String(_)) => value.clone(),
            (Self::Env | Self::Ini, other) => Value::String(other.to_string()),
        }
    }

    /// Whether nothing but this key was changed.
    fn is_only(self, before: &str, after: &str, key: &str, new: &New) -> Result<(), String> {
        let is_fine = match self {
            Self::Env => env::all(after) == with_pair(env::all(before), key, new, self),
            Self::Ini => ini::all(after) == with_pair(ini::all(before), key, new, self),
            Self::Yaml => yaml::read(after)? == with(yaml::read(before)?, key, new),
            Self::Json => json::read(after)? == with(json::read(before)?, key, new),
        };
        if is_fine {
            return Ok(());
        }
        Err(format!(
            "`{key}` is written in a way that cannot be changed without touching other things"
        ))
    }
}

type Pairs = std::collections::BTreeMap<String, String>;

fn with_pair(mut pairs: Pairs, key: &str, new: &New, format: Format) -> Pairs {
    match new {
        New::Value(value) => {
            let written = format.as_written(value);
            let text = written
                .as_str()
                .map_or_else(|| written.to_string(), str::to_owned);
            pairs.insert(key.to_owned(), text);
        }
        New::Absent => {
            pairs.remove(key);
        }
    }
    pairs
}

/// The value at a path of keys.
fn at(root: &Value, path: &str) -> Option<Value> {
    path.split('.')
        .try_fold(root, |value, key| value.get(key))
        .cloned()
}

/// The value with another one at a path of keys.
fn with(root: Value, path: &str, new: &New) -> Value {
    let (key, rest) = path
        .split_once('.')
        .map_or((path, None), |(key, rest)| (key, Some(rest)));
    let mut map = match root {
        Value::Object(map) => map,
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            serde_json::Map::new()
        }
    };
    match (rest, new) {
        (Some(rest), new) => {
            let inner = map.get(key).cloned().unwrap_or(Value::Null);
            map.insert(key.to_owned(), with(inner, rest, new));
        }
        (None, New::Value(value)) => {
            map.insert(key.to_owned(), value.clone());
        }
        (None, New::Absent) => {
            map.remove(key);
        }
    }
    Value::Object(map)
}

#[cfg(test)]
mod tests;
