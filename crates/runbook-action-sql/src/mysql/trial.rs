//! Statements that MariaDB looks at and does not keep.

use futures_util::StreamExt;
use runbook_action::{ErrorKind, Failure};
use sqlx::mysql::{MySqlArguments, MySqlConnection};
use sqlx::{Either, Executor, Statement as _};

use super::execute::On;
use super::{argument, session, world};
use crate::job::Job;
use crate::part::Part;
use crate::preview::plain::{Dialect, Plain};
use crate::preview::{Bench, Held, Looks, Trouble, is_about_rows};
use crate::statement::Mark;
use crate::transact::{Session, TakenBack};

/// Nobody waits for a preview, and it waits for nobody.
const LOCKS: &str = "SET SESSION lock_wait_timeout = 2, innodb_lock_wait_timeout = 2";
const BEGIN: &str = "START TRANSACTION";

/// A session of ours in which nothing is kept.
pub(super) struct Trial<'c> {
    pub(super) connection: &'c mut MySqlConnection,
}

impl Bench for Trial<'_> {
    const DIALECT: Dialect = Dialect::Mariadb;
    const MARK: Mark = Mark::Question;

    async fn begin(&mut self, tries: bool) -> sqlx::Result<()> {
        (&mut *self.connection).execute(sqlx::raw_sql(LOCKS)).await?;
        if !tries {
            // In a transaction that only reads, the server would not even prepare what writes.
            return Ok(());
        }
        (&mut *self.connection)
            .execute(sqlx::raw_sql(BEGIN))
            .await
            .map(drop)
    }

    async fn take_back(&mut self) -> Result<(), Failure> {
        let connection = &mut *self.connection;
        match (On { connection }).roll_back().await {
            // Where that cannot be asked for any more, the server takes it back by itself.
            Ok(TakenBack::All) | Err(_) => Ok(()),
            Ok(TakenBack::NotAll) => Err(Failure::new(
                ErrorKind::Other,
                "what was tried could not be taken back: look at the tables that it names",
            )),
        }
    }

    fn looks(&self, word: &str) -> Looks {
        if is_about_rows(word) {
            Looks::Names
        } else {
            Looks::Grammar
        }
    }

    async fn prepare(&mut self, part: &Part, job: &Job<'_>) -> Result<(), Trouble> {
        let _arguments = argument::arguments(&job.values_in_places(part))?;
        let sql = job.statement.sql(part, Self::MARK);
        let prepared = (&mut *self.connection).prepare(sql).await;
        prepared.map(drop).map_err(Trouble::Database)
    }

    fn is_not_prepared(error: &sqlx::Error) -> bool {
        session::number(error) == Some(super::execute::NOT_PREPARED)
    }

    async fn doubt(&mut self, sql: &str, plain: &Plain) -> sqlx::Result<Option<String>> {
        world::doubt(self.connection, sql, plain).await
    }

    async fn run(&mut self, part: &Part, job: &Job<'_>) -> Result<u64, Trouble> {
        let arguments = argument::arguments(&job.values_in_places(part))?;
        let sql = job.statement.sql(part, Self::MARK);
        let statement = (&mut *self.connection).prepare(sql).await?;
        let mut results = self
            .connection
            .fetch_many(statement.query_with::<MySqlArguments>(arguments));
        let (mut changed, mut given) = (0, 0);
        while let Some(result) = results.next().await {
            match result? {
                Either::Left(done) => changed += done.rows_affected(),
                Either::Right(_row) => given += 1,
            }
        }
        // The server does not count what it only gives.
        Ok(if changed == 0 { given } else { changed })
    }

    async fn settle(&mut self) -> sqlx::Result<()> {
        Ok(())
    }

    fn held(error: &sqlx::Error) -> Option<Held> {
        match session::number(error)? {
            1205 | 1213 => Some(Held::Locked),
            1969 | 3024 => Some(Held::TooLong),
            _ => None,
        }
    }
}
