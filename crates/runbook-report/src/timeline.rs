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
    /// Which session of the run: 1 for the first, one more each time that it goes on after an end.
    pub session: u32,
    /// The part of the run. None before the first, and where the run goes on.
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
    /// A person wrote it.
    Note,
}

impl EntryKind {
    /// The word for programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Info => "info",
            Self::Question => "question",
            Self::Note => "note",
        }
    }
}

/// What happened when. Left out are that a check is being asked, its decision where its only reading has said the
/// same, and what an action tells so that a resumed run finds again what it started.
pub fn timeline(records: &[Record]) -> Result<Vec<Entry>, Error> {
    Ok(timeline_of(records)?
        .into_iter()
        .map(|(_, entry)| entry)
        .collect())
}

/// The same, with the record of each entry.
pub(crate) fn timeline_of(records: &[Record]) -> Result<Vec<(&Record, Entry)>, Error> {
    let start = records.first().ok_or(Error::Empty)?.at;
    let mut state = RunState::new();
    let mut entries = Vec::new();
    for record in records {
        state.apply(record)?;
        if !is_told(&record.event, &state) {
            continue;
        }
        let entry = Entry {
            at: record.at,
            offset_ms: record.at.duration_since(start).as_millis(),
            session: state.resumed() + 1,
            // Where it goes on is not yet a part of it.
            phase: state
                .phase()
                .filter(|_| !matches!(record.event, Event::RunResumed(_))),
            step: step_of(&record.event).map(str::to_owned),
            kind: kind(&record.event),
            text: describe(&record.event, &state),
        };
        entries.push((record, entry));
    }
    Ok(entries)
}

fn is_told(event: &Event, state: &RunState) -> bool {
    match event {
        Event::CheckStarted { .. }
        | Event::HandleKept { .. }
        | Event::Noted {
            notice: runbook_event::Notice::Section { why: None, .. },
        } => false,
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
        | Event::RunResumed(_)
        | Event::PhaseStarted { .. }
        | Event::CheckRead { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::Entered { .. }
        | Event::TimedOut { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::RetryPlanned { .. }
        | Event::ThenStarted { .. }
        | Event::ThenEnded { .. }
        | Event::Adopted { .. }
        | Event::Doubted { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::UndoStarted { .. }
        | Event::UndoRetried { .. }
        | Event::UndoEnded { .. }
        | Event::RunbookEnded { .. }
        | Event::Noted { .. }
        | Event::Note(_)
        | Event::RunEnded { .. } => true,
    }
}

fn kind(event: &Event) -> EntryKind {
    let good = |is_good: bool| if is_good { EntryKind::Good } else { EntryKind::Bad };
    match event {
        Event::PhaseStarted { within: None, .. } => EntryKind::Phase,
        Event::ApprovalAsked { .. } | Event::Doubted { .. } => EntryKind::Question,
        Event::ApprovalAnswered { approved, .. } => good(*approved),
        Event::CheckRead { site, reading } => checked(site.role, reading.verdict),
        Event::CheckEnded { site, verdict, .. } => checked(site.role, *verdict),
        Event::AttemptEnded { end, .. } | Event::ThenEnded { end, .. } => match end {
            AttemptEnd::Succeeded => EntryKind::Info,
            AttemptEnd::Failed { .. } => EntryKind::Bad,
        },
        Event::UndoEnded { end, .. } => good(*end == UndoEnd::Undone),
        Event::StepDone { .. } | Event::Adopted { .. } => EntryKind::Good,
        Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::TimedOut { .. }
        | Event::UndoRetried { .. } => EntryKind::Bad,
        Event::RunbookEnded { outcome, .. } | Event::RunEnded { outcome, .. } => ended(*outcome),
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::PhaseStarted { within: Some(_), .. }
        | Event::CheckStarted { .. }
        | Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::Entered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::HandleKept { .. }
        | Event::RetryPlanned { .. }
        | Event::ThenStarted { .. }
        | Event::UndoStarted { .. }
        | Event::Noted { .. } => EntryKind::Info,
        Event::Note(_) => EntryKind::Note,
    }
}

/// Before the repair a check that answers no is no bad news: it is why there is a repair.
const fn checked(role: CheckRole, verdict: Verdict) -> EntryKind {
    match (role, verdict) {
        (CheckRole::Detect | CheckRole::Baseline | CheckRole::Decide, Verdict::Pass | Verdict::Fail) => {
            EntryKind::Info
        }
        (
            CheckRole::Guard
            | CheckRole::Require
            | CheckRole::Gate
            | CheckRole::Undone
            | CheckRole::Row
            | CheckRole::Verify,
            Verdict::Pass,
        ) => EntryKind::Good,
        (
            CheckRole::Guard
            | CheckRole::Require
            | CheckRole::Gate
            | CheckRole::Undone
            | CheckRole::Row
            | CheckRole::Verify,
            Verdict::Fail,
        )
        | (_, Verdict::Error) => EntryKind::Bad,
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
