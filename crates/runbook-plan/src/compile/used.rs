//! What expressions use, to find what is declared for nothing.

use std::collections::BTreeSet;

use runbook_document::{Capture, Check, Finding, Step, codes};

use super::Compiler;

/// Something that an expression uses.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Used {
    /// An input.
    Input(String),
    /// What a step captured.
    Step(String, String),
    /// What a check of `detect` captured.
    Check(String, String),
}

/// All that is used.
pub(super) type AllUsed = BTreeSet<Used>;

impl Compiler<'_, '_> {
    /// Reports inputs and captures that nothing uses.
    pub(super) fn lint_unused(&mut self) {
        let document = self.request.document;
        for input in &document.inputs {
            if !self.used.contains(&Used::Input(input.name.value.clone())) {
                let message = format!("nothing uses the input `{}`", input.name.value);
                let finding = Finding::warning(codes::UNUSED_INPUT, input.name.span, message);
                self.findings.push(
                    finding.help("use it, or leave it out: whoever sets it expects that it does something"),
                );
            }
        }
        for step in document.all_steps() {
            self.unused_captures(step);
        }
        for check in &document.detect.checks {
            let Some(id) = &check.id else { continue };
            for capture in &check.capture {
                let used = Used::Check(id.value.clone(), capture.name.value.clone());
                if !self.used.contains(&used) {
                    self.unused(capture, &format!("checks.{}.{}", id.value, capture.name.value));
                }
            }
        }
    }

    fn unused_captures(&mut self, step: &Step) {
        let before = step.before.iter().flat_map(|before| &before.capture);
        for capture in before.chain(&step.capture) {
            let used = Used::Step(step.id.value.clone(), capture.name.value.clone());
            if !self.used.contains(&used) {
                self.unused(
                    capture,
                    &format!("steps.{}.{}", step.id.value, capture.name.value),
                );
            }
        }
    }

    fn unused(&mut self, capture: &Capture, name: &str) {
        let finding = Finding::warning(
            codes::UNUSED_CAPTURE,
            capture.name.span,
            format!("nothing uses `{name}`"),
        );
        let help = "leave it out, or waive this if it is for the report: `waive: {RB0704: \"…\"}`";
        self.findings.push(finding.help(help));
    }

    /// Captures of checks that no expression can name.
    pub(super) fn lint_unnamed_captures(&mut self, check: &Check) {
        if check.id.is_none() {
            for capture in &check.capture {
                let finding = Finding::warning(
                    codes::UNUSED_CAPTURE,
                    capture.name.span,
                    format!("`{}` is captured by a check without an id", capture.name.value),
                );
                self.findings
                    .push(finding.help("give the check an `id`, or leave it out"));
            }
        }
    }
}
