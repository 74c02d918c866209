//! The objects of the cluster, in memory, with a history of bounded length for those who watch.
//!
//! The store keeps what it is given. What an object may be, and what a change of it entails, is decided above.

mod selector;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;

pub(crate) use self::selector::{FieldSelector, LabelSelector};
use crate::kinds::{self, Kind};
use crate::object::Fields as _;

/// How many changes are kept for those who watch, unless a test says less.
const HISTORY: usize = 20_000;

/// Versions begin above those that clients could mean by themselves.
const FIRST: u64 = 100;

/// Namespace and name.
pub(crate) type Key = (String, String);

/// One change of one object.
#[derive(Debug, Clone)]
pub(crate) struct Change {
    /// The version of the store after it.
    pub(crate) version: u64,
    /// Of which kind of things: `deployments.apps`.
    pub(crate) id: Arc<str>,
    /// What was there before.
    pub(crate) old: Option<Arc<Value>>,
    /// What is there now; of what was removed, its last state.
    pub(crate) new: Arc<Value>,
    /// Whether it was removed.
    pub(crate) removed: bool,
}

/// All objects, and what happened to them.
#[derive(Debug)]
pub(crate) struct Store {
    objects: BTreeMap<Arc<str>, BTreeMap<Key, Arc<Value>>>,
    builtin: Vec<Arc<Kind>>,
    custom: Vec<Arc<Kind>>,
    version: u64,
    history: VecDeque<Change>,
    /// Changes up to this version are forgotten.
    forgotten: u64,
    limit: usize,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            objects: BTreeMap::new(),
            builtin: kinds::builtin(),
            custom: Vec::new(),
            version: FIRST,
            history: VecDeque::new(),
            forgotten: FIRST - 1,
            limit: HISTORY,
        }
    }

    /// The version of the store, which is that of its last change.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// Changes up to this version can no longer be had.
    pub(crate) const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// All kinds, in all their versions.
    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.builtin.iter().chain(&self.custom)
    }

    /// The kind with this path.
    pub(crate) fn kind(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Kind>> {
        self.kinds()
            .find(|kind| kind.group == group && kind.version == version && kind.plural == plural)
            .cloned()
    }

    /// The kind of objects with this name across versions, in the version in which they are kept.
    pub(crate) fn kind_of_id(&self, id: &str) -> Option<Arc<Kind>> {
        self.kinds()
            .filter(|kind| kind.id() == id)
            .max_by_key(|kind| kind.custom.as_ref().is_none_or(|custom| custom.storage))
            .cloned()
    }

    pub(crate) fn get(&self, id: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        self.objects
            .get(id)?
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// All objects of a kind, in the order of namespaces and names.
    pub(crate) fn list<'a>(
        &'a self,
        id: &str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Arc<Value>> + use<'a> {
        let all = self.objects.get(id);
        all.into_iter()
            .flatten()
            .filter(move |(key, _)| namespace.is_none_or(|namespace| key.0 == namespace))
            .map(|(_, object)| object)
    }

    /// The objects of a kind as they were at an earlier version that is not forgotten yet.
    pub(crate) fn list_at(&self, id: &str, version: u64) -> BTreeMap<Key, Arc<Value>> {
        let mut objects = self.objects.get(id).cloned().unwrap_or_default();
        for change in self
            .history
            .iter()
            .rev()
            .take_while(|change| change.version > version)
        {
            if &*change.id == id {
                match &change.old {
                    Some(old) => objects.insert(key(old), old.clone()),
                    None => objects.remove(&key(&change.new)),
                };
            }
        }
        objects
    }

    /// The kinds of which there are objects.
    pub(crate) fn ids(&self) -> Vec<Arc<str>> {
        self.objects.keys().cloned().collect()
    }

    /// Keeps an object, with a version of its own, and answers it.
    pub(crate) fn put(&mut self, id: &str, mut object: Value) -> Arc<Value> {
        self.version += 1;
        object.put("/metadata/resourceVersion", Value::from(self.version.to_string()));
        let object = Arc::new(object);
        let id: Arc<str> = Arc::from(id);
        let old = self
            .objects
            .entry(id.clone())
            .or_default()
            .insert(key(&object), object.clone());
        self.note(Change {
            version: self.version,
            id,
            old,
            new: object.clone(),
            removed: false,
        });
        object
    }

    /// Removes an object, and answers its last state, which has a version of its own.
    pub(crate) fn remove(&mut self, id: &str, namespace: &str, name: &str) -> Option<Arc<Value>> {
        let key = (namespace.to_owned(), name.to_owned());
        let old = self.objects.get_mut(id)?.remove(&key)?;
        self.version += 1;
        let mut last = (*old).clone();
        last.put("/metadata/resourceVersion", Value::from(self.version.to_string()));
        let new = Arc::new(last);
        self.note(Change {
            version: self.version,
            id: Arc::from(id),
            old: Some(old),
            new: new.clone(),
            removed: true,
        });
        Some(new)
    }

    fn note(&mut self, change: Change) {
        if &*change.id == "customresourcedefinitions.apiextensions.k8s.io" {
            let definitions = self.objects.get(&change.id);
            self.custom = definitions
                .into_iter()
                .flatten()
                .flat_map(|(_, definition)| kinds::of_definition(definition))
                .collect();
        }
        self.history.push_back(change);
        self.trim(self.limit);
    }

    fn trim(&mut self, limit: usize) {
        while self.history.len() > limit {
            if let Some(change) = self.history.pop_front() {
                self.forgotten = change.version;
            }
        }
    }

    /// Forgets all changes so far, as compaction does.
    pub(crate) fn compact(&mut self) {
        self.trim(0);
        self.forgotten = self.version;
    }

    /// Keeps no more changes than this.
    pub(crate) fn keep(&mut self, limit: usize) {
        self.limit = limit;
        self.trim(limit);
    }

    /// The changes of one kind of things after a version; none if they are forgotten.
    pub(crate) fn since(&self, id: &str, version: u64) -> Option<Vec<Change>> {
        if version < self.forgotten {
            return None;
        }
        let first = self.history.partition_point(|change| change.version <= version);
        let changes = self.history.range(first..).filter(|change| &*change.id == id);
        Some(changes.cloned().collect())
    }
}

fn key(object: &Value) -> Key {
    (object.namespace().to_owned(), object.name().to_owned())
}
