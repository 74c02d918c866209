//! Reading a run: along the chain, and through the fold.

use std::fs::File;
use std::path::{Path, PathBuf};

use runbook_event::{Record, RunState};

use crate::chain::{self, Parts};
use crate::diagnose::{Place, diagnose};
use crate::error::{Bad, Error, Fault};
use crate::layout;
use crate::lines::{Line, Lines, parse};
use crate::readings::{self, Note};

/// A run, as it was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// All that happened.
    pub records: Vec<Record>,
    /// What it led to.
    pub state: RunState,
    /// The hash of the last line.
    pub head: String,
    /// Whether the file stops within a line, as after a crash. What there is of that line is not read.
    pub torn: bool,
}

/// Reads a run. Fails at the first line that is not as it was written, and if there is none.
pub fn read(run_dir: &Path) -> Result<Run, Error> {
    let mut walk = Walk::open(run_dir)?;
    Ok(Run {
        records: walk.rest()?,
        head: walk.head,
        torn: walk.torn.is_some(),
        state: walk.state,
    })
}

/// Goes along a journal, and holds what is known so far.
#[derive(Debug)]
pub(crate) struct Walk {
    pub(crate) path: PathBuf,
    lines: Lines,
    /// The hash of the last line.
    pub(crate) head: String,
    /// What the records so far led to.
    pub(crate) state: RunState,
    /// The number of the line in which the file stops.
    pub(crate) torn: Option<u64>,
    /// What the last line says of the file of readings.
    pub(crate) note: Option<Note>,
}

impl Walk {
    pub(crate) fn open(run_dir: &Path) -> Result<Self, Error> {
        let path = run_dir.join(layout::JOURNAL);
        let file = File::open(&path).map_err(|source| Error::io(&path, source))?;
        Ok(Self {
            lines: Lines::new(file, &path),
            path,
            head: chain::START.to_owned(),
            state: RunState::new(),
            torn: None,
            note: None,
        })
    }

    /// The number of the last line, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.lines.number()
    }

    /// Where the last whole line ended, in bytes from the beginning.
    pub(crate) fn whole(&self) -> u64 {
        self.lines.whole()
    }

    /// The next record, after it was checked and folded.
    pub(crate) fn next(&mut self) -> Result<Option<Record>, Error> {
        let bytes = match self.lines.next()? {
            None => return Ok(None),
            Some(Line::Torn(bytes)) => {
                let overwritten = bytes.split_last().and_then(|(_, rest)| chain::split(rest));
                let overwritten = overwritten.is_some_and(|parts| parts.follows(&self.head));
                let line = self.lines.number();
                if overwritten {
                    let text = format!("line {line} was changed: its end of line is another byte");
                    return Err(self.bad(Fault::Changed, text));
                }
                self.torn = Some(line);
                return Ok(None);
            }
            Some(Line::Whole(bytes)) => bytes,
        };
        let Some(Parts { hash, .. }) = chain::split(bytes).filter(|parts| parts.follows(&self.head)) else {
            let place = Place {
                path: &self.path,
                seq: self.state.next_seq(),
                previous: &self.head,
            };
            let bad = diagnose(&place, bytes)?;
            return Err(Error::Bad {
                path: self.path.clone(),
                bad,
            });
        };
        let head = hash.to_owned();
        let parsed = parse::<Record>(bytes);
        let speaks = |record: &Record| readings::notes(&record.event);
        self.note = (parsed.as_ref().is_ok_and(speaks))
            .then(|| readings::noted(bytes))
            .flatten();
        let line = self.lines.number();
        let record = parsed
            .map_err(|error| self.bad(Fault::NotRecord, format!("line {line} is not a record: {error}")))?;
        if let Err(error) = self.state.apply(&record) {
            let text = format!("line {line} cannot follow what came before: {error}");
            return Err(self.bad(Fault::Misfit, text));
        }
        self.head = head;
        Ok(Some(record))
    }

    /// All records from here on. There must have been one.
    pub(crate) fn rest(&mut self) -> Result<Vec<Record>, Error> {
        let mut records = Vec::new();
        while let Some(record) = self.next()? {
            records.push(record);
        }
        self.not_empty()?;
        Ok(records)
    }

    /// At the end: whether there was a record at all. A run without one was never written, or was emptied.
    pub(crate) fn not_empty(&self) -> Result<(), Error> {
        if self.state.run().is_some() {
            return Ok(());
        }
        Err(Error::Bad {
            path: self.path.clone(),
            bad: Bad {
                line: 1,
                fault: Fault::Cut,
                text: "line 1 is missing: the journal has no record".to_owned(),
            },
        })
    }

    /// An error about the last line.
    pub(crate) fn bad(&self, fault: Fault, text: String) -> Error {
        Error::Bad {
            path: self.path.clone(),
            bad: Bad {
                line: self.lines.number(),
                fault,
                text,
            },
        }
    }
}
