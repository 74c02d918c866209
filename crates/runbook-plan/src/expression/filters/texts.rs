//! Filters of texts.

use jiff::Timestamp;
use runbook_schema::duration::parse_duration;

use super::super::Val;
use super::super::budget::weigh;
use super::super::error::{EvalError, Evaluated};
use super::super::evaluation::Evaluation;
use super::super::tree::Tree;
use super::tests_of::regex;
use super::{Arguments, numbers, sql};

pub(super) fn apply(
    evaluation: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    text: &str,
    arguments: &Arguments,
) -> Evaluated {
    let budget = &evaluation.budget;
    let made = |text: String| {
        budget.text(tree, text.len())?;
        Ok(Val::text(text))
    };
    match name {
        "lower" => made(text.to_lowercase()),
        "upper" => made(text.to_uppercase()),
        "trim" => made(text.trim().to_owned()),
        "string" => Ok(Val::text(text)),
        "replace" => {
            let from = arguments.text(tree, 0, "what to replace")?;
            let to = arguments.text(tree, 1, "what to replace it with")?;
            if from.is_empty() {
                return Err(EvalError::new(tree, "what to replace is empty"));
            }
            let count = text.matches(from).count();
            let grown = (text.len() - count * from.len()).saturating_add(count.saturating_mul(to.len()));
            budget.text(tree, grown)?;
            Ok(Val::text(text.replace(from, to)))
        }
        "split" => {
            let separator = arguments.text(tree, 0, "a separator")?;
            if separator.is_empty() {
                return Err(EvalError::new(tree, "the separator is empty"));
            }
            let count = text.matches(separator).count() + 1;
            budget.many(tree, count, text.len())?;
            Ok(Val::list(text.split(separator).map(Val::text).collect()))
        }
        "matches" => {
            let pattern = regex(tree, arguments.text(tree, 0, "a regular expression")?)?;
            Ok(Val::Bool(pattern.is_match(text)))
        }
        "from_json" => json(evaluation, tree, text, "this"),
        "json_lines" => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let values = lines.map(|line| json(evaluation, tree, line, "a line"));
            Ok(Val::list(values.collect::<Result<_, _>>()?))
        }
        "age" => age(evaluation, tree, text),
        "sql_ident" => sql::ident(evaluation, tree, text),
        "duration" => parse_duration(text)
            .map(|length| Val::Float(length.as_secs_f64()))
            .ok_or_else(|| unread(tree, text, "a length of time such as `90s` or `1h30m`")),
        "quantity" => {
            numbers::quantity(text).ok_or_else(|| unread(tree, text, "a quantity such as `512Mi` or `250m`"))
        }
        "percent" => {
            numbers::share(text).ok_or_else(|| unread(tree, text, "a share such as `95 %` or `12.5%`"))
        }
        _ => numbers::of_text(tree, name, text),
    }
}

pub(super) fn unread(tree: &Tree, text: &str, what: &str) -> EvalError {
    EvalError::new(tree, format!("{} is not {what}", Val::text(text).show()))
}

fn json(evaluation: &Evaluation<'_>, tree: &Tree, text: &str, what: &str) -> Evaluated {
    let value = serde_json::from_str::<serde_json::Value>(text)
        .map(|value| Val::from(&value))
        .map_err(|error| EvalError::new(tree, format!("{what} is not JSON: {error}")))?;
    let weight = weigh(&value, usize::MAX).unwrap_or(usize::MAX);
    evaluation.budget.many(tree, 0, weight)?;
    Ok(value)
}

/// How many seconds ago a moment was when the values were read. It is negative for one that was yet to come.
fn age(evaluation: &Evaluation<'_>, tree: &Tree, text: &str) -> Evaluated {
    let moment = text.trim().parse::<Timestamp>().map_err(|_| {
        unread(
            tree,
            text,
            "a time with its offset such as `2024-05-01T12:00:00Z` or `2024-05-01 14:00:00+02:00`",
        )
    })?;
    let Some(instant) = evaluation.instant() else {
        return Err(EvalError::new(
            tree,
            "there is no moment here that an age could be counted to: only a result that was just read has one",
        ));
    };
    Ok(Val::Float(instant.duration_since(moment).as_secs_f64()))
}

/// Whether a text stands for a number, a length of time or a quantity, whose order is not that of its letters.
pub(in super::super) fn is_measure(text: &str) -> bool {
    numbers::quantity(text).is_some() || parse_duration(text).is_some() || numbers::share(text).is_some()
}
