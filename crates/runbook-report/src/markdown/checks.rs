//! The checks of a runbook: the final ones, before the first step and after the last, and its guards.

use runbook_event::{CheckOutline, CheckRole, CheckState, Verdict};

use crate::markdown::page::Page;
use crate::markdown::section::Sections;
use crate::story::Story;
use crate::text::inline;
use crate::words::{check_title, reading, role_word, value};

pub(super) fn write(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("before-and-after", "Before and after");
    let checks = &story.run.outline.verify;
    if checks.is_empty() {
        page.paragraph("The runbook has no final check.");
    }
    let rows: Vec<[String; 5]> = checks.iter().map(|check| row(story, check)).collect();
    page.table(["Check", "Expected", "Before", "After", "Readings"], &rows);
    guards(story, sections);
}

/// What had to stay true while the run changed things.
fn guards(story: &Story<'_>, sections: &mut Sections) {
    let guards = &story.run.outline.guards;
    if guards.is_empty() {
        return;
    }
    let rows: Vec<[String; 4]> = guards
        .iter()
        .map(|guard| {
            let known = story.check(None, CheckRole::Guard, guard);
            let verdict = known.map_or_else(
                || "not asked".to_owned(),
                |known| {
                    known
                        .last()
                        .map_or("no answer", |last| last.verdict.word())
                        .to_owned()
                },
            );
            let asked = known.map_or_else(|| "–".to_owned(), |known| times(known).to_string());
            let readings = known.map_or_else(|| "–".to_owned(), readings);
            [inline(&guard.title), verdict, asked, readings]
        })
        .collect();
    let page = sections.begin("guards", "Guards");
    page.table(["Guard", "At last", "Asked", "Readings where it changed"], &rows);
}

/// The checks of the sub-runbook within a step.
pub(super) fn within(story: &Story<'_>, step: &str, page: &mut Page) {
    let rows: Vec<[String; 4]> = story
        .checks_within(step)
        .map(|(site, known)| {
            let title = inline(&check_title(site, &story.state));
            told(&format!("{}: {title}", role_word(site.role)), known)
        })
        .collect();
    page.table(
        [
            "Check of its runbook",
            "Verdict",
            "Asked",
            "Readings where it changed",
        ],
        &rows,
    );
}

/// A check as a row: what it is called, how it was decided, how often it was asked, and what it read.
pub(super) fn told(title: &str, known: &CheckState) -> [String; 4] {
    [
        title.to_owned(),
        known.verdict.map_or("not decided", Verdict::word).to_owned(),
        times(known).to_string(),
        readings(known),
    ]
}

fn times(known: &CheckState) -> u32 {
    known.asked.max(known.last().map_or(0, |last| last.number))
}

fn readings(known: &CheckState) -> String {
    let readings: Vec<String> = known.readings.iter().map(|read| inline(&reading(read))).collect();
    if readings.is_empty() {
        "–".to_owned()
    } else {
        readings.join("<br>")
    }
}

fn row(story: &Story<'_>, check: &CheckOutline) -> [String; 5] {
    let expected: Vec<String> = check.expect.iter().map(|expect| inline(expect)).collect();
    let after = story.check(None, CheckRole::Verify, check);
    [
        inline(&check.title),
        if expected.is_empty() {
            "–".to_owned()
        } else {
            expected.join(" and ")
        },
        found(story.check(None, CheckRole::Baseline, check)),
        found(after),
        asked(after, check.consecutive),
    ]
}

fn found(check: Option<&CheckState>) -> String {
    let Some(check) = check else {
        return "not asked".to_owned();
    };
    let Some(last) = check.last() else {
        return "no answer".to_owned();
    };
    let verdict = check.verdict.map_or("not decided", Verdict::word);
    let mut text = format!("**{verdict}**");
    if let Some(drawn) = &last.value {
        text.push_str(", ");
        text.push_str(&inline(&value(drawn)));
    }
    if !last.detail.is_empty() {
        text.push_str(": ");
        text.push_str(&inline(&last.detail));
    }
    text
}

fn asked(check: Option<&CheckState>, consecutive: u32) -> String {
    let Some(check) = check else {
        return "–".to_owned();
    };
    let streak = check.last().map_or(0, |last| last.streak);
    let asked = times(check);
    if consecutive > 1 {
        format!("{asked}; {streak} of {consecutive} in a row passed")
    } else {
        asked.to_string()
    }
}
