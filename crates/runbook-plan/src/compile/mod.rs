//! A document to a plan: every name is resolved, every text is cut into literals and expressions, every
//! effect is known, and all that is wrong is said at once.

mod actions;
mod calls;
mod checks;
mod connections;
mod everywhere;
mod gates;
mod link;
mod lints;
mod memo;
mod names;
mod nodes;
mod perform;
mod project;
mod steps;
mod taint;
#[cfg(test)]
mod tests;
mod texts;
mod undo;
mod used;
mod vars;
mod wait;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use runbook_document::{
    Config, Document, Environment, Finding, Findings, OnFailureWord, OnInterruptWord,
    SecretFrom as WrittenFrom, SourceId, Span, codes, nearest,
};
use sha2::{Digest, Sha256};

pub use self::everywhere::check_everywhere;
use self::link::Linked;
use self::memo::Memo;
use self::names::{Global, Names};
use self::taint::Tainted;
use self::used::AllUsed;
use crate::catalogue::Catalogue;
use crate::inputs::InputDecl;
use crate::library::Library;
use crate::plan::{Asked, Connection, OnFailure, OnInterrupt, Part, Plan, Secret, SecretFrom};

/// What [`compile`] works from.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The runbook.
    pub document: &'a Document,
    /// Its tree, for the digest. None where no plan is run or compared: then the digest is empty.
    pub tree: Option<&'a runbook_document::Node>,
    /// The project file.
    pub config: &'a Config,
    /// The environment to compile for. None: the default of the project file, if there is one.
    pub environment: Option<&'a str>,
    /// The actions that there are.
    pub catalogue: &'a Catalogue,
    /// The runbooks of the project.
    pub library: &'a Library,
    /// The texts that were read, by source.
    pub texts: &'a [String],
}

/// Makes a plan. None means that there is an error among the findings that no project can allow and no author
/// waive.
///
/// Calls of runbooks that the library [keeps whole](Library::keep) get their plans, made for the same environment;
/// errors in one of those are one error at each call.
pub fn compile(request: &Request<'_>, findings: &mut Findings) -> Option<Plan> {
    let memo = Memo::default();
    let linked = Linked::new(request, &memo);
    whole_plan(request, &linked, &memo, findings)
}

/// A plan with its digest, whose calls have the plans that there are.
fn whole_plan(request: &Request<'_>, linked: &Linked, memo: &Memo, findings: &mut Findings) -> Option<Plan> {
    let mut plan = plan(request, linked, memo, findings)?;
    let environment = plan
        .environment
        .as_deref()
        .and_then(|name| request.config.environment(name));
    plan.digest = digest(request, environment, &plan);
    Some(plan)
}

/// A plan without its digest.
fn plan(request: &Request<'_>, linked: &Linked, memo: &Memo, findings: &mut Findings) -> Option<Plan> {
    let environment = pick_environment(request, findings).ok()?;
    let document = request.document;
    let inputs = inputs(document, environment, findings);
    let mut compiler = Compiler::new(request, environment, (linked, memo), findings);
    for input in inputs.iter().filter(|input| input.secret) {
        compiler.ask(Part::Key("secret"), input.span);
        compiler.tainted.inputs.insert(input.name.clone());
    }
    let vars = compiler.vars();
    let known = compiler.connections();
    compiler.default_targets();
    let detect = compiler.checks(&document.detect.checks, &Names::default(), &known);
    let base = Names {
        checks: checks::captures(&document.detect.checks).into(),
        ..Names::default()
    };
    let guards = compiler.guards(&base, &known);
    let steps = compiler.sections(&base, &known);
    let all = compiler.names_after(&base);
    let verify = compiler.checks(&document.verify, &all, &known);
    let outputs = compiler.outputs(&all);
    let lock = compiler.lock();
    let about = compiler.about(&inputs, &all);
    compiler.use_carriers(&known);
    compiler.lint(&steps, &verify);
    compiler.report_unfit();
    let whole = compiler.finish(known);
    let plan = Plan {
        source: document.name.span.source,
        about,
        environment: environment.map(|environment| environment.name.value.clone()),
        lab: environment
            .filter(|_| whole.uses_lab)
            .and_then(|environment| environment.lab.clone())
            .map(|lab| lab.value),
        inputs,
        vars,
        secrets: whole.secrets,
        connections: whole.connections,
        asked: whole.asked,
        lock,
        detect,
        detect_any: document.detect.any,
        guards,
        steps,
        verify,
        outputs,
        on_failure: on_failure(document.on_failure),
        on_interrupt: on_interrupt(document.on_interrupt),
        timeout: document.timeout,
        max_parallel: document.max_parallel,
        digest: String::new(),
        places: OnceLock::new(),
    };
    if findings.has_hard_errors() {
        None
    } else {
        Some(plan)
    }
}

