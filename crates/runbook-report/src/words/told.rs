//! An event on one line.

use indexmap::IndexMap;
use runbook_event::{
    AttemptEnd, Event, FrameKind, Into, Item, RunStarted, RunState, StepState, StepStatus, UndoEnd, Verdict,
};
use serde_json::Value;

use super::notes::noted;
use super::reasons::{
    approval, assumed, failed, failed_word, intended, noticed, resumed, skipped, stopping, wishes,
};
use super::titles::{check, part, phase_title, place, title_at};
use super::{add, captured, count, duration, named, reading};
use crate::story::between;
use crate::text::visible;

/// How many items of a loop are named.
const NAMED: usize = 10;

/// An event on one line, in plain text. `state` is what the event led to, or any later state.
#[must_use]
pub fn describe(event: &Event, state: &RunState) -> String {
    match event {
        Event::RunStarted(run) => run_started(run),
        Event::RunResumed(event) => {
            let mut text = resumed(event);
            for word in &event.assumed {
                add(&mut text, "; ", &assumed(word, state));
            }
            text
        }
        Event::PhaseStarted { within, phase } => part(within.as_deref(), phase_title(*phase), state),
        Event::CheckStarted { site } => format!("{}: asking", check(site, state)),
        Event::CheckRead { site, reading: read } => format!("{}: {}", check(site, state), reading(read)),
        Event::CheckEnded {
            site,
            verdict,
            readings,
            elapsed_ms,
            values,
            ..
        } => {
            let mut text = format!("{}: {}", check(site, state), decided(*verdict));
            let asked = count(u64::from(*readings), "reading");
            add(
                &mut text,
                " after ",
                &format!("{asked} in {}", duration(*elapsed_ms)),
            );
            captured(&mut text, values);
            text
        }
        Event::Stopping { within, stop } => stopping(within.as_deref(), stop, state),
        Event::Noted { notice } => noticed(notice, state),
        Event::Note(note) => noted(note),
        Event::RunEnded { outcome, elapsed_ms } => format!(
            "{} after {}: {}",
            outcome.word(),
            duration(*elapsed_ms),
            outcome.meaning()
        ),
        Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::Entered { .. }
        | Event::TimedOut { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::HandleKept { .. }
        | Event::AttemptEnded { .. }
        | Event::RetryPlanned { .. }
        | Event::ThenStarted { .. }
        | Event::ThenEnded { .. }
        | Event::Adopted { .. }
        | Event::Doubted { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::UndoStarted { .. }
        | Event::UndoRetried { .. }
        | Event::UndoEnded { .. }
        | Event::RunbookEnded { .. } => {
            let title = step_of(event).map(|id| place(id, state));
            format!("{}: {}", title.unwrap_or_default(), deed(event, state))
        }
    }
}

/// What happened to a step, without its title, for where that stands already. Empty for other events.
#[must_use]
pub fn deed(event: &Event, state: &RunState) -> String {
    happened(event, state).unwrap_or_default()
}

/// What happened to a step on its way forward.
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
        Event::BeforeTaken { values, inverse, .. } => kept(values, inverse.as_deref()),
        Event::AttemptStarted { attempt, intent, .. } => match attempt {
            1 => intended(intent),
            number => format!("attempt {number}: {}", intended(intent)),
        },
        Event::HandleKept { handle, .. } => visible(&format!(
            "started what may outlive it: {} {}",
            handle.what,
            super::value(&handle.data)
        )),
        Event::AttemptEnded {
            attempt,
            end,
            elapsed_ms,
            values,
            ..
        } => {
            let mut text = format!("attempt {attempt} {}", attempted(end, *elapsed_ms));
            captured(&mut text, values);
            text
        }
        Event::RetryPlanned {
            attempt, delay_ms, ..
        } => format!("attempt {attempt} follows in {}", duration(*delay_ms)),
        Event::StepDone { step, values, .. } => step_done(step, values, state),
        Event::StepFailed { step, failure } => {
            let inside = state.step(step).and_then(|step| inside(step, state));
            let inside = inside.map_or_else(String::new, |inside| format!(" ({inside})"));
            format!("{}{inside}: {}", failed_word(failure), failed(failure))
        }
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::PhaseStarted { .. }
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::CheckEnded { .. }
        | Event::Entered { .. }
        | Event::TimedOut { .. }
        | Event::ThenStarted { .. }
        | Event::ThenEnded { .. }
        | Event::Adopted { .. }
        | Event::Doubted { .. }
        | Event::Stopping { .. }
        | Event::UndoStarted { .. }
        | Event::UndoRetried { .. }
        | Event::UndoEnded { .. }
        | Event::RunbookEnded { .. }
        | Event::Noted { .. }
        | Event::Note(_)
        | Event::RunEnded { .. } => return happened_else(event, state),
    })
}

