//! What can happen in a run.

mod note;
mod parts;
mod started;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Failure, Handle};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::note::{Author, KnownBy, Note, NoteKind};
pub use self::parts::{
    AttemptEnd, CheckRole, CheckSite, Intent, Into, Item, Notice, OutputRef, Reading, SkipReason, Stop,
    StopCause, TimedReading, UndoEnd, Verdict, Words,
};
pub use self::started::{Assumed, Assumption, Commit, Promise, Resumed, RunResumed, RunStarted, Wanted, Who};
use crate::{Outcome, Phase};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    /// Its place in the run, from 0. This orders; the time does not.
    pub seq: u64,
    /// When the engine noted it, in UTC.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Every text in it is masked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began. Always the first.
    RunStarted(Box<RunStarted>),
    /// A run that a crash, a person or a doubt had ended goes on, or is undone.
    RunResumed(Box<RunResumed>),
    /// A part of the run began.
    PhaseStarted {
        /// The step whose sub-runbook it is a part of; none for the run itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// Which.
        phase: Phase,
    },
    /// A check is being asked.
    CheckStarted {
        /// Which.
        #[serde(flatten)]
        site: CheckSite,
    },
    /// A check answered. Only the first, the last and the readings that change the verdict are events.
    CheckRead {
        /// Which.
        #[serde(flatten)]
        site: CheckSite,
        /// What it read.
        reading: Reading,
    },
    /// A check is decided.
    CheckEnded {
        /// Which.
        #[serde(flatten)]
        site: CheckSite,
        /// How.
        verdict: Verdict,
        /// How often it was asked.
        readings: u32,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
        /// What its `capture` gave.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        values: IndexMap<String, Value>,
        /// What of it is secret, encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
    /// A step's turn has come.
    StepStarted {
        /// Its id.
        step: String,
    },
    /// A step is not run.
    StepSkipped {
        /// Its id.
        step: String,
        /// Why.
        reason: SkipReason,
    },
    /// What stands within a step begins.
    Entered {
        /// The step that holds it.
        step: String,
        /// What of it.
        into: Into,
        /// What of it is secret, encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
    /// A step that holds others took longer than its `timeout`: what is under way in it is cancelled.
    TimedOut {
        /// The step.
        step: String,
    },
    /// A person is asked for leave.
    ApprovalAsked {
        /// The step that waits.
        step: String,
        /// The question.
        message: String,
        /// What would run, as rendered.
        intent: Intent,
    },
    /// A person answered.
    ApprovalAnswered {
        /// The step that waited.
        step: String,
        /// Whether it may run.
        approved: bool,
        /// Who answered.
        by: String,
        /// How: `terminal`, `--yes`, `timeout`.
        how: String,
    },
    /// What `before` captured and what the action keeps for its undo. Taken once a step.
    BeforeTaken {
        /// The step.
        step: String,
        /// The captured values.
        values: IndexMap<String, Value>,
        /// What the undo will put back, in one line, where the action keeps that.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        inverse: Option<String>,
        /// What of it is secret, encrypted, and all of the inverse.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
    /// The action is about to run. Durable before it does, if it changes something.
    AttemptStarted {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// What is about to be done.
        intent: Intent,
    },
    /// The action started something that may outlive this program.
    HandleKept {
        /// The step.
        step: String,
        /// What it started.
        handle: Handle,
    },
    /// The action came back.
    AttemptEnded {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// How it went.
        end: AttemptEnd,
        /// What the step's `capture` gave.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        values: IndexMap<String, Value>,
        /// What of it is secret, encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
        /// What it printed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<OutputRef>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// There will be another attempt.
    RetryPlanned {
        /// The step.
        step: String,
        /// The number of the next attempt.
        attempt: u32,
        /// How long is waited before it, in milliseconds.
        delay_ms: u64,
    },
    /// What makes the change take effect is about to run. Durable before it does.
    ThenStarted {
        /// The step.
        step: String,
        /// Which of the step's `then`, from 1.
        number: u32,
        /// Whether it follows the undo, and not the action.
        undoing: bool,
        /// What is about to be done.
        intent: Intent,
    },
    /// What makes the change take effect came back.
    ThenEnded {
        /// The step.
        step: String,
        /// Which of the step's `then`, from 1.
        number: u32,
        /// Whether it follows the undo, and not the action.
        undoing: bool,
        /// How it went.
        end: AttemptEnd,
        /// What it printed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<OutputRef>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// An action that a crash interrupted turned out to have happened.
    Adopted {
        /// The step.
        step: String,
        /// What tells so.
        detail: String,
    },
    /// Nobody can tell whether an action that a crash interrupted has happened. A person must say.
    Doubted {
        /// The step.
        step: String,
        /// Whether it is the step's undo.
        undoing: bool,
        /// What is known: the reading of its gate, if it has one.
        detail: String,
    },
    /// The step is done: its action succeeded and its gates passed.
    StepDone {
        /// Its id.
        step: String,
        /// What the `capture` of a step that holds others gave, or its `let`.
        #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
        values: IndexMap<String, Value>,
        /// What of it is secret, encrypted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed: Option<String>,
    },
    /// The step failed.
    StepFailed {
        /// Its id.
        step: String,
        /// Why.
        failure: Failure,
    },
    /// Nothing new starts from here on.
    Stopping {
        /// The step whose sub-runbook stops; none for the run itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        within: Option<String>,
        /// Why.
        stop: Stop,
    },
    /// An undo is about to run. Durable before it does.
    UndoStarted {
        /// The step that is undone.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// What is about to be done.
        intent: Intent,
    },
    /// An undo failed, and is tried once more.
    UndoRetried {
        /// The step that is undone.
        step: String,
        /// The number of the next attempt.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
        /// How long is waited before the next one, in milliseconds.
        delay_ms: u64,
    },
    /// An undo came back.
    UndoEnded {
        /// The step that was undone.
        step: String,
        /// How it went.
        end: UndoEnd,
        /// What it printed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<OutputRef>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// A sub-runbook ended.
    RunbookEnded {
        /// The step that it is the work of.
        step: String,
        /// How.
        outcome: Outcome,
    },
    /// Something that is to be known of the run, and changes nothing.
    Noted {
        /// What.
        #[serde(flatten)]
        notice: Notice,
    },
    /// A person wrote something. It stands anywhere, also after the end, and changes nothing.
    Note(Box<Note>),
    /// The run ended. The last but for what people write, unless the run is resumed or undone later.
    RunEnded {
        /// How.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
}

impl Event {
    /// What of it is secret, encrypted.
    #[must_use]
    pub fn sealed(&self) -> Option<&str> {
        if let Self::RunStarted(started) = self {
            return started.sealed.as_deref();
        }
        let (Self::CheckEnded { sealed, .. }
        | Self::Entered { sealed, .. }
        | Self::BeforeTaken { sealed, .. }
        | Self::AttemptEnded { sealed, .. }
        | Self::StepDone { sealed, .. }) = self
        else {
            return None;
        };
        sealed.as_deref()
    }

    /// The values that it gives names to, masked.
    #[must_use]
    pub fn values(&self) -> Option<&IndexMap<String, Value>> {
        if let Self::RunStarted(started) = self {
            return Some(&started.inputs);
        }
        let (Self::CheckEnded { values, .. }
        | Self::BeforeTaken { values, .. }
        | Self::AttemptEnded { values, .. }
        | Self::StepDone { values, .. }) = self
        else {
            return None;
        };
        Some(values)
    }

    /// The instance of a step that it is about, if it is about one.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::RunStarted(_)
            | Self::RunResumed(_)
            | Self::PhaseStarted { .. }
            | Self::Stopping { .. }
            | Self::Noted { .. }
            | Self::Note(_)
            | Self::RunEnded { .. } => None,
            Self::CheckStarted { site } | Self::CheckRead { site, .. } | Self::CheckEnded { site, .. } => {
                site.step.as_deref()
            }
            Self::StepStarted { step }
            | Self::StepSkipped { step, .. }
            | Self::Entered { step, .. }
            | Self::TimedOut { step }
            | Self::ApprovalAsked { step, .. }
            | Self::ApprovalAnswered { step, .. }
            | Self::BeforeTaken { step, .. }
            | Self::AttemptStarted { step, .. }
            | Self::HandleKept { step, .. }
            | Self::AttemptEnded { step, .. }
            | Self::RetryPlanned { step, .. }
            | Self::ThenStarted { step, .. }
            | Self::ThenEnded { step, .. }
            | Self::Adopted { step, .. }
            | Self::Doubted { step, .. }
            | Self::StepDone { step, .. }
            | Self::StepFailed { step, .. }
            | Self::UndoStarted { step, .. }
            | Self::UndoRetried { step, .. }
            | Self::UndoEnded { step, .. }
            | Self::RunbookEnded { step, .. } => Some(step),
        }
    }
}
