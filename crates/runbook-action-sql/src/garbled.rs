//! Answers that make no sense.
//!
//! What reads the answers of a server trusts them: a packet that ends too early, as one that was cut on its way may,
//! makes it panic. That is a failure of one statement and not the end of the run.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// Waits for some work with a connection, which is not to be used again if this fails.
pub(crate) async fn noticed<T, E>(
    work: impl Future<Output = Result<T, E>>,
    failed: impl FnOnce(&sqlx::Error) -> E,
) -> Result<T, E> {
    match AssertUnwindSafe(Box::pin(work)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_panic) => Err(failed(&garbled())),
    }
}

/// The same where the error is the library's.
pub(crate) async fn noticed_in<T>(work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    match AssertUnwindSafe(Box::pin(work)).catch_unwind().await {
        Ok(outcome) => outcome,
        Err(_panic) => Err(garbled()),
    }
}

fn garbled() -> sqlx::Error {
    sqlx::Error::Protocol("the server's answer makes no sense".to_owned())
}
