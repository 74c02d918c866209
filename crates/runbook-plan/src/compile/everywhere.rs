//! A runbook in every environment: what is wrong in one of them is wrong, and what is useless is useless in all.

use runbook_document::{Finding, Findings, codes};

use super::{Request, compile};
use crate::plan::Plan;

/// Compiles a runbook for these environments (`None` is that of no environment), and gives all findings once,
/// with the plans that could be made.
#[must_use]
pub fn check_everywhere(request: &Request<'_>, environments: &[Option<&str>]) -> (Vec<Finding>, Vec<Plan>) {
    let mut plans = Vec::new();
    let mut each: Vec<Vec<Finding>> = Vec::new();
    for environment in environments {
        let mut findings = Findings::new();
        let request = Request {
            environment: *environment,
            ..*request
        };
        plans.extend(compile(&request, &mut findings));
        each.push(findings.into_sorted());
    }
    let everywhere = |finding: &Finding| {
        each.iter().all(|list| {
            list.iter()
                .any(|other| (other.span, other.code) == (finding.span, finding.code))
        })
    };
    let is_useless = |finding: &Finding| [codes::UNUSED_INPUT, codes::UNUSED_CAPTURE].contains(&finding.code);
    let mut findings: Vec<Finding> = each
        .iter()
        .flatten()
        .filter(|finding| !is_useless(finding) || everywhere(finding))
        .cloned()
        .collect();
    for finding in &mut findings {
        let has = |list: &[Finding]| list.iter().any(|other| is_same(other, finding));
        if each.iter().all(|list| has(list)) || finding.message.contains("environment") {
            continue;
        }
        let found: Vec<&str> = (environments.iter().zip(&each))
            .filter_map(|(environment, list)| environment.filter(|_| has(list)))
            .collect();
        if !found.is_empty() {
            finding.message = format!(
                "{} (in the environment `{}`)",
                finding.message,
                found.join("`, `")
            );
        }
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
    (findings, plans)
}

fn is_same(one: &Finding, other: &Finding) -> bool {
    (one.span, one.code, &one.message) == (other.span, other.code, &other.message)
}