/// What happened within a step, around its action, or on its way back.
fn happened_else(event: &Event, state: &RunState) -> Option<String> {
    Some(match event {
        Event::Entered { step, into, .. } => entered(step, into, state),
        Event::TimedOut { step } => timed_out(step, state),
        Event::ThenStarted {
            number,
            undoing,
            intent,
            ..
        } => format!("{}: {}", then(*number, *undoing), intended(intent)),
        Event::ThenEnded {
            number,
            undoing,
            end,
            elapsed_ms,
            ..
        } => format!("{} {}", then(*number, *undoing), attempted(end, *elapsed_ms)),
        Event::Adopted { detail, .. } => {
            format!("had happened before the crash: {}", visible(detail))
        }
        Event::Doubted { undoing, detail, .. } => {
            let what = if *undoing { "undo" } else { "action" };
            format!(
                "nobody can tell whether its {what} has happened: {}",
                visible(detail)
            )
        }
        Event::UndoStarted { attempt, intent, .. } => match attempt {
            1 => format!("undoing: {}", intended(intent)),
            number => format!("undoing, attempt {number}: {}", intended(intent)),
        },
        Event::UndoRetried {
            attempt,
            failure,
            delay_ms,
            ..
        } => format!(
            "could not be undone: {}; attempt {attempt} follows in {}",
            failed(failure),
            duration(*delay_ms)
        ),
        Event::UndoEnded { end, elapsed_ms, .. } => undone(end, *elapsed_ms),
        Event::RunbookEnded { outcome, .. } => {
            format!("its runbook ended as {}: {}", outcome.word(), outcome.meaning())
        }
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::PhaseStarted { .. }
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::CheckEnded { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::HandleKept { .. }
        | Event::AttemptEnded { .. }
        | Event::RetryPlanned { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::Noted { .. }
        | Event::Note(_)
        | Event::RunEnded { .. } => return None,
    })
}

fn run_started(run: &RunStarted) -> String {
    let (name, who) = (&run.run, &run.who);
    let mut text = visible(&format!("run {name} started by {} on {}", who.user, who.host));
    if let Some(wishes) = wishes(&run.wanted) {
        add(&mut text, "; asked for: ", &wishes);
    }
    text
}

fn step_done(step: &str, values: &IndexMap<String, Value>, state: &RunState) -> String {
    let mut text = "done".to_owned();
    if let Some(known) = state.step(step) {
        let span = known.started_at.zip(known.ended_at);
        if let Some(ms) = span.and_then(|(from, to)| between(from, to)) {
            add(&mut text, " after ", &duration(ms));
        }
        if let Some(inside) = inside(known, state) {
            add(&mut text, ": ", &inside);
        }
    }
    captured(&mut text, values);
    text
}

fn timed_out(step: &str, state: &RunState) -> String {
    let known = state.step(step).and_then(|step| step.outline.timeout_ms);
    let most = known.map_or_else(String::new, |ms| format!(" of {}", duration(ms)));
    format!("took longer than its `timeout`{most}; what is under way in it is cancelled")
}

fn undone(end: &UndoEnd, elapsed_ms: u64) -> String {
    let span = duration(elapsed_ms);
    match end {
        UndoEnd::Undone => format!("undone in {span}"),
        UndoEnd::Failed { failure } => format!("could not be undone ({span}): {}", failed(failure)),
    }
}

/// The step that an event is about.
#[must_use]
pub fn step_of(event: &Event) -> Option<&str> {
    match event {
        Event::StepStarted { step }
        | Event::StepSkipped { step, .. }
        | Event::Entered { step, .. }
        | Event::TimedOut { step }
        | Event::ApprovalAsked { step, .. }
        | Event::ApprovalAnswered { step, .. }
        | Event::BeforeTaken { step, .. }
        | Event::AttemptStarted { step, .. }
        | Event::HandleKept { step, .. }
        | Event::AttemptEnded { step, .. }
        | Event::RetryPlanned { step, .. }
        | Event::ThenStarted { step, .. }
        | Event::ThenEnded { step, .. }
        | Event::Adopted { step, .. }
        | Event::Doubted { step, .. }
        | Event::StepDone { step, .. }
        | Event::StepFailed { step, .. }
        | Event::UndoStarted { step, .. }
        | Event::UndoRetried { step, .. }
        | Event::UndoEnded { step, .. }
        | Event::RunbookEnded { step, .. } => Some(step),
        Event::CheckStarted { site } | Event::CheckRead { site, .. } | Event::CheckEnded { site, .. } => {
            site.step.as_deref().or(site.within.as_deref())
        }
        Event::PhaseStarted { within, .. } | Event::Stopping { within, .. } => within.as_deref(),
        Event::Noted { notice } => match notice {
            runbook_event::Notice::Settled { step, .. } => Some(step),
            runbook_event::Notice::TerminalGone { .. }
            | runbook_event::Notice::SecretChanged { .. }
            | runbook_event::Notice::Mended { .. }
            | runbook_event::Notice::Section { .. }
            | runbook_event::Notice::Unlocked { .. } => None,
        },
        Event::RunStarted(_) | Event::RunResumed(_) | Event::Note(_) | Event::RunEnded { .. } => None,
    }
}

/// What begins within a step.
fn entered(step: &str, into: &Into, state: &RunState) -> String {
    match into {
        Into::Group => {
            let known = state
                .step(step)
                .map_or(0, |step| step.outline.holds.steps().len());
            format!("{} within it", count(known as u64, "step"))
        }
        Into::Items { items } => listed(items),
        Into::Round { number } => format!("round {number}"),
        Into::Branch { chosen: None } => "no branch is chosen".to_owned(),
        Into::Branch { chosen: Some(chosen) } => {
            let branches = state.step(step).map(|step| step.outline.holds.steps());
            let mut branches = branches.into_iter().flatten();
            let title = branches
                .find(|branch| branch.id == *chosen)
                .map_or(chosen, |branch| &branch.title);
            format!("the branch {} is chosen", visible(title))
        }
        Into::Alternatives => {
            let known = state
                .step(step)
                .map_or(0, |step| step.outline.holds.steps().len());
            format!("{}, until one works", count(known as u64, "alternative"))
        }
        Into::Runbook { inputs } => {
            let mut text = match state.step(step).map(|step| &step.outline.holds) {
                Some(runbook_event::Holds::Runbook { runbook, .. }) => visible(&format!(
                    "runbook {}: {} {}",
                    runbook.title, runbook.name, runbook.version
                )),
                Some(
                    runbook_event::Holds::Nothing
                    | runbook_event::Holds::Steps { .. }
                    | runbook_event::Holds::Items { .. }
                    | runbook_event::Holds::Rounds { .. }
                    | runbook_event::Holds::Branches { .. }
                    | runbook_event::Holds::Alternatives { .. },
                )
                | None => "another runbook".to_owned(),
            };
            if !inputs.is_empty() {
                add(&mut text, "; with ", &named(inputs));
            }
            text
        }
        Into::Undoing { steps } => visible(&format!("undoes {}", steps.join(", "))),
        Into::Undo => "its undo is several steps".to_owned(),
    }
}

fn listed(items: &[Item]) -> String {
    if items.is_empty() {
        return "no items".to_owned();
    }
    let keys: Vec<String> = items.iter().take(NAMED).map(|item| visible(&item.key)).collect();
    let mut text = format!("{}: {}", count(items.len() as u64, "item"), keys.join(", "));
    if items.len() > NAMED {
        add(&mut text, " and ", &format!("{} more", items.len() - NAMED));
    }
    text
}

/// What came of that which stands within a step, where its title does not say it.
fn inside(step: &StepState, state: &RunState) -> Option<String> {
    let frame = state.frames().get(step.inner?)?;
    let with = |status: StepStatus| {
        let members = frame.members.iter().filter(move |at| {
            let member = state.steps().get(**at);
            member.is_some_and(|member| member.status == status)
        });
        members.copied()
    };
    match frame.kind {
        FrameKind::Items { .. } => {
            let all = count(frame.members.len() as u64, "item");
            let mut text = format!("{} of {all} done", with(StepStatus::Done).count());
            let lost = with(StepStatus::Failed).count();
            if lost > 0 {
                add(&mut text, ", ", &format!("{lost} failed"));
            }
            Some(text)
        }
        FrameKind::Rounds => Some(count(frame.members.len() as u64, "round")),
        FrameKind::Alternatives => {
            let worked = with(StepStatus::Done).next()?;
            Some(format!("{} worked", title_at(worked, state)))
        }
        FrameKind::Steps
        | FrameKind::Finally
        | FrameKind::Group
        | FrameKind::Branches { .. }
        | FrameKind::Undo => None,
    }
}

fn kept(values: &IndexMap<String, Value>, inverse: Option<&str>) -> String {
    let mut parts = Vec::new();
    if !values.is_empty() {
        parts.push(named(values));
    }
    if let Some(inverse) = inverse {
        parts.push(format!("what to put back is {}", visible(inverse)));
    }
    if parts.is_empty() {
        return "nothing needs to be kept for the undo".to_owned();
    }
    format!("kept for the undo: {}", parts.join("; "))
}

/// What follows a change, or its undo, so that it takes effect.
pub(crate) fn then(number: u32, undoing: bool) -> String {
    let number = if number == 1 {
        String::new()
    } else {
        format!(" {number}")
    };
    let after = if undoing { " after the undo" } else { "" };
    format!("then{number}{after}")
}

fn attempted(end: &AttemptEnd, elapsed_ms: u64) -> String {
    let span = duration(elapsed_ms);
    match end {
        AttemptEnd::Succeeded => format!("succeeded in {span}"),
        AttemptEnd::Failed { failure } => {
            format!("{} after {span}: {}", failed_word(failure), failed(failure))
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
