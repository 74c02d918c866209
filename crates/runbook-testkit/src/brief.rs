//! Records in a few words.

use std::fmt::Write as _;

use indexmap::IndexMap;
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, Event, Into, Notice, OnFailure, Resumed, SkipReason, Stop, StopCause,
    UndoEnd,
};
use serde_json::Value;

/// A record in a few words, without what its reader can tell from the scenario.
#[must_use]
pub fn brief(event: &Event) -> String {
    let told = of_run(event)
        .or_else(|| of_step(event))
        .or_else(|| of_rest(event));
    told.unwrap_or_default()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each tells of its own events")]
fn of_run(event: &Event) -> Option<String> {
    Some(match event {
        Event::RunStarted(_) => "run".to_owned(),
        Event::RunResumed(resumed) => match resumed.how {
            Resumed::Forward => "== resumed".to_owned(),
            Resumed::Rollback => "== turned back".to_owned(),
        },
        Event::PhaseStarted { within: None, phase } => format!("== {}", phase.word()),
        Event::PhaseStarted {
            within: Some(step),
            phase,
        } => format!("{step}/ == {}", phase.word()),
        Event::CheckStarted { site } => format!("{} ?", place(site)),
        Event::CheckRead { site, reading } => {
            let verdict = reading.verdict.word();
            format!("{} #{} {verdict} {}", place(site), reading.number, reading.streak)
        }
        Event::CheckEnded { site, verdict, .. } => format!("{} = {}", place(site), verdict.word()),
        Event::Stopping { within: None, stop } => stopping(stop),
        Event::Stopping {
            within: Some(step),
            stop,
        } => format!("{step}/ {}", stopping(stop)),
        Event::RunbookEnded { step, outcome } => format!("{step}/ == {outcome}"),
        Event::Noted { notice } => match notice {
            Notice::TerminalGone { goes_on } => format!("terminal gone, goes on: {goes_on}"),
            Notice::SecretChanged { name } => format!("secret {name} changed"),
            Notice::Settled { step, .. } => format!("{step} settled"),
            Notice::Mended { torn } => format!("{torn} torn bytes cut off"),
            Notice::Section { title, .. } => format!("section {title}"),
            Notice::Unlocked { lock, .. } => format!("{lock} unlocked"),
        },
        Event::Note(note) => format!("{} noted: {}", note.kind.word(), note.text),
        Event::RunEnded { outcome, .. } => format!("== {outcome}"),
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each tells of its own events")]
fn of_step(event: &Event) -> Option<String> {
    Some(match event {
        Event::StepStarted { step } => format!("{step} start"),
        Event::StepSkipped { step, reason } => match reason {
            SkipReason::When { .. } => format!("{step} skipped: when"),
            SkipReason::NotChosen => format!("{step} skipped: not chosen"),
            SkipReason::NotNeeded => format!("{step} skipped: not needed"),
            SkipReason::NotApproved => format!("{step} skipped: not approved"),
            SkipReason::Asked { option } => format!("{step} skipped: {option}"),
            SkipReason::Stopped => format!("{step} skipped: stopped"),
        },
        Event::ApprovalAsked { step, .. } => format!("{step} asks"),
        Event::ApprovalAnswered {
            step, approved, how, ..
        } => format!("{step} {} {how}", if *approved { "approved" } else { "refused" }),
        Event::Entered { step, into, .. } => format!("{step} {}", entered(into)),
        Event::TimedOut { step } => format!("{step} timed out"),
        Event::BeforeTaken {
            step,
            values,
            inverse,
            ..
        } => {
            let kept = inverse
                .as_ref()
                .map_or_else(String::new, |kept| format!(" ({kept})"));
            named(&format!("{step} before"), values) + &kept
        }
        Event::AttemptStarted { step, attempt: 1, .. } => format!("{step} intent"),
        Event::AttemptStarted { step, attempt, .. } => format!("{step} intent {attempt}"),
        Event::HandleKept { step, handle } => format!("{step} keeps {}", handle.what),
        Event::AttemptEnded {
            step, end, values, ..
        } => match end {
            AttemptEnd::Succeeded if values.is_empty() => format!("{step} acted"),
            AttemptEnd::Succeeded => {
                format!("{step} acted\n{}", named(&format!("{step} captured"), values))
            }
            AttemptEnd::Failed { failure } => format!("{step} did not act: {}", failure.kind),
        },
        _ => return None,
    })
}

#[expect(clippy::wildcard_enum_match_arm, reason = "each tells of its own events")]
fn of_rest(event: &Event) -> Option<String> {
    Some(match event {
        Event::RetryPlanned {
            step,
            attempt,
            delay_ms,
        } => format!("{step} attempt {attempt} in {delay_ms}"),
        Event::ThenStarted {
            step,
            number,
            undoing,
            ..
        } => format!("{step} {}then {number}", if *undoing { "undo " } else { "" }),
        Event::ThenEnded {
            step,
            number,
            undoing,
            end,
            ..
        } => {
            let side = if *undoing { "undo " } else { "" };
            match end {
                AttemptEnd::Succeeded => format!("{step} {side}then {number} acted"),
                AttemptEnd::Failed { failure } => {
                    format!("{step} {side}then {number} did not act: {}", failure.kind)
                }
            }
        }
        Event::Adopted { step, .. } => format!("{step} adopted"),
        Event::Doubted { step, undoing, .. } => {
            format!("{step} {}doubted", if *undoing { "undo " } else { "" })
        }
        Event::StepDone { step, values, .. } => named(&format!("{step} done"), values),
        Event::StepFailed { step, failure } => format!("{step} failed: {}", failure.kind),
        Event::UndoStarted { step, attempt: 1, .. } => format!("{step} undo"),
        Event::UndoStarted { step, attempt, .. } => format!("{step} undo {attempt}"),
        Event::UndoRetried {
            step,
            attempt,
            failure,
            delay_ms,
        } => {
            format!("{step} undo failed: {}; {attempt} in {delay_ms}", failure.kind)
        }
        Event::UndoEnded { step, end, .. } => match end {
            UndoEnd::Undone => format!("{step} undone"),
            UndoEnd::Failed { failure } => format!("{step} not undone: {}", failure.kind),
        },
        _ => return None,
    })
}

fn named(what: &str, values: &IndexMap<String, Value>) -> String {
    let mut text = what.to_owned();
    for (name, value) in values {
        let _infallible = write!(text, " {name}={value}");
    }
    text
}

fn entered(into: &Into) -> String {
    match into {
        Into::Group => "enters".to_owned(),
        Into::Items { items } => {
            let keys: Vec<&str> = items.iter().map(|item| item.key.as_str()).collect();
            let keys = keys.join(", ");
            format!("for {}", if keys.is_empty() { "nothing" } else { &keys })
        }
        Into::Round { number } => format!("round {number}"),
        Into::Branch { chosen } => format!("chooses {}", chosen.as_deref().unwrap_or("nothing")),
        Into::Alternatives => "tries".to_owned(),
        Into::Runbook { .. } => "calls".to_owned(),
        Into::Undoing { steps } => format!("undoes {}", steps.join(", ")),
        Into::Undo => "undo by steps".to_owned(),
    }
}

fn stopping(stop: &Stop) -> String {
    let cause = match &stop.cause {
        StopCause::StepFailed { step } => step.clone(),
        StopCause::Rejected { step } => format!("{step} rejected"),
        StopCause::VerifyFailed { check } => format!("verify {check}"),
        StopCause::GuardTripped { check } => format!("guard {check}"),
        StopCause::TimedOut => "timeout".to_owned(),
        StopCause::Parent => "parent".to_owned(),
        StopCause::Person { by } => by.clone(),
        StopCause::Signal { name } => name.clone(),
    };
    let then = match stop.then {
        OnFailure::Rollback => "rollback",
        OnFailure::Hold => "hold",
        OnFailure::Continue => "continue",
    };
    format!("STOP {cause}: {then}")
}

fn place(site: &CheckSite) -> String {
    let role = match site.role {
        CheckRole::Detect => "detect",
        CheckRole::Baseline => "baseline",
        CheckRole::Require => "require",
        CheckRole::Gate => "gate",
        CheckRole::Verify => "verify",
        CheckRole::Guard => "guard",
        CheckRole::Undone => "undone",
        CheckRole::Decide => "decide",
        CheckRole::Row => "row",
    };
    match (&site.step, &site.within) {
        (Some(step), _) => format!("{step} {role}.{}", site.check),
        (None, Some(step)) => format!("{step}/ {role}.{}", site.check),
        (None, None) => format!("{role}.{}", site.check),
    }
}
