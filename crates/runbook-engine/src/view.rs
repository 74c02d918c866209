//! The state of the run, as expressions see it.

use std::sync::{Arc, PoisonError, RwLock};

use runbook_event::RunState;
use runbook_plan::Plan;
use runbook_plan::expression::Known;
use serde_json::Value;

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
}

impl Known for View {
    fn step(&self, step: &str, name: &str) -> Option<Value> {
        let value = read(&self.state, |state| {
            let step = state.step(step)?;
            if name == "outcome" {
                Some(Value::from(step.status.word()))
            } else {
                step.value(name).cloned()
            }
        });
        value.or_else(|| {
            // What was not captured, because the step was skipped or failed, is null.
            let known = self.plan.steps().iter().find(|known| known.id == step)?;
            let before = known.before.iter().flat_map(|before| before.capture.iter());
            before
                .chain(&known.capture)
                .any(|(known, _)| known == name)
                .then_some(Value::Null)
        })
    }

    fn check(&self, check: &str, name: &str) -> Option<Value> {
        read(&self.state, |state| {
            let found = state
                .checks()
                .iter()
                .find(|(site, _)| site.role == runbook_event::CheckRole::Detect && site.check == check);
            found.and_then(|(_, check)| check.values.get(name).cloned())
        })
    }
}
