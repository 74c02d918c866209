//! Attributes, arithmetic, comparison and joining, without silent conversions.

use std::cmp::Ordering;

use runbook_action::{Segment, Text};

use super::Val;
use super::error::{EvalError, Evaluated, MAX_TEXT};
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

fn overflow(tree: &Tree) -> EvalError {
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

pub(super) fn compare(tree: &Tree, op: Compare, left: &Val, right: &Val) -> Result<bool, EvalError> {
    match op {
        Compare::Eq => equal(tree, left, right),
        Compare::Ne => equal(tree, left, right).map(|equal| !equal),
        Compare::Lt => order(tree, left, right).map(Ordering::is_lt),
        Compare::Le => order(tree, left, right).map(Ordering::is_le),
        Compare::Gt => order(tree, left, right).map(Ordering::is_gt),
        Compare::Ge => order(tree, left, right).map(Ordering::is_ge),
        Compare::In => contains(tree, right, left),
        Compare::NotIn => contains(tree, right, left).map(|contains| !contains),
    }
}

/// Equality. Values of unlike types are an error and not unequal, since a `!=` would pass by accident; null
/// may be compared with anything.
pub(super) fn equal(tree: &Tree, left: &Val, right: &Val) -> Result<bool, EvalError> {
    refuse_secrets(tree, left, right)?;
    match (left, right) {
        (Val::Null, other) | (other, Val::Null) => Ok(*other == Val::Null),
        (Val::Int(a), Val::Int(b)) => Ok(a == b),
        (Val::Bool(_), Val::Bool(_))
        | (Val::Text(_), Val::Text(_))
        | (Val::List(_), Val::List(_))
        | (Val::Map(_), Val::Map(_)) => Ok(same(left, right)),
        _ => match (number(left), number(right)) {
            #[expect(
                clippy::float_cmp,
                reason = "equality of numbers is what the author asked for"
            )]
            (Some(a), Some(b)) => Ok(a == b),
            _ => Err(unlike(tree, left, right)),
        },
    }
}

/// Equality at any depth, where unlike types are unequal.
#[expect(
    clippy::float_cmp,
    reason = "equality of numbers is what the author asked for"
)]
pub(super) fn same(left: &Val, right: &Val) -> bool {
    match (left, right) {
        (Val::List(a), Val::List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| same(a, b)),
        (Val::Map(a), Val::Map(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => match (number(left), number(right)) {
            (Some(a), Some(b)) => a == b,
            _ => left == right,
        },
    }
}

/// The order of two numbers or two texts. Anything else has none.
pub(super) fn order(tree: &Tree, left: &Val, right: &Val) -> Result<Ordering, EvalError> {
    refuse_secrets(tree, left, right)?;
    match (left, right) {
        (Val::Int(a), Val::Int(b)) => Ok(a.cmp(b)),
        (Val::Text(a), Val::Text(b)) => Ok(a.cmp(b)),
        _ => match (number(left), number(right)) {
            (Some(a), Some(b)) => a
                .partial_cmp(&b)
                .ok_or_else(|| EvalError::new(tree, "NaN cannot be ordered")),
            _ => Err(unlike(tree, left, right)),
        },
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

fn contains(tree: &Tree, container: &Val, value: &Val) -> Result<bool, EvalError> {
    refuse_secrets(tree, container, value)?;
    match (container, value) {
        (Val::List(items), _) => {
            for item in items.iter() {
                if equal(tree, item, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        (Val::Map(map), Val::Text(key)) => Ok(map.contains_key(&**key)),
        (Val::Text(text), Val::Text(part)) => Ok(text.contains(&**part)),
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
            let keys: Vec<&str> = map.keys().map(String::as_str).take(12).collect();
            let there = if keys.is_empty() {
                "it is empty".to_owned()
            } else {
                format!("it has {}", keys.join(", "))
            };
            EvalError::missing(tree, format!("there is no `{name}`: {there}"))
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

/// Joins values as text. A secret in it makes the whole a secret.
pub(super) fn concat(tree: &Tree, values: &[Val]) -> Evaluated {
    let mut segments = Vec::new();
    let mut length = 0;
    for value in values {
        let parts = value
            .segments()
            .ok_or_else(|| EvalError::new(tree, format!("{} cannot be joined to text", value.noun())))?;
        length += parts.iter().map(length_of).sum::<usize>();
        if length > MAX_TEXT {
            let message = format!("the text would be longer than {MAX_TEXT} bytes");
            return Err(EvalError::new(tree, message));
        }
        segments.extend(parts);
    }
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

fn length_of(segment: &Segment) -> usize {
    match segment {
        Segment::Literal(text) | Segment::Value(text) => text.len(),
        Segment::Secret(secret) => secret.reveal().len(),
        Segment::Unknown(_) => 0,
    }
}
