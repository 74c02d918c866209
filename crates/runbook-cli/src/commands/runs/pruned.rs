//! `runbook runs --pruned`: what is kept of the runs that were removed.

use runbook_journal::Pruned;
use runbook_report::visible;
use serde_json::Value;

use super::{Wanted, column, limited, say_more};
use crate::args::{Ended, Format, Runs};
use crate::error::Error;
use crate::project::Project;
use crate::table::{self, Column};
use crate::term::{self, BOLD, styled};

const COLUMNS: [Column; 6] = [
    column("RUN", None, 0),
    column("STARTED (UTC)", None, 3),
    column("OUTCOME", None, 0),
    column("PRUNED (UTC)", None, 1),
    column("BY", Some(6), 2),
    column("TITLE", Some(16), 4),
];

pub(super) fn run(project: &Project, args: &Runs, wanted: &Wanted<'_>) -> Result<u8, Error> {
    let mut all = runbook_journal::pruned(&project.state(), &project.runs())?;
    let count = all.len();
    all.sort_by(|a, b| (b.started_at, &b.run).cmp(&(a.started_at, &a.run)));
    all.retain(|run| fits(run, args, wanted));
    let shown = limited(&all, args.limit);
    match args.format {
        Format::Json => {
            let value = serde_json::to_value(shown).unwrap_or(Value::Null);
            term::print(&format!("{value:#}"));
        }
        Format::Text if count == 0 => term::print("no runs were pruned"),
        Format::Text if all.is_empty() => term::print(&format!("none of {count} runs that were pruned fits")),
        Format::Text => {
            let rows: Vec<Vec<String>> = shown.iter().map(row).collect();
            let widths = table::widths(&COLUMNS, &rows, term::width());
            let headings = COLUMNS.map(|column| column.heading);
            term::print(&table::line(&headings, &widths, |_, cell| styled(BOLD, cell)));
            for row in &rows {
                term::print(&table::line(row, &widths, |_, cell| cell.to_owned()));
            }
            say_more(all.len() - shown.len());
        }
    }
    Ok(0)
}

/// A runbook's labels are not kept, so none fits who asks for one.
fn fits(run: &Pruned, args: &Runs, wanted: &Wanted<'_>) -> bool {
    let same = |asked: &Option<String>, known: &Option<String>| asked.is_none() || asked == known;
    wanted.fits_ended(Ended::So(run.outcome))
        && wanted.fits_time(Some(run.started_at))
        && (args.runbook.is_empty() || args.runbook.contains(&run.runbook))
        && args.label.is_empty()
        && same(&args.env, &run.environment)
        && same(&args.incident, &run.incident)
}

fn row(run: &Pruned) -> Vec<String> {
    let started = run.started_at.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let pruned = run.at.strftime("%Y-%m-%d %H:%M").to_string();
    let cells = [
        run.run.as_str(),
        &started,
        run.outcome.word(),
        &pruned,
        &run.by.user,
        &run.title,
    ];
    cells.into_iter().map(visible).collect()
}
