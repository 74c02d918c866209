//! Filters and tests.

use std::collections::HashSet;

use regex::Regex;
use runbook_schema::duration::parse_duration;

use super::error::{EvalError, Evaluated, MAX_TEXT};
use super::ops::{attribute, concat, number, order, refuse_secrets};
use super::tree::{Compare, Tree};
use super::{Val, ops};

/// The names of all filters.
pub(super) const FILTERS: &[&str] = &[
    "abs",
    "default",
    "duration",
    "first",
    "float",
    "from_json",
    "int",
    "join",
    "json_lines",
    "keys",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "percent",
    "quantity",
    "reject",
    "rejectattr",
    "replace",
    "round",
    "select",
    "selectattr",
    "sort",
    "split",
    "string",
    "sum",
    "sum_of",
    "trim",
    "unique",
    "upper",
    "values",
];

/// The names of all tests.
pub(super) const TESTS: &[&str] = &[
    "contains",
    "defined",
    "divisibleby",
    "endingwith",
    "eq",
    "equalto",
    "even",
    "ge",
    "gt",
    "in",
    "le",
    "lt",
    "mapping",
    "matches",
    "ne",
    "none",
    "number",
    "odd",
    "sequence",
    "startingwith",
    "string",
    "true",
    "false",
];

/// Whether there is a filter of this name.
#[must_use]
pub fn is_filter(name: &str) -> bool {
    FILTERS.contains(&name)
}

/// Whether there is a test of this name.
#[must_use]
pub fn is_test(name: &str) -> bool {
    TESTS.contains(&name)
}

/// What stands in a filter's parentheses.
pub(super) struct Arguments {
    pub(super) args: Vec<Val>,
    pub(super) named: Vec<(String, Val)>,
}

impl Arguments {
    fn text(&self, tree: &Tree, at: usize, what: &str) -> Result<&str, EvalError> {
        match self.args.get(at) {
            Some(Val::Text(text)) => Ok(text),
            Some(_) | None => Err(EvalError::new(tree, format!("this filter needs {what} as text"))),
        }
    }

    fn named(&self, name: &str) -> Option<&Val> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value)
    }
}

pub(super) fn apply(tree: &Tree, name: &str, subject: Val, arguments: &Arguments) -> Evaluated {
    if name == "default" {
        let otherwise = arguments.args.first().cloned();
        return match subject {
            Val::Null => otherwise.ok_or_else(|| EvalError::new(tree, "`default` needs a value")),
            other @ (Val::Bool(_)
            | Val::Int(_)
            | Val::Float(_)
            | Val::Text(_)
            | Val::Secret(_)
            | Val::List(_)
            | Val::Map(_)) => Ok(other),
        };
    }
    let secret = subject.has_secret() || arguments.args.iter().any(Val::has_secret);
    if secret && !matches!(name, "join" | "list" | "first" | "last") {
        return Err(EvalError::new(
            tree,
            format!("`{name}` would reveal something of a secret"),
        ));
    }
    match name {
        "length" => length(tree, &subject),
        "list" | "first" | "last" | "unique" | "sort" | "min" | "max" | "sum" | "sum_of" | "map" | "join"
        | "select" | "reject" | "selectattr" | "rejectattr" => {
            let Val::List(items) = &subject else {
                return Err(needs(tree, name, "a list", &subject));
            };
            of_list(tree, name, items, arguments)
        }
        "keys" | "values" => {
            let Val::Map(map) = &subject else {
                return Err(needs(tree, name, "a mapping", &subject));
            };
            Ok(Val::list(match name {
                "keys" => map.keys().map(|key| Val::text(key.as_str())).collect(),
                _ => map.values().cloned().collect(),
            }))
        }
        "abs" | "round" | "percent" => of_number(tree, name, &subject, arguments),
        "int" | "float" | "string" => convert(tree, name, &subject),
        _ => {
            let Val::Text(text) = &subject else {
                return Err(needs(tree, name, "text", &subject));
            };
            of_text(tree, name, text, arguments)
        }
    }
}

fn needs(tree: &Tree, filter: &str, what: &str, found: &Val) -> EvalError {
    EvalError::new(tree, format!("`{filter}` needs {what}, found {}", found.noun()))
}

