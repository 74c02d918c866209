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
pub(crate) mod setting;
mod text;
mod trial;
mod world;

use std::time::Duration;

use futures_util::StreamExt;
use runbook_action::{Call, Endpoint, ErrorKind, Failure, Handle, Inverse, Output, Preview, Settled};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow, PgSslMode};
use sqlx::{Column, ConnectOptions, Connection as _, Either, Executor, Row, Statement as _};
use tokio::time::timeout;

use self::backend::Backend;
use self::setting::{Refused, Setting};
use self::trial::Trial;
use crate::failure::{Place, READ_ONLY};
use crate::garbled::{noticed, noticed_in};
use crate::job::Job;
use crate::notice;
use crate::part::Part;
use crate::preview::look;
use crate::relay::Relay;
use crate::reserve::{Lease, Reserve};
use crate::rows::Rows;
use crate::statement::Mark;
use crate::tls::Tls;
use crate::transact::{Session, TakenBack, transact};

/// How long it may take to cancel a statement on the server, and for it to end then.
const CANCEL: Duration = Duration::from_secs(2);

/// How a session of ours is known on the server.
const NAME: &str = "runbook";

const BEGIN: &str = "BEGIN";
const BEGIN_READ_ONLY: &str = "BEGIN READ ONLY";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const FIRST_QUERY: &str = "SELECT 1";
const PREPARE_SESSION: &str = "SELECT pg_backend_pid(), set_config('statement_timeout', $1, false), set_config('intervalstyle', 'postgres', false)";
const CANCEL_BACKEND: &str = "SELECT pg_cancel_backend($1)";

/// A server of PostgreSQL.
#[derive(Debug)]
pub(crate) struct Server {
    reserve: Reserve<PgConnection>,
    shown: String,
}

impl Server {
    /// The server that `url` names, if it names one.
    pub(crate) fn at(url: &str, tls: Option<&Tls>) -> Option<Self> {
        let mut options: PgConnectOptions = url.parse().ok()?;
        let shown = shown(&options);
        let name = format!(".s.PGSQL.{}", options.get_port());
        let mut relay = Relay {
            at: match options.get_socket() {
                Some(directory) => Endpoint::Socket(directory.join(&name)),
                None => Endpoint::Tcp {
                    host: options.get_host().to_owned(),
                    port: options.get_port(),
                },
            },
            renamed: false,
            name,
            through: |options: &PgConnectOptions, directory| options.clone().socket(directory),
        };
        if let Some(tls) = tls {
            options = encrypted(options, tls);
            if let (Some(name), None) = (&tls.server_name, options.get_socket()) {
                relay.renamed = true;
                options = options.host(name);
            }
        }
        let options = options
            .application_name(NAME)
            .statement_cache_capacity(0)
            .disable_statement_logging();
        Some(Self {
            reserve: Reserve::new(options, Some(relay)),
            shown,
        })
    }

    /// For messages: `127.0.0.1:5432/mcp`.
    pub(crate) fn shown(&self) -> String {
        self.shown.clone()
    }

