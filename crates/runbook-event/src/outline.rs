//! What a reader must know of a runbook to tell about a run of it.

use indexmap::IndexMap;
use runbook_action::Effect;
use serde::{Deserialize, Serialize};

/// Which runbook a run is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookRef {
    /// Its `name`.
    pub name: String,
    /// Its `version`.
    pub version: String,
    /// Its `title`.
    pub title: String,
    /// Its `summary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Its `severity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// Its `owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Its `labels`.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub labels: IndexMap<String, String>,
    /// The file, relative to the project's root, with `/` between its parts.
    pub path: String,
    /// SHA-256 of the file's bytes, in hexadecimal.
    pub sha256: String,
}

/// The steps and checks of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outline {
    /// The steps in the author's order, those of `finally` after the others.
    pub steps: Vec<StepOutline>,
    /// The checks of `detect`.
    pub detect: Vec<CheckOutline>,
    /// Whether one passing check of `detect` is enough.
    pub detect_any: bool,
    /// The checks of the final `verify`.
    pub verify: Vec<CheckOutline>,
    /// How many steps may run side by side.
    pub max_parallel: u32,
    /// What a failure does, where the step does not say otherwise: `rollback` or `hold`.
    pub on_failure: OnFailure,
    /// What a signal does: `rollback` or `hold`.
    pub on_interrupt: OnFailure,
}

/// The part of a runbook that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Section {
    /// `steps`
    Steps,
    /// `finally`
    Finally,
}

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// What was attempted is undone.
    #[default]
    Rollback,
    /// All stays as it is.
    Hold,
    /// It is noted, and the run goes on.
    Continue,
}

/// A step, as readers need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutline {
    /// Its `id`.
    pub id: String,
    /// Its `title`, or its id.
    pub title: String,
    /// Where it stands.
    pub section: Section,
    /// The incident phase that the author gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The action's kind.
    pub kind: String,
    /// What it does, in one line, as far as it was known when the run began.
    pub summary: String,
    /// Its effect.
    pub effect: Effect,
    /// The positions in [`Outline::steps`] of the steps that it waits for.
    pub needs: Vec<usize>,
    /// What its failure does.
    pub on_failure: OnFailure,
    /// How it is undone.
    pub undo: UndoOutline,
    /// Its `verify`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<CheckOutline>,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum UndoOutline {
    /// By its `rollback`.
    Rollback {
        /// What that does, in one line.
        summary: String,
    },
    /// It cannot be.
    Irreversible {
        /// What is lost, in the author's words.
        why: String,
    },
    /// There is nothing to undo.
    NotNeeded,
    /// It changes something, and the author did not say how to undo it.
    Undeclared,
}

/// A check, as readers need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckOutline {
    /// Its `id`, or its position from 1.
    pub id: String,
    /// Its `title`, or what it asks.
    pub title: String,
    /// What it asks, in one line.
    pub asks: String,
    /// The expressions that must hold.
    pub expect: Vec<String>,
    /// How many readings in a row must pass.
    pub consecutive: u32,
    /// How long it may wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}
