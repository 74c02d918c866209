//! The real clock.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use runbook_engine::Clock;
use tokio::time::Instant;

/// The machine's time.
pub(crate) struct SystemClock {
    begun: Instant,
}

impl SystemClock {
    pub(crate) fn new() -> Self {
        Self {
            begun: Instant::now(),
        }
    }
}

/// The time of day.
#[expect(
    clippy::disallowed_methods,
    reason = "this is the real clock; everything else is handed one"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        now()
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }

    async fn wait_until(&self, until: Duration) {
        tokio::time::sleep_until(self.begun + until).await;
    }
}
