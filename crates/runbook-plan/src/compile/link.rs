//! The plans of the runbooks that a runbook calls, for whoever runs it.

use std::collections::HashMap;
use std::sync::Arc;

use runbook_document::{Finding, Severity, Spanned, codes, settle};

use super::memo::Memo;
use super::{Compiler, Request, whole_plan};
use crate::library::Whole;
use crate::plan::Plan;

/// What has come of compiling a runbook that is called.
enum Callee {
    Plan(Arc<Plan>),
    HasErrors,
}

/// The runbooks that were compiled because they are called, by name.
#[derive(Default)]
pub(super) struct Linked(HashMap<String, Callee>);

impl Linked {
    /// All runbooks that the requested one uses, itself or over others, as far as the library keeps them whole. Each
    /// is compiled once, after those that it uses itself: neither many ways to one nor a circle make that longer.
    pub(super) fn new(request: &Request<'_>, memo: &Memo) -> Self {
        let mut linked = Self::default();
        for name in request.library.reached(request.document) {
            let whole = request
                .library
                .get(&name)
                .and_then(|listed| listed.whole.as_deref());
            if let Some(whole) = whole {
                let callee = callee(request, whole, &linked, memo);
                linked.0.insert(name, callee);
            }
        }
        linked
    }
}

/// A runbook that is called, in the same environment. It is as good as one that is run by itself: what the project
/// does not allow and the author did not waive is an error there, too.
fn callee(request: &Request<'_>, whole: &Whole, linked: &Linked, memo: &Memo) -> Callee {
    let request = Request {
        document: &whole.document,
        tree: Some(&whole.tree),
        ..*request
    };
    let mut findings = whole.findings.clone();
    let Some(plan) = whole_plan(&request, linked, memo, &mut findings) else {
        return Callee::HasErrors;
    };
    let mut waivers = request.library.waivers().to_vec();
    waivers.extend_from_slice(findings.waivers());
    let levels = request.config.levels(plan.environment());
    let settled = settle(findings.into_sorted(), &waivers, &levels);
    if settled.iter().any(|finding| finding.severity == Severity::Error) {
        Callee::HasErrors
    } else {
        Callee::Plan(Arc::new(plan))
    }
}

impl Compiler<'_, '_> {
    /// The plan of a runbook that is called, if plans of calls are asked for. What is wrong within it is one finding.
    pub(super) fn linked(&mut self, name: &Spanned<String>) -> Option<Arc<Plan>> {
        let callee = self.linked.0.get(&name.value)?;
        let places: Vec<_> = self.request.library.places(&name.value).collect();
        if places.len() > 1 {
            let message = format!("several runbooks are called `{}`", name.value);
            let mut finding = Finding::error(codes::DUPLICATE_RUNBOOK, name.span, message);
            for place in places {
                finding = finding.related(place, "one is here");
            }
            self.findings
                .push(finding.help("give all but one of them another name: a runbook is called by it"));
        }
        match callee {
            Callee::Plan(plan) => Some(Arc::clone(plan)),
            Callee::HasErrors => {
                let message = format!("runbook `{}` has errors", name.value);
                self.findings.push(
                    Finding::error(codes::UNKNOWN_RUNBOOK, name.span, message)
                        .help("`runbook check` shows them"),
                );
                None
            }
        }
    }
}
