//! The page of many runs: a summary of all runbooks, then each with its repairs over time, its steps and its checks.

use std::fmt::Write as _;

use super::Medium;
use super::markup::{details, table, text};
use super::shell;
use crate::stats::{Freshness, Gate, Period, Runbook, Spread, Statistics, Step};
use crate::words::{count, duration};

/// The page, in one file. The same statistics give the same bytes.
pub(crate) fn write(statistics: &Statistics) -> String {
    let mut out = shell::head(Medium::Screen, "Runs, compared", None);
    let runs = statistics.runs;
    let mut parts = vec![count(runs.counted, "run")];
    for (some, what) in [
        (runs.pruned, "of them pruned"),
        (runs.rehearsals, "rehearsed"),
        (runs.unreadable, "unreadable"),
    ] {
        if some > 0 {
            parts.push(format!("{some} {what}"));
        }
    }
    _ = write!(
        out,
        "<body>\n<a class=\"skip\" href=\"#main\">To the figures</a>\n<header class=\"banner\">\n<div class=\"wide\">\
         <p class=\"kicker\">As of {}</p>\n<h1>Runs, compared</h1>\n<p>{}</p></div>\n</header>\n<div class=\"sheet\">\n",
        statistics.as_of.strftime("%Y-%m-%d %H:%M UTC"),
        parts.join(", ")
    );
    contents(statistics, &mut out);
    out.push_str("<main id=\"main\">\n");
    summary(statistics, &mut out);
    for (number, runbook) in statistics.runbooks.iter().enumerate() {
        section(runbook, number, &mut out);
    }
    out.push_str("</main>\n</div>\n<footer><p>Repairs are timed from when people noted that it was detected, or else from a run's beginning, \
                  to when they noted that it was resolved, or else to its end, waiting included. Runs with nothing to do count in no rate.</p></footer>\n\
                  </body>\n</html>\n");
    out
}

fn contents(statistics: &Statistics, out: &mut String) {
    out.push_str("<nav class=\"contents\" aria-labelledby=\"contents-name\">\n<h2 id=\"contents-name\">Runbooks</h2>\n<ul>\n");
    for (number, runbook) in statistics.runbooks.iter().enumerate() {
        _ = writeln!(out, "<li><a href=\"#r{number}\">{}</a></li>", text(&runbook.name));
    }
    out.push_str("</ul>\n</nav>\n");
}

fn summary(statistics: &Statistics, out: &mut String) {
    out.push_str("<section aria-labelledby=\"all\">\n<h2 id=\"all\">All runbooks</h2>\n");
    if statistics.runbooks.is_empty() {
        out.push_str("<p>There are no runbooks, and no runs.</p>\n</section>\n");
        return;
    }
    let rows: Vec<Vec<String>> = statistics
        .runbooks
        .iter()
        .enumerate()
        .map(|(number, runbook)| {
            vec![
                format!("<a href=\"#r{number}\">{}</a>", text(&runbook.name)),
                runbook.runs.to_string(),
                runbook.success_rate.map(percent).unwrap_or_default(),
                time(runbook.repair.all, |all| all.median_ms),
                time(runbook.repair.all, |all| all.p90_ms),
                trend(runbook),
                day(runbook.last_run.as_ref().map(|last| last.at)),
                day(runbook.last_rehearsal.as_ref().map(|last| last.at)),
                runbook.freshness.word().to_owned(),
            ]
        })
        .collect();
    let columns = [
        "Runbook",
        "Runs",
        "Resolved",
        "Repair",
        "Nine of ten",
        "Trend",
        "Last run",
        "Rehearsed",
        "State",
    ];
    out.push_str(&table("All runbooks", &columns, &rows));
    out.push_str("</section>\n");
}

