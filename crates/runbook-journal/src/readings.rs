//! The readings that are no events, for whoever draws all of them.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;
use runbook_event::{CheckSite, Reading, TimedReading};

use crate::append::Appender;
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

/// Opens the file of a run that is gone on with, if it has one. A torn last line is cut off.
pub(crate) fn reopen(path: &Path) -> io::Result<Option<Appender>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let len = last_line_end(&mut file)?;
    Appender::open(path.to_owned(), len).map(Some)
}

/// Where the last whole line ends. Found from the end, since there may be many lines.
fn last_line_end(file: &mut File) -> io::Result<u64> {
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

/// The readings of a run that are no events, in their order. They are no evidence: no hash covers them.
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
