//! What the kubelet reads from the cluster and writes to it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::status::stamp_of;
use crate::api::Objects;
use crate::object::Fields as _;
use crate::shared::Shared;

const PODS: &str = "pods";
const EVENTS: &str = "events";

/// The way to the store.
#[derive(Clone)]
pub(crate) struct Link {
    shared: Arc<Shared>,
}

/// Whether an event is a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    Normal,
    Warning,
}

/// Something that happened to a pod.
pub(super) struct Told<'a> {
    pub(super) weight: Weight,
    pub(super) reason: &'a str,
    pub(super) message: String,
    /// Which part of the pod: `spec.containers{app}`.
    pub(super) field: Option<String>,
}

impl Link {
    pub(super) const fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Tells of every change of the store.
    pub(super) fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.changes()
    }

    pub(super) fn get(&self, id: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.shared.read(|store| store.get(id, namespace, name))
    }

    pub(super) fn all(&self, id: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.shared
            .read(|store| store.list(id, namespace).cloned().collect())
    }

    /// The pods that are bound to one of the nodes, or to any if none is given.
    pub(super) fn pods(&self, nodes: &[String]) -> Vec<Arc<Value>> {
        let is_ours = |pod: &Value| match pod.text("/spec/nodeName") {
            "" => false,
            bound => nodes.is_empty() || nodes.iter().any(|node| node == bound),
        };
        self.shared.read(|store| {
            let pods = store.list(PODS, None);
            pods.filter(|pod| is_ours(pod)).cloned().collect()
        })
    }

    /// Writes what a pod's status has become; `change` gets the present object and says whether it changed it.
    pub(super) fn update(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        change: impl FnOnce(&mut Value) -> bool,
    ) {
        self.shared.write(|store| {
            let pod = store.get(PODS, namespace, name).filter(|pod| pod.uid() == uid);
            if let Some(pod) = pod {
                let mut pod = (*pod).clone();
                if change(&mut pod) {
                    store.put(PODS, pod);
                }
            }
        });
    }

    /// Removes a pod that has ended and is to be deleted. What holds a finalizer is left.
    pub(super) fn remove(&self, namespace: &str, name: &str, uid: &str) {
        let pod = self.get(PODS, namespace, name).filter(|pod| pod.uid() == uid);
        if let Some(pod) = pod {
            let objects = Objects::new(Arc::clone(&self.shared), "kubelet");
            // It can only be gone already.
            let _gone = objects.delete(PODS, &pod, Some(0));
        }
    }

    /// Writes an event, or counts one that has happened before.
    pub(super) fn tell(&self, pod: &Value, told: Told<'_>) {
        let now = stamp_of(crate::clock::now());
        let weight = match told.weight {
            Weight::Normal => "Normal",
            Weight::Warning => "Warning",
        };
        let field = told.field.unwrap_or_default();
        self.shared.write(|store| {
            let same = |event: &&Arc<Value>| {
                event.text("/involvedObject/uid") == pod.uid()
                    && event.text("/reason") == told.reason
                    && event.text("/message") == told.message
                    && event.text("/involvedObject/fieldPath") == field
            };
            let known = store.list(EVENTS, Some(pod.namespace())).find(same).cloned();
            if let Some(known) = known {
                let mut event = (*known).clone();
                let count = event.number("/count").unwrap_or(1) + 1;
                event.put("/count", json!(count));
                event.put("/lastTimestamp", json!(now));
                store.put(EVENTS, event);
                return;
            }
            let node = pod.text("/spec/nodeName");
            let name = format!("{}.{:016x}", pod.name(), store.version() + 1);
            let mut event = json!({
                "apiVersion": "v1", "kind": "Event",
                "metadata": {
                    "name": name, "namespace": pod.namespace(), "uid": super::unique(), "creationTimestamp": now,
                },
                "involvedObject": {
                    "kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid(),
                    "apiVersion": "v1", "resourceVersion": pod.text("/metadata/resourceVersion"),
                },
                "reason": told.reason, "message": told.message, "type": weight,
                "source": {"component": "kubelet", "host": node},
                "firstTimestamp": now, "lastTimestamp": now, "count": 1, "eventTime": null,
                "reportingComponent": "kubelet", "reportingInstance": node,
            });
            if !field.is_empty() {
                event.put("/involvedObject/fieldPath", json!(field));
            }
            store.put(EVENTS, event);
        });
    }
}
