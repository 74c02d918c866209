//! A step: `when`, `require`, approval, `require` again, `before`, intent, action, `capture`, `verify`.

use indexmap::IndexMap;
use runbook_action::{Effect, ErrorKind, Failure, Output, Param};
use runbook_event::{AttemptEnd, CheckRole, Event, SkipReason};
use runbook_plan::expression::Scope;
use runbook_plan::{Action, Approve, Capture, Section, Step};
use serde_json::Value;

use super::call::{Caller, Rendered, call, foresee, render};
use super::gate::uses_cut;
use super::{Broken, Context, Halt, gates};
use crate::Question;
use crate::bounds;
use crate::brake::{Brake, Urgency};

pub(super) async fn run(context: &Context, step: &Step) -> Result<(), Halt> {
    let id = step.id.clone();
    if let Some(when) = &step.when {
        match when.eval_bool(&context.scope) {
            Ok(true) => {}
            Ok(false) => {
                let detail = format!("`{}`, and {}", when.source(), when.explain(&context.scope));
                return context
                    .record(
                        Event::StepSkipped {
                            step: id,
                            reason: SkipReason::When { detail },
                        },
                        false,
                    )
                    .await;
            }
            Err(error) => {
                let message = format!("`when: {}`: {error}", when.source());
                let failure = Failure::new(ErrorKind::Other, message);
                return context
                    .record(Event::StepFailed { step: id, failure }, false)
                    .await;
            }
        }
    }
    if !context
        .begin(Event::StepStarted { step: id.clone() }, false)
        .await?
    {
        let reason = SkipReason::Stopped;
        return context
            .record(Event::StepSkipped { step: id, reason }, false)
            .await;
    }
    let end = match work(context, step).await {
        Ok(()) => Event::StepDone { step: id },
        Err(Broken::Failed(failure)) => Event::StepFailed {
            step: id,
            failure: *failure,
        },
        Err(Broken::Halt) => return Err(Halt),
    };
    context.record(end, false).await
}

/// Who may stop this step before its action: until then it has only looked.
fn early_stop_of<'c>(context: &'c Context, step: &Step) -> &'c Brake {
    match step.section {
        Section::Finally => &context.stops.undos,
        Section::Steps => &context.stops.reads,
    }
}

/// Who may stop its action and what follows.
fn stop_of<'c>(context: &'c Context, step: &Step) -> &'c Brake {
    match (step.section, step.effect) {
        (Section::Finally, _) => &context.stops.undos,
        (Section::Steps, Effect::Read) => &context.stops.reads,
        (Section::Steps, Effect::Change | Effect::Destructive) => &context.stops.changes,
    }
}

/// The action of a step. A run of a plan with anything else in it does not begin.
fn action_of(step: &Step) -> Result<&Action, Failure> {
    step.action()
        .ok_or_else(|| Failure::new(ErrorKind::Other, "this version cannot run what the step does"))
}

async fn work(context: &Context, step: &Step) -> Result<(), Broken> {
    let early = early_stop_of(context, step);
    gates(context, &step.id, CheckRole::Require, &step.require, early).await?;
    if let Some(approve) = &step.approve {
        approval(context, step, approve, early).await?;
        gates(context, &step.id, CheckRole::Require, &step.require, early).await?;
    }
    before(context, step, early).await?;
    let stop = stop_of(context, step);
    let rendered = render(context, action_of(step)?, &context.scope)?;
    let output = attempt(context, step, &rendered, stop).await?;
    captured(context, step, &output).await?;
    gates(context, &step.id, CheckRole::Gate, &step.verify, stop).await
}

