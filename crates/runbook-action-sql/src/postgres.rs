//! Statements on PostgreSQL.
//!
//! A statement without values goes as simple query, whose results come as text, so that a value of any type can be
//! read. One with values goes through a prepared statement, whose results come in binary; there a type may be
//! unknown, and then the statement is not run at all.
//!
//! A statement that is given up goes on on the server: it is cancelled there, through a second connection.

mod argument;
pub(crate) mod backend;
mod binary;
mod civil;
mod column;
mod text;

use std::time::Duration;

use futures_util::StreamExt;
use runbook_action::{Call, Failure, Output, Settled};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{Column, ConnectOptions, Either, Executor, Row, Statement as _};
use tokio::time::timeout;

use self::backend::Backend;
use crate::action::Job;
use crate::failure::Place;
use crate::reserve::{Lease, Reserve};
use crate::rows::Rows;

/// How long it may take to cancel a statement on the server, and for it to end then.
const CANCEL: Duration = Duration::from_secs(2);

/// How a session of ours is known on the server.
const NAME: &str = "runbook";

const BEGIN: &str = "BEGIN";
const BEGIN_READ_ONLY: &str = "BEGIN READ ONLY";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const PREPARE_SESSION: &str = "SELECT pg_backend_pid(), set_config('statement_timeout', $1, false), set_config('intervalstyle', 'postgres', false)";
const CANCEL_BACKEND: &str = "SELECT pg_cancel_backend($1)";

/// A server of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Server {
    reserve: Reserve<PgConnection>,
}

impl Server {
    /// The server that `url` names, if it names one.
    pub(crate) fn at(url: &str) -> Option<Self> {
        let options: PgConnectOptions = url.parse().ok()?;
        let options = options
            .application_name(NAME)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        Some(Self {
            reserve: Reserve::new(options),
        })
    }

    /// For messages: `127.0.0.1:5432/mcp`.
    pub(crate) fn shown(&self) -> String {
        let options = self.reserve.options();
        let database = options.get_database().unwrap_or_else(|| options.get_username());
        match options.get_socket() {
            Some(socket) => format!("{}/{database}", socket.display()),
            None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
        }
    }

    /// Runs one statement, and cancels it on the server when the run wants it to stop.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Output, Failure> {
        let ready = tokio::select! {
            biased;
            ready = self.session(job) => ready,
            () = job.call.host.cancelled() => {
                // Nothing was sent yet.
                return Err(Failure { may_have_applied: false, ..job.cancelled() });
            }
        };
        let (mut lease, pid) = ready?;
        if !job.call.asking && !job.statement.analysis.only_reads() {
            let backend = Backend::of(&mut lease.connection, pid).await;
            let backend = backend.map_err(|error| job.place.not_connected(&error))?;
            job.call.host.record(backend.handle()).await?;
        }
        let rows = self.attend(&mut lease.connection, pid, job).await?;
        lease.give_back();
        Ok(rows.into_output())
    }

    /// Ends what a crash left running of these.
    pub(crate) async fn settle(
        &self,
        backends: &[Backend],
        call: Call<'_>,
        place: &Place<'_>,
    ) -> Result<Settled, Failure> {
        let Some(first) = backends.first() else {
            return Ok(Settled::Nothing);
        };
        let end = async {
            let mut connection = self.reserve.connect().await?;
            let mut settled = Settled::Nothing;
            for backend in backends {
                if backend.end(&mut connection).await? {
                    settled = Settled::Ended;
                }
            }
            Ok(settled)
        };
        tokio::select! {
            biased;
            settled = end => settled.map_err(|error: sqlx::Error| place.not_connected(&error).maybe_applied()),
            () = call.host.cancelled() => Err(first.still_runs(call)),
        }
    }

    async fn attend(&self, connection: &mut PgConnection, pid: i32, job: &Job<'_>) -> Result<Rows, Failure> {
        let mut work = std::pin::pin!(transact(connection, job));
        tokio::select! {
            biased;
            outcome = &mut work => outcome,
            () = job.call.host.cancelled() => {
                // Should the server not hear of it, there is nobody left to tell.
                let _heard = timeout(CANCEL, async {
                    self.cancel(pid).await;
                    work.await.is_ok()
                })
                .await
                .is_ok();
                Err(job.cancelled())
            }
        }
    }

    /// A connection on which the statement can be run, and the process that serves it.
    async fn session(&self, job: &Job<'_>) -> Result<(Lease<'_, PgConnection>, i32), Failure> {
        let session = async {
            let mut lease = self.reserve.lease().await?;
            let limit = job
                .limit
                .map_or(0, |limit| limit.as_millis().clamp(1, i32::MAX as u128));
            let row: PgRow = sqlx::query(PREPARE_SESSION)
                .bind(limit.to_string())
                .persistent(false)
                .fetch_one(&mut lease.connection)
                .await?;
            let pid: i32 = row.try_get(0)?;
            Ok((lease, pid))
        };
        let session = match job.call.host.remaining() {
            Some(left) => timeout(left, session)
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut)),
            None => session.await,
        };
        session.map_err(|error: sqlx::Error| job.place.not_connected(&error))
    }

    async fn cancel(&self, pid: i32) {
        if let Ok(mut second) = self.reserve.connect().await {
            let asked = sqlx::query(CANCEL_BACKEND).bind(pid).persistent(false);
            let _heard = asked.execute(&mut second).await.is_ok();
        }
    }
}

