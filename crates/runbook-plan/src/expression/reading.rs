//! What is wrong with an expression whatever the values are: found before anything runs.
//!
//! A gate that can only ever be an error, or whose one side is never looked at, is a slip of the pen: `status ==
//! 200 or 201` passes whenever the first part does, and is an error only when it matters.

use super::budget::Budget;
use super::eval::eval;
use super::evaluation::Evaluation;
use super::kind::{Kind, kind};
use super::lower::SyntaxError;
use super::tree::{Compare, Node, Tree};
use super::{EvalError, Scope, Val};

/// Checks the kinds of values as far as they are known, then what consists of constants alone.
pub(super) fn check(tree: &Tree) -> Result<(), SyntaxError> {
    kinds(tree)?;
    constants(tree, false)
}

fn kinds(tree: &Tree) -> Result<(), SyntaxError> {
    for child in tree.children() {
        kinds(child)?;
    }
    match &tree.node {
        Node::Not(inner) => condition(inner),
        Node::And(left, right) | Node::Or(left, right) => {
            condition(left)?;
            condition(right)
        }
        Node::If(test, _, _) => condition(test),
        Node::Neg(inner) => number("-", inner),
        Node::Math(_, left, right) => {
            for side in [left, right] {
                number("arithmetic", side)?;
            }
            Ok(())
        }
        Node::Concat(left, right) => [left, right].into_iter().try_for_each(|side| joined(side)),
        Node::Compare(first, rest) => {
            let mut left: &Tree = first;
            for (op, right) in rest {
                compared(*op, left, right)?;
                left = right;
            }
            Ok(())
        }
        // What filters and tests take was held against their table when they were read.
        Node::Filter { .. }
        | Node::Test { .. }
        | Node::Const(_)
        | Node::Name(_)
        | Node::StepValue { .. }
        | Node::CheckValue { .. }
        | Node::Attr(..)
        | Node::Item(..)
        | Node::List(_)
        | Node::Map(_) => Ok(()),
    }
}

fn condition(tree: &Tree) -> Result<(), SyntaxError> {
    match kind(tree) {
        None | Some(Kind::Bool) => Ok(()),
        Some(other @ (Kind::Null | Kind::Number | Kind::Text | Kind::List | Kind::Map)) => Err(SyntaxError {
            help: Some(
                "compare it: `x == 1 or x == 2`, or `x in [1, 2]`; `x | length > 0` for what is not empty"
                    .to_owned(),
            ),
            ..SyntaxError::at(tree, format!("expected true or false, found {}", other.noun()))
        }),
    }
}

fn number(what: &str, tree: &Tree) -> Result<(), SyntaxError> {
    match kind(tree) {
        None | Some(Kind::Number) => Ok(()),
        Some(other @ (Kind::Null | Kind::Bool | Kind::Text | Kind::List | Kind::Map)) => Err(SyntaxError {
            help: (other == Kind::Text).then(|| "join texts with `~`, read a number with `| int`".to_owned()),
            ..SyntaxError::at(tree, format!("{what} needs numbers, found {}", other.noun()))
        }),
    }
}

fn joined(tree: &Tree) -> Result<(), SyntaxError> {
    match kind(tree) {
        None | Some(Kind::Bool | Kind::Number | Kind::Text) => Ok(()),
        Some(other @ (Kind::Null | Kind::List | Kind::Map)) => Err(SyntaxError::at(
            tree,
            format!("{} cannot be joined to text", other.noun()),
        )),
    }
}

fn compared(op: Compare, left: &Tree, right: &Tree) -> Result<(), SyntaxError> {
    let known = [kind(left), kind(right)];
    let wrong = |message: String| {
        Err(SyntaxError::over(
            (left.from.min(right.from), left.to.max(right.to)),
            message,
        ))
    };
    match op {
        Compare::Eq | Compare::Ne => match known {
            [Some(left), Some(right)] if left != right && left != Kind::Null && right != Kind::Null => wrong(
                format!("{} cannot be compared with {}", left.noun(), right.noun()),
            ),
            _ => Ok(()),
        },
        Compare::Lt | Compare::Le | Compare::Gt | Compare::Ge => match known {
            [
                Some(other @ (Kind::Null | Kind::Bool | Kind::List | Kind::Map)),
                _,
            ]
            | [
                _,
                Some(other @ (Kind::Null | Kind::Bool | Kind::List | Kind::Map)),
            ] => wrong(format!("{} has no order", other.noun())),
            [Some(left), Some(right)] if left != right => wrong(format!(
                "{} cannot be compared with {}",
                left.noun(),
                right.noun()
            )),
            _ => measures(left, right),
        },
        Compare::In | Compare::NotIn => match known {
            [_, Some(other @ (Kind::Null | Kind::Bool | Kind::Number))] => {
                wrong(format!("`in` cannot look for something in {}", other.noun()))
            }
            [Some(other), Some(Kind::Text | Kind::Map)] if other != Kind::Text => wrong(format!(
                "`in` can look only for text there, not for {}",
                other.noun()
            )),
            _ => Ok(()),
        },
    }
}

/// A text that stands for a measure is meant to be ordered by what it measures.
fn measures(left: &Tree, right: &Tree) -> Result<(), SyntaxError> {
    for side in [left, right] {
        if let Node::Const(Val::Text(text)) = &side.node
            && super::filters::is_measure(text)
        {
            let message = format!("`{text}` would be ordered letter by letter, and not as what it measures");
            return Err(SyntaxError {
                help: Some(
                    "turn both sides into numbers: `(x | duration) < (\"5m\" | duration)`, or with `quantity`, `percent`, `int`"
                        .to_owned(),
                ),
                ..SyntaxError::at(side, message)
            });
        }
    }
    Ok(())
}

/// Evaluates each part that consists of constants alone. That it is an error is known now.
fn constants(tree: &Tree, forgiven: bool) -> Result<(), SyntaxError> {
    if let Node::Const(_) = tree.node {
        return Ok(());
    }
    if !tree.is_constant() {
        let is_for = |wanted: &str| match &tree.node {
            Node::Filter { name, .. } | Node::Test { name, .. } => name == wanted,
            Node::Const(_)
            | Node::Name(_)
            | Node::StepValue { .. }
            | Node::CheckValue { .. }
            | Node::Attr(..)
            | Node::Item(..)
            | Node::Not(_)
            | Node::Neg(_)
            | Node::And(..)
            | Node::Or(..)
            | Node::Math(..)
            | Node::Concat(..)
            | Node::Compare(..)
            | Node::If(..)
            | Node::List(_)
            | Node::Map(_) => false,
        };
        let lenient = is_for("default") || is_for("defined");
        let mut children = tree.children().into_iter().enumerate();
        return children.try_for_each(|(at, child)| constants(child, lenient && at == 0));
    }
    match value(tree) {
        Some(Err(error)) if !(forgiven && error.missing) => Err(SyntaxError {
            help: Some(
                "nothing here depends on a value, so this is an error whenever it is reached".to_owned(),
            ),
            ..SyntaxError::over((error.from, error.to), error.message)
        }),
        Some(Ok(_) | Err(_)) | None => Ok(()),
    }
}

/// The value of constants, unless there would be too much of it to look at it now.
pub(super) fn value(tree: &Tree) -> Option<Result<Val, EvalError>> {
    let scope = Scope::default();
    let evaluation = Evaluation {
        scope: &scope,
        budget: Budget::of_reading(),
    };
    let value = eval(tree, &evaluation);
    (!evaluation.budget.is_exhausted()).then_some(value)
}
