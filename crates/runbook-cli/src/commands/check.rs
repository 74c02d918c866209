//! `runbook check`

use std::path::PathBuf;

use runbook_document::{Finding, Findings, Severity};
use runbook_plan::{Request, compile};

use crate::args::Check;
use crate::catalogue::catalogue;
use crate::diagnostics::{self, Checked};
use crate::error::Error;
use crate::identity::Environment;
use crate::project::{Project, runbooks_below};
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
    let mut findings = project.findings.clone();
    for path in &paths {
        findings.extend(check_one(&mut project, path, args.env.as_deref())?);
    }
    // Environments find much of the same; where one knows a way out and another does not, that one is kept.
    findings.sort_by_key(|finding| {
        (
            finding.span,
            finding.code.id,
            finding.message.clone(),
            finding.help.is_none(),
        )
    });
    findings.dedup_by_key(|finding| (finding.span, finding.code.id, finding.message.clone()));
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    let errors = findings.iter().any(is_error);
    let checked = Checked {
        sources: &project.sources,
        findings: &findings,
        runbooks: paths.len(),
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

/// All that is wrong with one runbook, in the environment asked for, or in any.
fn check_one(
    project: &mut Project,
    path: &std::path::Path,
    environment: Option<&str>,
) -> Result<Vec<Finding>, Error> {
    let loaded = project.load(path)?;
    let mut all = loaded.findings.into_sorted();
    let (Some(tree), Some(document)) = (&loaded.tree, &loaded.document) else {
        return Ok(all);
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
    for environment in environments {
        let mut findings = Findings::new();
        let request = Request {
            document,
            tree,
            config: &project.config,
            environment,
            catalogue: &catalogue,
            texts: &project.sources.texts,
        };
        // Only what is wrong is wanted here.
        drop(compile(&request, &mut findings));
        all.extend(findings.into_sorted());
    }
    Ok(all)
}
