//! What a step does: `before`, and attempts of its action until one succeeds or there are no more.

use indexmap::IndexMap;
use runbook_action::{Effect, ErrorKind, Failure, Inverse, Output, Param};
use runbook_event::{AttemptEnd, Event, OutputRef};
use runbook_plan::{Action, Body, Step, Undo};
use serde_json::{Map, Value, json};

use super::call::{Called, Caller, Rendered, call, prepare_inverse, render};
use super::step::Task;
use super::values::{Values, capture};
use super::{Broken, approval::plain_intent, checks, retry};
use crate::live::Sealed;

/// `before`, and what the action keeps for its undo. Taken once a step, whatever comes after.
pub(super) async fn before(task: &Task<'_>) -> Result<(), Broken> {
    let (context, step) = (task.context, task.step);
    let keeps = matches!(step.undo, Undo::Auto);
    if step.before.is_none() && !keeps {
        return Ok(());
    }
    let owner = format!("step {}", task.id());
    let mut values = Values::default();
    if let Some(before) = &step.before {
        let wrong = |failure: Failure| Failure {
            message: format!("`before`: {}", failure.message),
            ..failure
        };
        let rendered = render(context, &before.action, &context.scope).map_err(wrong)?;
        let caller = Caller {
            step: task.id(),
            part: "before".to_owned(),
            asking: false,
            keeps_output: false,
            timeout: before.action.timeout,
            stop: task.early_stop(),
        };
        let output = call(context, &before.action, &rendered, &caller)
            .await?
            .result
            .map_err(wrong)?;
        let scope = context.scope_of_output(&output);
        values = capture(context, &owner, &before.capture, &scope, &output.cut).map_err(wrong)?;
    }
    let mut summary = None;
    if let Some(action) = step.action().filter(|_| keeps) {
        let rendered = render(context, action, &context.scope)?;
        let caller = Caller {
            step: task.id(),
            part: "before".to_owned(),
            asking: false,
            keeps_output: false,
            timeout: action.timeout,
            stop: task.early_stop(),
        };
        let inverse = prepare_inverse(context, action, &rendered, &caller).await?;
        let Some(inverse) = inverse else {
            let message = "the action cannot keep what is there, so it could not be put back";
            return Err(Failure::new(ErrorKind::Other, message).into());
        };
        summary = Some(inverse.summary.clone());
        context.run.live.keep_inverse(task.id(), inverse.clone());
        values.sealed.inverse = Some(inverse);
    }
    let taken = Event::BeforeTaken {
        step: task.id().to_owned(),
        values: values.shown,
        inverse: summary,
        sealed: context.seal(&values.sealed)?,
    };
    // What an undo needs is durable with the intent that follows it.
    Ok(context.record(taken, false).await?)
}

/// What was found to be done.
enum Work<'a> {
    Action(&'a Action, Box<Rendered>),
    Node,
}

/// Attempts until one succeeds, or there are no more.
pub(super) async fn run(task: &Task<'_>) -> Result<(), Broken> {
    let (context, step) = (task.context, task.step);
    let mut attempt = task.seen.attempts;
    // A crash may have come between an attempt and what it leads to.
    if let Some(failure) = &task.seen.failure {
        another(task, attempt, failure.clone(), true).await?;
    }
    loop {
        attempt += 1;
        let work = match step.action() {
            Some(action) => Work::Action(action, Box::new(render(context, action, &context.scope)?)),
            None => Work::Node,
        };
        let (result, again) = once(task, &work, attempt).await?;
        match result {
            Ok(()) => return Ok(()),
            Err(failure) => another(task, attempt, failure, again).await?,
        }
    }
}

/// Waits until another attempt is due. If there is none, the failure of the last one is the step's.
async fn another(task: &Task<'_>, attempt: u32, failure: Failure, may_help: bool) -> Result<(), Broken> {
    let context = task.context;
    let seed = format!("{} {}", context.run.id, task.id());
    let retry = task
        .step
        .retry
        .as_ref()
        .filter(|_| may_help && task.step.repeatable);
    let Some(delay) = retry::delay(retry, &failure, attempt, &seed) else {
        return Err(failure.into());
    };
    let planned = Event::RetryPlanned {
        step: task.id().to_owned(),
        attempt: attempt + 1,
        delay_ms: u64::try_from(delay.as_millis()).unwrap_or(u64::MAX),
    };
    context.record(planned, false).await?;
    if retry::wait(context, delay, task.early_stop()).await {
        Ok(())
    } else {
        Err(failure.into())
    }
}

