//! Statements on SQLite.
//!
//! SQLite runs in this process: a statement that is to stop is told so by a flag that SQLite looks at now and then.

mod trial;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use runbook_action::{ErrorKind, Failure, Output, Preview};
use serde_json::Value;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteRow};
use sqlx::{
    Arguments, Column, ConnectOptions, Connection as _, Either, Executor, Row, Statement as _, TypeInfo,
    ValueRef,
};
use tokio::time::timeout;

use self::trial::Trial;
use crate::bind::Bound;
use crate::job::Job;
use crate::part::Part;
use crate::preview::{self, look};
use crate::reserve::{Lease, Reserve};
use crate::rows::Rows;
use crate::statement::Mark;
use crate::transact::{Session, TakenBack, transact};

/// How often SQLite looks at the flag, in its own instructions.
const STEPS: i32 = 1_000;

/// How long a preview waits for others.
const WAIT: Duration = Duration::from_secs(2);

/// How long a statement may take to notice that it is to stop.
const CANCEL: Duration = Duration::from_secs(2);

const BEGIN: &str = "BEGIN";
const BEGIN_IMMEDIATE: &str = "BEGIN IMMEDIATE";
const COMMIT: &str = "COMMIT";
const ROLLBACK: &str = "ROLLBACK";
const QUERY_ONLY: &str = "PRAGMA query_only = ON";
const QUERY_AND_CHANGE: &str = "PRAGMA query_only = OFF";

/// A database in a file, or in memory.
#[derive(Debug)]
pub(crate) struct File {
    reserve: Reserve<SqliteConnection>,
    options: SqliteConnectOptions,
    /// Whether it is in memory, and so only for those who are connected.
    in_memory: bool,
    /// Whether the file is made if it is not there.
    is_made: bool,
    shown: String,
}

impl File {
    /// The file that `url` names, if it names one. A relative one starts at `root`.
    pub(crate) fn at(url: &str, root: &Path) -> Option<Self> {
        let options: SqliteConnectOptions = url.parse().ok()?;
        let shown = options.get_filename().display().to_string();
        let in_memory = url.contains(":memory:") || url.contains("mode=memory");
        let options = if in_memory {
            options
        } else {
            let file = root.join(options.get_filename());
            options.filename(file)
        };
        let options = options.disable_statement_logging();
        Some(Self {
            reserve: Reserve::new(options.clone(), None),
            options,
            in_memory,
            is_made: url.contains("mode=rwc"),
            shown: if in_memory { ":memory:".to_owned() } else { shown },
        })
    }

    /// For messages: the name of the file.
    pub(crate) fn shown(&self) -> String {
        self.shown.clone()
    }

    /// Runs one statement.
    pub(crate) async fn run(&self, job: &Job<'_>) -> Result<Output, Failure> {
        job.statement.has_no_places_like(&['?', '@', '$'])?;
        let flag = Arc::new(AtomicBool::new(false));
        let session = tokio::select! {
            biased;
            session = self.session(job, &flag) => session,
            () = job.call.host.cancelled() => {
                // Nothing was run yet.
                return Err(Failure { may_have_applied: false, ..job.cancelled() });
            }
        };
        let mut lease = session.map_err(|error| job.place.not_connected(&error))?;
        let mut session = On {
            connection: &mut lease.connection,
        };
        let rows = attend(transact(&mut session, job), job.limit, &flag, job).await?;
        lease.give_back();
        Ok(rows.into_output())
    }

    /// Finds out what the statements would change. A file that is not there yet is not made: then they are looked at as
    /// in an empty database.
    pub(crate) async fn preview(&self, job: &Job<'_>) -> Result<Option<Preview>, Failure> {
        job.statement.has_no_places_like(&['?', '@', '$'])?;
        let is_missing = !self.in_memory && !self.options.get_filename().exists();
        let options = if is_missing && self.is_made {
            SqliteConnectOptions::new()
                .in_memory(true)
                .disable_statement_logging()
        } else {
            self.options.clone().create_if_missing(false)
        };
        let flag = Arc::new(AtomicBool::new(false));
        let session = async {
            let mut connection = options.busy_timeout(WAIT).connect().await?;
            watch(&mut connection, &flag).await?;
            Ok(connection)
        };
        let mut connection = tokio::select! {
            biased;
            session = session => session.map_err(|error: sqlx::Error| job.place.not_connected(&error))?,
            () = job.call.host.cancelled() => return Err(job.cancelled()),
        };
        let mut trial = Trial {
            connection: &mut connection,
        };
        let work = look(&mut trial, job);
        // What takes too long is interrupted, and told as such.
        let ring = async {
            tokio::time::sleep(job.limit.unwrap_or(preview::LIMIT)).await;
            flag.store(true, Ordering::Relaxed);
            std::future::pending().await
        };
        let work = async {
            tokio::select! {
                biased;
                preview = work => preview,
                never = ring => never,
            }
        };
        let preview = attend(work, None, &flag, job).await?;
        let _told = timeout(CANCEL, connection.close()).await.is_ok();
        Ok(preview)
    }

    async fn session(
        &self,
        job: &Job<'_>,
        flag: &Arc<AtomicBool>,
    ) -> sqlx::Result<Lease<'_, SqliteConnection>> {
        let mut lease = self.reserve.lease(None).await?;
        let mode = if job.read_only {
            QUERY_ONLY
        } else {
            QUERY_AND_CHANGE
        };
        lease.connection.execute(sqlx::raw_sql(mode)).await?;
        watch(&mut lease.connection, flag).await?;
        Ok(lease)
    }
}

/// Lets SQLite look at the flag.
async fn watch(connection: &mut SqliteConnection, flag: &Arc<AtomicBool>) -> sqlx::Result<()> {
    let stop = Arc::clone(flag);
    let mut handle = connection.lock_handle().await?;
    handle.set_progress_handler(STEPS, move || !stop.load(Ordering::Relaxed));
    Ok(())
}

