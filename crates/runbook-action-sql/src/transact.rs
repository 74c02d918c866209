//! Statements and transactions: which belong together, and what happens when one fails.

use runbook_action::{ErrorKind, Failure};

use crate::job::Job;
use crate::part::Part;
use crate::rows::Rows;

/// What was taken back with a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakenBack {
    /// All of it.
    All,
    /// Some tables keep what was written to them.
    NotAll,
}

/// A session of a database, on which statements run.
pub(crate) trait Session: Send {
    /// Begins a transaction.
    fn begin(&mut self, job: &Job<'_>) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Ends it, so that its changes stay.
    fn commit(&mut self) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Ends it, so that its changes are gone.
    fn roll_back(&mut self) -> impl Future<Output = sqlx::Result<TakenBack>> + Send;

    /// Runs one statement, and adds its rows.
    fn execute(
        &mut self,
        part: &Part,
        rows: &mut Rows,
        job: &Job<'_>,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Whether this statement is run in a transaction, also where nobody asks for one.
    fn wants_transaction(&self, part: &Part, job: &Job<'_>) -> bool;
}

/// Runs all statements. After a failure the connection is not used again.
pub(crate) async fn transact<S: Session>(session: &mut S, job: &Job<'_>) -> Result<Rows, Failure> {
    let mut rows = Rows::default();
    let parts = &job.statement.parts;
    if job.statement.transaction == Some(true) {
        session.begin(job).await.map_err(|error| job.failed(&error))?;
        for part in parts {
            let outcome = execute(session, part, &mut rows, job).await;
            // Where there is a limit, there is one statement.
            let outcome = outcome.and_then(|()| job.is_within(rows.affected));
            if let Err(failure) = outcome {
                return Err(take_back(session, failure, job).await);
            }
        }
        return commit(session, job).await.map(|()| rows);
    }
    let mut has_changed = false;
    for part in parts {
        let outcome = by_itself(session, part, &mut rows, job).await;
        outcome.map_err(|failure| {
            if has_changed {
                failure.maybe_applied()
            } else {
                failure
            }
        })?;
        has_changed |= !part.analysis.only_reads();
    }
    Ok(rows)
}

/// Runs one statement that stays whatever becomes of the others.
async fn by_itself<S: Session>(
    session: &mut S,
    part: &Part,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Failure> {
    if !session.wants_transaction(part, job) {
        return execute(session, part, rows, job).await;
    }
    session.begin(job).await.map_err(|error| job.failed(&error))?;
    let before = rows.affected;
    let outcome = execute(session, part, rows, job).await;
    let outcome = outcome.and_then(|()| job.is_within(rows.affected - before));
    if let Err(failure) = outcome {
        return Err(take_back(session, failure, job).await);
    }
    commit(session, job).await
}

async fn execute<S: Session>(
    session: &mut S,
    part: &Part,
    rows: &mut Rows,
    job: &Job<'_>,
) -> Result<(), Failure> {
    rows.begin_result();
    let outcome = session.execute(part, rows, job).await;
    outcome.map_err(|failure| job.of_part(part, failure))
}

async fn commit<S: Session>(session: &mut S, job: &Job<'_>) -> Result<(), Failure> {
    session.commit().await.map_err(|error| job.failed(&error))
}

/// Takes back what the transaction did. Where that cannot be asked for any more, the connection is gone, and the
/// database takes it back by itself.
async fn take_back<S: Session>(session: &mut S, failure: Failure, job: &Job<'_>) -> Failure {
    match session.roll_back().await {
        Ok(TakenBack::All) | Err(_) => failure,
        Ok(TakenBack::NotAll) if job.statement.analysis.only_reads() => failure,
        Ok(TakenBack::NotAll) => Failure {
            kind: ErrorKind::Other,
            message: format!(
                "{}, but not all of it: some tables take nothing back",
                failure.message
            ),
            ..failure
        }
        .maybe_applied(),
    }
}
