//! Attributes, arithmetic, comparison and joining, without silent conversions.

use std::cmp::Ordering;

use runbook_action::{Segment, Text};

use super::Val;
use super::budget::MAX_TEXT;
use super::error::{EvalError, Evaluated};
use super::evaluation::Evaluation;
use super::filters::is_measure;
use super::tree::{Compare, Math, Tree};

pub(super) fn negate(tree: &Tree, value: &Val) -> Evaluated {
    match value {
        Val::Int(value) => value.checked_neg().map(Val::Int).ok_or_else(|| overflow(tree)),
        Val::Float(value) => Ok(Val::Float(-value)),
        other @ (Val::Null | Val::Bool(_) | Val::Text(_) | Val::Secret(_) | Val::List(_) | Val::Map(_)) => {
            Err(EvalError::new(
                tree,
                format!("`-` needs a number, found {}", other.noun()),
            ))
        }
    }
}

pub(super) fn math(tree: &Tree, op: Math, left: &Val, right: &Val) -> Evaluated {
    match (left, right) {
        (Val::Int(a), Val::Int(b)) => whole(tree, op, *a, *b),
        _ => {
            if let (Some(a), Some(b)) = (number(left), number(right)) {
                float(tree, op, a, b)
            } else {
                let hint = if op == Math::Add {
                    "; join texts with `~`"
                } else {
                    ""
                };
                let (left, right) = (left.noun(), right.noun());
                Err(EvalError::new(
                    tree,
                    format!("arithmetic needs numbers, found {left} and {right}{hint}"),
                ))
            }
        }
    }
}

fn whole(tree: &Tree, op: Math, a: i64, b: i64) -> Evaluated {
    if b == 0 && matches!(op, Math::Div | Math::FloorDiv | Math::Rem) {
        return Err(EvalError::new(tree, "division by zero"));
    }
    let value = match op {
        Math::Add => a.checked_add(b),
        Math::Sub => a.checked_sub(b),
        Math::Mul => a.checked_mul(b),
        Math::Div => return float(tree, op, to_float(a), to_float(b)),
        Math::FloorDiv => a.checked_div_euclid(b),
        Math::Rem => a.checked_rem_euclid(b),
        Math::Pow => u32::try_from(b).ok().and_then(|b| a.checked_pow(b)),
    };
    value.map(Val::Int).ok_or_else(|| overflow(tree))
}

fn float(tree: &Tree, op: Math, a: f64, b: f64) -> Evaluated {
    if b == 0.0 && matches!(op, Math::Div | Math::FloorDiv | Math::Rem) {
        return Err(EvalError::new(tree, "division by zero"));
    }
    let value = match op {
        Math::Add => a + b,
        Math::Sub => a - b,
        Math::Mul => a * b,
        Math::Div => a / b,
        Math::FloorDiv => a.div_euclid(b).floor(),
        Math::Rem => a.rem_euclid(b),
        Math::Pow => a.powf(b),
    };
    if value.is_finite() {
        Ok(Val::Float(value))
    } else {
        Err(overflow(tree))
    }
}

pub(super) fn overflow(tree: &Tree) -> EvalError {
    EvalError::new(tree, "the result is not a number of the language")
}

pub(super) fn number(value: &Val) -> Option<f64> {
    match value {
        Val::Int(value) => Some(to_float(*value)),
        Val::Float(value) => Some(*value),
        Val::Null | Val::Bool(_) | Val::Text(_) | Val::Secret(_) | Val::List(_) | Val::Map(_) => None,
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a number of the language is compared as a double when mixed"
)]
const fn to_float(value: i64) -> f64 {
    value as f64
}

pub(super) fn compare(
    on: &Evaluation<'_>,
    tree: &Tree,
    op: Compare,
    left: &Val,
    right: &Val,
) -> Result<bool, EvalError> {
    refuse_secrets(tree, left, right)?;
    compare_values(on, tree, op, left, right)
}

