//! When what ran: a row for each part of the run and each step, with its attempts, its gates, its waiting and its undo.
//!
//! A row's texts are HTML beside its strip, so that they keep their size at any width. The strip is SVG whose places are
//! shares of its width. What is told by colour is told by form too: what went wrong has a cross, an undo has stripes.

mod chosen;

use std::fmt::Write as _;

use jiff::Timestamp;
use runbook_event::{Event, Phase, Role};

use super::axis::{Axis, percent};
use super::markup::{details, short, table, text};
use super::{Medium, fate};
use crate::story::{Span, SpanEnd, SpanKind, Step, Story, between};
use crate::words::{count, duration, phase_title};

/// How many spans a row shows, and how many rows the table beside the picture has.
const SPANS: usize = 24;
const ROWS: usize = 400;

/// The narrowest bar, in hundredths of a percent.
const THIN: i64 = 30;

/// The picture with its legend and its table.
pub(super) fn write(story: &Story<'_>, medium: Medium, out: &mut String) {
    let axis = Axis::new(story);
    let chosen = chosen::steps(story);
    out.push_str("<figure class=\"gantt\" aria-labelledby=\"gantt-name\">\n<figcaption id=\"gantt-name\">When what ran</figcaption>\n");
    legend(story, &chosen.steps, out);
    grid(&axis, out);
    out.push_str("<ol class=\"rows\">\n");
    scale(&axis, out);
    for phase in phases(story) {
        phase_row(story, &axis, &phase, out);
    }
    for &(depth, step) in &chosen.steps {
        row(story, &axis, depth, &step, out);
    }
    out.push_str("</ol>\n");
    notes(story, &axis, chosen.left_out, out);
    let rows = rows(story, &chosen.steps);
    let columns = ["Step", "What", "From", "To", "Took", "How it ended"];
    let table = table("When what ran, as a table", &columns, &rows);
    out.push_str(&details("The same as a table", medium == Medium::Paper, &table));
    out.push_str("</figure>\n");
}

fn legend(story: &Story<'_>, steps: &[(usize, Step<'_>)], out: &mut String) {
    let mut items = vec![("bar good", "attempt")];
    let has = |wanted: &dyn Fn(&Span) -> bool| {
        steps
            .iter()
            .any(|(_, step)| story.spans_of(step).iter().any(wanted))
    };
    if has(&|span| span.end == SpanEnd::Bad && span.kind != SpanKind::Question) {
        items.push(("bar bad", "it failed"));
    }
    if has(&|span| span.kind == SpanKind::Gate) {
        items.push(("bar gate", "gate"));
    }
    if has(&|span| span.kind == SpanKind::Question) {
        items.push(("bar question", "asked before"));
    }
    if has(&|span| span.kind == SpanKind::Asking) {
        items.push(("bar asking", "waiting for a person"));
    }
    if has(&|span| span.kind == SpanKind::Pause) {
        items.push(("pause", "waiting for the next attempt"));
    }
    if story.turned_back() {
        items.push(("bar undo", "undo"));
    }
    if has(&|span| span.end == SpanEnd::Lost) {
        items.push(("bar lost", "its end is not recorded"));
    }
    if story.sessions.len() > 1 {
        items.push(("gap", "nothing ran (drawn short)"));
    }
    out.push_str("<ul class=\"legend\">\n");
    for (class, name) in items {
        _ = write!(
            out,
            "<li><svg class=\"key\" width=\"28\" height=\"18\" aria-hidden=\"true\">"
        );
        if class == "pause" {
            out.push_str("<line class=\"pause\" x1=\"1\" x2=\"27\" y1=\"9\" y2=\"9\"/>");
        } else {
            _ = write!(
                out,
                "<rect class=\"{class}\" x=\"1\" y=\"3\" width=\"26\" height=\"12\"/>"
            );
        }
        if class == "bar bad" {
            out.push_str("<path class=\"cross\" d=\"M10 5l8 8m0-8l-8 8\"/>");
        }
        _ = writeln!(out, "</svg> {name}</li>");
    }
    out.push_str("</ul>\n");
}

/// What is behind every row, and the patterns.
fn grid(axis: &Axis, out: &mut String) {
    out.push_str(
        "<svg class=\"defs\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\
         <pattern id=\"stripes\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect class=\"undo-paper\" width=\"6\" height=\"6\"/><rect class=\"undo-ink\" width=\"3\" height=\"6\"/></pattern>\
         <pattern id=\"dots\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
         <rect class=\"asking-paper\" width=\"6\" height=\"6\"/><circle class=\"asking-ink\" cx=\"3\" cy=\"3\" r=\"1.3\"/></pattern>\
         <pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(-45)\">\
         <rect class=\"gap-ink\" width=\"1\" height=\"5\"/></pattern>\n<g id=\"grid\">",
    );
    for (from, to) in axis.gaps() {
        _ = write!(
            out,
            "<rect class=\"gap\" x=\"{}\" y=\"0\" width=\"{}\" height=\"100%\"/>",
            percent(from),
            percent(to - from)
        );
    }
    for mark in axis.marks() {
        let place = percent(mark.place);
        let class = if mark.session.is_some() {
            "tick session"
        } else {
            "tick"
        };
        _ = write!(
            out,
            "<line class=\"{class}\" x1=\"{place}\" x2=\"{place}\" y1=\"0\" y2=\"100%\"/>"
        );
    }
    out.push_str("</g></defs></svg>\n");
}

