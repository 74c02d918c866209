//! The objects, for what is part of the cluster itself: controllers, and whoever runs the pods.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::watch::Receiver;

use super::delete::{self, Options};
use super::query::Validation;
use super::route::Target;
use super::write;
use crate::clock;
use crate::failure::Failure;
use crate::object::Fields as _;
use crate::rules::{Wanted, suffix};
use crate::shared::Shared;

/// The objects of a cluster. What goes through here is checked and completed like what comes through the server, but
/// nobody is asked whether it is allowed, and no fault is met.
#[derive(Clone)]
pub struct Objects {
    shared: Arc<Shared>,
    manager: Arc<str>,
}

impl Objects {
    /// For somebody of this name.
    pub(crate) fn new(shared: Arc<Shared>, manager: &str) -> Self {
        Self {
            shared,
            manager: Arc::from(manager),
        }
    }

    /// The same for somebody of another name.
    #[must_use]
    pub fn named(&self, manager: &str) -> Self {
        Self::new(self.shared.clone(), manager)
    }

    /// One object of a kind of things, `deployments.apps`; the namespace is empty for kinds that have none.
    #[must_use]
    pub fn get(&self, id: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.shared.read(|store| store.get(id, namespace, name))
    }

    /// All objects of a kind, in one namespace or in all.
    #[must_use]
    pub fn list(&self, id: &str, namespace: Option<&str>) -> Vec<Arc<Value>> {
        self.shared
            .read(|store| store.list(id, namespace).cloned().collect())
    }

    /// How much is used of what a quota limits.
    pub(crate) fn quota_usage(&self, quota: &Value) -> Vec<(String, String)> {
        self.shared.read(|store| crate::rules::quota_usage(store, quota))
    }

    /// The kinds of things of which there are any.
    pub(crate) fn ids(&self) -> Vec<Arc<str>> {
        self.shared.read(crate::store::Store::ids)
    }

    /// Tells when anything has changed.
    #[must_use]
    pub fn woken(&self) -> Receiver<u64> {
        self.shared.changes()
    }

    /// The changes of a kind of things from now on. Take it before you list, and nothing is missed.
    #[must_use]
    pub fn changes(&self, id: &str) -> Changes {
        let woken = self.shared.changes();
        Changes {
            told: self.shared.read(crate::store::Store::version),
            shared: self.shared.clone(),
            id: id.to_owned(),
            woken,
        }
    }

    fn wanted(&self, id: &str, namespace: &str, name: &str, part: &str) -> Result<Wanted, Failure> {
        let kind = self.shared.read(|store| store.kind_of_id(id));
        let kind = kind.ok_or_else(Failure::no_resource)?;
        let namespace = if kind.namespaced { namespace } else { "" };
        Ok(Wanted {
            target: Target {
                kind,
                namespace: namespace.to_owned(),
                name: name.to_owned(),
                part: part.to_owned(),
                watch: false,
            },
            user: self.manager.to_string(),
            manager: self.manager.to_string(),
            dry: false,
            validation: Validation::Ignore,
            force: true,
            apply: false,
        })
    }

    /// Makes an object.
    pub fn create(&self, id: &str, object: &Value) -> Result<Arc<Value>, Failure> {
        let wanted = self.wanted(id, object.namespace(), "", "")?;
        let done = write::make_now(&self.shared, &wanted, |store| {
            write::create(store, &wanted, object)
        })?;
        Ok(done.object)
    }

    /// Changes an object. `None` if there is none, or if it is another one than this UID says.
    pub fn change(
        &self,
        id: &str,
        object: &Value,
        change: impl Fn(&mut Value),
    ) -> Result<Option<Arc<Value>>, Failure> {
        self.changed(id, object, "", change)
    }

    /// Changes the status of an object, and nothing else of it.
    pub fn change_status(
        &self,
        id: &str,
        object: &Value,
        change: impl Fn(&mut Value),
    ) -> Result<Option<Arc<Value>>, Failure> {
        self.changed(id, object, "status", change)
    }

