//! Statements that SQLite looks at and does not keep.

use futures_util::StreamExt;
use runbook_action::Failure;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Either, Executor, Row, Statement as _};

use super::{BEGIN, BEGIN_IMMEDIATE, QUERY_AND_CHANGE, QUERY_ONLY, ROLLBACK, arguments};
use crate::job::Job;
use crate::part::Part;
use crate::preview::plain::{Dialect, Plain, Table};
use crate::preview::{Bench, Held, Looks, Trouble};
use crate::statement::Mark;

/// What is tried stays in memory, so that the file is not even written for a moment.
const STAY: &str = "PRAGMA cache_spill = OFF";

const KIND: &str =
    "SELECT type, sql FROM main.sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE";
const TRIGGER: &str =
    "SELECT name FROM main.sqlite_schema WHERE type = 'trigger' AND tbl_name = ? COLLATE NOCASE";
/// Tables whose rows follow those of another by a foreign key.
const FOLLOWING: &str = "SELECT followers.name FROM main.sqlite_schema AS followers, pragma_foreign_key_list(followers.name) AS keys \
WHERE followers.type = 'table' AND keys.\"table\" = ? COLLATE NOCASE \
AND (keys.on_delete NOT IN ('NO ACTION', 'RESTRICT') OR keys.on_update NOT IN ('NO ACTION', 'RESTRICT'))";

/// A session of ours in which nothing is kept.
pub(super) struct Trial<'c> {
    pub(super) connection: &'c mut SqliteConnection,
}

impl Trial<'_> {
    async fn simple(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }

    async fn ask(&mut self, question: &'static str, name: &str) -> sqlx::Result<Option<SqliteRow>> {
        let query = sqlx::query(question).bind(name.to_owned()).persistent(false);
        query.fetch_optional(&mut *self.connection).await
    }

    /// What speaks against a table that is read or written.
    async fn kind(&mut self, table: &Table, name: &str) -> sqlx::Result<Option<String>> {
        let Some(row) = self.ask(KIND, name).await? else {
            return Ok((!table.may_be_within).then(|| format!("`{}` is not found", table.written)));
        };
        let (kind, sql): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let begin: Vec<String> = sql.split_whitespace().take(2).map(str::to_uppercase).collect();
        Ok(match kind.as_str() {
            "view" => Some(format!("`{name}` is a view")),
            _ if begin == ["CREATE", "VIRTUAL"] => Some(format!("`{name}` is a virtual table")),
            _ => None,
        })
    }

    /// What speaks against the table that is written.
    async fn target(&mut self, name: &str) -> sqlx::Result<Option<String>> {
        if let Some(row) = self.ask(KIND, name).await? {
            let sql: String = row.try_get(1)?;
            if sql.to_uppercase().contains("AUTOINCREMENT") {
                return Ok(Some(format!("table `{name}` keeps count of its numbers")));
            }
        }
        if self.ask(TRIGGER, name).await?.is_some() {
            return Ok(Some(format!("table `{name}` has a trigger")));
        }
        let follows = self.ask(FOLLOWING, name).await?;
        follows
            .map(|row| Ok(format!("table `{}` follows it", row.try_get::<String, _>(0)?)))
            .transpose()
    }
}

/// The name of a table of the database itself.
fn own(table: &Table) -> Option<&str> {
    let name = match table.path.as_slice() {
        [name] => name,
        [schema, name] if schema == "main" => name,
        _ => return None,
    };
    (!name.starts_with("sqlite_")).then_some(name)
}

impl Bench for Trial<'_> {
    const DIALECT: Dialect = Dialect::Sqlite;
    const MARK: Mark = Mark::Numbered('?');

    async fn begin(&mut self, tries: bool) -> sqlx::Result<()> {
        self.simple(STAY).await?;
        self.simple(if tries { QUERY_AND_CHANGE } else { QUERY_ONLY })
            .await?;
        self.simple(if tries { BEGIN_IMMEDIATE } else { BEGIN }).await
    }

    async fn take_back(&mut self) -> Result<(), Failure> {
        // Where it cannot, the end of the connection does it.
        let _asked = self.simple(ROLLBACK).await.is_ok();
        Ok(())
    }

    fn looks(&self, word: &str) -> Looks {
        // Some are run when they are prepared.
        if word == "PRAGMA" {
            Looks::Nothing
        } else {
            Looks::Names
        }
    }

    async fn prepare(&mut self, part: &Part, job: &Job<'_>) -> Result<(), Trouble> {
        let _arguments = arguments(&job.values_of(part))?;
        let sql = job.statement.sql(part, Self::MARK);
        let prepared = (&mut *self.connection).prepare(sql).await;
        prepared.map(drop).map_err(Trouble::Database)
    }

    async fn doubt(&mut self, _sql: &str, plain: &Plain) -> sqlx::Result<Option<String>> {
        for table in plain.tables.iter().chain([&plain.target]) {
            let why = match own(table) {
                Some(name) => self.kind(table, name).await?,
                None => Some(format!(
                    "`{}` is not a table of the database itself",
                    table.written
                )),
            };
            if why.is_some() {
                return Ok(why);
            }
        }
        match own(&plain.target) {
            Some(name) => self.target(name).await,
            None => Ok(None),
        }
    }

    async fn run(&mut self, part: &Part, job: &Job<'_>) -> Result<u64, Trouble> {
        let arguments = arguments(&job.values_of(part))?;
        let statement = (&mut *self.connection)
            .prepare(job.statement.sql(part, Self::MARK))
            .await?;
        let mut results = self
            .connection
            .fetch_many(statement.query_with(arguments).persistent(false));
        let mut changed = 0;
        while let Some(result) = results.next().await {
            match result? {
                Either::Left(done) => changed += done.rows_affected(),
                Either::Right(_row) => {}
            }
        }
        Ok(changed)
    }

    async fn settle(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    fn held(error: &sqlx::Error) -> Option<Held> {
        let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
        match code & 0xff {
            5 | 6 => Some(Held::Locked),
            9 => Some(Held::TooLong),
            _ => None,
        }
    }
}
