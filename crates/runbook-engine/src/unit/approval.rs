//! A person says yes first.

use runbook_action::{ErrorKind, Failure, Param};
use runbook_event::{Event, Intent, SkipReason};
use runbook_plan::expression::Val;
use runbook_plan::{Approve, Body, Step};
use serde_json::{Value, json};

use super::call::foresee;
use super::step::Task;
use super::{Broken, Context, enter};
use crate::Question;
use crate::bounds;
use crate::brake::Urgency;
use crate::outline;

/// Asks for leave. The run's stop withdraws the question.
pub(super) async fn ask(task: &Task<'_>, approve: &Approve) -> Result<(), Broken> {
    let (context, stop) = (task.context, task.early_stop());
    let withdrawn = || Failure::new(ErrorKind::Cancelled, "the question was withdrawn");
    if stop.is_raised() {
        return Err(withdrawn().into());
    }
    let masker = context.masker();
    let intent = masker.intent(intent_of(context, task.step)?);
    let question = Question {
        step: task.id().to_owned(),
        title: task.seen.title(),
        message: masker.text(&message(context, task.step, approve)?),
        intent: intent.clone(),
    };
    let asked = Event::ApprovalAsked {
        step: task.id().to_owned(),
        message: question.message.clone(),
        intent,
    };
    context.record(asked, true).await?;
    // Who is asked again after a crash has no more time than there was at first.
    let asked_at = context.seen(task.at).and_then(|seen| seen.asked_at);
    let deadline = approve
        .within
        .map(|within| super::until(context, asked_at, within));
    let late = async {
        match deadline {
            Some(deadline) => context.clock().wait_until(deadline).await,
            None => std::future::pending().await,
        }
    };
    task.place.leave();
    let answer = tokio::select! {
        biased;
        () = stop.reached(Urgency::Stop) => return Err(withdrawn().into()),
        answer = context.run.approver.ask(&question) => answer,
        () = late => crate::Answer { approved: false, by: "nobody".to_owned(), how: "timeout".to_owned() },
    };
    let answered = Event::ApprovalAnswered {
        step: task.id().to_owned(),
        approved: answer.approved,
        by: answer.by.clone(),
        how: answer.how.clone(),
    };
    context.record(answered, true).await?;
    if answer.approved {
        task.place.take(context).await;
        return Ok(());
    }
    refused(task, approve, &answer.by, &answer.how).await
}

/// What a refusal leads to.
pub(super) async fn refused(task: &Task<'_>, approve: &Approve, by: &str, how: &str) -> Result<(), Broken> {
    let (late, nobody) = (how == "timeout", how == "end of input");
    if (late && approve.timeout_skips) || (!late && !nobody && approve.reject_skips) {
        let skipped = Event::StepSkipped {
            step: task.id().to_owned(),
            reason: SkipReason::NotApproved,
        };
        task.context.record(skipped, false).await?;
        return Err(Broken::Left);
    }
    let message = if late {
        "nobody answered in time".to_owned()
    } else if nobody {
        "nobody could answer: the terminal's input ended".to_owned()
    } else {
        format!("{by} said no")
    };
    Err(Failure::new(ErrorKind::Other, message).into())
}

fn message(context: &Context, step: &Step, approve: &Approve) -> Result<String, Failure> {
    match &approve.message {
        Some(message) => match message.render(&context.scope) {
            Ok(Param::Text(text)) => Ok(text.to_string()),
            Ok(other) => Ok(other.masked().to_string()),
            Err(error) => {
                let message = format!(
                    "the question cannot be asked: `{}`: {}",
                    error.expression, error.error
                );
                Err(Failure::new(ErrorKind::Other, message))
            }
        },
        None => Ok(format!("Run “{}”?", step.title)),
    }
}

/// What would run, as far as it can be written out now. A question about a loop shows its list, and one about
/// another runbook what that is given.
fn intent_of(context: &Context, step: &Step) -> Result<Intent, Failure> {
    if let Some(action) = step.action() {
        return Ok(foresee(context, action));
    }
    let params = match (&step.body, &step.for_each) {
        (_, Some(each)) => {
            let list = enter::list(context, each)?;
            json!({ each.item.as_str(): list.iter().map(Val::to_json).collect::<Vec<_>>() })
        }
        (Body::Runbook(call), None) => {
            let inputs = enter::inputs(context, call)?.into_iter();
            Value::Object(inputs.map(|(name, value)| (name, value.masked())).collect())
        }
        _ => Value::Null,
    };
    bounds::check(&params).map_err(|reason| {
        let message = format!("the question cannot be asked: what it would have to show {reason}");
        Failure::new(ErrorKind::Other, message)
    })?;
    Ok(Intent {
        effect: step.effect,
        params,
        ..plain_intent(step)
    })
}

/// What a step that is no action is about to do.
pub(super) fn plain_intent(step: &Step) -> Intent {
    Intent {
        kind: outline::kind(step).to_owned(),
        effect: outline::own_effect(step),
        summary: outline::summary(step),
        target: None,
        params: Value::Null,
        env: indexmap::IndexMap::new(),
    }
}
