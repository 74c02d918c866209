//! The one key of a step or a check that is not of the language's tables: its action.

use runbook_schema::Object;

use super::Reader;
use crate::check::unknown_key;
use crate::language::is_node;
use crate::{Entry, Finding, Node, Span, Spanned, codes};

/// An action as written: its kind and its parameters.
#[derive(Debug, Clone)]
pub struct ActionNode {
    /// The kind.
    pub kind: Spanned<String>,
    /// The parameters.
    pub params: Node,
    /// `with`: the parameters of a plugin
    pub with: Option<Node>,
}

impl Reader<'_> {
    /// The action of a mapping. `place` is where to say that there is none.
    pub(super) fn action(&mut self, node: &Node, object: &Object, place: Span) -> Option<ActionNode> {
        let entries = further(node, object);
        if entries.is_empty() {
            let message = format!("this {} has no action", object.name);
            let finding = Finding::error(codes::NO_ACTION, place, message);
            self.findings
                .push(finding.help("add one, such as `shell:`, `http:` or `sql:`"));
            return None;
        }
        self.pick(node, object, &entries)
    }

    /// The action among the further keys of a mapping. Several: those that are no action are mistakes, and of
    /// actions there can be one.
    pub(super) fn pick(&mut self, node: &Node, object: &Object, entries: &[&Entry]) -> Option<ActionNode> {
        let action = |entry: &Entry| ActionNode {
            kind: entry.key.clone(),
            params: entry.value.clone(),
            with: node.get("with").cloned(),
        };
        if let [only] = entries {
            return Some(action(only));
        }
        let is_action = |entry: &&Entry| {
            let kind = entry.key.value.as_str();
            self.kinds.contains(&kind) || is_node(kind)
        };
        let (actions, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().copied().partition(is_action);
        for entry in others {
            self.findings
                .push(unknown_key(&entry.key.value, entry.key.span, object));
        }
        let (first, more) = actions.split_first()?;
        for entry in more {
            self.second(object, &first.key, &entry.key);
        }
        Some(action(first))
    }

    /// There is a second action.
    pub(super) fn second(&mut self, object: &Object, first: &Spanned<String>, second: &Spanned<String>) {
        let message = format!("`{}` is a second action in this {}", second.value, object.name);
        self.findings.push(
            Finding::error(codes::SEVERAL_ACTIONS, second.span, message)
                .related(first.span, "the first is here")
                .help(format!("a {} has one action: make two of it", object.name)),
        );
    }
}

/// The entries that are not of the table.
pub(super) fn further<'n>(node: &'n Node, object: &Object) -> Vec<&'n Entry> {
    let entries = node.entries().iter();
    entries
        .filter(|entry| object.field(&entry.key.value).is_none())
        .collect()
}
