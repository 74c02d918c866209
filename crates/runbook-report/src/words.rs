//! The words in which an event is told, on a terminal and in a report alike.

use std::fmt::Write as _;

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, Event, Intent, OnFailure, Phase, Reading, RunState, SkipReason, Stop,
    StopCause, UndoEnd, UndoStatus, Verdict,
};
use serde_json::Value;

use crate::story::between;
use crate::text::visible;

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

/// A reading on one line: `reading 3: fail, value 97: 97 < 80 does not hold`.
#[must_use]
pub fn reading(reading: &Reading) -> String {
    let mut text = format!("reading {}: {}", reading.number, reading.verdict.word());
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

/// The word for where an undo stands.
#[must_use]
pub const fn undo_word(undo: UndoStatus) -> &'static str {
    match undo {
        UndoStatus::None => "none",
        UndoStatus::Pending => "pending",
        UndoStatus::Running => "running",
        UndoStatus::Undone => "undone",
        UndoStatus::Failed => "failed",
        UndoStatus::Kept => "kept",
    }
}

/// An event on one line, in plain text. `state` is what the event led to, or any later state.
#[must_use]
pub fn describe(event: &Event, state: &RunState) -> String {
    match event {
        Event::RunStarted(run) => visible(&format!(
            "run {} started by {} on {}",
            run.run, run.who.user, run.who.host
        )),
        Event::PhaseStarted { phase } => phase_title(*phase).to_owned(),
        Event::CheckStarted { site } => format!("{}: asking", check(site, state)),
        Event::CheckRead { site, reading: read } => format!("{}: {}", check(site, state), reading(read)),
        Event::CheckEnded {
            site,
            verdict,
            readings,
            elapsed_ms,
            values,
        } => {
            let mut text = format!("{}: {}", check(site, state), decided(*verdict));
            let plural = if *readings == 1 { "" } else { "s" };
            add(
                &mut text,
                " after ",
                &format!("{readings} reading{plural} in {}", duration(*elapsed_ms)),
            );
            if !values.is_empty() {
                add(&mut text, "; captured ", &named(values));
            }
            text
        }
        Event::Stopping { stop } => stopping(stop, state),
        Event::RunEnded { outcome, elapsed_ms } => {
            format!(
                "{} after {}: {}",
                outcome.word(),
                duration(*elapsed_ms),
                outcome.meaning()
            )
        }
        Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::Captured { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::UndoStarted { .. }
        | Event::UndoEnded { .. } => {
            let title = step_of(event).map(|id| step_title(id, state));
            format!("{}: {}", title.unwrap_or_default(), deed(event, state))
        }
    }
}

/// What happened to a step, without its title, for where that stands already. Empty for other events.
#[must_use]
pub fn deed(event: &Event, state: &RunState) -> String {
    happened(event, state).unwrap_or_default()
}

/// What happened to a step.
fn happened(event: &Event, state: &RunState) -> Option<String> {
    Some(match event {
        Event::StepStarted { .. } => "started".to_owned(),
        Event::StepSkipped { reason, .. } => skipped(reason),
        Event::ApprovalAsked { message, intent, .. } => {
            format!("asked for approval: {} ({})", visible(message), intended(intent))
        }
        Event::ApprovalAnswered {
            approved, by, how, ..
        } => approval(*approved, by, how),
        Event::BeforeTaken { values, .. } => format!("kept for the undo: {}", named(values)),
        Event::AttemptStarted { attempt, intent, .. } => match attempt {
            1 => intended(intent),
            number => format!("attempt {number}: {}", intended(intent)),
        },
        Event::AttemptEnded {
            attempt,
            end,
            elapsed_ms,
            ..
        } => attempted(*attempt, end, *elapsed_ms),
        Event::Captured { values, .. } => format!("captured {}", named(values)),
        Event::StepDone { step } => {
            let known = state.step(step);
            let span = known.and_then(|known| between(known.started_at?, known.ended_at?));
            match span {
                Some(ms) => format!("done after {}", duration(ms)),
                None => "done".to_owned(),
            }
        }
        Event::StepFailed { failure, .. } => format!("{}: {}", failed_word(failure), failed(failure)),
        Event::UndoStarted { intent, .. } => format!("undoing: {}", intended(intent)),
        Event::UndoEnded { end, elapsed_ms, .. } => match end {
            UndoEnd::Undone => format!("undone in {}", duration(*elapsed_ms)),
            UndoEnd::Failed { failure } => {
                format!(
                    "could not be undone ({}): {}",
                    duration(*elapsed_ms),
                    failed(failure)
                )
            }
        },
        Event::RunStarted(_)
        | Event::PhaseStarted { .. }
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::CheckEnded { .. }
        | Event::Stopping { .. }
        | Event::RunEnded { .. } => return None,
    })
}

/// The step that an event is about.
#[must_use]
pub fn step_of(event: &Event) -> Option<&str> {
    match event {
        Event::StepStarted { step }
        | Event::StepSkipped { step, .. }
        | Event::ApprovalAsked { step, .. }
        | Event::ApprovalAnswered { step, .. }
        | Event::BeforeTaken { step, .. }
        | Event::AttemptStarted { step, .. }
        | Event::AttemptEnded { step, .. }
        | Event::Captured { step, .. }
        | Event::StepDone { step }
        | Event::StepFailed { step, .. }
        | Event::UndoStarted { step, .. }
        | Event::UndoEnded { step, .. } => Some(step),
        Event::CheckStarted { site } | Event::CheckRead { site, .. } | Event::CheckEnded { site, .. } => {
            site.step.as_deref()
        }
        Event::RunStarted(_)
        | Event::PhaseStarted { .. }
        | Event::Stopping { .. }
        | Event::RunEnded { .. } => None,
    }
}

/// The heading of a part of the run.
pub(crate) const fn phase_title(phase: Phase) -> &'static str {
    match phase {
        Phase::Detect => "Detect: is there anything to repair?",
        Phase::Baseline => "Baseline: how is it before the first step?",
        Phase::Steps => "Steps",
        Phase::Verify => "Verify: is the incident over?",
        Phase::Rollback => "Rollback: undoing what was attempted",
        Phase::Finally => "Finally: the clean-up, whatever happened",
    }
}

