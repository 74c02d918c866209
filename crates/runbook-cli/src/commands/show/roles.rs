//! `runbook plan --rbac`: the roles that a runbook needs.

use std::path::Path;

use runbook_plan::Given;

use super::runbook::Known;
use crate::args::{Plan, PlanFormat};
use crate::error::Error;
use crate::project::Project;
use crate::roles::{Needs, json, yaml};
use crate::term;

/// Prints them. No process is started, no connection opened and no secret read for it.
pub(crate) fn roles(project: &Project, path: &Path, args: &Plan, given: &[Given]) -> Result<u8, Error> {
    let as_yaml = match args.format {
        PlanFormat::Text => true,
        PlanFormat::Json => false,
        PlanFormat::Markdown | PlanFormat::Mermaid | PlanFormat::Dot | PlanFormat::Svg => {
            return Err(Error::usage_with(
                "roles are printed as YAML or as JSON",
                "add `--format text` or `--format json`, or leave `--rbac` out",
            ));
        }
    };
    let known = Known::of(project, path, args.env.as_deref())?;
    // A value that is not given is one that the run will know, and any will do until then.
    let inputs = known.plan.known_inputs(given).map_err(Error::Inputs)?;
    let needs = Needs::of(&known.plan, &known.catalogue, &inputs, &project.root);
    if as_yaml {
        term::print_raw(&yaml(known.plan.about(), &needs));
    } else {
        term::print(&format!("{:#}", json(known.plan.about(), &needs)));
    }
    Ok(0)
}
