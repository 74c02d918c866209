//! A runbook as written, in types.

use std::time::Duration;

use runbook_schema::{Object, Shape};

use crate::check::{check, later, unknown_key};
use crate::language::{API_VERSION, BEFORE, CHECK, LATER_ACTIONS, ROLLBACK, RUNBOOK, STEP};
use crate::{Finding, Findings, Node, ScalarValue, Span, Spanned, codes};

/// A runbook as written. Steps keep their actions as nodes: which actions there are is not known here.
#[derive(Debug, Clone)]
pub struct Document {
    /// Where the mapping begins.
    pub span: Span,
    /// `name`
    pub name: Spanned<String>,
    /// `version`
    pub version: String,
    /// `title`
    pub title: String,
    /// `summary`
    pub summary: Option<String>,
    /// `severity`
    pub severity: Option<String>,
    /// `owner`
    pub owner: Option<String>,
    /// `labels`
    pub labels: Vec<(Spanned<String>, Spanned<String>)>,
    /// `inputs`
    pub inputs: Vec<Input>,
    /// `vars`: names and expressions, as nodes
    pub vars: Vec<(Spanned<String>, Node)>,
    /// `secrets`
    pub secrets: Vec<SecretSource>,
    /// `connections`
    pub connections: Vec<Connection>,
    /// `defaults.env`
    pub env: Vec<(Spanned<String>, Node)>,
    /// `defaults.timeout`
    pub timeout: Option<Duration>,
    /// `defaults.target`
    pub targets: Vec<(Spanned<String>, Spanned<String>)>,
    /// `detect`
    pub detect: Detect,
    /// `steps`
    pub steps: Vec<Step>,
    /// `verify`
    pub verify: Vec<Check>,
    /// `finally`
    pub finally: Vec<Step>,
    /// `on_failure`
    pub on_failure: OnFailureWord,
    /// `on_interrupt`
    pub on_interrupt: OnFailureWord,
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

/// An input's declaration.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: Spanned<String>,
    /// Its mapping: the types of the plan read the rest.
    pub node: Node,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// Its name.
    pub name: Spanned<String>,
    /// The environment variable that holds it.
    pub env: Spanned<String>,
}

/// A connection as written.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name.
    pub name: Spanned<String>,
    /// Its mapping.
    pub node: Node,
}

/// An action as written: its kind and its parameters.
#[derive(Debug, Clone)]
pub struct ActionNode {
    /// The kind.
    pub kind: Spanned<String>,
    /// The parameters.
    pub params: Node,
}

/// Names and the expressions that give their values.
pub type Capture = Vec<(Spanned<String>, Node)>;

/// A step as written.
#[derive(Debug, Clone)]
pub struct Step {
    /// Its place.
    pub span: Span,
    /// `id`
    pub id: Spanned<String>,
    /// `title`
    pub title: Option<String>,
    /// `description`
    pub description: Option<String>,
    /// `phase`
    pub phase: Option<String>,
    /// `needs`
    pub needs: Option<Vec<Spanned<String>>>,
    /// `when`
    pub when: Option<Node>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `effect`
    pub effect: Option<Spanned<String>>,
    /// `before`
    pub before: Option<Before>,
    /// `rollback`
    pub rollback: Option<Rollback>,
    /// `irreversible`
    pub irreversible: Option<String>,
    /// `require`
    pub require: Vec<Check>,
    /// `verify`
    pub verify: Vec<Check>,
    /// `approve`
    pub approve: Option<Approve>,
    /// `capture`
    pub capture: Capture,
    /// `idempotent`
    pub idempotent: bool,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `on_failure`
    pub on_failure: Option<OnFailureWord>,
    /// `env`
    pub env: Vec<(Spanned<String>, Node)>,
}

/// `before`
#[derive(Debug, Clone)]
pub struct Before {
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// `env`
    pub env: Vec<(Spanned<String>, Node)>,
    /// `capture`
    pub capture: Capture,
}

/// `rollback`
#[derive(Debug, Clone)]
pub enum Rollback {
    /// `not_needed`
    NotNeeded,
    /// An action.
    Action {
        /// The action, if there is just one.
        action: Option<ActionNode>,
        /// `target`
        target: Option<Spanned<String>>,
        /// `timeout`
        timeout: Option<Duration>,
        /// `env`
        env: Vec<(Spanned<String>, Node)>,
    },
}

/// `approve`
#[derive(Debug, Clone)]
pub struct Approve {
    /// `message`
    pub message: Option<Node>,
    /// `within`
    pub within: Option<Duration>,
}