/// One attempt. Says also whether another one may help: what could not be read of an answer never does.
async fn once(task: &Task<'_>, work: &Work<'_>, attempt: u32) -> Result<(Result<(), Failure>, bool), Broken> {
    let context = task.context;
    let too_late = || Failure::new(ErrorKind::Cancelled, "the run stopped before its action");
    if task.early_stop().is_raised() {
        return Err(too_late().into());
    }
    let intent = match work {
        Work::Action(_, rendered) => rendered.intent.clone(),
        Work::Node => plain_intent(task.step),
    };
    let changes = intent.effect > Effect::Read;
    let started = Event::AttemptStarted {
        step: task.id().to_owned(),
        attempt,
        intent,
    };
    if !context.begin(started, changes).await? {
        return Err(too_late().into());
    }
    let called = match work {
        Work::Action(action, rendered) => {
            let caller = Caller {
                step: task.id(),
                part: attempt.to_string(),
                asking: false,
                keeps_output: true,
                timeout: action.timeout,
                stop: task.stop(),
            };
            call(context, action, rendered, &caller).await?
        }
        Work::Node => node(task).await?,
    };
    let elapsed_ms = called.elapsed_ms();
    // What only looks leaves nothing behind, however it ends.
    let result = called.result.map_err(|failure| Failure {
        may_have_applied: failure.may_have_applied && changes,
        ..failure
    });
    let answered = answer(task.step, result);
    let inverse = answered.as_ref().ok().and_then(|output| left(task, output));
    let (captured, again) = match answered {
        Ok(output) => {
            let owner = format!("step {}", task.id());
            let scope = context.scope_of_output(&output);
            let names = named(task.step);
            let captured = capture(context, &owner, names, &scope, &output.cut);
            (captured.map_err(|failure| mark(failure, changes)), false)
        }
        Err(failure) => (Err(failure), true),
    };
    let answered = Answered { captured, inverse };
    let result = ended(task, attempt, answered, called.output, elapsed_ms).await?;
    Ok((result, again))
}

/// What an attempt gave: what is captured of it, and what is kept now to put it back, if only it could tell.
struct Answered {
    captured: Result<Values, Failure>,
    inverse: Option<Inverse>,
}

/// The inverse with what the action left, which it could not know when it kept what was there.
fn left(task: &Task<'_>, output: &Output) -> Option<Inverse> {
    let live = &task.context.run.live;
    let known = live
        .inverse(task.id())
        .filter(|_| matches!(task.step.undo, Undo::Auto))?;
    let inverse = Inverse {
        expects: output.left.clone()?,
        ..known
    };
    live.keep_inverse(task.id(), inverse.clone());
    Some(inverse)
}

fn mark(failure: Failure, changes: bool) -> Failure {
    if changes { failure.maybe_applied() } else { failure }
}

async fn ended(
    task: &Task<'_>,
    attempt: u32,
    answered: Answered,
    output: Vec<OutputRef>,
    elapsed_ms: u64,
) -> Result<Result<(), Failure>, Broken> {
    let context = task.context;
    let Answered { captured, inverse } = answered;
    let (end, values, sealed, result) = match captured {
        Ok(Values { shown, sealed }) => match context.seal(&Sealed { inverse, ..sealed }) {
            Ok(sealed) => (AttemptEnd::Succeeded, shown, sealed, Ok(())),
            Err(failure) => {
                let failure = failure.maybe_applied();
                let end = AttemptEnd::Failed {
                    failure: failure.clone(),
                };
                (end, IndexMap::new(), None, Err(failure))
            }
        },
        Err(failure) => {
            let end = AttemptEnd::Failed {
                failure: failure.clone(),
            };
            // What was done and could not be captured is undone all the same.
            let sealed = Sealed {
                inverse,
                ..Sealed::default()
            };
            (end, IndexMap::new(), context.seal(&sealed)?, Err(failure))
        }
    };
    let ended = Event::AttemptEnded {
        step: task.id().to_owned(),
        attempt,
        end,
        values,
        sealed,
        output,
        elapsed_ms,
    };
    context.record(ended, false).await?;
    Ok(result)
}

