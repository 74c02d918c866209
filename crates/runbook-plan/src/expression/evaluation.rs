//! What an evaluation has at hand.

use jiff::Timestamp;

use super::budget::{self, Budget, MAX_DEPTH, MAX_GROWTH};
use super::error::{EvalError, Evaluated};
use super::eval::eval;
use super::tree::Tree;
use super::{Scope, Val};

/// One evaluation: what can be seen, and what may still be made.
pub(super) struct Evaluation<'a> {
    pub(super) scope: &'a Scope,
    pub(super) budget: Budget,
}

impl<'a> Evaluation<'a> {
    pub(super) const fn new(scope: &'a Scope) -> Self {
        Self {
            scope,
            budget: Budget::new(),
        }
    }

    /// The moment at which the values were read.
    pub(super) fn instant(&self) -> Option<Timestamp> {
        self.scope.instant()
    }

    /// The value of a whole expression, which is not much larger than what the expression reads.
    pub(super) fn of(&self, tree: &Tree) -> Evaluated {
        let value = eval(tree, self)?;
        if !self.budget.is_touched() {
            return Ok(value);
        }
        if !budget::is_within(&value, MAX_DEPTH) {
            let message = format!("the value would be nested more than {MAX_DEPTH} levels deep");
            return Err(EvalError::new(tree, message));
        }
        if budget::weigh(&value, MAX_GROWTH).is_some()
            || budget::weigh(&value, MAX_GROWTH.saturating_add(self.weight_read(tree))).is_some()
        {
            return Ok(value);
        }
        Err(EvalError::new(
            tree,
            "the value would be more than 1 MiB larger than all that the expression reads",
        ))
    }

    /// The weight of all that the expression refers to.
    fn weight_read(&self, tree: &Tree) -> usize {
        let mut seen = Vec::new();
        let mut weight: usize = 0;
        tree.each_path(&mut |part, path| {
            if !seen.contains(&path) {
                seen.push(path);
                let value = eval(part, self).unwrap_or(Val::Null);
                let read = budget::weigh(&value, usize::MAX).unwrap_or(usize::MAX);
                weight = weight.saturating_add(read);
            }
        });
        weight
    }
}
