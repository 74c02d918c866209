//! The file of one lock.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{LockInfo, Owner, TakeError};
use crate::chain::hex;

/// The longest text of a lock, in bytes.
const LONGEST: usize = 64 * 1024;

/// The longest file, in bytes: such a text with each byte escaped, and an owner.
const LIMIT: u64 = 512 * 1024;

/// How many digits of a text's digest make the file's name.
const DIGITS: usize = 32;

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    lock: String,
    #[serde(flatten)]
    pub(super) owner: Owner,
}

impl Kept {
    pub(super) fn new(lock: &str, owner: &Owner) -> Result<Self, TakeError> {
        if lock.len() > LONGEST {
            return Err(TakeError::TooLong { bytes: lock.len() });
        }
        Ok(Self {
            lock: lock.to_owned(),
            owner: owner.clone(),
        })
    }

    /// Reads a file. An error is the reason why that cannot be done.
    pub(super) fn read(file: &File, path: &Path) -> Result<Self, String> {
        let mut bytes = Vec::new();
        file.take(LIMIT + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| error.to_string())?;
        if bytes.len() as u64 > LIMIT {
            return Err(format!("it is longer than {LIMIT} bytes"));
        }
        let kept: Self = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        if path
            .file_name()
            .is_none_or(|found| found != name(&kept.lock).as_str())
        {
            return Err("it is the file of another lock".to_owned());
        }
        Ok(kept)
    }

    pub(super) fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = serde_json::to_vec(self)?;
        bytes.push(b'\n');
        if bytes.len() as u64 > LIMIT {
            let reason = "who owns the lock is longer than can be kept";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, reason));
        }
        Ok(bytes)
    }

    pub(super) fn info(self, alive: bool) -> LockInfo {
        LockInfo {
            lock: self.lock,
            owner: self.owner,
            alive,
        }
    }
}

/// The name of a lock's file.
pub(super) fn name(lock: &str) -> String {
    let mut name = hex(&Sha256::digest(lock));
    name.truncate(DIGITS);
    name + ".json"
}

/// Whether a file is called as a lock's.
pub(super) fn is_name(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.and_then(|name| name.strip_suffix(".json"))
        .is_some_and(|stem| stem.len() == DIGITS && stem.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// Whether the file that is open is the one at this path.
pub(super) fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (open.dev(), open.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}