fn scale(axis: &Axis, out: &mut String) {
    out.push_str("<li class=\"row scale\" aria-hidden=\"true\"><span class=\"label\"></span><svg class=\"strip\" height=\"18\">");
    for mark in axis.marks() {
        let anchor = match mark.place {
            _ if mark.session.is_some() => "start",
            0..600 => "start",
            9_300.. => "end",
            _ => "middle",
        };
        let session = if mark.session.is_some() { "▸ " } else { "" };
        _ = write!(
            out,
            "<text x=\"{}\" y=\"13\" text-anchor=\"{anchor}\">{session}{}</text>",
            percent(mark.place),
            duration(mark.offset_ms)
        );
    }
    out.push_str("</svg><span class=\"took\"></span></li>\n");
}

/// A part of the run, each time that the run was in it.
struct During {
    phase: Phase,
    from: Timestamp,
    to: Timestamp,
}

impl During {
    const fn begun(phase: Phase, at: Timestamp) -> Self {
        Self {
            phase,
            from: at,
            to: at,
        }
    }
}

fn phases(story: &Story<'_>) -> Vec<During> {
    let mut phases: Vec<During> = Vec::new();
    for record in story.records {
        if let Some(last) = phases.last_mut()
            && !matches!(record.event, Event::RunResumed(_))
        {
            last.to = record.at.max(last.from);
        }
        if let Event::PhaseStarted { within: None, phase } = &record.event {
            phases.push(During::begun(*phase, record.at));
        }
        if let Event::RunResumed(_) = &record.event {
            // Where it goes on in the same part, no event says so.
            let last = phases.last().map(|last| last.phase);
            phases.extend(last.map(|phase| During::begun(phase, record.at)));
        }
    }
    phases
}

fn phase_row(story: &Story<'_>, axis: &Axis, during: &During, out: &mut String) {
    let class = if during.phase == Phase::Rollback {
        "bar undo"
    } else {
        "bar phase"
    };
    let (from, to) = (axis.place(story, during.from), axis.place(story, during.to));
    let took = between(during.from, during.to).map_or_else(String::new, duration);
    _ = write!(
        out,
        "<li class=\"row part\"><span class=\"label\">{}</span><svg class=\"strip\" height=\"24\" aria-hidden=\"true\">\
         <use href=\"#grid\"/><svg y=\"50%\" overflow=\"visible\">",
        text(part_name(during.phase))
    );
    rect(class, from, to, 8, out);
    _ = writeln!(out, "</rect></svg></svg><span class=\"took\">{took}</span></li>");
}

/// A part's title without what it asks.
fn part_name(phase: Phase) -> &'static str {
    let title = phase_title(phase);
    title.split(':').next().unwrap_or(title)
}

fn row(story: &Story<'_>, axis: &Axis, depth: usize, step: &Step<'_>, out: &mut String) {
    let became = fate::of(step);
    _ = write!(
        out,
        "<li class=\"row\"><span class=\"label in{}\"><span class=\"sign {}\" aria-hidden=\"true\">{}</span>\
         <span class=\"name\">{} <span class=\"sr\">({})</span></span></span>\
         <svg class=\"strip\" height=\"24\" aria-hidden=\"true\"><use href=\"#grid\"/><svg y=\"50%\" overflow=\"visible\">",
        depth.min(4),
        became.fate.class(),
        became.sign,
        short(&named(step)),
        became.word
    );
    if let Some(from) = step.state.started_at {
        let seen = story.spans_of(step).iter().map(|span| span.to).max();
        let to = step.state.ended_at.or(seen).unwrap_or(from);
        _ = write!(
            out,
            "<line class=\"turn\" x1=\"{}\" x2=\"{}\" y1=\"0\" y2=\"0\"/>",
            percent(axis.place(story, from)),
            percent(axis.place(story, to.max(from)))
        );
    }
    for span in story.spans_of(step).iter().take(SPANS) {
        bar(story, axis, span, out);
    }
    let took = step.elapsed_ms().map_or_else(|| became.word.to_owned(), duration);
    _ = writeln!(out, "</svg></svg><span class=\"took\">{took}</span></li>");
}

/// A step's title; for a turn of a loop, which stands below the loop's own title, which turn it is.
fn named(step: &Step<'_>) -> String {
    match &step.state.role {
        Role::Step => step.state.title(),
        Role::Item { key, .. } => format!("[{key}]"),
        Role::Round { number } => format!("[round {number}]"),
    }
}

