//! The words in which an event is told, on a terminal and in a report alike.

mod notes;
mod reasons;
mod titles;
mod todo;
mod told;

use std::fmt::Write as _;

use indexmap::IndexMap;
use runbook_event::{CheckRole, Reading, UndoStatus, Verdict};
use serde_json::Value;

use crate::text::visible;

pub(crate) use self::reasons::{approval, cause, failed, failed_word, intended, noticed, skipped, wishes};
pub use self::reasons::{assumed, planned_undo, resumed, why_kept, why_skipped};
pub(crate) use self::titles::{check_outline, is_within, phase_title};
pub use self::titles::{check_title, depth, step_title};
pub(crate) use self::todo::{ASSUMPTIONS, quoted, word};
pub use self::todo::{Doubt, by_hand, doubts};
pub(crate) use self::told::then;
pub use self::told::{deed, describe, step_of};

/// How many characters of a value are shown in a line.
const SHOWN: usize = 120;

/// A time span for people: `340 ms`, `1.2 s`, `2 m 03 s`, `1 h 02 m`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 => format!("{ms} ms"),
        1..60 => format!("{seconds}.{} s", ms % 1000 / 100),
        60..3600 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds / 60 % 60),
    }
}

/// A value on one line, cut if it is long.
#[must_use]
pub fn value(value: &Value) -> String {
    let text = match value {
        Value::String(text) => visible(text),
        other @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            visible(&other.to_string())
        }
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// A number of things: `1 step`, `3 steps`.
pub(crate) fn count(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {what}{plural}")
}

/// What a reading means: a row of a table may also pass with a warning.
#[must_use]
pub const fn verdict_word(reading: &Reading) -> &'static str {
    match (reading.verdict, reading.warned) {
        (Verdict::Pass, true) => "warn",
        (verdict, _) => verdict.word(),
    }
}

/// A reading on one line: `reading 3: fail, value 97: 97 < 80 does not hold`.
#[must_use]
pub fn reading(reading: &Reading) -> String {
    let mut text = format!("reading {}: {}", reading.number, verdict_word(reading));
    if let Some(drawn) = &reading.value {
        add(&mut text, ", value ", &value(drawn));
    }
    if reading.streak > 1 {
        add(&mut text, ", ", &format!("{} in a row", reading.streak));
    }
    if !reading.detail.is_empty() {
        add(&mut text, ": ", &visible(&reading.detail));
    }
    text
}

/// The word for what a check is asked for.
#[must_use]
pub const fn role_word(role: CheckRole) -> &'static str {
    match role {
        CheckRole::Detect => "detect",
        CheckRole::Baseline => "baseline",
        CheckRole::Guard => "guard",
        CheckRole::Require => "require",
        CheckRole::Gate => "gate",
        CheckRole::Undone => "undone",
        CheckRole::Decide => "decide",
        CheckRole::Row => "row",
        CheckRole::Verify => "verify",
    }
}

/// The word for where an undo stands.
#[must_use]
pub const fn undo_word(undo: UndoStatus) -> &'static str {
    match undo {
        UndoStatus::None => "none",
        UndoStatus::Pending => "pending",
        UndoStatus::Running => "running",
        UndoStatus::Doubtful => "unknown",
        UndoStatus::Acted => "verifying",
        UndoStatus::Undone => "undone",
        UndoStatus::Failed => "failed",
        UndoStatus::Kept => "kept",
    }
}

/// Values by name, on one line.
#[must_use]
pub fn named(values: &IndexMap<String, Value>) -> String {
    let named: Vec<String> = values
        .iter()
        .map(|(name, held)| format!("{} = {}", visible(name), value(held)))
        .collect();
    named.join(", ")
}

/// Adds what a `capture` gave, if it gave something.
fn captured(text: &mut String, values: &IndexMap<String, Value>) {
    if !values.is_empty() {
        add(text, "; captured ", &named(values));
    }
}

fn add(text: &mut String, before: &str, more: &str) {
    // Writing to a string cannot fail.
    write!(text, "{before}{more}").ok();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_for_people() {
        for (ms, expected) in [
            (0, "0 ms"),
            (340, "340 ms"),
            (999, "999 ms"),
            (1_000, "1.0 s"),
            (1_299, "1.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 m 00 s"),
            (123_999, "2 m 03 s"),
            (3_720_000, "1 h 02 m"),
            (360_000_000, "100 h 00 m"),
        ] {
            assert_eq!(duration(ms), expected);
        }
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(
            value(&Value::from("é".repeat(200))),
            format!("{}…", "é".repeat(SHOWN))
        );
        assert_eq!(value(&serde_json::json!({"a": [1, "b"]})), r#"{"a":[1,"b"]}"#);
    }
}
