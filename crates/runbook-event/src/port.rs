//! The ports through which a run is kept and watched.

use runbook_action::Stream;
use thiserror::Error;

use crate::{CheckSite, OutputRef, Reading, Record, RunState};

/// Keeps a run. Write-ahead: if it fails, the run stops.
pub trait Journal: Send {
    /// Adds a record. It is written when this returns, and durable after the next [`Journal::sync`].
    fn append(&mut self, record: &Record) -> Result<(), JournalError>;

    /// Makes durable all that was appended.
    fn sync(&mut self) -> Result<(), JournalError>;

    /// Keeps a reading that is no event, for whoever draws all of them. Best effort in time, not in loss.
    fn reading(
        &mut self,
        at: jiff::Timestamp,
        site: &CheckSite,
        reading: &Reading,
    ) -> Result<(), JournalError>;

    /// Opens a place for what an attempt prints. Nothing is created until something is written.
    fn output(&self, name: &OutputName) -> Box<dyn OutputWriter>;
}

/// Whose output it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputName {
    /// The step.
    pub step: String,
    /// Which part of it: `1` for the first attempt, `undo`.
    pub part: String,
}

/// Takes one attempt's output, already masked.
pub trait OutputWriter: Send {
    /// Adds bytes to a stream.
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), JournalError>;

    /// Closes it and says what it holds, one entry for each stream that was written.
    fn finish(self: Box<Self>) -> Result<Vec<OutputRef>, JournalError>;
}

/// Encrypts what a run keeps and nobody may read in its journal: secret inputs, secret captures, inverses.
pub trait Vault: Send + Sync {
    /// Encrypts a value. What comes back is text for a journal, another one each time.
    fn seal(&self, plain: &[u8]) -> Result<String, JournalError>;

    /// Decrypts what was sealed for this run. None if it was changed, is another run's, or the key is gone.
    fn open(&self, sealed: &str) -> Option<Vec<u8>>;
}

/// Watches a run as it happens. Best effort: it cannot stop or delay it.
pub trait Observer: Send {
    /// Something happened; `state` is what it led to.
    fn event(&mut self, record: &Record, state: &RunState);

    /// Something is going on that is no event.
    fn progress(&mut self, progress: &Progress<'_>);
}

/// What is going on between events.
#[derive(Debug, Clone, Copy)]
pub enum Progress<'a> {
    /// A check gave a reading that is no event.
    Reading {
        /// Which.
        site: &'a CheckSite,
        /// What it read.
        reading: &'a Reading,
    },
    /// A step printed something (masked).
    Output {
        /// Which.
        step: &'a str,
        /// On which stream.
        stream: Stream,
        /// What.
        bytes: &'a [u8],
    },
}

/// The journal could not keep what it was given.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("cannot write `{path}`: {reason}")]
pub struct JournalError {
    /// The file.
    pub path: String,
    /// What the operating system said.
    pub reason: String,
}
