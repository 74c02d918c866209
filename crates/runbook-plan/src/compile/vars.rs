//! Named values: variables, outputs, locks.

use std::collections::BTreeMap;

use runbook_action::schema::Shape;
use runbook_document::{Finding, Node, Spanned, codes};

use super::Compiler;
use super::names::Names;
use crate::expression::Expression;
use crate::plan::Part;
use crate::template::Template;

impl Compiler<'_, '_> {
    /// The variables, in an order in which each uses only earlier ones.
    pub(super) fn vars(&mut self) -> Vec<(String, Expression)> {
        let written = &self.request.document.vars;
        self.global.vars = written.iter().map(|(name, _)| name.value.clone()).collect();
        let mut read: BTreeMap<&str, (&Spanned<String>, Expression)> = BTreeMap::new();
        for (name, node) in written {
            if let Some(expression) = self.expression(node, &Names::default()) {
                read.insert(&name.value, (name, expression));
            }
        }
        let mut ordered = Vec::new();
        while !read.is_empty() {
            let ready = written.iter().map(|(name, _)| name.value.as_str()).find(|name| {
                read.get(name)
                    .is_some_and(|(_, expression)| !waits(expression, &read))
            });
            let Some((name, (_, expression))) = ready.and_then(|name| read.remove_entry(name)) else {
                self.circle_of_vars(&read);
                break;
            };
            if self.uses_secret(&expression) {
                self.tainted.vars.insert(name.to_owned());
            }
            ordered.push((name.to_owned(), expression));
        }
        ordered
    }

    fn circle_of_vars(&mut self, left: &BTreeMap<&str, (&Spanned<String>, Expression)>) {
        for (name, _) in left.values() {
            let circle = circle_through(&name.value, left);
            // It is told once, at its first.
            if circle.iter().map(|other| other.span).min() == Some(name.span) {
                self.circle(circle);
            }
        }
    }

    fn circle(&mut self, mut names: Vec<&Spanned<String>>) {
        names.sort_by_key(|name| name.span);
        let words: Vec<String> = names.iter().map(|name| format!("`{}`", name.value)).collect();
        let Some((first, more)) = names.split_first() else {
            return;
        };
        let message = match more {
            [] => format!("the variable {} needs itself, so it has no value", words.join("")),
            _ => format!(
                "the variables {} need each other, so none has a value",
                words.join(", ")
            ),
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

/// The variables that a variable needs and that need it; none unless it needs itself, be it through others.
fn circle_through<'w>(
    name: &str,
    left: &BTreeMap<&str, (&'w Spanned<String>, Expression)>,
) -> Vec<&'w Spanned<String>> {
    let members = left
        .iter()
        .filter(|(other, _)| reaches(name, other, left) && reaches(other, name, left));
    members.map(|(_, (name, _))| *name).collect()
}

/// Whether a variable needs another one, be it through others.
fn reaches(from: &str, to: &str, left: &BTreeMap<&str, (&Spanned<String>, Expression)>) -> bool {
    let mut seen: Vec<String> = Vec::new();
    let mut open = vec![from.to_owned()];
    while let Some(name) = open.pop() {
        let references = left
            .get(name.as_str())
            .map(|(_, expression)| expression.references());
        for reference in references.into_iter().flatten() {
            if let [root, next, ..] = reference.path.as_slice()
                && root == "vars"
                && !seen.contains(next)
            {
                seen.push(next.clone());
                open.push(next.clone());
            }
        }
    }
    seen.iter().any(|seen| seen == to)
}

/// Whether an expression uses a variable that has not been ordered yet.
fn waits(expression: &Expression, left: &BTreeMap<&str, (&Spanned<String>, Expression)>) -> bool {
    expression
        .references()
        .iter()
        .any(|reference| match reference.path.as_slice() {
            [root, name, ..] if root == "vars" => left.contains_key(name.as_str()),
            _ => false,
        })
}
