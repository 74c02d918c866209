//! A timeline as comma-separated values (RFC 4180), for spreadsheets.
//!
//! A spreadsheet runs a cell that begins like a formula, and some cut a line at semicolons or tabs whatever the file is
//! called. So every text is quoted, nothing unseen is in it, and one that begins like a formula is given an apostrophe,
//! which spreadsheets take for the sign of a plain text.

use jiff::Timestamp;

use super::{Chronicle, Told};
use crate::text::visible;

/// The names of the columns.
const COLUMNS: [&str; 16] = [
    "time",
    "written_at",
    "claimed",
    "run",
    "seq",
    "overlaps",
    "phase",
    "step",
    "kind",
    "by",
    "known_by",
    "text",
    "corrects",
    "corrected_by",
    "owner",
    "due",
];

/// A timeline as comma-separated values: a line with the names of the columns, then one for each entry, with ends of
/// lines as the standard wants them.
#[must_use]
pub fn csv(chronicle: &Chronicle, entries: &[&Told]) -> String {
    let mut text = COLUMNS.map(quoted).join(",");
    text.push_str("\r\n");
    for entry in entries {
        text.push_str(&row(chronicle, entry).map(|field| quoted(&field)).join(","));
        text.push_str("\r\n");
    }
    text
}

fn row(chronicle: &Chronicle, entry: &Told) -> [String; 16] {
    let note = entry.note.as_ref();
    let number = |number: Option<u64>| number.map_or_else(String::new, |number| number.to_string());
    let run = chronicle.runs.get(entry.run);
    let kind = note.map_or_else(|| entry.kind.word(), |known| known.note.kind.word());
    [
        time(entry.at),
        time(entry.written_at),
        entry.is_claimed().to_string(),
        run.map_or_else(String::new, |run| run.run.clone()),
        entry.seq.to_string(),
        entry.overlaps.to_string(),
        entry
            .phase
            .map_or_else(String::new, |phase| phase.word().to_owned()),
        entry.step.clone().unwrap_or_default(),
        kind.to_owned(),
        note.map_or_else(String::new, |known| known.note.by.user.clone()),
        note.map_or_else(String::new, |known| known.note.by.known_by.words().to_owned()),
        entry.text.clone(),
        number(note.and_then(|known| known.note.corrects)),
        number(note.and_then(|known| known.corrected_by)),
        note.and_then(|known| known.note.owner.clone())
            .unwrap_or_default(),
        note.and_then(|known| known.note.due)
            .map_or_else(String::new, |due| due.to_string()),
    ]
}

fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A field between quotes, which no spreadsheet takes for a formula.
fn quoted(text: &str) -> String {
    let text = visible(text).replace('"', "\"\"");
    // Some leave out what is blank at the beginning, and some know the wide forms of the signs.
    let first = text.trim_start().chars().next();
    let formula = first.is_some_and(|first| {
        matches!(
            first,
            '=' | '+' | '-' | '@' | '|' | '%' | '\u{ff1d}' | '\u{ff0b}' | '\u{ff0d}' | '\u{ff20}'
        )
    });
    format!("\"{}{text}\"", if formula { "'" } else { "" })
}
