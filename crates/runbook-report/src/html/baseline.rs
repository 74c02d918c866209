//! Each final check before the first step and after the last, on one line.

use std::fmt::Write as _;

use runbook_event::{CheckOutline, CheckRole, CheckState, Reading, Verdict};

use super::markup::{short, text};
use super::sparkline::{Range, plain};
use super::threshold::{Bound, bounds, number};
use crate::story::Story;
use crate::words::{value, verdict_word};

/// The picture.
const WIDTH: f64 = 300.0;
const INSET: f64 = 14.0;

/// How many checks are drawn.
const CHECKS: usize = 60;

/// The picture of all final checks, if there are any that were read.
pub(super) fn write(story: &Story<'_>, out: &mut String) {
    let checks: Vec<_> = story
        .run
        .outline
        .verify
        .iter()
        .map(|check| {
            let of = |role| story.check(None, role, check).and_then(CheckState::last);
            (check, of(CheckRole::Baseline), of(CheckRole::Verify))
        })
        .filter(|(_, before, after)| before.is_some() || after.is_some())
        .take(CHECKS)
        .collect();
    if checks.is_empty() {
        return;
    }
    out.push_str(
        "<figure class=\"baseline\" aria-labelledby=\"baseline-name\">\n<figcaption id=\"baseline-name\">Before the first step, and \
         after the last</figcaption>\n<ul class=\"cards\">\n",
    );
    for (check, before, after) in checks {
        card(check, before, after, out);
    }
    out.push_str("</ul>\n<p class=\"note\">○ before, ● after; the dashed line is what was expected. The table below says the same.</p>\n</figure>\n");
}

fn card(check: &CheckOutline, before: Option<&Reading>, after: Option<&Reading>, out: &mut String) {
    let detail = after.or(before).map_or("", |reading| reading.detail.as_str());
    let bounds = bounds(&check.expect, detail);
    let subject = bounds.first().map(|bound| bound.subject.as_str());
    let (told_before, told_after) = (told(before, subject), told(after, subject));
    _ = writeln!(
        out,
        "<li class=\"card\"><p class=\"what\"><strong>{}</strong></p>",
        short(&check.title)
    );
    let drawn = |reading: Option<&Reading>| reading.and_then(|reading| number(reading, subject));
    draw(&check.title, [drawn(before), drawn(after)], &bounds, out);
    _ = writeln!(
        out,
        "<p class=\"told\">{told_before} <span aria-hidden=\"true\">→</span><span class=\"sr\">, then</span> {told_after}</p></li>"
    );
}

fn told(reading: Option<&Reading>, subject: Option<&str>) -> String {
    let Some(reading) = reading else {
        return "<span class=\"muted\">not asked</span>".to_owned();
    };
    let (class, sign) = match reading.verdict {
        Verdict::Pass => ("done", "✓"),
        Verdict::Fail => ("failed", "✗"),
        Verdict::Error => ("open", "△"),
    };
    let drawn = number(reading, subject).map(plain);
    let drawn = drawn.or_else(|| reading.value.as_ref().map(|drawn| short(&value(drawn))));
    let drawn = drawn.map_or_else(String::new, |drawn| format!("{drawn} "));
    format!(
        "{drawn}<span class=\"sign {class}\" aria-hidden=\"true\">{sign}</span> {}",
        verdict_word(reading)
    )
}

fn draw(title: &str, ends: [Option<f64>; 2], bounds: &[Bound], out: &mut String) {
    let drawn: Vec<f64> = ends.iter().copied().flatten().collect();
    if drawn.is_empty() {
        return;
    }
    let limits = bounds.iter().map(|bound| bound.limit);
    // The beginning of the scale is nought, so that lengths can be compared.
    let Some(range) = Range::of(drawn.iter().copied().chain(limits).chain([0.0])) else {
        return;
    };
    let place = |number: f64| INSET + range.share(number) * (WIDTH - 2.0 * INSET);
    _ = write!(
        out,
        "<svg class=\"dumbbell\" viewBox=\"0 0 300 28\" width=\"300\" height=\"28\" role=\"img\" aria-label=\"{}: {}\">\
         <line class=\"scale\" x1=\"{INSET}\" x2=\"{}\" y1=\"14\" y2=\"14\"/>",
        text(title),
        drawn
            .iter()
            .map(|number| plain(*number))
            .collect::<Vec<_>>()
            .join(", then "),
        WIDTH - INSET
    );
    if let [Some(before), Some(after)] = ends {
        let (from, to) = (place(before), place(after));
        _ = write!(
            out,
            "<line class=\"way\" x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"14\" y2=\"14\"/>"
        );
    }
    for bound in bounds {
        let x = place(bound.limit);
        _ = write!(
            out,
            "<line class=\"bound\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"1\" y2=\"27\"/>"
        );
    }
    for (number, class, r) in [(ends[0], "before", 6), (ends[1], "after", 5)] {
        if let Some(x) = number.map(place) {
            _ = write!(
                out,
                "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"14\" r=\"{r}\"/>"
            );
        }
    }
    out.push_str("</svg>\n");
}
