//! The values that expressions compute with.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{Param, Segment, Text};
use serde_json::Value;

/// A value. Cloning is cheap.
#[derive(Debug, Clone, PartialEq)]
pub enum Val {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text(Arc<str>),
    /// Text with a secret in it.
    Secret(Text),
    /// A list.
    List(Arc<Vec<Self>>),
    /// A mapping, in its source's order.
    Map(Arc<IndexMap<String, Self>>),
}

impl Val {
    /// Text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Text(text.into())
    }

    /// A mapping.
    #[must_use]
    pub fn map(entries: IndexMap<String, Self>) -> Self {
        Self::Map(Arc::new(entries))
    }

    /// A list.
    #[must_use]
    pub fn list(items: Vec<Self>) -> Self {
        Self::List(Arc::new(items))
    }

    /// What it is, as a noun for messages.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::Text(_) => "text",
            Self::Secret(_) => "a secret",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }

    /// How it is shown to people, on one line and not endless. Secrets are masked.
    #[must_use]
    pub fn show(&self) -> String {
        let text = match self {
            Self::Text(text) => format!("{text:?}"),
            Self::Secret(text) => text.to_string(),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::List(_) | Self::Map(_) => {
                self.to_param().masked().to_string()
            }
        };
        match text.char_indices().nth(120) {
            Some((cut, _)) => format!("{}…", &text[..cut]),
            None => text,
        }
    }

    /// As a parameter of an action. Text that it brings is marked as a value.
    #[must_use]
    pub fn to_param(&self) -> Param {
        match self {
            Self::Null => Param::Null,
            Self::Bool(value) => Param::Bool(*value),
            Self::Int(value) => Param::Number((*value).into()),
            Self::Float(value) => serde_json::Number::from_f64(*value).map_or(Param::Null, Param::Number),
            Self::Text(text) => Param::Text(Text::from_segments(vec![Segment::Value(text.to_string())])),
            Self::Secret(text) => Param::Text(text.clone()),
            Self::List(items) => Param::List(items.iter().map(Self::to_param).collect()),
            Self::Map(map) => Param::Map(
                map.iter()
                    .map(|(key, value)| (key.clone(), value.to_param()))
                    .collect(),
            ),
        }
    }

    /// As JSON, with secrets masked.
    #[must_use]
    pub fn to_json(&self) -> Value {
        self.to_param().masked()
    }

    /// The parts of its text, where it has one: text, numbers and booleans.
    pub(crate) fn segments(&self) -> Option<Vec<Segment>> {
        match self {
            Self::Text(text) => Some(vec![Segment::Value(text.to_string())]),
            Self::Int(value) => Some(vec![Segment::Value(value.to_string())]),
            Self::Float(value) => Some(vec![Segment::Value(value.to_string())]),
            Self::Bool(value) => Some(vec![Segment::Value(value.to_string())]),
            Self::Secret(text) => Some(text.segments().to_vec()),
            Self::Null | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Whether a secret is in it, at any depth.
    #[must_use]
    pub fn has_secret(&self) -> bool {
        match self {
            Self::Secret(_) => true,
            Self::List(items) => items.iter().any(Self::has_secret),
            Self::Map(map) => map.values().any(Self::has_secret),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) | Self::Text(_) => false,
        }
    }
}

impl From<&Value> for Val {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                // A double would change the number; as text it is passed on exactly, and refuses to be compared.
                None if number.is_u64() => Self::text(number.to_string()),
                None => number.as_f64().map_or(Self::Null, Self::Float),
            },
            Value::String(text) => Self::text(text.as_str()),
            Value::Array(items) => Self::list(items.iter().map(Self::from).collect()),
            Value::Object(map) => Self::map(
                map.iter()
                    .map(|(key, value)| (key.clone(), Self::from(value)))
                    .collect(),
            ),
        }
    }
}
