//! What is known to be a secret before anything runs.

use std::collections::BTreeSet;

use runbook_document::{Finding, Node, Span, codes};

use super::Compiler;
use crate::expression::{Expression, Reference};
use crate::template::Template;

/// The names whose values are secrets, besides those under `secrets`.
#[derive(Debug, Clone, Default)]
pub(super) struct Tainted {
    /// Inputs that are declared so.
    pub(super) inputs: BTreeSet<String>,
    /// Variables that are computed from one.
    pub(super) vars: BTreeSet<String>,
    /// What a step captured: declared so, or computed from one.
    pub(super) captures: BTreeSet<(String, String)>,
}

impl Compiler<'_, '_> {
    /// Whether a reference leads to a secret.
    pub(super) fn is_secret(&self, reference: &Reference) -> bool {
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        match path.as_slice() {
            ["secrets", ..] => true,
            ["inputs", name, ..] => self.tainted.inputs.contains(*name),
            ["vars", name, ..] => self.tainted.vars.contains(*name),
            ["steps", step, name, ..] => self
                .tainted
                .captures
                .contains(&((*step).to_owned(), (*name).to_owned())),
            _ => false,
        }
    }

    /// Whether a secret is part of what an expression gives.
    pub(super) fn uses_secret(&self, expression: &Expression) -> bool {
        expression
            .references()
            .iter()
            .any(|reference| self.is_secret(reference))
    }

    /// Reports where an expression looks into a secret: when the run gets there, that is an error.
    pub(super) fn refuse_looking(&mut self, node: &Node, offset: usize, expression: &Expression) -> bool {
        let mut fine = true;
        for reference in expression.revealed() {
            if self.is_secret(&reference) {
                let source = self.text(node.span.source);
                let span = node.locate(source, offset + reference.from, offset + reference.to);
                let message = format!(
                    "`{}` is a secret, and this looks into it",
                    reference.path.join(".")
                );
                let help = "a secret can be passed on and joined to text with `~`, and nothing else: what is compared, \
                            measured or cut tells something of it";
                self.findings
                    .push(Finding::error(codes::SECRET_REVEALED, span, message).help(help));
                fine = false;
            }
        }
        fine
    }

    /// A secret among the arguments of a program stands in the list of processes, for everybody on that machine.
    pub(super) fn lint_arguments(&mut self, params: &Template) {
        const ARGUMENTS: &[&str] = &["argv", "command", "args"];
        let lists = ARGUMENTS.iter().filter_map(|key| params.get(key));
        let found: Vec<Span> = std::iter::once(params)
            .filter(|params| params.is_list())
            .chain(lists)
            .flat_map(Template::expressions)
            .filter(|(expression, _)| self.uses_secret(expression))
            .map(|(_, span)| span)
            .collect();
        for span in found {
            let message = "a secret stands among the arguments of a program, where every user of the machine can read it";
            let help = "pass it beside them: `env: {NAME: \"{{ … }}\"}` where the program reads one, or on its standard input";
            self.findings
                .push(Finding::error(codes::SECRET_IN_ARGUMENTS, span, message).help(help));
        }
    }
}
