//! `runbook stats`

mod text;

use runbook_journal::Glance;
use runbook_report::stats::{Collector, Current, Kind, Last, Options, Remains, Sample, Statistics};

use crate::args::{Stats, StatsFormat};
use crate::clock::now;
use crate::error::Error;
use crate::project::Project;
use crate::term;

/// Compares all runs. One is read at a time, and what is kept of it are numbers.
pub(crate) fn run(project: &Project, args: &Stats) -> Result<u8, Error> {
    let now = now();
    let options = Options {
        as_of: now,
        since: args.since.map(|when| when.from(now)),
        until: args.until.map(|when| when.until(now)),
        stale_after_days: args.stale,
        practice_counts: args.practice,
    };
    let current = current(project)?;
    let runs = runbook_journal::glances(&project.runs())?;
    let mut collector = Collector::new(options);
    let only = args.runbook.as_deref();
    let mut names: Vec<String> = current.iter().map(|runbook| runbook.name.clone()).collect();
    for run in &runs {
        let Some(began) = &run.began else {
            collector.unreadable();
            continue;
        };
        if only.is_none_or(|only| only == began.runbook.name) {
            add(&mut collector, run);
        }
        names.push(began.runbook.name.clone());
    }
    for run in runbook_journal::pruned(&project.state(), &project.runs())? {
        names.push(run.runbook.clone());
        if only.is_some_and(|only| only != run.runbook) {
            continue;
        }
        let kind = Kind::of_practice(run.practice.is_some());
        if !collector.wants(run.started_at) {
            let last = last(&run.run, run.started_at, Some(run.outcome));
            collector.seen(&run.runbook, kind, last);
            continue;
        }
        collector.add(Sample::of_remains(Remains {
            run: run.run,
            runbook: run.runbook,
            title: run.title,
            at: run.started_at,
            ended_at: run.ended_at,
            outcome: run.outcome,
            kind,
        }));
    }
    if let Some(only) = only {
        known(only, &names)?;
    }
    let statistics = collector.finish(&current, only);
    match args.format {
        StatsFormat::Text => text::print(&statistics, only.is_some()),
        StatsFormat::Json => term::print(&json(&statistics)),
        StatsFormat::Html => term::print_raw(&runbook_report::compared(&statistics)),
    }
    Ok(0)
}

fn json(statistics: &Statistics) -> String {
    serde_json::to_string_pretty(statistics).unwrap_or_default()
}

/// Adds a run; all of it where it counts.
fn add(collector: &mut Collector, run: &Glance) {
    let Some(began) = &run.began else { return };
    let kind = Kind::of_practice(began.practice.is_some());
    if !collector.wants(began.at) {
        collector.seen(&began.runbook.name, kind, last(&run.run, began.at, run.outcome));
        return;
    }
    let read = runbook_journal::read(&run.dir).ok();
    let sample = read.and_then(|whole| Sample::of(&whole.records, &whole.state, run.running));
    match sample {
        Some(sample) => collector.add(sample),
        None => collector.unreadable(),
    }
}

fn last(run: &str, at: jiff::Timestamp, outcome: Option<runbook_event::Outcome>) -> Last {
    Last {
        run: run.to_owned(),
        at,
        outcome,
    }
}

/// The runbooks as the project has them now. One that cannot be read has no name, and `runbook check` tells why.
fn current(project: &Project) -> Result<Vec<Current>, Error> {
    let mut project = project.clone();
    let paths = project.all_runbooks()?;
    let loaded = project.load_all(&paths, false)?;
    let mut current = Vec::new();
    for one in &loaded {
        let Some(document) = &one.document else { continue };
        let steps = document.all_steps().map(|step| {
            let id = step.id.value.clone();
            let title = step.title.clone().unwrap_or_else(|| id.clone());
            (id, title)
        });
        current.push(Current {
            name: document.name.value.clone(),
            title: document.title.clone(),
            path: one.path.clone(),
            steps: steps.collect(),
        });
    }
    Ok(current)
}

/// Whether there is, or was, a runbook of this name.
fn known(name: &str, names: &[String]) -> Result<(), Error> {
    if names.iter().any(|known| known == name) {
        return Ok(());
    }
    let help = match runbook_document::nearest(name, names.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "`runbook stats` lists them all, by their names".to_owned(),
    };
    Err(Error::usage_with(
        format!("there is no runbook `{name}`, and no run of one"),
        help,
    ))
}
