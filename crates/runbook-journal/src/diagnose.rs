//! What was done to a line that does not continue the chain.
//!
//! Each answer rests on a hash wherever one can tell: a line that continues from another line was moved, one
//! whose successor continues from its predecessor was inserted. Only that lines are gone must be told from
//! the numbers, since nothing is left of them.

use std::fs::File;
use std::path::Path;

use crate::chain::{self, Parts};
use crate::error::{Bad, Error, Fault};
use crate::lines::{Line, Lines};

/// What should stand where a bad line was found.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    /// The journal.
    pub(crate) path: &'a Path,
    /// The number of the record, from 0. All lines before are good, so this tells the line too.
    pub(crate) seq: u64,
    /// The hash of the line before.
    pub(crate) previous: &'a str,
}

/// What another line of the journal states of itself.
struct Seen {
    line: u64,
    seq: Option<u64>,
    hash: String,
    same_bytes: bool,
    follows_place: bool,
}

/// Says what was done to `line`.
pub(crate) fn diagnose(place: &Place<'_>, line: &[u8]) -> Result<Bad, Error> {
    let number = place.seq + 1;
    let others = others(place, number, line)?;
    let next = others.iter().find(|seen| seen.line == number + 1);
    let parts = chain::split(line);
    let (fault, what) = parts
        .and_then(|parts| out_of_place(place, &parts, &others))
        .or_else(|| inserted(number, next))
        .or_else(|| parts.and_then(|parts| removed(place.seq, &parts, next)))
        .unwrap_or_else(|| (Fault::Changed, changed(number, parts.is_some())));
    Ok(Bad {
        line: number,
        fault,
        text: what,
    })
}

fn changed(number: u64, has_hash: bool) -> String {
    if has_hash {
        format!("line {number} was changed: its hash does not match its bytes")
    } else {
        format!("line {number} was changed: it is not a JSON object that ends in a hash")
    }
}

/// The line as it stands belongs elsewhere; or here, but for its number.
fn out_of_place(place: &Place<'_>, parts: &Parts<'_>, others: &[Seen]) -> Option<(Fault, String)> {
    let number = place.seq + 1;
    if let Some(twin) = others.iter().find(|seen| seen.same_bytes) {
        let text = format!("line {number} was inserted: it repeats line {}", twin.line);
        return Some((Fault::Inserted, text));
    }
    let seq = parts.seq()?;
    if parts
        .renumbered(place.seq)
        .is_some_and(|body| chain::link(place.previous, &body) == parts.hash)
    {
        let text = format!(
            "line {number} was changed: it states number {seq} instead of {}",
            place.seq
        );
        return Some((Fault::Changed, text));
    }
    let here = if place.seq == 0 {
        "the beginning".to_owned()
    } else {
        format!("line {}", place.seq)
    };
    if seq == 0 && place.seq > 0 && parts.follows(chain::START) {
        let text = format!("line {number} was moved: it continues from the beginning, not from {here}");
        return Some((Fault::Moved, text));
    }
    let from = others
        .iter()
        .filter(|seen| seen.seq.is_some_and(|before| before.checked_add(1) == Some(seq)))
        .find(|seen| parts.follows(&seen.hash))?;
    let text = format!(
        "line {number} was moved: it continues from line {}, not from {here}",
        from.line
    );
    Some((Fault::Moved, text))
}

fn inserted(number: u64, next: Option<&Seen>) -> Option<(Fault, String)> {
    next.filter(|next| next.follows_place).map(|next| {
        let before = if number == 1 {
            "nothing".to_owned()
        } else {
            format!("line {}", number - 1)
        };
        let text = format!(
            "line {number} was inserted: line {} continues from {before}",
            next.line
        );
        (Fault::Inserted, text)
    })
}

fn removed(expected: u64, parts: &Parts<'_>, next: Option<&Seen>) -> Option<(Fault, String)> {
    let seq = parts.seq().filter(|seq| *seq > expected)?;
    if next.is_some_and(|next| next.seq != seq.checked_add(1)) {
        return None;
    }
    let number = expected + 1;
    let text = if seq == number {
        format!("line {number} was removed: record {seq} stands where record {expected} was")
    } else {
        format!("lines {number} to {seq} were removed: record {seq} stands where record {expected} was")
    };
    Some((Fault::Removed, text))
}

/// All lines but the one at the place, as far as they have the form of one.
fn others(place: &Place<'_>, number: u64, bad: &[u8]) -> Result<Vec<Seen>, Error> {
    let file = File::open(place.path).map_err(|source| Error::io(place.path, source))?;
    let mut lines = Lines::new(file, place.path);
    let mut seen = Vec::new();
    // A line that is too long ends the search: what is wrong is told without what comes after it.
    while let Ok(Some(Line::Whole(bytes))) = lines.next() {
        let Some(parts) = chain::split(bytes) else {
            continue;
        };
        let (seq, hash, same_bytes) = (parts.seq(), parts.hash.to_owned(), bytes == bad);
        let follows_place = parts.follows(place.previous);
        let line = lines.number();
        if line != number {
            seen.push(Seen {
                line,
                seq,
                hash,
                same_bytes,
                follows_place: follows_place && line == number + 1,
            });
        }
    }
    Ok(seen)
}
