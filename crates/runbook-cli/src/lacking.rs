//! How it is said that this version cannot run a part of the language.

use std::collections::BTreeSet;

use runbook_document::{Finding, Span, codes};
use runbook_engine::Lacking;

/// A warning that a runbook cannot be run by this version. None if it can.
pub(crate) fn warning(lacking: Vec<Lacking>, name: Span) -> Option<Finding> {
    let lacking: BTreeSet<Lacking> = lacking.into_iter().collect();
    let (_, message) = told(&lacking, name)?;
    let finding = Finding::warning(codes::NOT_YET, name, message);
    Some(finding.help("`runbook exec` refuses it; the changelog says which version runs what"))
}

/// The same as an error, with all the places, for whoever wants to run it.
pub(crate) fn error(lacking: Vec<Lacking>, name: Span) -> Option<Finding> {
    let lacking: BTreeSet<Lacking> = lacking.into_iter().collect();
    let (here, message) = told(&lacking, name)?;
    let finding = Finding::error(codes::NOT_YET, name, message);
    Some(with_places(finding, &here))
}

/// What lies in the runbook itself, and the words.
fn told(lacking: &BTreeSet<Lacking>, name: Span) -> Option<(Vec<&Lacking>, String)> {
    let words: BTreeSet<&str> = lacking.iter().map(|one| one.what.as_str()).collect();
    if words.is_empty() {
        return None;
    }
    let words: Vec<&str> = words.into_iter().collect();
    let here = lacking
        .iter()
        .filter(|one| one.span.source == name.source)
        .collect();
    Some((
        here,
        format!("this version checks but cannot run {}", words.join(", ")),
    ))
}

fn with_places(mut finding: Finding, lacking: &[&Lacking]) -> Finding {
    let mut told = BTreeSet::new();
    for one in lacking {
        // Each is shown where it first stands.
        if told.insert(&one.what) {
            finding = finding.related(one.span, one.what.clone());
        }
    }
    finding.help("`runbook exec` refuses it; the changelog says which version runs what")
}
