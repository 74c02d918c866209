//! The server's process that runs a statement, and what a crash of this program left running there.
//!
//! A server that runs a statement does not look whether anybody still waits for it. The process is told from a later
//! one of the same number by the time at which it started. Behind a pooler it may serve somebody else by now, so it is
//! ended only while it is at work under our name.

use std::time::Duration;

use runbook_action::{Call, ErrorKind, Failure, Handle};
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgConnection;
use tokio::time::sleep;

use super::NAME;

/// What a handle of this module is.
const BACKEND: &str = "postgres_backend";

/// How often is looked whether a session that was ended is gone. The server does not tell.
const POLL: Duration = Duration::from_millis(50);

const STARTED: &str = "SELECT (extract(epoch FROM backend_start) * 1000000)::bigint FROM pg_stat_activity WHERE pid = pg_backend_pid()";
const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2 AND application_name = $3 AND state IS DISTINCT FROM 'idle'";
const IS_THERE: &str = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::bigint = $2)";

/// A process of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backend {
    pid: i32,
    /// When it started, in microseconds since 1970.
    started: i64,
}

impl Backend {
    /// The one that serves this connection.
    pub(super) async fn of(connection: &mut PgConnection, pid: i32) -> Result<Self, sqlx::Error> {
        let row = sqlx::query(STARTED)
            .persistent(false)
            .fetch_one(connection)
            .await?;
        Ok(Self {
            pid,
            started: row.try_get(0)?,
        })
    }

    /// The one that was recorded, if this is one.
    pub(crate) fn recorded(handle: &Handle) -> Option<Self> {
        if handle.what != BACKEND {
            return None;
        }
        Some(Self {
            pid: i32::try_from(handle.data.get("pid")?.as_i64()?).ok()?,
            started: handle.data.get("started")?.as_i64()?,
        })
    }

    pub(super) fn handle(self) -> Handle {
        Handle {
            what: BACKEND.to_owned(),
            data: json!({ "pid": self.pid, "started": self.started }),
        }
    }

    /// Ends it if it is at work, and returns when it is gone. Whether there was anything to end.
    pub(super) async fn end(self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let ended = sqlx::query(TERMINATE)
            .bind(self.pid)
            .bind(self.started)
            .bind(NAME)
            .persistent(false)
            .fetch_optional(&mut *connection)
            .await?;
        if ended.is_none() {
            return Ok(false);
        }
        while self.is_there(connection).await? {
            sleep(POLL).await;
        }
        Ok(true)
    }

    async fn is_there(self, connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
        let row = sqlx::query(IS_THERE)
            .bind(self.pid)
            .bind(self.started)
            .persistent(false)
            .fetch_one(connection)
            .await?;
        row.try_get(0)
    }

    /// That it is still there when the time is over or the run stops.
    pub(super) fn still_runs(self, call: Call<'_>) -> Failure {
        let kind = if call.host.remaining().is_some_and(|left| left.is_zero()) {
            ErrorKind::Timeout
        } else {
            ErrorKind::Cancelled
        };
        Failure::new(
            kind,
            format!(
                "the session {} of the interrupted attempt may still be running",
                self.pid
            ),
        )
        .help("end it with `pg_terminate_backend`, and resume the run again")
        .maybe_applied()
    }
}
