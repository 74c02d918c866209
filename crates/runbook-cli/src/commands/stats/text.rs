//! What is known of many runs, for people: a table of all runbooks, or all about one.

use jiff::Timestamp;
use runbook_event::Outcome;
use runbook_report::stats::{Freshness, Gate, Last, Repair, Runbook, Statistics, Step};
use runbook_report::{duration, visible};

use crate::table::{self, Column};
use crate::term::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// The heights of a bar in a line.
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

const ALL: [Column; 9] = [
    column("RUNBOOK", Some(12), 0),
    column("RUNS", None, 0),
    column("RESOLVED", None, 1),
    column("REPAIR", None, 2),
    column("P90", None, 5),
    column("TREND", None, 4),
    column("LAST RUN", None, 3),
    column("REHEARSED", None, 6),
    column("", None, 7),
];

const STEPS: [Column; 8] = [
    column("STEP", Some(12), 0),
    column("USED", None, 2),
    column("FAILED", None, 1),
    column("SKIPPED", None, 5),
    column("RETRIES", None, 6),
    column("MEDIAN", None, 0),
    column("P90", None, 3),
    column("SHARE", None, 4),
];

const GATES: [Column; 6] = [
    column("CHECK", Some(12), 0),
    column("PASSED", None, 1),
    column("FLAPPED", None, 0),
    column("READINGS", None, 2),
    column("MEDIAN", None, 3),
    column("P90", None, 4),
];

const fn column(heading: &'static str, least: Option<usize>, spare: u8) -> Column {
    Column {
        heading,
        least,
        spare,
    }
}

pub(super) fn print(statistics: &Statistics, only: bool) {
    if statistics.runbooks.is_empty() {
        term::print("no runs yet, and no runbooks; begin with `runbook new incident/disk-full`");
    } else if only {
        for runbook in &statistics.runbooks {
            print_one(runbook, statistics.as_of);
        }
    } else {
        print_all(statistics);
    }
    print_totals(statistics);
}

fn print_all(statistics: &Statistics) {
    let rows: Vec<Vec<String>> = statistics
        .runbooks
        .iter()
        .map(|runbook| row(runbook, statistics.as_of))
        .collect();
    print_table(&ALL, &rows, |at, row, cell| {
        match (at, statistics.runbooks[row].freshness) {
            (8, Freshness::Stale | Freshness::NeverRun) => styled(WARN, cell),
            (8, Freshness::Gone | Freshness::Fresh) => styled(DIM, cell),
            _ => cell.to_owned(),
        }
    });
    let mut told = Vec::new();
    for runbook in &statistics.runbooks {
        told.extend(striking(runbook).map(|line| format!("  {}: {line}", visible(&runbook.name))));
    }
    if !told.is_empty() {
        term::print("");
        for line in &told {
            wrapped(line, WARN);
        }
    }
}

fn row(runbook: &Runbook, now: Timestamp) -> Vec<String> {
    let all = runbook.repair.all;
    vec![
        visible(&runbook.name),
        runbook.runs.to_string(),
        runbook.success_rate.map(percent).unwrap_or_default(),
        all.map(|all| duration(all.median_ms)).unwrap_or_default(),
        all.map(|all| duration(all.p90_ms)).unwrap_or_default(),
        trend(&runbook.repair),
        runbook
            .last_run
            .as_ref()
            .map(|last| ago(last.at, now))
            .unwrap_or_default(),
        runbook
            .last_rehearsal
            .as_ref()
            .map(|last| ago(last.at, now))
            .unwrap_or_default(),
        match runbook.freshness {
            Freshness::Fresh => String::new(),
            other @ (Freshness::Stale | Freshness::NeverRun | Freshness::Gone) => other.word().to_owned(),
        },
    ]
}

/// What a person should look at.
fn striking(runbook: &Runbook) -> impl Iterator<Item = String> + '_ {
    let flapping = runbook.gates.iter().filter(|gate| gate.flapped > 0).map(|gate| {
        format!(
            "{} flapped in {} of {}",
            gate_name(gate),
            gate.flapped,
            times(gate.decided, "time")
        )
    });
    let many = runbook.gates.iter().filter(|gate| gate.needs_many).map(|gate| {
        let readings = gate.readings_median.unwrap_or(0);
        format!(
            "{} passes only after {}",
            gate_name(gate),
            times(readings, "reading")
        )
    });
    let failing = runbook.undos.iter().filter(|undo| undo.failed > 0).map(|undo| {
        format!(
            "the undo of `{}` failed {}",
            visible(&undo.step),
            times(undo.failed, "time")
        )
    });
    let unused = (runbook.runs > 0 && !runbook.never_used.is_empty()).then(|| {
        let names: Vec<String> = runbook
            .never_used
            .iter()
            .map(|step| format!("`{}`", visible(&step.id)))
            .collect();
        format!("never used: {}", names.join(", "))
    });
    flapping.chain(many).chain(failing).chain(unused)
}

