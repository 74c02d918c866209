//! The readings of each check as a line of its own, with the bound that they are compared with.

use std::fmt::Write as _;

use runbook_event::{CheckRole, CheckSite, Reading, Verdict};

use super::Medium;
use super::markup::{details, short, table, text};
use super::series::{Point, Series, thinned};
use super::threshold::{Bound, bounds, number};
use crate::story::{Story, between};
use crate::words::{check_outline, check_title, count, duration, value, verdict_word};

/// How many checks are drawn, of how many readings each, and how many of those the table shows.
const CHECKS: usize = 60;
const POINTS: usize = 160;
const ROWS: usize = 12;

/// The picture, and what of it readings may take.
const WIDTH: i64 = 280;
const HEIGHT: f64 = 64.0;
const INSET: f64 = 8.0;

/// All that is drawn of one check.
struct Line<'a> {
    site: &'a CheckSite,
    points: &'a [Point<'a>],
    bounds: Vec<Bound>,
    /// What is drawn: the name of an operand, or the check's value.
    subject: Option<String>,
}

/// The pictures of all checks that were asked more than once, or whose only reading did not pass.
pub(super) fn write(story: &Story<'_>, series: &Series<'_>, medium: Medium, out: &mut String) {
    let mut told: Vec<(&CheckSite, &Vec<Point<'_>>)> = series
        .iter()
        .filter(|(site, points)| is_told(site, points))
        .map(|(site, points)| (*site, points))
        .collect();
    if told.is_empty() {
        return;
    }
    let all = told.len();
    if all > CHECKS {
        // Those that did not end as they should are what one looks for.
        told.sort_by_key(|(_, points)| {
            points
                .last()
                .is_some_and(|point| point.reading.verdict == Verdict::Pass)
        });
        told.truncate(CHECKS);
    }
    out.push_str("<figure class=\"gates\" aria-labelledby=\"gates-name\">\n<figcaption id=\"gates-name\">What the checks read</figcaption>\n<ul class=\"cards\">\n");
    let lines: Vec<Line<'_>> = told
        .iter()
        .map(|(site, points)| line(story, site, points))
        .collect();
    for line in &lines {
        card(story, line, out);
    }
    out.push_str("</ul>\n<p class=\"note\">● passed, ✕ did not pass, △ could not be asked");
    if lines.iter().any(|line| !line.bounds.is_empty()) {
        out.push_str("; the dashed line is what was expected, and on the side that is shaded it is not so");
    }
    out.push_str(".</p>\n");
    if all > lines.len() {
        _ = writeln!(
            out,
            "<p class=\"note\">Not drawn: {}.</p>",
            count((all - lines.len()) as u64, "more check")
        );
    }
    out.push_str(&details(
        "The same as a table",
        medium == Medium::Paper,
        &readings(story, &lines),
    ));
    out.push_str("</figure>\n");
}

/// What was only asked once and passed says nothing as a picture.
fn is_told(site: &CheckSite, points: &[Point<'_>]) -> bool {
    match site.role {
        CheckRole::Gate | CheckRole::Undone | CheckRole::Verify | CheckRole::Guard => {
            points.len() > 1 || points.iter().any(|point| point.reading.verdict != Verdict::Pass)
        }
        CheckRole::Detect | CheckRole::Baseline | CheckRole::Require | CheckRole::Decide | CheckRole::Row => {
            points.len() > 1
        }
    }
}

fn line<'a>(story: &Story<'_>, site: &'a CheckSite, points: &'a [Point<'a>]) -> Line<'a> {
    let expected = check_outline(site, &story.state).map_or(&[] as &[String], |check| &check.expect);
    let detail = points.last().map_or("", |point| point.reading.detail.as_str());
    let bounds = bounds(expected, detail);
    let subject = bounds.first().map(|bound| bound.subject.clone());
    Line {
        site,
        points,
        bounds,
        subject,
    }
}

fn role(role: CheckRole) -> &'static str {
    match role {
        CheckRole::Detect => "detect",
        CheckRole::Baseline => "before the first step",
        CheckRole::Guard => "guard",
        CheckRole::Require => "required",
        CheckRole::Gate => "gate",
        CheckRole::Undone => "is it undone",
        CheckRole::Decide => "before its action",
        CheckRole::Row => "check",
        CheckRole::Verify => "final check",
    }
}

fn card(story: &Story<'_>, line: &Line<'_>, out: &mut String) {
    let title = check_title(line.site, &story.state);
    let place = line.site.step.as_deref().or(line.site.within.as_deref());
    let place = place.map_or_else(String::new, |step| {
        let step = story
            .step(step)
            .map_or_else(|| step.to_owned(), |step| step.state.title());
        format!(" · {}", short(&step))
    });
    let told = summary(line);
    _ = writeln!(
        out,
        "<li class=\"card\"><p class=\"what\"><strong>{}</strong><br><span class=\"muted\">{}{place}</span></p>",
        short(&title),
        role(line.site.role)
    );
    draw(line, &format!("{}: {told}", text(&title)), out);
    _ = writeln!(out, "<p class=\"told\">{told}</p></li>");
}

/// What the picture shows, in words.
fn summary(line: &Line<'_>) -> String {
    let ends = (line.points.first(), line.points.last());
    let (Some(first), Some(last)) = ends else {
        return String::new();
    };
    let mut told = count(line.points.len() as u64, "reading");
    let shown = |reading: &Reading| match number(reading, line.subject.as_deref()) {
        Some(number) => Some(plain(number)),
        None => reading.value.as_ref().map(|drawn| short(&value(drawn))),
    };
    if let (Some(from), Some(to)) = (shown(first.reading), shown(last.reading)) {
        if line.points.len() > 1 {
            _ = write!(told, ", from {from} to {to}");
        } else {
            _ = write!(told, ": {to}");
        }
    }
    if let Some(ms) = between(first.at, last.at).filter(|ms| *ms > 0) {
        _ = write!(told, " in {}", duration(ms));
    }
    if !line.bounds.is_empty() {
        let sources: Vec<String> = line
            .bounds
            .iter()
            .map(|bound| format!("<code>{}</code>", short(&bound.source)))
            .collect();
        _ = write!(told, "; expected {}", sources.join(" and "));
    }
    _ = write!(told, "; last: {}", verdict_word(last.reading));
    told
}

/// A number for people: what a picture cannot show is not said either.
pub(super) fn plain(number: f64) -> String {
    let text = format!("{number:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text.len() > 12 {
        format!("{number:.2e}")
    } else {
        text.to_owned()
    }
}

fn draw(line: &Line<'_>, name: &str, out: &mut String) {
    let of = |reading: &Reading| number(reading, line.subject.as_deref());
    let points = thinned(line.points, POINTS, &of);
    let numbers: Vec<f64> = points.iter().filter_map(|point| of(point.reading)).collect();
    let limits = || line.bounds.iter().map(|bound| bound.limit);
    let range = Range::of(
        numbers
            .iter()
            .copied()
            .chain(limits().filter(|_| !numbers.is_empty())),
    );
    let name = name.replace("<code>", "").replace("</code>", "");
    _ = write!(
        out,
        "<svg class=\"spark\" viewBox=\"0 0 {WIDTH} 64\" width=\"{WIDTH}\" height=\"64\" role=\"img\" aria-label=\"{name}\">"
    );
    if let Some(range) = &range {
        for bound in &line.bounds {
            shade(bound, range, out);
        }
    }
    let places: Vec<(i64, f64, Verdict)> = points
        .iter()
        .map(|point| {
            let verdict = point.reading.verdict;
            let high = match (&range, of(point.reading)) {
                (Some(range), Some(number)) => range.place(number),
                (Some(_), None) => HEIGHT - INSET,
                (None, _) if verdict == Verdict::Pass => INSET * 2.0,
                (None, _) => HEIGHT - INSET * 2.0,
            };
            (across(line.points, point), high, verdict)
        })
        .collect();
    let path: Vec<String> = places
        .iter()
        .map(|(x, y, _)| format!("{} {y:.1}", tenths(*x)))
        .collect();
    _ = write!(out, "<polyline class=\"line\" points=\"{}\"/>", path.join(" "));
    let few = places.len() <= 40;
    for (at, &(x, y, verdict)) in places.iter().enumerate() {
        let turned = at == 0 || places.get(at - 1).is_none_or(|before| before.2 != verdict);
        if few || turned || at + 1 == places.len() {
            dot(x, y, verdict, out);
        }
    }
    out.push_str("</svg>\n");
}

/// Where a reading stands from left to right, in tenths.
fn across(points: &[Point<'_>], point: &Point<'_>) -> i64 {
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return 0;
    };
    let all = last.at.duration_since(first.at).as_micros();
    let here = point.at.duration_since(first.at).as_micros();
    if all <= 0 {
        return WIDTH * 5;
    }
    80 + i64::try_from(here * i128::from(WIDTH * 10 - 160) / all).unwrap_or(0)
}

fn tenths(number: i64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

fn dot(x: i64, y: f64, verdict: Verdict, out: &mut String) {
    let x = tenths(x);
    _ = match verdict {
        Verdict::Pass => write!(
            out,
            "<circle class=\"dot pass\" cx=\"{x}\" cy=\"{y:.1}\" r=\"3\"/>"
        ),
        Verdict::Fail => write!(
            out,
            "<path class=\"dot fail\" d=\"M{x} {y:.1}m-3-3l6 6m0-6l-6 6\"/>"
        ),
        Verdict::Error => write!(out, "<path class=\"dot error\" d=\"M{x} {y:.1}m0-4l4 7h-8z\"/>"),
    };
}

/// The side of a bound on which it is not as it should be.
fn shade(bound: &Bound, range: &Range, out: &mut String) {
    let y = range.place(bound.limit);
    let (top, height) = match bound.below {
        Some(true) => (0.0, y),
        Some(false) => (y, HEIGHT - y),
        None => (0.0, 0.0),
    };
    if height > 0.0 {
        _ = write!(
            out,
            "<rect class=\"wrong\" x=\"0\" y=\"{top:.1}\" width=\"{WIDTH}\" height=\"{height:.1}\"/>"
        );
    }
    _ = write!(
        out,
        "<line class=\"bound\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>"
    );
}

/// From the least to the greatest number of a picture.
pub(super) struct Range {
    least: f64,
    greatest: f64,
}

impl Range {
    pub(super) fn of(numbers: impl Iterator<Item = f64>) -> Option<Self> {
        let mut range: Option<Self> = None;
        for number in numbers {
            let known = range.get_or_insert(Self {
                least: number,
                greatest: number,
            });
            known.least = known.least.min(number);
            known.greatest = known.greatest.max(number);
        }
        range
    }

    /// The share of a number, from 0 for the least to 1.
    pub(super) fn share(&self, number: f64) -> f64 {
        // Halves, so that the difference of two great numbers is one too.
        let span = self.greatest / 2.0 - self.least / 2.0;
        if span > 0.0 {
            (number / 2.0 - self.least / 2.0) / span
        } else {
            0.5
        }
    }

    fn place(&self, number: f64) -> f64 {
        HEIGHT - INSET - self.share(number) * (HEIGHT - 2.0 * INSET)
    }
}

/// The readings where something changed, of each check a few.
fn readings(story: &Story<'_>, lines: &[Line<'_>]) -> String {
    let mut rows = Vec::new();
    for line in lines {
        let mut before = None;
        let last = line.points.len().saturating_sub(1);
        let told = line.points.iter().enumerate().filter(|(at, point)| {
            let turned = before != Some(point.reading.verdict);
            before = Some(point.reading.verdict);
            turned || *at == last || line.points.len() <= ROWS
        });
        for (_, point) in told.take(ROWS) {
            let drawn = number(point.reading, line.subject.as_deref()).map(plain);
            let drawn = drawn.or_else(|| point.reading.value.as_ref().map(|drawn| short(&value(drawn))));
            rows.push(vec![
                short(&check_title(line.site, &story.state)),
                point.reading.number.to_string(),
                point.at.strftime("%H:%M:%S%.3f").to_string(),
                drawn.unwrap_or_else(|| "–".to_owned()),
                verdict_word(point.reading).to_owned(),
            ]);
        }
    }
    let name = "What the checks read, as a table";
    table(name, &["Check", "Reading", "At", "Value", "Result"], &rows)
}
