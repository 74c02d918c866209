//! One statement after the other in a session of `MySQL` or MariaDB.

use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use runbook_action::{Failure, Stream};
use sqlx::mysql::{MySqlArguments, MySqlConnection, MySqlQueryResult, MySqlRow};
use sqlx::{Column, Either, Executor, Row, Statement as _};

use super::column::{self, Format};
use super::{argument, session};
use crate::job::Job;
use crate::part::Part;
use crate::rows::Rows;
use crate::statement::Mark;
use crate::transact::{Session, TakenBack};

const BEGIN: &str = "START TRANSACTION";
const BEGIN_READ_ONLY: &str = "START TRANSACTION READ ONLY";
/// What ends the transaction that it is in is held back only by this.
const READ_ONLY: &str = "SET SESSION TRANSACTION READ ONLY";
const READ_WRITE: &str = "SET SESSION TRANSACTION READ WRITE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const WARNINGS: &str = "SHOW WARNINGS";

/// A statement of this kind cannot be prepared.
pub(super) const NOT_PREPARED: u16 = 1295;

/// What is known to have changed nothing, also where nothing is taken back: the statement is not understood, what is to
/// be made is there, or it is not allowed.
const CHANGED_NOTHING: [u16; 9] = [1007, 1044, 1046, 1049, 1050, 1064, 1142, 1227, 1792];

/// Some tables that were changed take nothing back.
const NOT_TAKEN_BACK: &str = "1196";

/// A session of ours.
pub(super) struct On<'c> {
    pub(super) connection: &'c mut MySqlConnection,
}

impl On<'_> {
    async fn simple(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }

    /// What the last statement in this session was allowed is not what the next one is.
    pub(super) async fn allow_writing(&mut self) -> sqlx::Result<()> {
        self.simple(READ_WRITE).await
    }

    /// What the server remarks about the last statement: the level, the number and the text of each.
    async fn warnings(&mut self) -> sqlx::Result<Vec<[String; 3]>> {
        let rows = self.connection.fetch_all(sqlx::raw_sql(WARNINGS)).await?;
        rows.iter()
            .map(|row| Ok([text(row, 0)?, text(row, 1)?, text(row, 2)?]))
            .collect()
    }

    /// Passes on what the server remarks.
    async fn remark(&mut self, job: &Job<'_>) -> Result<(), Failure> {
        let warnings = self.warnings().await.map_err(|error| job.failed(&error))?;
        for [level, number, text] in warnings {
            let line = format!("{} {number}: {text}\n", level.to_lowercase());
            job.call.host.write(Stream::Stderr, line.as_bytes()).await?;
        }
        Ok(())
    }
}

/// A value that came as text.
fn text(row: &MySqlRow, index: usize) -> sqlx::Result<String> {
    let bytes: Vec<u8> = row.try_get_unchecked(index)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

impl Session for On<'_> {
    async fn begin(&mut self, job: &Job<'_>) -> sqlx::Result<()> {
        if !job.read_only {
            return self.simple(BEGIN).await;
        }
        // A statement before this one may have allowed its session to write.
        self.simple(READ_ONLY).await?;
        self.simple(BEGIN_READ_ONLY).await
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        self.simple(COMMIT).await
    }

    async fn roll_back(&mut self) -> sqlx::Result<TakenBack> {
        self.simple(ROLLBACK).await?;
        let warnings = self.warnings().await?;
        let stays = warnings.iter().any(|[_, number, _]| number == NOT_TAKEN_BACK);
        Ok(if stays { TakenBack::NotAll } else { TakenBack::All })
    }

    async fn execute(&mut self, part: &Part, rows: &mut Rows, job: &Job<'_>) -> Result<(), Failure> {
        let outcome = execute(self.connection, part, rows, job).await;
        outcome.map_err(|error| match error {
            Stopped::Before(failure) => failure,
            Stopped::At(error) => {
                let failure = job.failed(&error);
                let is_certain = self.wants_transaction(part, job)
                    || part.analysis.only_reads()
                    || session::number(&error).is_some_and(|number| CHANGED_NOTHING.contains(&number));
                if is_certain {
                    failure
                } else {
                    failure.maybe_applied()
                }
            }
        })?;
        self.remark(job).await
    }

    fn wants_transaction(&self, part: &Part, job: &Job<'_>) -> bool {
        job.read_only || job.statement.max_rows.is_some() || part.analysis.counts
    }
}

/// Why a statement has not ended well.
enum Stopped {
    /// Nothing was run, or what was read could not be passed on.
    Before(Failure),
    /// The server says so, or says nothing any more.
    At(sqlx::Error),
}

async fn execute(
    connection: &mut MySqlConnection,
    part: &Part,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Stopped> {
    let sql = job.statement.sql(part, Mark::Question);
    let values = job.values_in_places(part);
    let arguments = argument::arguments(&values).map_err(Stopped::Before)?;
    match connection.prepare(sql.clone()).await {
        Ok(statement) => {
            rows.name_columns(statement.columns().iter().map(Column::name));
            let query = statement.query_with::<MySqlArguments>(arguments);
            collect(connection.fetch_many(query), Format::Binary, rows, job).await
        }
        Err(error) if session::number(&error) == Some(NOT_PREPARED) && values.is_empty() => {
            collect(connection.fetch_many(sqlx::raw_sql(sql)), Format::Text, rows, job).await
        }
        Err(error) => Err(Stopped::Before(job.failed(&error))),
    }
}

type Results<'a> = BoxStream<'a, Result<Either<MySqlQueryResult, MySqlRow>, sqlx::Error>>;

async fn collect(
    mut results: Results<'_>,
    format: Format,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Stopped> {
    while let Some(result) = results.next().await {
        match result.map_err(Stopped::At)? {
            Either::Left(done) => {
                // The server does not count what it only gives.
                rows.affected += match done.rows_affected() {
                    0 => rows.count,
                    changed => changed,
                };
                // A procedure may have several results.
                rows.begin_result();
            }
            Either::Right(row) => {
                if !rows.has_columns() {
                    rows.name_columns(row.columns().iter().map(Column::name));
                }
                let values = column::values(&row, format, rows).map_err(Stopped::Before)?;
                rows.push(values, job.call.host).await.map_err(Stopped::Before)?;
            }
        }
    }
    Ok(())
}
