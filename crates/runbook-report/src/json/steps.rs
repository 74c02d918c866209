//! A step for programs.

use runbook_event::{Holds, Role, UndoOutline, UndoStatus};
use serde_json::Value;

use super::shape;
use crate::story::{Step, Story};
use crate::words::{undo_word, why_kept, why_skipped};

/// What was attempted, and is neither undone nor to be.
pub(super) fn kept<'a>(step: &Step<'a>) -> Option<shape::Kept<'a>> {
    let is_kept = step.state.undo == UndoStatus::Kept;
    is_kept.then(|| shape::Kept {
        step: &step.state.id,
        why: why_kept(&step.outline.undo),
    })
}

pub(super) fn step<'a>(story: &'a Story<'_>, step: &Step<'a>) -> shape::Step<'a> {
    let (outline, state) = (step.outline, step.state);
    let intent = state.intent.as_ref();
    let approval = state.approval.as_ref();
    shape::Step {
        id: &state.id,
        title: &outline.title,
        section: step.part.word(),
        phase: outline.phase.as_deref(),
        kind: &outline.kind,
        effect: intent.map_or(outline.effect, |intent| intent.effect),
        summary: intent.map_or(&outline.summary, |intent| &intent.summary),
        target: intent.and_then(|intent| intent.target.as_deref()),
        env: intent.map(|intent| &intent.env),
        status: state.status.word(),
        attempts: state.attempts,
        changed: state.attempted,
        started_at: state.started_at,
        ended_at: state.ended_at,
        elapsed_ms: step.elapsed_ms(),
        skipped: state.skipped.as_ref(),
        why_skipped: state.skipped.as_ref().map(why_skipped),
        asked: step.asked,
        approval: approval.map(|(approved, by, how)| shape::Approval {
            approved: *approved,
            by,
            how,
        }),
        before: &state.before,
        inverse: state.inverse.as_deref(),
        captures: &state.captures,
        adopted: state.adopted.as_deref(),
        doubt: state.doubt.as_deref(),
        timed_out: state.timed_out,
        failure: state.failure.as_ref(),
        step: &outline.id,
        within: within(story, step),
        turn: turn(&state.role),
        runbook: runbook(story, step),
        undo: undo(step),
    }
}

/// The id of the step that a step stands within.
fn within<'a>(story: &'a Story<'_>, step: &Step<'a>) -> Option<&'a str> {
    let frame = story.state.frames().get(step.state.frame)?;
    let course = || story.state.courses().get(frame.course);
    let owner = frame.owner.or_else(|| course().and_then(|course| course.owner))?;
    Some(story.state.steps().get(owner)?.id.as_str())
}

/// Which turn of a loop a step is.
const fn turn(role: &Role) -> Option<shape::Turn<'_>> {
    match role {
        Role::Step => None,
        Role::Item { key, value } => Some(shape::Turn::Item {
            key: key.as_str(),
            item: value,
        }),
        Role::Round { number } => Some(shape::Turn::Round { round: *number }),
    }
}

/// The sub-runbook that is the work of a step.
fn runbook<'a>(story: &'a Story<'_>, step: &Step<'a>) -> Option<shape::SubRunbook<'a>> {
    let Holds::Runbook { runbook, .. } = &step.outline.holds else {
        return None;
    };
    let course = step.state.course.and_then(|at| story.state.courses().get(at));
    Some(shape::SubRunbook {
        runbook,
        inputs: course.map(|course| &course.inputs),
        stop: course.and_then(|course| course.stop.as_ref()),
        outcome: course.and_then(|course| course.outcome),
    })
}

fn undo<'a>(step: &Step<'a>) -> shape::Undo<'a> {
    let state = step.state;
    let intent = state.undo_intent.as_ref();
    let mut undo = shape::Undo {
        status: undo_word(state.undo),
        how: "",
        summary: None,
        steps: Vec::new(),
        why: None,
        ended_at: state.undo_ended_at,
        elapsed_ms: state.undo_ended_at.and(step.undo_ms),
        failure: state.undo_failure.as_ref(),
        params: None,
        env: None,
    };
    match &step.outline.undo {
        UndoOutline::Rollback { summary, .. } => {
            undo.how = "rollback";
            undo.summary = Some(intent.map_or(summary, |intent| &intent.summary));
        }
        UndoOutline::Steps { steps } => {
            undo.how = "steps";
            undo.steps = steps.iter().map(|step| step.id.as_str()).collect();
        }
        UndoOutline::Within => undo.how = "within",
        UndoOutline::Irreversible { why } => {
            undo.how = "irreversible";
            undo.why = Some(why);
        }
        UndoOutline::NotNeeded => undo.how = "not_needed",
        UndoOutline::Undeclared => undo.how = "undeclared",
    }
    if undo.failure.is_some() {
        undo.params = Some(intent.map_or(&Value::Null, |intent| &intent.params));
        undo.env = intent.map(|intent| &intent.env);
    }
    undo
}
