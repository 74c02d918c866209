//! A review as Markdown: a comment that the people of a change read first, and that a machine finds again.
//!
//! What weighs most stands at the top, whatever else has changed. All details are folded. Everything that an author
//! wrote is only a text here: it is no Markdown, tells nobody, and links to nothing.

use std::fmt::Write as _;

use runbook_report::text::{cell, code, fence, inline, quiet};
use similar::TextDiff;

use crate::{Comparison, Difference, Weight};

/// By this line whoever posts the comment finds the one that it is to replace.
pub const MARKER: &str = "<!-- runbook review -->";

/// The most characters of a comment on GitHub, where they are counted most strictly.
/// <https://docs.github.com/en/rest/issues/comments>
pub const LIMIT: usize = 65_536;

/// How many lines of a difference are shown.
const LINES: usize = 60;

/// A runbook that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reviewed {
    /// Its file.
    pub path: String,
    /// Whether it was there before, and whether it is there now.
    pub was: bool,
    /// Whether it is there now.
    pub is: bool,
    /// How much it does, in a sentence. Empty if it is gone, or cannot be read.
    pub totals: String,
    /// What differs.
    pub comparison: Comparison,
    /// What `check` finds now and did not find before.
    pub found: Vec<String>,
    /// What `check` found before and does not find now.
    pub mended: Vec<String>,
    /// Its graph in the language of Mermaid, with the steps marked that differ. Empty for none.
    pub graph: String,
}

impl Reviewed {
    /// The greatest weight. What cannot be read, or is found to be wrong, weighs most.
    #[must_use]
    pub fn weight(&self) -> Weight {
        let found = if self.found.is_empty() {
            Weight::Words
        } else {
            Weight::Alarm
        };
        let there = if self.was == self.is {
            Weight::Words
        } else {
            Weight::Change
        };
        let told = self.comparison.weight().unwrap_or(Weight::Words);
        found.max(there).max(told)
    }

    /// Whether it differs only in what other runbooks do that it runs.
    #[must_use]
    pub fn is_only_of_others(&self) -> bool {
        self.found.is_empty() && self.comparison.is_only_of_others()
    }

    /// In a few words: `2 alarms, 3 changes`.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut parts = Vec::new();
        match (self.was, self.is) {
            (false, true) => parts.push("new".to_owned()),
            (true, false) => parts.push("gone".to_owned()),
            (true, true) | (false, false) => {}
        }
        let alarms = self.comparison.count(Weight::Alarm);
        let changes = self.comparison.count(Weight::Change);
        for (count, word) in [
            (self.found.len(), "new finding"),
            (alarms, "alarm"),
            (changes, "change"),
        ] {
            if count > 0 {
                parts.push(counted(count, word));
            }
        }
        if parts.is_empty() {
            return "no change in what it does".to_owned();
        }
        if self.is_only_of_others() {
            parts.push("only in what it runs".to_owned());
        }
        parts.join(", ")
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

/// How much of the details there is room for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Room {
    Everything,
    NoGraphs,
    NoTexts,
    NoDetails,
}

/// The review as a comment of at most so many characters.
#[must_use]
pub fn comment(all: &[Reviewed], base: &str, limit: usize) -> String {
    for room in [Room::Everything, Room::NoGraphs, Room::NoTexts, Room::NoDetails] {
        let text = written(all, base, room);
        if text.chars().count() <= limit {
            return text;
        }
    }
    let text = written(all, base, Room::NoDetails);
    let note = "\n\nThis is not all: there is no room for more here.\n";
    let kept: String = text
        .chars()
        .take(limit.saturating_sub(note.chars().count()))
        .collect();
    let whole = kept
        .rfind('\n')
        .map_or("", |end| kept.get(..end).unwrap_or_default());
    format!("{whole}{note}")
}

