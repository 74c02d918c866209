//! Who hears of a run's head while it goes on: what is kept elsewhere, or signed, proves later that nothing was taken away.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use runbook_action::Effect;
use runbook_event::{Event, JournalError, Record};

use crate::append::fault;

/// A point in a run: all up to it is what its head says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The run.
    pub run: String,
    /// The number of its last record.
    pub seq: u64,
    /// The hash of that record's line.
    pub head: String,
    /// When that record was noted.
    pub at: Timestamp,
}

/// Keeps a head where who can change the run cannot change it.
pub trait Witness: Send {
    /// Keeps it. It may take as long as a disk does, not as long as a network may.
    fn hear(&mut self, mark: &Mark) -> Result<(), String>;

    /// Whether nothing more may happen where it cannot keep one.
    fn is_required(&self) -> bool;
}

/// What witnesses could not keep, for whoever tells of the run. It is shared with the writer.
#[derive(Debug, Clone, Default)]
pub struct Unheard(Arc<Mutex<Vec<String>>>);

impl Unheard {
    fn add(&self, why: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&why) {
            all.push(why);
        }
    }

    /// Each reason, once.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The witnesses of a run.
pub(crate) struct Witnesses {
    all: Vec<Box<dyn Witness>>,
    unheard: Unheard,
    /// The run, and its last record once there is something new to hear.
    run: String,
    last: Option<(u64, Timestamp)>,
    is_due: bool,
    has_changed: bool,
}

impl fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witnesses")
            .field("count", &self.all.len())
            .field("is_due", &self.is_due)
            .finish_non_exhaustive()
    }
}

impl Witnesses {
    pub(crate) fn none(run: &str) -> Self {
        Self {
            all: Vec::new(),
            unheard: Unheard::default(),
            run: run.to_owned(),
            last: None,
            is_due: false,
            has_changed: false,
        }
    }

    pub(crate) fn take(&mut self, witnesses: Vec<Box<dyn Witness>>, unheard: Unheard) {
        self.all = witnesses;
        self.unheard = unheard;
    }

    /// Looks whether this is something to hear of.
    pub(crate) fn saw(&mut self, record: &Record) {
        self.last = Some((record.seq, record.at));
        if matches!(
            record.event,
            Event::PhaseStarted { within: None, .. } | Event::RunResumed(_) | Event::RunEnded { .. }
        ) {
            self.is_due = true;
        }
        let (Event::AttemptStarted { intent, .. }
        | Event::ThenStarted { intent, .. }
        | Event::UndoStarted { intent, .. }) = &record.event
        else {
            return;
        };
        if intent.effect != Effect::Read && !self.has_changed {
            self.has_changed = true;
            self.is_due = true;
        }
    }

    /// Tells them, once all up to `head` is durable.
    pub(crate) fn hear(&mut self, head: &str) -> Result<(), JournalError> {
        let Some((seq, at)) = self.last.filter(|_| self.is_due) else {
            return Ok(());
        };
        self.is_due = false;
        let mark = Mark {
            run: self.run.clone(),
            seq,
            head: head.to_owned(),
            at,
        };
        for witness in &mut self.all {
            if let Err(why) = witness.hear(&mark) {
                if witness.is_required() {
                    return Err(fault("the run's head".as_ref(), why));
                }
                self.unheard.add(why);
            }
        }
        Ok(())
    }
}
