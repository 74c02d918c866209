//! What happened around the engine, in one order: records, syncs, calls, questions.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_engine::Clock;
use runbook_event::{CheckSite, Reading, Record};

use crate::clock::FakeClock;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// The journal took a record.
    Record(Box<Record>),
    /// The journal took a reading that is no event.
    Reading(CheckSite, Reading),
    /// The journal made durable what it had.
    Synced,
    /// An action was called: its kind and its name.
    Called(&'static str, String),
    /// An action came back: its name, and how.
    Returned(String, Result<(), ErrorKind>),
    /// What a crash left of an action was settled: its name.
    Settled(String),
    /// The journal could not keep something, or the process ended here.
    Lost,
    /// A person was asked about a step.
    Asked(String),
    /// A signal was sent.
    Signal,
}

/// Everything that happened, with its virtual time. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Tape {
    clock: Arc<FakeClock>,
    marks: Arc<Mutex<Vec<(Duration, Mark)>>>,
    over: Arc<AtomicBool>,
    late: Arc<AtomicUsize>,
}

impl Tape {
    /// With this clock.
    #[must_use]
    pub fn new(clock: Arc<FakeClock>) -> Self {
        Self {
            clock,
            marks: Arc::default(),
            over: Arc::default(),
            late: Arc::default(),
        }
    }

    /// The process ends here: whatever its tasks did from now on would be a fault of the harness.
    pub(crate) fn end(&self) {
        self.mark(Mark::Lost);
        self.over.store(true, Ordering::SeqCst);
    }

    /// Whether the process has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.over.load(Ordering::SeqCst)
    }

    /// Another process begins.
    ///
    /// # Panics
    ///
    /// When something happened in the one before after its end.
    pub(crate) fn begin(&self) {
        let late = self.late.load(Ordering::SeqCst);
        assert_eq!(
            late,
            0,
            "things happened after the end of the process: {:?}",
            self.marks()
        );
        self.over.store(false, Ordering::SeqCst);
    }

    /// How much has happened so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing has happened yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Adds what happens now.
    pub fn mark(&self, mark: Mark) {
        if self.is_over() {
            self.late.fetch_add(1, Ordering::SeqCst);
        }
        let now = self.clock.monotonic();
        self.lock().push((now, mark));
    }

    /// All of it so far.
    #[must_use]
    pub fn marks(&self) -> Vec<(Duration, Mark)> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(Duration, Mark)>> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
