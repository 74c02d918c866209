//! `runbook report`

mod editor;
mod fill;

use runbook_event::Record;
use runbook_report::{chronicle, chronicle_json, incident_report};
use serde_json::{Value, json};

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::telling::{Telling, Template};
use crate::term;

pub(crate) fn run(project: &Project, environment: &Environment, args: &Report) -> Result<u8, Error> {
    if let Some(incident) = &args.incident {
        return of_incident(project, incident, args.format);
    }
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    if args.fill || args.fill_from.is_some() {
        return fill::run(project, environment, &dir, args);
    }
    let told = Telling::of(&dir)?;
    match args.format {
        ReportFormat::Md => {
            let template = Template::wanted(project, args.template.as_deref())?;
            term::print_raw(&told.markdown(template.as_ref())?);
        }
        ReportFormat::Json => {
            let value = runbook_report::json(&told.run.records, &told.evidence())?;
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
    }
    Ok(0)
}

/// All runs of an incident in one report; for programs, each run's own, beside the timeline of all.
fn of_incident(project: &Project, incident: &str, format: ReportFormat) -> Result<u8, Error> {
    let dirs = runbook_journal::of_incident(&project.runs(), incident)?;
    let told = dirs
        .iter()
        .map(|dir| Telling::of(dir))
        .collect::<Result<Vec<Telling>, Error>>()?;
    match format {
        ReportFormat::Md => {
            let runs: Vec<_> = told
                .iter()
                .map(|told| (told.run.records.as_slice(), told.evidence()))
                .collect();
            term::print_raw(&incident_report(incident, &runs)?.markdown());
        }
        ReportFormat::Json => {
            let records: Vec<&[Record]> = told.iter().map(|told| told.run.records.as_slice()).collect();
            let known = chronicle(&records)?;
            let reports = told
                .iter()
                .map(|told| runbook_report::json(&told.run.records, &told.evidence()))
                .collect::<Result<Vec<Value>, _>>()?;
            let value = json!({
                "incident": incident,
                "timeline": chronicle_json(&known, &known.entries.iter().collect::<Vec<_>>()),
                "reports": reports,
            });
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
    }
    Ok(0)
}
