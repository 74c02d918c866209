//! The state of the run, as expressions see it.

use std::sync::{Arc, PoisonError, RwLock};

use runbook_event::{CheckRole, CheckSite, RunState};
use runbook_plan::expression::{Known, Val};
use runbook_plan::{Captured, Plan};

use crate::live::Live;

/// The state that the dispatcher writes and everybody reads.
pub(crate) type Shared = Arc<RwLock<RunState>>;

/// Reads under the lock.
pub(crate) fn read<T>(state: &Shared, look: impl FnOnce(&RunState) -> T) -> T {
    look(&state.read().unwrap_or_else(PoisonError::into_inner))
}

/// A lazy view: nothing is copied until an expression asks for it.
pub(crate) struct View {
    pub(crate) state: Shared,
    pub(crate) plan: Arc<Plan>,
    pub(crate) live: Arc<Live>,
}

impl Known for View {
    fn step(&self, step: &str, name: &str) -> Option<Val> {
        if let Some(value) = self.live.get(&format!("steps.{step}"), name) {
            return Some(value);
        }
        let value = read(&self.state, |state| {
            let step = state.step(step)?;
            if name == "outcome" {
                Some(Val::text(step.status.word()))
            } else {
                step.value(name).map(Val::from)
            }
        });
        value.or_else(|| {
            // What was not captured, because the step was skipped or failed, is null.
            let known = self.plan.steps().iter().find(|known| known.id == step)?;
            let before = known.before.iter().flat_map(|before| before.capture.iter());
            names(before.chain(&known.capture), name)
        })
    }

    fn check(&self, check: &str, name: &str) -> Option<Val> {
        if let Some(value) = self.live.get(&format!("checks.{check}"), name) {
            return Some(value);
        }
        let value = read(&self.state, |state| {
            let site = CheckSite {
                role: CheckRole::Detect,
                step: None,
                check: check.to_owned(),
            };
            state.checks().get(&site)?.values.get(name).map(Val::from)
        });
        value.or_else(|| {
            // Where one of several checks was enough, the others may have captured nothing.
            let known = self.plan.detect().iter().find(|known| known.id == check)?;
            names(known.capture.iter(), name)
        })
    }
}

/// Null, if one of these captures has the name.
fn names<'c>(mut captures: impl Iterator<Item = &'c Captured>, name: &str) -> Option<Val> {
    captures.any(|known| known.name == name).then_some(Val::Null)
}
