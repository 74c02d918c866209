//! Limits of a step or a run, as data: whether one lets more happen than before.

use serde_json::Value;

use crate::facts::{millis, text};
use crate::weaker;

/// Whether what stands under this key bounds less than before: more at once, more failures, longer, or sooner.
pub(crate) fn are_wider(key: &str, before: &Value, after: &Value) -> bool {
    match key {
        "timeout" | "within" => !before.is_null() && is_longer(before, after),
        "wait" => is_shorter(&before["for"], &after["for"]),
        "for_each" => ["batch", "max_failures"]
            .iter()
            .any(|key| is_more(&before[*key], &after[*key])),
        "repeat" => {
            let (old, new) = (&before["until"], &after["until"]);
            !before.is_null() && old != new && weaker::is_weaker(text(old), text(new)) != Some(false)
        }
        _ => false,
    }
}

/// Whether a length of time is longer than another, or without an end.
pub(crate) fn is_longer(before: &Value, after: &Value) -> bool {
    match (millis(before), millis(after)) {
        (Some(old), Some(new)) => new > old,
        _ => after.is_null() && !before.is_null(),
    }
}

fn is_shorter(before: &Value, after: &Value) -> bool {
    match (millis(before), millis(after)) {
        (Some(old), Some(new)) => new < old,
        _ => after.is_null() && !before.is_null(),
    }
}

/// Whether a number is greater than another. None that was there is a bound that is gone.
fn is_more(before: &Value, after: &Value) -> bool {
    match (before.as_f64(), after.as_f64()) {
        (Some(old), Some(new)) => new > old,
        _ => before.is_null() != after.is_null(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_bounds_less_is_wider() {
        for (key, before, after, expected) in [
            ("timeout", json!("5m"), json!("10m"), true),
            ("timeout", json!("5m"), json!("1m"), false),
            ("timeout", json!("5m"), json!(null), true),
            ("timeout", json!(null), json!("5m"), false),
            ("wait", json!({"for": "60s"}), json!({"for": "5s"}), true),
            ("wait", json!({"for": "5s"}), json!({"for": "60s"}), false),
            ("for_each", json!({"batch": 1}), json!({"batch": 10}), true),
            ("for_each", json!({"batch": 10}), json!({"batch": 1}), false),
            (
                "for_each",
                json!({"max_failures": 0}),
                json!({"max_failures": 3}),
                true,
            ),
            (
                "repeat",
                json!({"until": "value < 1"}),
                json!({"until": "value < 5"}),
                true,
            ),
            (
                "repeat",
                json!({"until": "value < 5"}),
                json!({"until": "value < 1"}),
                false,
            ),
            ("title", json!("a"), json!("b"), false),
        ] {
            assert_eq!(
                are_wider(key, &before, &after),
                expected,
                "{key}: {before} → {after}"
            );
        }
    }
}
