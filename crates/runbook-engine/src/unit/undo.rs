//! The undo of a step.

use runbook_event::{Event, UndoEnd};
use runbook_plan::{Step, Undo};

use super::call::{Caller, call, render, sketch};
use super::{Context, Halt};

pub(super) async fn run(context: &Context, step: &Step) -> Result<(), Halt> {
    let Undo::Action(undo) = &step.undo else {
        return Ok(());
    };
    let action = &undo.action;
    let rendered = match render(context, action, &context.scope) {
        Ok(rendered) => rendered,
        Err(failure) => {
            // It cannot even be written out: a person gets what is known of it.
            let intent = sketch(action);
            context
                .record(
                    Event::UndoStarted {
                        step: step.id.clone(),
                        intent,
                    },
                    true,
                )
                .await?;
            return ended(context, step, UndoEnd::Failed { failure }, Vec::new(), 0).await;
        }
    };
    context
        .record(
            Event::UndoStarted {
                step: step.id.clone(),
                intent: rendered.intent.clone(),
            },
            true,
        )
        .await?;
    let caller = Caller {
        step: &step.id,
        part: "undo".to_owned(),
        asking: false,
        keeps_output: true,
        timeout: action.timeout,
        stop: &context.stops.undos,
    };
    let called = call(context, action, &rendered, &caller).await?;
    let elapsed_ms = called.elapsed_ms();
    let end = match called.result {
        Ok(_) => UndoEnd::Undone,
        Err(failure) => UndoEnd::Failed { failure },
    };
    ended(context, step, end, called.output, elapsed_ms).await
}

async fn ended(
    context: &Context,
    step: &Step,
    end: UndoEnd,
    output: Vec<runbook_event::OutputRef>,
    elapsed_ms: u64,
) -> Result<(), Halt> {
    context
        .record(
            Event::UndoEnded {
                step: step.id.clone(),
                end,
                output,
                elapsed_ms,
            },
            false,
        )
        .await
}