fn length(tree: &Tree, subject: &Val) -> Evaluated {
    let length = match subject {
        Val::List(items) => items.len(),
        Val::Map(map) => map.len(),
        Val::Text(text) => text.chars().count(),
        other @ (Val::Null | Val::Bool(_) | Val::Int(_) | Val::Float(_) | Val::Secret(_)) => {
            return Err(needs(tree, "length", "a list, a mapping or text", other));
        }
    };
    Ok(Val::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn of_list(tree: &Tree, name: &str, items: &[Val], arguments: &Arguments) -> Evaluated {
    let empty = || EvalError::missing(tree, format!("`{name}` of an empty list"));
    match name {
        "first" => items.first().cloned().ok_or_else(empty),
        "last" => items.last().cloned().ok_or_else(empty),
        "unique" => {
            let mut seen = HashSet::new();
            Ok(Val::list(
                items
                    .iter()
                    .filter(|item| seen.insert(item.to_json().to_string()))
                    .cloned()
                    .collect(),
            ))
        }
        "sort" => sorted(tree, items, arguments).map(Val::list),
        "min" => sorted(tree, items, arguments)?.first().cloned().ok_or_else(empty),
        "max" => sorted(tree, items, arguments)?.last().cloned().ok_or_else(empty),
        "sum" => sum(tree, items.iter().cloned()),
        "sum_of" => {
            let attr = arguments.text(tree, 0, "an attribute")?;
            sum(
                tree,
                items
                    .iter()
                    .map(|item| attribute(tree, item, attr))
                    .collect::<Result<Vec<_>, _>>()?,
            )
        }
        "map" => {
            let Some(Val::Text(attr)) = arguments.named("attribute") else {
                return Err(EvalError::new(tree, "`map` needs `attribute=\"NAME\"`"));
            };
            Ok(Val::list(
                items
                    .iter()
                    .map(|item| attribute(tree, item, attr))
                    .collect::<Result<_, _>>()?,
            ))
        }
        "join" => {
            let separator = arguments.args.first().cloned().unwrap_or_else(|| Val::text(""));
            let mut parts = Vec::new();
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    parts.push(separator.clone());
                }
                parts.push(item.clone());
            }
            concat(tree, &parts)
        }
        "select" | "reject" | "selectattr" | "rejectattr" => {
            keep(tree, items, &selection(tree, name, arguments)?)
        }
        _ => Ok(Val::list(items.to_vec())),
    }
}

fn selection<'a>(tree: &Tree, name: &str, arguments: &'a Arguments) -> Result<Selection<'a>, EvalError> {
    let attribute = if name.ends_with("attr") {
        Some(arguments.text(tree, 0, "an attribute")?)
    } else {
        None
    };
    let rest = arguments
        .args
        .get(usize::from(attribute.is_some())..)
        .unwrap_or_default();
    let test = match rest {
        [] => None,
        [Val::Text(test), args @ ..] if is_test(test) => Some((&**test, args)),
        _ => return Err(EvalError::new(tree, format!("`{name}` needs the name of a test"))),
    };
    Ok(Selection {
        wanted: name.starts_with("select"),
        attribute,
        test,
    })
}

/// The items whose subject (the item, or an attribute of it) passes a test, or does not.
fn keep(tree: &Tree, items: &[Val], by: &Selection<'_>) -> Evaluated {
    // A pattern is read once, however many items there are.
    let pattern = match by.test {
        Some(("matches", [Val::Text(pattern), ..])) => Some(regex(tree, pattern)?),
        Some(_) | None => None,
    };
    let mut kept = Vec::new();
    for item in items {
        let subject = match by.attribute {
            Some(name) => attribute(tree, item, name)?,
            None => item.clone(),
        };
        let passes = match by.test {
            Some((name, args)) => match (&pattern, &subject) {
                (Some(pattern), Val::Text(text)) => pattern.is_match(text),
                (Some(_) | None, _) => test(tree, name, &subject, args)?,
            },
            None => truth(tree, "select", &subject)?,
        };
        if passes == by.wanted {
            kept.push(item.clone());
        }
    }
    Ok(Val::list(kept))
}

/// The boolean that a value is. Nothing else counts as one.
fn truth(tree: &Tree, name: &str, value: &Val) -> Result<bool, EvalError> {
    if let Val::Bool(value) = value {
        Ok(*value)
    } else {
        Err(needs(tree, name, "true or false", value))
    }
}

struct Selection<'a> {
    wanted: bool,
    attribute: Option<&'a str>,
    test: Option<(&'a str, &'a [Val])>,
}

