//! A runbook as written, in types.

mod action;
mod check;
mod declared;
mod step;

use std::time::Duration;

use runbook_schema::Shape;

pub use self::action::ActionNode;
pub use self::check::Check;
pub use self::declared::{Connection, Input, Notification, SecretFrom, SecretSource, Trigger, TriggerOn};
pub use self::step::{
    Approve, Before, Body, Capture, Escalate, ForEach, Repeat, Retry, Rollback, Step, Then, Undo,
};

pub use self::check::{awaited_checks, rated_checks};
pub(crate) use self::declared::{connections, one_of, secret_from, secrets, sections};
use crate::check::check;
use crate::language::{API_VERSION, RUNBOOK, STEP};
use crate::{Finding, Findings, Node, Span, Spanned, codes};

/// Names and the values under them, as written.
pub type Named = Vec<(Spanned<String>, Node)>;

/// A runbook as written. Steps keep their actions as nodes: which actions there are is not known here.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where the mapping begins.
    pub span: Span,
    /// `name`
    pub name: Spanned<String>,
    /// `version`
    pub version: Spanned<String>,
    /// `title`
    pub title: String,
    /// `summary`
    pub summary: Option<String>,
    /// `severity`
    pub severity: Option<Spanned<String>>,
    /// `owner`
    pub owner: Option<String>,
    /// `labels`
    pub labels: Vec<(Spanned<String>, Spanned<String>)>,
    /// `links`: title and address
    pub links: Vec<(Option<String>, String)>,
    /// `triggers`
    pub triggers: Vec<Trigger>,
    /// `inputs`
    pub inputs: Vec<Input>,
    /// `vars`: names and expressions
    pub vars: Named,
    /// `secrets`: those that have a source
    pub secrets: Vec<SecretSource>,
    /// The names of all `secrets`
    pub secret_names: Vec<Spanned<String>>,
    /// `connections`
    pub connections: Vec<Connection>,
    /// `defaults.env`
    pub env: Named,
    /// `defaults.timeout`
    pub default_timeout: Option<Duration>,
    /// `defaults.target`
    pub targets: Vec<(Spanned<String>, Spanned<String>)>,
    /// `lock`: templates
    pub lock: Vec<Node>,
    /// `detect`
    pub detect: Detect,
    /// `guards`
    pub guards: Vec<Check>,
    /// `steps`
    pub steps: Vec<Step>,
    /// `verify`
    pub verify: Vec<Check>,
    /// `finally`
    pub finally: Vec<Step>,
    /// `on_failure`
    pub on_failure: OnFailureWord,
    /// `on_interrupt`
    pub on_interrupt: OnInterruptWord,
    /// `outputs`: names and expressions
    pub outputs: Named,
    /// `escalate`
    pub escalate: Option<Spanned<String>>,
    /// `notifications`
    pub notifications: Vec<Notification>,
    /// `report.sections`: title and template
    pub sections: Vec<(String, Node)>,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `max_parallel`
    pub max_parallel: u32,
}

/// `detect`
#[derive(Debug, Clone, Default)]
pub struct Detect {
    /// Its checks.
    pub checks: Vec<Check>,
    /// Whether one of them is enough.
    pub any: bool,
}

/// `rollback`, `hold` or `continue`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFailureWord {
    /// `rollback`
    #[default]
    Rollback,
    /// `hold`
    Hold,
    /// `continue`
    Continue,
}

/// What a signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnInterruptWord {
    /// `rollback`
    #[default]
    Rollback,
    /// `hold`
    Hold,
    /// `ask`
    Ask,
}

