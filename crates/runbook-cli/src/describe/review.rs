//! What differs in what runbooks do, for a terminal.

use runbook_review::{Comparison, Difference, Reviewed, Weight, changed_lines};

use super::line::{Line, Tone};
use super::words::count;

/// How many lines of a difference are shown.
const LINES: usize = 40;

/// A review, what weighs most first in each runbook.
pub(crate) fn reviewed(all: &[Reviewed], base: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let differ: Vec<&Reviewed> = all.iter().filter(|one| one.weight() > Weight::Words).collect();
    if differ.is_empty() {
        let text = format!("No runbook does anything else than at `{base}`.");
        lines.push(Line::at(0).plain(&text));
    }
    for one in &differ {
        lines.push(Line::heading(&one.path));
        let tone = if one.weight() == Weight::Alarm {
            Tone::Warning
        } else {
            Tone::Plain
        };
        let line = Line::at(2).add(tone, &one.sentence());
        lines.push(if one.totals.is_empty() {
            line
        } else {
            line.detail(&format!("; now {}", one.totals))
        });
        for found in &one.found {
            lines.push(Line::labelled(2, "found").add(Tone::Warning, found));
        }
        lines.extend(differences(&one.comparison));
        for mended in &one.mended {
            lines.push(Line::labelled(2, "mended").plain(mended));
        }
        lines.push(Line::empty());
    }
    let same = all.len() - differ.len();
    if same > 0 {
        let text = format!(
            "{} written otherwise, with no change in what it does.",
            count(same, "runbook")
        );
        lines.push(Line::at(0).detail(&text));
    }
    lines
}

/// The differences of two plans.
pub(crate) fn differences(told: &Comparison) -> Vec<Line> {
    if told.differences.is_empty() {
        return vec![Line::at(2).plain("no change in what it does")];
    }
    told.differences.iter().flat_map(difference).collect()
}

fn difference(one: &Difference) -> Vec<Line> {
    let line = match one.weight {
        Weight::Alarm => Line::labelled(2, "alarm"),
        Weight::Change => Line::labelled(2, "change"),
        Weight::Words => Line::labelled(2, "words"),
    };
    let line = match &one.step {
        Some(step) => line.code(step).plain(": "),
        None => line,
    };
    let tone = if one.weight == Weight::Alarm {
        Tone::Warning
    } else {
        Tone::Plain
    };
    let mut lines = vec![line.add(tone, &one.text)];
    if let Some((before, after)) = &one.texts {
        let all = changed_lines(before, after);
        let shown = all.lines().take(LINES);
        lines.extend(shown.map(|line| {
            let tone = match line.as_bytes().first() {
                Some(b'-') => Tone::Does(runbook_action::Effect::Destructive),
                Some(b'+') => Tone::Does(runbook_action::Effect::Read),
                Some(_) | None => Tone::Detail,
            };
            Line::at(11).verbatim(tone, line)
        }));
        let left = all.lines().count().saturating_sub(LINES);
        if left > 0 {
            lines.push(Line::at(11).detail(&format!("… and {}", count(left, "more line"))));
        }
    }
    lines
}
