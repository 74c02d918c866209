//! The undo of a step.

use runbook_action::{ErrorKind, Failure, Output};
use runbook_event::{CheckRole, Event, Intent, Into, OutputRef, StepState, UndoEnd, UndoStatus};
use runbook_plan::{Action, Step, Undo, UndoAction};

use super::call::{Caller, Deed, Rendered, perform, render, sketch};
use super::recover::{doubt, look_for, undone};
use super::step::Task;
use super::takes_effect::{Side, take_effect};
use super::{Broken, Context, Halt, gates, known, retry};
use crate::view::read;

pub(super) async fn run(context: &Context, at: usize) -> Result<(), Halt> {
    let Some(seen) = context.seen(at) else {
        return Ok(());
    };
    let course = std::sync::Arc::clone(&context.course);
    let Ok(step) = known(&course, &seen.outline.id) else {
        return Ok(());
    };
    let task = Task {
        context,
        step,
        seen: &seen,
        at,
        place: super::step::Place::default(),
    };
    match work(&task).await {
        Ok(None) | Err(Broken::Left) => Ok(()),
        Ok(Some(output)) => ended(&task, UndoEnd::Undone, output).await,
        Err(Broken::Failed(failure)) => {
            // Every undo that failed has begun: one that cannot even be written out is told as far as it is known.
            match begun(&task).await {
                Ok(()) => ended(&task, UndoEnd::Failed { failure: *failure }, Vec::new()).await,
                Err(Broken::Left | Broken::Failed(_)) => Ok(()),
                Err(Broken::Halt) => Err(Halt),
            }
        }
        Err(Broken::Halt) => Err(Halt),
    }
}

/// The steps of an undo have ended.
pub(super) async fn close(context: &Context, at: usize, seen: &StepState) -> Result<(), Halt> {
    let course = std::sync::Arc::clone(&context.course);
    let Ok(step) = known(&course, &seen.outline.id) else {
        return Ok(());
    };
    let task = Task {
        context,
        step,
        seen,
        at,
        place: super::step::Place::default(),
    };
    let culprit = read(&context.run.state, |state| {
        let failed = seen.undo_frame.and_then(|frame| state.culprit(frame));
        failed.and_then(|at| state.steps().get(at)).map(|failed| {
            let why = failed
                .failure
                .as_ref()
                .map_or_else(String::new, |failure| format!(": {failure}"));
            Failure::new(ErrorKind::Other, format!("step `{}` failed{why}", failed.id)).maybe_applied()
        })
    });
    let end = match culprit {
        Some(failure) => UndoEnd::Failed { failure },
        None => match take_effect(&task, Side::Undo, &context.undos).await {
            Ok(()) => UndoEnd::Undone,
            Err(Broken::Failed(failure)) => UndoEnd::Failed { failure: *failure },
            Err(Broken::Halt) => return Err(Halt),
            Err(Broken::Left) => return Ok(()),
        },
    };
    ended(&task, end, Vec::new()).await
}

/// None: the steps of the undo have begun, and end it.
async fn work(task: &Task<'_>) -> Result<Option<Vec<OutputRef>>, Broken> {
    let (context, step) = (task.context, task.step);
    let has_happened = match task.seen.undo {
        UndoStatus::Acted => true,
        UndoStatus::Doubtful => recovered(task).await?,
        UndoStatus::None
        | UndoStatus::Pending
        | UndoStatus::Running
        | UndoStatus::Undone
        | UndoStatus::Failed
        | UndoStatus::Kept => false,
    };
    let output = match &step.undo {
        _ if has_happened => Vec::new(),
        Undo::Action(undo) => by_action(task, undo).await?,
        Undo::Auto => by_inverse(task).await?,
        Undo::Steps(_) => {
            started(task, intent_of_steps(step)).await?;
            let entered = Event::Entered {
                step: task.id().to_owned(),
                into: Into::Undo,
                sealed: None,
            };
            context.record(entered, false).await?;
            return Ok(None);
        }
        Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => {
            return Err(Failure::new(ErrorKind::Other, "nothing says how to undo it").into());
        }
    };
    take_effect(task, Side::Undo, &context.undos).await?;
    if let Undo::Action(undo) = &step.undo {
        gates(
            context,
            task.id(),
            CheckRole::Undone,
            &undo.verify,
            &context.undos,
        )
        .await?;
    }
    Ok(Some(output))
}

/// Whether an undo that a crash interrupted turns out to have happened. If not, and that is certain or does not
/// matter, it is run.
async fn recovered(task: &Task<'_>) -> Result<bool, Broken> {
    let context = task.context;
    let (action, verify, repeatable) = match &task.step.undo {
        Undo::Action(undo) => (Some(&undo.action), undo.verify.as_slice(), undo.repeatable),
        Undo::Auto => (task.step.action(), &[] as &[_], true),
        // They had not begun, or the state would know their frame.
        Undo::Steps(_) | Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => {
            return Ok(false);
        }
    };
    let mut left = None;
    if let Some(action) = action {
        let part = part(task.seen.undo_attempts);
        left = look_for(context, task.seen, action, part, &context.undos).await?;
    }
    let known = match left {
        Some(left) => left,
        None if repeatable => return Ok(false),
        None => match undone(context, task.id(), verify, &context.undos).await? {
            Some(true) => return Ok(true),
            Some(false) => return Ok(false),
            None => "nothing tells whether its undo has happened".to_owned(),
        },
    };
    doubt(context, task.id(), true, known).await?;
    Err(Broken::Left)
}

