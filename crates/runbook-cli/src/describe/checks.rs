//! Actions and checks in words.

use std::time::Duration;

use runbook_plan::{Action, Capture, Check, Expression, RatedCheck, Retry};

use super::line::Line;
use super::words::{count, length, list};

/// How long an action may take where nobody says: a step's, and a check's.
const USUAL: [Duration; 2] = [Duration::from_mins(1), Duration::from_secs(30)];

/// What an action does, on what, and for how long at most if that is not the usual.
pub(crate) fn action(line: Line, action: &Action) -> Line {
    let mut line = line.code(&action.summary);
    if let Some(connection) = &action.connection {
        line = line.plain(" on ").code(connection);
    }
    if let Some(means) = action.means {
        line = line.detail(&format!(", by {means}"));
    }
    if !action.uses_connections.is_empty() {
        line = line.plain(&format!(
            ", given access to {}",
            list(&action.uses_connections, "and")
        ));
    }
    if USUAL.contains(&action.timeout) {
        return line;
    }
    line.detail(&format!(", for at most {}", length(action.timeout)))
}

/// The names under which values are kept.
pub(crate) fn keeps(capture: &Capture) -> String {
    let names: Vec<&str> = capture.iter().map(|captured| captured.name.as_str()).collect();
    list(&names, "and")
}

/// Conditions that hold together.
fn all(mut line: Line, conditions: &[Expression]) -> Line {
    for (at, condition) in conditions.iter().enumerate() {
        if at > 0 {
            line = line.plain(" and ");
        }
        line = line.code(condition.source());
    }
    line
}

/// A check: its title, what it asks, and what must hold.
pub(crate) fn check(line: Line, check: &Check) -> Line {
    let line = judged(asked(line, check), check, &[("", &check.expect)]);
    timing(line, check)
}

/// A check of a table.
pub(crate) fn rated(line: Line, rated: &RatedCheck) -> Line {
    let parts = [("warns if ", &rated.warn), ("bad if ", &rated.fail)];
    let parts = parts.map(|(word, expressions)| (word, expressions.as_slice()));
    judged(asked(line, &rated.check), &rated.check, &parts)
}

fn asked(line: Line, check: &Check) -> Line {
    if check.title == check.action.summary {
        return action(line, &check.action);
    }
    action(line.plain(&check.title).detail(": "), &check.action)
}

fn judged(mut line: Line, check: &Check, parts: &[(&'static str, &[Expression])]) -> Line {
    for (word, expressions) in parts.iter().filter(|(_, expressions)| !expressions.is_empty()) {
        line = all(line.detail("; ").plain(word), expressions);
    }
    if let Some(each) = &check.each {
        line = line.plain(" for each item of ").code(each.source());
    }
    if let Some(value) = &check.value {
        line = line.detail("; value is ").code(value.source());
    }
    line
}

fn timing(line: Line, check: &Check) -> Line {
    let mut words = Vec::new();
    if check.consecutive > 1 {
        words.push(format!("{} times in a row", check.consecutive));
    }
    if let Some(within) = check.within {
        words.push(format!("within {}", length(within)));
    }
    if check.consecutive > 1 || check.within.is_some() {
        words.push(format!("asked every {}", length(check.every)));
    }
    if words.is_empty() {
        return line;
    }
    line.detail(&format!("; {}", words.join(", ")))
}

/// A guard: the same, and when it trips.
pub(crate) fn guard(line: Line, guard: &Check) -> Line {
    let line = judged(asked(line, guard), guard, &[("", &guard.expect)]);
    let readings = count(usize::try_from(guard.fails).unwrap_or(usize::MAX), "bad answer");
    line.detail(&format!(
        "; asked every {}, {readings} in a row stop the run",
        length(guard.every)
    ))
}

/// Further attempts.
pub(crate) fn retry(retry: &Retry) -> String {
    let mut parts = vec![
        format!("up to {} attempts", retry.attempts),
        format!("{} apart", length(retry.delay)),
    ];
    if retry.backoff > 1.0 {
        parts.push(format!("each wait {} times the one before", retry.backoff));
        parts.push(format!("{} at most", length(retry.max_delay)));
    }
    if !retry.on.is_empty() {
        parts.push(format!("after {}", list(&retry.on, "or")));
    }
    parts.join(", ")
}
