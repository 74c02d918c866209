//! A journal in memory, which can be told to fail, and an observer that keeps what it is told.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runbook_action::Stream;
use runbook_event::{
    CheckSite, Journal, JournalError, Observer, OutputName, OutputRef, OutputWriter, Progress, Reading,
    Record, RunState,
};
use sha2::{Digest, Sha256};

use crate::crash::Crash;
use crate::tape::{Mark, Tape};

/// What the streams of each part of a step held: by step, part and stream.
pub type Outputs = BTreeMap<(String, String), Vec<(Stream, Vec<u8>)>>;

/// What a journal holds, and how much of it no loss of power takes away.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The records.
    pub records: Vec<Record>,
    /// How many of them are durable.
    pub synced: usize,
}

/// A journal in memory. It writes to a [`Tape`].
#[derive(Debug)]
pub struct MemoryJournal {
    tape: Tape,
    outputs: Arc<Mutex<Outputs>>,
    kept: Arc<Mutex<Kept>>,
    appends_left: Option<usize>,
    syncs_left: Option<usize>,
    crash: Option<Crash>,
}

impl MemoryJournal {
    /// One that never fails.
    #[must_use]
    pub fn new(tape: Tape) -> Self {
        Self {
            tape,
            outputs: Arc::default(),
            kept: Arc::default(),
            appends_left: None,
            syncs_left: None,
            crash: None,
        }
    }

    /// One that goes on with what another process has kept.
    #[must_use]
    pub fn with(mut self, kept: &Arc<Mutex<Kept>>, outputs: &Arc<Mutex<Outputs>>) -> Self {
        (self.kept, self.outputs) = (Arc::clone(kept), Arc::clone(outputs));
        self
    }

    /// The process ends at this append: from then on nothing is kept, and nobody gets a word.
    #[must_use]
    pub fn crashes(mut self, crash: Option<Crash>) -> Self {
        self.crash = crash;
        self
    }

    /// It takes so many records, and then no more.
    #[must_use]
    pub fn appends(mut self, count: Option<usize>) -> Self {
        self.appends_left = count;
        self
    }

    /// It syncs so many times, and then no more.
    #[must_use]
    pub fn syncs(mut self, count: Option<usize>) -> Self {
        self.syncs_left = count;
        self
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the process ends at this append, and whether the record is still kept.
    fn ends(&mut self) -> Option<bool> {
        let crash = self.crash.as_mut()?;
        match crash.appends.checked_sub(1) {
            Some(0) => Some(crash.keeps_last),
            left => {
                crash.appends = left?;
                None
            }
        }
    }

    fn gone() -> JournalError {
        JournalError {
            path: "memory".to_owned(),
            reason: "the process is gone".to_owned(),
        }
    }

    fn spend(&mut self, of: impl Fn(&mut Self) -> &mut Option<usize>) -> Result<(), JournalError> {
        match of(self) {
            Some(0) => {
                self.tape.mark(Mark::Lost);
                Err(JournalError {
                    path: "memory".to_owned(),
                    reason: "no space left".to_owned(),
                })
            }
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

impl Journal for MemoryJournal {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        if self.tape.is_over() {
            return Err(Self::gone());
        }
        self.spend(|journal| &mut journal.appends_left)?;
        let last = self.ends();
        if last != Some(false) {
            self.tape.mark(Mark::Record(Box::new(record.clone())));
            self.kept().records.push(record.clone());
        }
        if last.is_some() {
            self.tape.end();
            return Err(Self::gone());
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        if self.tape.is_over() {
            return Err(Self::gone());
        }
        self.spend(|journal| &mut journal.syncs_left)?;
        self.tape.mark(Mark::Synced);
        let mut kept = self.kept();
        kept.synced = kept.records.len();
        Ok(())
    }

    fn reading(
        &mut self,
        _at: jiff::Timestamp,
        site: &CheckSite,
        reading: &Reading,
    ) -> Result<(), JournalError> {
        if !self.tape.is_over() {
            self.tape.mark(Mark::Reading(site.clone(), reading.clone()));
        }
        Ok(())
    }

    fn output(&self, name: &OutputName) -> Box<dyn OutputWriter> {
        Box::new(MemoryOutput {
            name: (name.step.clone(), name.part.clone()),
            streams: Vec::new(),
            outputs: Arc::clone(&self.outputs),
        })
    }
}

struct MemoryOutput {
    name: (String, String),
    streams: Vec<(Stream, Vec<u8>)>,
    outputs: Arc<Mutex<Outputs>>,
}

impl OutputWriter for MemoryOutput {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), JournalError> {
        match self.streams.iter_mut().find(|(known, _)| *known == stream) {
            Some((_, kept)) => kept.extend_from_slice(bytes),
            None => self.streams.push((stream, bytes.to_vec())),
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<Vec<OutputRef>, JournalError> {
        let refs = self.streams.iter().map(|(stream, bytes)| OutputRef {
            stream: *stream,
            bytes: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            sha256: format!("{:x?}", Sha256::digest(bytes)),
            file: None,
            head: String::from_utf8_lossy(bytes).into_owned(),
            tail: String::new(),
        });
        let refs = refs.collect();
        let mut outputs = self.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        outputs.insert(self.name, self.streams);
        Ok(refs)
    }
}

/// An observer that keeps a text of all it is told, to look for what it should not have been told.
#[derive(Debug, Clone, Default)]
pub struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
}

impl Listener {
    /// All it was told.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn hear(&self, text: String) {
        self.heard
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(text);
    }
}

impl Observer for Listener {
    fn event(&mut self, record: &Record, _state: &RunState) {
        self.hear(format!("{record:?}"));
    }

    fn progress(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Reading { reading, .. } => self.hear(format!("{reading:?}")),
            Progress::Output { bytes, .. } => self.hear(String::from_utf8_lossy(bytes).into_owned()),
        }
    }
}

/// An observer that panics at every event from the third on.
#[derive(Debug)]
pub(crate) struct Rude;

impl Observer for Rude {
    fn event(&mut self, record: &Record, _state: &RunState) {
        if record.seq >= 2 {
            resume_unwind(Box::new("an observer that panics"));
        }
    }

    fn progress(&mut self, _progress: &Progress<'_>) {}
}
