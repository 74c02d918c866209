//! What pods use because a test says so.

use std::sync::Mutex;

use serde_json::{Value, json};

use crate::object::Fields as _;
use crate::shared::lock;

/// What one pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    /// Thousandths of a processor.
    cpu: u32,
    /// Bytes.
    memory: u32,
}

impl Usage {
    pub(crate) const fn new(cpu: u32, memory: u32) -> Self {
        Self { cpu, memory }
    }

    /// How much of a resource it is, in whole units.
    pub(crate) fn of(self, resource: &str) -> f64 {
        match resource {
            "cpu" => f64::from(self.cpu) / 1000.0,
            _ => f64::from(self.memory),
        }
    }

    /// As `usage` of a container or of a node says it.
    pub(crate) fn shown(self) -> Value {
        json!({"cpu": format!("{}m", self.cpu), "memory": format!("{}Ki", self.memory / 1024)})
    }
}

/// What was set, the latest last.
#[derive(Debug, Default)]
pub(crate) struct Usages(Mutex<Vec<(String, String, Usage)>>);

impl Usages {
    /// For the pods of a namespace whose names begin so.
    pub(crate) fn set(&self, namespace: &str, pods: &str, usage: Usage) {
        lock(&self.0).push((namespace.to_owned(), pods.to_owned(), usage));
    }

    pub(crate) fn of(&self, pod: &Value) -> Option<Usage> {
        let all = lock(&self.0);
        let mut meant = all
            .iter()
            .rev()
            .filter(|(namespace, name, _)| namespace == pod.namespace() && pod.name().starts_with(name));
        meant.next().map(|(_, _, usage)| *usage)
    }
}
