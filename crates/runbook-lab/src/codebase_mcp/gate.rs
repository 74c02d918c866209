//! The way to a connection: the pool of the day, and the pools before it whose connections are still held.
//!
//! A resize builds a new pool and swaps it in. The old pool lets nobody in any more and ends when its last
//! connection comes back; whoever waits at its door is sent to the new one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time;

use super::database::{Connection, Pool, Source};

/// How long a request waits for a connection.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Gate {
    pools: Mutex<Pools>,
    waiting: AtomicU32,
}

struct Pools {
    current: Pool,
    max_size: u32,
    /// Pools before this one.
    retired: Vec<Pool>,
    /// How many resizes there were.
    generation: u64,
}

/// What the pools look like now.
pub(super) struct Extent {
    pub(super) max_size: u32,
    pub(super) size: u32,
    pub(super) idle: u32,
    pub(super) waiting: u32,
}

impl Gate {
    pub(super) fn new(source: &Source, max_size: u32) -> Self {
        let pools = Pools {
            current: source.pool(max_size),
            max_size,
            retired: Vec::new(),
            generation: 0,
        };
        Self {
            pools: Mutex::new(pools),
            waiting: AtomicU32::new(0),
        }
    }

    /// Waits for a connection, through resizes too.
    pub(super) async fn acquire(&self) -> sqlx::Result<Connection> {
        let _waiting = Waiting::new(&self.waiting);
        let acquired = time::timeout(ACQUIRE_TIMEOUT, async {
            loop {
                let (pool, generation) = self.current();
                match pool.acquire().await {
                    Err(sqlx::Error::PoolClosed) if generation != self.current().1 => {}
                    done => return done,
                }
            }
        });
        acquired.await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    /// Swaps in a new pool with another limit. Answers the limit before.
    pub(super) fn resize(&self, source: &Source, max_size: u32) -> u32 {
        let mut pools = self.pools();
        let before = pools.max_size;
        let retired = std::mem::replace(&mut pools.current, source.pool(max_size));
        pools.max_size = max_size;
        pools.generation += 1;
        pools.retired.retain(|pool| pool.size() > 0);
        pools.retired.push(retired.clone());
        drop(pools);
        // This ends by itself: with the last lease, at the latest with the system.
        tokio::spawn(async move { retired.close().await });
        before
    }

    pub(super) fn max_size(&self) -> u32 {
        self.pools().max_size
    }

    pub(super) fn extent(&self) -> Extent {
        let pools = self.pools();
        let all = || pools.retired.iter().chain([&pools.current]);
        Extent {
            max_size: pools.max_size,
            size: all().map(Pool::size).sum(),
            idle: all().map(Pool::idle).sum(),
            waiting: self.waiting.load(Ordering::Relaxed),
        }
    }

    pub(super) async fn close(&self) {
        let pools: Vec<Pool> = {
            let pools = self.pools();
            pools.retired.iter().chain([&pools.current]).cloned().collect()
        };
        for pool in pools {
            pool.close().await;
        }
    }

    fn current(&self) -> (Pool, u64) {
        let pools = self.pools();
        (pools.current.clone(), pools.generation)
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts one who waits, until it goes.
struct Waiting<'a>(&'a AtomicU32);

impl<'a> Waiting<'a> {
    fn new(waiting: &'a AtomicU32) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
