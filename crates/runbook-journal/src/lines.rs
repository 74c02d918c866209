//! Lines of a file, one at a time.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};

use crate::error::{Bad, Error, Fault};

/// The longest line, in bytes.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A line without its end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Line<'a> {
    /// It had one.
    Whole(&'a [u8]),
    /// It had none: the file stops in it.
    Torn(&'a [u8]),
}

/// Lines of a file, one at a time.
#[derive(Debug)]
pub(crate) struct Lines {
    reader: BufReader<File>,
    path: PathBuf,
    number: u64,
    buffer: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(file: File, path: &Path) -> Self {
        Self {
            reader: BufReader::new(file),
            path: path.to_owned(),
            number: 0,
            buffer: Vec::new(),
        }
    }

    /// The number of the last line, from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn next(&mut self) -> Result<Option<Line<'_>>, Error> {
        self.buffer.clear();
        self.reader
            .by_ref()
            .take(LIMIT + 1)
            .read_until(b'\n', &mut self.buffer)
            .map_err(|source| Error::io(&self.path, source))?;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        self.number += 1;
        if self.buffer.last() == Some(&b'\n') {
            self.buffer.pop();
            return Ok(Some(Line::Whole(&self.buffer)));
        }
        if self.buffer.len() as u64 > LIMIT {
            return Err(self.too_long());
        }
        Ok(Some(Line::Torn(&self.buffer)))
    }

    fn too_long(&self) -> Error {
        let line = self.number;
        Error::Bad {
            path: self.path.clone(),
            bad: Bad {
                line,
                fault: Fault::TooLong,
                text: format!("line {line} is longer than 64 MiB"),
            },
        }
    }
}
