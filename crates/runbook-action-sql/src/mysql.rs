//! Statements on `MySQL` and MariaDB.
//!
//! A statement goes through a prepared one, whose results come in binary, where no digit is lost. The few that cannot
//! be prepared are sent as text. Before anything is sent, the text is held to having one reading ([`reading`]).
//!
//! What changes rows runs in a transaction of its own, so that the end of a failed one tells whether all was taken
//! back: not every table takes something back. A statement that is given up is ended on the server, through a second
//! connection.

mod argument;
mod column;
mod execute;
mod reading;
pub(crate) mod session;
mod temporal;
mod trial;
mod world;

use std::time::Duration;

use runbook_action::{Call, Endpoint, ErrorKind, Failure, Handle, Output, Preview, Settled, Stream};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection, MySqlRow, MySqlSslMode};
use sqlx::{ConnectOptions, Connection as _, Row};
use tokio::time::timeout;

use self::execute::On;
use self::session::Marker;
use self::trial::Trial;
use crate::failure::Place;
use crate::garbled::{noticed, noticed_in};
use crate::job::Job;
use crate::preview::look;
use crate::relay::Relay;
use crate::reserve::{Lease, Reserve};
use crate::tls::Tls;
use crate::transact::transact;

/// How long it may take to cancel a statement on the server, and for it to end then.
const CANCEL: Duration = Duration::from_secs(2);

/// How much later than the server a statement is ended from here, where the server does not do it.
const LATER: Duration = Duration::from_millis(500);

/// Statements that are prepared at a time: one is, and some have `SHOW WARNINGS` and its kin around them.
const PREPARED: usize = 8;

const WHO: &str = "SELECT CONNECTION_ID(), UUID(), VERSION()";
const KILL_QUERY: &str = "KILL QUERY ?";
/// The server takes seconds, and no limit as zero.
const LIMIT_ON_MARIADB: &str = "SET SESSION max_statement_time = ?";
/// Milliseconds, for what only reads.
const LIMIT_ON_MYSQL: &str = "SET SESSION max_execution_time = ?";

const UNMARKED: &str = "note: this server has no `GET_LOCK`, so what a crash of runbook leaves running there cannot be found again\n";

/// A server of `MySQL` or MariaDB.
#[derive(Debug)]
pub(crate) struct Server {
    reserve: Reserve<MySqlConnection>,
    shown: String,
}

/// A connection that is ready for a statement.
struct Ready<'s> {
    lease: Lease<'s, MySqlConnection>,
    id: u64,
    marker: Marker,
}

