//! Filters and tests.
//!
//! What each takes is in [`table`]. [`reading`] holds an expression against it as it is read; what it does is
//! in the module of what it works on.

mod lists;
mod numbers;
mod reading;
mod sql;
mod table;
mod tests_of;
mod texts;

use super::Val;
use super::error::{EvalError, Evaluated};
use super::evaluation::Evaluation;
use super::kind::Kind;
use super::tree::Tree;

pub(super) use self::reading::{check_filter, check_test};
pub(super) use self::tests_of::test;
pub(super) use self::texts::is_measure;

/// Whether there is a filter of this name.
#[must_use]
pub fn is_filter(name: &str) -> bool {
    filter_of(name).is_some()
}

/// Whether there is a test of this name.
#[must_use]
pub fn is_test(name: &str) -> bool {
    test_of(name).is_some()
}

/// The names of all filters.
pub(super) fn filter_names() -> impl Iterator<Item = &'static str> + Clone {
    table::FILTERS.iter().map(|filter| filter.name)
}

/// The names of all tests.
pub(super) fn test_names() -> impl Iterator<Item = &'static str> + Clone {
    table::TESTS.iter().map(|test| test.name)
}

fn filter_of(name: &str) -> Option<&'static table::Filter> {
    table::FILTERS.iter().find(|filter| filter.name == name)
}

fn test_of(name: &str) -> Option<&'static table::Test> {
    table::TESTS.iter().find(|test| test.name == name)
}

/// What a filter always gives.
pub(super) fn gives(name: &str) -> Option<Kind> {
    filter_of(name)?.gives
}

/// Whether a filter passes a secret on as it is. Any other tells something of it.
pub(super) fn keeps_secrets(name: &str) -> bool {
    matches!(
        name,
        "join" | "list" | "first" | "last" | "default" | "sql_literal"
    )
}

/// What stands in a filter's parentheses.
#[derive(Default)]
pub(super) struct Arguments {
    pub(super) args: Vec<Val>,
    pub(super) named: Vec<(String, Val)>,
}

impl Arguments {
    fn text(&self, tree: &Tree, at: usize, what: &str) -> Result<&str, EvalError> {
        match self.args.get(at) {
            Some(Val::Text(text)) => Ok(text),
            Some(other) => Err(EvalError::new(
                tree,
                format!("{what} must be text, found {}", other.noun()),
            )),
            None => Err(EvalError::new(tree, format!("this filter needs {what}"))),
        }
    }

    /// `attribute="NAME"`.
    fn attribute(&self, tree: &Tree) -> Result<Option<&str>, EvalError> {
        match self.named.iter().find(|(known, _)| known == "attribute") {
            Some((_, Val::Text(name))) => Ok(Some(name)),
            Some((_, other)) => Err(EvalError::new(
                tree,
                format!("`attribute` must be text, found {}", other.noun()),
            )),
            None => Ok(None),
        }
    }

    fn have_secret(&self) -> bool {
        let named = self.named.iter().map(|(_, value)| value);
        self.args.iter().chain(named).any(Val::has_secret)
    }
}

pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    subject: Val,
    arguments: &Arguments,
) -> Evaluated {
    if name == "default" {
        let otherwise = || arguments.args.first().cloned();
        return match subject {
            Val::Null => otherwise().ok_or_else(|| EvalError::new(tree, "`default` needs a value")),
            other @ (Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Text(_)
            | Val::Secret(_)
            | Val::List(_)
            | Val::Map(_)) => Ok(other),
        };
    }
    if !keeps_secrets(name) && (subject.has_secret() || arguments.have_secret()) {
        return Err(EvalError::new(
            tree,
            format!("`{name}` would reveal something of a secret"),
        ));
    }
    let Some(filter) = filter_of(name) else {
        return Err(EvalError::new(tree, format!("there is no filter `{name}`")));
    };
    let fits = filter.subject.contains(&Kind::of(&subject));
    if !fits && !filter.subject.is_empty() {
        return Err(needs(tree, name, filter.subject, &subject));
    }
    match (name, &subject) {
        ("sql_literal", _) => sql::literal(evaluation, tree, &subject),
        ("length", _) => length(tree, &subject),
        ("contains", _) => {
            let what = arguments.args.first().unwrap_or(&Val::Null);
            super::ops::contains(evaluation, tree, &subject, what).map(Val::Bool)
        }
        (_, Val::List(items)) => lists::apply(evaluation, tree, name, items, arguments),
        ("keys", Val::Map(map)) => Ok(Val::list(map.keys().map(|key| Val::text(key.as_str())).collect())),
        (_, Val::Map(map)) => Ok(Val::list(map.values().cloned().collect())),
        (_, Val::Text(text)) => texts::apply(evaluation, tree, name, text, arguments),
        (_, Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Secret(_)) => {
            numbers::apply(evaluation, tree, name, &subject, arguments)
        }
    }
}

/// That something else is needed to work on.
fn needs(tree: &Tree, name: &str, wanted: &[Kind], found: &Val) -> EvalError {
    EvalError::new(tree, wanted_but(name, wanted, found.noun()))
}

/// The same as a sentence.
fn wanted_but(name: &str, wanted: &[Kind], found: &str) -> String {
    let unit = match name {
        "duration" => " with a unit such as `90s`",
        "age" => " that is a time such as `2024-05-01T12:00:00Z`",
        _ => "",
    };
    format!("`{name}` needs {}{unit}, found {found}", one_of(wanted))
}

/// “a list, a mapping or text”
fn one_of(kinds: &[Kind]) -> String {
    match kinds {
        [] => "a value".to_owned(),
        [only] => only.noun().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(|kind| kind.noun()).collect();
            format!("{} or {}", first.join(", "), last.noun())
        }
    }
}

fn length(tree: &Tree, subject: &Val) -> Evaluated {
    let length = match subject {
        Val::List(items) => items.len(),
        Val::Map(map) => map.len(),
        Val::Text(text) => text.chars().count(),
        Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Secret(_) => {
            return Err(EvalError::new(tree, format!("{} has no length", subject.noun())));
        }
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}
