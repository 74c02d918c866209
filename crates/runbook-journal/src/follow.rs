//! A run that another process writes, followed as it grows.

use std::fs::File;
use std::path::{Path, PathBuf};

use runbook_event::{Record, RunState, TimedReading};

use crate::error::Error;
use crate::layout;
use crate::lines::{Line, Lines, parse};
use crate::walk::Walk;

/// Follows a run: its records, checked and folded as [`read`](crate::read) does, and the readings beside them.
#[derive(Debug)]
pub struct Follower {
    dir: PathBuf,
    walk: Walk,
    readings: Option<Lines>,
    /// How many readings there were so far.
    read: u64,
}

impl Follower {
    /// Begins with the first record.
    pub fn open(run_dir: &Path) -> Result<Self, Error> {
        Ok(Self {
            dir: run_dir.to_owned(),
            walk: Walk::open(run_dir)?,
            readings: None,
            read: 0,
        })
    }

    /// What the records so far led to.
    #[must_use]
    pub fn state(&self) -> &RunState {
        &self.walk.state
    }

    /// The next record; nothing as long as there is none. A line that is not whole yet is read once it is, also where a
    /// crash tore it and whoever goes on with the run writes another in its place.
    pub fn advance(&mut self) -> Result<Option<Record>, Error> {
        if self.walk.torn.is_some() {
            let known = self.walk.state.next_seq();
            self.walk = Walk::open(&self.dir)?;
            while self.walk.state.next_seq() < known {
                if self.walk.next()?.is_none() {
                    return Ok(None);
                }
            }
        }
        self.walk.next()
    }

    /// The readings that came since this was asked last. They are no evidence, so what cannot be read of them is left
    /// out.
    pub fn readings(&mut self) -> Vec<TimedReading> {
        let mut came = Vec::new();
        if self.readings.is_none() {
            self.readings = self.readings_again();
        }
        let Some(lines) = &mut self.readings else {
            return came;
        };
        loop {
            match lines.next() {
                Ok(Some(Line::Whole(bytes))) => {
                    self.read += 1;
                    came.extend(parse(bytes));
                }
                Ok(None) => break,
                Ok(Some(Line::Torn(_))) | Err(_) => {
                    self.readings = None;
                    break;
                }
            }
        }
        came
    }

    /// The file of the readings from the first one on that was not read yet, if there is one.
    fn readings_again(&self) -> Option<Lines> {
        let path = self.dir.join(layout::READINGS);
        let mut lines = Lines::new(File::open(&path).ok()?, &path);
        for _ in 0..self.read {
            lines.next().ok()??;
        }
        Some(lines)
    }
}
