//! What is the same in every environment, kept from one to the next: what depends on the runbook's text alone.

use std::cell::RefCell;
use std::collections::HashMap;

use runbook_action::{Failure, Kind, Recognised};
use runbook_document::{ActionNode, Span};

use crate::expression::{Expression, SyntaxError};
use crate::template::Template;

/// What was read of one runbook so far.
#[derive(Debug, Default)]
pub(super) struct Memo {
    /// By their texts.
    expressions: RefCell<HashMap<String, Expression>>,
    /// By the places of their actions. A sketch keeps expressions as they are, so it does not depend on values.
    recognised: RefCell<HashMap<Span, Recognised>>,
}

impl Memo {
    /// An expression. What is wrong with one is found each time.
    pub(super) fn expression(&self, source: &str) -> Result<Expression, SyntaxError> {
        if let Some(known) = self.expressions.borrow().get(source) {
            return Ok(known.clone());
        }
        let expression = Expression::parse(source)?;
        self.expressions
            .borrow_mut()
            .insert(source.to_owned(), expression.clone());
        Ok(expression)
    }

    /// What an action would do.
    pub(super) fn recognised(
        &self,
        kind: &dyn Kind,
        node: &ActionNode,
        params: &Template,
    ) -> Result<Recognised, Failure> {
        let place = node.kind.span;
        if let Some(known) = self.recognised.borrow().get(&place) {
            return Ok(known.clone());
        }
        let recognised = kind.recognise(&params.sketch())?;
        self.recognised.borrow_mut().insert(place, recognised.clone());
        Ok(recognised)
    }
}
