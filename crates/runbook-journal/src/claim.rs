//! Taking a file for this process, and seeing whether one is taken.
//!
//! The lock is one of the operating system, so it is given back whatever becomes of the process. Whoever only
//! looks takes it shared for a moment, so that those who look do not take each other for an owner, and an owner
//! is never turned away by them.

use std::fs::{File, TryLockError};
use std::io;
use std::thread;

/// How often it is tried again while there is nobody but those who look. Each of them is done at once.
const TRIES: usize = 10_000;

/// Takes a file, until it is closed. Whether that went well: another may have it.
pub(crate) fn take(file: &File) -> io::Result<bool> {
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_taken(file)? {
            return Ok(false);
        }
        thread::yield_now();
    }
    Ok(false)
}

/// Whether someone has taken a file.
pub(crate) fn is_taken(file: &File) -> io::Result<bool> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_look_turn_nobody_away() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mine = File::create(&path).unwrap();
        thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let file = File::open(&path).unwrap();
                (0..20_000).filter(|_| is_taken(&file).unwrap()).count()
            });
            while !looking.is_finished() {
                assert!(take(&mine).unwrap());
                mine.unlock().unwrap();
            }
        });
        assert!(take(&mine).unwrap());
        let other = File::open(&path).unwrap();
        assert!(is_taken(&other).unwrap());
        assert!(!take(&other).unwrap());
    }
}
