//! The kinds of actions and of connections that there are.

use std::sync::Arc;

use indexmap::IndexMap;
use runbook_action::{Action, ConnectionSpec, Kind, TransportKind};

use crate::service::{Plugin, SERVICE, Service};

/// The actions that there are. The composition root fills it; nobody else knows a plugin by name.
#[derive(Clone, Default)]
pub struct Catalogue {
    entries: IndexMap<&'static str, Entry>,
    transports: IndexMap<&'static str, Arc<dyn TransportKind>>,
    /// What `service` becomes, by the kind of its connection.
    services: IndexMap<&'static str, Arc<dyn Action>>,
}

/// A kind of action.
#[derive(Clone)]
enum Entry {
    /// It can be run.
    Runs(Arc<dyn Action>),
    /// It is known what it would do, and no more.
    Declared(Arc<dyn Kind>),
}

impl Entry {
    fn kind(&self) -> &dyn Kind {
        match self {
            Self::Runs(action) => action.as_ref(),
            Self::Declared(kind) => kind.as_ref(),
        }
    }
}

impl Catalogue {
    /// What the engine knows without a plugin, and no actions yet.
    #[must_use]
    pub fn new() -> Self {
        let mut catalogue = Self::default();
        catalogue.declare(Arc::new(Service));
        catalogue.declare(Arc::new(Plugin));
        catalogue
    }

    /// Adds an action; it replaces one of the same kind.
    pub fn add(&mut self, action: Arc<dyn Action>) {
        self.entries.insert(action.spec().kind, Entry::Runs(action));
    }

    /// Adds a kind of action that is checked and planned, but cannot be run.
    pub fn declare(&mut self, kind: Arc<dyn Kind>) {
        self.entries.insert(kind.spec().kind, Entry::Declared(kind));
    }

    /// Adds a kind of place where programs run; it replaces one that serves the same kinds of connections.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "as with actions, what is added is made at the call"
    )]
    pub fn add_transport(&mut self, transport: Arc<dyn TransportKind>) {
        for kind in transport.serves() {
            self.transports.insert(kind, Arc::clone(&transport));
        }
    }

    /// What makes places of connections of this kind.
    #[must_use]
    pub fn transport(&self, kind: &str) -> Option<&Arc<dyn TransportKind>> {
        self.transports.get(kind)
    }

    /// Adds what `service` becomes through connections of this kind; it replaces another.
    pub fn add_service(&mut self, connection: &'static str, service: Arc<dyn Action>) {
        self.services.insert(connection, service);
    }

    /// What `service` becomes through connections of this kind.
    #[must_use]
    pub fn service(&self, connection: &str) -> Option<&Arc<dyn Action>> {
        self.services.get(connection)
    }

    /// The action of this kind, if it can be run; that of a service through a connection of this other kind.
    #[must_use]
    pub fn action(&self, kind: &str, connection: Option<&str>) -> Option<&Arc<dyn Action>> {
        if kind == SERVICE {
            return self.services.get(connection?);
        }
        self.get(kind)
    }

    /// What is known of this kind of action without doing anything.
    #[must_use]
    pub fn kind(&self, kind: &str) -> Option<&dyn Kind> {
        self.entries.get(kind).map(Entry::kind)
    }

    /// The action of this kind, if it can be run.
    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Arc<dyn Action>> {
        match self.entries.get(kind) {
            Some(Entry::Runs(action)) => Some(action),
            Some(Entry::Declared(_)) | None => None,
        }
    }

    /// The kinds of actions.
    pub fn kinds(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.entries.keys().copied()
    }

    /// The kinds of connections.
    #[must_use]
    pub fn connections(&self) -> Vec<&'static ConnectionSpec> {
        let mut specs: Vec<&'static ConnectionSpec> = Vec::new();
        for entry in self.entries.values() {
            for spec in entry.kind().spec().connections {
                if specs.iter().all(|known| known.kind != spec.kind) {
                    specs.push(spec);
                }
            }
        }
        specs
    }
}