fn inputs(document: &Document, environment: Option<&Environment>, findings: &mut Findings) -> Vec<InputDecl> {
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
    inputs
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

pub(super) const fn on_failure(word: OnFailureWord) -> OnFailure {
    match word {
        OnFailureWord::Rollback => OnFailure::Rollback,
        OnFailureWord::Hold => OnFailure::Hold,
        OnFailureWord::Continue => OnFailure::Continue,
    }
}

const fn on_interrupt(word: OnInterruptWord) -> OnInterrupt {
    match word {
        OnInterruptWord::Rollback => OnInterrupt::Rollback,
        OnInterruptWord::Hold => OnInterrupt::Hold,
        OnInterruptWord::Ask => OnInterrupt::Ask,
    }
}

fn secret_from(from: &WrittenFrom) -> SecretFrom {
    match from {
        WrittenFrom::Env(name) => SecretFrom::Env(name.value.clone()),
        WrittenFrom::File(path) => SecretFrom::File(path.value.clone()),
        WrittenFrom::Command(words) => {
            SecretFrom::Command(words.iter().map(|word| word.value.clone()).collect())
        }
    }
}

/// Over the values of the runbook and of its environment, so that layout and comments do not count, and over the
/// digests of the runbooks that it calls, where they are part of the plan.
fn digest(request: &Request<'_>, environment: Option<&Environment>, plan: &Plan) -> String {
    let Some(tree) = request.tree else {
        return String::new();
    };
    let mut hash = Sha256::new();
    hash.update(tree.to_json().to_string());
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
            .map(|secret| format!("{}={:?}", secret.name.value, secret_from(&secret.from)));
        hash.update(serde_json::json!([values, secrets.collect::<Vec<_>>()]).to_string());
    }
    let called = plan.called();
    if !called.is_empty() {
        let digests: Vec<(&str, &str)> = called
            .into_iter()
            .map(|(name, plan)| (name, plan.digest()))
            .collect();
        hash.update(serde_json::json!(digests).to_string());
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
    linked: &'a Linked,
    memo: &'a Memo,
    findings: &'f mut Findings,
    global: Global,
    used: AllUsed,
    tainted: Tainted,
    used_secrets: BTreeSet<String>,
    used_connections: BTreeSet<String>,
    /// What each connection uses besides secrets.
    connection_uses: BTreeMap<String, AllUsed>,
    uses_lab: bool,
    asked: Vec<Asked>,
    /// What is wrong with connections that nothing may use.
    unfit: BTreeMap<String, Vec<Finding>>,
}

/// What is known when all has been read.
struct Whole {
    secrets: Vec<Secret>,
    connections: Vec<Connection>,
    asked: Vec<Asked>,
    uses_lab: bool,
}

impl<'a, 'f> Compiler<'a, 'f> {
    fn new(
        request: &'a Request<'a>,
        environment: Option<&'a Environment>,
        (linked, memo): (&'a Linked, &'a Memo),
        findings: &'f mut Findings,
    ) -> Self {
        Self {
            request,
            environment,
            linked,
            memo,
            findings,
            global: Global::new(request.document, environment),
            used: AllUsed::new(),
            tainted: Tainted::default(),
            used_secrets: BTreeSet::new(),
            used_connections: BTreeSet::new(),
            connection_uses: BTreeMap::new(),
            uses_lab: false,
            asked: Vec::new(),
            unfit: BTreeMap::new(),
        }
    }

    fn finish(mut self, known: Vec<Connection>) -> Whole {
        let secrets = self.used_secrets();
        self.asked.sort_by_key(|asked| asked.span);
        Whole {
            secrets,
            connections: known
                .into_iter()
                .filter(|known| self.used_connections.contains(&known.name))
                .collect(),
            asked: self.asked,
            uses_lab: self.uses_lab,
        }
    }

    fn text(&self, source: SourceId) -> &str {
        let at = usize::try_from(source.0).unwrap_or(usize::MAX);
        self.request.texts.get(at).map_or("", String::as_str)
    }

    /// Notes that the plan asks for a part of the language.
    fn ask(&mut self, part: Part, span: Span) {
        self.asked.push(Asked { part, span });
    }

    /// The secrets that something uses, each from where it is in this environment.
    fn used_secrets(&self) -> Vec<Secret> {
        let replaced = self
            .environment
            .map_or(&[] as &[_], |environment| &environment.secrets);
        let declared = &self.request.document.secrets;
        let mut secrets = Vec::new();
        for name in self.used_secrets.clone() {
            let source = replaced
                .iter()
                .chain(declared)
                .find(|source| source.name.value == name);
            if let Some(source) = source {
                secrets.push(Secret {
                    name,
                    from: secret_from(&source.from),
                    span: source.name.span,
                });
            }
        }
        secrets
    }
}
