//! `runbook report`

use std::fs;

use runbook_report::Medium;

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::project::Project;
use crate::telling::Telling;
use crate::term;

pub(crate) fn run(project: &Project, args: &Report) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    let told = Telling::of(&dir)?;
    let text = written(&told, args.format)?;
    match &args.output {
        Some(path) => fs::write(path, text).map_err(|error| Error::file("write", path, &error))?,
        None => term::print_raw(&text),
    }
    Ok(0)
}

fn written(told: &Telling, format: ReportFormat) -> Result<String, Error> {
    let (records, evidence) = (&told.run.records, told.evidence());
    let page = |medium| {
        let report = runbook_report::report(records, &evidence)?;
        runbook_report::html(&report, records, &evidence, medium)
    };
    Ok(match format {
        ReportFormat::Md => runbook_report::markdown(records, &evidence)?,
        ReportFormat::Html => page(Medium::Screen)?,
        ReportFormat::PdfReady => page(Medium::Paper)?,
        ReportFormat::Json => {
            let value = runbook_report::json(records, &evidence)?;
            format!("{}\n", serde_json::to_string_pretty(&value).unwrap_or_default())
        }
    })
}
