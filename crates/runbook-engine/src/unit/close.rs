//! The end of a step that holds others, once all that stands within it is settled.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{CheckRole, Event, Into, Outcome, StepState, UndoStatus};
use runbook_plan::{Body, Repeat, RunbookCall};
use serde_json::{Value, json};

use super::step::Task;
use super::values::{Values, capture, keep};
use super::{Broken, Context, Halt, gates, known, retry, undo};
use crate::courses::Courses;
use crate::scheduler::inside_failed;
use crate::view::read;

pub(super) async fn run(context: &Context, at: usize) -> Result<(), Halt> {
    let Some(seen) = context.seen(at) else {
        return Ok(());
    };
    if matches!(seen.undo, UndoStatus::Running | UndoStatus::Acted) && seen.undo_frame.is_some() {
        return undo::close(context, at, &seen).await;
    }
    let course = std::sync::Arc::clone(&context.course);
    let ended = match known(&course, &seen.outline.id) {
        Ok(step) => {
            let task = Task {
                context,
                step,
                seen: &seen,
                at,
                place: super::step::Place::default(),
            };
            judge(&task).await
        }
        Err(failure) => Err(failure.into()),
    };
    let step = seen.id.clone();
    match ended {
        Ok(values) => match context.seal(&values.sealed) {
            Ok(sealed) => {
                let values = values.shown;
                context
                    .record(Event::StepDone { step, values, sealed }, false)
                    .await
            }
            Err(failure) => context.record(Event::StepFailed { step, failure }, false).await,
        },
        Err(Broken::Failed(failure)) => {
            let failure = *failure;
            context.record(Event::StepFailed { step, failure }, false).await
        }
        Err(Broken::Left) => Ok(()),
        Err(Broken::Halt) => Err(Halt),
    }
}

/// Whether all is well, and what is captured then.
async fn judge(task: &Task<'_>) -> Result<Values, Broken> {
    let context = task.context;
    if let Some(failure) = read(&context.run.state, |state| inside_failed(state, task.at)) {
        return Err(failure.into());
    }
    let mut result = json!({});
    match &task.step.body {
        Body::Group(_) => {
            if let Some(repeat) = &task.step.repeat {
                again(task, repeat).await?;
            }
        }
        Body::Undo(ids) => undone(task, ids)?,
        Body::Runbook(call) => result = called(task, call)?,
        Body::Choose(_)
        | Body::FirstOf(_)
        | Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_) => {}
    }
    // The gate of alternatives was asked after each of them.
    if !matches!(task.step.body, Body::FirstOf(_)) {
        gates(
            context,
            task.id(),
            CheckRole::Gate,
            &task.step.verify,
            task.stop(),
        )
        .await?;
    }
    let scope = context.scope_of(&result);
    Ok(capture(
        context,
        &format!("step {}", task.id()),
        &task.step.capture,
        &scope,
        &[],
    )?)
}

/// Whether another round is due: then it begins.
async fn again(task: &Task<'_>, repeat: &Repeat) -> Result<(), Broken> {
    let context = task.context;
    let over = repeat.until.eval_bool(&context.scope).map_err(|error| {
        Failure::new(
            ErrorKind::Other,
            format!("`until: {}`: {error}", repeat.until.source()),
        )
    })?;
    if over {
        return Ok(());
    }
    let rounds = read(&context.run.state, |state| {
        let frame = task.seen.inner.and_then(|at| state.frames().get(at));
        frame.map_or(0, |frame| frame.members.len())
    });
    let rounds = u32::try_from(rounds).unwrap_or(u32::MAX);
    if rounds >= repeat.at_most {
        let detail = repeat.until.explain(&context.scope);
        let message = format!(
            "`{}` did not hold after {rounds} rounds, and {detail}",
            repeat.until.source()
        );
        return Err(Failure::new(ErrorKind::Other, message).into());
    }
    let stop = task.early_stop();
    let number = rounds + 1;
    let goes_on = retry::wait(context, repeat.every, stop).await;
    let entered = Event::Entered {
        step: task.id().to_owned(),
        into: Into::Round { number },
        sealed: None,
    };
    let begun = goes_on && context.begin(entered, false).await?;
    if begun {
        return Err(Broken::Left);
    }
    let why = read(&context.run.state, |state| inside_failed(state, task.at));
    let stopped = || Failure::new(ErrorKind::Cancelled, "the run stopped before its next round");
    Err(why.unwrap_or_else(stopped).into())
}