fn print_one(runbook: &Runbook, now: Timestamp) {
    let title = format!("{}: {}", visible(&runbook.name), visible(&runbook.title));
    wrapped(&title, BOLD);
    for (name, fact) in facts(runbook, now) {
        wrapped(&format!("  {name:10} {fact}"), anstyle::Style::new());
    }
    if let Some(why) = not_fresh(runbook.freshness) {
        wrapped(&format!("  {why}"), WARN);
    }
    print_steps(runbook);
    print_gates(runbook);
    print_rest(runbook);
}

fn facts(runbook: &Runbook, now: Timestamp) -> Vec<(&'static str, String)> {
    let outcomes: Vec<String> = runbook
        .outcomes
        .iter()
        .map(|(outcome, count)| format!("{count} {outcome}"))
        .collect();
    let mut facts = vec![("runs", format!("{}{}", runbook.runs, listed(&outcomes)))];
    if let Some(rate) = runbook.success_rate {
        facts.push((
            "resolved",
            format!("{} of {} that had something to do", percent(rate), runbook.tried),
        ));
    }
    if let Some(all) = runbook.repair.all {
        let spread = format!(
            "median {}, p90 {}, longest {}",
            duration(all.median_ms),
            duration(all.p90_ms),
            duration(all.longest_ms)
        );
        facts.push(("repair", spread));
    }
    if let Some(change) = runbook.repair.change {
        let (older, newer) = (duration(change.older_ms), duration(change.newer_ms));
        facts.push((
            "trend",
            format!("{}: {older} before, {newer} lately", direction(change.percent)),
        ));
    }
    if let (Some(bars), [first, .., last]) = (bars(&runbook.repair), runbook.repair.periods.as_slice()) {
        facts.push(("over time", format!("{bars}  {} … {}", first.label, last.label)));
    }
    facts.push(("last run", told(runbook.last_run.as_ref(), now)));
    facts.push(("rehearsed", told(runbook.last_rehearsal.as_ref(), now)));
    facts
}

/// Why nobody should rely on it, if that is so.
const fn not_fresh(freshness: Freshness) -> Option<&'static str> {
    match freshness {
        Freshness::Stale => Some("stale: nobody has run or rehearsed it lately"),
        Freshness::NeverRun => Some("nobody has ever run or rehearsed it"),
        Freshness::Gone => Some("the project has no such runbook any more"),
        Freshness::Fresh => None,
    }
}

/// What was undone, and what was never used.
fn print_rest(runbook: &Runbook) {
    for undo in &runbook.undos {
        let line = format!(
            "  undone: `{}` {}",
            visible(&undo.step),
            times(undo.undone, "time")
        );
        let failed = if undo.failed > 0 {
            format!(", failed {}", times(undo.failed, "time"))
        } else {
            String::new()
        };
        wrapped(
            &format!("{line}{failed}"),
            if undo.failed > 0 {
                BAD
            } else {
                anstyle::Style::new()
            },
        );
    }
    if runbook.runs > 0 {
        for step in &runbook.never_used {
            let why = step
                .why
                .as_ref()
                .map(|why| format!(" (skipped {}, mostly: {why})", times(step.skipped, "time")));
            wrapped(
                &format!("  never used: `{}`{}", visible(&step.id), why.unwrap_or_default()),
                WARN,
            );
        }
    }
}

fn print_steps(runbook: &Runbook) {
    if runbook.steps.is_empty() {
        return;
    }
    let cells = |step: &Step| {
        let gone = if step.current { "" } else { " (gone)" };
        vec![
            format!("{}{gone}", visible(&step.id)),
            step.used.to_string(),
            some(step.failed),
            some(step.skipped),
            some(step.retries),
            step.time.map(|time| duration(time.median_ms)).unwrap_or_default(),
            step.time.map(|time| duration(time.p90_ms)).unwrap_or_default(),
            if step.time.is_some() {
                percent(step.share)
            } else {
                String::new()
            },
        ]
    };
    let rows: Vec<Vec<String>> = runbook.steps.iter().map(cells).collect();
    term::print("");
    print_table(&STEPS, &rows, |at, row, cell| {
        let step = &runbook.steps[row];
        match at {
            2 if step.failed > 0 => styled(BAD, cell),
            7 if step.share >= 0.5 && runbook.steps.len() > 1 => styled(WARN, cell),
            _ => cell.to_owned(),
        }
    });
}