impl Document {
    /// Reads a runbook from its tree. `None` means that it is not even recognisable as one; what is wrong is
    /// in `findings` either way.
    ///
    /// `kinds` are the actions that there are: of several unknown keys in a step, the one that is an action
    /// is taken for it, and the others are mistakes.
    pub fn read(root: &Node, kinds: &[&str], findings: &mut Findings) -> Option<Self> {
        check(root, &Shape::Object(&RUNBOOK), findings);
        check_format(root, findings);
        check_steps(root, findings);
        let mut reader = Reader { kinds, findings };
        let detect = reader.detect(root);
        let guards = reader.guards(root);
        let steps = reader.steps(root.items_of("steps"), &STEP, None);
        let verify = reader.checks(root.items_of("verify"));
        let finally = reader.steps(root.items_of("finally"), &STEP, None);
        let declared = declared::read(root, reader.findings);
        let empty = Node::empty(root.span.source);
        let defaults = root.get("defaults").unwrap_or(&empty);
        Some(Self {
            span: root.span,
            name: root.text_of("name")?,
            version: root
                .text_of("version")
                .unwrap_or_else(|| Spanned::new(String::new(), root.span)),
            title: root.text_of("title").map(|text| text.value).unwrap_or_default(),
            summary: root.text_of("summary").map(|text| text.value.trim().to_owned()),
            severity: root.text_of("severity"),
            owner: root.text_of("owner").map(|text| text.value),
            labels: root.texts_of("labels"),
            links: declared.links,
            triggers: declared.triggers,
            inputs: declared.inputs,
            vars: root.named_of("vars"),
            secrets: declared.secrets,
            secret_names: root
                .named_of("secrets")
                .into_iter()
                .map(|(name, _)| name)
                .collect(),
            connections: connections(root),
            env: defaults.named_of("env"),
            default_timeout: defaults.duration_of("timeout"),
            targets: defaults.texts_of("target"),
            lock: root.one_or_more("lock"),
            detect,
            guards,
            steps,
            verify,
            finally,
            on_failure: step::on_failure(root).unwrap_or_default(),
            on_interrupt: on_interrupt(root),
            outputs: root.named_of("outputs"),
            escalate: root.text_of("escalate"),
            notifications: declared.notifications,
            sections: declared.sections,
            timeout: root.duration_of("timeout"),
            max_parallel: root.count_of("max_parallel").unwrap_or(8),
        })
    }

    /// All steps, those within others too, in the author's order.
    pub fn all_steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().chain(&self.finally).flat_map(Step::flat)
    }
}

/// Reads what may have an action: steps and checks.
struct Reader<'f> {
    kinds: &'f [&'f str],
    findings: &'f mut Findings,
}

impl Reader<'_> {
    fn detect(&mut self, root: &Node) -> Detect {
        match root.get("detect") {
            Some(node) if node.get("any").is_some() => Detect {
                checks: self.checks(node.items_of("any")),
                any: true,
            },
            Some(node) => Detect {
                checks: self.checks(node.items()),
                any: false,
            },
            None => Detect::default(),
        }
    }
}

fn on_interrupt(root: &Node) -> OnInterruptWord {
    match root.get("on_interrupt").and_then(Node::text) {
        Some("hold") => OnInterruptWord::Hold,
        Some("ask") => OnInterruptWord::Ask,
        Some(_) | None => OnInterruptWord::Rollback,
    }
}

/// A runbook without steps would be resolved by doing nothing.
fn check_steps(root: &Node, findings: &mut Findings) {
    if let Some(entry) = root.entry("steps")
        && matches!(&entry.value.kind, crate::Kind::List(items) if items.is_empty())
    {
        let finding = Finding::error(
            codes::EMPTY_VALUE,
            entry.key.span,
            "`steps` is empty: there is nothing to run",
        );
        findings.push(finding.help("add a step: `- {id: look, shell: …, effect: read}`"));
    }
}

fn check_format(root: &Node, findings: &mut Findings) {
    if let Some(node) = root.get("apiVersion")
        && let Some(text) = node.text()
        && text != API_VERSION
    {
        let message = format!("the format `{text}` is not known");
        let help = format!("this version reads `{API_VERSION}`");
        findings.push(Finding::error(codes::FORMAT_VERSION, node.span, message).help(help));
    }
}
