//! Named values: variables, outputs, locks.

use std::collections::BTreeMap;

use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use runbook_action::schema::Shape;
use runbook_document::{Finding, Node, Spanned, codes};

use super::Compiler;
use super::names::Names;
use crate::expression::Expression;
use crate::plan::Part;
use crate::template::Template;

/// How many variables of a circle are named.
const SHOWN: usize = 10;

/// Variables that were read, by name.
type Read<'a> = BTreeMap<&'a str, (&'a Spanned<String>, Expression)>;

impl Compiler<'_, '_> {
    /// The variables, in an order in which each uses only earlier ones.
    pub(super) fn vars(&mut self) -> Vec<(String, Expression)> {
        let written = &self.request.document.vars;
        self.global.vars = written.iter().map(|(name, _)| name.value.clone()).collect();
        let mut read = Read::new();
        for (name, node) in written {
            if let Some(expression) = self.expression(node, &Names::default()) {
                read.insert(&name.value, (name, expression));
            }
        }
        self.ordered(read)
    }

    /// Variables after those that they use.
    fn ordered(&mut self, mut read: Read<'_>) -> Vec<(String, Expression)> {
        let names: Vec<String> = read.keys().map(|name| (*name).to_owned()).collect();
        let at: BTreeMap<&str, usize> = names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), at))
            .collect();
        let mut graph: DiGraph<(), ()> = DiGraph::with_capacity(names.len(), names.len());
        let nodes: Vec<NodeIndex> = names.iter().map(|_| graph.add_node(())).collect();
        for (user, (_, expression)) in read.values().enumerate() {
            for reference in expression.references() {
                let used = match reference.path.as_slice() {
                    [root, name, ..] if root == "vars" => at.get(name.as_str()),
                    _ => None,
                };
                if let Some(used) = used {
                    graph.update_edge(nodes[*used], nodes[user], ());
                }
            }
        }
        for circle in tarjan_scc(&graph) {
            let own = circle
                .first()
                .is_some_and(|node| graph.contains_edge(*node, *node));
            if circle.len() > 1 || own {
                let members: Vec<&Spanned<String>> = circle
                    .iter()
                    .filter_map(|node| Some(read.get(names.get(node.index())?.as_str())?.0))
                    .collect();
                self.circle_of_vars(members);
            }
        }
        let mut ordered = Vec::new();
        for node in toposort(&graph, None).unwrap_or_default() {
            let Some(name) = names.get(node.index()) else {
                continue;
            };
            if let Some((_, expression)) = read.remove(name.as_str()) {
                if self.uses_secret(&expression) {
                    self.tainted.vars.insert(name.clone());
                }
                ordered.push((name.clone(), expression));
            }
        }
        ordered
    }

    fn circle_of_vars(&mut self, mut names: Vec<&Spanned<String>>) {
        names.sort_by_key(|name| name.span);
        let more_than_shown = names.len() > SHOWN;
        names.truncate(SHOWN);
        let words: Vec<String> = names.iter().map(|name| format!("`{}`", name.value)).collect();
        let Some((first, more)) = names.split_first() else {
            return;
        };
        let others = if more_than_shown { " and others" } else { "" };
        let words = words.join(", ");
        let message = if more.is_empty() {
            format!("the variable {words} needs itself, so it has no value")
        } else {
            format!("the variables {words}{others} need each other, so none has a value")
        };
        let mut finding = Finding::error(codes::CYCLE, first.span, message);
        for name in more {
            finding = finding.related(name.span, "part of the circle");
        }
        self.findings.push(finding.help("write one of them out"));
    }

    /// What a caller receives.
    pub(super) fn outputs(&mut self, names: &Names) -> Vec<(String, Expression)> {
        let mut outputs = Vec::new();
        for (name, node) in &self.request.document.outputs {
            self.ask(Part::Key("outputs"), name.span);
            if let Some(expression) = self.expression(node, names) {
                outputs.push((name.value.clone(), expression));
            }
        }
        outputs
    }

    /// What a run owns.
    pub(super) fn lock(&mut self) -> Vec<Template> {
        let mut locks = Vec::new();
        for node in &self.request.document.lock {
            self.ask(Part::Key("lock"), node.span);
            locks.extend(self.one_template(node));
        }
        locks
    }

    fn one_template(&mut self, node: &Node) -> Option<Template> {
        self.template(node, &Shape::Template, &Names::default())
    }
}
