//! What a run owns while it runs, and while it waits or lies crashed.
//!
//! ```text
//! LOCKS/<first 32 digits of the SHA-256 of the lock's text>.json   who owns it
//! ```
//!
//! A file says who owns a lock, and outlives a crash. While the owner's process lives, it also holds the operating
//! system's lock on that file, which does not. So a file that nobody holds belongs to a run that crashed or waits,
//! and passes to the process that goes on with that run, or to a person who unlocks it.
//!
//! A file never changes: it is written under another name, held, and then put in its place, so whoever reads one
//! reads all of it. Only who holds a file may remove it or put another one in its place; and since the file that was
//! opened may have been removed before it was held, that it still is the one at its path is looked at afterwards.

mod error;
mod file;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::file::{Kept, is_at};
use crate::{claim, layout};

pub use self::error::{TakeError, UnlockError};

/// How often it is tried again when others were faster.
const TRIES: usize = 1_000;

/// Who owns a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The run.
    pub run: String,
    /// The operating system's user.
    pub user: String,
    /// The machine.
    pub host: String,
    /// Which start of that machine, as its kernel names it.
    pub boot_id: String,
    /// The process.
    pub pid: u32,
    /// Since when.
    pub since: Timestamp,
}

/// A lock that has an owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInfo {
    /// The lock's text.
    pub lock: String,
    /// Who owns it.
    pub owner: Owner,
    /// Whether the owner's process lives. If not, the run crashed, or it waits.
    pub alive: bool,
}

/// A lock's file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableLock {
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub reason: String,
}

/// The locks that have an owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Those that can be read, sorted by their texts.
    pub locks: Vec<LockInfo>,
    /// The files that cannot be read, sorted. They stay, since nobody knows what they protect.
    pub unreadable: Vec<UnreadableLock>,
}

/// A directory of locks. Clones know of each other: what one has taken, another may take for the same run.
#[derive(Debug, Clone)]
pub struct Locks {
    dir: PathBuf,
    mine: Arc<Mutex<Mine>>,
}

/// What this process holds, by file.
type Mine = HashMap<PathBuf, Weak<Hold>>;

/// A lock that this process holds. Dropping it leaves the lock to its run, for whoever goes on with that; only
/// [`Held::release`] lets others have it.
#[derive(Debug)]
pub struct Held {
    hold: Arc<Hold>,
    mine: Arc<Mutex<Mine>>,
    /// Whether nobody owned it before.
    is_new: bool,
}

#[derive(Debug)]
struct Hold {
    lock: String,
    run: String,
    path: PathBuf,
    /// Given back by the operating system when it is closed, whatever becomes of the process.
    file: File,
}

/// What came of one look at a lock.
enum Attempt {
    /// It is ours; and whether nobody owned it before.
    Taken(File, bool),
    /// Others were faster.
    Again,
}

impl Locks {
    /// The locks below this directory. It is created with the first of them.
    #[must_use]
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            mine: Arc::default(),
        }
    }

    /// Takes a lock, if nobody else owns it. What the same run owns passes on: from a process that has gone to the one
    /// that goes on with its run, and within a process to as many as ask.
    pub fn try_take(&self, lock: &str, owner: &Owner) -> Result<Held, TakeError> {
        let kept = Kept::new(lock, owner)?;
        let path = self.dir.join(file::name(lock));
        let mut mine = guard(&self.mine);
        let known = mine.get(&path).and_then(Weak::upgrade);
        if let Some(hold) = known.filter(|hold| hold.run == owner.run) {
            return Ok(self.held(hold, false));
        }
        for _ in 0..TRIES {
            if let Attempt::Taken(file, is_new) = attempt(&path, &kept)? {
                let hold = Arc::new(Hold {
                    lock: lock.to_owned(),
                    run: owner.run.clone(),
                    path: path.clone(),
                    file,
                });
                mine.insert(path, Arc::downgrade(&hold));
                return Ok(self.held(hold, is_new));
            }
        }
        Err(TakeError::Io {
            path,
            source: io::ErrorKind::WouldBlock.into(),
        })
    }

    /// Takes several locks, in the order of their texts: all of them, or none.
    pub fn try_take_all(&self, locks: &[String], owner: &Owner) -> Result<Vec<Held>, TakeError> {
        let mut sorted: Vec<&String> = locks.iter().collect();
        sorted.sort_unstable();
        sorted.dedup();
        let mut taken = Vec::new();
        for lock in sorted {
            match self.try_take(lock, owner) {
                Ok(held) => taken.push(held),
                Err(error) => {
                    for held in taken.into_iter().filter(|held| held.is_new) {
                        // One that cannot be given back stays with this run, and is listed.
                        held.release().ok();
                    }
                    return Err(error);
                }
            }
        }
        Ok(taken)
    }

    /// The locks that have an owner.
    pub fn list(&self) -> io::Result<Listing> {
        let entries = match fs::read_dir(&self.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Listing::default()),
            Err(error) => return Err(error),
        };
        let mut listing = Listing::default();
        for entry in entries {
            let path = entry?.path();
            if !file::is_name(&path) {
                continue;
            }
            match look(&path) {
                Ok(Some((_, kept, alive))) => listing.locks.push(kept.info(alive)),
                // It was released since the directory was read.
                Ok(None) => {}
                Err(reason) => listing.unreadable.push(UnreadableLock { path, reason }),
            }
        }
        listing.locks.sort_unstable_by(|a, b| a.lock.cmp(&b.lock));
        listing.unreadable.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        Ok(listing)
    }

    /// Takes a lock away from a run whose process is gone. A person decides that: the run may have left something
    /// half done, which the lock protects.
    pub fn unlock(&self, lock: &str) -> Result<LockInfo, UnlockError> {
        let path = self.dir.join(file::name(lock));
        let refused = |source| UnlockError::Io {
            path: path.clone(),
            source,
        };
        for _ in 0..TRIES {
            let (file, kept, alive) = match look(&path) {
                Ok(Some(seen)) => seen,
                Ok(None) => {
                    let lock = lock.to_owned();
                    return Err(UnlockError::Free { lock });
                }
                Err(reason) => {
                    let path = path.clone();
                    return Err(UnlockError::Unreadable { path, reason });
                }
            };
            if alive {
                return Err(UnlockError::Alive(kept.info(true)));
            }
            if claim::take(&file).map_err(refused)? && is_at(&file, &path).map_err(refused)? {
                layout::remove_file(&path).map_err(refused)?;
                return Ok(kept.info(false));
            }
        }
        Err(refused(io::ErrorKind::WouldBlock.into()))
    }

    fn held(&self, hold: Arc<Hold>, is_new: bool) -> Held {
        Held {
            hold,
            mine: Arc::clone(&self.mine),
            is_new,
        }
    }
}

