//! How a course ended. Where several are true the graver one is told.

use runbook_event::{OnFailure, Outcome, RunState, StepStatus, StopCause, UndoStatus};

pub(super) fn outcome(state: &RunState, at: usize) -> Outcome {
    let Some(course) = state.courses().get(at) else {
        return Outcome::Failed;
    };
    let own = || state.steps().iter().filter(|step| state.belongs(step.frame, at));
    if own().any(|step| step.undo == UndoStatus::Failed) {
        return Outcome::RollbackFailed;
    }
    let Some(stop) = &course.stop else {
        let failed = state.frames().get(course.finally).is_some_and(|frame| {
            frame.members.iter().any(|at| {
                let step = state.steps().get(*at);
                step.is_some_and(|step| {
                    step.status == StepStatus::Failed && step.outline.on_failure != OnFailure::Continue
                })
            })
        });
        return if failed {
            Outcome::CleanupFailed
        } else {
            Outcome::Resolved
        };
    };
    if (0..state.steps().len()).any(|step| was_rejected(state, at, step)) {
        return Outcome::Rejected;
    }
    // The rollback was entered, and all that could be undone was.
    let rolled_back = stop.then == OnFailure::Rollback
        && own().any(|step| matches!(step.undo, UndoStatus::Undone | UndoStatus::Kept));
    match &stop.cause {
        StopCause::Rejected { .. } => Outcome::Rejected,
        _ if rolled_back => Outcome::RolledBack,
        StopCause::Signal { .. } => Outcome::Interrupted,
        StopCause::StepFailed { .. }
        | StopCause::VerifyFailed { .. }
        | StopCause::GuardTripped { .. }
        | StopCause::TimedOut
        | StopCause::Parent
        | StopCause::Person { .. } => Outcome::Failed,
    }
}

/// Whether a person refused a step that the course could not do without, be it that something else stopped it.
fn was_rejected(state: &RunState, course: usize, at: usize) -> bool {
    let Some(step) = state.steps().get(at) else {
        return false;
    };
    let refused = step.approval.as_ref().is_some_and(|(approved, ..)| !approved);
    refused && step.status == StepStatus::Failed && state.is_fatal(at, course)
}
