//! What is known of an instance of a step.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::{Failure, Handle};
use serde_json::Value;

use crate::{Intent, OutputRef, SkipReason, StepOutline};

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// Its turn has come: its `require`, `before` or gates are being asked.
    Running,
    /// A person is asked.
    Asking,
    /// Its action is running.
    Acting,
    /// A crash interrupted its action: whether that has happened is to be found out.
    Doubtful,
    /// Its action has succeeded, and its gates decide.
    Acted,
    /// What stands within it is under way, or settled and not yet judged.
    Inside,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was not run.
    Skipped,
}

impl StepStatus {
    /// Whether nothing more happens to it, except an undo.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }

    /// The word that `steps.ID.outcome` and people use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running | Self::Inside => "running",
            Self::Asking => "asking",
            Self::Acting => "acting",
            Self::Doubtful => "unknown",
            Self::Acted => "verifying",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Where the undo of a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UndoStatus {
    /// There is nothing to undo.
    None,
    /// It is to be undone.
    Pending,
    /// It is being undone.
    Running,
    /// A crash interrupted its undo: whether that has happened is to be found out.
    Doubtful,
    /// Its undo has happened: what makes that take effect is left, or the checks of the undo.
    Acted,
    /// It was undone.
    Undone,
    /// It could not be undone.
    Failed,
    /// It was attempted, and there is no undo.
    Kept,
}

/// Which instance of its step it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Role {
    /// The only one in its frame.
    Step,
    /// One turn of a loop over items.
    Item {
        /// What the item is called.
        key: String,
        /// The item, masked.
        value: Value,
    },
    /// One round of a loop.
    Round {
        /// Its number, from 1.
        number: u32,
    },
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastEnd {
    /// It succeeded.
    Succeeded,
    /// It failed, and something may have been changed.
    MaybeApplied,
    /// It failed, and nothing was changed.
    NotApplied,
}

/// What is known of an instance of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// Its id: that of the step, after those of the sub-runbooks around it, before the keys of the loops around it.
    pub id: String,
    /// The step.
    pub outline: Arc<StepOutline>,
    /// Which instance of it.
    pub role: Role,
    /// The frame that it stands in.
    pub frame: usize,
    /// Its position there.
    pub(super) local: usize,
    /// The frame of what stands within it, once that has begun.
    pub inner: Option<usize>,
    /// The sub-runbook that it runs, once that has begun.
    pub course: Option<usize>,
    /// The frame of the steps of its undo, once that has begun.
    pub undo_frame: Option<usize>,
    /// Where it stands.
    pub status: StepStatus,
    /// Where its undo stands.
    pub undo: UndoStatus,
    /// How often its action was started.
    pub attempts: u32,
    /// Whether it may have changed something.
    pub attempted: bool,
    /// How its last attempt ended.
    pub last_end: Option<LastEnd>,
    /// When its action was started, or, if a crash interrupted that, when it was before the crash.
    pub acting_since: Option<Timestamp>,
    /// What its action was to do, as rendered.
    pub intent: Option<Intent>,
    /// What its last attempt started and may have left running.
    pub handles: Vec<Handle>,
    /// Whether `before` was taken.
    pub before_taken: bool,
    /// What its `before` captured.
    pub before: IndexMap<String, Value>,
    /// What its undo will put back, where the action keeps that.
    pub inverse: Option<String>,
    /// What its `capture` gave.
    pub captures: IndexMap<String, Value>,
    /// How many of its `then` have ended, after the action and after the undo.
    pub then_done: [u32; 2],
    /// Whether one of its `then` is under way, after the action and after the undo.
    pub then_open: [bool; 2],
    /// What told, after a crash, that its action had happened.
    pub adopted: Option<String>,
    /// What is known of it, where nobody can tell.
    pub doubt: Option<String>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Whether it took longer than its `timeout`.
    pub timed_out: bool,
    /// Why it was not run.
    pub skipped: Option<SkipReason>,
    /// When a person was first asked.
    pub asked_at: Option<Timestamp>,
    /// Who let it run, or did not, and how.
    pub approval: Option<(bool, String, String)>,
    /// What its last attempt printed.
    pub output: Vec<OutputRef>,
    /// How often its undo was started.
    pub undo_attempts: u32,
    /// What its undo was to do, as rendered.
    pub undo_intent: Option<Intent>,
    /// Why its undo failed.
    pub undo_failure: Option<Failure>,
    /// What its undo printed.
    pub undo_output: Vec<OutputRef>,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// When it was settled.
    pub ended_at: Option<Timestamp>,
    /// When its undo began.
    pub undo_started_at: Option<Timestamp>,
    /// When its undo ended.
    pub undo_ended_at: Option<Timestamp>,
}

impl StepState {
    pub(super) fn new(id: String, outline: Arc<StepOutline>, role: Role, frame: usize, local: usize) -> Self {
        Self {
            id,
            outline,
            role,
            frame,
            local,
            inner: None,
            course: None,
            undo_frame: None,
            status: StepStatus::Pending,
            undo: UndoStatus::None,
            attempts: 0,
            attempted: false,
            last_end: None,
            acting_since: None,
            intent: None,
            handles: Vec::new(),
            before_taken: false,
            before: IndexMap::new(),
            inverse: None,
            captures: IndexMap::new(),
            then_done: [0, 0],
            then_open: [false, false],
            adopted: None,
            doubt: None,
            failure: None,
            timed_out: false,
            skipped: None,
            asked_at: None,
            approval: None,
            output: Vec::new(),
            undo_attempts: 0,
            undo_intent: None,
            undo_failure: None,
            undo_output: Vec::new(),
            started_at: None,
            ended_at: None,
            undo_started_at: None,
            undo_ended_at: None,
        }
    }

    /// Whether a crash may have left what it did, or what makes that take effect, half done.
    #[must_use]
    pub const fn is_open_to_doubt(&self) -> bool {
        let taking_effect = matches!(self.status, StepStatus::Acted) && self.then_open[0];
        matches!(self.status, StepStatus::Doubtful) || taking_effect
    }

    /// Whether a crash may have left its undo, or what makes that take effect, half done.
    #[must_use]
    pub const fn undo_is_open_to_doubt(&self) -> bool {
        let taking_effect = matches!(self.undo, UndoStatus::Acted) && self.then_open[1];
        matches!(self.undo, UndoStatus::Doubtful) || taking_effect
    }

    /// Whether its undo is still to come, or is under way.
    #[must_use]
    pub const fn is_to_be_undone(&self) -> bool {
        matches!(
            self.undo,
            UndoStatus::Pending | UndoStatus::Running | UndoStatus::Doubtful | UndoStatus::Acted
        )
    }

    /// Whether other steps stand within it, or another runbook.
    #[must_use]
    pub fn holds_others(&self) -> bool {
        !self.outline.holds.is_nothing()
    }

    /// Its title for people, with the turn of the loop that it is.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.role {
            Role::Step => self.outline.title.clone(),
            Role::Item { key, .. } => format!("{} [{key}]", self.outline.title),
            Role::Round { number } => format!("{} [round {number}]", self.outline.title),
        }
    }

    /// A value that `steps.ID.NAME` means: what `capture` gave, else what `before` captured.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.captures.get(name).or_else(|| self.before.get(name))
    }
}