/// Whether all that was to be undone was.
fn undone(task: &Task<'_>, ids: &[String]) -> Result<(), Failure> {
    read(&task.context.run.state, |state| {
        let step = |at: Option<usize>| at.and_then(|at| state.steps().get(at));
        if let Some(failed) = step(state.failed_rewind(task.at, ids)) {
            let why = failed.undo_failure.as_ref();
            let why = why.map_or_else(String::new, |failure| format!(": {failure}"));
            let message = format!("step `{}` could not be undone{why}", failed.id);
            return Err(Failure::new(ErrorKind::Other, message).maybe_applied());
        }
        if let Some(left) = step(state.left_by_rewind(task.at, ids)) {
            let message = format!("the run stopped before step `{}` was undone", left.id);
            return Err(Failure::new(ErrorKind::Cancelled, message).maybe_applied());
        }
        Ok(())
    })
}

/// What a sub-runbook gave.
fn called(task: &Task<'_>, call: &RunbookCall) -> Result<Value, Failure> {
    let context = task.context;
    let (outcome, why) = read(&context.run.state, |state| {
        let course = task.seen.course.and_then(|at| state.courses().get(at));
        (course.and_then(|course| course.outcome), why(task.seen, state))
    });
    let outcome = outcome.unwrap_or(Outcome::Failed);
    if !matches!(outcome, Outcome::Resolved | Outcome::NotNeeded) {
        let message = format!("runbook `{}` ended `{}`{why}", call.name, outcome.word());
        return Err(Failure::new(ErrorKind::Other, message));
    }
    let course = context
        .run
        .courses
        .get(Some(task.id()))
        .ok_or_else(|| Failure::new(ErrorKind::Other, "its runbook is not known"))?;
    let scope = Courses::scope(&course, &context.run, task.seen.course.unwrap_or_default());
    let mut outputs = IndexMap::new();
    for (name, expression) in course.plan.outputs() {
        let value = expression.eval(&scope).map_err(|error| {
            let message = format!("its output `{name}`: `{}`: {error}", expression.source());
            Failure::new(ErrorKind::Other, message).maybe_applied()
        })?;
        outputs.insert(name.clone(), value);
    }
    let kept = keep(context, &format!("outputs {}", task.id()), &outputs);
    Ok(json!({"outcome": outcome.word(), "outputs": kept.shown}))
}

/// What stopped a sub-runbook, for people.
fn why(seen: &StepState, state: &runbook_event::RunState) -> String {
    let course = seen.course.and_then(|at| state.courses().get(at));
    let Some(stop) = course.and_then(|course| course.stop.as_ref()) else {
        return String::new();
    };
    let failure = match &stop.cause {
        runbook_event::StopCause::StepFailed { step } | runbook_event::StopCause::Rejected { step } => {
            let failed = state.step(step);
            let why = failed.and_then(|step| step.failure.as_ref());
            why.map(|failure| format!("step `{step}` failed: {failure}"))
        }
        runbook_event::StopCause::VerifyFailed { check } => {
            Some(format!("its final check `{check}` did not pass"))
        }
        runbook_event::StopCause::GuardTripped { check } => Some(format!("its guard `{check}` tripped")),
        runbook_event::StopCause::TimedOut
        | runbook_event::StopCause::Parent
        | runbook_event::StopCause::Signal { .. }
        | runbook_event::StopCause::Person { .. } => None,
    };
    failure.map_or_else(String::new, |failure| format!(": {failure}"))
}
