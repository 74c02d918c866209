//! What happened when.

use jiff::Timestamp;
use runbook_event::{AttemptEnd, CheckRole, Event, Outcome, Phase, Record, RunState, UndoEnd, Verdict};

use crate::story::Error;
use crate::words::{describe, step_of};

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub at: Timestamp,
    /// How long after the beginning, in milliseconds. Negative if the machine's clock was set back.
    pub offset_ms: i128,
    /// The part of the run. None before the first.
    pub phase: Option<Phase>,
    /// The step, for what belongs to one.
    pub step: Option<String>,
    /// What it means to a reader.
    pub kind: EntryKind,
    /// What happened, in plain text on one line.
    pub text: String,
}

/// What a line of the timeline means to a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A part of the run begins.
    Phase,
    /// Something went as it should.
    Good,
    /// Something did not.
    Bad,
    /// Something happened.
    Info,
    /// A person is asked.
    Question,
}

/// What happened when. That a check is being asked is left out, and so is its decision where its only reading
/// has said the same.
pub fn timeline(records: &[Record]) -> Result<Vec<Entry>, Error> {
    let start = records.first().ok_or(Error::Empty)?.at;
    let mut state = RunState::new();
    let mut entries = Vec::new();
    for record in records {
        state.apply(record)?;
        if !is_told(&record.event, &state) {
            continue;
        }
        entries.push(Entry {
            at: record.at,
            offset_ms: record.at.duration_since(start).as_millis(),
            phase: state.phase(),
            step: step_of(&record.event).map(str::to_owned),
            kind: kind(&record.event),
            text: describe(&record.event, &state),
        });
    }
    Ok(entries)
}

fn is_told(event: &Event, state: &RunState) -> bool {
    match event {
        Event::CheckStarted { .. } => false,
        Event::CheckEnded {
            site,
            verdict,
            readings,
            values,
            ..
        } => {
            let last = state.checks().get(site).and_then(|check| check.last());
            *readings != 1 || !values.is_empty() || last.is_none_or(|last| last.verdict != *verdict)
        }
        Event::RunStarted(_)
        | Event::PhaseStarted { .. }
        | Event::CheckRead { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::Captured { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::UndoStarted { .. }
        | Event::UndoEnded { .. }
        | Event::RunEnded { .. } => true,
    }
}

fn kind(event: &Event) -> EntryKind {
    let good = |is_good: bool| if is_good { EntryKind::Good } else { EntryKind::Bad };
    match event {
        Event::PhaseStarted { .. } => EntryKind::Phase,
        Event::ApprovalAsked { .. } => EntryKind::Question,
        Event::ApprovalAnswered { approved, .. } => good(*approved),
        Event::CheckRead { site, reading } => checked(site.role, reading.verdict),
        Event::CheckEnded { site, verdict, .. } => checked(site.role, *verdict),
        Event::AttemptEnded { end, .. } => match end {
            AttemptEnd::Succeeded => EntryKind::Info,
            AttemptEnd::Failed { .. } => EntryKind::Bad,
        },
        Event::UndoEnded { end, .. } => good(*end == UndoEnd::Undone),
        Event::StepDone { .. } => EntryKind::Good,
        Event::StepFailed { .. } | Event::Stopping { .. } => EntryKind::Bad,
        Event::RunEnded { outcome, .. } => ended(*outcome),
        Event::RunStarted(_)
        | Event::CheckStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::Captured { .. }
        | Event::UndoStarted { .. } => EntryKind::Info,
    }
}

/// Before the repair a check that answers no is no bad news: it is why there is a repair.
const fn checked(role: CheckRole, verdict: Verdict) -> EntryKind {
    match (role, verdict) {
        (CheckRole::Detect | CheckRole::Baseline, Verdict::Pass | Verdict::Fail) => EntryKind::Info,
        (CheckRole::Require | CheckRole::Gate | CheckRole::Verify, Verdict::Pass) => EntryKind::Good,
        (CheckRole::Require | CheckRole::Gate | CheckRole::Verify, Verdict::Fail) | (_, Verdict::Error) => {
            EntryKind::Bad
        }
    }
}

const fn ended(outcome: Outcome) -> EntryKind {
    match outcome {
        Outcome::Resolved | Outcome::NotNeeded => EntryKind::Good,
        Outcome::Waiting => EntryKind::Question,
        Outcome::Failed
        | Outcome::RolledBack
        | Outcome::RollbackFailed
        | Outcome::Rejected
        | Outcome::Unknown
        | Outcome::CleanupFailed
        | Outcome::Interrupted => EntryKind::Bad,
    }
}
