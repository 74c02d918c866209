//! What a reader must know of a runbook to tell about a run of it.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::Effect;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which runbook a run is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
///
/// Steps are shared, since each of their instances points at its own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Outline {
    /// The steps in the author's order.
    pub steps: Vec<Arc<StepOutline>>,
    /// The steps of `finally`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub finally: Vec<Arc<StepOutline>>,
    /// The checks of `detect`.
    pub detect: Vec<CheckOutline>,
    /// Whether one passing check of `detect` is enough.
    pub detect_any: bool,
    /// What must stay true while the run changes things.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<CheckOutline>,
    /// The checks of the final `verify`.
    pub verify: Vec<CheckOutline>,
    /// How long the run may take, without waiting and rollback, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How many steps may run side by side.
    pub max_parallel: u32,
    /// What a failure does, where the step does not say otherwise: `rollback` or `hold`.
    pub on_failure: OnFailure,
    /// What a signal does.
    pub on_interrupt: OnInterrupt,
}

/// What happens after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
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

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnInterrupt {
    /// What was attempted is undone.
    #[default]
    Rollback,
    /// All stays as it is.
    Hold,
    /// A person is asked; where nobody can be, all stays as it is.
    Ask,
}

/// A step, as readers need it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepOutline {
    /// Its `id`.
    pub id: String,
    /// Its `title`, or its id.
    pub title: String,
    /// The incident phase that the author gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// The action's kind.
    pub kind: String,
    /// What it does, in one line, as far as it was known when the run began.
    pub summary: String,
    /// Its effect.
    pub effect: Effect,
    /// The positions, in the list that it stands in, of the steps that it waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<usize>,
    /// Whether running it twice is harmless.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeatable: bool,
    /// Whether its `verify` tells for certain if its action has happened.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verify_decides: bool,
    /// How long a step that holds others may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// What stands within it.
    #[serde(default, skip_serializing_if = "Holds::is_nothing")]
    pub holds: Holds,
    /// What its failure does.
    pub on_failure: OnFailure,
    /// How it is undone.
    pub undo: UndoOutline,
    /// Its `verify`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<CheckOutline>,
}

/// What stands within a step.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Holds {
    /// Nothing: it is an action, or what the engine does in place of one.
    #[default]
    Nothing,
    /// Steps.
    Steps {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
    },
    /// Steps, once for each item of a list.
    Items {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
        /// How many items are worked on side by side.
        batch: u32,
        /// How many may fail.
        max_failures: u32,
    },
    /// Steps, again until something holds.
    Rounds {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
    },
    /// Branches, of which one is chosen.
    Branches {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
    },
    /// Alternatives, of which one must work.
    Alternatives {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
    },
    /// Another runbook.
    Runbook {
        /// Which.
        runbook: Box<RunbookRef>,
        /// Its steps and checks.
        outline: Box<Outline>,
    },
}

impl Holds {
    /// Whether nothing stands within it.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        matches!(self, Self::Nothing)
    }

    /// The steps directly within it, those of another runbook too.
    #[must_use]
    pub fn steps(&self) -> &[Arc<StepOutline>] {
        match self {
            Self::Nothing => &[],
            Self::Steps { steps }
            | Self::Items { steps, .. }
            | Self::Rounds { steps }
            | Self::Branches { steps }
            | Self::Alternatives { steps } => steps,
            Self::Runbook { outline, .. } => &outline.steps,
        }
    }
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "snake_case")]
pub enum UndoOutline {
    /// By its `rollback`.
    Rollback {
        /// What that does, in one line.
        summary: String,
        /// Whether running it twice is harmless.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        repeatable: bool,
        /// What proves that it is undone.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        verify: Vec<CheckOutline>,
    },
    /// By several steps.
    Steps {
        /// Which.
        steps: Vec<Arc<StepOutline>>,
    },
    /// By undoing what stands within it.
    Within,
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckOutline {
    /// Its `id`, or its position from 1.
    pub id: String,
    /// Its `title`, or what it asks.
    pub title: String,
    /// What it asks, in one line.
    pub asks: String,
    /// The expressions that must hold.
    pub expect: Vec<String>,
    /// Whether it is also read before the first step.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub baseline: bool,
    /// How many readings in a row must pass.
    pub consecutive: u32,
    /// How long it may wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within_ms: Option<u64>,
}
