//! `runbook report`

mod editor;
mod fill;

use std::fs;
use std::path::Path;

use runbook_event::Record;
use runbook_report::{Medium, chronicle, chronicle_json, incident_report};
use serde_json::{Value, json};

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::telling::{Telling, Template};
use crate::term;

pub(crate) fn run(project: &Project, environment: &Environment, args: &Report) -> Result<u8, Error> {
    let output = args.output.as_deref();
    if let Some(incident) = &args.incident {
        return give(output, &of_incident(project, incident, args.format)?);
    }
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    if args.fill || args.fill_from.is_some() {
        return fill::run(project, environment, &dir, args);
    }
    let told = Telling::of(&dir)?;
    let page = |medium| runbook_report::html(&told.run.records, &told.evidence(), medium);
    let text = match args.format {
        ReportFormat::Md => {
            let template = Template::wanted(project, args.template.as_deref())?;
            told.markdown(template.as_ref())?
        }
        ReportFormat::Html => page(Medium::Screen)?,
        ReportFormat::PdfReady => page(Medium::Paper)?,
        ReportFormat::Json => pretty(&runbook_report::json(&told.run.records, &told.evidence())?),
    };
    give(output, &text)
}

/// Prints a report, or writes it to the file that is asked for.
fn give(output: Option<&Path>, text: &str) -> Result<u8, Error> {
    match output {
        Some(path) => fs::write(path, text).map_err(|error| Error::file("write", path, &error))?,
        None => term::print_raw(text),
    }
    Ok(0)
}

fn pretty(value: &impl serde::Serialize) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())
}

/// All runs of an incident in one report; for programs, each run's own, beside the timeline of all.
fn of_incident(project: &Project, incident: &str, format: ReportFormat) -> Result<String, Error> {
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
            Ok(incident_report(incident, &runs)?.markdown())
        }
        ReportFormat::Html | ReportFormat::PdfReady => Err(Error::Usage {
            message: "a page shows one run, and `--incident` names several".to_owned(),
            help: Some("name the run, or leave out `--format`".to_owned()),
        }),
        ReportFormat::Json => {
            let records: Vec<&[Record]> = told.iter().map(|told| told.run.records.as_slice()).collect();
            let known = chronicle(&records)?;
            let reports = told
                .iter()
                .map(|told| runbook_report::json(&told.run.records, &told.evidence()))
                .collect::<Result<Vec<Value>, _>>()?;
            Ok(pretty(&json!({
                "incident": incident,
                "timeline": chronicle_json(&known, &known.entries.iter().collect::<Vec<_>>()),
                "reports": reports,
            })))
        }
    }
}
