//! What became of a step: a word, a sign for those who do not see colours, and the name that the style knows it by.

use runbook_event::{SkipReason, StepStatus, UndoStatus};
use runbook_graph::Fate;

use crate::story::Step;

/// What became of a step, with its word and its sign.
#[derive(Clone, Copy)]
pub(super) struct Became {
    pub(super) fate: Fate,
    pub(super) word: &'static str,
    pub(super) sign: &'static str,
}

const fn became(fate: Fate, word: &'static str, sign: &'static str) -> Became {
    Became { fate, word, sign }
}

pub(super) fn of(step: &Step<'_>) -> Became {
    match step.state.undo {
        UndoStatus::Undone => return became(Fate::Undone, "undone", "↶"),
        UndoStatus::Failed => return became(Fate::Stuck, "undo failed", "⚠"),
        UndoStatus::Doubtful => return became(Fate::Stuck, "undo unknown", "?"),
        UndoStatus::None
        | UndoStatus::Pending
        | UndoStatus::Running
        | UndoStatus::Acted
        | UndoStatus::Kept => {}
    }
    match step.state.status {
        StepStatus::Done => became(Fate::Done, "done", "✓"),
        StepStatus::Failed if step.was_cancelled() => became(Fate::Failed, "cancelled", "■"),
        StepStatus::Failed => became(Fate::Failed, "failed", "✗"),
        StepStatus::Skipped if matches!(step.state.skipped, Some(SkipReason::Stopped)) => {
            became(Fate::Untouched, "not begun", "·")
        }
        StepStatus::Skipped => became(Fate::Skipped, "skipped", "»"),
        StepStatus::Doubtful => became(Fate::Open, "unknown", "?"),
        StepStatus::Pending => became(Fate::Untouched, "not begun", "·"),
        StepStatus::Asking => became(Fate::Open, "asking", "…"),
        StepStatus::Running | StepStatus::Acting | StepStatus::Acted | StepStatus::Inside => {
            became(Fate::Open, "under way", "…")
        }
    }
}