/// What an attempt of an undo is called: to its program, and in the files of its output.
fn part(attempt: u32) -> String {
    if attempt <= 1 {
        "undo".to_owned()
    } else {
        format!("undo.{attempt}")
    }
}

async fn started(task: &Task<'_>, intent: Intent) -> Result<u32, Broken> {
    let attempt = task.context.seen(task.at).map_or(0, |seen| seen.undo_attempts) + 1;
    let started = Event::UndoStarted {
        step: task.id().to_owned(),
        attempt,
        intent,
    };
    let begun = task.context.begin(started, true).await?;
    if begun { Ok(attempt) } else { Err(Broken::Left) }
}

/// An undo that failed before it began begins with what is known of it.
async fn begun(task: &Task<'_>) -> Result<(), Broken> {
    let pending = task
        .context
        .seen(task.at)
        .is_some_and(|seen| seen.undo == UndoStatus::Pending);
    if pending {
        started(task, intent_of(task.step)).await?;
    }
    Ok(())
}

/// An undo as far as it is known before anything is.
pub(crate) fn intent_of(step: &Step) -> Intent {
    match &step.undo {
        Undo::Action(undo) => sketch(&undo.action),
        Undo::Steps(_) => intent_of_steps(step),
        Undo::Auto | Undo::Within | Undo::Irreversible(_) | Undo::NotNeeded | Undo::Undeclared => Intent {
            summary: "put back what was there".to_owned(),
            ..intent_of_steps(step)
        },
    }
}

fn intent_of_steps(step: &Step) -> Intent {
    let steps = step.undo_steps();
    let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
    Intent {
        kind: "steps".to_owned(),
        effect: step.effect,
        summary: ids.join(", "),
        target: None,
        params: serde_json::Value::Null,
        env: indexmap::IndexMap::new(),
    }
}

async fn by_action(task: &Task<'_>, undo: &UndoAction) -> Result<Vec<OutputRef>, Broken> {
    let rendered = render(task.context, &undo.action, &task.context.scope)?;
    let mut attempt = started(task, rendered.intent.clone()).await?;
    loop {
        let (result, output) = once(task, &undo.action, &rendered, attempt, Deed::Run).await?;
        let Err(failure) = result else { return Ok(output) };
        let seed = format!("{} {} undo", task.context.run.id, task.id());
        let Some(delay) = retry::delay(undo.retry.as_ref(), &failure, attempt, &seed) else {
            return Err(failure.into());
        };
        attempt += 1;
        let retried = Event::UndoRetried {
            step: task.id().to_owned(),
            attempt,
            failure: failure.clone(),
            delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
        };
        task.context.record(retried, true).await?;
        if !retry::wait(task.context, delay, &task.context.undos).await {
            return Err(failure.into());
        }
    }
}

async fn by_inverse(task: &Task<'_>) -> Result<Vec<OutputRef>, Broken> {
    let context = task.context;
    let lost = || {
        Failure::new(
            ErrorKind::Other,
            "what was there before was not kept, so it cannot be put back",
        )
    };
    let Some(inverse) = context.run.live.inverse(task.id()) else {
        let summary = task.seen.inverse.clone();
        let failure = match summary {
            Some(summary) => {
                let message =
                    format!("what it takes to {summary} is encrypted, and the run's key is not here");
                Failure::new(ErrorKind::Other, message)
            }
            None => lost(),
        };
        return Err(failure.into());
    };
    let action = task.step.action().ok_or_else(lost)?;
    let rendered = render(context, action, &context.scope)?;
    let intent = Intent {
        summary: inverse.summary.clone(),
        ..rendered.intent.clone()
    };
    let attempt = started(task, intent).await?;
    let (result, output) = once(task, action, &rendered, attempt, Deed::Undo(&inverse)).await?;
    result?;
    Ok(output)
}

async fn once(
    task: &Task<'_>,
    action: &Action,
    rendered: &Rendered,
    attempt: u32,
    deed: Deed<'_>,
) -> Result<(Result<Output, Failure>, Vec<OutputRef>), Halt> {
    let caller = Caller {
        step: task.id(),
        part: part(attempt),
        asking: false,
        keeps_output: true,
        timeout: action.timeout,
        stop: &task.context.undos,
    };
    let called = perform(task.context, action, rendered, &caller, deed).await?;
    Ok((called.result, called.output))
}

async fn ended(task: &Task<'_>, end: UndoEnd, output: Vec<OutputRef>) -> Result<(), Halt> {
    let begun = task.context.seen(task.at).and_then(|seen| seen.undo_started_at);
    let elapsed = begun.map_or(0, |begun| {
        let since = task.context.clock().now().duration_since(begun);
        u64::try_from(since.as_millis()).unwrap_or(0)
    });
    let ended = Event::UndoEnded {
        step: task.id().to_owned(),
        end,
        output,
        elapsed_ms: elapsed,
    };
    task.context.record(ended, false).await
}
