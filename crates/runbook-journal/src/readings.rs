//! The readings that are no events, for whoever draws all of them.
//!
//! They have a file of their own, which the chain does not go through: a gate that is asked for hours would make a journal
//! long. Instead some lines of the journal say how long that file was when they were written, and what its digest
//! was: [`Note`].

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use runbook_event::{CheckSite, Event, JournalError, Reading, TimedReading};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::append::{Appender, fault};
use crate::chain::hex;
use crate::error::{Bad, Error, Fault};
use crate::layout;
use crate::lines::{Line, Lines, parse};

/// How much is read at once when the end of a file is looked at, in bytes.
const BLOCK: u64 = 4096;

/// A reading as a line.
pub(crate) fn line(at: Timestamp, site: &CheckSite, reading: &Reading) -> serde_json::Result<Vec<u8>> {
    let timed = TimedReading {
        at,
        site: site.clone(),
        reading: reading.clone(),
    };
    let mut line = serde_json::to_vec(&timed)?;
    line.push(b'\n');
    Ok(line)
}

/// What a line of the journal says of the file of readings, beside its event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    /// How long it was.
    pub(crate) bytes: u64,
    /// SHA-256 of those bytes, in hexadecimal.
    pub(crate) sha256: String,
}

/// A line, as far as it speaks of the file of readings.
#[derive(Deserialize)]
struct Noting {
    #[serde(default)]
    readings_file: Option<Note>,
}

/// What a line says of the file of readings.
pub(crate) fn noted(line: &[u8]) -> Option<Note> {
    parse::<Noting>(line).ok()?.readings_file
}

/// Whether a line with this event says how the file of readings stands: when a check is decided, and where a run ends or
/// goes on.
pub(crate) const fn notes(event: &Event) -> bool {
    matches!(
        event,
        Event::CheckEnded { .. } | Event::RunResumed(_) | Event::RunEnded { .. }
    )
}

/// The file of readings of a run that is being written. It is created with the first of them.
#[derive(Debug)]
pub(crate) struct Kept {
    path: PathBuf,
    file: Option<Appender>,
    digest: Sha256,
    bytes: u64,
    /// How long it was when the journal last spoke of it, or when it was opened.
    noted: u64,
}

impl Kept {
    /// Of a run that begins.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            file: None,
            digest: Sha256::new(),
            bytes: 0,
            noted: 0,
        }
    }

    /// Of a run that is gone on with. A torn last line is cut off.
    pub(crate) fn reopen(path: PathBuf) -> io::Result<Self> {
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self::new(path));
            }
            Err(error) => return Err(error),
        };
        let bytes = last_line_end(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let mut prefix = Prefix::new(file);
        prefix.read_to(bytes)?;
        let appender = Appender::open(path.clone(), bytes)?;
        Ok(Self {
            path,
            file: Some(appender),
            digest: prefix.digest,
            bytes,
            noted: bytes,
        })
    }

    /// Adds a line.
    pub(crate) fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        let file = match self.file.take() {
            Some(file) => file,
            None => {
                Appender::create(self.path.clone()).map_err(|error| fault(&self.path, error.to_string()))?
            }
        };
        self.file.insert(file).append(line)?;
        self.digest.update(line);
        self.bytes += line.len() as u64;
        Ok(())
    }

    /// What the journal should say of it now, as a member of an object: where the run ends or goes on in any case, so
    /// also that there are none; else if that is news.
    pub(crate) fn note(&mut self, in_any_case: bool) -> Option<Vec<u8>> {
        if self.noted == self.bytes && !in_any_case {
            return None;
        }
        self.noted = self.bytes;
        let (bytes, sha256) = (self.bytes, hex(&self.digest.clone().finalize()));
        Some(format!(",\"readings_file\":{{\"bytes\":{bytes},\"sha256\":\"{sha256}\"}}").into_bytes())
    }

    /// Makes it durable.
    pub(crate) fn sync(&mut self) -> Result<(), JournalError> {
        self.file.as_mut().map_or(Ok(()), Appender::sync)
    }
}

/// The beginning of a file, and its digest.
pub(crate) struct Prefix {
    file: File,
    digest: Sha256,
    /// How much of it was read.
    pub(crate) bytes: u64,
}

impl Prefix {
    /// Nothing of it.
    pub(crate) fn new(file: File) -> Self {
        Self {
            file,
            digest: Sha256::new(),
            bytes: 0,
        }
    }

    /// Reads on until there are so many bytes, or the file is over.
    pub(crate) fn read_to(&mut self, end: u64) -> io::Result<()> {
        let mut buffer = vec![0; 64 * 1024];
        while self.bytes < end {
            let wanted =
                usize::try_from(end - self.bytes).map_or(buffer.len(), |left| left.min(buffer.len()));
            match self.file.read(&mut buffer[..wanted]) {
                Ok(0) => break,
                Ok(read) => {
                    self.digest.update(&buffer[..read]);
                    self.bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The digest of what was read.
    pub(crate) fn sha256(&self) -> String {
        hex(&self.digest.clone().finalize())
    }
}

/// Where the last whole line ends. Found from the end, since there may be many lines.
pub(crate) fn last_line_end(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    while end > 0 {
        let start = end.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(start))?;
        let mut read = Vec::new();
        file.by_ref().take(end - start).read_to_end(&mut read)?;
        if let Some(at) = read.iter().rposition(|byte| *byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

/// The readings of a run that are no events, in their order. Whether they are those that were taken is for
/// [`verify`](crate::verify()) to say.
pub fn readings(run_dir: &Path) -> Result<Vec<TimedReading>, Error> {
    let path = run_dir.join(layout::READINGS);
    if !path.try_exists().map_err(|source| Error::io(&path, source))? {
        return Ok(Vec::new());
    }
    let file = File::open(&path).map_err(|source| Error::io(&path, source))?;
    let mut lines = Lines::new(file, &path);
    let mut readings = Vec::new();
    while let Some(Line::Whole(bytes)) = lines.next()? {
        readings.push(parse(bytes).map_err(|error| error.to_string()));
        if let Some(Err(reason)) = readings.last() {
            let line = lines.number();
            return Err(Error::Bad {
                path,
                bad: Bad {
                    line,
                    fault: Fault::NotRecord,
                    text: format!("line {line} is not a reading: {reason}"),
                },
            });
        }
    }
    Ok(readings.into_iter().flatten().collect())
}
