//! The runbooks of a project: as far as others must know them to use them, and whole where they are to be run.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use runbook_document::{Body, Document, Finding, Findings, Node, Span, Waiver, codes};

/// The runbooks of a project, by name.
#[derive(Debug, Clone, Default)]
pub struct Library {
    runbooks: BTreeMap<String, Vec<Listed>>,
    /// What the project file waives.
    waivers: Vec<Waiver>,
}

/// A runbook as it was read: all that compiling it takes.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    pub(crate) document: Document,
    pub(crate) tree: Node,
    /// What was found when it was read.
    pub(crate) findings: Findings,
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
    /// All of it, if it was kept.
    pub(crate) whole: Option<Box<Whole>>,
}

impl Listed {
    fn of(document: &Document) -> Self {
        Self {
            span: document.name.span,
            inputs: document.inputs.clone(),
            outputs: document
                .outputs
                .iter()
                .map(|(name, _)| name.value.clone())
                .collect(),
            uses: uses(document).collect(),
            whole: None,
        }
    }
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

    /// Adds a runbook, as far as others must know it. Calls of it are checked, and have no plan.
    pub fn add(&mut self, document: &Document) {
        self.push(document.name.value.clone(), Listed::of(document));
    }

    /// Adds a runbook and keeps all of it, so that [`compile`](crate::compile) gives calls of it the plan of what
    /// they call. `findings` is what was found when it was read.
    pub fn keep(&mut self, document: Document, tree: Node, findings: Findings) {
        let name = document.name.value.clone();
        let mut listed = Listed::of(&document);
        listed.whole = Some(Box::new(Whole {
            document,
            tree,
            findings,
        }));
        self.push(name, listed);
    }

    /// With what the project file waives: it may be about what only a runbook that is called uses.
    #[must_use]
    pub fn waiving(mut self, waivers: &[Waiver]) -> Self {
        self.waivers.extend_from_slice(waivers);
        self
    }

    fn push(&mut self, name: String, listed: Listed) {
        self.runbooks.entry(name).or_default().push(listed);
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

    pub(crate) fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// Where the runbooks of this name are.
    pub(crate) fn places(&self, name: &str) -> impl Iterator<Item = Span> {
        self.runbooks
            .get(name)
            .into_iter()
            .flatten()
            .map(|listed| listed.span)
    }

    /// The runbooks that a runbook uses, itself or over others, each after those that it uses itself as far as
    /// there are no circles.
    pub(crate) fn reached(&self, document: &Document) -> Vec<String> {
        let mut seen: BTreeSet<String> = BTreeSet::from([document.name.value.clone()]);
        let mut reached = Vec::new();
        // Not by calling itself: how long a chain may be is not for the stack to say.
        let mut open: Vec<(Option<String>, Vec<String>)> = vec![(None, uses(document).collect())];
        while let Some((_, uses)) = open.last_mut() {
            match uses.pop() {
                Some(next) if seen.insert(next.clone()) => {
                    let further = self.get(&next).map(|listed| listed.uses.iter().rev().cloned());
                    let further = further.into_iter().flatten().collect();
                    open.push((Some(next), further));
                }
                Some(_) => {}
                None => reached.extend(open.pop().and_then(|(done, _)| done)),
            }
        }
        reached
    }

    /// A shortest way by which a runbook comes to use another one, itself included, if it does.
    pub(crate) fn way(&self, from: &str, to: &str) -> Option<Vec<String>> {
        let mut before: BTreeMap<&str, &str> = BTreeMap::new();
        let mut open = VecDeque::from([from]);
        while let Some(last) = open.pop_front() {
            for next in self.get(last).into_iter().flat_map(|listed| &listed.uses) {
                if next == to {
                    let mut way = vec![to.to_owned(), last.to_owned()];
                    let mut at = last;
                    while at != from {
                        at = before.get(at).copied().unwrap_or(from);
                        way.push(at.to_owned());
                    }
                    way.reverse();
                    return Some(way);
                }
                if next != from && !before.contains_key(next.as_str()) {
                    before.insert(next, last);
                    open.push_back(next);
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
