//! What happened around the engine, in one order: records, syncs, calls, questions.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_engine::Clock;
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, Event, OnFailure, Reading, Record, SkipReason, Stop, StopCause, UndoEnd,
};

use crate::clock::FakeClock;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// The journal took a record.
    Record(Box<Record>),
    /// The journal took a reading that is no event.
    Reading(CheckSite, Reading),
    /// The journal made durable what it had.
    Synced,
    /// An action was called: its kind and its name.
    Called(&'static str, String),
    /// An action came back: its name, and how.
    Returned(String, Result<(), ErrorKind>),
    /// The journal could not keep something.
    Lost,
    /// A person was asked about a step.
    Asked(String),
    /// A signal was sent.
    Signal,
}

/// Everything that happened, with its virtual time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    clock: Arc<FakeClock>,
    marks: Arc<Mutex<Vec<(Duration, Mark)>>>,
}

impl Tape {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self {
            clock,
            marks: Arc::default(),
        }
    }

    /// Adds what happens now.
    pub fn mark(&self, mark: Mark) {
        let now = self.clock.monotonic();
        self.lock().push((now, mark));
    }

    /// All of it so far.
    #[must_use]
    pub fn marks(&self) -> Vec<(Duration, Mark)> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Duration, Mark)>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A record in a few words, without what its reader can tell from the scenario.
#[must_use]
pub fn brief(event: &Event) -> String {
    match event {
        Event::RunStarted(_) => "run".to_owned(),
        Event::PhaseStarted { phase } => format!("== {}", phase.word()),
        Event::CheckStarted { site } => format!("{} ?", place(site)),
        Event::CheckRead { site, reading } => {
            let verdict = reading.verdict.word();
            format!("{} #{} {verdict} {}", place(site), reading.number, reading.streak)
        }
        Event::CheckEnded { site, verdict, .. } => format!("{} = {}", place(site), verdict.word()),
        Event::StepStarted { step } => format!("{step} start"),
        Event::StepSkipped { step, reason } => match reason {
            SkipReason::When { .. } => format!("{step} skipped: when"),
            SkipReason::Stopped => format!("{step} skipped: stopped"),
        },
        Event::ApprovalAsked { step, .. } => format!("{step} asks"),
        Event::ApprovalAnswered {
            step, approved, how, ..
        } => format!("{step} {} {how}", if *approved { "approved" } else { "refused" }),
        Event::BeforeTaken { step, values } => {
            let mut text = format!("{step} before");
            for (name, value) in values {
                let _infallible = write!(text, " {name}={value}");
            }
            text
        }
        Event::AttemptStarted { step, .. } => format!("{step} intent"),
        Event::AttemptEnded { step, end, .. } => match end {
            AttemptEnd::Succeeded => format!("{step} acted"),
            AttemptEnd::Failed { failure } => format!("{step} did not act: {}", failure.kind),
        },
        Event::Captured { step, values } => {
            let mut text = format!("{step} captured");
            for (name, value) in values {
                let _infallible = write!(text, " {name}={value}");
            }
            text
        }
        Event::StepDone { step } => format!("{step} done"),
        Event::StepFailed { step, failure } => format!("{step} failed: {}", failure.kind),
        Event::Stopping { stop } => stopping(stop),
        Event::UndoStarted { step, .. } => format!("{step} undo"),
        Event::UndoEnded { step, end, .. } => match end {
            UndoEnd::Undone => format!("{step} undone"),
            UndoEnd::Failed { failure } => format!("{step} not undone: {}", failure.kind),
        },
        Event::RunEnded { outcome, .. } => format!("== {outcome}"),
    }
}

fn stopping(stop: &Stop) -> String {
    let cause = match &stop.cause {
        StopCause::StepFailed { step } => step.clone(),
        StopCause::Rejected { step } => format!("{step} rejected"),
        StopCause::VerifyFailed { check } => format!("verify {check}"),
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
    };
    match &site.step {
        Some(step) => format!("{step} {role}.{}", site.check),
        None => format!("{role}.{}", site.check),
    }
}
