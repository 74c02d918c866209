//! `then`: what makes a change take effect, after the action and again after its undo.

use runbook_action::{Effect, ErrorKind, Failure};
use runbook_event::{AttemptEnd, Event};
use runbook_plan::Then;

use super::call::{Caller, call, render};
use super::recover::doubt;
use super::step::Task;
use super::{Broken, retry};
use crate::brake::Brake;

/// After what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Action,
    Undo,
}

/// Runs what of a step's `then` has not run yet.
pub(super) async fn take_effect(task: &Task<'_>, side: Side, stop: &Brake) -> Result<(), Broken> {
    let undoing = side == Side::Undo;
    let Some(seen) = task.context.seen(task.at) else {
        return Ok(());
    };
    let done = usize::try_from(seen.then_done[usize::from(undoing)]).unwrap_or(usize::MAX);
    for number in done..task.step.then.len() {
        one(task, number, undoing, stop).await?;
    }
    Ok(())
}

async fn one(task: &Task<'_>, at: usize, undoing: bool, stop: &Brake) -> Result<(), Broken> {
    let context = task.context;
    let Some(then) = task.step.then.get(at) else {
        return Ok(());
    };
    let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
    may_begin(task, then, undoing).await?;
    let mut attempt = 1;
    loop {
        let rendered = render(context, &then.action, &context.scope).map_err(Failure::maybe_applied)?;
        let started = Event::ThenStarted {
            step: task.id().to_owned(),
            number,
            undoing,
            intent: rendered.intent.clone(),
        };
        context.record(started, then.action.effect > Effect::Read).await?;
        let side = if undoing { "undo." } else { "" };
        let caller = Caller {
            step: task.id(),
            part: format!("{side}then.{number}"),
            asking: false,
            keeps_output: true,
            timeout: then.action.timeout,
            stop,
        };
        let called = call(context, &then.action, &rendered, &caller).await?;
        let elapsed_ms = called.elapsed_ms();
        let end = match &called.result {
            Ok(_) => AttemptEnd::Succeeded,
            Err(failure) => AttemptEnd::Failed {
                failure: failure.clone(),
            },
        };
        let ended = Event::ThenEnded {
            step: task.id().to_owned(),
            number,
            undoing,
            end,
            output: called.output,
            elapsed_ms,
        };
        context.record(ended, false).await?;
        let Err(failure) = called.result else {
            return Ok(());
        };
        let seed = format!("{} {} then {number}", context.run.id, task.id());
        let further = then.retry.as_ref().filter(|_| then.repeatable);
        let Some(delay) = retry::delay(further, &failure, attempt, &seed) else {
            return Err(failure.maybe_applied().into());
        };
        attempt += 1;
        if !retry::wait(context, delay, stop).await {
            return Err(failure.maybe_applied().into());
        }
    }
}

/// Whether it may run now: a crash has not left it half done, and the run is not stopping.
async fn may_begin(task: &Task<'_>, then: &Then, undoing: bool) -> Result<(), Broken> {
    let Some(seen) = task.context.seen(task.at) else {
        return Ok(());
    };
    let failed = if undoing {
        &seen.undo_failure
    } else {
        &seen.failure
    };
    if let Some(failure) = failed {
        // A crash came between its failure and what that leads to.
        return Err(failure.clone().maybe_applied().into());
    }
    let interrupted = seen.then_open[usize::from(undoing)] && !then.repeatable;
    if !undoing && task.early_stop().is_raised() {
        let failure = Failure::new(ErrorKind::Cancelled, "the run stopped before it took effect");
        return Err(failure.maybe_applied().into());
    }
    if interrupted {
        let detail = format!("nothing tells whether it took effect: {}", then.action.summary);
        doubt(task.context, task.id(), undoing, detail).await?;
        return Err(Broken::Left);
    }
    Ok(())
}
