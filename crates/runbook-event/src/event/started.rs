//! How a run begins, and goes on after an end.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Outline, RunbookRef};

/// All that decides a run, as it was when it began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// The incident that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// What the project promises for the runbook's severity, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub promise: Option<Promise>,
    /// Who started it, and where.
    pub who: Who,
    /// The texts that decide it: name and SHA-256 in hexadecimal.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub pinned: IndexMap<String, String>,
    /// The commit of the repository, and whether files differ from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// What it owns while it runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<String>,
    /// What was asked for on the command line beyond the runbook.
    #[serde(default, skip_serializing_if = "Wanted::is_plain")]
    pub wanted: Wanted,
    /// What of the inputs is secret, encrypted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealed: Option<String>,
    /// Steps and checks.
    pub outline: Outline,
}

/// What a project promises for a severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Promise {
    /// How soon somebody is at work on it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub respond_within_ms: Option<u64>,
    /// How soon it is over, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve_within_ms: Option<u64>,
}

/// A commit of the repository that the runbook is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Commit {
    /// Its id.
    pub id: String,
    /// Whether files differ from it.
    pub dirty: bool,
}

/// What was asked for on the command line beyond the runbook.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Wanted {
    /// It goes on also if `detect` answers no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub force: bool,
    /// Nothing is undone after a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_rollback: bool,
    /// The steps that are left out, and by which option.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub skips: IndexMap<String, String>,
}

impl Wanted {
    /// Whether nothing was.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        !self.force && !self.no_rollback && self.skips.is_empty()
    }
}

/// How a run goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunResumed {
    /// What is done now.
    pub how: Resumed,
    /// Who does it, and where.
    pub who: Who,
    /// The engine's version.
    pub engine: String,
    /// How many bytes of a line that a crash had torn were cut off the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub torn: Option<u64>,
    /// Whether the pinned texts are run, although the files say something else or are gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_journal: bool,
    /// Why, in that person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person says about steps that nobody else can tell about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<Assumed>,
}

/// How a run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Resumed {
    /// From where it was.
    Forward,
    /// What it did is undone.
    Rollback,
}

/// What a person says about a step that a crash interrupted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Assumed {
    /// The step.
    pub step: String,
    /// What.
    pub assume: Assumption,
    /// Why, in that person's words.
    pub reason: String,
}

/// What may be said about an action that a crash interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Assumption {
    /// It has happened, as it was meant to.
    Done,
    /// It may have happened in part: the step has failed, and its undo is due.
    Attempted,
    /// It has not happened: it is run.
    NotStarted,
    /// It is run again, whether or not it has happened.
    Retry,
}

/// Who did something, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Who {
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
}
