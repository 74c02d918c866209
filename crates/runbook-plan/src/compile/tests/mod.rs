//! What plans hold for those who run them.

mod calls;
mod longest;
mod steps;

use std::sync::Arc;

use runbook_action::schema::{Field, Shape};
use runbook_action::{Args, ConnectionNeed, Effect, Failure, Kind, Param, Recognised, Spec, Undoing};
use runbook_document::{Config, Document, Finding, Findings, SourceId, parse};

use super::{Request, compile};
use crate::{Catalogue, Library, Plan};

/// An action that says itself what it does: `do: {read: it}`, `do: {change: it}`, `do: {restart: it}`.
struct Does;

static DOES: Spec = Spec {
    kind: "do",
    doc: "Does what it says.",
    params: Shape::Any,
    result: &[Field::optional("count", Shape::Any, "A number.")],
    connection: ConnectionNeed::None,
    connections: &[],
    takes_env: true,
};

impl Kind for Does {
    fn spec(&self) -> &'static Spec {
        &DOES
    }

    fn recognise(&self, params: &Param) -> Result<Recognised, Failure> {
        let args = Args::new(params);
        let (effect, undoing) = match () {
            () if args.get("read").is_some() => (Effect::Read, Undoing::Needless),
            () if args.get("restart").is_some() => (Effect::Change, Undoing::Needless),
            () => (Effect::Change, Undoing::ByAuthor),
        };
        Ok(Recognised {
            effect,
            certain: true,
            summary: "do".to_owned(),
            undoing,
        })
    }
}

/// The kinds of actions of these tests.
const KINDS: [&str; 1] = ["do"];

fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::new();
    catalogue.declare(Arc::new(Does));
    catalogue
}

/// A runbook of this name with what stands in `more`.
fn runbook(name: &str, more: &str) -> String {
    format!("apiVersion: runbook/v1\nname: {name}\nversion: 1.0.0\ntitle: A runbook\n{more}\n")
}

/// The plan of the first text, with the others as the other runbooks of its project, and what is wrong with it.
fn compiled(texts: &[String]) -> (Option<Plan>, Vec<Finding>) {
    let mut library = Library::new();
    let mut first = None;
    for (at, text) in texts.iter().enumerate() {
        let mut findings = Findings::new();
        let tree = parse(SourceId(u32::try_from(at).unwrap()), text, &mut findings).unwrap();
        let document = Document::read(&tree, &KINDS, &mut findings).unwrap();
        if first.is_none() {
            library.add(&document);
            first = Some((document, tree, findings));
        } else {
            library.keep(document, tree, findings);
        }
    }
    let (document, tree, mut findings) = first.unwrap();
    let request = Request {
        document: &document,
        tree: Some(&tree),
        config: &Config::default(),
        environment: None,
        catalogue: &catalogue(),
        library: &library,
        texts,
    };
    let plan = compile(&request, &mut findings);
    (plan, findings.into_sorted())
}

/// The plan of the first text.
#[track_caller]
fn plan(texts: &[String]) -> Plan {
    let (plan, findings) = compiled(texts);
    plan.unwrap_or_else(|| panic!("{findings:#?}"))
}

/// The plan of a runbook with what stands in `more`.
#[track_caller]
fn alone(more: &str) -> Plan {
    plan(&[runbook("alone", more)])
}
