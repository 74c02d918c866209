//! A step: `when`, `require`, approval, `require` again, `before`, intent, action, `capture`, `then`, `verify`.
//!
//! It begins where the state says that the step is, so that a run which goes on after a crash takes the same way
//! as one that has just begun.

use std::sync::{Arc, Mutex, PoisonError};

use indexmap::IndexMap;
use runbook_action::{Effect, ErrorKind, Failure};
use runbook_event::{CheckRole, Event, FrameKind, SkipReason, StepState, StepStatus};
use runbook_plan::{Body, Step};
use tokio::sync::OwnedSemaphorePermit;

use super::recover::{Recovered, recover};
use super::takes_effect::{Side, take_effect};
use super::{Broken, Context, Halt, approval, attempt, enter, gates, known};
use crate::brake::Brake;
use crate::view::read;

/// A step on its way.
pub(super) struct Task<'a> {
    pub(super) context: &'a Context,
    pub(super) step: &'a Step,
    /// The instance, as it was when the unit began.
    pub(super) seen: &'a StepState,
    pub(super) at: usize,
    /// Its place among the steps that may run side by side. Whoever waits for a person takes none.
    pub(super) place: Place,
}

/// A place among the steps that may run side by side.
#[derive(Default)]
pub(super) struct Place(Mutex<Option<OwnedSemaphorePermit>>);

impl Place {
    /// Waits for a place.
    pub(super) async fn take(&self, context: &Context) {
        // The places are never closed.
        if let Ok(permit) = Arc::clone(&context.run.places).acquire_owned().await {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        }
    }

    /// Gives it to somebody else.
    pub(super) fn leave(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Task<'_> {
    /// The instance's id.
    pub(super) fn id(&self) -> &str {
        &self.seen.id
    }

    /// Who may stop this step before its action: until then it has only looked.
    pub(super) fn early_stop(&self) -> &Brake {
        &self.context.stops.reads
    }

    /// Who may stop its action and what follows.
    pub(super) fn stop(&self) -> &Brake {
        match self.step.effect {
            Effect::Read => &self.context.stops.reads,
            Effect::Change | Effect::Destructive => &self.context.stops.changes,
        }
    }

    async fn record(&self, event: Event) -> Result<(), Halt> {
        self.context.record(event, false).await
    }

    async fn failed(&self, failure: Failure) -> Result<(), Halt> {
        let step = self.id().to_owned();
        self.record(Event::StepFailed { step, failure }).await
    }

    async fn skipped(&self, reason: SkipReason) -> Result<(), Halt> {
        let step = self.id().to_owned();
        self.record(Event::StepSkipped { step, reason }).await
    }
}

pub(super) async fn run(context: &Context, at: usize) -> Result<(), Halt> {
    let Some(seen) = context.seen(at) else {
        return Ok(());
    };
    let course = Arc::clone(&context.course);
    let step = match known(&course, &seen.outline.id) {
        Ok(step) => step,
        Err(failure) => {
            let step = seen.id.clone();
            return context.record(Event::StepFailed { step, failure }, false).await;
        }
    };
    let task = Task {
        context,
        step,
        seen: &seen,
        at,
        place: Place::default(),
    };
    task.place.take(context).await;
    if seen.status == StepStatus::Pending && !begin(&task).await? {
        return Ok(());
    }
    match work(&task).await {
        Ok(Some(())) => {
            let done = Event::StepDone {
                step: seen.id.clone(),
                values: IndexMap::new(),
                sealed: None,
            };
            task.record(done).await
        }
        Ok(None) | Err(Broken::Left) => Ok(()),
        Err(Broken::Failed(failure)) => task.failed(*failure).await,
        Err(Broken::Halt) => Err(Halt),
    }
}

/// Whether the step is to be run. A branch was chosen by its `when`, which is not asked again.
async fn begin(task: &Task<'_>) -> Result<bool, Halt> {
    let context = task.context;
    let is_branch = read(&context.run.state, |state| {
        let frame = state.frames().get(task.seen.frame);
        frame.is_some_and(|frame| matches!(frame.kind, FrameKind::Branches { .. }))
    });
    if let Some(when) = task.step.when.as_ref().filter(|_| !is_branch) {
        match when.eval_bool(&context.scope) {
            Ok(true) => {}
            Ok(false) => {
                let detail = format!("`{}`, and {}", when.source(), when.explain(&context.scope));
                task.skipped(SkipReason::When { detail }).await?;
                return Ok(false);
            }
            Err(error) => {
                let message = format!("`when: {}`: {error}", when.source());
                task.failed(Failure::new(ErrorKind::Other, message)).await?;
                return Ok(false);
            }
        }
    }
    let step = task.id().to_owned();
    if !context.begin(Event::StepStarted { step }, false).await? {
        task.skipped(SkipReason::Stopped).await?;
        return Ok(false);
    }
    Ok(true)
}

/// All of a step but its beginning and its end. None: what stands within it has begun, and ends it.
async fn work(task: &Task<'_>) -> Result<Option<()>, Broken> {
    let holds = task.seen.holds_others() || matches!(task.step.body, Body::Undo(_));
    match task.seen.status {
        StepStatus::Acted => {}
        StepStatus::Doubtful => match recover(task).await? {
            Recovered::Happened => {}
            Recovered::Again => attempt::run(task).await?,
        },
        StepStatus::Pending
        | StepStatus::Running
        | StepStatus::Asking
        | StepStatus::Acting
        | StepStatus::Inside
        | StepStatus::Done
        | StepStatus::Failed
        | StepStatus::Skipped => {
            if task.seen.attempts == 0 {
                prepare(task).await?;
            }
            if holds {
                enter::run(task).await?;
                return Ok(None);
            }
            attempt::run(task).await?;
        }
    }
    take_effect(task, Side::Action, task.stop()).await?;
    gates(
        task.context,
        task.id(),
        CheckRole::Gate,
        &task.step.verify,
        task.stop(),
    )
    .await?;
    Ok(Some(()))
}

/// What comes before the first attempt.
async fn prepare(task: &Task<'_>) -> Result<(), Broken> {
    let (context, step) = (task.context, task.step);
    let early = task.early_stop();
    gates(context, task.id(), CheckRole::Require, &step.require, early).await?;
    match (&step.approve, &task.seen.approval) {
        (Some(approve), None) => {
            approval::ask(task, approve).await?;
            gates(context, task.id(), CheckRole::Require, &step.require, early).await?;
        }
        // A crash may have come between the answer and what it leads to.
        (Some(approve), Some((false, by, how))) => approval::refused(task, approve, by, how).await?,
        (Some(_) | None, _) => {}
    }
    if !task.seen.before_taken {
        attempt::before(task).await?;
    }
    if step.verify_decides {
        // What passes already cannot tell later whether the action has happened.
        for check in &step.verify {
            super::checks::once_for(context, task.id(), check, early).await?;
        }
    }
    Ok(())
}