/// The same where it is known that no secret is among the values.
pub(super) fn compare_values(
    on: &Evaluation<'_>,
    tree: &Tree,
    op: Compare,
    left: &Val,
    right: &Val,
) -> Result<bool, EvalError> {
    match op {
        Compare::Eq => equal(tree, left, right),
        Compare::Ne => equal(tree, left, right).map(|equal| !equal),
        Compare::Lt => order(tree, left, right).map(Ordering::is_lt),
        Compare::Le => order(tree, left, right).map(Ordering::is_le),
        Compare::Gt => order(tree, left, right).map(Ordering::is_gt),
        Compare::Ge => order(tree, left, right).map(Ordering::is_ge),
        Compare::In => contains(on, tree, right, left),
        Compare::NotIn => contains(on, tree, right, left).map(|contains| !contains),
    }
}

/// Equality, at any depth. Values of unlike types are an error and not unequal, since a `!=` would pass by
/// accident; null may be compared with anything.
fn equal(tree: &Tree, left: &Val, right: &Val) -> Result<bool, EvalError> {
    match (left, right) {
        (Val::Null, other) | (other, Val::Null) => Ok(*other == Val::Null),
        (Val::Bool(a), Val::Bool(b)) => Ok(a == b),
        (Val::Text(a), Val::Text(b)) => Ok(a == b),
        // All that stands side by side is compared, so that an error does not depend on what stands before it.
        (Val::List(a), Val::List(b)) => a
            .iter()
            .zip(b.iter())
            .try_fold(a.len() == b.len(), |so_far, (a, b)| {
                Ok(equal(tree, a, b)? && so_far)
            }),
        (Val::Map(a), Val::Map(b)) => a.iter().try_fold(a.len() == b.len(), |so_far, (key, a)| {
            Ok(match b.get(key) {
                Some(b) => equal(tree, a, b)? && so_far,
                None => false,
            })
        }),
        _ => order_of_numbers(left, right)
            .map(Ordering::is_eq)
            .ok_or_else(|| unlike(tree, left, right)),
    }
}

/// The order of two numbers by their values: a whole number is not rounded to be compared with a fraction.
fn order_of_numbers(left: &Val, right: &Val) -> Option<Ordering> {
    match (left, right) {
        (Val::Int(a), Val::Int(b)) => Some(a.cmp(b)),
        (Val::Float(a), Val::Float(b)) => a.partial_cmp(b),
        (Val::Int(a), Val::Float(b)) => order_mixed(*a, *b),
        (Val::Float(a), Val::Int(b)) => order_mixed(*b, *a).map(Ordering::reverse),
        _ => None,
    }
}

fn order_mixed(whole: i64, other: f64) -> Option<Ordering> {
    // Beyond these all doubles are whole, and greater or less than all whole numbers of 64 bits.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if other.is_nan() {
        return None;
    }
    if other >= LIMIT {
        return Some(Ordering::Less);
    }
    if other < -LIMIT {
        return Some(Ordering::Greater);
    }
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 64 bits")]
    let floor = other.floor() as i64;
    let by_fraction = if other.fract() == 0.0 {
        Ordering::Equal
    } else {
        Ordering::Less
    };
    Some(whole.cmp(&floor).then(by_fraction))
}

/// A double without a fraction as a whole number, in the range in which doubles are exact.
pub(super) fn to_whole(value: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the range in which doubles are exact"
    )]
    (value.fract() == 0.0 && value.abs() <= LIMIT).then_some(value as i64)
}

/// The order of two numbers or two texts. Anything else has none, nor have texts that stand for numbers: "9" would
/// come after "10", and "5m" after "10m".
pub(super) fn order(tree: &Tree, left: &Val, right: &Val) -> Result<Ordering, EvalError> {
    match (left, right) {
        (Val::Text(a), Val::Text(b)) if is_measure(a) && is_measure(b) => {
            let message = format!(
                "{} and {} would be ordered letter by letter, and not as what they measure: turn them into numbers, with `int`, `duration`, `quantity` or `percent`",
                left.show(),
                right.show()
            );
            Err(EvalError::new(tree, message))
        }
        (Val::Text(a), Val::Text(b)) => Ok(a.cmp(b)),
        _ => order_of_numbers(left, right).ok_or_else(|| unlike(tree, left, right)),
    }
}

