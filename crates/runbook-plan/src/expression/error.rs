//! Why an expression has no value.

use std::fmt;

use super::Val;
use super::tree::Tree;

/// An expression has no value, and where in it that shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvalError {
    /// Why: a lower-case fragment. Secrets are masked.
    pub message: String,
    /// Where it begins in the source.
    pub from: usize,
    /// Where it ends.
    pub to: usize,
    /// Whether something was looked for and is not there.
    pub missing: bool,
}

impl EvalError {
    pub(crate) fn new(tree: &Tree, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            from: tree.from,
            to: tree.to,
            missing: false,
        }
    }

    pub(crate) fn missing(tree: &Tree, message: impl Into<String>) -> Self {
        Self {
            missing: true,
            ..Self::new(tree, message)
        }
    }

    /// The same as an error that nothing forgives.
    pub(super) fn for_good(self) -> Self {
        Self {
            missing: false,
            ..self
        }
    }
}

impl fmt::Display for EvalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for EvalError {}

pub(super) type Evaluated = Result<Val, EvalError>;
