//! Filters of lists.

use std::cmp::Ordering;
use std::collections::HashSet;

use regex::Regex;
use serde_json::Value;

use super::super::Val;
use super::super::error::{EvalError, Evaluated};
use super::super::evaluation::Evaluation;
use super::super::ops::{self, attribute, concat, order};
use super::super::tree::{Math, Tree};
use super::tests_of::{self, regex};
use super::{Arguments, is_test};

pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    items: &[Val],
    arguments: &Arguments,
) -> Evaluated {
    let empty = || EvalError::missing(tree, format!("`{name}` of an empty list"));
    match name {
        "first" => items.first().cloned().ok_or_else(empty),
        "last" => items.last().cloned().ok_or_else(empty),
        "unique" => Ok(unique(items)),
        "sort" => sorted(tree, items, arguments).map(Val::list),
        "min" => sorted(tree, items, arguments)?.first().cloned().ok_or_else(empty),
        "max" => sorted(tree, items, arguments)?.last().cloned().ok_or_else(empty),
        "sum" => match arguments.attribute(tree)? {
            Some(name) => sum(tree, parts(tree, items, name)),
            None => sum(tree, items.iter().cloned().map(Ok)),
        },
        "sum_of" => sum(tree, parts(tree, items, arguments.text(tree, 0, "an attribute")?)),
        "map" => map(evaluation, tree, items, arguments),
        "join" => {
            let separator = arguments.args.first().cloned().unwrap_or_else(|| Val::text(""));
            let parts = items
                .iter()
                .enumerate()
                .flat_map(|(at, item)| [(at > 0).then_some(&separator), Some(item)])
                .flatten();
            concat(evaluation, tree, parts)
        }
        "all_match" => {
            let by = Selection::read(tree, name, arguments)?;
            if items.is_empty() {
                return Err(empty());
            }
            Ok(Val::Bool(by.keep(evaluation, tree, items)?.len() == items.len()))
        }
        "select" | "reject" | "selectattr" | "rejectattr" => Selection::read(tree, name, arguments)?
            .keep(evaluation, tree, items)
            .map(Val::list),
        _ => Ok(Val::list(items.to_vec())),
    }
}

/// A part of an item: the attribute of this name, or what a path such as `metadata.name` leads to. That it is
/// not there is never forgiven: one such item among many would be overlooked.
fn part(tree: &Tree, item: &Val, path: &str) -> Evaluated {
    let whole = attribute(tree, item, path);
    if whole.is_ok() || !path.contains('.') {
        return whole.map_err(EvalError::for_good);
    }
    path.split('.')
        .try_fold(item.clone(), |item, name| attribute(tree, &item, name))
        .map_err(EvalError::for_good)
}

fn parts<'a>(tree: &'a Tree, items: &'a [Val], path: &'a str) -> impl Iterator<Item = Evaluated> + 'a {
    items.iter().map(move |item| part(tree, item, path))
}

fn map(evaluation: &Evaluation<'_>, tree: &Tree, items: &[Val], arguments: &Arguments) -> Evaluated {
    if let Some(path) = arguments.attribute(tree)? {
        return parts(tree, items, path).collect::<Result<_, _>>().map(Val::list);
    }
    let Some((Val::Text(filter), args)) = arguments.args.split_first() else {
        return Err(EvalError::new(
            tree,
            "`map` needs `attribute=\"NAME\"` or the name of a filter",
        ));
    };
    let arguments = Arguments {
        args: args.to_vec(),
        named: Vec::new(),
    };
    items
        .iter()
        .map(|item| {
            super::apply(evaluation, tree, filter, item.clone(), &arguments).map_err(EvalError::for_good)
        })
        .collect::<Result<_, _>>()
        .map(Val::list)
}

/// Each item once, in the order of their first appearance.
fn unique(items: &[Val]) -> Val {
    let mut seen = HashSet::new();
    let kept = items
        .iter()
        .filter(|item| seen.insert(canonical(item.to_json()).to_string()));
    Val::list(kept.cloned().collect())
}