fn sorted(tree: &Tree, items: &[Val], arguments: &Arguments) -> Result<Vec<Val>, EvalError> {
    let key = |item: &Val| match arguments.named("attribute") {
        Some(Val::Text(attr)) => attribute(tree, item, attr),
        Some(_) => Err(EvalError::new(tree, "`attribute` must be text")),
        None => Ok(item.clone()),
    };
    let mut keyed = items
        .iter()
        .map(|item| Ok((key(item)?, item.clone())))
        .collect::<Result<Vec<_>, EvalError>>()?;
    let mut wrong = None;
    keyed.sort_by(|(a, _), (b, _)| {
        order(tree, a, b).unwrap_or_else(|error| {
            wrong.get_or_insert(error);
            std::cmp::Ordering::Equal
        })
    });
    match wrong {
        Some(error) => Err(error),
        None => Ok(keyed.into_iter().map(|(_, item)| item).collect()),
    }
}

fn sum(tree: &Tree, items: impl IntoIterator<Item = Val>) -> Evaluated {
    items.into_iter().try_fold(Val::Int(0), |sum, item| {
        ops::math(tree, super::tree::Math::Add, &sum, &item)
    })
}

fn of_number(tree: &Tree, name: &str, subject: &Val, arguments: &Arguments) -> Evaluated {
    let value = number(subject).ok_or_else(|| needs(tree, name, "a number", subject))?;
    match (name, subject) {
        ("abs", Val::Int(value)) => Ok(Val::Int(value.saturating_abs())),
        ("abs", _) => Ok(Val::Float(value.abs())),
        ("percent", _) => Ok(Val::text(format!("{:.1} %", value * 100.0))),
        _ => {
            let digits = match arguments.args.first() {
                Some(Val::Int(digits)) => i32::try_from(*digits).unwrap_or(0).clamp(0, 15),
                Some(_) | None => 0,
            };
            let scale = 10f64.powi(digits);
            let rounded = (value * scale).round() / scale;
            if digits == 0 {
                whole(tree, rounded)
            } else {
                Ok(Val::Float(rounded))
            }
        }
    }
}

/// A float without a fraction as a whole number.
fn whole(tree: &Tree, value: f64) -> Evaluated {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    if value.abs() > LIMIT {
        return Err(EvalError::new(tree, "the number is too large to be whole"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the range in which doubles are exact"
    )]
    Ok(Val::Int(value.trunc() as i64))
}

fn convert(tree: &Tree, name: &str, subject: &Val) -> Evaluated {
    let wrong = || EvalError::new(tree, format!("`{name}` cannot read {}", subject.show()));
    match (name, subject) {
        ("string", _) => concat(tree, std::slice::from_ref(subject)),
        ("int", Val::Int(_)) | ("float", Val::Float(_)) => Ok(subject.clone()),
        ("int", Val::Float(value)) => whole(tree, *value),
        ("int", Val::Text(text)) => text.trim().parse().map(Val::Int).map_err(|_| wrong()),
        ("float", Val::Int(_)) => number(subject).map(Val::Float).ok_or_else(wrong),
        ("float", Val::Text(text)) => text
            .trim()
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())
            .map(Val::Float)
            .ok_or_else(wrong),
        _ => Err(wrong()),
    }
}

fn of_text(tree: &Tree, name: &str, text: &str, arguments: &Arguments) -> Evaluated {
    let unread = |what: &str| EvalError::new(tree, format!("{text:?} is not {what}"));
    match name {
        "lower" => Ok(Val::text(text.to_lowercase())),
        "upper" => Ok(Val::text(text.to_uppercase())),
        "trim" => Ok(Val::text(text.trim())),
        "replace" => {
            let from = arguments.text(tree, 0, "what to replace")?;
            let to = arguments.text(tree, 1, "what to replace it with")?;
            if from.is_empty() || text.len() / from.len().max(1) * to.len() > MAX_TEXT {
                return Err(EvalError::new(
                    tree,
                    "this `replace` would make a text that is too long",
                ));
            }
            Ok(Val::text(text.replace(from, to)))
        }
        "split" => {
            let separator = arguments.text(tree, 0, "a separator")?;
            Ok(Val::list(text.split(separator).map(Val::text).collect()))
        }
        "from_json" => serde_json::from_str::<serde_json::Value>(text)
            .map(|value| Val::from(&value))
            .map_err(|error| EvalError::new(tree, format!("this is not JSON: {error}"))),
        "json_lines" => {
            let lines = text.lines().filter(|line| !line.trim().is_empty());
            let values = lines.map(|line| {
                serde_json::from_str::<serde_json::Value>(line)
                    .map(|value| Val::from(&value))
                    .map_err(|error| EvalError::new(tree, format!("a line is not JSON: {error}")))
            });
            Ok(Val::list(values.collect::<Result<_, _>>()?))
        }
        "duration" => parse_duration(text)
            .map(|length| Val::Float(length.as_secs_f64()))
            .ok_or_else(|| unread("a length of time")),
        "quantity" => quantity(text)
            .map(Val::Float)
            .ok_or_else(|| unread("a quantity such as `512Mi` or `250m`")),
        _ => Err(EvalError::new(tree, format!("there is no filter `{name}`"))),
    }
}

