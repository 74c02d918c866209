//! Expressions: minijinja's grammar with strict meaning.
//!
//! A gate that passes by accident is worse than none. So the syntax is read by minijinja's parser, and the
//! tree is evaluated here, where nothing is silently converted: a missing attribute, a comparison of unlike
//! types, an ordering with null or NaN, or a condition that is not a boolean is an [`EvalError`] with its
//! place. Secrets are values of their own kind, which can be joined to text and nothing else.
//!
//! There are no loops, no calls and no assignments, so that evaluating takes time in proportion to the text
//! and the data. What it makes is counted against a [`Budget`], so that it takes no more room than that either.
//! What is wrong whatever the values are is a [`SyntaxError`] before anything runs.

use std::sync::Arc;

mod budget;
mod error;
mod eval;
mod evaluation;
mod explain;
mod filters;
mod kind;
mod lower;
mod ops;
mod reading;
mod scope;
mod statics;
mod tree;
mod val;

#[cfg(test)]
mod tests;

pub use self::error::EvalError;
pub use self::filters::{is_filter, is_test};
pub use self::kind::Kind;
pub use self::lower::SyntaxError;
pub use self::scope::{Known, Scope};
pub use self::tree::Reference;
pub use self::val::Val;

pub(crate) use self::budget::{Budget, Exhausted};
use self::evaluation::Evaluation;
use self::tree::Tree;

/// An expression that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    // Shared, since the same expression stands in the plans of several environments.
    source: Arc<str>,
    tree: Arc<Tree>,
}

impl Expression {
    /// Reads an expression.
    pub fn parse(source: &str) -> Result<Self, SyntaxError> {
        let tree = lower::parse(source)?;
        Ok(Self {
            source: source.into(),
            tree: Arc::new(tree),
        })
    }

    /// The expression as written.
    #[must_use]
    pub fn source(&self) -> &str {
        self.source.trim()
    }

    /// What it refers to, with places in [`Expression::source`] as it was parsed.
    #[must_use]
    pub fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        self.tree.collect(&mut references);
        references
    }

    /// Its value.
    pub fn eval(&self, scope: &Scope) -> Result<Val, EvalError> {
        Evaluation::new(scope).of(&self.tree)
    }

    /// Its value, which must be a boolean.
    pub fn eval_bool(&self, scope: &Scope) -> Result<bool, EvalError> {
        match self.eval(scope)? {
            Val::Bool(value) => Ok(value),
            other @ (Val::Null
            | Val::Int(_)
            | Val::Float(_)
            | Val::Text(_)
            | Val::Secret(_)
            | Val::List(_)
            | Val::Map(_)) => Err(EvalError::new(
                &self.tree,
                format!(
                    "`{}` gives {}, and a condition must be true or false",
                    self.source(),
                    other.noun()
                ),
            )),
        }
    }

    /// What the values in it were: “`body.size` is 20”. Secrets are masked.
    #[must_use]
    pub fn explain(&self, scope: &Scope) -> String {
        explain::explain(&self.source, &self.tree, scope)
    }
}
