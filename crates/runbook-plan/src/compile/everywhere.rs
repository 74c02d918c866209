//! A runbook in every environment: what is wrong in one of them is wrong, and what is useless is useless in all.

use runbook_document::{Finding, Findings, codes};

use super::memo::Memo;
use super::{Request, plan};
use crate::plan::Plan;

/// Compiles a runbook for these environments (`None` is that of no environment), and gives all findings once. The
/// plans that could be made are shown to `look`; they have no digest, since none of them will be run.
#[must_use]
pub fn check_everywhere(
    request: &Request<'_>,
    environments: &[Option<&str>],
    mut look: impl FnMut(&Plan),
) -> Vec<Finding> {
    let memo = Memo::default();
    let mut each: Vec<Vec<Finding>> = Vec::new();
    for environment in environments {
        let mut findings = Findings::new();
        let request = Request {
            environment: *environment,
            ..*request
        };
        if let Some(plan) = plan(&request, &memo, &mut findings) {
            look(&plan);
        }
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
