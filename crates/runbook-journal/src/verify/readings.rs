//! Whether the file of readings is as the journal says that it was.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::layout;
use crate::readings::{Note, Prefix};

/// What is known of the file of readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readings {
    /// There is none, and the journal names none.
    None,
    /// It is as the journal says, up to where the journal last spoke of it.
    Whole,
    /// A crash has taken some of it.
    Lost,
    /// It is there, and the journal does not speak of it: an older program wrote the run, or somebody put it there.
    Unknown,
}

/// What a line says of it.
pub(super) struct Noted {
    pub(super) line: u64,
    pub(super) note: Note,
    /// Whether it was durable by then, so that no crash can have taken it.
    pub(super) is_settled: bool,
}

/// Why it is not as it was.
pub(super) enum Wrong {
    Io(PathBuf, io::Error),
    /// Which line names it, and what has become of it.
    Changed(u64, &'static str),
}

/// Compares the file with all that the journal says of it. `ended` tells whether nothing can have been added since.
pub(super) fn condition(run_dir: &Path, noted: &[Noted], ended: bool) -> Result<Readings, Wrong> {
    let path = run_dir.join(layout::READINGS);
    let file = match File::open(&path) {
        Ok(file) => Some(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(source) => return Err(Wrong::Io(path, source)),
    };
    let Some(file) = file else {
        // One that was empty when a run was gone on with need not have been there.
        return match noted.iter().rev().find(|noted| noted.note.bytes > 0) {
            None => Ok(Readings::None),
            Some(last) if last.is_settled => Err(Wrong::Changed(last.line, "was changed: it is gone")),
            Some(_) => Ok(Readings::Lost),
        };
    };
    let Some(last) = noted.last() else {
        return Ok(Readings::Unknown);
    };
    let mut prefix = Prefix::new(file);
    let mut found = Readings::Whole;
    for (at, one) in noted.iter().enumerate() {
        // A crash took some of it, and then the run went on from what was left.
        if noted[at + 1..]
            .iter()
            .any(|later| later.note.bytes < one.note.bytes)
        {
            found = Readings::Lost;
            continue;
        }
        let read = |prefix: &mut Prefix, end| {
            prefix
                .read_to(end)
                .map_err(|error| Wrong::Io(path.clone(), error))
        };
        read(&mut prefix, one.note.bytes)?;
        if prefix.bytes < one.note.bytes {
            if one.is_settled {
                return Err(Wrong::Changed(one.line, "was changed: it is shorter than it was"));
            }
            found = Readings::Lost;
        } else if prefix.sha256() != one.note.sha256 {
            let what = "was changed: its digest is not the one that was noted";
            return Err(Wrong::Changed(one.line, what));
        }
    }
    let end = last.note.bytes;
    if ended && prefix.bytes == end {
        prefix
            .read_to(end + 1)
            .map_err(|error| Wrong::Io(path.clone(), error))?;
        if prefix.bytes > end {
            return Err(Wrong::Changed(last.line, "was changed: it is longer than it was"));
        }
    }
    Ok(found)
}
