//! A runbook in every environment: what is wrong in one of them is wrong, and what is useless is useless in all.

use std::collections::HashSet;

use runbook_document::{Finding, Findings, Span, codes};

use super::link::Linked;
use super::memo::Memo;
use super::{Request, plan};
use crate::plan::Plan;

/// Compiles a runbook for these environments (`None` is that of no environment), and gives all findings once. The
/// plans that could be made are shown to `look`; they have no digest, since none of them will be run, and
/// their calls have no plans: of many runbooks each is checked once.
#[must_use]
pub fn check_everywhere(
    request: &Request<'_>,
    environments: &[Option<&str>],
    mut look: impl FnMut(&Plan),
) -> Vec<Finding> {
    let (linked, memo) = (Linked::default(), Memo::default());
    let mut each: Vec<Vec<Finding>> = Vec::new();
    for environment in environments {
        let mut findings = Findings::new();
        let request = Request {
            environment: *environment,
            ..*request
        };
        if let Some(plan) = plan(&request, &linked, &memo, &mut findings) {
            look(&plan);
        }
        each.push(findings.into_sorted());
    }
    let same: Vec<HashSet<(Span, &str, &str)>> =
        each.iter().map(|list| list.iter().map(key).collect()).collect();
    let alike: Vec<HashSet<(Span, &str)>> = each
        .iter()
        .map(|list| {
            list.iter()
                .map(|finding| (finding.span, finding.code.id))
                .collect()
        })
        .collect();
    let everywhere = |finding: &Finding| {
        alike
            .iter()
            .all(|found| found.contains(&(finding.span, finding.code.id)))
    };
    let is_useless = |finding: &Finding| [codes::UNUSED_INPUT, codes::UNUSED_CAPTURE].contains(&finding.code);
    let mut findings: Vec<Finding> = each
        .iter()
        .flatten()
        .filter(|finding| !is_useless(finding) || everywhere(finding))
        .map(|finding| with_environments(finding, environments, &same))
        .collect();
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
    findings
}

fn key(finding: &Finding) -> (Span, &str, &str) {
    (finding.span, finding.code.id, &finding.message)
}

/// The finding, with the environments in which it is one, unless it is one in all.
fn with_environments(
    finding: &Finding,
    environments: &[Option<&str>],
    found: &[HashSet<(Span, &str, &str)>],
) -> Finding {
    let mut finding = finding.clone();
    let has = |found: &HashSet<(Span, &str, &str)>| found.contains(&key(&finding));
    if found.iter().all(has) || finding.message.contains("environment") {
        return finding;
    }
    let names: Vec<&str> = (environments.iter().zip(found))
        .filter_map(|(environment, found)| environment.filter(|_| has(found)))
        .collect();
    if !names.is_empty() {
        finding.message = format!(
            "{} (in the environment `{}`)",
            finding.message,
            names.join("`, `")
        );
    }
    finding
}
