//! Parameters as an action receives them: values whose texts remember where each part came from.

use std::fmt::{self, Write as _};

use indexmap::IndexMap;
use serde_json::{Number, Value};

use crate::{ErrorKind, Failure, Secret};

/// One part of a [`Text`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// The author wrote it.
    Literal(String),
    /// A `{{ … }}` gave it: it comes from outside and may hold anything.
    Value(String),
    /// A secret.
    Secret(Secret),
    /// An expression whose value is not known yet. Only a plan has these.
    Unknown(String),
}

/// Text in parts. Showing it masks the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text {
    segments: Vec<Segment>,
}

impl Text {
    /// Text that the author wrote.
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self {
            segments: vec![Segment::Literal(text.into())],
        }
    }

    /// Text from parts, in order.
    #[must_use]
    pub fn from_segments(segments: Vec<Segment>) -> Self {
        Self { segments }
    }

    /// The parts, in order.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The text, if the author wrote all of it.
    #[must_use]
    pub fn as_literal(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [] => Some(""),
            [Segment::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether a secret is part of it.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Secret(_)))
    }

    /// Whether part of it is not known yet.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.segments
            .iter()
            .any(|segment| matches!(segment, Segment::Unknown(_)))
    }

    /// The text with its secrets in it, for the one place that hands it to another program.
    ///
    /// A part that is not known yet is left out: an engine never runs an action with one.
    #[must_use]
    pub fn reveal(&self) -> String {
        self.map_segments(str::to_owned)
    }

    /// The text with its secrets in it, each part that the author did not write passed through `encode`.
    /// This is how a value is put into a URL without becoming part of its structure.
    #[must_use]
    pub fn map_segments(&self, encode: impl Fn(&str) -> String) -> String {
        let mut out = String::new();
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) => out.push_str(text),
                Segment::Value(text) => out.push_str(&encode(text)),
                Segment::Secret(secret) => out.push_str(&encode(secret.reveal())),
                Segment::Unknown(_) => {}
            }
        }
        out
    }
}

/// Secrets are masked, and what is not known yet is shown as its expression.
impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Literal(text) | Segment::Value(text) => f.write_str(text)?,
                Segment::Secret(secret) => fmt::Display::fmt(secret, f)?,
                Segment::Unknown(expression) => write!(f, "{{{{ {expression} }}}}")?,
            }
        }
        Ok(())
    }
}

/// One parameter, or a tree of them.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Param {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text.
    Text(Text),
    /// A list.
    List(Vec<Self>),
    /// A mapping, in the author's order.
    Map(IndexMap<String, Self>),
}

impl Param {
    /// The value under `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// As JSON with its secrets in it, for the one place that hands it to another program.
    #[must_use]
    pub fn reveal(&self) -> Value {
        self.to_json(&Text::reveal)
    }

    /// As JSON with its secrets masked, for people and for the journal.
    #[must_use]
    pub fn masked(&self) -> Value {
        self.to_json(&Text::to_string)
    }

    fn to_json(&self, text_of: &impl Fn(&Text) -> String) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Text(text) => Value::String(text_of(text)),
            Self::List(items) => items.iter().map(|item| item.to_json(text_of)).collect(),
            Self::Map(map) => map
                .iter()
                .map(|(key, item)| (key.clone(), item.to_json(text_of)))
                .collect(),
        }
    }

    /// What it is, as a noun for messages.
    #[must_use]
    pub const fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Map(_) => "a mapping",
        }
    }
}

/// A parameter with the path that leads to it, so that a wrong one can be named.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    param: &'a Param,
    path: String,
}

impl<'a> Args<'a> {
    /// The root of an action's parameters.
    #[must_use]
    pub const fn new(param: &'a Param) -> Self {
        Self {
            param,
            path: String::new(),
        }
    }

    /// A mapping that stands at `path`, when it is not the root of an action's parameters.
    #[must_use]
    pub const fn under(param: &'a Param, path: String) -> Self {
        Self { param, path }
    }

