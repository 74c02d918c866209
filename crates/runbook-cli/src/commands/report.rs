//! `runbook report`

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::project::Project;
use crate::telling::Telling;
use crate::term;

pub(crate) fn run(project: &Project, args: &Report) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    let told = Telling::of(&dir)?;
    let (records, evidence) = (&told.run.records, told.evidence());
    match args.format {
        ReportFormat::Md => term::print_raw(&runbook_report::markdown(records, &evidence)?),
        ReportFormat::Json => {
            let value = runbook_report::json(records, &evidence)?;
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
    }
    Ok(0)
}