fn unlike(tree: &Tree, left: &Val, right: &Val) -> EvalError {
    let message = format!(
        "{} ({}) cannot be compared with {} ({})",
        left.noun(),
        left.show(),
        right.noun(),
        right.show()
    );
    EvalError::new(tree, message)
}

pub(super) fn contains(
    on: &Evaluation<'_>,
    tree: &Tree,
    container: &Val,
    value: &Val,
) -> Result<bool, EvalError> {
    match (container, value) {
        (Val::List(items), _) => {
            on.budget.search(tree, items.len())?;
            for item in items.iter() {
                if equal(tree, item, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Val::Map(map), Val::Text(key)) => Ok(map.contains_key(&**key)),
        (Val::Text(text), Val::Text(part)) => {
            on.budget.search(tree, text.len() / 64)?;
            Ok(text.contains(&**part))
        }
        _ => Err(EvalError::new(
            tree,
            format!("`in` cannot look for {} in {}", value.noun(), container.noun()),
        )),
    }
}

pub(super) fn refuse_secrets(tree: &Tree, left: &Val, right: &Val) -> Result<(), EvalError> {
    if left.has_secret() || right.has_secret() {
        return Err(EvalError::new(
            tree,
            "a secret can be passed on and joined to text, but not compared or looked into",
        ));
    }
    Ok(())
}

pub(super) fn attribute(tree: &Tree, value: &Val, name: &str) -> Evaluated {
    match value {
        Val::Map(map) => map.get(name).cloned().ok_or_else(|| {
            let keys: Vec<String> = map.keys().take(12).map(|key| short(key)).collect();
            let there = if keys.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("it has {}", keys.join(", "))
            };
            EvalError::missing(tree, format!("there is no `{}`: {there}", short(name)))
        }),
        Val::Null => Err(EvalError::missing(
            tree,
            format!("there is no `{name}`: the value before it is null"),
        )),
        other @ (Val::Bool(_)
        | Val::Int(_)
        | Val::Float(_)
        | Val::Text(_)
        | Val::Secret(_)
        | Val::List(_)) => Err(EvalError::new(tree, format!("{} has no `{name}`", other.noun()))),
    }
}

/// The beginning of a key, for a message.
fn short(key: &str) -> String {
    match key.char_indices().nth(40) {
        Some((cut, _)) => format!("{}…", &key[..cut]),
        None => key.to_owned(),
    }
}

/// Joins values as text. A secret in it makes the whole a secret.
pub(super) fn concat<'v>(
    on: &Evaluation<'_>,
    tree: &Tree,
    values: impl IntoIterator<Item = &'v Val>,
) -> Evaluated {
    let mut segments = Vec::new();
    let mut length: usize = 0;
    for value in values {
        let parts = value
            .segments()
            .ok_or_else(|| EvalError::new(tree, format!("{} cannot be joined to text", value.noun())))?;
        length = length.saturating_add(parts.iter().map(length_of).sum::<usize>());
        if length > MAX_TEXT {
            break;
        }
        segments.extend(parts);
    }
    on.budget.text(tree, length)?;
    let text = Text::from_segments(segments);
    if text.is_secret() {
        return Ok(Val::Secret(text));
    }
    let joined: String = text
        .segments()
        .iter()
        .map(|segment| match segment {
            Segment::Literal(text) | Segment::Value(text) => text.as_str(),
            Segment::Secret(_) | Segment::Unknown(_) => "",
        })
        .collect();
    Ok(Val::text(joined))
}

/// The length of a part in the text that it becomes.
pub(crate) fn length_of(segment: &Segment) -> usize {
    match segment {
        Segment::Literal(text) | Segment::Value(text) => text.len(),
        Segment::Secret(secret) => secret.reveal().len(),
        Segment::Unknown(_) => 0,
    }
}
