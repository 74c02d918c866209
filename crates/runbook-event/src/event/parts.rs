//! What events are made of.

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Effect, Failure, Stream};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What begins within a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "into", rename_all = "snake_case")]
pub enum Into {
    /// Its steps.
    Group,
    /// Its steps, once for each of these items.
    Items {
        /// The items, in their order.
        items: Vec<Item>,
    },
    /// Its steps, once more.
    Round {
        /// Which round, from 1.
        number: u32,
    },
    /// One of its branches.
    Branch {
        /// The branch, if one was chosen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        chosen: Option<String>,
    },
    /// Its alternatives, one after the other.
    Alternatives,
    /// Another runbook.
    Runbook {
        /// Its inputs, with secret ones masked.
        inputs: IndexMap<String, Value>,
    },
    /// Undoing these steps.
    Undoing {
        /// Their ids, as the author wrote them.
        steps: Vec<String>,
    },
    /// The steps of its `rollback`.
    Undo,
}

/// One item of a list that a step goes through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Item {
    /// What it is called, unique in its list: `hub-1` in `each_replica[hub-1]`.
    pub key: String,
    /// Its value, masked.
    pub value: Value,
}

/// Something that is to be known of a run, and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "notice", rename_all = "snake_case")]
pub enum Notice {
    /// The terminal went away.
    TerminalGone {
        /// Whether the run goes on without it.
        goes_on: bool,
    },
    /// A secret is not what it was when the run was last seen.
    SecretChanged {
        /// Its name.
        name: String,
    },
    /// What a crash had left running was looked for.
    Settled {
        /// The step.
        step: String,
        /// What was found.
        found: String,
    },
    /// The last line, which a crash had torn, was cut off before something was noted.
    Mended {
        /// How many bytes.
        torn: u64,
    },
    /// A section that the runbook or the project adds to the report.
    Section {
        /// Its heading.
        title: String,
        /// Its text, in Markdown. Empty if it could not be written.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        text: Vec<Words>,
        /// Why it could not be written.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Somebody took a lock from this run.
    Unlocked {
        /// The lock.
        lock: String,
        /// Who.
        by: String,
        /// Why, in that person's words.
        reason: String,
    },
}

/// A part of a text that has values in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Words {
    /// The author wrote it.
    Written(String),
    /// An expression gave it: it may hold anything.
    Value(String),
}

/// Where a check stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct CheckSite {
    /// The step whose sub-runbook it belongs to, for a runbook's own checks; none for those of the run itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<String>,
    /// What it is asked for.
    pub role: CheckRole,
    /// The step it belongs to, for a step's own checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its id among the checks of that role.
    pub check: String,
}

/// What a check is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckRole {
    /// Is there anything to repair?
    Detect,
    /// How is it before the first step?
    Baseline,
    /// Is it still safe to go on?
    Guard,
    /// May the step run?
    Require,
    /// Has the step worked?
    Gate,
    /// Has its undo worked?
    Undone,
    /// What does the gate read before the action? After a crash it tells with that whether the action has happened.
    Decide,
    /// One row of a table.
    Row,
    /// Is the incident over?
    Verify,
}

/// What a check gave once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Whether a row of a table passes with a warning.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub warned: bool,
    /// What was compared, or why it could not be asked.
    pub detail: String,
}

/// A reading that is no event, as it is kept beside them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TimedReading {
    /// When it was taken.
    pub at: Timestamp,
    /// Of which check.
    #[serde(flatten)]
    pub site: CheckSite,
    /// What it read.
    pub reading: Reading,
}

/// What a check found. An error is never a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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

impl AttemptEnd {
    /// Why it failed, if it did.
    #[must_use]
    pub const fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Succeeded => None,
            Self::Failed { failure } => Some(failure),
        }
    }
}

/// How an undo went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum SkipReason {
    /// Its `when` is false.
    When {
        /// What was compared.
        detail: String,
    },
    /// Another branch was chosen, or none.
    NotChosen,
    /// An earlier alternative worked.
    NotNeeded,
    /// Nobody said yes, and the step is to be skipped then.
    NotApproved,
    /// An option of the command line leaves it out.
    Asked {
        /// Which: `--skip`, `--only`, `--from`.
        option: String,
    },
    /// The run stopped before its turn.
    Stopped,
}

/// Why nothing new starts, and what happens then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stop {
    /// The cause.
    #[serde(flatten)]
    pub cause: StopCause,
    /// `rollback` or `hold`.
    pub then: crate::OnFailure,
}

/// What stopped a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// A guard tripped.
    GuardTripped {
        /// Which.
        check: String,
    },
    /// It took longer than its `timeout`.
    TimedOut,
    /// What this is a part of stops.
    Parent,
    /// A person wants it undone.
    Person {
        /// Who.
        by: String,
    },
    /// A signal.
    Signal {
        /// Its name.
        name: String,
    },
}

/// What a program printed on one stream: kept in full beside the journal, or here if it is short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
