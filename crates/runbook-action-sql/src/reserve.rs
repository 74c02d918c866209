//! A few connections to one database, kept for the next statement.
//!
//! The pool that comes with sqlx waits for a server that refuses connections until its patience is over, and then
//! says that it timed out. A runbook wants to know at once, and why. So this one asks once.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use runbook_action::Transport;
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use crate::garbled::noticed_in;
use crate::relay::Relay;

/// How many connections there may be.
const CONNECTIONS: usize = 4;

/// How long a kept connection may take to show that it lives.
const PING: Duration = Duration::from_secs(2);

/// How long it may take to connect.
const CONNECT: Duration = Duration::from_secs(10);

/// Connections to one database.
#[derive(Debug)]
pub(crate) struct Reserve<C: Connection> {
    options: C::Options,
    relay: Option<Relay<C::Options>>,
    idle: Mutex<Vec<C>>,
    permits: Semaphore,
}

/// A connection in use. One that is not given back is closed.
#[derive(Debug)]
pub(crate) struct Lease<'a, C: Connection> {
    pub(crate) connection: C,
    reserve: &'a Reserve<C>,
    _permit: Option<SemaphorePermit<'a>>,
}

impl<C: Connection> Reserve<C>
where
    C::Options: ConnectOptions<Connection = C>,
{
    /// Connections with these options: through the relay if the server is not reached by its name, or another place
    /// reaches it.
    pub(crate) fn new(options: C::Options, relay: Option<Relay<C::Options>>) -> Self {
        Self {
            options,
            relay,
            idle: Mutex::default(),
            permits: Semaphore::new(CONNECTIONS),
        }
    }

    /// A connection that lives: a kept one that answers, or a new one. Waits for one if all are in use.
    pub(crate) async fn lease(&self, place: Option<&dyn Transport>) -> Result<Lease<'_, C>, sqlx::Error> {
        let permit = self.permits.acquire().await.ok();
        while let Some(mut connection) = self.take() {
            if matches!(timeout(PING, noticed_in(connection.ping())).await, Ok(Ok(()))) {
                return Ok(self.leased(connection, permit));
            }
        }
        let connection = self.connect(place).await?;
        Ok(self.leased(connection, permit))
    }

    /// A new connection, beside those that are counted.
    pub(crate) async fn connect(&self, place: Option<&dyn Transport>) -> Result<C, sqlx::Error> {
        let connect = async {
            match &self.relay {
                Some(relay) if relay.renamed || place.is_some() => relay.connect(&self.options, place).await,
                Some(_) | None => self.options.connect().await,
            }
        };
        timeout(CONNECT, noticed_in(connect))
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))
    }

    fn take(&self) -> Option<C> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    const fn leased<'a>(&'a self, connection: C, permit: Option<SemaphorePermit<'a>>) -> Lease<'a, C> {
        Lease {
            connection,
            reserve: self,
            _permit: permit,
        }
    }
}

impl<C: Connection> Lease<'_, C> {
    /// Keeps the connection for the next statement.
    pub(crate) fn give_back(self) {
        let mut idle = self.reserve.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(self.connection);
    }
}