/// Waits for some work until it ends or is told to.
async fn attend<T>(
    work: impl Future<Output = Result<T, Failure>>,
    limit: Option<Duration>,
    flag: &AtomicBool,
    job: &Job<'_>,
) -> Result<T, Failure> {
    let limit = async {
        match limit {
            Some(limit) => tokio::time::sleep(limit).await,
            None => std::future::pending().await,
        }
    };
    let mut work = std::pin::pin!(work);
    let failure = tokio::select! {
        biased;
        outcome = &mut work => return outcome,
        () = job.call.host.cancelled() => job.cancelled(),
        () = limit => job.too_long(),
    };
    flag.store(true, Ordering::Relaxed);
    // It ends by the flag; what it waits for beside is bounded by itself.
    let _ended = timeout(CANCEL, work).await.is_ok();
    Err(failure)
}

/// A session of ours.
struct On<'c> {
    connection: &'c mut SqliteConnection,
}

impl On<'_> {
    async fn simple(&mut self, sql: &'static str) -> sqlx::Result<()> {
        self.connection.execute(sqlx::raw_sql(sql)).await.map(drop)
    }
}

impl Session for On<'_> {
    async fn begin(&mut self, job: &Job<'_>) -> sqlx::Result<()> {
        let only_reads = job.read_only || job.statement.analysis.only_reads();
        self.simple(if only_reads { BEGIN } else { BEGIN_IMMEDIATE })
            .await
    }

    async fn commit(&mut self) -> sqlx::Result<()> {
        self.simple(COMMIT).await
    }

    async fn roll_back(&mut self) -> sqlx::Result<TakenBack> {
        self.simple(ROLLBACK).await.map(|()| TakenBack::All)
    }

    async fn execute(&mut self, part: &Part, rows: &mut Rows, job: &Job<'_>) -> Result<(), Failure> {
        // A statement before this one may have allowed itself to write.
        if job.read_only && part.index > 0 {
            self.simple(QUERY_ONLY)
                .await
                .map_err(|error| job.failed(&error))?;
        }
        execute(self.connection, part, rows, job).await
    }

    fn wants_transaction(&self, _part: &Part, job: &Job<'_>) -> bool {
        job.statement.max_rows.is_some()
    }
}

async fn execute(
    connection: &mut SqliteConnection,
    part: &Part,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Failure> {
    let arguments = arguments(&job.values_of(part))?;
    let sql = job.statement.sql(part, Mark::Numbered('?'));
    let statement = (&mut *connection)
        .prepare(sql)
        .await
        .map_err(|error| job.failed(&error))?;
    rows.name_columns(statement.columns().iter().map(Column::name));
    let query = statement.query_with(arguments).persistent(false);
    let mut results = connection.fetch_many(query);
    let mut changed = 0;
    while let Some(result) = results.next().await {
        match result.map_err(|error| job.failed(&error))? {
            Either::Left(done) => changed += done.rows_affected(),
            Either::Right(row) => {
                let values = values(&row, rows)?;
                rows.push(values, job.call.host).await?;
            }
        }
    }
    // SQLite tells the count of the last change, also after a statement that changes nothing.
    rows.affected += if part.analysis.counts { changed } else { rows.count };
    Ok(())
}

fn values(row: &SqliteRow, rows: &Rows) -> Result<Vec<Value>, Failure> {
    (0..row.columns().len())
        .map(|index| {
            value(row, index).map_err(|error| {
                let message = format!("the column `{}` cannot be read: {error}", rows.column(index));
                Failure::new(ErrorKind::Protocol, message).maybe_applied()
            })
        })
        .collect()
}

/// A value by its own type, which in SQLite is not that of its column.
fn value(row: &SqliteRow, index: usize) -> sqlx::Result<Value> {
    let raw = row.try_get_raw(index)?;
    if raw.is_null() {
        return Ok(Value::Null);
    }
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        "INTEGER" => Value::from(row.try_get_unchecked::<i64, _>(index)?),
        "REAL" => {
            let float: f64 = row.try_get_unchecked(index)?;
            // JSON has no number for the infinite.
            serde_json::Number::from_f64(float)
                .map_or_else(|| Value::String(float.to_string()), Value::Number)
        }
        "BLOB" => Value::String(STANDARD.encode(row.try_get_unchecked::<Vec<u8>, _>(index)?)),
        _ => {
            let bytes: Vec<u8> = row.try_get_unchecked(index)?;
            Value::String(String::from_utf8_lossy(&bytes).into_owned())
        }
    })
}

fn arguments(values: &[(&str, &Bound)]) -> Result<SqliteArguments, Failure> {
    let mut arguments = SqliteArguments::default();
    for (name, bound) in values {
        let added = match bound {
            Bound::Null => arguments.add(None::<i64>),
            Bound::Bool(value) => arguments.add(*value),
            Bound::Integer(value) => arguments.add(*value),
            Bound::Float(value) => arguments.add(*value),
            Bound::Text(value) => arguments.add(value.clone()),
            Bound::Json(value) => arguments.add(value.to_string()),
            Bound::Bools(_) | Bound::Integers(_) | Bound::Floats(_) | Bound::Texts(_) => {
                return Err(Failure::new(ErrorKind::Other, "SQLite has no lists")
                    .about(format!("bind.{name}"))
                    .help("give a text that holds JSON, and use `json_each(:name)`"));
            }
        };
        added.map_err(|error| {
            Failure::new(ErrorKind::Other, format!("the value cannot be sent: {error}"))
                .about(format!("bind.{name}"))
        })?;
    }
    Ok(arguments)
}
