//! Kinds of values, as far as they are known from an expression's text.

use super::Val;
use super::filters;
use super::tree::{Node, Tree};

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Null,
    /// True or false.
    Bool,
    /// A number.
    Number,
    /// Text.
    Text,
    /// A list.
    List,
    /// A mapping.
    Map,
}

impl Kind {
    /// As a noun for messages.
    #[must_use]
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "text",
            Self::List => "a list",
            Self::Map => "a mapping",
        }
    }

    /// The kind of a value. A secret is text.
    #[must_use]
    pub const fn of(value: &Val) -> Self {
        match value {
            Val::Null => Self::Null,
            Val::Bool(_) => Self::Bool,
            Val::Int(_) | Val::Float(_) => Self::Number,
            Val::Text(_) | Val::Secret(_) => Self::Text,
            Val::List(_) => Self::List,
            Val::Map(_) => Self::Map,
        }
    }
}

/// The kind of every value that this can have, where its text tells.
pub(super) fn kind(tree: &Tree) -> Option<Kind> {
    match &tree.node {
        Node::Const(value) => Some(Kind::of(value)),
        Node::Not(_) | Node::And(..) | Node::Or(..) | Node::Compare(..) | Node::Test { .. } => {
            Some(Kind::Bool)
        }
        Node::Neg(_) | Node::Math(..) => Some(Kind::Number),
        Node::Concat(..) => Some(Kind::Text),
        Node::List(_) => Some(Kind::List),
        Node::Map(_) => Some(Kind::Map),
        Node::If(_, yes, no) => kind(yes).filter(|yes| Some(*yes) == kind(no)),
        Node::Filter { name, subject, .. } => match name.as_str() {
            // A share becomes text, and a text becomes a share.
            "percent" => match kind(subject)? {
                Kind::Number => Some(Kind::Text),
                Kind::Text => Some(Kind::Number),
                Kind::Null | Kind::Bool | Kind::List | Kind::Map => None,
            },
            _ => filters::gives(name),
        },
        Node::Name(_)
        | Node::StepValue { .. }
        | Node::CheckValue { .. }
        | Node::Attr(..)
        | Node::Item(..) => None,
    }
}
