//! How the run tells work to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// How urgently something is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Stop, with the time it takes to end well.
    Stop = 1,
    /// Stop at once.
    Now = 2,
}

/// A signal to stop that is only ever raised. Clones share it. Whoever waits is woken in the order of waiting,
/// so that the same run has the same trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// 0: go on.
    urgency: AtomicU8,
    raised: Notify,
}

impl Brake {
    /// Raises it to this urgency, unless it is there already.
    pub(crate) fn raise(&self, urgency: Urgency) {
        self.0.urgency.fetch_max(urgency as u8, Ordering::SeqCst);
        self.0.raised.notify_waiters();
    }

    /// Whether work is to stop.
    pub(crate) fn is_raised(&self) -> bool {
        self.reaches(Urgency::Stop)
    }

    /// Whether work is to stop at least so urgently.
    pub(crate) fn reaches(&self, urgency: Urgency) -> bool {
        self.0.urgency.load(Ordering::SeqCst) >= urgency as u8
    }

    /// Returns when work is to stop at least so urgently.
    pub(crate) async fn reached(&self, urgency: Urgency) {
        loop {
            let notified = self.0.raised.notified();
            tokio::pin!(notified);
            // From here on no raise is missed.
            notified.as_mut().enable();
            if self.reaches(urgency) {
                return;
            }
            notified.await;
        }
    }
}