/// A step's title.
#[must_use]
pub fn step_title(id: &str, state: &RunState) -> String {
    let steps = state.run().map(|run| run.outline.steps.as_slice());
    let position = state.position(id);
    let outline = steps.and_then(|steps| steps.get(position?));
    visible(outline.map_or(id, |step| &step.title))
}

/// A check's title, with that of its step.
fn check(site: &CheckSite, state: &RunState) -> String {
    let title = check_title(site, state);
    match (&site.step, site.role) {
        (Some(step), CheckRole::Require) => format!("{}: required: {title}", step_title(step, state)),
        (Some(step), CheckRole::Gate | CheckRole::Detect | CheckRole::Baseline | CheckRole::Verify) => {
            format!("{}: gate: {title}", step_title(step, state))
        }
        (None, _) => title,
    }
}

/// A check's title.
#[must_use]
pub fn check_title(site: &CheckSite, state: &RunState) -> String {
    let outline = state.run().map(|run| &run.outline);
    let checks = outline.and_then(|outline| match site.role {
        CheckRole::Detect => Some(outline.detect.as_slice()),
        CheckRole::Baseline | CheckRole::Verify => Some(outline.verify.as_slice()),
        CheckRole::Gate => {
            let at = state.position(site.step.as_deref()?)?;
            Some(outline.steps.get(at)?.verify.as_slice())
        }
        CheckRole::Require => None,
    });
    let outline = checks.and_then(|checks| checks.iter().find(|check| check.id == site.check));
    visible(outline.map_or(&site.check, |check| &check.title))
}

/// What is about to be done, and through what.
pub(crate) fn intended(intent: &Intent) -> String {
    match &intent.target {
        Some(target) => visible(&format!("{} ({target})", intent.summary)),
        None => visible(&intent.summary),
    }
}

/// Why something failed, and whether it may have had an effect.
pub(crate) fn failed(failure: &Failure) -> String {
    let mut text = visible(&failure.to_string());
    if failure.may_have_applied {
        text.push_str("; it may have had an effect all the same");
    }
    text
}

/// The word for a failure. What was stopped from outside did not fail.
pub(crate) fn failed_word(failure: &Failure) -> &'static str {
    if failure.kind == ErrorKind::Cancelled {
        "was cancelled"
    } else {
        "failed"
    }
}

/// Why a step was not run.
pub(crate) fn skipped(reason: &SkipReason) -> String {
    match reason {
        SkipReason::When { detail } => format!("skipped, since its `when` is false: {}", visible(detail)),
        SkipReason::Stopped => "not run, since the run stopped before its turn".to_owned(),
    }
}

/// Who answered, and how.
pub(crate) fn approval(approved: bool, by: &str, how: &str) -> String {
    let word = if approved { "approved" } else { "refused" };
    visible(&format!("{word} by {by} ({how})"))
}

/// What stopped the run.
pub(crate) fn cause(cause: &StopCause, state: &RunState) -> String {
    match cause {
        StopCause::StepFailed { step } => format!("the step {} failed", step_title(step, state)),
        StopCause::Rejected { step } => format!("the approval of {} was refused", step_title(step, state)),
        StopCause::VerifyFailed { check } => {
            let site = CheckSite {
                role: CheckRole::Verify,
                step: None,
                check: check.clone(),
            };
            format!("the final check {} did not pass", check_title(&site, state))
        }
        StopCause::Signal { name } => visible(&format!("the signal {name} came")),
    }
}

/// Values by name.
pub(crate) fn named(values: &IndexMap<String, Value>) -> String {
    let named: Vec<String> = values
        .iter()
        .map(|(name, held)| format!("{} = {}", visible(name), value(held)))
        .collect();
    named.join(", ")
}

fn stopping(stop: &Stop, state: &RunState) -> String {
    let then = match stop.then {
        OnFailure::Rollback => "what was attempted is undone",
        OnFailure::Hold => "what is done stays done",
        OnFailure::Continue => "the run goes on",
    };
    format!("stopping, since {}; {then}", cause(&stop.cause, state))
}

fn attempted(number: u32, end: &AttemptEnd, elapsed_ms: u64) -> String {
    let span = duration(elapsed_ms);
    match end {
        AttemptEnd::Succeeded => format!("attempt {number} succeeded in {span}"),
        AttemptEnd::Failed { failure } => {
            let word = failed_word(failure);
            format!("attempt {number} {word} after {span}: {}", failed(failure))
        }
    }
}

const fn decided(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed",
        Verdict::Fail => "did not pass",
        Verdict::Error => "could not be asked",
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
