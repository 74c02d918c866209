//! The runbooks of a project, as far as others must know them to use them.

use std::collections::{BTreeMap, BTreeSet};

use runbook_document::{Body, Document, Finding, Node, Span, codes};

/// The runbooks of a project, by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    runbooks: BTreeMap<String, Vec<Listed>>,
}

/// What others must know of a runbook.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// Where its name stands.
    pub(crate) span: Span,
    /// Its inputs: name, declaration.
    pub(crate) inputs: Vec<runbook_document::Input>,
    /// The names of its outputs.
    pub(crate) outputs: Vec<String>,
    /// The runbooks that it uses.
    pub(crate) uses: BTreeSet<String>,
}

impl Library {
    /// No runbooks yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a runbook uses others.
    #[must_use]
    pub fn is_needed_by(document: &Document) -> bool {
        uses(document).next().is_some()
    }

    /// Adds a runbook.
    pub fn add(&mut self, document: &Document) {
        let listed = Listed {
            span: document.name.span,
            inputs: document.inputs.clone(),
            outputs: document
                .outputs
                .iter()
                .map(|(name, _)| name.value.clone())
                .collect(),
            uses: uses(document).collect(),
        };
        self.runbooks
            .entry(document.name.value.clone())
            .or_default()
            .push(listed);
    }

    /// Names that several runbooks have, told at those of them that are looked at.
    pub fn duplicates(&self, looks_at: impl Fn(Span) -> bool) -> Vec<Finding> {
        let several = self.runbooks.iter().filter(|(_, listed)| listed.len() > 1);
        let mut findings = Vec::new();
        for (name, listed) in several {
            let (here, elsewhere): (Vec<Span>, Vec<Span>) = listed
                .iter()
                .map(|one| one.span)
                .partition(|span| looks_at(*span));
            // The first is as good as any, if there is another one to be told at.
            let first = elsewhere.first().or_else(|| here.first()).copied();
            for span in here.into_iter().filter(|span| Some(*span) != first) {
                let message = format!("there is another runbook called `{name}`");
                let finding = Finding::error(codes::DUPLICATE_RUNBOOK, span, message)
                    .help("give one of them another name: a runbook is called by it");
                findings.push(match first {
                    Some(first) => finding.related(first, "the other is here"),
                    None => finding,
                });
            }
        }
        findings
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Listed> {
        self.runbooks.get(name)?.first()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.runbooks.keys().map(String::as_str)
    }

    /// The way by which a runbook comes to use another one, itself included, if it does.
    pub(crate) fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut seen = BTreeSet::from([from.to_owned()]);
        let mut ways = vec![vec![from.to_owned()]];
        while let Some(way) = ways.pop() {
            let last = way.last().map_or("", String::as_str);
            for next in self.get(last).into_iter().flat_map(|listed| &listed.uses) {
                let mut longer = way.clone();
                longer.push(next.clone());
                if next == to {
                    return Some(longer);
                }
                if seen.insert(next.clone()) {
                    ways.push(longer);
                }
            }
        }
        None
    }
}

/// The names of the runbooks that a runbook uses.
fn uses(document: &Document) -> impl Iterator<Item = String> {
    document.all_steps().filter_map(|step| match &step.body {
        Some(Body::Action(action)) if action.kind.value == "runbook" => {
            action.params.get("name").and_then(Node::text).map(str::to_owned)
        }
        Some(Body::Action(_) | Body::Steps(_) | Body::Choose(_) | Body::FirstOf(_)) | None => None,
    })
}
