//! What statements would change, found out without changing anything.
//!
//! A transaction that is taken back does not take back everything: a function that ends a session has ended it, a number
//! that a sequence gave is gone, a trigger has told somebody. So a statement is tried only if all of it is known:
//! [`plain`] decides from its text, with the functions of [`pure`], and the [`Bench`] asks the database what the tables
//! are. Anything else is only prepared, which the database does without running it.

pub(crate) mod plain;
mod pure;
mod told;

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Preview};

use self::plain::{Dialect, Plain, Verb};
use self::told::{Doubt, Found};
use crate::job::Job;
use crate::part::Part;
use crate::statement::Mark;

/// How long a statement may take that is only tried.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);

/// What the database looks at when it prepares a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Looks {
    /// Its grammar, and all that it names.
    Names,
    /// Its grammar only.
    Grammar,
    /// Nothing: it would not be prepared, or be run by that.
    Nothing,
}

/// Something in the way of trying a statement that has nothing to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// Somebody else holds a lock.
    Locked,
    /// It takes too long.
    TooLong,
}

impl Held {
    const fn why(self) -> &'static str {
        match self {
            Self::Locked => "somebody else holds a lock that it needs",
            Self::TooLong => "it takes longer than a preview may",
        }
    }
}

/// A session of a database in which statements are looked at.
pub(crate) trait Bench: Send {
    /// Whose statements it takes.
    const DIALECT: Dialect;
    /// How it writes the places of values.
    const MARK: Mark;

