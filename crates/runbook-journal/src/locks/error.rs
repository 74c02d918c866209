//! Why a lock is not taken, or not taken away.

use std::fmt;
use std::io;
use std::path::PathBuf;

use thiserror::Error;

use super::LockInfo;

/// How many characters of a lock's text an error shows.
const SHOWN: usize = 80;

/// A lock could not be taken.
#[derive(Debug, Error)]
pub enum TakeError {
    /// A process has it.
    #[error("{lock} is held by {0}", lock = shown(&.0.lock))]
    Held(LockInfo),
    /// A run whose process is gone has it: it crashed, or it waits. That run must be gone on with, or the lock
    /// unlocked.
    #[error("{lock} was left by {0}", lock = shown(&.0.lock))]
    Left(LockInfo),
    /// Its file cannot be read, so nobody knows who has it.
    #[error("cannot read the lock's file `{path}`: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Its text is too long.
    #[error("a lock's text of {bytes} bytes is too long: at most 65536 are kept")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// The operating system refused.
    #[error("cannot take the lock `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// A lock could not be taken away.
#[derive(Debug, Error)]
pub enum UnlockError {
    /// Nobody owns it.
    #[error("{} has no owner", shown(lock))]
    Free {
        /// Its text.
        lock: String,
    },
    /// The owner's process lives.
    #[error("{lock} is held by {0}, whose process is alive", lock = shown(&.0.lock))]
    Alive(LockInfo),
    /// Its file cannot be read, so nobody knows who has it.
    #[error("cannot read the lock's file `{path}`: {reason}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The operating system refused.
    #[error("cannot remove the lock's file `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

/// Who has it, and since when.
impl fmt::Display for LockInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let owner = &self.owner;
        write!(
            f,
            "run `{}` ({} on {}, process {}, since {:.0})",
            owner.run, owner.user, owner.host, owner.pid, owner.since
        )
    }
}

/// A lock's text on one line, cut where it is long.
fn shown(lock: &str) -> String {
    let mut text: String = lock.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if lock.chars().nth(SHOWN).is_some() {
        text.push('…');
    }
    format!("lock `{text}`")
}
