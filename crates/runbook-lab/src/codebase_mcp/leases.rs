//! Who holds a connection of the pool.
//!
//! Every connection that is checked out has a lease. An idle one is parked here, with its connection: that is
//! what a leak looks like. The connection of an active one is with whoever works on it, who holds a [`Guard`].

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use serde::Serialize;
use tokio::time::Instant;

use super::database::Connection;
use crate::clock;

#[derive(Default)]
pub(super) struct Leases(Mutex<Table>);

#[derive(Default)]
struct Table {
    last: u64,
    leases: IndexMap<u64, Lease>,
}

struct Lease {
    holder: &'static str,
    since: String,
    held: Held,
}

enum Held {
    Idle {
        connection: Connection,
        backend: Option<i32>,
        from: Instant,
    },
    Active,
}

/// A lease as it is shown to people.
#[derive(Serialize)]
pub(super) struct Shown {
    id: u64,
    holder: &'static str,
    pub(super) state: State,
    idle_ms: u64,
    since: String,
    /// The process that serves an idle connection, on PostgreSQL.
    pid: Option<i32>,
}

#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum State {
    Idle,
    Active,
}

impl Leases {
    /// Leases an idle connection to somebody who never gives it back.
    pub(super) fn park(&self, holder: &'static str, mut connection: Connection, backend: Option<i32>) {
        connection.close_on_drop();
        self.table().add(
            holder,
            Held::Idle {
                connection,
                backend,
                from: Instant::now(),
            },
        );
    }

    /// Leases a connection to somebody who works on it, until the guard goes.
    pub(super) fn active(self: &Arc<Self>, holder: &'static str) -> Guard {
        let id = self.table().add(holder, Held::Active);
        Guard {
            leases: Arc::clone(self),
            id,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table().leases.len()
    }

    pub(super) fn show(&self) -> Vec<Shown> {
        let now = Instant::now();
        self.table()
            .leases
            .iter()
            .map(|(id, lease)| lease.show(*id, now))
            .collect()
    }

    /// The processes that serve idle connections.
    pub(super) fn backends(&self) -> Vec<i32> {
        self.table().leases.values().filter_map(Lease::backend).collect()
    }

    /// Takes out the connections that have been idle for at least that long.
    pub(super) fn take_idle(&self, at_least: Duration) -> Vec<(u64, Connection)> {
        let now = Instant::now();
        self.take(|lease| lease.idle_for(now).is_some_and(|idle| idle >= at_least))
    }

    /// Takes out the connections whose process is among these.
    pub(super) fn take_backends(&self, gone: &[i32]) -> Vec<(u64, Connection)> {
        self.take(|lease| lease.backend().is_some_and(|backend| gone.contains(&backend)))
    }

    fn take(&self, mut chosen: impl FnMut(&Lease) -> bool) -> Vec<(u64, Connection)> {
        let taken = self
            .table()
            .leases
            .extract_if(.., |_, lease| chosen(lease))
            .collect::<Vec<_>>();
        let idle = taken.into_iter().filter_map(|(id, lease)| match lease.held {
            Held::Idle { connection, .. } => Some((id, connection)),
            Held::Active => None,
        });
        idle.collect()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn add(&mut self, holder: &'static str, held: Held) -> u64 {
        self.last += 1;
        self.leases.insert(
            self.last,
            Lease {
                holder,
                since: clock::now(),
                held,
            },
        );
        self.last
    }
}

impl Lease {
    fn idle_for(&self, now: Instant) -> Option<Duration> {
        match &self.held {
            Held::Idle { from, .. } => Some(now.saturating_duration_since(*from)),
            Held::Active => None,
        }
    }

    fn backend(&self) -> Option<i32> {
        match &self.held {
            Held::Idle { backend, .. } => *backend,
            Held::Active => None,
        }
    }

    fn show(&self, id: u64, now: Instant) -> Shown {
        let idle = self.idle_for(now);
        Shown {
            id,
            holder: self.holder,
            state: if idle.is_some() {
                State::Idle
            } else {
                State::Active
            },
            idle_ms: idle.map_or(0, |idle| u64::try_from(idle.as_millis()).unwrap_or(u64::MAX)),
            since: self.since.clone(),
            pid: self.backend(),
        }
    }
}

/// An active lease. It ends when this goes.
pub(super) struct Guard {
    leases: Arc<Leases>,
    id: u64,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.leases.table().leases.shift_remove(&self.id);
    }
}

/// Closes connections that were taken out, and answers the leases that they had.
pub(super) async fn close(taken: Vec<(u64, Connection)>) -> Vec<u64> {
    let mut closed = Vec::with_capacity(taken.len());
    for (id, connection) in taken {
        connection.close().await;
        closed.push(id);
    }
    closed
}
