//! Which runs there are.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{Outcome, RunState, StepStatus};

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
    /// How it ended. None while it goes on, or if it was killed.
    pub outcome: Option<Outcome>,
    /// How many of its steps are done.
    pub done: usize,
    /// How many steps it has.
    pub total: usize,
    /// Why it cannot be read to its end. The rest is what could be read.
    pub error: Option<String>,
}

/// All runs, the newest first. One that cannot be read is listed with the reason.
pub fn runs(runs_dir: &Path) -> Result<Vec<Summary>, Error> {
    let mut runs: Vec<Summary> = names(runs_dir)?
        .into_iter()
        .map(|name| summary(runs_dir, name))
        .collect();
    runs.sort_by(|a, b| (b.started_at, &b.run).cmp(&(a.started_at, &a.run)));
    Ok(runs)
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

fn names(runs_dir: &Path) -> Result<Vec<String>, Error> {
    layout::directories(runs_dir).map_err(|source| Error::io(runs_dir, source))
}

/// Sorts by when they began, the newest first. Reads one line of each.
fn newest(runs_dir: &Path, names: Vec<String>) -> Vec<String> {
    let began = |name: &str| {
        let mut walk = Walk::open(&runs_dir.join(name)).ok()?;
        walk.next().ok()??;
        walk.state.started_at()
    };
    let mut dated: Vec<(Option<Timestamp>, String)> =
        names.into_iter().map(|name| (began(&name), name)).collect();
    dated.sort_unstable_by(|a, b| b.cmp(a));
    dated.into_iter().map(|(_, name)| name).collect()
}

fn summary(runs_dir: &Path, run: String) -> Summary {
    let dir = runs_dir.join(&run);
    let (state, error) = fold(&dir);
    let runbook = state.run().map(|started| &started.runbook);
    let is_done = |status: StepStatus| status == StepStatus::Done;
    Summary {
        run,
        dir,
        runbook: runbook.map(|runbook| runbook.name.clone()),
        title: runbook.map(|runbook| runbook.title.clone()),
        started_at: state.started_at(),
        ended_at: state.ended_at(),
        outcome: state.outcome(),
        done: state.steps().iter().filter(|step| is_done(step.status)).count(),
        total: state.steps().len(),
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
            Ok(None) if walk.state.run().is_none() => {
                let error = format!("`{}` has no record", walk.path.display());
                return (walk.state, Some(error));
            }
            Ok(None) => return (walk.state, None),
            Err(error) => return (walk.state, Some(error.to_string())),
        }
    }
}
