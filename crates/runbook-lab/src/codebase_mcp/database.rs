//! The two databases behind one face.

use std::str::FromStr;

use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions};
use sqlx::{ConnectOptions as _, PgConnection, PgPool, Postgres, Sqlite, SqlitePool};

use super::NAME;
use super::gate::ACQUIRE_TIMEOUT;
use crate::{Database, Error};

/// Where connections come from.
pub(super) enum Source {
    Sqlite(SqliteConnectOptions),
    Postgres(PgConnectOptions),
}

impl Source {
    pub(super) fn new(database: &Database, url: &str) -> Result<Self, Error> {
        match database {
            Database::Sqlite => {
                let options = SqliteConnectOptions::from_str(url).map_err(Error::Url)?;
                Ok(Self::Sqlite(
                    options
                        .create_if_missing(true)
                        .journal_mode(SqliteJournalMode::Wal),
                ))
            }
            Database::Postgres(_) => {
                let options = PgConnectOptions::from_str(url).map_err(Error::Url)?;
                // The busy sessions are slow on purpose, and nobody wants to read about it.
                Ok(Self::Postgres(
                    options.application_name(NAME).disable_statement_logging(),
                ))
            }
        }
    }

    /// A new pool. No connection is made until one is asked for.
    pub(super) fn pool(&self, max_size: u32) -> Pool {
        match self {
            Self::Sqlite(options) => Pool::Sqlite(
                SqlitePoolOptions::new()
                    .max_connections(max_size)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_lazy_with(options.clone()),
            ),
            Self::Postgres(options) => Pool::Postgres(
                PgPoolOptions::new()
                    .max_connections(max_size)
                    .acquire_timeout(ACQUIRE_TIMEOUT)
                    .connect_lazy_with(options.clone()),
            ),
        }
    }
}

/// A bounded pool.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Pool {
    pub(super) async fn acquire(&self) -> sqlx::Result<Connection> {
        match self {
            Self::Sqlite(pool) => pool.acquire().await.map(Connection::Sqlite),
            Self::Postgres(pool) => pool.acquire().await.map(Connection::Postgres),
        }
    }

    /// Connections that exist or are being made.
    pub(super) fn size(&self) -> u32 {
        match self {
            Self::Sqlite(pool) => pool.size(),
            Self::Postgres(pool) => pool.size(),
        }
    }

    /// Connections that nobody holds.
    pub(super) fn idle(&self) -> u32 {
        let idle = match self {
            Self::Sqlite(pool) => pool.num_idle(),
            Self::Postgres(pool) => pool.num_idle(),
        };
        u32::try_from(idle).unwrap_or(u32::MAX)
    }

    /// Lets nobody in any more, and waits until the last connection has come back.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// A connection that somebody holds.
pub(super) enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    /// The process that serves this connection, where there is one.
    pub(super) async fn backend(&mut self) -> sqlx::Result<Option<i32>> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(connection) => sqlx::query_scalar("SELECT pg_backend_pid()")
                .fetch_one(&mut **connection)
                .await
                .map(Some),
        }
    }

    /// Works until the database ends the session. SQLite has no sessions, so there it never ends.
    pub(super) async fn work(&mut self) {
        match self {
            Self::Sqlite(_) => std::future::pending().await,
            Self::Postgres(connection) => {
                // The server looks whether we are still there, so that no work outlives the system. Servers
                // before 14 do not know the setting; there the last sleep does.
                let _too_old = sqlx::query("SET client_connection_check_interval = 250")
                    .execute(&mut **connection)
                    .await;
                while sqlx::query("SELECT pg_sleep(60)")
                    .execute(&mut **connection)
                    .await
                    .is_ok()
                {}
            }
        }
    }

    /// Ends the connection, so that the pool may make another one.
    pub(super) async fn close(self) {
        // An error means that the other side was gone first, which is what is wanted.
        let _gone = match self {
            Self::Sqlite(connection) => connection.close().await,
            Self::Postgres(connection) => connection.close().await,
        };
    }

    /// Lets the connection be closed, not go back to the pool, when it is dropped. What was interrupted in the
    /// middle of its work cannot be used again.
    pub(super) fn close_on_drop(&mut self) {
        match self {
            Self::Sqlite(connection) => connection.close_on_drop(),
            Self::Postgres(connection) => connection.close_on_drop(),
        }
    }
}

/// How many sessions a PostgreSQL server has left for this user.
pub(super) async fn free_sessions(session: &mut PgConnection) -> sqlx::Result<u32> {
    // Only the sessions of clients have both a user and a database; `backend_type` is hidden from ordinary users.
    let free: i64 = sqlx::query_scalar(
        "SELECT current_setting('max_connections')::bigint
              - CASE WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN 0
                     ELSE current_setting('superuser_reserved_connections')::bigint
                        + coalesce(current_setting('reserved_connections', true)::bigint, 0) END
              - (SELECT count(*) FROM pg_stat_activity 
                 WHERE usesysid IS NOT NULL AND datid IS NOT NULL)",
    )
    .fetch_one(session)
    .await?;
    Ok(u32::try_from(free).unwrap_or(0))
}