/// A person says yes first. The run's stop withdraws the question.
async fn approval(context: &Context, step: &Step, approve: &Approve, stop: &Brake) -> Result<(), Broken> {
    let withdrawn = || Failure::new(ErrorKind::Cancelled, "the question was withdrawn");
    if stop.is_raised() {
        return Err(withdrawn().into());
    }
    let intent = context
        .masker
        .intent(foresee(context, action_of(step)?, &context.scope));
    let message = match &approve.message {
        Some(message) => match message.render(&context.scope) {
            Ok(Param::Text(text)) => text.to_string(),
            Ok(other) => other.masked().to_string(),
            Err(error) => {
                let message = format!(
                    "the question cannot be asked: `{}`: {}",
                    error.expression, error.error
                );
                return Err(Failure::new(ErrorKind::Other, message).into());
            }
        },
        None => format!("Run “{}”?", step.title),
    };
    let question = Question {
        step: step.id.clone(),
        title: step.title.clone(),
        message: context.masker.text(&message),
        intent: intent.clone(),
    };
    let asked = Event::ApprovalAsked {
        step: step.id.clone(),
        message: question.message.clone(),
        intent,
    };
    context.record(asked, true).await?;
    let deadline = approve.within.map(|within| context.clock.monotonic() + within);
    let late = async {
        match deadline {
            Some(deadline) => context.clock.wait_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    let answer = tokio::select! {
        biased;
        () = stop.reached(Urgency::Stop) => return Err(withdrawn().into()),
        answer = context.approver.ask(&question) => answer,
        () = late => crate::Answer { approved: false, by: "nobody".to_owned(), how: "timeout".to_owned() },
    };
    let (approved, by, how) = (answer.approved, answer.by, answer.how);
    let answered = Event::ApprovalAnswered {
        step: step.id.clone(),
        approved,
        by: by.clone(),
        how: how.clone(),
    };
    context.record(answered, true).await?;
    if approved {
        return Ok(());
    }
    let message = match how.as_str() {
        "timeout" => "nobody answered in time".to_owned(),
        "end of input" => "nobody could answer: the terminal's input ended".to_owned(),
        _ => format!("{by} said no"),
    };
    Err(Failure::new(ErrorKind::Other, message).into())
}

async fn before(context: &Context, step: &Step, stop: &Brake) -> Result<(), Broken> {
    let Some(before) = &step.before else { return Ok(()) };
    let wrong = |failure: Failure| Failure {
        message: format!("`before`: {}", failure.message),
        ..failure
    };
    let rendered = render(context, &before.action, &context.scope).map_err(wrong)?;
    let caller = Caller {
        step: &step.id,
        part: "before".to_owned(),
        asking: false,
        keeps_output: false,
        timeout: before.action.timeout,
        stop,
    };
    let output = call(context, &before.action, &rendered, &caller)
        .await?
        .result
        .map_err(wrong)?;
    let scope = context.scope_of(&output.value);
    let values = capture(context, &step.id, &before.capture, &scope, &output.cut).map_err(wrong)?;
    context
        .record(
            Event::BeforeTaken {
                step: step.id.clone(),
                values,
            },
            false,
        )
        .await?;
    Ok(())
}

async fn attempt(
    context: &Context,
    step: &Step,
    rendered: &Rendered,
    stop: &Brake,
) -> Result<Output, Broken> {
    let too_late = || Failure::new(ErrorKind::Cancelled, "the run stopped before its action");
    if early_stop_of(context, step).is_raised() {
        return Err(too_late().into());
    }
    let attempt = 1;
    let action = action_of(step)?;
    let changes = action.effect > Effect::Read;
    let started = Event::AttemptStarted {
        step: step.id.clone(),
        attempt,
        intent: rendered.intent.clone(),
    };
    if !context.begin(started, changes).await? {
        return Err(too_late().into());
    }
    let caller = Caller {
        step: &step.id,
        part: attempt.to_string(),
        asking: false,
        keeps_output: true,
        timeout: action.timeout,
        stop,
    };
    let called = call(context, action, rendered, &caller).await?;
    let elapsed_ms = called.elapsed_ms();
    // What only looks leaves nothing behind, however it ends.
    let result = called.result.map_err(|failure| Failure {
        may_have_applied: failure.may_have_applied && changes,
        ..failure
    });
    let end = match &result {
        Ok(_) => AttemptEnd::Succeeded,
        Err(failure) => AttemptEnd::Failed {
            failure: failure.clone(),
        },
    };
    let ended = Event::AttemptEnded {
        step: step.id.clone(),
        attempt,
        end,
        output: called.output,
        elapsed_ms,
    };
    context.record(ended, false).await?;
    Ok(result?)
}

async fn captured(context: &Context, step: &Step, output: &Output) -> Result<(), Broken> {
    if step.capture.is_empty() {
        return Ok(());
    }
    let scope = context.scope_of(&output.value);
    let values =
        capture(context, &step.id, &step.capture, &scope, &output.cut).map_err(Failure::maybe_applied)?;
    context
        .record(
            Event::Captured {
                step: step.id.clone(),
                values,
            },
            false,
        )
        .await?;
    Ok(())
}

/// The values of a `capture`. One with a secret in it is kept beside the state as it is.
fn capture(
    context: &Context,
    owner: &str,
    capture: &Capture,
    scope: &Scope,
    cut: &[String],
) -> Result<IndexMap<String, Value>, Failure> {
    let mut values = IndexMap::new();
    for captured in capture {
        let (name, expression) = (&captured.name, &captured.value);
        let path = format!("capture.{name}");
        if let Some(cut) = uses_cut(expression, cut) {
            let message = format!("`{cut}` is longer than 1 MiB and was cut");
            return Err(Failure::new(ErrorKind::Other, message).about(path));
        }
        let value = expression.eval(scope).map_err(|error| {
            Failure::new(ErrorKind::Other, format!("`{}`: {error}", expression.source())).about(path.clone())
        })?;
        let json = value.to_json();
        if let Err(reason) = bounds::check(&json) {
            return Err(Failure::new(ErrorKind::Other, format!("the value {reason}")).about(path));
        }
        context
            .live
            .keep(&context.masker, &format!("steps.{owner}"), name, &value);
        values.insert(name.clone(), json);
    }
    Ok(values)
}
