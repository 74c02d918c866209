//! Removing runs for good, and what is kept of each: a line in a file that only grows.
//!
//! The line is durable before anything is touched. Then the run's directory is moved out of the way at once, and removed
//! there: a crash in between leaves a whole run or none, and what is left of one is removed by whoever prunes next.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{Commit, JournalError, Outcome, RunState, Who};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::append::Appender;
use crate::chain;
use crate::claim;
use crate::error::{Bad, Error, Fault};
use crate::inbox::Inbox;
use crate::layout;
use crate::lines::{Line, Lines, parse};
use crate::walk::Walk;

/// Where it is kept what was pruned.
const KEPT: &str = "pruned.jsonl";

/// Where runs are while they are removed.
const GOING: &str = "pruning";

/// What is kept of a run that was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pruned {
    /// Its place in the file, from 0.
    pub seq: u64,
    /// When it was removed.
    pub at: Timestamp,
    /// Who removed it, and where.
    pub by: Who,
    /// By which rule: `--keep 90d`.
    pub rule: String,
    /// The run.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// Its version.
    pub version: String,
    /// Its title.
    pub title: String,
    /// Its severity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub severity: Option<String>,
    /// The environment that it ran in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// The practice system that stood in for the real one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub practice: Option<String>,
    /// The incident that it was a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<String>,
    /// Who ran it, and where.
    pub who: Who,
    /// The commit that it was of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How long it took, in milliseconds by a monotonic clock.
    pub elapsed_ms: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// How many records its journal had.
    pub records: u64,
    /// The hash of its last line: who has a copy can still prove that it is the one.
    pub head: String,
    /// How much its directory held, in bytes.
    pub bytes: u64,
}

