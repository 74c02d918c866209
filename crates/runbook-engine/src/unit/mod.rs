//! Units: tasks that own one piece of work each.

mod approval;
pub(crate) mod attempt;
pub(crate) mod call;
pub(crate) mod checks;
mod close;
pub(crate) mod enter;
pub(crate) mod gate;
mod guard;
mod recover;
mod retry;
mod step;
mod takes_effect;
mod undo;
pub(crate) mod values;

pub(crate) use self::call::{Caller, seconds};
pub(crate) use self::undo::intent_of as intent_of_undo;

use std::sync::Arc;
use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Output};
use runbook_event::{CheckRole, CheckSite, Event, OutputName, OutputWriter, Reading, StepState, Verdict};
use runbook_plan::expression::Scope;
use runbook_plan::{Check, Step};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::brake::{Brake, Stops};
use crate::courses::{CourseRun, Courses};
use crate::live::{Live, Sealed};
use crate::mask::Masker;
use crate::masks::Masks;
use crate::message::{Message, Shown};
use crate::scheduler::Unit;
use crate::transports::Transports;
use crate::view::{Shared, read};
use crate::{Approver, Clock, Locks};

/// The journal can keep nothing more, or the run is being left: a unit ends without a word.
#[derive(Debug)]
pub(crate) struct Halt;

/// Why a step or an undo does not go on.
pub(crate) enum Broken {
    /// Nothing more can be said.
    Halt,
    /// It failed.
    Failed(Box<Failure>),
    /// All that is to be said of it for now has been: it was skipped, or nobody can tell.
    Left,
}

impl From<Halt> for Broken {
    fn from(Halt: Halt) -> Self {
        Self::Halt
    }
}

impl From<Failure> for Broken {
    fn from(failure: Failure) -> Self {
        Self::Failed(Box::new(failure))
    }
}

/// What every unit of a run works with.
pub(crate) struct Run {
    pub(crate) id: String,
    pub(crate) state: Shared,
    pub(crate) catalogue: runbook_plan::Catalogue,
    pub(crate) courses: Courses,
    pub(crate) transports: Transports,
    pub(crate) masks: Arc<Masks>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) locks: Arc<dyn Locks>,
    /// As many as steps may run side by side.
    pub(crate) places: Arc<tokio::sync::Semaphore>,
    pub(crate) to: mpsc::UnboundedSender<Message>,
    pub(crate) shown: mpsc::Sender<Shown>,
}

/// What a unit works with: the run, and its place in it.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) run: Arc<Run>,
    pub(crate) course: Arc<CourseRun>,
    /// The step whose sub-runbook this is.
    pub(crate) within: Option<String>,
    /// What expressions see from here.
    pub(crate) scope: Scope,
    /// Who may stop it.
    pub(crate) stops: Stops,
    /// For what goes on although the run stops.
    pub(crate) undos: Brake,
}

impl Context {
    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.run.clock
    }

    pub(crate) fn masker(&self) -> Arc<Masker> {
        self.run.masks.now()
    }

    /// A step as it stands now.
    pub(crate) fn seen(&self, at: usize) -> Option<StepState> {
        read(&self.run.state, |state| state.steps().get(at).cloned())
    }

    /// Whether something where the step stands may begin.
    pub(crate) fn may_begin(&self, at: usize) -> bool {
        read(&self.run.state, |state| state.may_begin(at))
    }

    /// The scope of expressions over a result that has just been read.
    pub(crate) fn scope_of(&self, result: &Value) -> Scope {
        self.scope.with_result(result).with_instant(self.clock().now())
    }

    /// The same for what an action has answered.
    pub(crate) fn scope_of_output(&self, output: &Output) -> Scope {
        self.scope_of(&output.value).without(&output.absent)
    }

    /// Encrypts what an event may not show.
    pub(crate) fn seal(&self, sealed: &Sealed) -> Result<Option<String>, Failure> {
        self.run.live.seal(sealed)
    }

    /// Reports an event and waits until the journal has it. A `durable` one is on the disk by then.
    pub(crate) async fn record(&self, event: Event, durable: bool) -> Result<(), Halt> {
        self.begin(event, durable).await.map(drop)
    }

    /// The same for an event that begins something. False: the run is stopping, so it may not begin, and
    /// nothing was recorded.
    pub(crate) async fn begin(&self, event: Event, durable: bool) -> Result<bool, Halt> {
        let (done, wait) = oneshot::channel();
        let message = Message::Record {
            event: Box::new(event),
            durable,
            done,
        };
        self.run.to.send(message).map_err(|_| Halt)?;
        wait.await.map_err(|_| Halt)
    }

    /// Tells of a reading that is no event.
    pub(crate) fn reading(&self, site: &CheckSite, reading: Reading) {
        // If the dispatcher is gone, so is whoever would look at it.
        let _unheard = self.run.to.send(Message::Reading {
            site: site.clone(),
            reading,
        });
    }

    /// A place for what an attempt prints.
    pub(crate) async fn output(&self, step: &str, part: String) -> Result<Box<dyn OutputWriter>, Halt> {
        let (done, wait) = oneshot::channel();
        let name = OutputName {
            step: step.to_owned(),
            part,
        };
        self.run
            .to
            .send(Message::OpenOutput { name, done })
            .map_err(|_| Halt)?;
        wait.await.map_err(|_| Halt)
    }
}

/// When so much time has passed since something happened, by the monotonic clock. What happened before a crash counts
/// from when it did.
fn until(context: &Context, since: Option<jiff::Timestamp>, length: Duration) -> Duration {
    let now = context.clock().now();
    let gone = since.map_or(Duration::ZERO, |since| {
        Duration::try_from(now.duration_since(since)).unwrap_or_default()
    });
    context.clock().monotonic() + length.saturating_sub(gone)
}

/// A step of a runbook.
fn known<'p>(course: &'p CourseRun, id: &str) -> Result<&'p Step, Failure> {
    let step = course.plan.step(id);
    step.ok_or_else(|| Failure::new(ErrorKind::Other, format!("the plan has no step `{id}`")))
}

/// Does a piece of work. It returns when all that is to be said of it has been recorded, or nothing more can
/// be.
pub(crate) async fn run(context: Context, unit: Unit) {
    let done = match unit {
        Unit::Checks(_, phase) => checks::ask_all(&context, phase).await,
        Unit::Guard(_, number) => guard::run(&context, number).await,
        Unit::Step(at) => step::run(&context, at).await,
        Unit::Close(at) => close::run(&context, at).await,
        Unit::Undo(at) => undo::run(&context, at).await,
    };
    // A halt has been noted by the dispatcher, which caused it.
    drop(done);
}

/// Asks a step's checks in order. The first that does not pass fails the step.
async fn gates(
    context: &Context,
    step: &str,
    role: CheckRole,
    checks: &[Check],
    stop: &Brake,
) -> Result<(), Broken> {
    for check in checks {
        let site = CheckSite {
            within: None,
            role,
            step: Some(step.to_owned()),
            check: check.id.clone(),
        };
        let decided = gate::ask(context, site, check, stop).await?;
        if decided.verdict != Verdict::Pass {
            let kind = if decided.cancelled {
                ErrorKind::Cancelled
            } else {
                ErrorKind::Other
            };
            let what = if role == CheckRole::Require {
                "may not run: "
            } else if role == CheckRole::Undone {
                "is not undone: "
            } else {
                ""
            };
            return Err(Failure::new(kind, format!("{what}{}", decided.why(check))).into());
        }
    }
    Ok(())
}