    /// Runs one statement, and cancels it on the server when the run wants it to stop.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Output, Failure> {
        refuses_outside(job)?;
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
        let connection = &mut lease.connection;
        let mut session = On { connection };
        let work = noticed(transact(&mut session, job), |error| job.failed(error));
        let work = notice::heard(work, job.call.host);
        let rows = self.attend(pid, job, work).await?;
        lease.give_back();
        Ok(rows.into_output())
    }

    /// Finds out what the statements would change, in a session that nobody uses before or after.
    pub(crate) async fn preview(&self, job: &Job<'_>) -> Result<Option<Preview>, Failure> {
        let session = async {
            let mut connection = self.reserve.connect(job.call.transport).await?;
            let pid = prepare_session(&mut connection, job).await?;
            Ok((connection, pid))
        };
        let (mut connection, pid) = tokio::select! {
            biased;
            session = noticed_in(session) => session.map_err(|error: sqlx::Error| job.place.not_connected(&error))?,
            () = job.call.host.cancelled() => return Err(job.cancelled()),
        };
        let mut trial = Trial {
            connection: &mut connection,
        };
        let work = noticed(look(&mut trial, job), |error| job.failed(error));
        let preview = self.attend(pid, job, work).await?;
        // Its end is told, and not waited for where the server does not answer.
        let _told = timeout(CANCEL, connection.close()).await.is_ok();
        Ok(preview)
    }

    /// Ends what a crash left running of these.
    pub(crate) async fn settle(
        &self,
        handles: &[Handle],
        call: Call<'_>,
        place: &Place<'_>,
    ) -> Result<Settled, Failure> {
        let backends: Vec<Backend> = handles.iter().filter_map(Backend::recorded).collect();
        let Some(first) = backends.first() else {
            return Ok(Settled::Nothing);
        };
        let end = async {
            let mut connection = self.reserve.connect(call.transport).await?;
            let mut settled = Settled::Nothing;
            for backend in &backends {
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

    /// Keeps what a setting of the server is set to.
    pub(crate) async fn keep(&self, job: &Job<'_>, setting: &Setting) -> Result<Inverse, Failure> {
        let kept = async {
            let (mut lease, _pid) = self.session(job).await?;
            let kept = setting.keep(&mut lease.connection).await;
            let kept = kept.map_err(|error| job.place.failed(&error, true))?;
            lease.give_back();
            Ok(Inverse {
                summary: job.call.mask(&kept.summary),
                ..kept
            })
        };
        tokio::select! {
            biased;
            kept = kept => kept,
            () = job.call.host.cancelled() => Err(Failure { may_have_applied: false, ..job.cancelled() }),
        }
    }

    /// Puts back what a setting of the server was set to, unless it is so, or somebody else has set it since.
    pub(crate) async fn put_back(
        &self,
        job: &Job<'_>,
        setting: &Setting,
        kept: &Inverse,
    ) -> Result<Output, Failure> {
        let is_due = async {
            let (mut lease, pid) = self.session(job).await?;
            let due = setting.is_due(&mut lease.connection, kept).await;
            let due = due.map_err(|refused| match refused {
                Refused::Failure(failure) => failure,
                Refused::Error(error) => job.place.failed(&error, true),
            })?;
            Ok((lease, pid, due))
        };
        let (mut lease, pid, due) = tokio::select! {
            biased;
            due = is_due => due?,
            () = job.call.host.cancelled() => {
                return Err(Failure { may_have_applied: false, ..job.cancelled() });
            }
        };
        if due {
            let work = setting.put_back(&mut lease.connection, kept);
            let work = async { work.await.map_err(|error| job.failed(&error)) };
            self.attend(pid, job, work).await?;
        }
        lease.give_back();
        Ok(Rows::default().into_output())
    }

    /// Waits for some work in a session, and ends it on the server when the run wants it to stop.
    async fn attend<T>(
        &self,
        pid: i32,
        job: &Job<'_>,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => outcome,
            () = job.call.host.cancelled() => {
                // Should the server not hear of it, there is nobody left to tell.
                let _heard = timeout(CANCEL, async {
                    self.cancel(pid, job).await;
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
            let mut lease = self.reserve.lease(job.call.transport).await?;
            let pid = prepare_session(&mut lease.connection, job).await?;
            Ok((lease, pid))
        };
        let session = noticed_in(session);
        let session = match job.call.host.remaining() {
            Some(left) => timeout(left, session)
                .await
                .unwrap_or(Err(sqlx::Error::PoolTimedOut)),
            None => session.await,
        };
        session.map_err(|error: sqlx::Error| job.place.not_connected(&error))
    }

    async fn cancel(&self, pid: i32, job: &Job<'_>) {
        if let Ok(mut second) = self.reserve.connect(job.call.transport).await {
            let asked = sqlx::query(CANCEL_BACKEND).bind(pid).persistent(false);
            let _heard = asked.execute(&mut second).await.is_ok();
        }
    }
}

/// Sets what holds for a job in this session. The process that serves it.
async fn prepare_session(connection: &mut PgConnection, job: &Job<'_>) -> sqlx::Result<i32> {
    let limit = job
        .limit
        .map_or(0, |limit| limit.as_millis().clamp(1, i32::MAX as u128));
    let row: PgRow = sqlx::query(PREPARE_SESSION)
        .bind(limit.to_string())
        .persistent(false)
        .fetch_one(connection)
        .await?;
    row.try_get(0)
}

fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// Encrypted, and with a server that shows who it is.
fn encrypted(options: PgConnectOptions, tls: &Tls) -> PgConnectOptions {
    let mut options = options.ssl_mode(PgSslMode::VerifyFull);
    if let Some(ca) = &tls.ca {
        options = options.ssl_root_cert_from_pem(ca.clone());
    }
    if let Some((cert, key)) = &tls.own {
        options = options
            .ssl_client_cert_from_pem(cert)
            .ssl_client_key_from_pem(key);
    }
    options
}

/// A statement that refuses to be part of a transaction cannot be in one that only reads.
fn refuses_outside(job: &Job<'_>) -> Result<(), Failure> {
    let outside = job.statement.parts.iter().find_map(|part| part.outside);
    match outside {
        Some(what) if job.read_only => Err(Failure::new(
            ErrorKind::Forbidden,
            format!("`{what}` cannot be part of a transaction that only reads"),
        )
        .help(READ_ONLY)),
        Some(_) | None => Ok(()),
    }
}

/// A session of ours.
struct On<'c> {
    connection: &'c mut PgConnection,
}

impl On<'_> {
    async fn simple(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }
}

impl Session for On<'_> {
    async fn begin(&mut self, job: &Job<'_>) -> sqlx::Result<()> {
        if !job.read_only {
            return self.simple(BEGIN).await;
        }
        self.simple(BEGIN_READ_ONLY).await?;
        // After its first query, nothing can make the transaction one that writes.
        self.simple(FIRST_QUERY).await
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        self.simple(COMMIT).await
    }

    async fn roll_back(&mut self) -> sqlx::Result<TakenBack> {
        self.simple(ROLLBACK).await.map(|()| TakenBack::All)
    }

    async fn execute(&mut self, part: &Part, rows: &mut Rows, job: &Job<'_>) -> Result<(), Failure> {
        execute(self.connection, part, rows, job).await
    }

    fn wants_transaction(&self, _part: &Part, job: &Job<'_>) -> bool {
        job.read_only || job.statement.max_rows.is_some()
    }
}

async fn execute(
    connection: &mut PgConnection,
    part: &Part,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Failure> {
    let sql = job.statement.sql(part, Mark::Numbered('$'));
    let values = job.values_of(part);
    if values.is_empty() {
        collect(connection.fetch_many(sqlx::raw_sql(sql.clone())), rows, job).await?;
        if !rows.has_columns() && part.analysis.only_reads() {
            // A simple query without rows does not tell its columns.
            let statement = connection
                .prepare(sql)
                .await
                .map_err(|error| job.failed(&error))?;
            rows.name_columns(statement.columns().iter().map(Column::name));
        }
        return Ok(());
    }
    let types: Vec<_> = values.iter().map(|(_, bound)| argument::type_of(bound)).collect();
    let arguments = argument::arguments(&values)?;
    let statement = connection
        .prepare_with(sql, &types)
        .await
        .map_err(|error| job.failed(&error))?;
    rows.name_columns(statement.columns().iter().map(Column::name));
    column::can_be_read(statement.columns())?;
    let query = statement.query_with(arguments).persistent(false);
    collect(connection.fetch_many(query), rows, job).await
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
