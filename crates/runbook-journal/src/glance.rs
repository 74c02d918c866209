//! What the first and the last line of a journal tell: enough to list, to sort and to choose among thousands of runs.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{Commit, Event, Outcome, Record, RunStarted, RunbookRef, Who};

use crate::chain;
use crate::error::Error;
use crate::layout;
use crate::lines::{Line, Lines, parse};
use crate::list::{Summary, is_running, named_time, names, summarize};

/// How much of the end is read at first, in bytes. An end is a short line.
const TAIL: u64 = 4096;

/// A run, as its first and its last line tell of it. The lines between them were not looked at.
#[derive(Debug, Clone, PartialEq)]
pub struct Glance {
    /// Its name.
    pub run: String,
    /// Its directory.
    pub dir: PathBuf,
    /// How it began, if the first line can be read.
    pub began: Option<Began>,
    /// When it ended. None while it goes on, or if it was killed: [`Glance::running`] tells which.
    pub ended_at: Option<Timestamp>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// How long it took, in milliseconds by a monotonic clock.
    pub elapsed_ms: Option<u64>,
    /// Whether a process is writing it.
    pub running: bool,
    /// What is wrong with the first or the last line.
    pub error: Option<String>,
}

/// How a run began: what of the first event is not about its steps.
#[derive(Debug, Clone, PartialEq)]
pub struct Began {
    /// When.
    pub at: Timestamp,
    /// The runbook.
    pub runbook: RunbookRef,
    /// The environment of the project file.
    pub environment: Option<String>,
    /// The practice system that stood in for the real one.
    pub practice: Option<String>,
    /// The incident that it is a part of.
    pub incident: Option<String>,
    /// Who began it, and where.
    pub who: Who,
    /// The commit that it was of.
    pub commit: Option<Commit>,
}

impl Glance {
    /// When it began, or when its name says so.
    #[must_use]
    pub fn began_at(&self) -> Option<Timestamp> {
        let began = self.began.as_ref().map(|began| began.at);
        began.or_else(|| named_time(&self.run))
    }

    /// The same run, read to its end.
    #[must_use]
    pub fn summary(&self) -> Summary {
        summarize(self.dir.clone(), self.run.clone())
    }
}

/// All runs, the newest first, each by its first and last line. One that cannot be read is among them, with the reason.
pub fn glances(runs_dir: &Path) -> Result<Vec<Glance>, Error> {
    let mut runs: Vec<Glance> = names(runs_dir)?
        .into_iter()
        .map(|name| glance(runs_dir.join(&name), name))
        .collect();
    runs.sort_by(|a, b| (b.began_at(), &b.run).cmp(&(a.began_at(), &a.run)));
    Ok(runs)
}

fn glance(dir: PathBuf, run: String) -> Glance {
    // Before the journal is read: a run that ends in between has an outcome.
    let running = is_running(&dir);
    let path = dir.join(layout::JOURNAL);
    let mut glance = Glance {
        run,
        dir,
        began: None,
        ended_at: None,
        outcome: None,
        elapsed_ms: None,
        running,
        error: None,
    };
    match first(&path) {
        Ok((at, started)) => glance.began = Some(began(at, *started)),
        Err(why) => glance.error = Some(why),
    }
    match last(&path) {
        Ok(Some(record)) => {
            if let Event::RunEnded { outcome, elapsed_ms } = record.event {
                glance.ended_at = Some(record.at);
                glance.outcome = Some(outcome);
                glance.elapsed_ms = Some(elapsed_ms);
            }
        }
        Ok(None) => {}
        Err(why) => glance.error = glance.error.or(Some(why)),
    }
    glance
}

fn began(at: Timestamp, started: RunStarted) -> Began {
    Began {
        at,
        runbook: started.runbook,
        environment: started.environment,
        practice: started.practice,
        incident: started.incident,
        who: started.who,
        commit: started.commit,
    }
}

fn first(path: &Path) -> Result<(Timestamp, Box<RunStarted>), String> {
    let told = |error: io::Error| Error::io(path, error).to_string();
    let file = File::open(path).map_err(told)?;
    let mut lines = Lines::new(file, path);
    let wrong = |what: &str| format!("`{}`: line 1 {what}", path.display());
    let Some(Line::Whole(bytes)) = lines.next().map_err(|error| error.to_string())? else {
        return Err(wrong("is missing: the journal has no record"));
    };
    if !chain::split(bytes).is_some_and(|parts| parts.follows(chain::START)) {
        return Err(wrong("was changed: its hash does not match its bytes"));
    }
    let record: Record = parse(bytes).map_err(|error| wrong(&format!("is not a record: {error}")))?;
    let Event::RunStarted(started) = record.event else {
        return Err(wrong("does not begin a run"));
    };
    Ok((record.at, started))
}

/// The last line that tells how the run stands: what people wrote after it, and what is only to be known, is passed over.
/// None if there is only the first.
fn last(path: &Path) -> Result<Option<Record>, String> {
    let wrong = |what: &str| format!("`{}`: the last line {what}", path.display());
    let mut wanted = TAIL;
    loop {
        let (tail, is_all) = tail(path, wanted).map_err(|error| Error::io(path, error).to_string())?;
        let mut lines = tail.split(|byte| *byte == b'\n').rev();
        // After the last end of a line there is nothing, or what a crash has torn.
        lines.next();
        let mut line = lines.next();
        while let (Some(this), Some(before)) = (line, lines.next()) {
            let Some(parts) = chain::split(before) else {
                // It may begin before what was read.
                break;
            };
            if !chain::split(this).is_some_and(|this| this.follows(parts.hash)) {
                return Err(wrong("was changed, or the one before it"));
            }
            let record: Record = parse(this).map_err(|error| wrong(&format!("is not a record: {error}")))?;
            if !matches!(record.event, Event::Note(_) | Event::Noted { .. }) {
                return Ok(Some(record));
            }
            line = Some(before);
        }
        if is_all {
            return Ok(None);
        }
        wanted *= 4;
    }
}

/// The end of a file, as much of it as is wanted or there is, and whether that is all of it.
fn tail(path: &Path, wanted: u64) -> io::Result<(Vec<u8>, bool)> {
    let mut file = File::open(path)?;
    let end = file.metadata()?.len();
    let start = end.saturating_sub(wanted);
    file.seek(SeekFrom::Start(start))?;
    let mut read = Vec::new();
    file.by_ref().take(end - start).read_to_end(&mut read)?;
    Ok((read, start == 0))
}
