//! A file that only grows, by whole lines.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use runbook_event::JournalError;

use crate::layout;

/// A file that only grows, by whole lines. After the first failure it takes nothing more: what follows a
/// gap would be told as if there were none.
#[derive(Debug)]
pub(crate) struct Appender {
    file: File,
    path: PathBuf,
    len: u64,
    dirty: bool,
    broken: Option<JournalError>,
}

impl Appender {
    /// Creates the file. It must not be there.
    pub(crate) fn create(path: PathBuf) -> io::Result<Self> {
        let file = layout::create_file(&path)?;
        Ok(Self::over(file, path, 0))
    }

    /// Opens a file that is there and cuts it to its first `len` bytes. That is durable before anything is added,
    /// and so is what was there: whoever was killed may not have come to syncing it.
    pub(crate) fn open(path: PathBuf, len: u64) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(&path)?;
        if file.metadata()?.len() != len {
            file.set_len(len)?;
        }
        file.sync_all()?;
        Ok(Self::over(file, path, len))
    }

    /// Over a file of this length.
    fn over(file: File, path: PathBuf, len: u64) -> Self {
        Self {
            file,
            path,
            len,
            dirty: false,
            broken: None,
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a line. If that fails, what was written of it is cut off again, as far as that is possible.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        self.intact()?;
        match self.file.write_all(line) {
            Ok(()) => {
                self.len += line.len() as u64;
                self.dirty = true;
                Ok(())
            }
            Err(error) => {
                let reason = match self.file.set_len(self.len) {
                    Ok(()) => error.to_string(),
                    Err(_) => format!("{error}; its last line may be torn"),
                };
                Err(self.fail(reason))
            }
        }
    }

    /// Makes durable what was added since the last time.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        self.intact()?;
        if self.dirty {
            // After a failed sync nobody knows what is on the disk, and asking again would not tell.
            if let Err(error) = self.file.sync_data() {
                return Err(self.fail(error.to_string()));
            }
            self.dirty = false;
        }
        Ok(())
    }

    fn intact(&self) -> Result<(), JournalError> {
        match &self.broken {
            None => Ok(()),
            Some(error) => Err(error.clone()),
        }
    }

    fn fail(&mut self, reason: String) -> JournalError {
        let error = fault(&self.path, reason);
        self.broken = Some(error.clone());
        error
    }
}

/// A failure to keep something at `path`.
pub(crate) fn fault(path: &Path, reason: impl Into<String>) -> JournalError {
    JournalError {
        path: path.display().to_string(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_an_error_with_the_path_and_the_end_of_writing() {
        let file = OpenOptions::new().write(true).open("/dev/full").unwrap();
        let mut appender = Appender::over(file, PathBuf::from("run/journal.jsonl"), 0);
        let error = appender.append(b"{}\n").unwrap_err();
        assert_eq!(error.path, "run/journal.jsonl");
        assert!(error.reason.contains("No space left"), "{error}");
        assert_eq!(appender.append(b"{}\n"), Err(error.clone()));
        assert_eq!(appender.sync(), Err(error));
    }
}
