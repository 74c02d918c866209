//! `runbook show FILE`: what a runbook would do.

use std::collections::BTreeSet;
use std::path::Path;

use runbook_document::{Finding, Findings, Severity, settle};
use runbook_graph::Mark;
use runbook_plan::{Catalogue, Foreseen, Given, Plan, Request, compile};
use serde_json::Value;

use crate::args::{PlanFormat, Show};
use crate::describe::{Told, json, markdown, picture, set};
use crate::diagnostics;
use crate::error::Error;
use crate::project::{Loaded, Project};
use crate::survey::blind_catalogue;
use crate::term;

/// How wide its lines are, where the terminal has no fewer columns.
const WIDTH: usize = 80;

/// Shows a runbook. No process is started, no connection opened and no secret read for it.
pub(super) fn show(project: &Project, path: &Path, args: &Show) -> Result<u8, Error> {
    tell(project, path, args.env.as_deref(), args.format.into(), None)
}

/// Shows what a runbook would do with these inputs, in the same way.
pub(crate) fn planned(
    project: &Project,
    path: &Path,
    args: &crate::args::Plan,
    given: &[Given],
) -> Result<u8, Error> {
    tell(project, path, args.env.as_deref(), args.format, Some(given))
}

/// What a runbook would do, as data.
pub(crate) fn facts(project: &Project, path: &Path, environment: Option<&str>) -> Result<Value, Error> {
    let known = Known::of(project, path, environment)?;
    Ok(json::json(&known.told(None)))
}

/// A runbook that means something.
struct Known {
    plan: Plan,
    path: String,
    catalogue: Catalogue,
    lacking: Vec<String>,
}

impl Known {
    fn of(project: &Project, path: &Path, environment: Option<&str>) -> Result<Self, Error> {
        let mut project = project.clone();
        project.knows_environment(environment)?;
        let loaded = project.load(path)?;
        let catalogue = blind_catalogue(&project.root);
        let (plan, findings) = compiled(&mut project, &loaded, &catalogue, environment)?;
        let refused = findings.iter().any(|finding| finding.severity == Severity::Error);
        let Some(plan) = plan.filter(|_| !refused) else {
            let text = diagnostics::text(&project.sources, &findings, &std::io::stderr());
            term::print_error(text.trim_end());
            let text = format!("`{}` has errors, so what it does is not certain", loaded.path);
            return Err(Error::usage_with(text, "mend what stands above"));
        };
        let lacking: BTreeSet<String> = runbook_engine::lacks(&plan, &catalogue)
            .into_iter()
            .map(|lacking| lacking.what)
            .collect();
        Ok(Self {
            plan,
            path: loaded.path,
            catalogue,
            lacking: lacking.into_iter().collect(),
        })
    }

    fn told<'a>(&'a self, foreseen: Option<&'a Foreseen>) -> Told<'a> {
        Told {
            plan: foreseen.map_or(&self.plan, Foreseen::plan),
            path: &self.path,
            lacking: &self.lacking,
            foreseen,
        }
    }
}

fn tell(
    project: &Project,
    path: &Path,
    environment: Option<&str>,
    format: PlanFormat,
    given: Option<&[Given]>,
) -> Result<u8, Error> {
    let known = Known::of(project, path, environment)?;
    let foreseen = match given {
        None => None,
        Some(given) => {
            let inputs = known.plan.resolve_inputs(given).map_err(Error::Inputs)?;
            Some(known.plan.foreseen(&known.catalogue, &inputs))
        }
    };
    let told = known.told(foreseen.as_ref());
    let graph = || picture::picture(told.plan, &|_| Mark::None);
    match format {
        PlanFormat::Json if given.is_some() => {
            term::print(&format!("{:#}", json::planned(&told, &project.root)?));
        }
        PlanFormat::Json => term::print(&format!("{:#}", json::json(&told))),
        PlanFormat::Text => {
            let width = term::width().map_or(WIDTH, |columns| columns.min(WIDTH));
            term::print_raw(&set(&told.lines(), width));
        }
        PlanFormat::Markdown => term::print_raw(&markdown::markdown(&told.lines(), 1)),
        PlanFormat::Mermaid => term::print_raw(&runbook_graph::mermaid(&graph())),
        PlanFormat::Dot => term::print_raw(&runbook_graph::dot(&graph())),
        PlanFormat::Svg => term::print_raw(&runbook_graph::svg(&graph(), &told.plan.about().title)),
    }
    Ok(0)
}

/// The plan, and what is wrong with it in this environment.
fn compiled(
    project: &mut Project,
    loaded: &Loaded,
    catalogue: &Catalogue,
    environment: Option<&str>,
) -> Result<(Option<Plan>, Vec<Finding>), Error> {
    let mut all = project.findings.clone();
    all.extend(loaded.findings.clone().into_sorted());
    let (Some(tree), Some(document)) = (&loaded.tree, &loaded.document) else {
        return Ok((None, all));
    };
    let library = project.library_to_run(loaded)?;
    let mut findings = Findings::new();
    let request = Request {
        document,
        tree: Some(tree),
        config: &project.config,
        environment,
        catalogue,
        library: &library,
        texts: &project.sources.texts,
    };
    let plan = compile(&request, &mut findings);
    all.extend(findings.into_sorted());
    let mut waivers = project.waivers.clone();
    waivers.extend_from_slice(loaded.findings.waivers());
    let environment = plan.as_ref().and_then(Plan::environment);
    let settled = settle(all, &waivers, &project.config.levels(environment));
    Ok((plan, settled))
}
