//! What a runbook declares before its steps: links, triggers, inputs, secrets, connections, notifications.

use runbook_schema::Object;

use super::Named;
use crate::language::{SECRET, SECRET_KINDS, TRIGGER, TRIGGER_KINDS};
use crate::{Finding, Findings, Node, Span, Spanned, codes};

/// What calls for a runbook.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Its place.
    pub span: Span,
    /// When.
    pub on: TriggerOn,
    /// `inputs`: names and expressions over what arrived
    pub inputs: Named,
}

/// When a runbook is called for.
#[derive(Debug, Clone)]
pub enum TriggerOn {
    /// An alert with these labels arrives.
    Alert(Vec<(Spanned<String>, Spanned<String>)>),
    /// A time comes.
    Schedule {
        /// Five fields of cron.
        cron: Spanned<String>,
        /// `timezone`
        timezone: Option<Spanned<String>>,
    },
    /// A request with this name arrives.
    Webhook(Spanned<String>),
}

/// An input's declaration.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its name.
    pub name: Spanned<String>,
    /// Its mapping: the types of the plan read the rest.
    pub node: Node,
}

/// A secret's declaration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretSource {
    /// Its name.
    pub name: Spanned<String>,
    /// Where it comes from.
    pub from: SecretFrom,
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretFrom {
    /// An environment variable.
    Env(Spanned<String>),
    /// A file, without its last line break.
    File(Spanned<String>),
    /// What a program prints, without its last line break.
    Command(Vec<Spanned<String>>),
}

/// A connection as written.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Its name.
    pub name: Spanned<String>,
    /// Its mapping.
    pub node: Node,
}

/// Who hears of what.
#[derive(Debug, Clone)]
pub struct Notification {
    /// `on`
    pub on: Vec<String>,
    /// `to`
    pub to: Vec<Spanned<String>>,
    /// `message`
    pub message: Option<Node>,
}

/// All of these.
pub(super) struct Declared {
    pub(super) links: Vec<(Option<String>, String)>,
    pub(super) triggers: Vec<Trigger>,
    pub(super) inputs: Vec<Input>,
    pub(super) secrets: Vec<SecretSource>,
    pub(super) notifications: Vec<Notification>,
    pub(super) sections: Vec<(String, Node)>,
}

pub(super) fn read(root: &Node, findings: &mut Findings) -> Declared {
    Declared {
        links: root.items_of("links").iter().filter_map(link).collect(),
        triggers: root
            .items_of("triggers")
            .iter()
            .filter_map(|node| trigger(node, findings))
            .collect(),
        inputs: root
            .named_of("inputs")
            .into_iter()
            .map(|(name, node)| Input { name, node })
            .collect(),
        secrets: secrets(root, findings),
        notifications: root
            .items_of("notifications")
            .iter()
            .map(|node| Notification {
                on: node.slugs_of("on").into_iter().map(|word| word.value).collect(),
                to: node.slugs_of("to"),
                message: node.get("message").cloned(),
            })
            .collect(),
        sections: sections(root.get("report")),
    }
}

/// The sections that a report gets besides: title and template.
pub(crate) fn sections(report: Option<&Node>) -> Vec<(String, Node)> {
    let sections = report.map_or(&[] as &[_], |report| report.items_of("sections"));
    let written = sections.iter();
    written
        .filter_map(|node| Some((node.text_of("title")?.value, node.get("text")?.clone())))
        .collect()
}

fn link(node: &Node) -> Option<(Option<String>, String)> {
    match node.text() {
        Some(url) => Some((None, url.to_owned())),
        None => Some((
            node.text_of("title").map(|text| text.value),
            node.text_of("url")?.value,
        )),
    }
}

/// The one key of these that a mapping has. None, or several, is a finding.
pub(crate) fn one_of<'k>(
    node: &Node,
    keys: &[&'k str],
    object: &Object,
    code: crate::Code,
    findings: &mut Findings,
) -> Option<&'k str> {
    let what = object.name;
    let found: Vec<&'k str> = keys
        .iter()
        .copied()
        .filter(|key| node.get(key).is_some())
        .collect();
    match found.as_slice() {
        [only] => return Some(only),
        // A misspelt one has been reported.
        [] if node
            .entries()
            .iter()
            .any(|entry| object.field(&entry.key.value).is_none()) => {}
        [] => {
            let place = node.entries().first().map_or(node.span, |entry| entry.key.span);
            let message = format!("this {what} has none of `{}`", keys.join("`, `"));
            findings.push(Finding::error(code, place, message).help("add the one that is meant"));
        }
        [first, second, ..] => {
            let span = |key: &str| node.entry(key).map_or(node.span, |entry| entry.key.span);
            let message = format!("this {what} has both `{first}` and `{second}`");
            findings.push(
                Finding::error(code, span(second), message)
                    .related(span(first), "the first is here")
                    .help("make two of it, or leave one out"),
            );
        }
    }
    None
}

fn trigger(node: &Node, findings: &mut Findings) -> Option<Trigger> {
    let on = match one_of(node, TRIGGER_KINDS, &TRIGGER, codes::TRIGGER, findings)? {
        "alert" => TriggerOn::Alert(node.texts_of("alert")),
        "schedule" => TriggerOn::Schedule {
            cron: node.text_of("schedule")?,
            timezone: node.text_of("timezone"),
        },
        _ => TriggerOn::Webhook(node.text_of("webhook")?),
    };
    if let (Some(entry), false) = (node.entry("timezone"), matches!(on, TriggerOn::Schedule { .. })) {
        let message = "`timezone` belongs to a `schedule`";
        findings.push(Finding::error(codes::TRIGGER, entry.key.span, message).help("leave it out"));
    }
    Some(Trigger {
        span: node.span,
        on,
        inputs: node.named_of("inputs"),
    })
}

pub(crate) fn secrets(node: &Node, findings: &mut Findings) -> Vec<SecretSource> {
    node.named_of("secrets")
        .into_iter()
        // What is no mapping has been reported.
        .filter(|(_, node)| matches!(node.kind, crate::Kind::Map(_)))
        .filter_map(|(name, node)| {
            let from = secret_from(&node, findings)?;
            Some(SecretSource { name, from })
        })
        .collect()
}

/// Where a secret comes from, as its mapping says.
pub(crate) fn secret_from(node: &Node, findings: &mut Findings) -> Option<SecretFrom> {
    let from = match one_of(node, SECRET_KINDS, &SECRET, codes::WRONG_SECRET, findings)? {
        "env" => SecretFrom::Env(node.text_of("env")?),
        "file" => SecretFrom::File(node.text_of("file")?),
        _ => SecretFrom::Command(node.slugs_of("command")),
    };
    if let (SecretFrom::Command(words), Some(entry)) = (&from, node.entry("command"))
        && words.is_empty()
    {
        let message = "this command is empty";
        let finding = Finding::error(codes::WRONG_SECRET, entry.key.span, message);
        findings.push(finding.help("name the program and its arguments: `command: [PROGRAM, …]`"));
    }
    Some(from)
}

pub(crate) fn connections(node: &Node) -> Vec<Connection> {
    node.named_of("connections")
        .into_iter()
        .map(|(name, node)| Connection { name, node })
        .collect()
}