/// A check as written.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its place.
    pub span: Span,
    /// `id`
    pub id: Option<Spanned<String>>,
    /// `title`
    pub title: Option<String>,
    /// `target`
    pub target: Option<Spanned<String>>,
    /// The action, if there is just one.
    pub action: Option<ActionNode>,
    /// `expect`
    pub expect: Vec<Node>,
    /// `value`
    pub value: Option<Node>,
    /// `every`
    pub every: Option<Duration>,
    /// `within`
    pub within: Option<Duration>,
    /// `consecutive`
    pub consecutive: u32,
    /// `baseline`
    pub baseline: bool,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `capture`
    pub capture: Capture,
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
        let mut steps = Reader { kinds, findings };
        let detect = match root.get("detect") {
            Some(node) if node.get("any").is_some() => Detect {
                checks: steps.checks(node.items_of("any")),
                any: true,
            },
            Some(node) => Detect {
                checks: steps.checks(node.items()),
                any: false,
            },
            None => Detect::default(),
        };
        let defaults = root
            .get("defaults")
            .cloned()
            .unwrap_or_else(|| Node::empty(root.span.source));
        Some(Self {
            span: root.span,
            name: root.text_of("name")?,
            version: root.text_of("version").map(|text| text.value).unwrap_or_default(),
            title: root.text_of("title").map(|text| text.value).unwrap_or_default(),
            summary: root.text_of("summary").map(|text| text.value.trim().to_owned()),
            severity: root.text_of("severity").map(|text| text.value),
            owner: root.text_of("owner").map(|text| text.value),
            labels: root.texts_of("labels"),
            inputs: root
                .named_of("inputs")
                .into_iter()
                .map(|(name, node)| Input { name, node })
                .collect(),
            vars: root.named_of("vars"),
            secrets: secrets(root),
            connections: connections(root),
            env: defaults.named_of("env"),
            timeout: defaults.duration_of("timeout"),
            targets: defaults.texts_of("target"),
            detect,
            steps: root
                .items_of("steps")
                .iter()
                .filter_map(|node| steps.step(node))
                .collect(),
            verify: steps.checks(root.items_of("verify")),
            finally: root
                .items_of("finally")
                .iter()
                .filter_map(|node| steps.step(node))
                .collect(),
            on_failure: policy(root, "on_failure").unwrap_or_default(),
            on_interrupt: policy(root, "on_interrupt").unwrap_or_default(),
            max_parallel: root.count_of("max_parallel").unwrap_or(8),
        })
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

pub(crate) fn secrets(node: &Node) -> Vec<SecretSource> {
    node.named_of("secrets")
        .into_iter()
        .filter_map(|(name, node)| {
            Some(SecretSource {
                name,
                env: node.text_of("env")?,
            })
        })
        .collect()
}

pub(crate) fn connections(node: &Node) -> Vec<Connection> {
    node.named_of("connections")
        .into_iter()
        .map(|(name, node)| Connection { name, node })
        .collect()
}

fn policy(node: &Node, key: &str) -> Option<OnFailureWord> {
    match node.get(key)?.text()? {
        "rollback" => Some(OnFailureWord::Rollback),
        "hold" => Some(OnFailureWord::Hold),
        "continue" => Some(OnFailureWord::Continue),
        _ => None,
    }
}

struct Reader<'f> {
    kinds: &'f [&'f str],
    findings: &'f mut Findings,
}

