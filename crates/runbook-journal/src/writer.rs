//! Writing a run.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{CheckSite, Journal, JournalError, OutputName, OutputWriter, Reading, Record};

use crate::append::{Appender, fault};
use crate::chain;
use crate::error::CreateError;
use crate::layout;
use crate::lines::unreadable;
use crate::output::Outputs;
use crate::readings;

/// Writes a run. While it lives, no other process can write that run.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    journal: Appender,
    readings: Option<Appender>,
    head: String,
    next_seq: u64,
    /// Given back by the operating system when it is closed, whatever becomes of the process.
    _lock: File,
}

impl Writer {
    /// Creates the directory of a run below `runs`, with the texts that decide it as (name, bytes). The name of a
    /// pinned text may have `/` between its parts.
    pub fn create(runs: &Path, run: &str, pinned: &[(&str, &[u8])]) -> Result<Self, CreateError> {
        let is_path = |name: &str| name.split('/').all(layout::is_name);
        let mut names = pinned.iter().map(|(name, _)| *name);
        let wrong = if layout::is_name(run) {
            names.find(|name| !is_path(name))
        } else {
            Some(run)
        };
        if let Some(name) = wrong {
            return Err(CreateError::Name {
                name: name.to_owned(),
            });
        }
        layout::create_runs(runs).map_err(at(runs))?;
        let dir = runs.join(run);
        let lock = claim(&dir, run)?;
        for (name, bytes) in pinned {
            let path = dir.join(layout::PINNED).join(name);
            layout::write_file(&path, bytes).map_err(at(&path))?;
        }
        let path = dir.join(layout::JOURNAL);
        let journal = Appender::create(path.clone()).map_err(at(&path))?;
        layout::sync_dir(&dir).map_err(at(&dir))?;
        layout::sync_dir(runs).map_err(at(runs))?;
        Ok(Self {
            dir,
            journal,
            readings: None,
            head: chain::START.to_owned(),
            next_seq: 0,
            _lock: lock,
        })
    }

    /// The run's directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The hash of the last line. Who keeps it elsewhere can later prove that no line is missing.
    #[must_use]
    pub fn head(&self) -> &str {
        &self.head
    }
}

impl Journal for Writer {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let path = self.journal.path();
        if record.seq != self.next_seq {
            let reason = format!("record {} cannot follow, {} would", record.seq, self.next_seq);
            return Err(fault(path, reason));
        }
        let object = serde_json::to_vec(record).map_err(|error| fault(path, error.to_string()))?;
        let (line, head) = chain::close(&self.head, object);
        whole(path, &line)?;
        self.journal.append(&line)?;
        self.head = head;
        self.next_seq += 1;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.journal.sync()
    }

    fn reading(&mut self, at: Timestamp, site: &CheckSite, reading: &Reading) -> Result<(), JournalError> {
        let path = self.dir.join(layout::READINGS);
        let line = readings::line(at, site, reading).map_err(|error| fault(&path, error.to_string()))?;
        whole(&path, &line)?;
        let file = match self.readings.take() {
            Some(file) => file,
            None => Appender::create(path.clone()).map_err(|error| fault(&path, error.to_string()))?,
        };
        self.readings.insert(file).append(&line)
    }

    fn output(&self, name: &OutputName) -> Box<dyn OutputWriter> {
        Box::new(Outputs::new(&self.dir, name))
    }
}

/// Refuses a line that could be written and not be read.
fn whole(path: &Path, line: &[u8]) -> Result<(), JournalError> {
    match unreadable(line.strip_suffix(b"\n").unwrap_or(line)) {
        None => Ok(()),
        Some(reason) => Err(fault(path, reason)),
    }
}

/// Creates the directory and takes its lock.
fn claim(dir: &Path, run: &str) -> Result<File, CreateError> {
    let path = dir.join(layout::LOCK);
    match layout::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let run = run.to_owned();
            return Err(match File::open(&path).map(|lock| lock.try_lock()) {
                Ok(Err(TryLockError::WouldBlock)) => CreateError::Locked { run },
                Ok(Ok(()) | Err(TryLockError::Error(_))) | Err(_) => CreateError::Exists { run },
            });
        }
        Err(error) => return Err(at(dir)(error)),
    }
    let lock = layout::create_file(&path).map_err(at(&path))?;
    // The directory is ours. If someone has the lock, they are looking whether we have it: a moment.
    lock.lock().map_err(at(&path))?;
    Ok(lock)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CreateError {
    let path = path.to_owned();
    move |source| CreateError::Io { path, source }
}
