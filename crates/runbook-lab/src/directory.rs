//! A temporary directory that is removed when its owner goes.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::Error;

/// SQLite may make or remove its side files while the directory goes, which can make one removal fail.
const REMOVALS: u32 = 20;

#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Result<Self, Error> {
        let made = tempfile::Builder::new()
            .prefix("runbook-lab-")
            .tempdir()
            .map_err(Error::Directory)?;
        Ok(Self(made.keep()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        for _ in 0..REMOVALS {
            match fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != ErrorKind::NotFound => {}
                Ok(()) | Err(_) => return,
            }
        }
    }
}
