//! The session that runs a statement, and what a crash of this program left running there.
//!
//! The numbers of sessions begin again when the server starts, so a number alone tells nothing. A session of ours is
//! marked, for as long as its statement runs, by a lock that only it holds, under a name that nobody else has. Whoever
//! holds that lock later is that session at that statement.

use std::time::Duration;

use runbook_action::Handle;
use serde_json::json;
use sqlx::Row;
use sqlx::mysql::MySqlConnection;
use tokio::time::sleep;

/// What a handle of this module is.
const SESSION: &str = "mysql_session";

/// How often is looked whether a session that was ended is gone. The server does not tell.
const POLL: Duration = Duration::from_millis(50);

const LOCK: &str = "SELECT GET_LOCK(?, 0)";
const UNLOCK: &str = "SELECT RELEASE_LOCK(?)";
const HOLDER: &str = "SELECT IS_USED_LOCK(?)";
const IS_THERE: &str = "SELECT COUNT(*) FROM information_schema.processlist WHERE id = ?";
const KILL: &str = "KILL CONNECTION ?";

/// The server does not have what was asked for: there are no such locks in a cluster of Galera.
const NOT_SUPPORTED: u16 = 1235;

/// The server does not know a thread of this number.
const NO_SUCH_THREAD: u16 = 1094;

/// The mark of a session at work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    lock: String,
}

impl Marker {
    /// One that nobody else has.
    pub(super) fn new(unique: &str) -> Self {
        Self {
            lock: format!("runbook {unique}"),
        }
    }

    /// The one that was recorded, if this is one.
    pub(crate) fn recorded(handle: &Handle) -> Option<Self> {
        if handle.what != SESSION {
            return None;
        }
        let lock = handle.data.get("lock")?.as_str()?;
        lock.starts_with("runbook ").then(|| Self {
            lock: lock.to_owned(),
        })
    }

    pub(super) fn handle(&self) -> Handle {
        Handle {
            what: SESSION.to_owned(),
            data: json!({ "lock": self.lock }),
        }
    }

    /// Marks this session. Whether the server can do that.
    pub(super) async fn set(&self, connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query(LOCK).bind(&self.lock);
        let row = match query.fetch_one(connection).await {
            Ok(row) => row,
            Err(error) if number(&error) == Some(NOT_SUPPORTED) => return Ok(false),
            Err(error) => return Err(error),
        };
        match row.try_get_unchecked::<Option<i64>, _>(0)? {
            Some(1) => Ok(true),
            Some(_) | None => Err(sqlx::Error::Protocol(
                "the session could not be marked with `GET_LOCK`".to_owned(),
            )),
        }
    }

    /// Takes the mark off this session.
    pub(super) async fn remove(&self, connection: &mut MySqlConnection) -> Result<(), sqlx::Error> {
        let query = sqlx::query(UNLOCK).bind(&self.lock);
        query.fetch_one(connection).await.map(drop)
    }

    /// Ends the session that has this mark, and returns when it is gone. Whether there was one.
    pub(super) async fn end(&self, connection: &mut MySqlConnection) -> Result<bool, sqlx::Error> {
        let query = sqlx::query(HOLDER).bind(&self.lock);
        let row = query.fetch_one(&mut *connection).await?;
        let Some(id) = row.try_get_unchecked::<Option<u64>, _>(0)? else {
            return Ok(false);
        };
        match sqlx::query(KILL).bind(id).execute(&mut *connection).await {
            Ok(_) => {}
            Err(error) if number(&error) == Some(NO_SUCH_THREAD) => return Ok(false),
            Err(error) => return Err(error),
        }
        while is_there(connection, id).await? {
            sleep(POLL).await;
        }
        Ok(true)
    }
}

async fn is_there(connection: &mut MySqlConnection, id: u64) -> Result<bool, sqlx::Error> {
    let row = sqlx::query(IS_THERE).bind(id).fetch_one(connection).await?;
    Ok(row.try_get_unchecked::<i64, _>(0)? > 0)
}

/// The server's own number of an error.
pub(super) fn number(error: &sqlx::Error) -> Option<u16> {
    let error = error.as_database_error()?;
    let error = error.try_downcast_ref::<sqlx::mysql::MySqlDatabaseError>()?;
    Some(error.number())
}
