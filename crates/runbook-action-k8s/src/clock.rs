//! The time, for what a cluster measures by it: how long credentials are good, what is recent, when pods were replaced.

use jiff::Timestamp;

/// What time it is.
#[expect(
    clippy::disallowed_methods,
    reason = "a cluster compares these times with its own, not with those of a run"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
