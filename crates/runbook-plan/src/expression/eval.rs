//! What a tree means.

use super::error::{EvalError, Evaluated};
use super::evaluation::Evaluation;
use super::ops::{attribute, concat};
use super::tree::{Node, Tree};
use super::{Val, filters, ops};

pub(super) fn eval(tree: &Tree, on: &Evaluation<'_>) -> Evaluated {
    match &tree.node {
        Node::Const(value) => Ok(value.clone()),
        Node::Name(name) => on
            .scope
            .name(name)
            .ok_or_else(|| EvalError::missing(tree, absent(name, on.scope.why_absent(name)))),
        Node::StepValue { step, name } => on
            .scope
            .step(step, name)
            .ok_or_else(|| EvalError::missing(tree, format!("`steps.{step}.{name}` is not known yet"))),
        Node::CheckValue { check, name } => on
            .scope
            .check(check, name)
            .ok_or_else(|| EvalError::missing(tree, format!("`checks.{check}.{name}` is not known yet"))),
        Node::Attr(inner, name) => attribute(tree, &eval(inner, on)?, name),
        Node::Item(inner, key) => item(tree, &eval(inner, on)?, &eval(key, on)?),
        Node::Not(inner) => Ok(Val::Bool(!truth(inner, on)?)),
        Node::Neg(inner) => ops::negate(tree, &eval(inner, on)?),
        Node::And(left, right) => Ok(Val::Bool(truth(left, on)? && truth(right, on)?)),
        Node::Or(left, right) => Ok(Val::Bool(truth(left, on)? || truth(right, on)?)),
        Node::Math(op, left, right) => ops::math(tree, *op, &eval(left, on)?, &eval(right, on)?),
        Node::Concat(left, right) => {
            let sides = [eval(left, on)?, eval(right, on)?];
            concat(on, tree, &sides)
        }
        Node::Compare(first, rest) => {
            let mut left = eval(first, on)?;
            for (op, right) in rest {
                let right = eval(right, on)?;
                if !ops::compare(on, tree, *op, &left, &right)? {
                    return Ok(Val::Bool(false));
                }
                left = right;
            }
            Ok(Val::Bool(true))
        }
        Node::If(test, yes, no) => eval(if truth(test, on)? { yes } else { no }, on),
        Node::Filter {
            name,
            subject,
            args,
            named,
        } => filter(tree, name, subject, (args, named), on),
        Node::Test { name, subject, .. } if name == "defined" => {
            eval_if_there(subject, on).map(|value| Val::Bool(value.is_some()))
        }
        Node::Test { name, subject, args } => {
            let subject = eval(subject, on)?;
            filters::test(on, tree, name, &subject, &all(args, on)?).map(Val::Bool)
        }
        Node::List(items) => {
            on.budget.many(tree, 1, 0)?;
            let items = items.iter().map(|item| made_of(item, on));
            items.collect::<Result<_, _>>().map(Val::list)
        }
        Node::Map(entries) => {
            on.budget.many(tree, 1, 0)?;
            let entries = entries.iter().map(|(key, value)| {
                let Val::Text(name) = made_of(key, on)? else {
                    return Err(EvalError::new(key, "a key must be text"));
                };
                Ok((name.to_string(), made_of(value, on)?))
            });
            Ok(Val::map(entries.collect::<Result<_, _>>()?))
        }
    }
}

/// A name that is there otherwise, or one that never is.
fn absent(name: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("there is no `{name}`: {why}"),
        None => format!("`{name}` is not known here"),
    }
}

fn filter(
    tree: &Tree,
    name: &str,
    subject: &Tree,
    (args, named): (&[Tree], &[(String, Tree)]),
    on: &Evaluation<'_>,
) -> Evaluated {
    let subject = if name == "default" {
        eval_if_there(subject, on)?.unwrap_or(Val::Null)
    } else {
        eval(subject, on)?
    };
    let args = all(args, on)?;
    let named = named.iter().map(|(name, arg)| Ok((name.clone(), eval(arg, on)?)));
    let named = named.collect::<Result<Vec<_>, EvalError>>()?;
    filters::apply(on, tree, name, subject, &filters::Arguments { args, named })
}

/// A value that becomes part of another.
fn made_of(tree: &Tree, on: &Evaluation<'_>) -> Evaluated {
    let value = eval(tree, on)?;
    on.budget.part(tree, &value)?;
    Ok(value)
}

fn all(trees: &[Tree], on: &Evaluation<'_>) -> Result<Vec<Val>, EvalError> {
    trees.iter().map(|tree| eval(tree, on)).collect()
}

/// The value, or none if its last part is missing: what `default` and `is defined` forgive. Whatever is missing
/// before the last part is an error, since it may be a slip of the pen.
fn eval_if_there(tree: &Tree, on: &Evaluation<'_>) -> Result<Option<Val>, EvalError> {
    match &tree.node {
        Node::Attr(inner, _) | Node::Item(inner, _) => drop(eval(inner, on)?),
        Node::Filter { name, subject, .. }
            if matches!(name.as_str(), "first" | "last" | "min" | "max" | "all_match") =>
        {
            drop(eval(subject, on)?);
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
        | Node::Map(_) => return eval(tree, on).map(Some),
    }
    match eval(tree, on) {
        Err(error) if error.missing => Ok(None),
        other => other.map(Some),
    }
}

fn truth(tree: &Tree, on: &Evaluation<'_>) -> Result<bool, EvalError> {
    match eval(tree, on)? {
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
