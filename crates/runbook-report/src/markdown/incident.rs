//! The report of an incident that several runs worked on: one timeline, then what each of them did.

use std::borrow::Cow;

use runbook_event::Record;

use super::page::{Page, date_time};
use super::report;
use super::section::{Report, Section};
use crate::chronicle::{Chronicle, Told, chronicle};
use crate::story::{Error, Evidence};
use crate::text::inline;
use crate::timeline::EntryKind;
use crate::words::phase_title;

/// The report of an incident: what is known of it at once, the timeline of all runs in one, then each run's own report.
pub fn incident_report(id: &str, runs: &[(&[Record], Evidence<'_>)]) -> Result<Report, Error> {
    let records: Vec<&[Record]> = runs.iter().map(|(records, _)| *records).collect();
    let known = chronicle(&records)?;
    let mut sections = vec![timeline(&known)];
    for (number, told) in known.runs.iter().enumerate() {
        let own = runs.iter().find(|(records, _)| is_of(records, &told.run));
        if let Some((records, evidence)) = own {
            sections.push(of_run(number, &report(records, evidence)?));
        }
    }
    Ok(Report {
        head: head(id, &known),
        sections,
    })
}

fn is_of(records: &[Record], run: &str) -> bool {
    let started = records.first().map(|first| &first.event);
    matches!(started, Some(runbook_event::Event::RunStarted(started)) if started.run == run)
}

fn head(id: &str, known: &Chronicle) -> Section {
    let mut page = Page::new();
    let rows: Vec<[String; 5]> = known
        .runs
        .iter()
        .enumerate()
        .map(|(number, run)| {
            [
                letter(number),
                inline(&format!("`{}`", run.run)),
                inline(&run.title),
                format!("{} to {}", date_time(run.started_at), date_time(run.until)),
                run.outcome.map_or("–", runbook_event::Outcome::word).to_owned(),
            ]
        })
        .collect();
    page.table(["", "Run", "Title", "When", "Outcome"], &rows);
    let times: Vec<[String; 3]> = known
        .times
        .iter()
        .map(|time| {
            let told = match time.note {
                Some(seq) => format!("record {seq} of {}", letter(time.run)),
                None => format!("run {}", letter(time.run)),
            };
            [time.name.replace('_', " "), date_time(time.at), told]
        })
        .collect();
    page.table(["Time", "UTC", "Told by"], &times);
    Section {
        id: Cow::Borrowed("head"),
        title: inline(&format!("Incident {id}")),
        body: page.finish(),
    }
}

fn timeline(known: &Chronicle) -> Section {
    let entries: Vec<&Told> = known.entries.iter().collect();
    Section {
        id: Cow::Borrowed("timeline"),
        title: "Timeline".to_owned(),
        body: chronicle_table(known, &entries, false),
    }
}

/// A timeline as a page of its own.
#[must_use]
pub fn chronicle_markdown(known: &Chronicle, entries: &[&Told], all: bool) -> String {
    let mut page = Page::new();
    let incident = known.runs.first().and_then(|run| run.incident.as_deref());
    let title = match (known.runs.as_slice(), incident) {
        ([run], _) => format!("Timeline: {}", run.title),
        (_, Some(incident)) => format!("Timeline: {incident}"),
        (_, None) => "Timeline".to_owned(),
    };
    page.heading(1, &inline(&title));
    let runs: Vec<String> = known
        .runs
        .iter()
        .enumerate()
        .map(|(number, run)| {
            let outcome = run.outcome.map_or("not ended", runbook_event::Outcome::word);
            inline(&format!(
                "{}: `{}`, {}, from {} to {}, {outcome}",
                letter(number),
                run.run,
                run.title,
                date_time(run.started_at),
                date_time(run.until)
            ))
        })
        .collect();
    page.list(&runs);
    page.block(&chronicle_table(known, entries, all));
    page.finish()
}

/// What happened, in one table. What only the machinery is interested in may be left out, and is said to be.
fn chronicle_table(known: &Chronicle, entries: &[&Told], all: bool) -> String {
    let mut page = Page::new();
    page.paragraph(
        "Times are in UTC. ✓ went as it should, ✗ did not, ? a person was asked, ✎ a person wrote it; ≈ a person says that \
         it was then; ‖ another run went on at that time.",
    );
    let rows: Vec<[String; 4]> = entries
        .iter()
        .filter(|entry| all || !entry.is_noise)
        .map(|entry| {
            let claimed = if entry.is_claimed() { "≈ " } else { "" };
            let at = entry.at.strftime("%Y-%m-%d %H:%M:%S%.3f");
            [
                format!("{claimed}{at}"),
                place(known, entry),
                mark(entry.kind).to_owned(),
                said(entry),
            ]
        })
        .collect();
    page.table(["UTC", "Run", "", "What"], &rows);
    let folded = entries.iter().filter(|entry| !all && entry.is_noise).count();
    if folded > 0 {
        page.paragraph(&format!(
            "Left out is what only the machinery is interested in: {}.",
            crate::words::count(folded as u64, "record")
        ));
    }
    page.finish()
}

/// Its run, and whether another one went on.
fn place(known: &Chronicle, entry: &Told) -> String {
    let overlaps = if entry.overlaps && known.runs.len() > 1 {
        " ‖"
    } else {
        ""
    };
    format!("{}{overlaps}", letter(entry.run))
}

/// What happened, with who wrote it and what has become of that.
fn said(entry: &Told) -> String {
    let Some(known) = &entry.note else {
        return match (entry.kind, entry.phase) {
            (EntryKind::Phase, Some(phase)) => format!("**{}**", phase_title(phase)),
            (
                EntryKind::Phase
                | EntryKind::Good
                | EntryKind::Bad
                | EntryKind::Info
                | EntryKind::Question
                | EntryKind::Note,
                Some(_) | None,
            ) => inline(&entry.text),
        };
    };
    let text = format!(
        "{}, {}: {}",
        inline(&known.note.by.user),
        known.note.kind.word(),
        inline(&entry.text)
    );
    match known.corrected_by {
        Some(by) => format!("~~{text}~~ (corrected by record {by})"),
        None => format!("{text} (record {})", entry.seq),
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

/// `A` for the first run, `B` for the next; after `Z` comes `A1`.
#[must_use]
pub fn letter(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number % 26).unwrap_or_default());
    match number / 26 {
        0 => letter.to_string(),
        round => format!("{letter}{round}"),
    }
}

/// The report of a run as a section of another one: its headings are one level deeper.
fn of_run(number: usize, own: &Report) -> Section {
    let mut page = Page::new();
    if !own.head.body.is_empty() {
        page.block(&deeper(&own.head.body));
    }
    for section in &own.sections {
        page.heading(3, &section.title);
        if !section.body.is_empty() {
            page.block(&deeper(&section.body));
        }
    }
    Section {
        id: Cow::Owned(format!("run-{}", letter(number).to_lowercase())),
        title: format!("{}: {}", letter(number), own.head.title),
        body: page.finish(),
    }
}

/// Headings are one level deeper. What looks like one in a listing is none.
fn deeper(markdown: &str) -> String {
    let mut fence: Option<usize> = None;
    let mut text = String::with_capacity(markdown.len());
    for line in markdown.split_inclusive('\n') {
        let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        match fence {
            Some(open) if ticks >= open && line.trim_end().len() == ticks => fence = None,
            None if ticks >= 3 => fence = Some(ticks),
            Some(_) => {}
            None => {
                if line.starts_with('#') {
                    text.push('#');
                }
            }
        }
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{deeper, letter};

    #[test]
    fn headings_are_deeper_and_listings_as_they_are() {
        let text = "### a\n\n````text\n# no\n```\n# no\n````\n# yes\n";
        assert_eq!(
            deeper(text),
            "#### a\n\n````text\n# no\n```\n# no\n````\n## yes\n"
        );
    }

    #[test]
    fn every_run_has_a_letter() {
        assert_eq!(
            ["A", "Z", "A1", "B2"].map(str::to_owned),
            [0, 25, 26, 53].map(letter)
        );
    }
}
