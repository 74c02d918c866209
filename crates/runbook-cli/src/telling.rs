//! A run as it is told: its records, with all that stands beside them.

use std::path::Path;

use runbook_event::TimedReading;
use runbook_journal::Run;
use runbook_report::Evidence;

use crate::error::Error;

/// A run, read from its directory.
pub(crate) struct Telling {
    /// Its records.
    pub(crate) run: Run,
    readings: Vec<TimedReading>,
    texts: Vec<(String, Vec<u8>)>,
    unread: Vec<&'static str>,
}

impl Telling {
    /// Reads a run. What was changed in its journal is an error; what stands beside it and cannot be read is told as
    /// that, since a report without it is better than none.
    pub(crate) fn of(dir: &Path) -> Result<Self, Error> {
        let run = runbook_journal::read(dir)?;
        let mut unread = Vec::new();
        let readings = runbook_journal::readings(dir).unwrap_or_else(|_| {
            unread.push("readings.jsonl");
            Vec::new()
        });
        let texts = runbook_journal::pinned(dir).unwrap_or_else(|_| {
            unread.push("pinned");
            Vec::new()
        });
        Ok(Self {
            run,
            readings,
            texts,
            unread,
        })
    }

    /// What stands beside the records.
    pub(crate) fn evidence(&self) -> Evidence<'_> {
        Evidence {
            head: &self.run.head,
            readings: &self.readings,
            texts: &self.texts,
            unread: &self.unread,
        }
    }
}
