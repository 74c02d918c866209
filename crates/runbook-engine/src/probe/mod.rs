//! Looking before leaping: what a plan would meet if it ran now, found out without changing anything.
//!
//! Theory of operation. A probe goes through a plan in the order of a run. What reads (the checks, `before`, the
//! steps that only look) is really asked, once. What changes something tells what it would change, if its action can
//! ([`Action::preview`](runbook_action::Action::preview)); it is never run, so what it would capture is not known, and
//! what needs that is only rendered. Each [`Sounding`] says which it was. The calls themselves are those of a run: the
//! same rendering, connections, deadlines and masks. There is no journal, and no lock is taken.

mod known;
mod sound;
mod walk;
mod within;

use std::sync::{Arc, RwLock};

use indexmap::IndexMap;
use runbook_action::{Effect, Failure, Preview};
use runbook_event::{RunState, Verdict};
use runbook_plan::{Catalogue, Plan};
use serde_json::Value;
use tokio::sync::mpsc;

use self::walk::Walk;
use crate::brake::{Brake, Urgency};
use crate::courses::{CourseRun, Courses};
use crate::live::Live;
use crate::masks::Masks;
use crate::prepare::{self, LabAddress, PrepareError, Secrets};
use crate::transports::Transports;
use crate::unit::Run;
use crate::{Approver, Clock, Locks, Masker, Signal};

/// What a probe calls the run that there is not.
const NAME: &str = "probe";

/// Something of a plan, and what was found out about it. Its texts hold no secret.
#[derive(Debug, Clone, PartialEq)]
pub struct Sounding {
    /// The step that it belongs to, as a run would call it; the checks of the runbook belong to none, or to the step
    /// whose sub-runbook it is.
    pub step: Option<String>,
    /// How many steps stand around that.
    pub depth: usize,
    /// Which part of the plan it is.
    pub part: Sounded,
    /// Its title, for people.
    pub title: String,
    /// What it does, in a line, with the values that are known. Empty where there is nothing to say beyond the title.
    pub does: String,
    /// The connection that it goes through.
    pub target: Option<String>,
    /// What that does to the world.
    pub effect: Effect,
    /// What was found out.
    pub found: FoundOut,
}

/// A part of a plan that something can be found out about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sounded {
    /// A check of `detect`.
    Detect,
    /// A guard.
    Guard,
    /// A step as a whole: whether it would run.
    Step,
    /// A check of `require`.
    Require,
    /// What is read before the action.
    Before,
    /// What the action keeps for its undo.
    Kept,
    /// The action of a step, or what it does in place of one.
    Action,
    /// What makes it take effect.
    Then,
    /// A gate.
    Gate,
    /// A row of a table.
    Row,
    /// A final check.
    Verify,
}

impl Sounded {
    /// The word that the language has for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Guard => "guard",
            Self::Step => "step",
            Self::Require => "require",
            Self::Before => "before",
            Self::Kept => "kept",
            Self::Action => "action",
            Self::Then => "then",
            Self::Gate | Self::Verify => "verify",
            Self::Row => "checks",
        }
    }
}

/// What a probe found out about a part of a plan, and how.
#[derive(Debug, Clone, PartialEq)]
pub enum FoundOut {
    /// It was asked, and this is the answer.
    Asked {
        /// Whether it holds, where that is the question.
        verdict: Option<Verdict>,
        /// The answer, for people.
        detail: String,
        /// The values that it captured.
        values: IndexMap<String, Value>,
    },
    /// It was asked, and there is no answer; or what it changes would be refused.
    Failed(Failure),
    /// It changes something, and told what.
    Previewed(Preview),
    /// It was only rendered: why nothing more can be known before the run. Empty where that goes without saying.
    Rendered(String),
    /// It would not run, and why.
    Skipped(String),
}

