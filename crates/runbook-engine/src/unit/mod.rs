//! Units: tasks that own one piece of work each.

mod call;
mod gate;
mod step;
mod undo;

pub(crate) use self::call::sketch;

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{Connection, ErrorKind, Failure};
use runbook_event::{CheckRole, CheckSite, Event, OutputName, OutputWriter, Phase, Reading, Verdict};
use runbook_plan::expression::Scope;
use runbook_plan::{Catalogue, Check, Plan};
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::brake::Brake;
use crate::live::Live;
use crate::mask::Masker;
use crate::message::{Message, Shown};
use crate::scheduler::Unit;
use crate::{Approver, Clock};

/// The journal can keep nothing more, or the run is being left: a unit ends without a word.
#[derive(Debug)]
pub(crate) struct Halt;

/// Why a step or an undo does not go on.
pub(crate) enum Broken {
    Halt,
    Failed(Box<Failure>),
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

/// Who may stop a unit: each class has its own signal.
#[derive(Clone, Default)]
pub(crate) struct Stops {
    /// For work that only reads, and for what comes before an action: a failure elsewhere ends it.
    pub(crate) reads: Brake,
    /// For work that changes something: it ends well, unless the user says otherwise.
    pub(crate) changes: Brake,
    /// For undos and the clean-up: cancelling the run does not end them.
    pub(crate) undos: Brake,
}

/// What every unit works with.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) plan: Arc<Plan>,
    pub(crate) catalogue: Catalogue,
    pub(crate) connections: Arc<IndexMap<String, Connection>>,
    pub(crate) scope: Scope,
    pub(crate) masker: Arc<Masker>,
    pub(crate) live: Arc<Live>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) approver: Arc<dyn Approver>,
    pub(crate) run: String,
    pub(crate) to: mpsc::UnboundedSender<Message>,
    pub(crate) shown: mpsc::Sender<Shown>,
    pub(crate) stops: Stops,
}

impl Context {
    /// The scope of expressions over a result that has just been read.
    pub(crate) fn scope_of(&self, result: &Value) -> Scope {
        self.scope.with_result(result).with_instant(self.clock.now())
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
        self.to.send(message).map_err(|_| Halt)?;
        wait.await.map_err(|_| Halt)
    }

    /// Tells of a reading that is no event.
    pub(crate) fn reading(&self, site: &CheckSite, reading: Reading) {
        // If the dispatcher is gone, so is whoever would look at it.
        let _unheard = self.to.send(Message::Reading {
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
        self.to
            .send(Message::OpenOutput { name, done })
            .map_err(|_| Halt)?;
        wait.await.map_err(|_| Halt)
    }
}

/// Does a piece of work. It returns when all that is to be said of it has been recorded, or nothing more can
/// be.
pub(crate) async fn run(context: Context, unit: Unit) {
    let done = match unit {
        Unit::Checks(phase) => checks(&context, phase).await,
        Unit::Step(at) => match context.plan.steps().get(at) {
            Some(step) => step::run(&context, step).await,
            None => Ok(()),
        },
        Unit::Undo(at) => match context.plan.steps().get(at) {
            Some(step) => undo::run(&context, step).await,
            None => Ok(()),
        },
    };
    // A halt has been noted by the dispatcher, which caused it.
    drop(done);
}

/// Asks the run's own checks of a part of the run, side by side.
async fn checks(context: &Context, phase: Phase) -> Result<(), Halt> {
    let (role, checks) = match phase {
        Phase::Detect => (CheckRole::Detect, context.plan.detect()),
        Phase::Verify => (CheckRole::Verify, context.plan.verify()),
        Phase::Baseline | Phase::Steps | Phase::Rollback | Phase::Finally => {
            (CheckRole::Baseline, context.plan.verify())
        }
    };
    let mut asked = JoinSet::new();
    for check in checks
        .iter()
        .filter(|check| role != CheckRole::Baseline || check.baseline)
    {
        let context = context.clone();
        let check = if role == CheckRole::Baseline {
            once(check)
        } else {
            check.clone()
        };
        let site = CheckSite {
            role,
            step: None,
            check: check.id.clone(),
        };
        asked.spawn(async move {
            let stop = context.stops.reads.clone();
            gate::ask(&context, site, &check, &stop).await
        });
    }
    while let Some(ended) = asked.join_next().await {
        ended.map_err(|_| Halt)??;
    }
    Ok(())
}

/// The baseline reads a check once, whatever it waits for at the end.
fn once(check: &Check) -> Check {
    Check {
        within: None,
        consecutive: 1,
        ..check.clone()
    }
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
            } else {
                ""
            };
            return Err(Failure::new(kind, format!("{what}{}", decided.why(check))).into());
        }
    }
    Ok(())
}
