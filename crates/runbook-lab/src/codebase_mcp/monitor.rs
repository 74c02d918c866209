//! Watches the sessions on PostgreSQL over one session of its own, outside the pool.
//!
//! Somebody may end a session from outside, with `pg_terminate_backend`. Nobody uses a leaked connection, so
//! nobody would notice: the monitor looks which processes are gone and drops their leases. Its own session may
//! be ended in the same way; then it opens another one. It is never idle for longer than a period.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};
use tokio::time::{self, MissedTickBehavior};

use super::{NAME, Service, leases};

const PERIOD: Duration = Duration::from_millis(200);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A poll that takes longer counts as a database that does not answer.
const POLL_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) struct Monitor {
    options: PgConnectOptions,
    session: Option<PgConnection>,
}

impl Monitor {
    pub(super) async fn connect(options: &PgConnectOptions) -> sqlx::Result<Self> {
        let options = options.clone().application_name(&format!("{NAME}-monitor"));
        let mut monitor = Self {
            options,
            session: None,
        };
        monitor.reconnect().await?;
        Ok(monitor)
    }

    /// The session, while it lasts.
    pub(super) fn session(&mut self) -> sqlx::Result<&mut PgConnection> {
        self.session.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    pub(super) async fn run(mut self, service: Arc<Service>) {
        let mut ticks = time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let known = service.leases.backends();
            let alive = time::timeout(POLL_TIMEOUT, self.alive(&known)).await;
            let Ok(Ok(alive)) = alive else {
                self.session = None;
                service.connected.store(false, Ordering::Relaxed);
                continue;
            };
            service.connected.store(true, Ordering::Relaxed);
            let gone: Vec<i32> = known.into_iter().filter(|pid| !alive.contains(pid)).collect();
            leases::close(service.leases.take_backends(&gone)).await;
        }
    }

    async fn reconnect(&mut self) -> sqlx::Result<()> {
        let connected = time::timeout(CONNECT_TIMEOUT, self.options.connect()).await;
        self.session =
            Some(connected.unwrap_or_else(|_late| Err(io::Error::from(ErrorKind::TimedOut).into()))?);
        Ok(())
    }

    /// Which of these processes are alive.
    async fn alive(&mut self, pids: &[i32]) -> sqlx::Result<Vec<i32>> {
        if self.session.is_none() {
            self.reconnect().await?;
        }
        sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE pid = ANY($1)")
            .bind(pids)
            .fetch_all(self.session()?)
            .await
    }
}
