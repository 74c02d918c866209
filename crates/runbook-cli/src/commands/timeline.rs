//! `runbook timeline`

mod follow;
mod text;

use std::path::PathBuf;

use runbook_event::{Phase, Record};
use runbook_journal::Run;
use runbook_report::{Chronicle, Told, chronicle, chronicle_json, chronicle_markdown, csv, otlp};

use self::text::Sheet;
use super::not_ended;
use crate::args::{Timeline, TimelineFormat};
use crate::error::Error;
use crate::project::Project;
use crate::term::{self, WARN, styled};

/// Tells what happened when.
pub(crate) fn run(project: &Project, args: &Timeline) -> Result<u8, Error> {
    let dirs = dirs(project, args)?;
    if let ([dir], true) = (dirs.as_slice(), args.follow) {
        return follow::follow(dir, args);
    }
    let runs = dirs
        .iter()
        .map(|dir| runbook_journal::read(dir))
        .collect::<Result<Vec<Run>, _>>()?;
    let records: Vec<&[Record]> = runs.iter().map(|run| run.records.as_slice()).collect();
    if args.format == TimelineFormat::Otlp {
        term::print(&otlp(&records)?.to_string());
        return Ok(0);
    }
    let known = chronicle(&records)?;
    let entries = chosen(&known, args);
    match args.format {
        TimelineFormat::Text => {
            let sheet = Sheet::new(&known, args.all);
            sheet.print(&entries);
            for (dir, run) in dirs.iter().zip(&runs) {
                if run.state.outcome().is_none() {
                    term::print(&styled(WARN, &not_ended(dir)));
                }
            }
        }
        TimelineFormat::Md => term::print_raw(&chronicle_markdown(&known, &entries, args.all)),
        TimelineFormat::Json => {
            let value = chronicle_json(&known, &entries);
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
        TimelineFormat::Csv => term::print_bytes(csv(&known, &entries).as_bytes()),
        TimelineFormat::Otlp => {}
    }
    Ok(0)
}

fn dirs(project: &Project, args: &Timeline) -> Result<Vec<PathBuf>, Error> {
    Ok(match &args.incident {
        Some(incident) => runbook_journal::of_incident(&project.runs(), incident)?,
        None => vec![runbook_journal::find(&project.runs(), &args.run)?],
    })
}

/// The entries that are asked for. What is folded is said to be where people read; programs can tell by its mark.
fn chosen<'a>(known: &'a Chronicle, args: &Timeline) -> Vec<&'a Told> {
    let phase = args.phase.map(Phase::from);
    let entries = known.entries.iter();
    entries
        .filter(|entry| phase.is_none() || entry.phase == phase)
        .collect()
}