/// A quantity as Kubernetes writes it: a number and a decimal or binary unit.
fn quantity(text: &str) -> Option<f64> {
    const UNITS: &[(&str, f64)] = &[
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("Ti", 1_099_511_627_776.0),
        ("m", 0.001),
        ("k", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)))
        .unwrap_or((text, 1.0));
    digits
        .parse::<f64>()
        .ok()
        .filter(|value| value.is_finite())
        .map(|value| value * factor)
}

pub(super) fn test(tree: &Tree, name: &str, subject: &Val, args: &[Val]) -> Result<bool, EvalError> {
    if name == "none" {
        return Ok(*subject == Val::Null);
    }
    let operand = || {
        args.first()
            .ok_or_else(|| EvalError::new(tree, format!("the test `{name}` needs a value")))
    };
    let compare = |op| ops::compare(tree, op, subject, operand()?);
    refuse_secrets(tree, subject, &Val::Null)?;
    match name {
        "eq" | "equalto" => compare(Compare::Eq),
        "ne" => compare(Compare::Ne),
        "lt" => compare(Compare::Lt),
        "le" => compare(Compare::Le),
        "gt" => compare(Compare::Gt),
        "ge" => compare(Compare::Ge),
        "in" => compare(Compare::In),
        "contains" => ops::compare(tree, Compare::In, operand()?, subject),
        "true" | "false" => truth(tree, name, subject).map(|value| value == (name == "true")),
        "number" => Ok(number(subject).is_some()),
        "string" => Ok(matches!(subject, Val::Text(_))),
        "sequence" => Ok(matches!(subject, Val::List(_))),
        "mapping" => Ok(matches!(subject, Val::Map(_))),
        "odd" | "even" | "divisibleby" => {
            let Val::Int(value) = subject else {
                return Err(needs(tree, name, "a whole number", subject));
            };
            let by = match (name, args.first()) {
                ("divisibleby", Some(Val::Int(by))) if *by != 0 => *by,
                ("divisibleby", _) => return Err(EvalError::new(tree, "`divisibleby` needs a whole number")),
                _ => 2,
            };
            Ok((value.rem_euclid(by) == 0) != (name == "odd"))
        }
        _ => of_texts(tree, name, subject, operand()?),
    }
}

fn regex(tree: &Tree, pattern: &str) -> Result<Regex, EvalError> {
    Regex::new(pattern)
        .map_err(|error| EvalError::new(tree, format!("this is not a regular expression: {error}")))
}

fn of_texts(tree: &Tree, name: &str, subject: &Val, operand: &Val) -> Result<bool, EvalError> {
    let (Val::Text(text), Val::Text(other)) = (subject, operand) else {
        let wrong = if matches!(subject, Val::Text(_)) {
            operand
        } else {
            subject
        };
        return Err(needs(tree, name, "text", wrong));
    };
    match name {
        "startingwith" => Ok(text.starts_with(&**other)),
        "endingwith" => Ok(text.ends_with(&**other)),
        _ => regex(tree, other).map(|pattern| pattern.is_match(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::ops::same;
    use super::*;

    #[test]
    fn quantities() {
        assert_eq!(quantity("512Mi"), Some(536_870_912.0));
        assert_eq!(quantity("250m"), Some(0.25));
        assert_eq!(quantity("2"), Some(2.0));
        assert_eq!(quantity("many"), None);
    }

    #[test]
    fn equal_at_any_depth() {
        assert!(same(
            &Val::list(vec![Val::Int(1)]),
            &Val::list(vec![Val::Float(1.0)])
        ));
    }
}
