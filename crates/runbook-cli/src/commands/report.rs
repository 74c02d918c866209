//! `runbook report`

mod editor;
mod fill;

use crate::args::{Report, ReportFormat};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::telling::{Telling, Template};
use crate::term;

pub(crate) fn run(project: &Project, environment: &Environment, args: &Report) -> Result<u8, Error> {
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
