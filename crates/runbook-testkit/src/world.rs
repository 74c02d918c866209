//! The world that scripted actions touch: some values by name, and how often each action has had an effect.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runbook_action::{Failure, Handle, Settled};
use serde_json::Value;

/// The world that scripted actions touch. Clones share it, and it outlives the engine: a run that is resumed finds it
/// as the crash left it.
#[derive(Clone, Default)]
pub struct World {
    state: Arc<Mutex<State>>,
}

/// Something that an action did to the world, and for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// The instance of a step for which it was done.
    pub step: String,
    /// What of it: `1` for the first attempt, `undo`, `then.1`.
    pub part: String,
    /// The name by which the script knows the action.
    pub name: String,
}

/// What an action is about to do to the world.
pub(crate) type Act = Arc<dyn Fn() -> Result<(), Failure> + Send + Sync>;

#[derive(Default)]
struct State {
    values: BTreeMap<String, Value>,
    effects: BTreeMap<String, u32>,
    deeds: Vec<Deed>,
    about: BTreeMap<u64, Act>,
    calls: u64,
    settles: BTreeMap<String, Result<Settled, Failure>>,
    handles: BTreeMap<String, Vec<Handle>>,
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World")
            .field("values", &self.values())
            .finish_non_exhaustive()
    }
}

impl World {
    /// All values.
    #[must_use]
    pub fn values(&self) -> BTreeMap<String, Value> {
        self.lock().values.clone()
    }

    /// The value of this name; null if there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> Value {
        self.lock().values.get(name).cloned().unwrap_or_default()
    }

    /// Somebody writes a value. Null takes it away.
    pub fn set(&self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        let values = &mut self.lock().values;
        if value.is_null() {
            values.remove(name);
        } else {
            values.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn effects(&self, name: &str) -> u32 {
        self.lock().effects.get(name).copied().unwrap_or_default()
    }

    pub(crate) fn count_effect(&self, deed: &Deed) {
        let mut state = self.lock();
        *state.effects.entry(deed.name.clone()).or_default() += 1;
        state.deeds.push(deed.clone());
    }

    /// All that was done, in order.
    #[must_use]
    pub fn deeds(&self) -> Vec<Deed> {
        self.lock().deeds.clone()
    }

    /// Whether this part of a step has taken effect.
    #[must_use]
    pub fn has_happened(&self, step: &str, part: &str) -> bool {
        let state = self.lock();
        state
            .deeds
            .iter()
            .any(|deed| deed.step == step && deed.part == part)
    }

    /// Somebody is about to do something.
    pub(crate) fn about_to(&self, act: Act) -> u64 {
        let mut state = self.lock();
        state.calls += 1;
        let call = state.calls;
        state.about.insert(call, act);
        call
    }

    /// It is done, or will not be.
    pub(crate) fn no_longer(&self, call: u64) {
        self.lock().about.remove(&call);
    }

    /// The process ends: what actions were about to do happens all the same, or never.
    pub(crate) fn crash(&self, acts: bool) {
        let about = std::mem::take(&mut self.lock().about);
        for act in about.into_values().filter(|_| acts) {
            // Nobody hears of it.
            let _unheard = act();
        }
    }

    pub(crate) fn settles(&self, name: &str, result: Result<Settled, Failure>) {
        self.lock().settles.insert(name.to_owned(), result);
    }

    pub(crate) fn settle(&self, name: &str, handles: &[Handle]) -> Result<Settled, Failure> {
        let mut state = self.lock();
        state.handles.insert(name.to_owned(), handles.to_vec());
        state.settles.get(name).cloned().unwrap_or(Ok(Settled::Nothing))
    }

    pub(crate) fn handles(&self, name: &str) -> Vec<Handle> {
        self.lock().handles.get(name).cloned().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
