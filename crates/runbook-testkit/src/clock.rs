//! A clock that jumps: time passes only when every task waits, and then at once to the next moment that
//! somebody waits for.
//!
//! It is tokio's own paused clock, which knows better than any counting of yields when nothing can run. So it
//! works within a runtime from [`runtime`] and nowhere else. Two runs of the same thing see the same times.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use runbook_engine::Clock;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, sleep_until};

/// A runtime with one thread, in which time jumps.
///
/// # Panics
///
/// When the operating system refuses what a runtime needs.
#[must_use]
#[expect(clippy::expect_used, reason = "a test fails by panicking")]
pub fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime on this thread")
}

/// The clock of such a runtime. It begins at midnight of the first of January 2026, when it is first asked. In the
/// runtime of another process it goes on from where it was.
#[derive(Debug, Default)]
pub struct FakeClock {
    /// When this process began, and what had passed by then.
    begun: Mutex<(Option<Instant>, Duration)>,
}

impl FakeClock {
    /// A clock that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The process has ended, and so much time passes until the next one begins. It is called in the runtime of the
    /// one that has ended.
    pub fn pass(&self, down: Duration) {
        let passed = self.monotonic() + down;
        *self.begun.lock().unwrap_or_else(PoisonError::into_inner) = (None, passed);
    }

    fn begun(&self) -> (Instant, Duration) {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        (*begun.0.get_or_insert_with(Instant::now), begun.1)
    }
}

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        let midnight = Timestamp::constant(1_767_225_600, 0);
        let since = SignedDuration::try_from(self.monotonic()).unwrap_or(SignedDuration::ZERO);
        midnight.checked_add(since).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        let (begun, before) = self.begun();
        before + begun.elapsed()
    }

    async fn wait_until(&self, until: Duration) {
        let (begun, before) = self.begun();
        let at = begun + until.saturating_sub(before);
        if Instant::now() < at {
            sleep_until(at).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_jumps_to_whoever_waits_least() {
        let clock = FakeClock::new();
        let order = runtime().block_on(async {
            let mut order = Vec::new();
            let wait = async |hours: u64| {
                clock.wait_until(Duration::from_secs(hours * 3600)).await;
                (hours, clock.now().to_string())
            };
            tokio::join!(async { order.push(wait(50).await) }, async {
                wait(1).await;
            });
            order.push(wait(2).await);
            order
        });
        let at = "2026-01-03T02:00:00Z".to_owned();
        assert_eq!(order, [(50, at.clone()), (2, at)]);
    }

    #[test]
    fn the_clock_of_the_next_process_goes_on() {
        let clock = FakeClock::new();
        runtime().block_on(async {
            clock.wait_until(Duration::from_secs(5)).await;
            clock.pass(Duration::from_secs(10));
        });
        let seen = runtime().block_on(async {
            let begun = clock.monotonic();
            clock.wait_until(Duration::from_secs(20)).await;
            (begun, clock.monotonic())
        });
        assert_eq!(seen, (Duration::from_secs(15), Duration::from_secs(20)));
    }
}
