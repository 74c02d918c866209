//! `runbook check`

use std::path::PathBuf;

use runbook_document::Severity;

use crate::args::Check;
use crate::diagnostics::{self, Checked};
use crate::error::Error;
use crate::git::Base;
use crate::identity::Environment;
use crate::project::{Project, runbooks_below};
use crate::survey::Survey;
use crate::{raised, term};

/// Checks runbooks. It opens no connection, reads no secret, and starts no process but git, and that only if it is
/// told to compare.
pub(crate) fn run(project: &Project, surroundings: &Environment, args: &Check) -> Result<u8, Error> {
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
    let mut survey = Survey::of(&mut project, &paths, environment, args.base.is_some())?;
    let unraised = match &args.base {
        Some(name) => {
            let loaded: Vec<_> = survey.runbooks.iter().map(|one| &one.loaded).collect();
            raised::findings(&Base::find(surroundings, &project.root, name)?, name, &loaded)?
        }
        None => Vec::new(),
    };
    let findings = survey.findings(&project, unraised, environment);
    let errors = findings.iter().any(|finding| finding.severity == Severity::Error);
    let runbooks: Vec<String> = paths.iter().map(|path| project.shown(path)).collect();
    let checked = Checked {
        sources: &project.sources,
        findings: &findings,
        runbooks: &runbooks,
        root: &project.root,
    };
    term::print_raw(&diagnostics::render(args.format, &checked));
    // The program ends here: taking a thousand trees apart would be a part of the wait.
    std::mem::forget(survey);
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
