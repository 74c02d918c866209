//! Tests: what stands behind `is`.

use regex::{Regex, RegexBuilder};

use super::super::Val;
use super::super::error::EvalError;
use super::super::evaluation::Evaluation;
use super::super::kind::Kind;
use super::super::ops::{self, number, refuse_secrets};
use super::super::tree::{Compare, Tree};
use super::{needs, test_of};

pub(in super::super) fn test(
    on: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    subject: &Val,
    args: &[Val],
) -> Result<bool, EvalError> {
    if name != "none" {
        refuse_secrets(tree, subject, args.first().unwrap_or(&Val::Null))?;
    }
    ask(on, tree, name, subject, args)
}

/// The same where it is known that no secret is among the values.
pub(super) fn ask(
    on: &Evaluation<'_>,
    tree: &Tree,
    name: &str,
    subject: &Val,
    args: &[Val],
) -> Result<bool, EvalError> {
    if name == "none" {
        return Ok(*subject == Val::Null);
    }
    let Some(known) = test_of(name) else {
        return Err(EvalError::new(tree, format!("there is no test `{name}`")));
    };
    let operand = || {
        args.first()
            .ok_or_else(|| EvalError::new(tree, format!("the test `{name}` needs a value")))
    };
    let compare = |op| ops::compare_values(on, tree, op, subject, operand()?);
    match name {
        "eq" | "equalto" => return compare(Compare::Eq),
        "ne" => return compare(Compare::Ne),
        "lt" => return compare(Compare::Lt),
        "le" => return compare(Compare::Le),
        "gt" => return compare(Compare::Gt),
        "ge" => return compare(Compare::Ge),
        "in" => return compare(Compare::In),
        _ if known.subject.is_empty() || known.subject.contains(&Kind::of(subject)) => {}
        _ => return Err(needs(tree, name, known.subject, subject)),
    }
    match name {
        "contains" => ops::contains(on, tree, subject, operand()?),
        "true" | "false" => truth(tree, name, subject).map(|value| value == (name == "true")),
        "number" => Ok(number(subject).is_some()),
        "string" => Ok(matches!(subject, Val::Text(_))),
        "sequence" => Ok(matches!(subject, Val::List(_))),
        "mapping" => Ok(matches!(subject, Val::Map(_))),
        "odd" | "even" | "divisibleby" => divides(tree, name, subject, args),
        _ => of_texts(tree, name, subject, operand()?),
    }
}

/// The boolean that a value is. Nothing else counts as one.
pub(super) fn truth(tree: &Tree, name: &str, value: &Val) -> Result<bool, EvalError> {
    if let Val::Bool(value) = value {
        Ok(*value)
    } else {
        Err(needs(tree, name, &[Kind::Bool], value))
    }
}

fn divides(tree: &Tree, name: &str, subject: &Val, args: &[Val]) -> Result<bool, EvalError> {
    let Val::Int(value) = subject else {
        let message = format!("`{name}` needs a whole number, found {}", subject.show());
        return Err(EvalError::new(tree, message));
    };
    let by = match (name, args.first()) {
        ("divisibleby", Some(Val::Int(by))) if *by != 0 => *by,
        ("divisibleby", _) => {
            return Err(EvalError::new(
                tree,
                "`divisibleby` needs a whole number other than 0",
            ));
        }
        _ => 2,
    };
    // The least number by -1 is beyond 64 bits, and anything is divisible by that.
    let divides = value.checked_rem_euclid(by).is_none_or(|rest| rest == 0);
    Ok(divides != (name == "odd"))
}

/// How large a regular expression may be that is compiled only to see whether it can be read.
const GLANCE: usize = 16 << 10;

pub(super) fn regex(tree: &Tree, pattern: &str) -> Result<Regex, EvalError> {
    Regex::new(pattern).map_err(|error| EvalError::new(tree, wrong_regex(&error)))
}

/// Why a text is no regular expression, if it is none. One that is large is taken for good: a file could hold
/// a hundred thousand of them.
pub(super) fn look_at_regex(pattern: &str) -> Result<(), String> {
    match RegexBuilder::new(pattern).size_limit(GLANCE).build() {
        Ok(_) | Err(regex::Error::CompiledTooBig(_)) => Ok(()),
        Err(error) => Err(wrong_regex(&error)),
    }
}

/// Why it is none, on one line: the last tells why, those before draw an arrow below the pattern.
fn wrong_regex(error: &regex::Error) -> String {
    let reason = error.to_string();
    let last = reason.lines().last().unwrap_or_default();
    format!(
        "this is not a regular expression: {}",
        last.trim_start_matches("error: ")
    )
}

fn of_texts(tree: &Tree, name: &str, subject: &Val, operand: &Val) -> Result<bool, EvalError> {
    let (Val::Text(text), Val::Text(other)) = (subject, operand) else {
        let wrong = if matches!(subject, Val::Text(_)) {
            operand
        } else {
            subject
        };
        return Err(needs(tree, name, &[Kind::Text], wrong));
    };
    match name {
        "startingwith" => Ok(text.starts_with(&**other)),
        "endingwith" => Ok(text.ends_with(&**other)),
        _ => regex(tree, other).map(|pattern| pattern.is_match(text)),
    }
}