    fn changed(
        &self,
        id: &str,
        object: &Value,
        part: &str,
        change: impl Fn(&mut Value),
    ) -> Result<Option<Arc<Value>>, Failure> {
        let wanted = self.wanted(id, object.namespace(), object.name(), part)?;
        let made = write::make_now(&self.shared, &wanted, |store| {
            let live = write::live(store, &wanted)?;
            if !object.uid().is_empty() && live.uid() != object.uid() {
                return Err(Failure::not_found(&wanted.target.kind, object.name()));
            }
            let mut new = (*live).clone();
            change(&mut new);
            write::replace(store, &wanted, &live, new)
        });
        match made {
            Ok(done) => Ok(Some(done.object)),
            Err(failure) if failure.code == 404 => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Deletes an object, if it is there and still the same: for pods, with this grace period or their own. With a
    /// grace of 0 a pod is gone at once, which is how whoever runs it says that it has ended.
    pub fn delete(&self, id: &str, object: &Value, grace: Option<i64>) -> Result<(), Failure> {
        let wanted = self.wanted(id, object.namespace(), object.name(), "")?;
        let uid = (!object.uid().is_empty()).then(|| object.uid());
        let options = Options::of_cluster(grace, uid);
        let done = write::make_now(&self.shared, &wanted, |store| {
            delete::delete(store, &wanted, &options)
        });
        match done {
            Ok(_) => Ok(()),
            Err(failure) if matches!(failure.code, 404 | 409) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Notes an event about an object. One that was noted before is counted.
    pub fn note(&self, about: &Value, kind: &str, reason: &str, message: &str) {
        let namespace = match about.namespace() {
            "" => "default",
            namespace => namespace,
        };
        let now = clock::now_stamp();
        let known = self.list("events", Some(namespace)).into_iter().find(|event| {
            event.text("/involvedObject/uid") == about.uid()
                && event.text("/reason") == reason
                && event.text("/message") == message
        });
        if let Some(known) = known {
            let count = known.number("/count").unwrap_or(1) + 1;
            let _counted = self.change("events", &known, |event| {
                event.put("/count", Value::from(count));
                event.put("/lastTimestamp", Value::from(now.as_str()));
            });
            return;
        }
        let time = clock::now().as_nanosecond();
        let event = json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": format!("{}.{time:x}{}", about.name(), &suffix()[..2]), "namespace": namespace},
            "involvedObject": {
                "kind": about.at("/kind"), "namespace": about.namespace(), "name": about.name(), "uid": about.uid(),
                "apiVersion": about.at("/apiVersion"), "resourceVersion": about.at("/metadata/resourceVersion"),
            },
            "reason": reason, "message": message, "source": {"component": &*self.manager},
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "type": kind, "eventTime": null,
            "reportingComponent": &*self.manager, "reportingInstance": "",
        });
        let _noted = self.create("events", &event);
    }
}

impl std::fmt::Debug for Objects {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Objects")
            .field("manager", &self.manager)
            .finish_non_exhaustive()
    }
}

/// The changes of a kind of things.
pub struct Changes {
    shared: Arc<Shared>,
    id: String,
    told: u64,
    woken: Receiver<u64>,
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Changes")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Changes {
    /// The next changes: each object with whether it was removed. `None` when the cluster has ended.
    ///
    /// It can be cancelled without loss.
    pub async fn next(&mut self) -> Option<Vec<(Arc<Value>, bool)>> {
        loop {
            self.woken.mark_unchanged();
            let (changes, version) = self.shared.read(|store| {
                let changes = store.since(&self.id, self.told);
                // What is forgotten is made up for with all there is.
                let changes = changes.map_or_else(
                    || {
                        store
                            .list(&self.id, None)
                            .map(|object| (object.clone(), false))
                            .collect()
                    },
                    |changes| {
                        let changes = changes.into_iter();
                        changes
                            .map(|change| (change.new, change.removed))
                            .collect::<Vec<_>>()
                    },
                );
                (changes, store.version())
            });
            self.told = version;
            if !changes.is_empty() {
                return Some(changes);
            }
            self.woken.changed().await.ok()?;
        }
    }
}