fn section(runbook: &Runbook, number: usize, out: &mut String) {
    _ = write!(
        out,
        "<section aria-labelledby=\"r{number}\">\n<h2 id=\"r{number}\">{}</h2>\n<p>{}</p>\n",
        text(&runbook.name),
        text(&runbook.title)
    );
    facts(runbook, out);
    if runbook.repair.periods.len() > 1 {
        periods(&runbook.repair.periods, out);
    }
    if !runbook.steps.is_empty() {
        steps(&runbook.steps, out);
    }
    if !runbook.gates.is_empty() {
        gates(&runbook.gates, out);
    }
    if runbook.runs > 0 && !runbook.never_used.is_empty() {
        out.push_str("<h3>Never used</h3>\n<ul>\n");
        for step in &runbook.never_used {
            let why = step
                .why
                .as_ref()
                .map(|why| format!(", skipped {}, mostly: {}", count(step.skipped, "time"), text(why)));
            _ = writeln!(
                out,
                "<li><code>{}</code>{}</li>",
                text(&step.id),
                why.unwrap_or_default()
            );
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

fn facts(runbook: &Runbook, out: &mut String) {
    let outcomes: Vec<String> = runbook
        .outcomes
        .iter()
        .map(|(word, count)| format!("{count} {}", text(word)))
        .collect();
    let mut rows = vec![(
        "Runs",
        if outcomes.is_empty() {
            "none".to_owned()
        } else {
            outcomes.join(", ")
        },
    )];
    if let Some(rate) = runbook.success_rate {
        rows.push((
            "Resolved",
            format!("{} of {} that had something to do", percent(rate), runbook.tried),
        ));
    }
    if let Some(all) = runbook.repair.all {
        let (median, p90, longest) = (
            duration(all.median_ms),
            duration(all.p90_ms),
            duration(all.longest_ms),
        );
        rows.push((
            "Repair",
            format!("half within {median}, nine of ten within {p90}, all within {longest}"),
        ));
    }
    if let Some(change) = runbook.repair.change {
        let (older, newer) = (duration(change.older_ms), duration(change.newer_ms));
        rows.push((
            "Trend",
            format!("{}: the older half {older}, the newer {newer}", trend(runbook)),
        ));
    }
    rows.extend(undone(runbook));
    rows.extend(tried(runbook));
    out.push_str("<table class=\"facts\"><tbody>\n");
    for (name, fact) in rows {
        _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{fact}</td></tr>");
    }
    out.push_str("</tbody></table>\n");
}

fn undone(runbook: &Runbook) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for undo in &runbook.undos {
        let failed = if undo.failed > 0 {
            format!(", failed {}", count(undo.failed, "time"))
        } else {
            String::new()
        };
        rows.push((
            "Undone",
            format!(
                "<code>{}</code> {}{failed}",
                text(&undo.step),
                count(undo.undone, "time")
            ),
        ));
    }
    rows
}

/// When somebody last tried it.
fn tried(runbook: &Runbook) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    for (name, last) in [
        ("Last run", &runbook.last_run),
        ("Last rehearsal", &runbook.last_rehearsal),
    ] {
        let told = last.as_ref().map(|last| {
            let outcome = last
                .outcome
                .map_or("without an end", runbook_event::Outcome::word);
            format!(
                "{}, {outcome}, <code>{}</code>",
                day(Some(last.at)),
                text(&last.run)
            )
        });
        rows.push((name, told.unwrap_or_else(|| "never".to_owned())));
    }
    if runbook.freshness != Freshness::Fresh {
        let days = runbook
            .days_since
            .map(|days| format!(": {days} days"))
            .unwrap_or_default();
        rows.push((
            "Freshness",
            format!("<strong>{}</strong>{days}", runbook.freshness.word()),
        ));
    }
    rows
}

/// The width and the height of the plot, in its own units.
const WIDE: u64 = 720;
const HIGH: u64 = 150;

/// The medians of repairs over time: a bar for each period, on one scale that begins at nothing.
fn periods(periods: &[Period], out: &mut String) {
    let highest = periods
        .iter()
        .filter_map(|period| period.median_ms)
        .max()
        .unwrap_or(0);
    if highest == 0 {
        return;
    }
    let slot = WIDE / periods.len() as u64;
    _ = write!(
        out,
        "<h3>Repairs over time</h3>\n<figure>\n<figcaption>Medians; the highest is {}</figcaption>\n<svg class=\"plot\" role=\"img\" \
         aria-label=\"Median of repairs over time; the table below has the numbers\" viewBox=\"0 0 {WIDE} {}\" width=\"100%\">\n\
         <line class=\"tick\" x1=\"0\" y1=\"{HIGH}\" x2=\"{WIDE}\" y2=\"{HIGH}\"/>\n",
        duration(highest),
        HIGH + 1
    );
    for (at, period) in periods.iter().enumerate() {
        let x = at as u64 * slot;
        let Some(median) = period.median_ms else { continue };
        let high = scaled(median, highest, HIGH - 4).max(2);
        let bad = if period.resolved < period.tried {
            " bad"
        } else {
            ""
        };
        _ = writeln!(
            out,
            "<rect class=\"bar{bad}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{high}\"><title>{}: {}, {} of {} resolved</title></rect>",
            x + slot / 8,
            HIGH - high,
            (slot * 3 / 4).max(1),
            period.label,
            duration(median),
            period.resolved,
            period.tried
        );
    }
    out.push_str("</svg>\n");
    if let (Some(first), Some(last)) = (periods.first(), periods.last()) {
        _ = writeln!(out, "<p class=\"note\">{} to {}</p>", first.label, last.label);
    }
    let rows: Vec<Vec<String>> = periods
        .iter()
        .filter(|period| period.tried > 0)
        .map(|period| {
            let median = period.median_ms.map(duration).unwrap_or_default();
            vec![
                period.label.clone(),
                format!("{} of {}", period.resolved, period.tried),
                median,
            ]
        })
        .collect();
    let all = table("Repairs over time", &["From", "Resolved", "Median"], &rows);
    out.push_str(&details("As a table", false, &all));
    out.push_str("</figure>\n");
}

/// A part of a length.
fn scaled(some: u64, of: u64, length: u64) -> u64 {
    u64::try_from(u128::from(some) * u128::from(length) / u128::from(of.max(1))).unwrap_or(length)
}

/// How long each step takes: a bar to the median, a line to what nine of ten do not exceed.
fn steps(steps: &[Step], out: &mut String) {
    out.push_str("<h3>Steps</h3>\n");
    let timed: Vec<(&Step, Spread)> = steps.iter().filter_map(|step| Some((step, step.time?))).collect();
    let highest = timed.iter().map(|(_, time)| time.p90_ms).max().unwrap_or(0);
    if highest > 0 {
        out.push_str("<figure>\n<figcaption>Time of each step: half within the bar, nine of ten within the line</figcaption>\n<ul class=\"rows\">\n");
        for (step, time) in &timed {
            let (median, p90) = (
                scaled(time.median_ms, highest, 1000).max(3),
                scaled(time.p90_ms, highest, 1000).max(3),
            );
            _ = writeln!(
                out,
                "<li class=\"row\"><span class=\"name\"><code>{}</code></span><svg class=\"strip\" viewBox=\"0 0 1000 20\" preserveAspectRatio=\"none\" \
                 height=\"20\" aria-hidden=\"true\"><line class=\"turn\" x1=\"0\" y1=\"10\" x2=\"{p90}\" y2=\"10\"/>\
                 <rect class=\"bar\" x=\"0\" y=\"4\" width=\"{median}\" height=\"12\"/></svg><span class=\"took\">{}</span></li>",
                text(&step.id),
                duration(time.median_ms)
            );
        }
        out.push_str("</ul>\n</figure>\n");
    }
    let rows: Vec<Vec<String>> = steps
        .iter()
        .map(|step| {
            let gone = if step.current { "" } else { " (gone)" };
            vec![
                format!("<code>{}</code>{gone}", text(&step.id)),
                step.used.to_string(),
                some(step.failed),
                some(step.skipped),
                some(step.retries),
                time(step.time, |time| time.median_ms),
                time(step.time, |time| time.p90_ms),
                if step.time.is_some() {
                    percent(step.share)
                } else {
                    String::new()
                },
            ]
        })
        .collect();
    let columns = [
        "Step",
        "Used in runs",
        "Failed",
        "Skipped",
        "Retries",
        "Median",
        "Nine of ten",
        "Share",
    ];
    out.push_str(&table("Steps", &columns, &rows));
}

fn gates(gates: &[Gate], out: &mut String) {
    out.push_str("<h3>Checks</h3>\n");
    let rows: Vec<Vec<String>> = gates
        .iter()
        .map(|gate| {
            let step = gate
                .step
                .as_ref()
                .map(|step| format!("<code>{}</code> ", text(step)));
            let flapped = if gate.flapped > 0 {
                format!("<strong>{}</strong>", gate.flapped)
            } else {
                String::new()
            };
            let many = if gate.needs_many { " (many)" } else { "" };
            let readings = gate.readings_median.map(|median| format!("{median}{many}"));
            vec![
                format!(
                    "{}{} <code>{}</code>",
                    step.unwrap_or_default(),
                    text(&gate.role),
                    text(&gate.check)
                ),
                format!("{} of {}", gate.passed, gate.decided),
                flapped,
                readings.unwrap_or_default(),
                gate.readings_p90.map(|p90| p90.to_string()).unwrap_or_default(),
                time(gate.time, |time| time.median_ms),
                time(gate.time, |time| time.p90_ms),
            ]
        })
        .collect();
    let columns = [
        "Check",
        "Passed",
        "Flapped",
        "Readings",
        "Nine of ten",
        "Time",
        "Nine of ten",
    ];
    out.push_str(&table("Checks", &columns, &rows));
}

fn time(spread: Option<Spread>, of: impl Fn(Spread) -> u64) -> String {
    spread.map(|spread| duration(of(spread))).unwrap_or_default()
}

fn trend(runbook: &Runbook) -> String {
    match runbook.repair.change.map(|change| change.percent) {
        None => String::new(),
        Some(percent @ ..=-10) => format!("{} % faster", -percent),
        Some(-9..=9) => "steady".to_owned(),
        Some(percent @ 10..) => format!("{percent} % slower"),
    }
}

fn day(at: Option<jiff::Timestamp>) -> String {
    at.map(|at| at.strftime("%Y-%m-%d").to_string())
        .unwrap_or_default()
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

fn some(count: u64) -> String {
    if count == 0 {
        String::new()
    } else {
        count.to_string()
    }
}
