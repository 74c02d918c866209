//! What a tree means.

use super::error::{EvalError, Evaluated};
use super::ops::{attribute, concat};
use super::tree::{Node, Tree};
use super::{Scope, Val, filters, ops};

pub(super) fn eval(tree: &Tree, scope: &Scope) -> Evaluated {
    match &tree.node {
        Node::Const(value) => Ok(value.clone()),
        Node::Name(name) => scope
            .name(name)
            .ok_or_else(|| EvalError::missing(tree, format!("`{name}` is not known here"))),
        Node::StepValue { step, name } => scope
            .step(step, name)
            .ok_or_else(|| EvalError::missing(tree, format!("`steps.{step}.{name}` is not known yet"))),
        Node::CheckValue { check, name } => scope
            .check(check, name)
            .ok_or_else(|| EvalError::missing(tree, format!("`checks.{check}.{name}` is not known yet"))),
        Node::Attr(inner, name) => attribute(tree, &eval(inner, scope)?, name),
        Node::Item(inner, key) => item(tree, &eval(inner, scope)?, &eval(key, scope)?),
        Node::Not(inner) => Ok(Val::Bool(!truth(inner, scope)?)),
        Node::Neg(inner) => ops::negate(tree, &eval(inner, scope)?),
        Node::And(left, right) => Ok(Val::Bool(truth(left, scope)? && truth(right, scope)?)),
        Node::Or(left, right) => Ok(Val::Bool(truth(left, scope)? || truth(right, scope)?)),
        Node::Math(op, left, right) => ops::math(tree, *op, &eval(left, scope)?, &eval(right, scope)?),
        Node::Concat(left, right) => concat(tree, &[eval(left, scope)?, eval(right, scope)?]),
        Node::Compare(first, rest) => {
            let mut left = eval(first, scope)?;
            for (op, right) in rest {
                let right = eval(right, scope)?;
                if !ops::compare(tree, *op, &left, &right)? {
                    return Ok(Val::Bool(false));
                }
                left = right;
            }
            Ok(Val::Bool(true))
        }
        Node::If(test, yes, no) => eval(if truth(test, scope)? { yes } else { no }, scope),
        Node::Filter {
            name,
            subject,
            args,
            named,
        } => {
            let subject = if name == "default" {
                eval_if_there(subject, scope)?.unwrap_or(Val::Null)
            } else {
                eval(subject, scope)?
            };
            let args = all(args, scope)?;
            let named = named
                .iter()
                .map(|(name, arg)| Ok((name.clone(), eval(arg, scope)?)));
            let named = named.collect::<Result<Vec<_>, EvalError>>()?;
            filters::apply(tree, name, subject, &filters::Arguments { args, named })
        }
        Node::Test { name, subject, .. } if name == "defined" => {
            eval_if_there(subject, scope).map(|value| Val::Bool(value.is_some()))
        }
        Node::Test { name, subject, args } => {
            let subject = eval(subject, scope)?;
            filters::test(tree, name, &subject, &all(args, scope)?).map(Val::Bool)
        }
        Node::List(items) => all(items, scope).map(Val::list),
        Node::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let Val::Text(name) = eval(key, scope)? else {
                    return Err(EvalError::new(key, "a key must be text"));
                };
                Ok((name.to_string(), eval(value, scope)?))
            });
            Ok(Val::map(entries.collect::<Result<_, _>>()?))
        }
    }
}

fn all(trees: &[Tree], scope: &Scope) -> Result<Vec<Val>, EvalError> {
    trees.iter().map(|tree| eval(tree, scope)).collect()
}

/// The value, or none if its last part is missing: what `default` and `is defined` forgive. Whatever is missing
/// before the last part is an error, since it may be a slip of the pen.
fn eval_if_there(tree: &Tree, scope: &Scope) -> Result<Option<Val>, EvalError> {
    match &tree.node {
        Node::Attr(inner, _) | Node::Item(inner, _) => drop(eval(inner, scope)?),
        Node::Filter { name, subject, .. } if matches!(name.as_str(), "first" | "last" | "min" | "max") => {
            drop(eval(subject, scope)?);
        }
        Node::Name(_) | Node::StepValue { .. } | Node::CheckValue { .. } => {}
        Node::Const(_)
        | Node::Not(_)
        | Node::Neg(_)
        | Node::And(..)
        | Node::Or(..)
        | Node::Math(..)
        | Node::Concat(..)
        | Node::Compare(..)
        | Node::If(..)
        | Node::Filter { .. }
        | Node::Test { .. }
        | Node::List(_)
        | Node::Map(_) => return eval(tree, scope).map(Some),
    }
    match eval(tree, scope) {
        Err(error) if error.missing => Ok(None),
        other => other.map(Some),
    }
}

fn truth(tree: &Tree, scope: &Scope) -> Result<bool, EvalError> {
    match eval(tree, scope)? {
        Val::Bool(value) => Ok(value),
        other @ (Val::Null
        | Val::Int(_)
        | Val::Float(_)
        | Val::Text(_)
        | Val::Secret(_)
        | Val::List(_)
        | Val::Map(_)) => Err(EvalError::new(
            tree,
            format!("expected true or false, found {}", other.noun()),
        )),
    }
}

fn item(tree: &Tree, value: &Val, key: &Val) -> Evaluated {
    match (value, key) {
        (Val::List(items), Val::Int(index)) => {
            let at = if *index < 0 {
                items
                    .len()
                    .checked_add_signed(isize::try_from(*index).unwrap_or(isize::MIN))
            } else {
                usize::try_from(*index).ok()
            };
            at.and_then(|at| items.get(at)).cloned().ok_or_else(|| {
                EvalError::missing(
                    tree,
                    format!("there is no item {index} in a list of {}", items.len()),
                )
            })
        }
        (Val::Map(_) | Val::Null, Val::Text(name)) => attribute(tree, value, name),
        _ => Err(EvalError::new(
            tree,
            format!("{} cannot be looked up in {}", key.noun(), value.noun()),
        )),
    }
}
