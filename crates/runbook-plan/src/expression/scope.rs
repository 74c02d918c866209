//! What an expression can see.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::Timestamp;
use serde_json::Value;

use super::Val;

/// What is known of steps and checks at a moment. The engine answers from the state of the run.
pub trait Known: Send + Sync {
    /// `steps.STEP.NAME`; null where the step ran into a skip and captured nothing.
    fn step(&self, step: &str, name: &str) -> Option<Val>;
    /// `checks.CHECK.NAME`
    fn check(&self, check: &str, name: &str) -> Option<Val>;
}

/// What an expression can see: roots, and the steps and checks so far. Cloning is cheap.
#[derive(Clone, Default)]
pub struct Scope {
    roots: Arc<IndexMap<String, Val>>,
    result: Option<Val>,
    absent: Arc<[(String, String)]>,
    value: Option<Val>,
    known: Option<Arc<dyn Known>>,
    instant: Option<Timestamp>,
}

impl Scope {
    /// A scope with these roots: `inputs`, `vars`, `secrets` and so on.
    #[must_use]
    pub fn new(roots: IndexMap<String, Val>) -> Self {
        Self {
            roots: Arc::new(roots),
            result: None,
            absent: Arc::default(),
            value: None,
            known: None,
            instant: None,
        }
    }

    /// The same with another root, which replaces one of that name.
    #[must_use]
    pub fn with_root(&self, name: &str, value: Val) -> Self {
        let mut roots = (*self.roots).clone();
        roots.insert(name.to_owned(), value);
        Self {
            roots: Arc::new(roots),
            ..self.clone()
        }
    }

    /// The same with the steps and checks so far.
    #[must_use]
    pub fn with_known(&self, known: Arc<dyn Known>) -> Self {
        Self {
            known: Some(known),
            ..self.clone()
        }
    }

    /// The same with an action's result, whose keys become names.
    #[must_use]
    pub fn with_result(&self, result: &Value) -> Self {
        Self {
            result: Some(Val::from(result)),
            ..self.clone()
        }
    }

    /// The same with names that the result does not have, each with why.
    #[must_use]
    pub fn without(&self, absent: &[(String, String)]) -> Self {
        Self {
            absent: absent.into(),
            ..self.clone()
        }
    }

    /// Why the result does not have this name.
    pub(crate) fn why_absent(&self, name: &str) -> Option<&str> {
        let found = self.absent.iter().find(|(absent, _)| absent == name)?;
        Some(&found.1)
    }

    /// The same with the moment at which the result was read, which `age` counts from.
    #[must_use]
    pub fn with_instant(&self, instant: Timestamp) -> Self {
        Self {
            instant: Some(instant),
            ..self.clone()
        }
    }

    pub(crate) const fn instant(&self) -> Option<Timestamp> {
        self.instant
    }

    /// The same with a check's `value`.
    #[must_use]
    pub fn with_value(&self, value: Val) -> Self {
        Self {
            value: Some(value),
            ..self.clone()
        }
    }

    /// The value of a name.
    #[must_use]
    pub(crate) fn name(&self, name: &str) -> Option<Val> {
        if name == "value"
            && let Some(value) = &self.value
        {
            return Some(value.clone());
        }
        if let Some(Val::Map(result)) = &self.result
            && let Some(value) = result.get(name)
        {
            return Some(value.clone());
        }
        self.roots.get(name).cloned()
    }

    pub(crate) fn step(&self, step: &str, name: &str) -> Option<Val> {
        self.known.as_ref()?.step(step, name)
    }

    pub(crate) fn check(&self, check: &str, name: &str) -> Option<Val> {
        self.known.as_ref()?.check(check, name)
    }
}
