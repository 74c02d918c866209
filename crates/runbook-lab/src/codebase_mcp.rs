//! The practice system `codebase-mcp`: a code search service with a bounded connection pool.
//!
//! The [`Service`] is what requests and background jobs share. It owns the [`Gate`], which is the pool that
//! requests go through, and the [`Leases`], which say who holds a connection of it. The jobs are the busy
//! sessions, the reaper, and on PostgreSQL the monitor; the leak needs no job, since a leaked connection does
//! nothing: it sits in the table of leases.

mod database;
mod gate;
mod http;
mod leases;
mod monitor;
mod reaper;
mod table;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) use self::http::serve;

use self::database::{Connection, Source};
use self::gate::Gate;
use self::http::writes::Writes;
use self::leases::{Guard, Leases};
use self::monitor::Monitor;
use crate::settings::Sizes;
use crate::{Error, Fault, Settings};

/// The name of the system, and of its sessions in the database.
pub(crate) const NAME: &str = "codebase-mcp";

/// Who leaks, and who works: the job that keeps the index.
const INDEXER: &str = "indexer";

/// A background job, run until the system ends.
type Job = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What requests and background jobs share.
pub(crate) struct Service {
    faults: Vec<Fault>,
    source: Source,
    gate: Gate,
    leases: Arc<Leases>,
    idle_timeout: IdleTimeout,
    /// What the monitor saw last.
    connected: AtomicBool,
    writes: Writes,
    requests: AtomicU64,
}

/// A service that has its data and its faults, and the jobs that are to be run for it.
pub(crate) struct Prepared {
    pub(crate) service: Arc<Service>,
    pub(crate) work: Vec<Job>,
}

/// Fills the database, opens the pool and breaks what is to be broken.
pub(crate) async fn prepare(settings: &Settings, database_url: &str) -> Result<Prepared, Error> {
    let source = Source::new(&settings.database, database_url)?;
    let (monitor, free) = match &source {
        Source::Sqlite(options) => {
            table::fill_sqlite(options)
                .await
                .map_err(Error::database("make the table `code_chunks`"))?;
            (None, None)
        }
        Source::Postgres(options) => {
            let mut monitor = Monitor::connect(options)
                .await
                .map_err(Error::database("open a session"))?;
            let session = monitor.session().map_err(Error::database("keep a session"))?;
            table::fill_postgres(session)
                .await
                .map_err(Error::database("make the table `code_chunks`"))?;
            let free = database::free_sessions(session).await;
            (
                Some(monitor),
                Some(free.map_err(Error::database("say how many sessions are free"))?),
            )
        }
    };
    let sizes = Sizes::of(settings, free)?;
    let service = Arc::new(Service {
        faults: settings.faults.clone(),
        gate: Gate::new(&source, sizes.pool),
        source,
        leases: Arc::default(),
        idle_timeout: IdleTimeout::default(),
        connected: AtomicBool::new(true),
        writes: Writes::default(),
        requests: AtomicU64::new(0),
    });
    let mut work: Vec<Job> = vec![Box::pin(reaper::run(Arc::clone(&service)))];
    for _ in 0..sizes.busy {
        let acquired = service
            .gate
            .acquire()
            .await
            .map_err(Error::database("open the busy sessions"))?;
        work.push(Box::pin(keep_busy(acquired, service.leases.active(INDEXER))));
    }
    for _ in 0..sizes.leaked {
        let mut leaked = service
            .gate
            .acquire()
            .await
            .map_err(Error::database("open the leaked sessions"))?;
        let backend = leaked
            .backend()
            .await
            .map_err(Error::database("name a session"))?;
        service.leases.park(INDEXER, leaked, backend);
    }
    if let Some(monitor) = monitor {
        work.push(Box::pin(monitor.run(Arc::clone(&service))));
    }
    Ok(Prepared { service, work })
}

/// Works on a connection for as long as the database lets it.
async fn keep_busy(mut connection: Connection, lease: Guard) {
    connection.close_on_drop();
    connection.work().await;
    drop(connection);
    drop(lease);
}

impl Service {
    fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// Whether the database answers. This never needs a connection of the pool.
    async fn connected(&self) -> bool {
        match &self.source {
            Source::Sqlite(options) => tokio::fs::try_exists(options.get_filename())
                .await
                .unwrap_or(false),
            Source::Postgres(_) => self.connected.load(Ordering::Relaxed),
        }
    }

    /// Ends every lease and the pool.
    pub(crate) async fn close(&self) {
        leases::close(self.leases.take_idle(Duration::ZERO)).await;
        self.gate.close().await;
    }
}

/// How long a lease may stay idle before the reaper closes it; no limit unless it is set.
#[derive(Default)]
struct IdleTimeout(AtomicU64);

impl IdleTimeout {
    /// Zero stands for no limit: a limit of zero seconds is not accepted.
    fn set(&self, seconds: Option<u64>) {
        self.0.store(seconds.unwrap_or(0), Ordering::Relaxed);
    }

    fn seconds(&self) -> Option<u64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|seconds| *seconds > 0)
    }
}
