//! `runbook check`

use std::path::PathBuf;

use runbook_document::Severity;

use crate::args::Check;
use crate::diagnostics::{self, Checked};
use crate::error::Error;
use crate::project::{Project, runbooks_below};
use crate::survey::Survey;
use crate::term;

/// Checks runbooks. It starts no process, opens no connection and reads no secret.
pub(crate) fn run(project: &Project, args: &Check) -> Result<u8, Error> {
    let mut project = project.clone();
    let paths = paths(&project, args)?;
    project.knows_environment(args.env.as_deref())?;
    if paths.is_empty() {
        return Err(Error::usage_with(
            "there are no runbooks here, so nothing was checked",
            "name files or folders that hold `.yaml` files",
        ));
    }
    let environment = args.env.as_deref();
    let mut survey = Survey::of(&mut project, &paths, environment)?;
    let findings = survey.findings(&project, Vec::new(), environment);
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    let runbooks: Vec<String> = paths.iter().map(|path| project.shown(path)).collect();
    let checked = Checked {
        sources: &project.sources,
        findings: &findings,
        runbooks: &runbooks,
        root: &project.root,
    };
    term::print_raw(&diagnostics::render(args.format, &checked));
    Ok(if errors { 2 } else { 0 })
}

fn paths(project: &Project, args: &Check) -> Result<Vec<PathBuf>, Error> {
    if args.paths.is_empty() {
        return project.all_runbooks();
    }
    let mut paths = Vec::new();
    for given in &args.paths {
        let folder = [
            project.directory.join(given),
            project.root.join(given),
            project.root.join("runbooks").join(given),
        ];
        match folder.iter().find(|folder| folder.is_dir()) {
            Some(folder) => paths.extend(runbooks_below(folder)?),
            None => paths.push(project.find_runbook(given)?),
        }
    }
    Ok(paths)
}