fn written(all: &[Reviewed], base: &str, room: Room) -> String {
    let mut out = format!("{MARKER}\n## Runbook review\n\n");
    let differ: Vec<&Reviewed> = all.iter().filter(|one| one.weight() > Weight::Words).collect();
    let same: Vec<&Reviewed> = all.iter().filter(|one| one.weight() == Weight::Words).collect();
    if differ.is_empty() {
        _ = writeln!(out, "No runbook does anything else than at {}.", quoted(base));
    } else {
        first(&mut out, &differ);
        out.push_str("| runbook | what differs | what it does now |\n| --- | --- | --- |\n");
        for one in &differ {
            let totals = if one.totals.is_empty() {
                "–".to_owned()
            } else {
                one.totals.clone()
            };
            _ = writeln!(
                out,
                "| {} | {} | {} |",
                cell(&quoted(&one.path)),
                cell(&said(&one.sentence())),
                cell(&said(&totals))
            );
        }
        for one in &differ {
            if room < Room::NoDetails {
                details(&mut out, one, room);
            }
        }
    }
    if !same.is_empty() {
        let paths: Vec<String> = same.iter().map(|one| quoted(&one.path)).collect();
        _ = writeln!(
            out,
            "\nWritten otherwise, with no change in what it does: {}.",
            paths.join(", ")
        );
    }
    if room > Room::Everything {
        let what = match room {
            Room::Everything | Room::NoGraphs => "the graphs are",
            Room::NoTexts => "graphs and texts are",
            Room::NoDetails => "the details are",
        };
        _ = writeln!(
            out,
            "\nThere is no room for all of it here, so {what} left out: `runbook review --base {base}` shows them."
        );
    }
    out
}

/// What weighs most, of all runbooks.
fn first(out: &mut String, differ: &[&Reviewed]) {
    let mut lines = Vec::new();
    for one in differ {
        let path = quoted(&one.path);
        for found in &one.found {
            lines.push(format!("- {path}: {}", said(found)));
        }
        for alarm in one
            .comparison
            .differences
            .iter()
            .filter(|one| one.weight == Weight::Alarm)
        {
            lines.push(format!("- {path}{}: {}", place(alarm), said(&alarm.text)));
        }
    }
    if !lines.is_empty() {
        _ = writeln!(out, "**Look at these first**\n\n{}\n", lines.join("\n"));
    }
}

fn place(difference: &Difference) -> String {
    match &difference.step {
        Some(step) => format!(", step {}", quoted(step)),
        None => String::new(),
    }
}

fn details(out: &mut String, one: &Reviewed, room: Room) {
    _ = writeln!(
        out,
        "\n<details><summary>{}: {}</summary>\n",
        html(&one.path),
        html(&one.sentence())
    );
    for difference in &one.comparison.differences {
        let weight = match difference.weight {
            Weight::Alarm => "**alarm** ",
            Weight::Change => "",
            Weight::Words => "_only words_ ",
        };
        let step = match &difference.step {
            Some(step) => format!("step {}: ", quoted(step)),
            None => String::new(),
        };
        _ = writeln!(out, "- {weight}{step}{}", said(&difference.text));
        if let Some((before, after)) = difference.texts.as_ref().filter(|_| room < Room::NoTexts) {
            let (block, left) = fence(&changed_lines(before, after), "diff", LINES);
            out.push('\n');
            for line in block.lines() {
                _ = writeln!(out, "  {line}");
            }
            if left > 0 {
                _ = writeln!(out, "  … and {}.", counted(left, "more line"));
            }
            out.push('\n');
        }
    }
    for mended in &one.mended {
        _ = writeln!(out, "- mended: {}", said(mended));
    }
    if !one.graph.is_empty() && room == Room::Everything {
        _ = writeln!(out, "\n```mermaid\n{}\n```", one.graph.trim_end());
    }
    out.push_str("\n</details>\n");
}

/// What a text was and is, line by line, as `diff` writes it.
#[must_use]
pub fn changed_lines(before: &str, after: &str) -> String {
    let (before, after) = (ended(before), ended(after));
    let diff = TextDiff::from_lines(&before, &after);
    let mut out = String::new();
    for change in diff.iter_all_changes() {
        let sign = match change.tag() {
            similar::ChangeTag::Delete => '-',
            similar::ChangeTag::Insert => '+',
            similar::ChangeTag::Equal => ' ',
        };
        _ = writeln!(out, "{sign} {}", change.value().trim_end_matches('\n'));
    }
    out
}

fn ended(text: &str) -> String {
    if text.is_empty() || text.ends_with('\n') {
        text.to_owned()
    } else {
        format!("{text}\n")
    }
}

fn said(text: &str) -> String {
    quiet(&inline(text))
}

fn quoted(text: &str) -> String {
    quiet(&code(text))
}

/// A text within HTML.
fn html(text: &str) -> String {
    let text = runbook_report::visible(text);
    let text = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    text.replace('@', "&#64;")
        .replace('#', "&#35;")
        .replace(['`', '*', '_'], "")
}
