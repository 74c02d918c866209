//! The values that a statement is given.

use runbook_action::{Args, Failure, Param};
use serde_json::Value;

/// A value, of one of the types that both databases have.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Bound {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    Text(String),
    Bools(Vec<Option<bool>>),
    Integers(Vec<Option<i64>>),
    Floats(Vec<Option<f64>>),
    Texts(Vec<Option<String>>),
    Json(Value),
}

/// Reads one value, with its secrets.
pub(crate) fn read(args: &Args<'_>) -> Result<Bound, Failure> {
    let bound = match args.param() {
        Param::Null => Bound::Null,
        Param::Bool(value) => Bound::Bool(*value),
        Param::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => Bound::Integer(integer),
            (None, Some(float)) if number.is_f64() => Bound::Float(float),
            (None, _) => {
                return Err(args
                    .wrong("the number is too big")
                    .help("give it as text, and cast it"));
            }
        },
        Param::Text(text) => Bound::Text(text.reveal()),
        Param::List(items) => list(args, items)?,
        Param::Map(_) => Bound::Json(args.param().reveal()),
    };
    if holds_nul(&bound) {
        return Err(args.wrong("holds a NUL character, which no database keeps in text"));
    }
    Ok(bound)
}

fn list(args: &Args<'_>, items: &[Param]) -> Result<Bound, Failure> {
    let values = || items.iter().map(Param::reveal);
    let all = |fits: fn(&Value) -> bool| values().all(|value| value.is_null() || fits(&value));
    Ok(if all(Value::is_string) {
        Bound::Texts(values().map(|value| value.as_str().map(str::to_owned)).collect())
    } else if all(Value::is_i64) {
        Bound::Integers(values().map(|value| value.as_i64()).collect())
    } else if all(Value::is_number) {
        Bound::Floats(values().map(|value| value.as_f64()).collect())
    } else if all(Value::is_boolean) {
        Bound::Bools(values().map(|value| value.as_bool()).collect())
    } else if all(|value| value.is_object() || value.is_array()) {
        Bound::Json(args.param().reveal())
    } else {
        return Err(args.wrong("the items of the list are of several types"));
    })
}

fn holds_nul(bound: &Bound) -> bool {
    match bound {
        Bound::Text(text) => text.contains('\0'),
        Bound::Texts(texts) => texts.iter().flatten().any(|text| text.contains('\0')),
        Bound::Null
        | Bound::Bool(_)
        | Bound::Integer(_)
        | Bound::Float(_)
        | Bound::Bools(_)
        | Bound::Integers(_)
        | Bound::Floats(_)
        | Bound::Json(_) => false,
    }
}