fn bar(story: &Story<'_>, axis: &Axis, span: &Span, out: &mut String) {
    let (from, to) = (axis.place(story, span.from), axis.place(story, span.to));
    if span.kind == SpanKind::Pause {
        _ = write!(
            out,
            "<line class=\"pause\" x1=\"{}\" x2=\"{}\" y1=\"0\" y2=\"0\"/>",
            percent(from),
            percent(to)
        );
        return;
    }
    let (kind, height) = match span.kind {
        SpanKind::Question => ("question", 8),
        SpanKind::Gate => ("gate", 12),
        SpanKind::Asking => ("asking", 12),
        SpanKind::Attempt(_) | SpanKind::Pause => ("attempt", 18),
        SpanKind::Then => ("attempt", 10),
        SpanKind::Undo(_) => ("undo", 18),
        SpanKind::ThenUndone => ("undo", 10),
    };
    let ended = match span.end {
        SpanEnd::Good => "good",
        SpanEnd::Bad => "bad",
        SpanEnd::Open => "open",
        SpanEnd::Lost => "lost",
    };
    rect(&format!("bar {kind} {ended}"), from, to, height, out);
    _ = write!(out, "<title>{}</title></rect>", told(span));
    if span.end == SpanEnd::Bad && span.kind != SpanKind::Question {
        let middle = i64::midpoint(from, to.max(from + THIN)).min(9_900);
        _ = write!(
            out,
            "<svg x=\"{}\" overflow=\"visible\"><path class=\"cross\" d=\"M-4-4l8 8m0-8l-8 8\"/></svg>",
            percent(middle)
        );
    }
}

/// Opens a rectangle that lies on the row's middle.
fn rect(class: &str, from: i64, to: i64, height: u32, out: &mut String) {
    let width = (to - from).max(THIN);
    let left = from.min(10_000 - width);
    _ = write!(
        out,
        "<rect class=\"{class}\" x=\"{}\" y=\"-{}\" width=\"{}\" height=\"{height}\">",
        percent(left),
        height / 2,
        percent(width)
    );
}

fn kind_of(kind: SpanKind) -> String {
    match kind {
        SpanKind::Question => "asked before".to_owned(),
        SpanKind::Gate => "gate".to_owned(),
        SpanKind::Asking => "waiting for a person".to_owned(),
        SpanKind::Attempt(number) => format!("attempt {number}"),
        SpanKind::Pause => "waiting for the next attempt".to_owned(),
        SpanKind::Then => "taking effect".to_owned(),
        SpanKind::Undo(number) => format!("undo, attempt {number}"),
        SpanKind::ThenUndone => "taking effect, after the undo".to_owned(),
    }
}

const fn end_of(span: &Span) -> &'static str {
    match (span.kind, span.end) {
        (SpanKind::Pause, _) => "–",
        (_, SpanEnd::Lost) => "not recorded: the process ended",
        (_, SpanEnd::Open) => "still under way",
        (SpanKind::Gate | SpanKind::Question, SpanEnd::Good) => "passed",
        (SpanKind::Gate | SpanKind::Question, SpanEnd::Bad) => "not passed",
        (SpanKind::Asking, SpanEnd::Good) => "approved",
        (SpanKind::Asking, SpanEnd::Bad) => "rejected",
        (_, SpanEnd::Good) => "succeeded",
        (_, SpanEnd::Bad) => "failed",
    }
}

fn took(span: &Span) -> String {
    between(span.from, span.to).map_or_else(String::new, duration)
}

fn told(span: &Span) -> String {
    format!("{}, {}: {}", kind_of(span.kind), took(span), end_of(span))
}

fn notes(story: &Story<'_>, axis: &Axis, left_out: usize, out: &mut String) {
    if left_out > 0 {
        _ = writeln!(
            out,
            "<p class=\"note\">Not drawn: {} that went as they should. <code>runbook show {}</code> lists all.</p>",
            count(left_out as u64, "more step"),
            text(&story.run.run)
        );
    }
    let gaps = axis.gaps().len();
    if gaps > 0 {
        let ended = story.sessions.iter().take(gaps);
        let crashed = ended.filter(|session| session.end.is_none()).count();
        let told = match (gaps, crashed) {
            (1, 0) => "At ▸ the run went on.".to_owned(),
            (1, _) => "At ▸ the run went on after a crash.".to_owned(),
            (_, 0) => format!("At each ▸ the run went on: {gaps} times."),
            _ => format!("At each ▸ the run went on: {gaps} times, {crashed} of them after a crash."),
        };
        _ = writeln!(out, "<p class=\"note\">{told}</p>");
    }
}

/// The table beside the picture.
fn rows(story: &Story<'_>, steps: &[(usize, Step<'_>)]) -> Vec<Vec<String>> {
    let clock = |at: Timestamp| at.strftime("%H:%M:%S%.3f").to_string();
    let spans = steps.iter().flat_map(|(_, step)| {
        let spans = story.spans_of(step).iter().take(SPANS);
        spans.map(move |span| (step, span))
    });
    let rows = spans.take(ROWS).map(|(step, span)| {
        vec![
            short(&step.state.title()),
            kind_of(span.kind),
            clock(span.from),
            clock(span.to),
            took(span),
            end_of(span).to_owned(),
        ]
    });
    rows.collect()
}
