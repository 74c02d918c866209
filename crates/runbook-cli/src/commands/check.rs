//! `runbook check`

use std::path::PathBuf;

use runbook_document::{Finding, Severity, settle};
use runbook_plan::{Library, Request, check_everywhere};

use crate::args::Check;
use crate::catalogue::catalogue;
use crate::diagnostics::{self, Checked};
use crate::error::Error;
use crate::identity::Environment;
use crate::lacking;
use crate::project::{Loaded, Project, runbooks_below};
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
    let findings = findings(&mut project, &paths, args.env.as_deref())?;
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

/// All that is wrong with some runbooks, as the project wants it.
pub(crate) fn findings(
    project: &mut Project,
    paths: &[PathBuf],
    environment: Option<&str>,
) -> Result<Vec<Finding>, Error> {
    let loaded = paths
        .iter()
        .map(|path| project.load(path))
        .collect::<Result<Vec<Loaded>, Error>>()?;
    let library = project.library(&loaded)?;
    let mut all = project.findings.clone();
    let mut waivers = project.waivers.clone();
    let checked = |finding: &Finding| loaded.iter().any(|one| one.source == Some(finding.span.source));
    all.extend(library.duplicates().into_iter().filter(checked));
    for one in &loaded {
        waivers.extend_from_slice(one.findings.waivers());
        all.extend(check_one(project, one, &library, environment));
    }
    Ok(settle(all, &waivers, &project.config.levels(environment)))
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

/// All that is wrong with one runbook, in the environment asked for, or in any.
fn check_one(
    project: &Project,
    loaded: &Loaded,
    library: &Library,
    environment: Option<&str>,
) -> Vec<Finding> {
    let mut all = loaded.findings.clone().into_sorted();
    let (Some(tree), Some(document)) = (&loaded.tree, &loaded.document) else {
        return all;
    };
    // No environment variable is read: what an action accepts does not depend on them.
    let nothing = Environment {
        vars: Vec::new(),
        directory: project.root.clone(),
    };
    let catalogue = catalogue(&nothing, &project.root);
    let environments: Vec<Option<&str>> = match environment {
        Some(name) => vec![Some(name)],
        None if project.config.environments.is_empty() => vec![None],
        None => project.config.names().map(Some).collect(),
    };
    let request = Request {
        document,
        tree,
        config: &project.config,
        environment: None,
        catalogue: &catalogue,
        library,
        texts: &project.sources.texts,
    };
    let (findings, plans) = check_everywhere(&request, &environments);
    all.extend(findings);
    let lacking = plans
        .iter()
        .flat_map(|plan| runbook_engine::lacks(plan, &catalogue))
        .collect();
    all.extend(lacking::warning(lacking, document.name.span));
    all
}
