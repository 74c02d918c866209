//! Writing a run.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use runbook_event::{
    CheckSite, Event, Journal, JournalError, OutputName, OutputWriter, Reading, Record, RunState,
};

use crate::append::{Appender, fault};
use crate::chain;
use crate::claim;
use crate::error::{CreateError, Error, OpenError};
use crate::inbox::Inbox;
use crate::layout;
use crate::lines::unreadable;
use crate::list::is_running;
use crate::output::Outputs;
use crate::readings::{self, Kept};
use crate::walk::Walk;
use crate::witness::{Unheard, Witness, Witnesses};

/// How often it is looked whether a run is free. A process that was killed, or has just let go of it, may have been about
/// to start another one: until that begins, it holds the same files.
const LOOKS: u32 = 100;

/// How soon that is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(10);

/// Writes a run. While it lives, no other process can write that run.
#[derive(Debug)]
pub struct Writer {
    dir: PathBuf,
    journal: Appender,
    readings: Kept,
    head: String,
    next_seq: u64,
    witnesses: Witnesses,
    /// Given back by the operating system when it is closed, whatever becomes of the process.
    _lock: File,
}

/// A run that is gone on with.
#[derive(Debug)]
pub struct Opened {
    /// Adds to it.
    pub writer: Writer,
    /// All that has happened.
    pub records: Vec<Record>,
    /// What it led to.
    pub state: RunState,
    /// How many bytes of a torn last line were cut off, if there was one.
    pub torn: Option<u64>,
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
        layout::create_kept(runs).map_err(at(runs))?;
        let dir = runs.join(run);
        let lock = begin(&dir, run)?;
        for (name, bytes) in pinned {
            let path = dir.join(layout::PINNED).join(name);
            layout::write_file(&path, bytes).map_err(at(&path))?;
        }
        let path = dir.join(layout::JOURNAL);
        let journal = Appender::create(path.clone()).map_err(at(&path))?;
        Inbox::of(&dir).create().map_err(at(&dir))?;
        layout::sync_dir(&dir).map_err(at(&dir))?;
        layout::sync_dir(runs).map_err(at(runs))?;
        Ok(Self {
            readings: Kept::new(dir.join(layout::READINGS)),
            dir,
            journal,
            head: chain::START.to_owned(),
            next_seq: 0,
            witnesses: Witnesses::none(run),
            _lock: lock,
        })
    }

    /// Goes on with a run that is there, for `resume`: takes its lock, checks all of it, and cuts off a last line
    /// that a crash has torn. What may follow is for the state to say, also after an end.
    pub fn open(runs: &Path, run: &str) -> Result<Opened, OpenError> {
        if !layout::is_name(run) {
            let name = run.to_owned();
            return Err(OpenError::Name { name });
        }
        let dir = runs.join(run);
        let lock = reclaim(&dir, run)?;
        let mut walk = Walk::open(&dir)?;
        let records = walk.rest()?;
        let len = walk.whole();
        let found = fs::metadata(&walk.path).map_err(opening(&walk.path))?.len();
        let journal = Appender::open(walk.path.clone(), len).map_err(opening(&walk.path))?;
        let path = dir.join(layout::READINGS);
        let readings = Kept::reopen(path.clone()).map_err(opening(&path))?;
        Inbox::of(&dir).create().map_err(opening(&dir))?;
        layout::sync_dir(&dir).map_err(opening(&dir))?;
        let writer = Self {
            dir,
            journal,
            readings,
            head: walk.head,
            next_seq: walk.state.next_seq(),
            witnesses: Witnesses::none(run),
            _lock: lock,
        };
        Ok(Opened {
            writer,
            records,
            state: walk.state,
            torn: found.checked_sub(len).filter(|cut| *cut > 0),
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

    /// From here on these hear of the run's head: once the first change is about to happen, when a part of the run begins,
    /// and at its end; each time after that is durable.
    pub fn witnessed_by(&mut self, witnesses: Vec<Box<dyn Witness>>, unheard: Unheard) {
        self.witnesses.take(witnesses, unheard);
    }

    /// The number that the next record must have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }
}

impl Journal for Writer {
    fn append(&mut self, record: &Record) -> Result<(), JournalError> {
        let path = self.journal.path();
        if record.seq != self.next_seq {
            let reason = format!("record {} cannot follow, {} would", record.seq, self.next_seq);
            return Err(fault(path, reason));
        }
        let mut object = serde_json::to_vec(record).map_err(|error| fault(path, error.to_string()))?;
        if readings::notes(&record.event) {
            let ends = matches!(record.event, Event::RunEnded { .. });
            if ends {
                // After an end no crash can have taken them, so a file that is shorter then was made shorter.
                self.readings.sync()?;
            }
            if let Some(note) = self
                .readings
                .note(ends || matches!(record.event, Event::RunResumed(_)))
            {
                object.pop();
                object.extend_from_slice(&note);
                object.push(b'}');
            }
        }
        let (line, head) = chain::close(&self.head, object);
        whole(path, &line)?;
        self.journal.append(&line)?;
        self.head = head;
        self.next_seq += 1;
        self.witnesses.saw(record);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), JournalError> {
        self.journal.sync()?;
        self.witnesses.hear(&self.head)
    }

    fn reading(&mut self, at: Timestamp, site: &CheckSite, reading: &Reading) -> Result<(), JournalError> {
        let path = self.dir.join(layout::READINGS);
        let line = readings::line(at, site, reading).map_err(|error| fault(&path, error.to_string()))?;
        whole(&path, &line)?;
        self.readings.append(&line)
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
fn begin(dir: &Path, run: &str) -> Result<File, CreateError> {
    let path = dir.join(layout::LOCK);
    match layout::create_dir(dir) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let run = run.to_owned();
            return Err(if is_running(dir) {
                CreateError::Locked { run }
            } else {
                CreateError::Exists { run }
            });
        }
        Err(error) => return Err(at(dir)(error)),
    }
    let lock = layout::create_file(&path).map_err(at(&path))?;
    // The directory is ours. If someone has the lock, they are looking whether we have it: a moment.
    lock.lock().map_err(at(&path))?;
    Ok(lock)
}

/// Takes the lock of a run that is there.
fn reclaim(dir: &Path, run: &str) -> Result<File, OpenError> {
    // Who creates a run has its lock before there is a journal. Without one there is nothing to go on with, and
    // nothing that may be created here.
    let journal = dir.join(layout::JOURNAL);
    fs::metadata(&journal).map_err(|source| Error::io(&journal, source))?;
    let path = dir.join(layout::LOCK);
    let lock = layout::open_file(&path).map_err(opening(&path))?;
    for _ in 0..LOOKS {
        if claim::take(&lock).map_err(opening(&path))? {
            return Ok(lock);
        }
        thread::sleep(LOOK_AGAIN);
    }
    let run = run.to_owned();
    Err(OpenError::Locked { run })
}

fn opening(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io { path, source }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> CreateError {
    let path = path.to_owned();
    move |source| CreateError::Io { path, source }
}
