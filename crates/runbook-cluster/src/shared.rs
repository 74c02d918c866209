//! What the server, the controllers and whoever runs the pods have in common.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::api::{Faults, Users};
use crate::rules::Hooks;
use crate::store::Store;
use crate::streams::Streams;
use crate::usage::Usages;

/// All of a cluster but its threads and connections.
pub(crate) struct Shared {
    store: Mutex<Store>,
    changed: watch::Sender<u64>,
    streams: Mutex<Option<Arc<dyn Streams>>>,
    pub(crate) users: Users,
    pub(crate) faults: Faults,
    pub(crate) hooks: Hooks,
    pub(crate) usages: Usages,
    /// By how many seconds the clock of the cluster was set forward.
    ahead: AtomicI64,
}

impl Shared {
    pub(crate) fn new() -> Self {
        Self {
            store: Mutex::new(Store::new()),
            changed: watch::Sender::new(0),
            streams: Mutex::new(None),
            users: Users::default(),
            faults: Faults::default(),
            hooks: Hooks::default(),
            usages: Usages::default(),
            ahead: AtomicI64::new(0),
        }
    }

    /// Looks at the store.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&lock(&self.store))
    }

    /// Changes the store, and wakes all who watch.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = lock(&self.store);
        let answer = change(&mut store);
        let version = store.version();
        drop(store);
        self.changed
            .send_if_modified(|known| std::mem::replace(known, version) != version);
        answer
    }

    /// Tells the version of the store after every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Sets the clock of the cluster forward.
    pub(crate) fn advance(&self, seconds: i64) {
        self.ahead.fetch_add(seconds, Ordering::Relaxed);
        self.wake();
    }

    /// The time by the clock of the cluster.
    pub(crate) fn now(&self) -> jiff::Timestamp {
        let ahead = jiff::SignedDuration::from_secs(self.ahead.load(Ordering::Relaxed));
        let now = crate::clock::now();
        now.checked_add(ahead).unwrap_or(now)
    }

    /// Wakes all who watch although nothing has changed.
    pub(crate) fn wake(&self) {
        self.changed.send_modify(|_| {});
    }

    pub(crate) fn streams(&self) -> Option<Arc<dyn Streams>> {
        lock(&self.streams).clone()
    }

    pub(crate) fn run_pods(&self, streams: Arc<dyn Streams>) {
        *lock(&self.streams) = Some(streams);
    }
}

/// A lock, also after a panic of another thread: every change of what it guards is whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