    /// The parameter itself.
    #[must_use]
    pub const fn param(&self) -> &'a Param {
        self.param
    }

    /// The path that leads here; empty at the root.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value under `key`; a null counts as absent.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Self> {
        let param = self.param.get(key).filter(|param| **param != Param::Null)?;
        let mut path = self.path.clone();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(key);
        Some(Args { param, path })
    }

    /// The value under `key`, which must be there.
    pub fn require(&self, key: &str) -> Result<Self, Failure> {
        self.get(key)
            .ok_or_else(|| self.wrong(format!("`{key}` is missing")))
    }

    /// The items of a list, each with its path.
    pub fn items(&self) -> Result<Vec<Self>, Failure> {
        let Param::List(items) = self.param else {
            return Err(self.expected("a list"));
        };
        Ok(items
            .iter()
            .enumerate()
            .map(|(index, param)| {
                let mut path = self.path.clone();
                let _ = write!(path, "[{index}]");
                Args { param, path }
            })
            .collect())
    }

    /// The entries of a mapping, each with its path.
    pub fn entries(&self) -> Result<Vec<(&'a str, Self)>, Failure> {
        let Param::Map(map) = self.param else {
            return Err(self.expected("a mapping"));
        };
        Ok(map
            .iter()
            .map(|(key, param)| {
                let path = if self.path.is_empty() {
                    key.clone()
                } else {
                    format!("{}.{key}", self.path)
                };
                (key.as_str(), Args { param, path })
            })
            .collect())
    }

    /// Text in its parts. A number or a boolean is its text.
    pub fn text(&self) -> Result<Text, Failure> {
        match self.param {
            Param::Text(text) => Ok(text.clone()),
            Param::Number(number) => Ok(Text::from_segments(vec![Segment::Value(number.to_string())])),
            Param::Bool(value) => Ok(Text::from_segments(vec![Segment::Value(value.to_string())])),
            Param::Null | Param::List(_) | Param::Map(_) => Err(self.expected("text")),
        }
    }

    /// Text that the author wrote and no value is part of.
    pub fn literal(&self) -> Result<&'a str, Failure> {
        match self.param {
            Param::Text(text) => text
                .as_literal()
                .ok_or_else(|| self.wrong("must be written out, without `{{ … }}`")),
            Param::Null | Param::Bool(_) | Param::Number(_) | Param::List(_) | Param::Map(_) => {
                Err(self.expected("text"))
            }
        }
    }

    /// A whole number.
    pub fn integer(&self) -> Result<i64, Failure> {
        match self.param {
            Param::Number(number) => number.as_i64(),
            Param::Null | Param::Bool(_) | Param::Text(_) | Param::List(_) | Param::Map(_) => None,
        }
        .ok_or_else(|| self.expected("a whole number"))
    }

    /// True or false.
    pub fn boolean(&self) -> Result<bool, Failure> {
        match self.param {
            Param::Bool(value) => Ok(*value),
            Param::Null | Param::Number(_) | Param::Text(_) | Param::List(_) | Param::Map(_) => {
                Err(self.expected("true or false"))
            }
        }
    }

    /// A failure about this parameter.
    #[must_use]
    pub fn wrong(&self, message: impl Into<String>) -> Failure {
        let failure = Failure::new(ErrorKind::Other, message);
        if self.path.is_empty() {
            failure
        } else {
            failure.about(self.path.clone())
        }
    }

    fn expected(&self, what: &str) -> Failure {
        self.wrong(format!("expected {what}, found {}", self.param.noun()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tainted() -> Text {
        Text::from_segments(vec![
            Segment::Literal("https://host/".to_owned()),
            Segment::Value("../admin?x".to_owned()),
            Segment::Literal("/".to_owned()),
            Segment::Secret(Secret::new("token", "s3cr3t/".to_owned())),
        ])
    }

    #[test]
    fn shown_text_masks_secrets() {
        assert_eq!(tainted().to_string(), "https://host/../admin?x/‹secret token›");
        assert_eq!(format!("{:?}", tainted()).matches("s3cr3t").count(), 0);
    }

    #[test]
    fn values_are_encoded_and_literals_are_not() {
        let encoded = tainted().map_segments(|part| part.replace('/', "%2F"));
        assert_eq!(encoded, "https://host/..%2Fadmin?x/s3cr3t%2F");
    }

    #[test]
    fn a_wrong_parameter_is_named_by_its_path() {
        let inner = Param::Map(IndexMap::from([("size".to_owned(), Param::Bool(true))]));
        let root = Param::Map(IndexMap::from([("json".to_owned(), Param::List(vec![inner]))]));
        let args = Args::new(&root).require("json").unwrap();
        let item = &args.items().unwrap()[0];
        let failure = item.require("size").unwrap().integer().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "`json[0].size`: expected a whole number, found true or false"
        );
    }
}
