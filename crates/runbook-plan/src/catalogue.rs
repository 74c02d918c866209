//! The actions and kinds of connections that there are.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{Action, ConnectionNeed, ConnectionSpec};

/// The actions that there are. The composition root fills it; nobody else knows a plugin by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    actions: IndexMap<&'static str, Arc<dyn Action>>,
}

impl Catalogue {
    /// No actions yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an action; it replaces one of the same kind.
    pub fn add(&mut self, action: Arc<dyn Action>) {
        self.actions.insert(action.spec().kind, action);
    }

    /// The action of this kind.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn Action>> {
        self.actions.get(kind)
    }

    /// The kinds of actions.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.actions.keys().copied()
    }

    /// The kinds of connections that the actions use.
    #[must_use]
    pub fn connections(&self) -> Vec<&'static ConnectionSpec> {
        let mut specs: Vec<&'static ConnectionSpec> = Vec::new();
        for action in self.actions.values() {
            match action.spec().connection {
                ConnectionNeed::None => {}
                ConnectionNeed::Optional(spec) | ConnectionNeed::Required(spec) => {
                    if specs.iter().all(|known| known.kind != spec.kind) {
                        specs.push(spec);
                    }
                }
            }
        }
        specs
    }
}
