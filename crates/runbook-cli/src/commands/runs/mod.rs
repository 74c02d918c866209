//! `runbook runs`

mod prune;
mod pruned;

use jiff::Timestamp;
use runbook_event::Outcome;
use runbook_journal::{Began, Glance, Summary};
use runbook_report::visible;
use serde_json::{Value, json};

use crate::args::{Ended, Format, Runs, RunsWhat};
use crate::clock::now;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::table::{self, Column};
use crate::term::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

const COLUMNS: [Column; 6] = [
    column("RUN", None, 0),
    column("STARTED (UTC)", None, 2),
    column("OUTCOME", None, 0),
    column("STEPS", None, 3),
    column("INCIDENT", Some(8), 4),
    column("TITLE", Some(16), 1),
];

/// Where in the table the outcome stands.
const OUTCOME: usize = 2;

pub(super) const fn column(heading: &'static str, least: Option<usize>, spare: u8) -> Column {
    Column {
        heading,
        least,
        spare,
    }
}

pub(crate) fn run(project: &Project, environment: &Environment, args: &Runs) -> Result<u8, Error> {
    if let Some(RunsWhat::Prune(args)) = &args.what {
        return prune::run(project, environment, args);
    }
    let wanted = Wanted::of(args, now());
    if args.pruned {
        return pruned::run(project, args, &wanted);
    }
    let runs = runbook_journal::glances(&project.runs())?;
    let count = runs.len();
    let fitting: Vec<&Glance> = runs.iter().filter(|run| wanted.fits(run)).collect();
    let shown = limited(&fitting, args.limit);
    match args.format {
        Format::Json => {
            let value: Value = shown.iter().map(|run| json_of(run)).collect();
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
        Format::Text if count == 0 => term::print("no runs yet; begin with `runbook exec FILE`"),
        Format::Text if fitting.is_empty() => term::print(&format!("none of {count} runs fits")),
        Format::Text => {
            print(shown);
            say_more(fitting.len() - shown.len());
        }
    }
    Ok(0)
}

/// So many of them, or all.
fn limited<T>(all: &[T], limit: usize) -> &[T] {
    match limit {
        0 => all,
        limit => all.get(..limit).unwrap_or(all),
    }
}

fn say_more(count: usize) {
    if count > 0 {
        let line = format!("… and {count} more; see them with `-n`");
        term::print(&styled(DIM, &line));
    }
}

fn print(shown: &[&Glance]) {
    let rows: Vec<Vec<String>> = shown.iter().map(|run| row(run)).collect();
    let widths = table::widths(&COLUMNS, &rows, term::width());
    let headings = COLUMNS.map(|column| column.heading);
    term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
    for row in &rows {
        let line = table::line(row, &widths, |at, cell| {
            if at == OUTCOME {
                styled(style(cell), cell)
            } else {
                cell.to_owned()
            }
        });
        term::print(&line);
    }
}

/// How an outcome looks: what a person must see to is not overlooked.
fn style(outcome: &str) -> anstyle::Style {
    match outcome {
        "resolved" => GOOD,
        "not_needed" => DIM,
        "rolled_back" | "running" | "waiting" | "killed" | "interrupted" | "cleanup_failed" => WARN,
        _ => BAD,
    }
}

fn row(run: &Glance) -> Vec<String> {
    // Only of what is shown all is read.
    let whole = run.summary();
    let began = run.began.as_ref();
    let steps = format!("{}/{}", whole.done, whole.total);
    let started = run
        .began_at()
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string());
    let incident = began.and_then(|began| began.incident.clone());
    let title = whole
        .error
        .as_deref()
        .or(whole.title.as_deref())
        .unwrap_or_default();
    let cells = [
        run.run.as_str(),
        started.as_deref().unwrap_or_default(),
        outcome(&whole),
        &steps,
        incident.as_deref().unwrap_or_default(),
        title,
    ];
    cells.into_iter().map(visible).collect()
}

/// How a run has ended, or why it has not.
pub(in crate::commands) fn outcome(run: &Summary) -> &str {
    word(run.outcome, run.error.is_some(), run.running)
}

fn word(outcome: Option<Outcome>, is_wrong: bool, running: bool) -> &'static str {
    match outcome {
        Some(outcome) => outcome.word(),
        None if is_wrong => "unreadable",
        None if running => "running",
        None => "killed",
    }
}

fn json_of(glance: &Glance) -> Value {
    let run = glance.summary();
    let began = glance.began.as_ref();
    let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "run": run.run,
        "runbook": run.runbook,
        "version": began.map(|began| &began.runbook.version),
        "title": run.title,
        "labels": began.map(|began| &began.runbook.labels),
        "severity": began.and_then(|began| began.runbook.severity.as_ref()),
        "environment": began.and_then(|began| began.environment.as_ref()),
        "practice": began.and_then(|began| began.practice.as_ref()),
        "incident": began.and_then(|began| began.incident.as_ref()),
        "by": began.map(|began| &began.who),
        "started_at": at(run.started_at),
        "ended_at": at(run.ended_at),
        "outcome": run.outcome.map(Outcome::word),
        "steps_done": run.done,
        "steps_total": run.total,
        "running": run.running,
        "error": run.error,
        "directory": run.dir,
    })
}

/// Which runs are asked for.
struct Wanted<'a> {
    args: &'a Runs,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl<'a> Wanted<'a> {
    fn of(args: &'a Runs, now: Timestamp) -> Self {
        Self {
            args,
            since: args.since.map(|when| when.from(now)),
            until: args.until.map(|when| when.until(now)),
        }
    }

    fn fits(&self, run: &Glance) -> bool {
        let args = self.args;
        let ended = match (run.outcome, &run.error) {
            (Some(outcome), _) => Ended::So(outcome),
            (None, Some(_)) => Ended::Unreadable,
            (None, None) if run.running => Ended::Running,
            (None, None) => Ended::Killed,
        };
        self.fits_ended(ended)
            && (!args.running || run.running)
            && self.fits_time(run.began_at())
            && self.fits_began(run.began.as_ref())
    }

    fn fits_ended(&self, ended: Ended) -> bool {
        self.args.outcome.is_empty() || self.args.outcome.contains(&ended)
    }

    fn fits_time(&self, at: Option<Timestamp>) -> bool {
        // One of which nobody knows when it began is not left out for that.
        let Some(at) = at else { return true };
        self.since.is_none_or(|since| at >= since) && self.until.is_none_or(|until| at < until)
    }

    fn fits_began(&self, began: Option<&Began>) -> bool {
        let args = self.args;
        let asks = !args.runbook.is_empty()
            || !args.label.is_empty()
            || args.env.is_some()
            || args.incident.is_some();
        let Some(began) = began else { return !asks };
        let has = |(name, value): &(String, String)| began.runbook.labels.get(name) == Some(value);
        let same = |asked: &Option<String>, known: &Option<String>| asked.is_none() || asked == known;
        (args.runbook.is_empty() || args.runbook.contains(&began.runbook.name))
            && args.label.iter().all(has)
            && same(&args.env, &began.environment)
            && same(&args.incident, &began.incident)
    }
}
