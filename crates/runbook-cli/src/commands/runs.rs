//! `runbook runs`

use runbook_journal::Summary;
use serde_json::json;

use crate::args::{Format, Runs};
use crate::error::Error;
use crate::project::Project;
use crate::term::{self, BOLD, DIM, styled};

pub(crate) fn run(project: &Project, args: &Runs) -> Result<u8, Error> {
    let runs = runbook_journal::runs(&project.runs())?;
    let shown = runs.iter().take(args.limit);
    match args.format {
        Format::Json => {
            let value: serde_json::Value = shown.map(json_of).collect();
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
        Format::Text if runs.is_empty() => term::print("no runs yet; begin with `runbook exec FILE`"),
        Format::Text => {
            let width = runs
                .iter()
                .take(args.limit)
                .map(|run| run.run.len())
                .max()
                .unwrap_or(0);
            let title = format!(
                "{:width$}  {:20}  {:15}  {:>6}  TITLE",
                "RUN", "STARTED (UTC)", "OUTCOME", "STEPS"
            );
            term::print(&styled(BOLD, &title));
            shown.for_each(|run| term::print(&line(run, width)));
            if runs.len() > args.limit {
                term::print(&styled(
                    DIM,
                    &format!("… and {} more; see them with `-n`", runs.len() - args.limit),
                ));
            }
        }
    }
    Ok(0)
}

/// How a run has ended, or why it has not.
pub(super) fn outcome(run: &Summary) -> &str {
    match (run.outcome, &run.error) {
        (Some(outcome), _) => outcome.word(),
        (None, Some(_)) => "unreadable",
        (None, None) if run.running => "running",
        (None, None) => "killed",
    }
}

fn line(run: &Summary, width: usize) -> String {
    let started = run
        .started_at
        .map(|at| at.strftime("%Y-%m-%d %H:%M:%S").to_string())
        .unwrap_or_default();
    let steps = format!("{}/{}", run.done, run.total);
    let title = run.error.as_deref().or(run.title.as_deref()).unwrap_or_default();
    format!(
        "{:width$}  {started:20}  {:15}  {steps:>6}  {}",
        run.run,
        outcome(run),
        runbook_report::visible(title)
    )
}

fn json_of(run: &Summary) -> serde_json::Value {
    json!({
        "run": run.run,
        "runbook": run.runbook,
        "title": run.title,
        "started_at": run.started_at.map(|at| at.to_string()),
        "ended_at": run.ended_at.map(|at| at.to_string()),
        "outcome": run.outcome.map(runbook_event::Outcome::word),
        "steps_done": run.done,
        "steps_total": run.total,
        "running": run.running,
        "error": run.error,
        "directory": run.dir,
    })
}
