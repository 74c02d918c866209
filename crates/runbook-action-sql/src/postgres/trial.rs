//! Statements that PostgreSQL looks at and does not keep.

use futures_util::StreamExt;
use runbook_action::Failure;
use sqlx::postgres::PgConnection;
use sqlx::{Column, Either, Executor, Statement as _};

use super::{ROLLBACK, argument, column, world};
use crate::job::Job;
use crate::part::Part;
use crate::preview::plain::{Dialect, Plain};
use crate::preview::{Bench, Held, Looks, Trouble, is_about_rows};
use crate::statement::Mark;

/// Nobody waits for a preview, and it waits for nobody.
const BEGIN: &str =
    "BEGIN; SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";
const BEGIN_READ_ONLY: &str =
    "BEGIN READ ONLY; SET LOCAL lock_timeout = '2s'; SET LOCAL idle_in_transaction_session_timeout = '10s'";
const SETTLE: &str = "SET CONSTRAINTS ALL IMMEDIATE";

/// A session of ours in which nothing is kept.
pub(super) struct Trial<'c> {
    pub(super) connection: &'c mut PgConnection,
}

impl Trial<'_> {
    async fn simple(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }

    async fn prepared(&mut self, part: &Part, job: &Job<'_>) -> Result<sqlx::postgres::PgStatement, Trouble> {
        let values = job.values_of(part);
        let types: Vec<_> = values.iter().map(|(_, bound)| argument::type_of(bound)).collect();
        let sql = job.statement.sql(part, Self::MARK);
        let statement = (&mut *self.connection).prepare_with(sql, &types).await?;
        if !values.is_empty() {
            // Running it would be refused.
            let mut named = crate::rows::Rows::default();
            named.name_columns(statement.columns().iter().map(Column::name));
            column::can_be_read(statement.columns())?;
        }
        Ok(statement)
    }
}

impl Bench for Trial<'_> {
    const DIALECT: Dialect = Dialect::Postgres;
    const MARK: Mark = Mark::Numbered('$');

    async fn begin(&mut self, tries: bool) -> sqlx::Result<()> {
        self.simple(if tries { BEGIN } else { BEGIN_READ_ONLY }).await
    }

    async fn take_back(&mut self) -> Result<(), Failure> {
        // Where that cannot be asked for any more, the connection is gone, and the server takes it back by itself.
        let _asked = self.simple(ROLLBACK).await.is_ok();
        Ok(())
    }

    fn looks(&self, word: &str) -> Looks {
        if is_about_rows(word) {
            Looks::Names
        } else {
            Looks::Grammar
        }
    }

    async fn prepare(&mut self, part: &Part, job: &Job<'_>) -> Result<(), Trouble> {
        self.prepared(part, job).await.map(drop)
    }

    async fn doubt(&mut self, sql: &str, plain: &Plain) -> sqlx::Result<Option<String>> {
        world::doubt(self.connection, sql, plain).await
    }

    async fn run(&mut self, part: &Part, job: &Job<'_>) -> Result<u64, Trouble> {
        let arguments = argument::arguments(&job.values_of(part))?;
        let statement = self.prepared(part, job).await?;
        let mut results = self
            .connection
            .fetch_many(statement.query_with(arguments).persistent(false));
        let mut count = 0;
        while let Some(result) = results.next().await {
            match result? {
                Either::Left(done) => count += done.rows_affected(),
                Either::Right(_row) => {}
            }
        }
        Ok(count)
    }

    async fn settle(&mut self) -> sqlx::Result<()> {
        self.simple(SETTLE).await
    }

    fn held(error: &sqlx::Error) -> Option<Held> {
        match error.as_database_error()?.code()?.as_ref() {
            "55P03" | "40001" | "40P01" => Some(Held::Locked),
            "57014" => Some(Held::TooLong),
            _ => None,
        }
    }
}