impl Held {
    /// The lock's text.
    #[must_use]
    pub fn lock(&self) -> &str {
        &self.hold.lock
    }

    /// Lets others have the lock. Where it was taken several times within this process, the last one does that.
    pub fn release(self) -> io::Result<()> {
        let mut mine = guard(&self.mine);
        let Some(hold) = Arc::into_inner(self.hold) else {
            return Ok(());
        };
        mine.remove(&hold.path);
        // Someone may have taken it away by hand, and then what is there is another's.
        if is_at(&hold.file, &hold.path)? {
            layout::remove_file(&hold.path)?;
        }
        Ok(())
    }
}

/// What a panic elsewhere has left is whole: each change of it is one.
fn guard(mine: &Mutex<Mine>) -> MutexGuard<'_, Mine> {
    mine.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tries once to take a lock.
fn attempt(path: &Path, mine: &Kept) -> Result<Attempt, TakeError> {
    let refused = |source| TakeError::Io {
        path: path.to_owned(),
        source,
    };
    let (file, kept, alive) = match look(path) {
        Ok(Some(seen)) => seen,
        Ok(None) => return create(path, mine).map_err(refused),
        Err(reason) => {
            let path = path.to_owned();
            return Err(TakeError::Unreadable { path, reason });
        }
    };
    if alive {
        return Err(TakeError::Held(kept.info(true)));
    }
    if kept.owner.run != mine.owner.run {
        return Err(TakeError::Left(kept.info(false)));
    }
    if !claim::take(&file).map_err(refused)? || !is_at(&file, path).map_err(refused)? {
        return Ok(Attempt::Again);
    }
    let (new, draft) = hold_draft(path, mine).map_err(refused)?;
    layout::replace(&draft, path).map_err(refused)?;
    Ok(Attempt::Taken(new, false))
}

/// Takes a lock that nobody owns.
fn create(path: &Path, mine: &Kept) -> io::Result<Attempt> {
    let (file, draft) = hold_draft(path, mine)?;
    match layout::place(&draft, path) {
        Ok(()) => Ok(Attempt::Taken(file, true)),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Attempt::Again),
        Err(error) => Err(error),
    }
}

/// A file that is held before anyone can see it.
fn hold_draft(path: &Path, mine: &Kept) -> io::Result<(File, PathBuf)> {
    let dir = path.parent().unwrap_or(Path::new("."));
    layout::create_kept(dir)?;
    let (file, draft) = layout::draft(dir, &mine.bytes()?)?;
    file.lock()?;
    Ok((file, draft))
}

/// What is at a lock's path, if something is, and whether a process holds it. An error is the reason why it cannot
/// be read.
fn look(path: &Path) -> Result<Option<(File, Kept, bool)>, String> {
    for _ in 0..TRIES {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let kept = Kept::read(&file, path)?;
        let alive = claim::is_taken(&file).map_err(|error| error.to_string())?;
        if is_at(&file, path).map_err(|error| error.to_string())? {
            return Ok(Some((file, kept, alive)));
        }
    }
    Err("it is replaced again and again".to_owned())
}