/// Runs the statement in a transaction if it needs one.
async fn transact(connection: &mut PgConnection, job: &Job<'_>) -> Result<Rows, Failure> {
    if !job.needs_transaction() {
        return execute(connection, job).await;
    }
    let begin = if job.read_only { BEGIN_READ_ONLY } else { BEGIN };
    simple(connection, begin, job).await?;
    // After a failure the connection is closed, and the transaction with it.
    let rows = execute(connection, job).await?;
    if let Err(failure) = job.is_within(rows.affected) {
        simple(connection, ROLLBACK, job).await?;
        return Err(failure);
    }
    simple(connection, COMMIT, job).await?;
    Ok(rows)
}

async fn simple(connection: &mut PgConnection, sql: &'static str, job: &Job<'_>) -> Result<(), Failure> {
    let outcome = connection.execute(sqlx::raw_sql(sql)).await;
    outcome.map(|_| ()).map_err(|error| job.failed(&error))
}

async fn execute(connection: &mut PgConnection, job: &Job<'_>) -> Result<Rows, Failure> {
    let sql = job.statement.sql('$');
    let mut rows = Rows::default();
    if job.values.is_empty() {
        collect(connection.fetch_many(sqlx::raw_sql(sql.clone())), &mut rows, job).await?;
        if !rows.has_columns() && job.statement.analysis.only_reads() {
            // A simple query without rows does not tell its columns.
            let statement = connection
                .prepare(sql)
                .await
                .map_err(|error| job.failed(&error))?;
            rows.name_columns(statement.columns().iter().map(Column::name));
        }
        return Ok(rows);
    }
    let types: Vec<_> = job
        .values
        .iter()
        .map(|(_, bound)| argument::type_of(bound))
        .collect();
    let arguments = argument::arguments(&job.values)?;
    let statement = connection
        .prepare_with(sql, &types)
        .await
        .map_err(|error| job.failed(&error))?;
    rows.name_columns(statement.columns().iter().map(Column::name));
    column::can_be_read(statement.columns())?;
    let query = statement.query_with(arguments).persistent(false);
    collect(connection.fetch_many(query), &mut rows, job).await?;
    Ok(rows)
}

type Results<'a> =
    futures_util::stream::BoxStream<'a, Result<Either<sqlx::postgres::PgQueryResult, PgRow>, sqlx::Error>>;

async fn collect(mut results: Results<'_>, rows: &mut Rows, job: &Job<'_>) -> Result<(), Failure> {
    while let Some(result) = results.next().await {
        match result.map_err(|error| job.failed(&error))? {
            Either::Left(done) => rows.affected += done.rows_affected(),
            Either::Right(row) => {
                if !rows.has_columns() {
                    rows.name_columns(row.columns().iter().map(Column::name));
                }
                let values = column::values(&row, rows)?;
                rows.push(values, job.call.host).await?;
            }
        }
    }
    Ok(())
}