impl Reader<'_> {
    fn step(&mut self, node: &Node) -> Option<Step> {
        let id = node.text_of("id")?;
        Some(Step {
            span: node.span,
            title: node.text_of("title").map(|text| text.value),
            description: node.text_of("description").map(|text| text.value),
            phase: node.text_of("phase").map(|text| text.value),
            needs: node.get("needs").map(|_| {
                let items = node.items_of("needs").iter();
                items
                    .filter_map(|item| Some(Spanned::new(item.text()?.to_owned(), item.span)))
                    .collect()
            }),
            when: node.get("when").cloned(),
            target: node.text_of("target"),
            action: self.action(node, &STEP, id.span),
            effect: node.text_of("effect"),
            before: node.get("before").map(|before| Before {
                action: self.action(before, &BEFORE, before.span),
                target: before.text_of("target"),
                env: before.named_of("env"),
                capture: before.named_of("capture"),
            }),
            rollback: node.get("rollback").and_then(|rollback| self.rollback(rollback)),
            irreversible: node
                .text_of("irreversible")
                .map(|text| text.value.trim().to_owned()),
            require: self.checks(node.items_of("require")),
            verify: self.checks(node.items_of("verify")),
            approve: approve(node),
            capture: node.named_of("capture"),
            idempotent: node.boolean_of("idempotent").unwrap_or(false),
            timeout: node.duration_of("timeout"),
            on_failure: policy(node, "on_failure"),
            env: node.named_of("env"),
            id,
        })
    }

    fn rollback(&mut self, node: &Node) -> Option<Rollback> {
        if let Some(word) = node.text() {
            match word {
                "not_needed" => return Some(Rollback::NotNeeded),
                "auto" => self.findings.push(later(node.span, "rollback: auto")),
                _ => {
                    let message = format!("expected an action or `not_needed`, found `{word}`");
                    self.findings
                        .push(Finding::error(codes::WRONG_TYPE, node.span, message));
                }
            }
            return None;
        }
        if !node.items().is_empty() {
            self.findings
                .push(later(node.span, "a list of steps under `rollback`"));
            return None;
        }
        Some(Rollback::Action {
            action: self.action(node, &ROLLBACK, node.span),
            target: node.text_of("target"),
            timeout: node.duration_of("timeout"),
            env: node.named_of("env"),
        })
    }

    fn checks(&mut self, nodes: &[Node]) -> Vec<Check> {
        nodes.iter().map(|node| self.check(node)).collect()
    }

    fn check(&mut self, node: &Node) -> Check {
        Check {
            span: node.span,
            id: node.text_of("id"),
            title: node.text_of("title").map(|text| text.value),
            target: node.text_of("target"),
            action: self.action(
                node,
                &CHECK,
                node.entries().first().map_or(node.span, |entry| entry.key.span),
            ),
            expect: match node.get("expect") {
                Some(expect) if expect.scalar().is_some() => vec![expect.clone()],
                Some(expect) => expect.items().to_vec(),
                None => Vec::new(),
            },
            value: node.get("value").cloned(),
            every: node.duration_of("every"),
            within: node.duration_of("within"),
            consecutive: node.count_of("consecutive").unwrap_or(1),
            baseline: node.boolean_of("baseline").unwrap_or(true),
            timeout: node.duration_of("timeout"),
            capture: node.named_of("capture"),
        }
    }

    /// The one key that is not of the table: the action. `place` is where to say that there is none.
    fn action(&mut self, node: &Node, object: &Object, place: Span) -> Option<ActionNode> {
        let is_later = |key: &str| crate::language::is_later(object.name, key);
        let actions: Vec<_> = node
            .entries()
            .iter()
            .filter(|entry| object.field(&entry.key.value).is_none() && !is_later(&entry.key.value))
            .collect();
        match actions.as_slice() {
            [] if node.entries().iter().any(|entry| is_later(&entry.key.value)) => None,
            [] => {
                let message = format!("this {} has no action", object.name);
                let finding = Finding::error(codes::NO_ACTION, place, message);
                self.findings
                    .push(finding.help("add one, such as `shell:`, `http:` or `sql:`"));
                None
            }
            [entry] => Some(ActionNode {
                kind: entry.key.clone(),
                params: entry.value.clone(),
            }),
            several => self.several(object, several),
        }
    }

    /// Several further keys: those that are no action are mistakes, and of actions there can be one.
    fn several(&mut self, object: &Object, entries: &[&crate::Entry]) -> Option<ActionNode> {
        let is_action = |entry: &&crate::Entry| {
            let kind = entry.key.value.as_str();
            self.kinds.contains(&kind) || LATER_ACTIONS.contains(&kind)
        };
        let (actions, others): (Vec<&crate::Entry>, Vec<&crate::Entry>) =
            entries.iter().copied().partition(is_action);
        for entry in others {
            self.findings
                .push(unknown_key(&entry.key.value, entry.key.span, object));
        }
        let (first, more) = actions.split_first()?;
        for entry in more {
            let message = format!("`{}` is a second action in this {}", entry.key.value, object.name);
            self.findings.push(
                Finding::error(codes::SEVERAL_ACTIONS, entry.key.span, message)
                    .related(first.key.span, "the first is here")
                    .help(format!("a {} has one action: make two of it", object.name)),
            );
        }
        Some(ActionNode {
            kind: first.key.clone(),
            params: first.value.clone(),
        })
    }
}

fn approve(node: &Node) -> Option<Approve> {
    let approve = node.get("approve")?;
    match approve.scalar().map(|scalar| &scalar.value) {
        Some(ScalarValue::Bool(true)) => Some(Approve {
            message: None,
            within: None,
        }),
        Some(_) => None,
        None => Some(Approve {
            message: approve.get("message").cloned(),
            within: approve.duration_of("within"),
        }),
    }
}

/// Whether an action's kind is part of the language and cannot be run yet; then a finding says so.
pub fn refuse_later_action(action: &ActionNode, findings: &mut Findings) -> bool {
    let is_later = LATER_ACTIONS.contains(&action.kind.value.as_str());
    if is_later {
        findings.push(later(action.kind.span, &action.kind.value));
    }
    is_later
}