/// A fraction without a fraction is the whole number that it equals.
fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) => match number.as_f64().and_then(ops::to_whole) {
            Some(whole) if number.is_f64() => whole.into(),
            Some(_) | None => Value::Number(number),
        },
        Value::Array(items) => items.into_iter().map(canonical).collect(),
        Value::Object(map) => {
            let mut entries: Vec<_> = map
                .into_iter()
                .map(|(key, value)| (key, canonical(value)))
                .collect();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            Value::Object(entries.into_iter().collect())
        }
        other @ (Value::Null | Value::Bool(_) | Value::String(_)) => other,
    }
}

fn sorted(tree: &Tree, items: &[Val], arguments: &Arguments) -> Result<Vec<Val>, EvalError> {
    let path = arguments.attribute(tree)?;
    let key = |item: &Val| path.map_or_else(|| Ok(item.clone()), |path| part(tree, item, path));
    let mut keyed = items
        .iter()
        .map(|item| Ok((key(item)?, item.clone())))
        .collect::<Result<Vec<_>, EvalError>>()?;
    // A list of one is as strict as a longer one: what cannot be ordered has no greatest.
    if let [(only, _)] = keyed.as_slice() {
        order(tree, only, only)?;
    }
    let mut wrong = None;
    keyed.sort_by(|(a, _), (b, _)| {
        order(tree, a, b).unwrap_or_else(|error| {
            wrong.get_or_insert(error);
            Ordering::Equal
        })
    });
    match wrong {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn sum(tree: &Tree, items: impl Iterator<Item = Evaluated>) -> Evaluated {
    let mut sum = Val::Int(0);
    for item in items {
        sum = ops::math(tree, Math::Add, &sum, &item?)?;
    }
    Ok(sum)
}

/// Which items are meant: those whose subject (the item, or a part of it) passes a test, or does not.
struct Selection<'a> {
    name: &'a str,
    wanted: bool,
    attribute: Option<&'a str>,
    test: Option<(&'a str, &'a [Val])>,
    /// A pattern is read once, however many items there are.
    pattern: Option<Regex>,
}

impl<'a> Selection<'a> {
    fn read(tree: &Tree, name: &'a str, arguments: &'a Arguments) -> Result<Self, EvalError> {
        let (attribute, from) = if name.ends_with("attr") {
            (Some(arguments.text(tree, 0, "an attribute")?), 1)
        } else {
            (arguments.attribute(tree)?, 0)
        };
        let test = match arguments.args.get(from..).unwrap_or_default() {
            [] => None,
            [Val::Text(test), args @ ..] if is_test(test) => Some((&**test, args)),
            _ => return Err(EvalError::new(tree, format!("`{name}` needs the name of a test"))),
        };
        let pattern = match test {
            Some(("matches", [Val::Text(pattern), ..])) => Some(regex(tree, pattern)?),
            Some(_) | None => None,
        };
        Ok(Self {
            name,
            wanted: !name.starts_with("reject"),
            attribute,
            test,
            pattern,
        })
    }

    fn keep(&self, evaluation: &Evaluation<'_>, tree: &Tree, items: &[Val]) -> Result<Vec<Val>, EvalError> {
        let mut kept = Vec::new();
        for item in items {
            let subject = match self.attribute {
                Some(path) => part(tree, item, path)?,
                None => item.clone(),
            };
            let passes = match self.test {
                Some((name, args)) => match (&self.pattern, &subject) {
                    (Some(pattern), Val::Text(text)) => pattern.is_match(text),
                    (Some(_) | None, _) => tests_of::ask(evaluation, tree, name, &subject, args)?,
                },
                None => tests_of::truth(tree, self.name, &subject)?,
            };
            if passes == self.wanted {
                kept.push(item.clone());
            }
        }
        Ok(kept)
    }
}
