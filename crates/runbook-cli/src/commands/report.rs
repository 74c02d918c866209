//! `runbook report`

use runbook_report::Evidence;

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::project::Project;
use crate::term;

pub(crate) fn run(project: &Project, args: &Report) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    let run = runbook_journal::read(&dir)?;
    let evidence = Evidence { head: &run.head };
    match args.format {
        ReportFormat::Md => term::print_raw(&runbook_report::markdown(&run.records, &evidence)?),
        ReportFormat::Json => {
            let value = runbook_report::json(&run.records, &evidence)?;
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
    }
    Ok(0)
}
