//! The final checks, before the first step and after the last.

use runbook_event::{CheckOutline, CheckRole, CheckState, Verdict};

use crate::markdown::page::Page;
use crate::story::Story;
use crate::text::inline;
use crate::words::value;

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    page.heading(2, "Before and after");
    let checks = &story.run.outline.verify;
    if checks.is_empty() {
        page.paragraph("The runbook has no final check.");
        return;
    }
    let rows: Vec<[String; 5]> = checks.iter().map(|check| row(story, check)).collect();
    page.table(["Check", "Expected", "Before", "After", "Readings"], &rows);
}

fn row(story: &Story<'_>, check: &CheckOutline) -> [String; 5] {
    let expected: Vec<String> = check.expect.iter().map(|expect| inline(expect)).collect();
    let after = story.check(CheckRole::Verify, check);
    [
        inline(&check.title),
        if expected.is_empty() {
            "–".to_owned()
        } else {
            expected.join(" and ")
        },
        found(story.check(CheckRole::Baseline, check)),
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
    let asked = check.last().map_or(0, |last| last.number).max(check.asked);
    if consecutive > 1 {
        format!("{asked}; {streak} of {consecutive} in a row passed")
    } else {
        asked.to_string()
    }
}
