//! Which runs there are.

use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use runbook_event::{Outcome, RunState};

use crate::claim;
use crate::error::{Error, FindError};
use crate::layout;
use crate::walk::Walk;

/// How many runs an error names.
const NAMED: usize = 5;

/// A run, in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Its name.
    pub run: String,
    /// Its directory.
    pub dir: PathBuf,
    /// The runbook's name, if the first record can be read.
    pub runbook: Option<String>,
    /// The runbook's title, if the first record can be read.
    pub title: Option<String>,
    /// When it began, if the first record can be read.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How it ended. None while it goes on, or if it was killed: [`Summary::running`] tells which.
    pub outcome: Option<Outcome>,
    /// Whether a process is writing it.
    pub running: bool,
    /// How many of its steps are done, without those of `finally` and without those that only hold others.
    pub done: usize,
    /// How many such steps it has, as far as is known: it grows as loops unfold.
    pub total: usize,
    /// Why it cannot be read to its end. The rest is what could be read.
    pub error: Option<String>,
}

/// All runs, the newest first. One that cannot be read is listed with the reason; where not even its beginning
/// can be read, the time in its name is that of its beginning.
pub fn runs(runs_dir: &Path) -> Result<Vec<Summary>, Error> {
    let mut runs: Vec<Summary> = names(runs_dir)?
        .into_iter()
        .map(|name| summary(runs_dir, name))
        .collect();
    let began = |run: &Summary| run.started_at.or_else(|| named_time(&run.run));
    runs.sort_by(|a, b| (began(b), &b.run).cmp(&(began(a), &a.run)));
    Ok(runs)
}

/// Whether a process is writing the run. Without an end and without such a process, a run was killed.
#[must_use]
pub fn is_running(run_dir: &Path) -> bool {
    File::open(run_dir.join(layout::LOCK)).is_ok_and(|lock| claim::is_taken(&lock).unwrap_or(false))
}

/// The directory of the run that `text` means: its name, a part of its name that no other has, or `last` for
/// the newest.
pub fn find(runs_dir: &Path, text: &str) -> Result<PathBuf, FindError> {
    let names = names(runs_dir)?;
    if names.iter().any(|name| name == text) {
        return Ok(runs_dir.join(text));
    }
    let fitting = |name: &String| !text.is_empty() && (text == "last" || name.contains(text));
    let found = newest(
        runs_dir,
        names.iter().filter(|name| fitting(name)).cloned().collect(),
    );
    match found.as_slice() {
        [] => Err(FindError::None {
            text: text.to_owned(),
            candidates: newest(runs_dir, names).into_iter().take(NAMED).collect(),
        }),
        [name, others @ ..] if others.is_empty() || text == "last" => Ok(runs_dir.join(name)),
        several => Err(FindError::Several {
            text: text.to_owned(),
            count: several.len(),
            candidates: several.iter().take(NAMED).cloned().collect(),
        }),
    }
}

/// The directories of the runs of an incident, in the order in which they began. Reads one line of each run.
pub fn of_incident(runs_dir: &Path, incident: &str) -> Result<Vec<PathBuf>, FindError> {
    let mut found: Vec<(Timestamp, PathBuf)> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for name in names(runs_dir)? {
        let dir = runs_dir.join(&name);
        let Some(state) = begun(&dir) else { continue };
        let Some(started) = state.run() else { continue };
        match &started.incident {
            Some(known) if known == incident => found.push((state.started_at().unwrap_or_default(), dir)),
            Some(known) => others.push(known.clone()),
            None => {}
        }
    }
    if found.is_empty() {
        others.sort_unstable();
        others.dedup();
        return Err(FindError::NoIncident {
            incident: incident.to_owned(),
            candidates: others.into_iter().rev().take(NAMED).collect(),
        });
    }
    found.sort();
    Ok(found.into_iter().map(|(_, dir)| dir).collect())
}

/// What the first record of a run leads to, if it can be read.
fn begun(dir: &Path) -> Option<RunState> {
    let mut walk = Walk::open(dir).ok()?;
    walk.next().ok()??;
    Some(walk.state)
}

pub(crate) fn names(runs_dir: &Path) -> Result<Vec<String>, Error> {
    layout::directories(runs_dir).map_err(|source| Error::io(runs_dir, source))
}

/// Sorts by when they began, the newest first. Reads one line of each.
fn newest(runs_dir: &Path, names: Vec<String>) -> Vec<String> {
    let read = |name: &str| begun(&runs_dir.join(name))?.started_at();
    let began = |name: &str| read(name).or_else(|| named_time(name));
    let mut dated: Vec<(Option<Timestamp>, String)> =
        names.into_iter().map(|name| (began(&name), name)).collect();
    dated.sort_unstable_by(|a, b| b.cmp(a));
    dated.into_iter().map(|(_, name)| name).collect()
}

/// The time with which a name begins: `20260504-103000` in UTC.
pub(crate) fn named_time(name: &str) -> Option<Timestamp> {
    let at = DateTime::strptime("%Y%m%d-%H%M%S", name.get(..15)?).ok()?;
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

fn summary(runs_dir: &Path, run: String) -> Summary {
    summarize(runs_dir.join(&run), run)
}

/// A run, read to its end.
pub(crate) fn summarize(dir: PathBuf, run: String) -> Summary {
    // Before the journal is read: a run that ends in between has an outcome.
    let running = is_running(&dir);
    let (state, error) = fold(&dir);
    let runbook = state.run().map(|started| &started.runbook);
    let work = state.work();
    Summary {
        run,
        dir,
        runbook: runbook.map(|runbook| runbook.name.clone()),
        title: runbook.map(|runbook| runbook.title.clone()),
        started_at: state.started_at(),
        ended_at: state.ended_at(),
        outcome: state.outcome(),
        running,
        done: state.done(&work),
        total: work.total(),
        error,
    }
}

/// As far as the journal can be read.
fn fold(dir: &Path) -> (RunState, Option<String>) {
    let mut walk = match Walk::open(dir) {
        Ok(walk) => walk,
        Err(error) => return (RunState::new(), Some(error.to_string())),
    };
    loop {
        match walk.next() {
            Ok(Some(_)) => {}
            Ok(None) => {
                let error = walk.not_empty().err().map(|error| error.to_string());
                return (walk.state, error);
            }
            Err(error) => return (walk.state, Some(error.to_string())),
        }
    }
}
