//! How the run tells work to stop.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::Notify;

/// How urgently something is to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Urgency {
    /// Stop, with the time it takes to end well.
    Stop = 1,
    /// Stop at once.
    Now = 2,
}

/// A signal to stop that is only ever raised. Clones share it; what is raised is raised for its children too.
/// Whoever waits is woken in the order of waiting, so that the same run has the same trace.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brake(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// 0: go on.
    urgency: AtomicU8,
    raised: Notify,
    children: Mutex<Vec<Weak<Self>>>,
}

impl Inner {
    fn raise(&self, urgency: u8) {
        self.urgency.fetch_max(urgency, Ordering::SeqCst);
        self.raised.notify_waiters();
        let children = self.children.lock().unwrap_or_else(PoisonError::into_inner);
        let alive: Vec<Arc<Self>> = children.iter().filter_map(Weak::upgrade).collect();
        drop(children);
        for child in alive {
            child.raise(urgency);
        }
    }
}

impl Brake {
    /// A brake that this one raises, and that does not raise this one.
    pub(crate) fn child(&self) -> Self {
        let child = Self::default();
        let mut children = self.0.children.lock().unwrap_or_else(PoisonError::into_inner);
        children.retain(|child| child.strong_count() > 0);
        children.push(Arc::downgrade(&child.0));
        child
            .0
            .urgency
            .store(self.0.urgency.load(Ordering::SeqCst), Ordering::SeqCst);
        drop(children);
        child
    }

    /// Raises it to this urgency, unless it is there already.
    pub(crate) fn raise(&self, urgency: Urgency) {
        self.0.raise(urgency as u8);
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

/// Who may stop work: each class has its own signal.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stops {
    /// For work that only reads, and for what comes before an action: a failure elsewhere ends it.
    pub(crate) reads: Brake,
    /// For work that changes something: it ends well, unless the user says otherwise.
    pub(crate) changes: Brake,
}

impl Stops {
    /// Those of something within.
    pub(crate) fn child(&self) -> Self {
        Self {
            reads: self.reads.child(),
            changes: self.changes.child(),
        }
    }

    /// Raises both.
    pub(crate) fn raise(&self, urgency: Urgency) {
        self.reads.raise(urgency);
        self.changes.raise(urgency);
    }
}
