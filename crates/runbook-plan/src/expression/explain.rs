//! What the values in an expression were.

use super::Scope;
use super::evaluation::Evaluation;
use super::tree::{Node, Tree};

/// The values of the parts that decide, each with its source: “`a` is 1, `b` is 2”.
pub(super) fn explain(source: &str, tree: &Tree, scope: &Scope) -> String {
    let mut parts = Vec::new();
    collect(source, tree, scope, &mut parts);
    parts.dedup();
    parts.join(", ")
}

fn collect(source: &str, tree: &Tree, scope: &Scope, parts: &mut Vec<String>) {
    match &tree.node {
        Node::Const(_) => {}
        Node::And(left, right) | Node::Or(left, right) => {
            collect(source, left, scope, parts);
            collect(source, right, scope, parts);
        }
        Node::Not(inner) => collect(source, inner, scope, parts),
        Node::Compare(first, rest) => {
            collect(source, first, scope, parts);
            for (_, tree) in rest {
                collect(source, tree, scope, parts);
            }
        }
        Node::Test { subject, .. } => collect(source, subject, scope, parts),
        Node::Name(_)
        | Node::StepValue { .. }
        | Node::CheckValue { .. }
        | Node::Attr(..)
        | Node::Item(..)
        | Node::Neg(_)
        | Node::Math(..)
        | Node::Concat(..)
        | Node::If(..)
        | Node::Filter { .. }
        | Node::List(_)
        | Node::Map(_) => {
            let text = source.get(tree.from..tree.to).unwrap_or(source).trim();
            match Evaluation::new(scope).of(tree) {
                Ok(value) => parts.push(format!("`{text}` is {}", value.show())),
                Err(error) => parts.push(format!("`{text}`: {error}")),
            }
        }
    }
}
