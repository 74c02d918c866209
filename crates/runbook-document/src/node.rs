//! A YAML tree in which every value knows its place and how it was written.

use crate::{SourceId, Span, Spanned};

/// A value and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its place.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Text, a number, a boolean or nothing.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the author's order, without duplicate keys.
    Map(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key.
    pub key: Spanned<String>,
    /// The value.
    pub value: Node,
}

/// A value that has no parts.
#[derive(Debug, Clone, PartialEq)]
pub struct Scalar {
    /// The text, after YAML's escapes.
    pub text: String,
    /// What YAML 1.2 takes it for.
    pub value: ScalarValue,
}

/// What YAML 1.2 takes a scalar for. A quoted one is always text.
#[derive(Debug, Clone, PartialEq)]
pub enum ScalarValue {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Another number.
    Float(f64),
    /// Text.
    Text,
}

impl Node {
    /// The entries, if this is a mapping.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        match &self.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar(_) | Kind::List(_) => &[],
        }
    }

    /// The items, if this is a list.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.kind {
            Kind::List(items) => items,
            Kind::Scalar(_) | Kind::Map(_) => &[],
        }
    }

    /// The entry of a key, if this is a mapping that has it.
    #[must_use]
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries().iter().find(|entry| entry.key.value == key)
    }

    /// The value of a key, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// The scalar, if this is one.
    #[must_use]
    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// The text as written, if this is a scalar that is not empty of meaning.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        self.scalar()
            .filter(|scalar| scalar.value != ScalarValue::Null)
            .map(|scalar| scalar.text.as_str())
    }

    /// Whether this is nothing at all.
    #[must_use]
    pub fn is_null(&self) -> bool {
        self.scalar()
            .is_some_and(|scalar| scalar.value == ScalarValue::Null)
    }

    /// What it is, as a noun for messages.
    #[must_use]
    pub fn noun(&self) -> &'static str {
        match &self.kind {
            Kind::List(_) => "a list",
            Kind::Map(_) => "a mapping",
            Kind::Scalar(scalar) => match scalar.value {
                ScalarValue::Null => "nothing",
                ScalarValue::Bool(_) => "true or false",
                ScalarValue::Integer(_) | ScalarValue::Float(_) => "a number",
                ScalarValue::Text => "text",
            },
        }
    }

    /// The value as JSON, without places.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.kind {
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => entries
                .iter()
                .map(|entry| (entry.key.value.clone(), entry.value.to_json()))
                .collect(),
            Kind::Scalar(scalar) => match scalar.value {
                ScalarValue::Null => serde_json::Value::Null,
                ScalarValue::Bool(value) => value.into(),
                ScalarValue::Integer(value) => value.into(),
                ScalarValue::Float(value) => value.into(),
                ScalarValue::Text => scalar.text.clone().into(),
            },
        }
    }

    /// The place of a part of this scalar's text: exact where the author wrote that part on one line, else
    /// the whole scalar. `from` and `to` are bytes of [`Scalar::text`], `source` is the whole file.
    #[must_use]
    pub fn locate(&self, source: &str, from: usize, to: usize) -> Span {
        let Some(scalar) = self.scalar() else {
            return self.span;
        };
        let (Some(part), Some(raw)) = (
            scalar.text.get(from..to),
            source.get(self.span.start..self.span.end),
        ) else {
            return self.span;
        };
        if part.is_empty() {
            return self.span;
        }
        let before = scalar
            .text
            .get(..from)
            .map_or(0, |text| text.matches(part).count());
        raw.match_indices(part).nth(before).map_or(self.span, |(at, _)| {
            let start = self.span.start + at;
            Span::new(self.span.source, start, start + part.len())
        })
    }

    /// An empty mapping, to go on with where a value could not be read.
    #[must_use]
    pub fn empty(source: SourceId) -> Self {
        Self {
            span: Span::new(source, 0, 0),
            kind: Kind::Map(Vec::new()),
        }
    }
}
