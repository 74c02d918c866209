//! A document to a plan: every name is resolved, every text is cut into literals and expressions, every
//! effect is known, and all that is wrong is said at once.

mod actions;
mod checks;
mod connections;
mod names;
mod steps;
mod texts;

use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexMap;
use runbook_document::{
    Config, Document, Environment, Finding, Findings, OnFailureWord, SourceId, codes, nearest,
};
use sha2::{Digest, Sha256};

use self::names::{Global, Names};
use crate::catalogue::Catalogue;
use crate::inputs::InputDecl;
use crate::plan::{About, OnFailure, Plan};

/// What [`compile`] works from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The runbook.
    pub document: &'a Document,
    /// Its tree, for the digest.
    pub tree: &'a runbook_document::Node,
    /// The project file.
    pub config: &'a Config,
    /// The environment to compile for. None: the default of the project file, if there is one.
    pub environment: Option<&'a str>,
    /// The actions that there are.
    pub catalogue: &'a Catalogue,
    /// The texts that were read, by source.
    pub texts: &'a [String],
}

/// Makes a plan. None means that there is an error among the findings.
pub fn compile(request: &Request<'_>, findings: &mut Findings) -> Option<Plan> {
    let environment = pick_environment(request, findings).ok()?;
    let document = request.document;
    let mut inputs: Vec<InputDecl> = document
        .inputs
        .iter()
        .filter_map(|input| InputDecl::read(input, findings))
        .collect();
    for (name, node) in environment.map_or(&[] as &[_], |environment| &environment.inputs) {
        if let Some(decl) = inputs.iter_mut().find(|decl| decl.name == name.value) {
            decl.replace_default(node, findings);
        }
    }
    let mut compiler = Compiler {
        request,
        environment,
        findings,
        global: Global::new(document, environment),
        used_secrets: BTreeSet::new(),
        used_connections: BTreeSet::new(),
        uses_lab: false,
        unfit: BTreeMap::new(),
    };
    let vars = compiler.vars();
    let known = compiler.connections();
    let detect = compiler.checks(&document.detect.checks, &Names::default(), &known);
    let checks = checks::captures(&document.detect.checks);
    let steps = compiler.steps(&checks, &known);
    let all = steps::names_after(&document.steps, &checks);
    let verify = compiler.checks(&document.verify, &all, &known);
    compiler.lint(&steps, &verify);
    compiler.report_unfit();
    let used_connections = compiler.used_connections.clone();
    let secrets = compiler.used_secrets();
    let uses_lab = compiler.uses_lab;
    let plan = Plan {
        about: about(document),
        environment: environment.map(|environment| environment.name.value.clone()),
        lab: environment
            .filter(|_| uses_lab)
            .and_then(|environment| environment.lab.clone())
            .map(|lab| lab.value),
        inputs,
        vars,
        secrets,
        connections: known
            .into_iter()
            .filter(|known| used_connections.contains(&known.name))
            .collect(),
        detect,
        detect_any: document.detect.any,
        steps,
        verify,
        on_failure: on_failure(document.on_failure),
        on_interrupt: on_failure(document.on_interrupt),
        max_parallel: document.max_parallel,
        digest: digest(request, environment),
    };
    if findings.has_errors() { None } else { Some(plan) }
}

fn pick_environment<'a>(
    request: &Request<'a>,
    findings: &mut Findings,
) -> Result<Option<&'a Environment>, ()> {
    let config = request.config;
    let Some(name) = request.environment.or_else(|| {
        config
            .default_environment
            .as_ref()
            .map(|name| name.value.as_str())
    }) else {
        return Ok(None);
    };
    config.environment(name).map(Some).ok_or_else(|| {
        if request.environment.is_none() {
            // The project file's own reading has said so, at its place.
            return;
        }
        let names: Vec<String> = config.names().map(|name| format!("`{name}`")).collect();
        let help = match nearest(name, config.names()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None if names.is_empty() => "the project file has no environments".to_owned(),
            None => format!("the environments are {}", names.join(", ")),
        };
        let message = format!("there is no environment `{name}` in the project file");
        findings
            .push(Finding::error(codes::UNKNOWN_ENVIRONMENT, request.document.name.span, message).help(help));
    })
}

fn about(document: &Document) -> About {
    About {
        name: document.name.value.clone(),
        version: document.version.clone(),
        title: document.title.clone(),
        summary: document.summary.clone(),
        severity: document.severity.clone(),
        owner: document.owner.clone(),
        labels: document
            .labels
            .iter()
            .map(|(name, value)| (name.value.clone(), value.value.clone()))
            .collect::<IndexMap<_, _>>(),
    }
}

pub(super) const fn on_failure(word: OnFailureWord) -> OnFailure {
    match word {
        OnFailureWord::Rollback => OnFailure::Rollback,
        OnFailureWord::Hold => OnFailure::Hold,
        OnFailureWord::Continue => OnFailure::Continue,
    }
}

/// Over the values of the runbook and of its environment, so that layout and comments do not count.
fn digest(request: &Request<'_>, environment: Option<&Environment>) -> String {
    let mut hash = Sha256::new();
    hash.update(request.tree.to_json().to_string());
    if let Some(environment) = environment {
        let values: Vec<serde_json::Value> = environment
            .connections
            .iter()
            .map(|connection| (&connection.name, &connection.node))
            .chain(environment.inputs.iter().map(|(name, node)| (name, node)))
            .map(|(name, node)| serde_json::json!([name.value, node.to_json()]))
            .collect();
        let secrets = environment
            .secrets
            .iter()
            .map(|secret| format!("{}={}", secret.name.value, secret.env.value));
        hash.update(serde_json::json!([values, secrets.collect::<Vec<_>>()]).to_string());
    }
    hash.finalize().iter().fold(String::new(), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(u32::from(digit), 16));
        }
        text
    })
}

/// What the stages share.
struct Compiler<'a, 'f> {
    request: &'a Request<'a>,
    environment: Option<&'a Environment>,
    findings: &'f mut Findings,
    global: Global,
    used_secrets: BTreeSet<String>,
    used_connections: BTreeSet<String>,
    uses_lab: bool,
    /// What is wrong with connections that nothing may use.
    unfit: BTreeMap<String, Vec<Finding>>,
}

impl Compiler<'_, '_> {
    fn text(&self, source: SourceId) -> &str {
        let at = usize::try_from(source.0).unwrap_or(usize::MAX);
        self.request.texts.get(at).map_or("", String::as_str)
    }

    fn vars(&mut self) -> Vec<(String, crate::expression::Expression)> {
        let mut vars = Vec::new();
        for (name, node) in &self.request.document.vars {
            if let Some(expression) = self.expression(node, &Names::default()) {
                vars.push((name.value.clone(), expression));
            }
            self.global.vars.push(name.value.clone());
        }
        vars
    }

    /// The secrets that something uses, each with the environment variable that holds it there.
    fn used_secrets(&self) -> Vec<(String, String)> {
        let replaced = self
            .environment
            .map_or(&[] as &[_], |environment| &environment.secrets);
        let declared = &self.request.document.secrets;
        self.used_secrets
            .iter()
            .filter_map(|name| {
                let source = replaced
                    .iter()
                    .chain(declared)
                    .find(|source| source.name.value == *name)?;
                Some((name.clone(), source.env.value.clone()))
            })
            .collect()
    }
}
