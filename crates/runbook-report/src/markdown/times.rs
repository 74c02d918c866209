//! The timeline.

use runbook_event::Phase;

use crate::markdown::page::time;
use crate::markdown::section::Sections;
use crate::story::{Error, Story};
use crate::text::inline;
use crate::timeline::{Entry, EntryKind, timeline};
use crate::words::phase_title;

pub(super) fn write(story: &Story<'_>, sections: &mut Sections) -> Result<(), Error> {
    let page = sections.begin("timeline", "Timeline");
    page.paragraph("Times are in UTC. ✓ went as it should, ✗ did not, ? a person was asked.");
    // Each entry is made of a record, and about every other record makes one.
    let records = story
        .records
        .get(..story.most.saturating_mul(2))
        .unwrap_or(story.records);
    if records.len() < story.records.len() {
        page.paragraph(&format!(
            "Told here are the first {} of {} records.",
            records.len(),
            story.records.len()
        ));
    }
    let entries = timeline(records)?;
    for part in entries.chunk_by(|a, b| (a.session, a.phase) == (b.session, b.phase)) {
        page.heading(3, &part.first().map_or_else(String::new, heading));
        let rows: Vec<[String; 4]> = part
            .iter()
            .map(|entry| {
                [
                    offset(entry.offset_ms),
                    time(entry.at, story.started_at),
                    mark(entry.kind).to_owned(),
                    text(entry),
                ]
            })
            .collect();
        page.table(["After", "UTC", "", "What"], &rows);
    }
    Ok(())
}

/// The part of the run, and the session where it is not the first.
fn heading(entry: &Entry) -> String {
    match (entry.session, entry.phase) {
        (1, None) => "Start".to_owned(),
        (1, Some(phase)) => phase_title(phase).to_owned(),
        (number, None) => format!("Session {number}"),
        (number, Some(phase)) => format!("Session {number}: {}", phase_title(phase)),
    }
}

fn text(entry: &Entry) -> String {
    match (entry.kind, entry.phase) {
        (EntryKind::Phase, Some(phase)) => format!("*{} began*", Phase::word(phase)),
        (
            EntryKind::Phase
            | EntryKind::Good
            | EntryKind::Bad
            | EntryKind::Info
            | EntryKind::Question
            | EntryKind::Note,
            Some(_) | None,
        ) => inline(&entry.text),
    }
}

const fn mark(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::Phase | EntryKind::Info => " ",
        EntryKind::Good => "✓",
        EntryKind::Bad => "✗",
        EntryKind::Question => "?",
        EntryKind::Note => "✎",
    }
}

/// `+02:03.450`, with hours where there are any.
fn offset(ms: i128) -> String {
    let sign = if ms < 0 { '-' } else { '+' };
    let ms = ms.unsigned_abs();
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let rest = format!("{minutes:02}:{seconds:02}.{:03}", ms % 1000);
    if hours == 0 {
        format!("{sign}{rest}")
    } else {
        format!("{sign}{hours}:{rest}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_have_a_sign_and_hours_if_need_be() {
        for (ms, expected) in [
            (0, "+00:00.000"),
            (123_450, "+02:03.450"),
            (3_600_001, "+1:00:00.001"),
            (-1_500, "-00:01.500"),
        ] {
            assert_eq!(offset(ms), expected);
        }
    }
}