fn print_gates(runbook: &Runbook) {
    if runbook.gates.is_empty() {
        return;
    }
    let cells = |gate: &Gate| {
        let readings = match (gate.readings_median, gate.readings_p90) {
            (Some(median), Some(p90)) if median == p90 => median.to_string(),
            (Some(median), Some(p90)) => format!("{median}, p90 {p90}"),
            (None, _) | (_, None) => String::new(),
        };
        vec![
            gate_name(gate),
            format!("{}/{}", gate.passed, gate.decided),
            some(gate.flapped),
            readings,
            gate.time.map(|time| duration(time.median_ms)).unwrap_or_default(),
            gate.time.map(|time| duration(time.p90_ms)).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = runbook.gates.iter().map(cells).collect();
    term::print("");
    print_table(&GATES, &rows, |at, row, cell| {
        let gate = &runbook.gates[row];
        match at {
            2 if gate.flapped > 0 => styled(WARN, cell),
            3 if gate.needs_many => styled(WARN, cell),
            1 if gate.passed == gate.decided => styled(GOOD, cell),
            _ => cell.to_owned(),
        }
    });
}

fn print_table(columns: &[Column], rows: &[Vec<String>], style: impl Fn(usize, usize, &str) -> String) {
    let widths = table::widths(columns, rows, term::width());
    let headings: Vec<&str> = columns.iter().map(|column| column.heading).collect();
    term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
    for (number, row) in rows.iter().enumerate() {
        term::print(&table::line(row, &widths, |at, cell| style(at, number, cell)));
    }
}

fn print_totals(statistics: &Statistics) {
    let runs = statistics.runs;
    let mut parts = vec![times(runs.counted, "run")];
    if runs.pruned > 0 {
        parts.push(format!("{} of them pruned", runs.pruned));
    }
    if runs.rehearsals > 0 {
        let what = if statistics.practice_counts {
            ""
        } else {
            ", not counted in the figures (`--practice` does)"
        };
        parts.push(format!("{}{what}", times(runs.rehearsals, "rehearsal")));
    }
    term::print("");
    wrapped(&parts.join(", "), DIM);
    if runs.unreadable > 0 {
        let line = format!(
            "{} cannot be read, and are in no figure: `runbook runs --outcome unreadable`",
            times(runs.unreadable, "run")
        );
        wrapped(&line, WARN);
    }
}

/// A line in as many lines as the terminal needs.
fn wrapped(line: &str, style: anstyle::Style) {
    let Some(width) = term::width() else {
        term::print(&styled(style, line));
        return;
    };
    let options = textwrap::Options::new(width).subsequent_indent("    ");
    for part in textwrap::wrap(line, options) {
        term::print(&styled(style, &part));
    }
}

fn gate_name(gate: &Gate) -> String {
    let step = gate.step.as_ref().map(|step| format!("{} ", visible(step)));
    format!(
        "{}{} {}",
        step.unwrap_or_default(),
        gate.role,
        visible(&gate.check)
    )
}

fn told(last: Option<&Last>, now: Timestamp) -> String {
    match last {
        None => "never".to_owned(),
        Some(last) => {
            let outcome = last.outcome.map_or("without an end", Outcome::word);
            format!(
                "{}, {}, {outcome}",
                last.at.strftime("%Y-%m-%d %H:%M"),
                ago(last.at, now)
            )
        }
    }
}

/// How long ago, in words.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(at).as_hours();
    match hours {
        ..1 => "just now".to_owned(),
        1..48 => format!("{hours} h ago"),
        48.. => format!("{} d ago", hours / 24),
    }
}

fn percent(part: f64) -> String {
    format!("{:.0} %", part * 100.0)
}

/// A number, if it is one.
fn some(count: u64) -> String {
    if count == 0 {
        String::new()
    } else {
        count.to_string()
    }
}

fn times(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

fn listed(words: &[String]) -> String {
    if words.is_empty() {
        String::new()
    } else {
        format!(": {}", words.join(", "))
    }
}

fn trend(repair: &Repair) -> String {
    repair
        .change
        .map(|change| direction(change.percent))
        .unwrap_or_default()
}

/// Which way it goes. A tenth is no difference.
fn direction(percent: i64) -> String {
    match percent {
        ..=-10 => format!("{} % faster", -percent),
        -9..=9 => "steady".to_owned(),
        10.. => format!("{percent} % slower"),
    }
}

/// The medians over time, with at least two.
fn bars(repair: &Repair) -> Option<String> {
    let highest = repair
        .periods
        .iter()
        .filter_map(|period| period.median_ms)
        .max()?;
    let bar = |median: Option<u64>| match median {
        None => ' ',
        Some(median) => {
            let step = u128::from(median) * (BARS.len() as u128 - 1) / u128::from(highest.max(1));
            usize::try_from(step)
                .ok()
                .and_then(|step| BARS.get(step))
                .copied()
                .unwrap_or('█')
        }
    };
    (repair.periods.len() > 1).then(|| {
        repair
            .periods
            .iter()
            .map(|period| bar(period.median_ms))
            .collect()
    })
}
