//! What a person must do.

use std::collections::HashSet;

use runbook_event::{Outcome, RunState, StepState, UndoStatus};

use super::titles::title_at;
use crate::text::visible;

/// A step of which nobody can tell whether its action, or its undo, has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The step's id, as it is.
    pub step: String,
    /// Its title.
    pub title: String,
    /// Whether it is the step's undo.
    pub undoing: bool,
    /// What is known.
    pub detail: String,
    /// The command that says what is so.
    pub assume: String,
    /// The command that runs it again, whether or not it has happened.
    pub retry: String,
}

/// What the words after `--assume` mean.
pub(crate) const ASSUMPTIONS: [(&str, &str); 3] = [
    ("done", "it has happened as it was meant to"),
    (
        "attempted",
        "it may have happened in part: the step counts as failed, and its undo is due",
    ),
    ("not-started", "it has not happened: it is run"),
];

/// The steps about which a person must say something before the run can go on.
#[must_use]
pub fn doubts(state: &RunState) -> Vec<Doubt> {
    let run = state.run().map_or("", |run| run.run.as_str());
    let doubt = |at: &usize| {
        let step = state.steps().get(*at)?;
        let id = word(&step.id);
        let run = word(run);
        Some(Doubt {
            step: step.id.clone(),
            title: title_at(*at, state),
            undoing: step.undo_is_open_to_doubt(),
            detail: visible(step.doubt.as_deref().unwrap_or_default()),
            assume: format!("runbook resume {run} --assume done|attempted|not-started {id} --reason …"),
            retry: format!("runbook resume {run} --retry {id} --reason …"),
        })
    };
    state.doubts().iter().filter_map(doubt).collect()
}

/// The steps whose undo a person must finish: it failed, or no record says that it happened. What only holds others
/// is not among them.
#[must_use]
pub fn by_hand(state: &RunState) -> Vec<usize> {
    let goes_on = matches!(state.outcome(), Some(Outcome::Unknown | Outcome::Waiting));
    let is_open = |step: &StepState| {
        let alone = step.inner.is_none() && step.course.is_none();
        alone
            && match step.undo {
                UndoStatus::Failed => true,
                UndoStatus::Pending | UndoStatus::Running | UndoStatus::Doubtful | UndoStatus::Acted => {
                    !goes_on
                }
                UndoStatus::None | UndoStatus::Undone | UndoStatus::Kept => false,
            }
    };
    let mut order: Vec<usize> = state.in_order().into_iter().map(|(_, at)| at).collect();
    // What was begun anew stands in no list any more, and may be open all the same.
    let listed: HashSet<usize> = order.iter().copied().collect();
    order.extend((0..state.steps().len()).filter(|at| !listed.contains(at)));
    order.retain(|at| state.steps().get(*at).is_some_and(is_open));
    order
}

/// One word for a shell, on one line.
pub(crate) fn word(text: &str) -> String {
    let text = visible(text);
    let is_plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.' | '/' | ':');
    if !text.is_empty() && text.chars().all(is_plain) {
        text
    } else {
        quoted(&text)
    }
}

/// A text as one word for `sh`.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
