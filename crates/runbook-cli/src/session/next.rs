//! What one can do after a run has ended without being resolved.

use runbook_event::{Event, Outcome, Phase, Record, Resumed, RunResumed, RunState, Who};
use runbook_report::visible;

/// The commands, each with what it is for.
pub(crate) fn lines(outcome: Option<Outcome>, state: &RunState) -> Vec<String> {
    let Some(run) = state.run() else {
        return Vec::new();
    };
    if run.practice.is_some() {
        return Vec::new();
    }
    let name = visible(&run.run);
    let resume = (format!("runbook resume {name}"), "to go on");
    let rollback = (format!("runbook rollback {name}"), "to undo what it did");
    let has_undos = !undoable(state).is_empty();
    let commands = match outcome {
        // Whoever must decide is told of each step how to say what is so.
        Some(Outcome::Unknown) => vec![rollback],
        None | Some(Outcome::Failed | Outcome::Interrupted | Outcome::Waiting) => vec![resume, rollback],
        Some(Outcome::RollbackFailed) => vec![(rollback.0, "to try the undos again")],
        Some(
            Outcome::Resolved
            | Outcome::NotNeeded
            | Outcome::RolledBack
            | Outcome::Rejected
            | Outcome::CleanupFailed,
        ) => Vec::new(),
    };
    let commands: Vec<(String, &str)> = commands
        .into_iter()
        .filter(|(command, _)| has_undos || !command.starts_with("runbook rollback"))
        .collect();
    let width = commands
        .iter()
        .map(|(command, _)| command.len())
        .max()
        .unwrap_or(0);
    commands
        .into_iter()
        .map(|(command, what)| format!("  next     {command:width$}  {what}"))
        .collect()
}

/// The steps that a rollback would undo now, the last first.
pub(crate) fn undoable(state: &RunState) -> Vec<usize> {
    let Some(mut after) = resumed(state, Resumed::Rollback) else {
        return Vec::new();
    };
    let begin = Event::PhaseStarted {
        within: None,
        phase: Phase::Rollback,
    };
    if after.phase() != Some(Phase::Rollback) && !apply(&mut after, begin) {
        return Vec::new();
    }
    let is_open = |at: &usize| {
        after.steps().get(*at).is_some_and(|step| {
            let alone = step.inner.is_none() && step.course.is_none();
            alone && step.is_to_be_undone()
        })
    };
    let order = after.in_order().into_iter().rev();
    order.map(|(_, at)| at).filter(is_open).collect()
}

/// The steps of which nobody can tell whether they, or their undos, have happened.
pub(crate) fn in_doubt(state: &RunState) -> Vec<String> {
    let after = resumed(state, Resumed::Forward);
    let steps = after.iter().flat_map(RunState::steps);
    steps
        .filter(|step| step.is_open_to_doubt() || step.undo_is_open_to_doubt())
        .map(|step| step.id.clone())
        .collect()
}

/// The state as it would be if the run went on now.
fn resumed(state: &RunState, how: Resumed) -> Option<RunState> {
    let mut after = state.clone();
    let nobody = Who {
        user: String::new(),
        host: String::new(),
    };
    let resumed = RunResumed {
        how,
        who: nobody,
        engine: String::new(),
        torn: None,
        with_journal: false,
        reason: None,
        assumed: Vec::new(),
    };
    apply(&mut after, Event::RunResumed(Box::new(resumed))).then_some(after)
}

fn apply(state: &mut RunState, event: Event) -> bool {
    let Some(at) = state.last_at() else { return false };
    let seq = state.next_seq();
    state.apply(&Record { seq, at, event }).is_ok()
}
