//! What can be wrong with a journal, or stand in the way of one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A run could not be created.
#[derive(Debug, Error)]
pub enum CreateError {
    /// The name could not be a directory's.
    #[error("`{name}` cannot name a run or a pinned file: use letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// There is such a run.
    #[error("run `{run}` exists already")]
    Exists {
        /// Its name.
        run: String,
    },
    /// There is such a run, and it is going on.
    #[error("run `{run}` is being written by another process")]
    Locked {
        /// Its name.
        run: String,
    },
    /// The operating system refused.
    #[error("cannot create `{path}`: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A run could not be gone on with.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The name could not be a run's.
    #[error("`{name}` cannot name a run: use letters, digits, `-`, `_` and `.`")]
    Name {
        /// What was asked for.
        name: String,
    },
    /// It is going on.
    #[error("run `{run}` is being written by another process")]
    Locked {
        /// Its name.
        run: String,
    },
    /// It could not be read, or is not as it was written.
    #[error(transparent)]
    Unreadable(#[from] Error),
    /// The operating system refused.
    #[error("cannot open `{path}` for writing: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A run could not be read, or is not as it was written.
#[derive(Debug, Error)]
pub enum Error {
    /// The operating system refused.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// It is not as it was written.
    #[error("`{path}`: {bad}", path = path.display())]
    Bad {
        /// The journal.
        path: PathBuf,
        /// The first bad line, and what is wrong there.
        bad: Bad,
    },
}

impl Error {
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        Self::Io {
            path: path.to_owned(),
            source,
        }
    }

    /// The first bad line, where that is the matter.
    #[must_use]
    pub fn bad(&self) -> Option<&Bad> {
        match self {
            Self::Io { .. } => None,
            Self::Bad { bad, .. } => Some(bad),
        }
    }
}

/// A bad line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bad {
    /// Which, from 1.
    pub line: u64,
    /// What kind of thing is wrong.
    pub fault: Fault,
    /// What is wrong, with the line's number.
    pub text: String,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What can be wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Its bytes are not those that were written.
    Changed,
    /// One or more lines that stood here are gone.
    Removed,
    /// It was not there.
    Inserted,
    /// It stood elsewhere.
    Moved,
    /// Its hash is right, and yet it is not a record that this program knows.
    NotRecord,
    /// Its hash is right, and yet it cannot have happened after what came before.
    Misfit,
    /// It is longer than any record is.
    TooLong,
    /// The journal is shorter than it was.
    Cut,
    /// A file that it names, of output or of readings, is not as it was.
    Output,
}

/// No run is meant, or more than one.
#[derive(Debug, Error)]
pub enum FindError {
    /// There is none like that.
    #[error("no run is called `{text}`{}", listed("; there are", candidates))]
    None {
        /// What was asked for.
        text: String,
        /// The newest runs, at most 5.
        candidates: Vec<String>,
    },
    /// No run is a part of that incident.
    #[error(
        "no run is a part of incident `{incident}`{}",
        listed("; there are runs of", candidates)
    )]
    NoIncident {
        /// What was asked for.
        incident: String,
        /// Other incidents, at most 5.
        candidates: Vec<String>,
    },
    /// There are several like that.
    #[error("`{text}` could be any of {count} runs{}", listed(":", candidates))]
    Several {
        /// What was asked for.
        text: String,
        /// How many there are.
        count: usize,
        /// The newest of them, at most 5.
        candidates: Vec<String>,
    },
    /// The runs could not be listed.
    #[error(transparent)]
    Unreadable(#[from] Error),
}

fn listed(before: &str, names: &[String]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    format!("{before} {}", names.join(", "))
}