/// A run could not be pruned.
#[derive(Debug, Error)]
pub enum PruneError {
    /// Somebody else prunes.
    #[error("another process is pruning: `{path}` is taken", path = path.display())]
    Busy {
        /// What is taken.
        path: PathBuf,
    },
    /// The name could not be a run's.
    #[error("`{name}` cannot name a run: use letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// It is going on.
    #[error("run `{run}` is being written by another process")]
    Live {
        /// Its name.
        run: String,
    },
    /// It has not ended, or somebody must decide yet.
    #[error("run `{run}` is not over")]
    Open {
        /// Its name.
        run: String,
    },
    /// It could not be read, or is not as it was written. Or the file of what was pruned is not.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// What is kept of it could not be written, so it stays.
    #[error(transparent)]
    Unkept(#[from] JournalError),
    /// The operating system refused.
    #[error("cannot remove `{path}`: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Removes runs. While it lives, no other process does.
#[derive(Debug)]
pub struct Pruner {
    runs: PathBuf,
    keys: PathBuf,
    going: PathBuf,
    kept: Appender,
    head: String,
    next: u64,
    _lock: File,
}

impl Pruner {
    /// Prunes these runs, whose keys are there, in the directory around them all. Removes first what a crash has left of
    /// runs that were on their way.
    pub fn open(state_dir: &Path, runs_dir: &Path, keys_dir: &Path) -> Result<Self, PruneError> {
        layout::create_kept(runs_dir).map_err(at(runs_dir))?;
        let path = state_dir.join(KEPT);
        let lock = layout::open_file(&path).map_err(at(&path))?;
        if !claim::take(&lock).map_err(at(&path))? {
            return Err(PruneError::Busy { path });
        }
        let chain = walk(&path)?;
        let kept = Appender::open(path.clone(), chain.whole).map_err(at(&path))?;
        layout::sync_dir(state_dir).map_err(at(state_dir))?;
        let going = state_dir.join(GOING);
        for left in layout::directories(&going).map_err(at(&going))? {
            let left = going.join(left);
            fs::remove_dir_all(&left).map_err(at(&left))?;
        }
        Ok(Self {
            runs: runs_dir.to_owned(),
            keys: keys_dir.to_owned(),
            going,
            kept,
            head: chain.head,
            next: chain.entries.len() as u64,
            _lock: lock,
        })
    }

    /// Removes a run that is over, and keeps a line of it.
    pub fn prune(
        &mut self,
        run: &str,
        at_time: Timestamp,
        by: Who,
        rule: &str,
    ) -> Result<Pruned, PruneError> {
        if !layout::is_name(run) {
            let name = run.to_owned();
            return Err(PruneError::Name { name });
        }
        let dir = self.runs.join(run);
        let path = dir.join(layout::LOCK);
        let lock = layout::open_file(&path).map_err(at(&path))?;
        if !claim::take(&lock).map_err(at(&path))? {
            let run = run.to_owned();
            return Err(PruneError::Live { run });
        }
        // What somebody wrote and nobody has taken up yet would be lost.
        if !Inbox::of(&dir).waiting()?.is_empty() {
            let run = run.to_owned();
            return Err(PruneError::Open { run });
        }
        let mut walk = Walk::open(&dir)?;
        while walk.next()?.is_some() {}
        walk.not_empty()?;
        let bytes = size(&dir).map_err(at(&dir))?;
        let entry = entry(&walk.state, run).ok_or_else(|| PruneError::Open { run: run.to_owned() })?;
        let entry = Pruned {
            seq: self.next,
            at: at_time,
            by,
            rule: rule.to_owned(),
            head: walk.head,
            bytes,
            ..entry
        };
        self.keep(&entry)?;
        layout::create_dirs(&self.going).map_err(at(&self.going))?;
        let gone = self.going.join(run);
        fs::rename(&dir, &gone).map_err(at(&dir))?;
        layout::sync_dir(&self.runs).map_err(at(&self.runs))?;
        layout::sync_dir(&self.going).map_err(at(&self.going))?;
        let key = self.keys.join(format!("{run}.key"));
        match layout::remove_file(&key) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(PruneError::Io { path: key, source }),
        }
        fs::remove_dir_all(&gone).map_err(at(&gone))?;
        Ok(entry)
    }

    fn keep(&mut self, entry: &Pruned) -> Result<(), PruneError> {
        let path = self.kept.path().to_owned();
        let object = serde_json::to_vec(entry).map_err(|error| PruneError::Io {
            path,
            source: error.into(),
        })?;
        let (line, head) = chain::close(&self.head, object);
        self.kept.append(&line)?;
        self.kept.sync()?;
        self.head = head;
        self.next += 1;
        Ok(())
    }
}

/// What is to be kept of a run, without what its files tell. None if it is not over: whoever removes such a run takes
/// away what somebody must still decide about.
fn entry(state: &RunState, run: &str) -> Option<Pruned> {
    let outcome = state.outcome()?;
    if matches!(outcome, Outcome::Waiting | Outcome::Unknown) {
        return None;
    }
    let started = state.run()?;
    Some(Pruned {
        seq: 0,
        at: state.ended_at()?,
        by: started.who.clone(),
        rule: String::new(),
        run: run.to_owned(),
        runbook: started.runbook.name.clone(),
        version: started.runbook.version.clone(),
        title: started.runbook.title.clone(),
        severity: started.runbook.severity.clone(),
        environment: started.environment.clone(),
        practice: started.practice.clone(),
        incident: started.incident.clone(),
        who: started.who.clone(),
        commit: started.commit.clone(),
        started_at: state.started_at()?,
        ended_at: state.ended_at()?,
        elapsed_ms: state.elapsed_ms().unwrap_or_default(),
        outcome,
        records: state.next_seq(),
        head: String::new(),
        bytes: 0,
    })
}

/// What was pruned, in its order, without what is there nevertheless: a crash came between the line and the removal. Fails
/// at the first line that is not as it was written.
pub fn pruned(state_dir: &Path, runs_dir: &Path) -> Result<Vec<Pruned>, Error> {
    let mut entries = walk(&state_dir.join(KEPT))?.entries;
    entries.retain(|entry| !runs_dir.join(&entry.run).is_dir());
    // Of one that was pruned once more after such a crash, the last line counts.
    let mut last = std::collections::HashMap::new();
    for entry in &entries {
        last.insert(entry.run.clone(), entry.seq);
    }
    entries.retain(|entry| last.get(&entry.run) == Some(&entry.seq));
    Ok(entries)
}

/// The file of what was pruned.
struct Chain {
    entries: Vec<Pruned>,
    head: String,
    whole: u64,
}

fn walk(path: &Path) -> Result<Chain, Error> {
    let mut chain = Chain {
        entries: Vec::new(),
        head: chain::START.to_owned(),
        whole: 0,
    };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(chain),
        Err(source) => return Err(Error::io(path, source)),
    };
    let mut lines = Lines::new(file, path);
    // A torn line is one whose run was not touched.
    while let Some(Line::Whole(bytes)) = lines.next()? {
        let parts = chain::split(bytes).filter(|parts| parts.follows(&chain.head));
        let head = parts.map(|parts| parts.hash.to_owned());
        let entry = parse::<Pruned>(bytes).map_err(|error| error.to_string());
        let line = lines.number();
        let bad = |fault, text| Error::Bad {
            path: path.to_owned(),
            bad: Bad { line, fault, text },
        };
        let Some(head) = head else {
            let text = format!("line {line} was changed, or does not stand where it stood");
            return Err(bad(Fault::Changed, text));
        };
        chain.head = head;
        let entry = entry.map_err(|why| bad(Fault::NotRecord, format!("line {line} is not a run: {why}")))?;
        chain.entries.push(entry);
        chain.whole = lines.whole();
    }
    Ok(chain)
}

/// How much a directory holds, in bytes. Links are not followed.
pub fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() {
            size(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(bytes)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> PruneError {
    let path = path.to_owned();
    move |source| PruneError::Io { path, source }
}
