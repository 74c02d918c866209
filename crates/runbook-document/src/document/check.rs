//! Checks as written: those of gates, guards and tables.

use std::time::Duration;

use runbook_schema::Object;

use super::step::{Capture, captures};
use super::{ActionNode, Named, Reader};
use crate::language::{CHECK, GUARD, RATED_CHECK};
use crate::{Findings, Node, Span, Spanned};

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
    /// `warn`, in a table of checks
    pub warn: Vec<Node>,
    /// `fail`, in a table of checks
    pub fail: Vec<Node>,
    /// `each`
    pub each: Option<Node>,
    /// `value`
    pub value: Option<Node>,
    /// `every`
    pub every: Option<Duration>,
    /// `within`
    pub within: Option<Duration>,
    /// `consecutive`
    pub consecutive: u32,
    /// `fails`, of a guard
    pub fails: u32,
    /// `baseline`
    pub baseline: bool,
    /// `timeout`
    pub timeout: Option<Duration>,
    /// `capture`
    pub capture: Vec<Capture>,
    /// `env`
    pub env: Named,
}

/// Checks that stand outside a runbook's own lists: those of the action `checks`.
pub fn rated_checks(nodes: &[Node], kinds: &[&str], findings: &mut Findings) -> Vec<Check> {
    let mut reader = Reader { kinds, findings };
    nodes
        .iter()
        .map(|node| reader.check(node, &RATED_CHECK))
        .collect()
}

/// The checks in the parameters of an action that waits for them.
pub fn awaited_checks(nodes: &[Node], kinds: &[&str], findings: &mut Findings) -> Vec<Check> {
    Reader { kinds, findings }.checks(nodes)
}

impl Reader<'_> {
    pub(super) fn checks(&mut self, nodes: &[Node]) -> Vec<Check> {
        nodes.iter().map(|node| self.check(node, &CHECK)).collect()
    }

    pub(super) fn guards(&mut self, root: &Node) -> Vec<Check> {
        let nodes = root.items_of("guards").iter();
        nodes.map(|node| self.check(node, &GUARD)).collect()
    }

    fn check(&mut self, node: &Node, object: &Object) -> Check {
        let place = node.entries().first().map_or(node.span, |entry| entry.key.span);
        Check {
            span: node.span,
            id: node.text_of("id"),
            title: node.text_of("title").map(|text| text.value),
            target: node.text_of("target"),
            action: self.action(node, object, place),
            expect: node.one_or_more("expect"),
            warn: node.one_or_more("warn"),
            fail: node.one_or_more("fail"),
            each: node.get("each").cloned(),
            value: node.get("value").cloned(),
            every: node.duration_of("every"),
            within: node.duration_of("within"),
            consecutive: node.count_of("consecutive").unwrap_or(1),
            fails: node.count_of("fails").unwrap_or(1),
            baseline: node.boolean_of("baseline").unwrap_or(true),
            timeout: node.duration_of("timeout"),
            capture: captures(node),
            env: node.named_of("env"),
        }
    }
}