impl Server {
    /// The server that `url` names, if it names one.
    pub(crate) fn at(url: &str, tls: Option<&Tls>) -> Option<Self> {
        let options: MySqlConnectOptions = url.parse().ok()?;
        let is_word = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        };
        // These become part of a statement.
        if !options.get_collation().is_none_or(is_word) {
            return None;
        }
        let mut options = options
            .charset("utf8mb4")
            .timezone("+00:00".to_owned())
            .pipes_as_concat(false)
            .no_engine_substitution(false)
            .statement_cache_capacity(PREPARED)
            .disable_statement_logging();
        let shown = shown(&options);
        let mut relay = Relay {
            at: match options.get_socket() {
                Some(socket) => Endpoint::Socket(socket.clone()),
                None => Endpoint::Tcp {
                    host: options.get_host().to_owned(),
                    port: options.get_port(),
                },
            },
            renamed: false,
            name: "socket".to_owned(),
            through: |options: &MySqlConnectOptions, directory| {
                options.clone().socket(directory.join("socket"))
            },
        };
        if let Some(tls) = tls {
            options = encrypted(options, tls);
            if let (Some(name), None) = (&tls.server_name, options.get_socket()) {
                relay.renamed = true;
                options = options.host(name);
            }
        }
        Some(Self {
            reserve: Reserve::new(options, Some(relay)),
            shown,
        })
    }

    /// For messages: `127.0.0.1:3306/shop`.
    pub(crate) fn shown(&self) -> String {
        self.shown.clone()
    }

    /// Runs the statements, and ends them on the server when the run wants them to stop.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Output, Failure> {
        reading::is_the_same(job.statement)?;
        reading::is_all_or_none(job.statement)?;
        let ready = tokio::select! {
            biased;
            ready = self.session(job) => ready,
            () = job.call.host.cancelled() => {
                // Nothing was sent yet.
                return Err(Failure { may_have_applied: false, ..job.cancelled() });
            }
        };
        let Ready {
            mut lease,
            id,
            marker,
        } = ready?;
        let may_change = !job.call.asking && !job.statement.analysis.only_reads();
        let is_marked = may_change && mark(&marker, &mut lease.connection, job).await?;
        let mut session = On {
            connection: &mut lease.connection,
        };
        let work = noticed(transact(&mut session, job), |error| job.failed(error));
        let rows = self.attend(work, id, job).await?;
        // One that is still marked would be ended with the next statement in it.
        if !is_marked || noticed_in(marker.remove(&mut lease.connection)).await.is_ok() {
            lease.give_back();
        }
        Ok(rows.into_output())
    }

    /// Ends what a crash left running of these.
    pub(crate) async fn settle(
        &self,
        handles: &[Handle],
        call: Call<'_>,
        place: &Place<'_>,
    ) -> Result<Settled, Failure> {
        let markers: Vec<Marker> = handles.iter().filter_map(Marker::recorded).collect();
        if markers.is_empty() {
            return Ok(Settled::Nothing);
        }
        let end = async {
            let mut connection = self.reserve.connect(call.transport).await?;
            let mut settled = Settled::Nothing;
            for marker in &markers {
                if marker.end(&mut connection).await? {
                    settled = Settled::Ended;
                }
            }
            Ok(settled)
        };
        let end = noticed_in(end);
        tokio::select! {
            biased;
            settled = end => settled.map_err(|error: sqlx::Error| place.not_connected(&error).maybe_applied()),
            () = call.host.cancelled() => Err(still_runs(call)),
        }
    }

    /// Finds out what the statements would change, in a session that nobody uses before or after.
    pub(crate) async fn preview(&self, job: &Job<'_>) -> Result<Option<Preview>, Failure> {
        reading::is_the_same(job.statement)?;
        reading::is_all_or_none(job.statement)?;
        let session = async {
            let mut connection = self.reserve.connect(job.call.transport).await?;
            let row: MySqlRow = sqlx::query(WHO).fetch_one(&mut connection).await?;
            let (id, version): (u64, String) = (row.try_get_unchecked(0)?, row.try_get_unchecked(2)?);
            bound(&mut connection, &version, job).await?;
            Ok((connection, id))
        };
        let (mut connection, id) = tokio::select! {
            biased;
            session = noticed_in(session) => session.map_err(|error: sqlx::Error| job.place.not_connected(&error))?,
            () = job.call.host.cancelled() => return Err(job.cancelled()),
        };
        let mut trial = Trial {
            connection: &mut connection,
        };
        let work = noticed(look(&mut trial, job), |error| job.failed(error));
        let preview = self.attend(work, id, job).await?;
        // Its end is told, and not waited for where the server does not answer.
        let _told = timeout(CANCEL, connection.close()).await.is_ok();
        Ok(preview)
    }

    /// Waits for some work in a session, and ends it on the server when the run wants it to stop.
    async fn attend<T>(
        &self,
        work: impl Future<Output = Result<T, Failure>>,
        id: u64,
        job: &Job<'_>,
    ) -> Result<T, Failure> {
        let mut work = std::pin::pin!(work);
        let too_late = async {
            match job.limit {
                // What the limit bounds is each statement, and the server ends those that it knows how to end.
                Some(limit) => {
                    let count = u32::try_from(job.statement.parts.len()).unwrap_or(u32::MAX);
                    tokio::time::sleep(limit.saturating_mul(count).saturating_add(LATER)).await;
                }
                None => std::future::pending().await,
            }
        };
        let failure = tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            () = job.call.host.cancelled() => job.cancelled(),
            () = too_late => job.too_long(),
        };
        // Should the server not hear of it, there is nobody left to tell.
        let _heard = timeout(CANCEL, async {
            self.kill_query(id, job).await;
            work.await.is_ok()
        })
        .await
        .is_ok();
        Err(failure)
    }

    /// A connection on which the statements can be run.
    async fn session(&self, job: &Job<'_>) -> Result<Ready<'_>, Failure> {
        let session = async {
            let mut lease = self.reserve.lease(job.call.transport).await?;
            let row: MySqlRow = sqlx::query(WHO).fetch_one(&mut lease.connection).await?;
            let (id, unique, version): (u64, String, String) = (
                row.try_get_unchecked(0)?,
                row.try_get_unchecked(1)?,
                row.try_get_unchecked(2)?,
            );
            bound(&mut lease.connection, &version, job).await?;
            if !job.read_only {
                let connection = &mut lease.connection;
                On { connection }.allow_writing().await?;
            }
            let marker = Marker::new(&unique);
            Ok(Ready { lease, id, marker })
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

    async fn kill_query(&self, id: u64, job: &Job<'_>) {
        if let Ok(mut second) = self.reserve.connect(job.call.transport).await {
            let _heard = sqlx::query(KILL_QUERY)
                .bind(id)
                .execute(&mut second)
                .await
                .is_ok();
        }
    }
}

/// Sets how long a statement may take in this session.
async fn bound(connection: &mut MySqlConnection, version: &str, job: &Job<'_>) -> sqlx::Result<()> {
    let limit = job.limit.unwrap_or_default();
    let query = if version.contains("MariaDB") {
        sqlx::query(LIMIT_ON_MARIADB).bind(limit.as_secs_f64())
    } else {
        sqlx::query(LIMIT_ON_MYSQL).bind(u64::try_from(limit.as_millis()).unwrap_or(u64::MAX))
    };
    query.execute(connection).await.map(drop)
}

fn shown(options: &MySqlConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("{}/{database}", socket.display()),
        None => format!("{}:{}/{database}", options.get_host(), options.get_port()),
    }
}

/// Marks a session, so that what a crash leaves running there is found. Whether that can be done.
async fn mark(marker: &Marker, connection: &mut MySqlConnection, job: &Job<'_>) -> Result<bool, Failure> {
    let set = noticed_in(marker.set(connection)).await;
    let is_marked = set.map_err(|error| job.place.not_connected(&error))?;
    if is_marked {
        job.call.host.record(marker.handle()).await?;
    } else {
        job.call.host.write(Stream::Stderr, UNMARKED.as_bytes()).await?;
    }
    Ok(is_marked)
}

/// Encrypted, and with a server that shows who it is.
fn encrypted(options: MySqlConnectOptions, tls: &Tls) -> MySqlConnectOptions {
    let mut options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
    if let Some(ca) = &tls.ca {
        options = options.ssl_ca_from_pem(ca.clone());
    }
    if let Some((cert, key)) = &tls.own {
        options = options
            .ssl_client_cert_from_pem(cert)
            .ssl_client_key_from_pem(key);
    }
    options
}

/// That what was interrupted is still there when the time is over or the run stops.
fn still_runs(call: Call<'_>) -> Failure {
    let kind = if call.host.remaining().is_some_and(|left| left.is_zero()) {
        ErrorKind::Timeout
    } else {
        ErrorKind::Cancelled
    };
    Failure::new(
        kind,
        "the session of the interrupted attempt may still be running",
    )
    .help("find it with `SHOW PROCESSLIST`, end it with `KILL`, and resume the run again")
    .maybe_applied()
}
