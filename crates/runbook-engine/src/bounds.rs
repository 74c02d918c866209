//! How much of a value the journal takes: what is written must be readable.

use serde_json::Value;

/// The greatest depth of a value in an event.
const MAX_DEPTH: usize = 64;

/// The greatest length of a value in an event, as JSON, in bytes.
const MAX_LENGTH: usize = 1 << 20;

/// Why a value cannot be kept, as the end of a sentence about it.
pub(crate) fn check(value: &Value) -> Result<(), &'static str> {
    if depth(value) > MAX_DEPTH {
        Err("is nested more than 64 levels deep")
    } else if value.to_string().len() > MAX_LENGTH {
        Err("is longer than 1 MiB")
    } else {
        Ok(())
    }
}

/// How deep a value is nested. The parsers of answers bound it, so recursion does.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_deep_or_too_long_is_refused() {
        let nest = |levels: usize| (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(check(&nest(MAX_DEPTH)).is_ok());
        assert!(check(&nest(MAX_DEPTH + 1)).is_err());
        assert!(check(&Value::from("x".repeat(MAX_LENGTH))).is_err());
    }
}
