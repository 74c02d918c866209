//! What can happen in a run.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Effect, Failure, Stream};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Outcome, Outline, Phase, RunbookRef};

/// One line of a journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The run began. Always the first.
    RunStarted(Box<RunStarted>),
    /// A part of the run began.
    PhaseStarted {
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
    /// What `before` captured, kept for the undo.
    BeforeTaken {
        /// The step.
        step: String,
        /// The captured values.
        values: IndexMap<String, Value>,
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
    /// The action came back.
    AttemptEnded {
        /// The step.
        step: String,
        /// The number of the attempt, from 1.
        attempt: u32,
        /// How it went.
        end: AttemptEnd,
        /// What it printed.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        output: Vec<OutputRef>,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
    /// What the step's `capture` gave.
    Captured {
        /// The step.
        step: String,
        /// The values by name.
        values: IndexMap<String, Value>,
    },
    /// The step is done: its action succeeded and its gates passed.
    StepDone {
        /// Its id.
        step: String,
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
        /// Why.
        stop: Stop,
    },
    /// An undo is about to run. Durable before it does.
    UndoStarted {
        /// The step that is undone.
        step: String,
        /// What is about to be done.
        intent: Intent,
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
    /// The run ended. Always the last.
    RunEnded {
        /// How.
        outcome: Outcome,
        /// How long it took, in milliseconds.
        elapsed_ms: u64,
    },
}

/// All that decides a run, as it was when it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// The run's name.
    pub run: String,
    /// The version of the journal's format.
    pub format: u32,
    /// The engine's version.
    pub engine: String,
    /// The runbook.
    pub runbook: RunbookRef,
    /// The plan's digest: SHA-256 in hexadecimal.
    pub plan: String,
    /// The environment of the project file, if one was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The practice system that stood in for the real one, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<String>,
    /// The inputs, with secret ones masked.
    pub inputs: IndexMap<String, Value>,
    /// Where each connection leads: its name and its address, without credentials.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub connections: IndexMap<String, String>,
    /// Who started it, and where.
    pub who: Who,
    /// Steps and checks.
    pub outline: Outline,
}

/// Who did something, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
}

/// Where a check stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CheckSite {
    /// What it is asked for.
    pub role: CheckRole,
    /// The step it belongs to, for a step's own checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its id among the checks of that role.
    pub check: String,
}

/// What a check is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRole {
    /// Is there anything to repair?
    Detect,
    /// How is it before the first step?
    Baseline,
    /// May the step run?
    Require,
    /// Has the step worked?
    Gate,
    /// Is the incident over?
    Verify,
}

/// What a check gave once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Which reading of this check, from 1.
    pub number: u32,
    /// What it means.
    pub verdict: Verdict,
    /// How many passes in a row, this one included.
    pub streak: u32,
    /// The number to draw: the check's `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// What was compared, or why it could not be asked.
    pub detail: String,
}

/// What a check found. An error is never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It answered yes.
    Pass,
    /// It answered no.
    Fail,
    /// It could not be asked.
    Error,
}

impl Verdict {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Error => "error",
        }
    }
}

/// What is about to be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The action's kind.
    pub kind: String,
    /// Its effect.
    pub effect: Effect,
    /// One line for people.
    pub summary: String,
    /// The connection that it goes through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The rendered parameters, masked.
    pub params: Value,
    /// The environment variables that the author gives it, masked.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub env: IndexMap<String, String>,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// How an undo went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum UndoEnd {
    /// It succeeded.
    Undone,
    /// It failed: a person must do it.
    Failed {
        /// Why.
        failure: Failure,
    },
}

/// Why a step was not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `when` is false.
    When {
        /// What was compared.
        detail: String,
    },
    /// The run stopped before its turn.
    Stopped,
}

/// Why nothing new starts, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// The cause.
    #[serde(flatten)]
    pub cause: StopCause,
    /// `rollback` or `hold`.
    pub then: crate::OnFailure,
}

/// What stopped a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum StopCause {
    /// A step failed.
    StepFailed {
        /// Which.
        step: String,
    },
    /// An approval was refused.
    Rejected {
        /// For which step.
        step: String,
    },
    /// The final `verify` did not pass.
    VerifyFailed {
        /// Which check.
        check: String,
    },
    /// A signal.
    Signal {
        /// Its name.
        name: String,
    },
}

/// What a program printed on one stream: kept in full beside the journal, or here if it is short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRef {
    /// Which stream.
    pub stream: Stream,
    /// How much, in bytes, after masking.
    pub bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    pub sha256: String,
    /// The file that holds it, relative to the run's directory. None if `head` is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its beginning (up to 4 KiB), or all of it.
    pub head: String,
    /// Its end (up to 4 KiB), where `head` is not all.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tail: String,
}