    /// Begins a transaction: one in which nothing can be changed, unless something is to be tried.
    fn begin(&mut self, tries: bool) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Takes it back.
    fn take_back(&mut self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What it looks at when it prepares one, whose first word is given in capitals.
    fn looks(&self, word: &str) -> Looks;

    /// Whether an error says that statements of this kind are not prepared.
    fn is_not_prepared(error: &sqlx::Error) -> bool {
        let _ = error;
        false
    }

    /// Lets the database prepare one.
    fn prepare(&mut self, part: &Part, job: &Job<'_>) -> impl Future<Output = Result<(), Trouble>> + Send;

    /// What speaks against trying it, as far as only the database knows.
    fn doubt(
        &mut self,
        sql: &str,
        plain: &Plain,
    ) -> impl Future<Output = sqlx::Result<Option<String>>> + Send;

    /// Runs one that is to be taken back. How many rows it changed.
    fn run(&mut self, part: &Part, job: &Job<'_>) -> impl Future<Output = Result<u64, Trouble>> + Send;

    /// Asks the database for what it would check only at the end of the transaction.
    fn settle(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// What an error says of others.
    fn held(error: &sqlx::Error) -> Option<Held>;
}

/// Why a statement could not be prepared or run.
pub(crate) enum Trouble {
    /// The database says so.
    Database(sqlx::Error),
    /// It was not sent.
    Own(Failure),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::Own(failure)
    }
}

/// Looks at all statements, and tries them if all may be tried. After a failure the session is not used again.
pub(crate) async fn look<B: Bench>(bench: &mut B, job: &Job<'_>) -> Result<Option<Preview>, Failure> {
    let parts = &job.statement.parts;
    let (plains, mut doubt) = read::<B>(job);
    let failed = |error: sqlx::Error| fails::<B>(&error, job);
    match bench.begin(doubt.is_none()).await {
        Ok(()) => {}
        Err(error) => match B::held(&error) {
            Some(held) if doubt.is_none() => {
                let why = held.why().to_owned();
                doubt = Some(Doubt { index: 0, why });
                bench.begin(false).await.map_err(failed)?;
            }
            Some(_) | None => return Err(failed(error)),
        },
    }
    let mut found = Vec::new();
    let mut may_make = false;
    for part in parts {
        let word = job.statement.first_word(part);
        let one = prepare(bench, part, bench.looks(&word), may_make, job).await?;
        if one == Found::Later {
            // On PostgreSQL, a statement that cannot be prepared ends the transaction.
            bench.take_back().await?;
            bench.begin(false).await.map_err(failed)?;
        }
        found.push(one);
        may_make |= !part.analysis.only_reads() && !changes_rows(&word);
    }
    if doubt.is_none() {
        doubt = tried(bench, &plains, &mut found, job).await?;
    }
    bench.take_back().await?;
    if found.iter().all(|found| *found == Found::NotAsked) {
        return Ok(None);
    }
    Ok(Some(told::preview(&found, doubt.as_ref(), job)))
}

/// Whether a statement that begins with this word makes no table, and nothing else that another one may need.
fn changes_rows(word: &str) -> bool {
    matches!(word, "INSERT" | "UPDATE" | "DELETE" | "MERGE" | "REPLACE")
}

/// Whether a statement that begins with this word is about rows of tables.
pub(crate) fn is_about_rows(word: &str) -> bool {
    changes_rows(word) || matches!(word, "SELECT" | "WITH" | "VALUES" | "TABLE")
}

fn sql_of<B: Bench>(part: &Part, job: &Job<'_>) -> String {
    job.statement.sql(part, B::MARK).as_str().to_owned()
}

/// What is to be tried, or the first reason not to try any of it.
fn read<B: Bench>(job: &Job<'_>) -> (Vec<Option<Plain>>, Option<Doubt>) {
    let mut plains = Vec::new();
    for part in &job.statement.parts {
        if part.analysis.only_reads() {
            plains.push(None);
            continue;
        }
        let doubt = |why: String| Doubt {
            index: part.index,
            why,
        };
        if job.read_only {
            return (plains, Some(doubt("the connection is `read_only`".to_owned())));
        }
        match plain::read(&sql_of::<B>(part, job), B::DIALECT) {
            Ok(plain) => plains.push(Some(plain)),
            Err(why) => return (plains, Some(doubt(why))),
        }
    }
    (plains, None)
}

/// Lets the database prepare one statement. One that needs what another makes cannot be prepared before that is run.
async fn prepare<B: Bench>(
    bench: &mut B,
    part: &Part,
    looks: Looks,
    may_make: bool,
    job: &Job<'_>,
) -> Result<Found, Failure> {
    if looks == Looks::Nothing {
        return Ok(Found::NotAsked);
    }
    match bench.prepare(part, job).await {
        Ok(()) if looks == Looks::Grammar => Ok(Found::Grammar),
        Ok(()) if part.analysis.only_reads() => Ok(Found::Reads),
        Ok(()) => Ok(Found::Accepted),
        Err(Trouble::Own(failure)) => Err(failure),
        Err(Trouble::Database(error)) if B::is_not_prepared(&error) => Ok(Found::NotAsked),
        Err(Trouble::Database(error)) if may_make && error.as_database_error().is_some() => Ok(Found::Later),
        Err(Trouble::Database(error)) => Err(job.of_part(part, fails::<B>(&error, job))),
    }
}

/// Tries all of them, if nothing that the database knows speaks against it. Else what does.
async fn tried<B: Bench>(
    bench: &mut B,
    plains: &[Option<Plain>],
    found: &mut [Found],
    job: &Job<'_>,
) -> Result<Option<Doubt>, Failure> {
    let parts = || job.statement.parts.iter().zip(plains);
    for (part, plain) in parts() {
        let Some(plain) = plain else { continue };
        let doubt = bench.doubt(&sql_of::<B>(part, job), plain).await;
        let doubt = doubt.map_err(|error| fails::<B>(&error, job))?;
        if let Some(why) = doubt {
            return Ok(Some(Doubt {
                index: part.index,
                why,
            }));
        }
    }
    let mut last = 0;
    for ((part, plain), found) in parts().zip(found.iter_mut()) {
        let Some(plain) = plain else { continue };
        last = part.index;
        match bench.run(part, job).await {
            Ok(count) => {
                is_within(job, count)?;
                *found = Found::Rows(plain.verb, count);
            }
            Err(trouble) => return given_up::<B>(part, trouble, job).map(Some),
        }
    }
    match (bench.settle().await, job.statement.parts.get(last)) {
        (Err(error), Some(part)) => given_up::<B>(part, error.into(), job).map(Some),
        (Ok(()) | Err(_), _) => Ok(None),
    }
}

/// What it means that a statement could not be tried: others are in the way, or it would fail.
fn given_up<B: Bench>(part: &Part, trouble: Trouble, job: &Job<'_>) -> Result<Doubt, Failure> {
    match trouble {
        Trouble::Own(failure) => Err(failure),
        Trouble::Database(error) => match B::held(&error) {
            Some(held) => Ok(Doubt {
                index: part.index,
                why: held.why().to_owned(),
            }),
            None => Err(job.of_part(part, fails::<B>(&error, job))),
        },
    }
}

/// A failure of the statement, which was never to stay.
fn fails<B: Bench>(error: &sqlx::Error, job: &Job<'_>) -> Failure {
    let failure = job.place.failed(error, true);
    if let Some(held) = B::held(error) {
        return Failure::new(
            ErrorKind::Conflict,
            format!("it cannot be looked at: {}", held.why()),
        );
    }
    if error.as_database_error().is_some() && failure.kind != ErrorKind::Unreachable {
        job.statement.about(failure)
    } else {
        failure
    }
}

/// Running it would fail, where it changes more rows than it may.
fn is_within(job: &Job<'_>, count: u64) -> Result<(), Failure> {
    match job.statement.max_rows {
        Some(max) if count > max => Err(Failure::new(
            ErrorKind::Other,
            format!("would change {count} rows where at most {max} are expected, and be rolled back"),
        )
        .about("max_rows")),
        Some(_) | None => Ok(()),
    }
}
