//! Time, as an argument.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Tells the time and waits. Tests bring their own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// The time of day, in UTC: for people, and for deadlines that outlive a crash.
    fn now(&self) -> Timestamp;

    /// A clock that never goes back: for durations.
    fn monotonic(&self) -> Duration;

    /// Waits until [`Clock::monotonic`] has reached `until`.
    async fn wait_until(&self, until: Duration);
}
