//! The wall clock, for the times that the service shows to people. Durations use `tokio::time::Instant`.

use jiff::Timestamp;

/// The present time as RFC 3339.
#[expect(clippy::disallowed_methods, reason = "the lab is outside the engine's clock")]
pub(crate) fn now() -> String {
    Timestamp::now().to_string()
}