/// Where a failure is an answer, it is one.
pub(crate) fn answer(step: &Step, result: Result<Output, Failure>) -> Result<Output, Failure> {
    if !step.may_fail {
        return result;
    }
    match result {
        Ok(mut output) => {
            if let Value::Object(map) = &mut output.value {
                map.insert("ok".to_owned(), Value::Bool(true));
                map.insert("error".to_owned(), Value::Null);
            }
            Ok(output)
        }
        Err(failure) if failure.kind == ErrorKind::Cancelled => Err(failure),
        Err(failure) => {
            let mut map = match failure.result {
                Some(Value::Object(map)) => map,
                Some(_) | None => Map::new(),
            };
            map.insert("ok".to_owned(), Value::Bool(false));
            let error = json!({"kind": failure.kind.word(), "message": failure.message});
            map.insert("error".to_owned(), error);
            Ok(Value::Object(map).into())
        }
    }
}

/// The names that a step gives values to once it has acted.
pub(crate) fn named(step: &Step) -> &runbook_plan::Capture {
    match &step.body {
        Body::Let(names) => names,
        Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Checks(_)
        | Body::Undo(_)
        | Body::Runbook(_)
        | Body::Group(_)
        | Body::Choose(_)
        | Body::FirstOf(_) => &step.capture,
    }
}

/// What the engine does in place of an action.
async fn node(task: &Task<'_>) -> Result<Called, Broken> {
    let (context, step) = (task.context, task.step);
    let begun = context.clock().monotonic();
    let result = match &step.body {
        Body::Let(_) => Ok(Output::from(json!({}))),
        Body::Fail(message) => Err(failing(task, message)),
        Body::Wait(wait) => waiting(task, wait).await,
        Body::Checks(rows) => checks::table(task, rows).await?,
        Body::Action(_)
        | Body::Manual(_)
        | Body::Notify(_)
        | Body::Undo(_)
        | Body::Runbook(_)
        | Body::Group(_)
        | Body::Choose(_)
        | Body::FirstOf(_) => Err(Failure::new(
            ErrorKind::Other,
            "this version cannot run what the step does",
        )),
    };
    Ok(Called {
        result,
        output: Vec::new(),
        elapsed: context.clock().monotonic().saturating_sub(begun),
    })
}

fn failing(task: &Task<'_>, message: &runbook_plan::Template) -> Failure {
    match message.render(&task.context.scope) {
        Ok(Param::Text(text)) => Failure::new(ErrorKind::Other, text.to_string()),
        Ok(other) => Failure::new(ErrorKind::Other, other.masked().to_string()),
        Err(error) => Failure::new(
            ErrorKind::Other,
            format!("`{}`: {}", error.expression, error.error),
        ),
    }
}

async fn waiting(task: &Task<'_>, wait: &runbook_plan::Wait) -> Result<Output, Failure> {
    let context = task.context;
    let wrong = |what: &str| Failure::new(ErrorKind::Other, format!("{what} is no length of time"));
    // It is the gate that waits.
    let Some(length) = &wait.length else {
        return Ok(json!({}).into());
    };
    let length = match length.render(&context.scope) {
        Ok(Param::Text(text)) => runbook_action::schema::duration::parse_duration(&text.to_string())
            .ok_or_else(|| wrong(&format!("`{text}`"))),
        Ok(other) => Err(wrong(&other.masked().to_string())),
        Err(error) => Err(Failure::new(
            ErrorKind::Other,
            format!("`{}`: {}", error.expression, error.error),
        )),
    }?;
    let since = context.seen(task.at).and_then(|seen| seen.acting_since);
    let left = super::until(context, since, length).saturating_sub(context.clock().monotonic());
    if retry::wait(context, left, task.early_stop()).await {
        Ok(json!({}).into())
    } else {
        Err(Failure::new(
            ErrorKind::Cancelled,
            "the run stopped while it waited",
        ))
    }
}
