//! The state of the run, as expressions see it.

use std::sync::{Arc, PoisonError, RwLock};

use runbook_event::{CheckRole, CheckSite, Found, RunState};
use runbook_plan::expression::{Known, Val};
use runbook_plan::{Body, Captured, Plan, Step};

use crate::live::Live;

/// The state that the dispatcher writes and everybody reads.
pub(crate) type Shared = Arc<RwLock<RunState>>;

/// Reads under the lock.
pub(crate) fn read<T>(state: &Shared, look: impl FnOnce(&RunState) -> T) -> T {
    look(&state.read().unwrap_or_else(PoisonError::into_inner))
}

/// A lazy view from a place in the run: nothing is copied until an expression asks for it.
pub(crate) struct View {
    pub(crate) state: Shared,
    pub(crate) plan: Arc<Plan>,
    pub(crate) live: Arc<Live>,
    /// The frame from which it is looked.
    pub(crate) frame: usize,
    /// The step whose sub-runbook this is.
    pub(crate) within: Option<String>,
}

impl View {
    fn value(&self, state: &RunState, found: &Found, name: &str) -> Val {
        match found {
            Found::One(at) => {
                let Some(step) = state.steps().get(*at) else {
                    return Val::Null;
                };
                if let Some(value) = self.live.get(&format!("step {}", step.id), name) {
                    return value;
                }
                if name == "outcome" {
                    return Val::text(step.status.word());
                }
                step.value(name).map_or(Val::Null, Val::from)
            }
            Found::Each(all) => Val::list(all.iter().map(|found| self.value(state, found, name)).collect()),
            // What was not come to captured nothing.
            Found::None if name == "outcome" => Val::text("skipped"),
            Found::None => Val::Null,
        }
    }
}

impl Known for View {
    fn step(&self, step: &str, name: &str) -> Option<Val> {
        let known = self.plan.step(step)?;
        let value = read(&self.state, |state| {
            let found = state.find(self.frame, step);
            self.value(state, &found, name)
        });
        (name == "outcome" || captures(known, name)).then_some(value)
    }

    fn check(&self, check: &str, name: &str) -> Option<Val> {
        let within = self.within.as_deref().unwrap_or_default();
        if let Some(value) = self.live.get(&format!("check {within} {check}"), name) {
            return Some(value);
        }
        let value = read(&self.state, |state| {
            let site = CheckSite {
                within: self.within.clone(),
                role: CheckRole::Detect,
                step: None,
                check: check.to_owned(),
            };
            state.checks().get(&site)?.values.get(name).map(Val::from)
        });
        value.or_else(|| {
            // Where one of several checks was enough, the others may have captured nothing.
            let known = self.plan.detect().iter().find(|known| known.id == check)?;
            has(&known.capture, name).then_some(Val::Null)
        })
    }
}

/// Whether a step may have a value of that name.
fn captures(step: &Step, name: &str) -> bool {
    let before = step.before.as_ref().map_or(&[] as &[_], |before| &before.capture);
    let mut named: &[Captured] = &[];
    if let Body::Let(names) = &step.body {
        named = names;
    }
    [before, &step.capture, named]
        .into_iter()
        .any(|all| has(all, name))
}

fn has(captured: &[Captured], name: &str) -> bool {
    captured.iter().any(|known| known.name == name)
}
