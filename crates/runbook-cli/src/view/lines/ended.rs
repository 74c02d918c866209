//! How the run ended, and what a person must do now.

use runbook_event::{Outcome, RunState, UndoStatus};
use runbook_report::{by_hand, doubts, planned_undo, step_title, visible, why_kept};

use crate::term::{BAD, DIM, GOOD, WARN, styled};

pub(super) fn lines(outcome: Outcome, text: &str, state: &RunState) -> Vec<String> {
    let mut lines = vec![String::new(), ended(outcome, text)];
    lines.extend(kept(state));
    lines.extend(to_do(state));
    lines.extend(to_decide(state));
    lines
}

fn ended(outcome: Outcome, text: &str) -> String {
    let style = match outcome {
        Outcome::Resolved | Outcome::NotNeeded => GOOD.bold(),
        Outcome::RolledBack
        | Outcome::Rejected
        | Outcome::Interrupted
        | Outcome::Waiting
        | Outcome::CleanupFailed => WARN.bold(),
        Outcome::Failed | Outcome::RollbackFailed | Outcome::Unknown => BAD,
    };
    styled(style, text)
}

/// What a rollback kept, and why.
fn kept(state: &RunState) -> Vec<String> {
    let steps = state.in_order().into_iter();
    steps
        .filter_map(|(_, at)| state.steps().get(at))
        .filter(|step| step.undo == UndoStatus::Kept)
        .map(|step| {
            let why = why_kept(&step.outline.undo);
            format!("  kept: {}: {why}", step_title(&step.id, state))
        })
        .collect()
}

/// What a person must undo now.
fn to_do(state: &RunState) -> Vec<String> {
    let open = by_hand(state);
    let again = (!open.is_empty()).then(|| {
        let run = state.run().map_or("", |run| run.run.as_str());
        styled(
            DIM,
            &format!(
                "    or have it tried once more:  runbook rollback {}",
                visible(run)
            ),
        )
    });
    open.into_iter()
        .filter_map(|at| state.steps().get(at))
        .map(|step| {
            let intent = step.undo_intent.as_ref();
            let what = intent.map_or_else(
                || planned_undo(&step.outline.undo),
                |intent| visible(&intent.summary),
            );
            styled(
                BAD,
                &format!("  by hand: {}: {what}", step_title(&step.id, state)),
            )
        })
        .chain(again)
        .collect()
}

/// What a person must say before the run can go on.
fn to_decide(state: &RunState) -> Vec<String> {
    let mut lines = Vec::new();
    for doubt in doubts(state) {
        let of = if doubt.undoing { "the undo of " } else { "" };
        let text = format!("  not known: {of}{}: {}", doubt.title, doubt.detail);
        lines.push(styled(BAD, &text));
        lines.push(format!("    look, then say what is so:  {}", doubt.assume));
        lines.push(styled(
            DIM,
            &format!("    or have it run once more:   {}", doubt.retry),
        ));
    }
    lines
}