impl FoundOut {
    /// In a word how it was found out.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Asked { .. } => "asked",
            Self::Failed(_) => "failed",
            Self::Previewed(_) => "previewed",
            Self::Rendered(_) => "rendered",
            Self::Skipped(_) => "skipped",
        }
    }

    /// Whether a run would be hindered: it cannot be asked, or it would be refused. That something does not hold is
    /// an answer.
    #[must_use]
    pub fn hinders(&self) -> bool {
        match self {
            Self::Failed(_) => true,
            Self::Asked { verdict, .. } => *verdict == Some(Verdict::Error),
            Self::Previewed(_) | Self::Rendered(_) | Self::Skipped(_) => false,
        }
    }
}

/// A plan that can be probed.
pub struct Probe {
    plan: Arc<CourseRun>,
    courses: Courses,
    catalogue: Catalogue,
    masks: Arc<Masks>,
}

/// A probe was told to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("stopped by {0}, before all was asked")]
pub struct ProbeStopped(pub String);

impl Probe {
    /// Gives every name the value that it would have in a run.
    pub fn new(
        plan: Plan,
        catalogue: Catalogue,
        inputs: &IndexMap<String, Value>,
        secrets: Secrets,
        lab: Option<LabAddress>,
    ) -> Result<Self, PrepareError> {
        let plan = prepare::able(plan, &catalogue)?;
        let (masks, _) = prepare::masks(&plan, inputs, &secrets)?;
        let plan = Arc::new(prepare::course(&plan, NAME, inputs, &secrets, lab.as_ref())?);
        Ok(Self {
            courses: Courses::new(Arc::clone(&plan), secrets, lab),
            plan,
            catalogue,
            masks,
        })
    }

    /// Masks the secrets of this probe, for what is printed beside it.
    #[must_use]
    pub fn masker(&self) -> Arc<Masker> {
        self.masks.now()
    }

    /// Goes through the plan, and tells of each part as soon as it is known. A signal ends it.
    pub async fn run(
        self,
        clock: Arc<dyn Clock>,
        mut signals: mpsc::UnboundedReceiver<Signal>,
        tell: &mut (dyn FnMut(Sounding) + Send),
    ) -> Result<(), ProbeStopped> {
        // Nothing that is asked for its answer alone records anything, so nobody need listen.
        let (to, _from) = mpsc::unbounded_channel();
        let (shown, _to_show) = mpsc::channel(1);
        let run = Arc::new(Run {
            id: NAME.to_owned(),
            state: Arc::new(RwLock::new(RunState::new())),
            catalogue: self.catalogue,
            courses: self.courses,
            transports: Transports::default(),
            live: Arc::new(Live::new(Arc::new(Forgetful))),
            masks: self.masks,
            clock,
            approver: Arc::new(Nobody),
            locks: Arc::new(Nobody),
            places: Arc::new(tokio::sync::Semaphore::new(1)),
            to,
            shown,
        });
        let stop = Brake::default();
        let mut walk = Walk::new(Arc::clone(&run), stop.clone(), tell);
        let mut stopped = None;
        {
            let work = walk.all(&self.plan);
            tokio::pin!(work);
            loop {
                tokio::select! {
                    biased;
                    Some(signal) = signals.recv() => {
                        let urgency = if stopped.is_some() { Urgency::Now } else { Urgency::Stop };
                        stop.raise(urgency);
                        stopped.get_or_insert(signal.name);
                    }
                    () = &mut work => break,
                }
            }
        }
        run.transports.close().await;
        stopped.map_or(Ok(()), |name| Err(ProbeStopped(name)))
    }
}

/// Keeps nothing: a probe has nothing that must outlive it.
struct Forgetful;

impl runbook_event::Vault for Forgetful {
    fn seal(&self, _: &[u8]) -> Result<String, runbook_event::JournalError> {
        Ok(String::new())
    }

    fn open(&self, _: &str) -> Option<Vec<u8>> {
        None
    }
}

/// Stands for what a probe does not do: it asks nobody, and takes nothing.
struct Nobody;

#[async_trait::async_trait]
impl Approver for Nobody {
    async fn ask(&self, _: &crate::Question) -> crate::Answer {
        crate::Answer {
            approved: false,
            by: NAME.to_owned(),
            how: NAME.to_owned(),
        }
    }
}

impl Locks for Nobody {
    fn take(&self, _: &[String]) -> Result<(), String> {
        Ok(())
    }
}
