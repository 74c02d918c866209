//! What programs print: beside the journal, in constant memory.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use runbook_action::Stream;
use runbook_event::{JournalError, OutputName, OutputRef, OutputWriter};
use sha2::{Digest, Sha256};

use crate::append::fault;
use crate::chain::hex;
use crate::layout;

/// How much of a stream's beginning, and of its end, goes into the journal, in bytes.
const SHOWN: usize = 4096;

/// The streams of one attempt.
#[derive(Debug)]
pub(crate) struct Outputs {
    stdout: Kept,
    stderr: Kept,
}

impl Outputs {
    pub(crate) fn new(dir: &Path, name: &OutputName) -> Self {
        let stem = format!("{}.{}", layout::slug(&name.step), layout::slug(&name.part));
        Self {
            stdout: Kept::new(dir, format!("{stem}.stdout"), Stream::Stdout),
            stderr: Kept::new(dir, format!("{stem}.stderr"), Stream::Stderr),
        }
    }
}

impl OutputWriter for Outputs {
    fn write(&mut self, stream: Stream, bytes: &[u8]) -> Result<(), JournalError> {
        match stream {
            Stream::Stdout => self.stdout.write(bytes),
            Stream::Stderr => self.stderr.write(bytes),
        }
    }

    fn finish(self: Box<Self>) -> Result<Vec<OutputRef>, JournalError> {
        let mut refs = Vec::new();
        for kept in [self.stdout, self.stderr] {
            if kept.bytes > 0 {
                refs.push(kept.finish()?);
            }
        }
        Ok(refs)
    }
}

/// One stream.
#[derive(Debug)]
struct Kept {
    dir: PathBuf,
    name: String,
    stream: Stream,
    bytes: u64,
    digest: Sha256,
    /// The first bytes. Until there is a file, all of them.
    head: Vec<u8>,
    /// The last bytes of what is not in `head`.
    tail: Vec<u8>,
    file: Option<(File, PathBuf, String)>,
    broken: Option<JournalError>,
}

impl Kept {
    fn new(dir: &Path, name: String, stream: Stream) -> Self {
        Self {
            dir: dir.to_owned(),
            name,
            stream,
            bytes: 0,
            digest: Sha256::new(),
            head: Vec::new(),
            tail: Vec::new(),
            file: None,
            broken: None,
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.keep(bytes).inspect_err(|error| {
            self.broken = Some(error.clone());
        })
    }

    fn keep(&mut self, bytes: &[u8]) -> Result<(), JournalError> {
        if self.file.is_none() && self.head.len() + bytes.len() > SHOWN {
            self.spill()?;
        }
        if let Some((file, path, _)) = &mut self.file {
            file.write_all(bytes)
                .map_err(|error| fault(path, error.to_string()))?;
        }
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        let (front, rest) = bytes.split_at(bytes.len().min(SHOWN - self.head.len()));
        self.head.extend_from_slice(front);
        let rest = &rest[rest.len().saturating_sub(SHOWN)..];
        self.tail.drain(
            ..(self.tail.len() + rest.len())
                .saturating_sub(SHOWN)
                .min(self.tail.len()),
        );
        self.tail.extend_from_slice(rest);
        Ok(())
    }

    /// Opens the file and puts there what was kept so far.
    fn spill(&mut self) -> Result<(), JournalError> {
        let dir = self.dir.join(layout::OUTPUT);
        layout::create_dirs(&dir).map_err(|error| fault(&dir, error.to_string()))?;
        let (mut file, path, name) = create(&dir, &self.name)?;
        file.write_all(&self.head)
            .map_err(|error| fault(&path, error.to_string()))?;
        self.file = Some((file, path, format!("{}/{name}", layout::OUTPUT)));
        Ok(())
    }

    fn finish(mut self) -> Result<OutputRef, JournalError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        // Text in a journal is UTF-8: what is not can be kept whole only in a file.
        if self.file.is_none() && std::str::from_utf8(&self.head).is_err() {
            self.spill()?;
        }
        if let Some((file, path, _)) = &self.file {
            // The record that names it may say that the run has ended: then a short file counts as changed.
            file.sync_data()
                .and_then(|()| layout::sync_dir(&self.dir.join(layout::OUTPUT)))
                .and_then(|()| layout::sync_dir(&self.dir))
                .map_err(|error| fault(path, error.to_string()))?;
        }
        let cut = self.bytes > self.head.len() as u64;
        Ok(OutputRef {
            stream: self.stream,
            bytes: self.bytes,
            sha256: hex(&self.digest.finalize()),
            file: self.file.map(|(_, _, name)| name),
            head: shown(if cut { whole_end(&self.head) } else { &self.head }),
            tail: shown(if cut { whole_start(&self.tail) } else { &[] }),
        })
    }
}

/// Creates a file of that name, or of that name with a number if it is taken: two steps whose ids differ
/// only in what a file's name cannot hold, or an undo that is tried again.
fn create(dir: &Path, name: &str) -> Result<(File, PathBuf, String), JournalError> {
    let mut number = 1;
    loop {
        let name = if number == 1 {
            name.to_owned()
        } else {
            format!("{name}.{number}")
        };
        let path = dir.join(&name);
        match layout::create_file(&path) {
            Ok(file) => return Ok((file, path, name)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(fault(&path, error.to_string())),
        }
    }
}

/// As text of at most [`SHOWN`] bytes. A byte that is no UTF-8 becomes a mark of three.
fn shown(bytes: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    text.truncate(text.floor_char_boundary(SHOWN));
    text
}

/// Without the beginning of a character whose end is not there.
fn whole_end(bytes: &[u8]) -> &[u8] {
    let recent = bytes.len().saturating_sub(3)..bytes.len();
    for at in recent.rev() {
        let needed = match bytes[at] {
            0x80..=0xBF => continue,
            0xC0..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xFF => 4,
            0x00..=0x7F => 1,
        };
        let is_whole = bytes.len() - at >= needed;
        return if is_whole { bytes } else { &bytes[..at] };
    }
    bytes
}

/// Without the end of a character whose beginning is not there.
fn whole_start(bytes: &[u8]) -> &[u8] {
    let inside = bytes
        .iter()
        .take(3)
        .take_while(|byte| matches!(byte, 0x80..=0xBF))
        .count();
    &bytes[inside..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_not_torn() {
        let text = "aä€😀".as_bytes();
        let ends: Vec<usize> = (0..=text.len())
            .map(|end| whole_end(&text[..end]).len())
            .collect();
        assert_eq!(ends, [0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10]);
        let starts: Vec<usize> = (0..=text.len())
            .map(|start| whole_start(&text[start..]).len())
            .collect();
        assert_eq!(starts, [10, 9, 7, 7, 4, 4, 4, 0, 0, 0, 0]);
    }
}
