//! Matters of judgement: what is allowed and rarely meant.

use std::collections::BTreeSet;

use runbook_action::Effect;
use runbook_document::{Finding, Node, Span, Step as Written, codes};

use super::Compiler;
use super::names::Results;
use super::nodes::Done;
use crate::expression::{Expression, Val};
use crate::plan::{Body, Check, Section, Step, Undo};

impl Compiler<'_, '_> {
    /// What is wrong with the whole.
    pub(super) fn lint(&mut self, steps: &[Step], verify: &[Check]) {
        let document = self.request.document;
        let changes = steps
            .iter()
            .any(|step| step.section == Section::Steps && step.effect > Effect::Read);
        if changes && verify.is_empty() && document.verify.is_empty() {
            let message = "this runbook changes something, and nothing proves that it helped";
            let finding = Finding::warning(codes::NO_FINAL_VERIFY, document.name.span, message);
            self.findings
                .push(finding.help("add `verify:` with what must hold when the incident is over"));
        }
        for check in &document.detect.checks {
            self.lint_unnamed_captures(check);
        }
        self.lint_unused();
        self.lint_order(steps);
    }

    /// Steps that can never run.
    fn lint_order(&mut self, steps: &[Step]) {
        let mut fails: Option<&Step> = None;
        let mut after: BTreeSet<usize> = BTreeSet::new();
        for (at, step) in steps.iter().enumerate() {
            let waits = step.section == Section::Steps && step.needs.iter().any(|need| after.contains(need));
            if let Some(before) = fails.filter(|_| waits) {
                let finding = Finding::warning(
                    codes::UNREACHABLE,
                    step.span,
                    format!(
                        "step `{}` can never run: step `{}` always fails",
                        step.id, before.id
                    ),
                );
                let finding = finding.related(before.span, "the run ends here");
                self.findings
                    .push(finding.help("give the failing step a `when`, or leave this one out"));
                break;
            }
            let goes_on = step.when.is_some() || step.on_failure == crate::plan::OnFailure::Continue;
            if matches!(step.body, Body::Fail(_)) && !goes_on {
                fails = Some(step);
                after.insert(at);
            }
        }
        for step in steps {
            self.lint_order(step.within());
        }
    }

    /// Something is retried, and nothing says that running it twice is harmless.
    pub(super) fn not_repeatable(&mut self, span: Span, what: &str) {
        let message = format!("{what} is retried, and it may not be harmless to run it twice");
        let help = "if it is, say `idempotent: true`; else leave `retry` out";
        self.findings
            .push(Finding::error(codes::NOT_REPEATABLE, span, message).help(help));
    }

    /// What is wrong with a step.
    pub(super) fn lint_step(&mut self, written: &Written, done: &Done, undoing: bool) {
        if let Some(retry) = &written.retry
            && done.effect > Effect::Read
            && !written.idempotent
        {
            self.not_repeatable(retry.span, &format!("step `{}`", written.id.value));
        }
        // An undo is part of the step that was approved.
        if !undoing {
            self.lint_approval(written, done);
        }
    }

    /// What the project demands for the effect of a step.
    fn lint_approval(&mut self, written: &Written, done: &Done) {
        if !matches!(done.body, Body::Action(_)) {
            return;
        }
        let project = &self.request.config.policy;
        let own = self.environment.map(|environment| &environment.policy);
        let of = |policy: &runbook_document::Policy| match done.effect {
            Effect::Read => None,
            Effect::Change => policy.change.clone(),
            Effect::Destructive => policy.destructive.clone().or_else(|| policy.change.clone()),
        };
        let Some(demand) = own.and_then(of).or_else(|| of(project)) else {
            return;
        };
        let roles: Vec<&str> = demand.by.iter().map(|role| role.value.as_str()).collect();
        let lacking = match &written.approve {
            None => "it has none".to_owned(),
            Some(approve) if approve.count < demand.count => {
                format!("it asks {}, and {} must agree", approve.count, demand.count)
            }
            Some(approve) if demand.separate && !approve.separate => {
                "whoever starts the run may answer, and must not: `separate: true`".to_owned()
            }
            Some(approve)
                if !roles.is_empty()
                    && (approve.by.is_empty()
                        || !approve.by.iter().all(|role| roles.contains(&role.value.as_str()))) =>
            {
                format!("it must be answered by `{}`", roles.join("` or `"))
            }
            Some(_) => return,
        };
        let place = self.environment.map_or_else(
            || "this project".to_owned(),
            |environment| format!("the environment `{}`", environment.name.value),
        );
        let message = format!(
            "step `{}` is `{}`, and {place} demands an approval: {lacking}",
            written.id.value,
            done.effect.word()
        );
        let span = written
            .approve
            .as_ref()
            .map_or(written.id.span, |approve| approve.span);
        self.findings
            .push(Finding::error(codes::APPROVAL_MISSING, span, message).help(wanted(&demand)));
    }

    /// Expectations that pass for the wrong reason: a wrong password is not an outage.
    pub(super) fn lint_expectations(&mut self, nodes: &[Node], expressions: &[Expression]) {
        let looks = |expression: &Expression| {
            let references = expression.references();
            references
                .iter()
                .any(|reference| reference.path.first().is_some_and(|root| root == "error"))
        };
        if expressions.iter().any(looks) {
            return;
        }
        for (node, expression) in nodes.iter().zip(expressions) {
            if expression.passes_on_any_error() {
                let message = "this passes on any error, be it a wrong password or a misspelt host";
                let help =
                    "say which errors are meant: `not ok and error.kind in [\"refused\", \"timeout\"]`";
                self.findings
                    .push(Finding::warning(codes::BARE_NOT_OK, node.span, message).help(help));
            }
        }
    }

    /// A step that can never run.
    pub(super) fn lint_when(&mut self, written: &Written, when: &Expression) {
        if when.constant() == Some(Val::Bool(false)) {
            let span = written.when.as_ref().map_or(written.span, |when| when.span);
            let message = format!("step `{}` can never run: this is always false", written.id.value);
            self.findings
                .push(Finding::warning(codes::UNREACHABLE, span, message).help("leave the step out"));
        }
    }

    /// A URL with a password in it is in git.
    pub(super) fn lint_url(&mut self, node: &Node, text: &str) {
        let Some((_, rest)) = text.split_once("://") else {
            return;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((credentials, _)) = authority.rsplit_once('@') else {
            return;
        };
        let Some((_, password)) = credentials.split_once(':') else {
            return;
        };
        // A part that is filled in comes from elsewhere.
        if password.is_empty() || password.contains("{{") {
            return;
        }
        let at = text.find(password).unwrap_or(0);
        let span = node.locate(self.text(node.span.source), at, at + password.len());
        let finding = Finding::error(
            codes::CREDENTIALS_IN_URL,
            span,
            "a password is written out in this URL",
        );
        self.findings
            .push(finding.help("declare it under `secrets:`, and write `{{ secrets.NAME }}` in its place"));
    }

    /// Keys that mean something for other steps.
    pub(super) fn judge_keys(&mut self, written: &Written, done: &Done) {
        const HOLDING: &[&str] = &[
            "id",
            "title",
            "description",
            "phase",
            "needs",
            "when",
            "else",
            "within",
            "require",
            "verify",
            "approve",
            "on_failure",
            "timeout",
            "escalate",
            "waive",
            "steps",
            "choose",
            "first_of",
            "for_each",
            "repeat",
        ];
        const NODE: &[&str] = &["capture", "effect"];
        let holds = matches!(done.body, Body::Group(_) | Body::Choose(_) | Body::FirstOf(_));
        if done.takes_env.is_none() {
            let own = match &written.body {
                Some(runbook_document::Body::Action(action)) => action.kind.value.as_str(),
                Some(_) | None => "",
            };
            for key in &written.keys {
                let word = key.value.as_str();
                let fits = HOLDING.contains(&word) || word == own || (!holds && NODE.contains(&word));
                if !fits && runbook_document::language::STEP.field(word).is_some() {
                    let why = if holds {
                        "it belongs to the steps within".to_owned()
                    } else {
                        format!("`{own}` takes none")
                    };
                    self.useless(key, &why);
                }
            }
            return;
        }
        self.judge_action_keys(written, done);
    }

    fn judge_action_keys(&mut self, written: &Written, done: &Done) {
        let only_looks = done.effect == Effect::Read;
        if let (Some(key), false) = (written.key("may_fail"), only_looks) {
            self.useless(key, "it is for steps that only look; use `on_failure: continue`");
        }
        if let (Some(key), true) = (written.key("verify_decides"), written.verify.is_empty()) {
            self.useless(key, "there is no `verify` to decide");
        }
        if let (Some(key), true) = (written.key("then"), only_looks) {
            self.useless(key, "the step only looks, so nothing is to take effect");
        }
        if let (Some(key), true) = (written.key("before"), matches!(done.undo, Undo::Auto)) {
            let captured = written.before.iter().flat_map(|before| &before.capture);
            if captured.count() == 0 {
                self.useless(key, "`rollback: auto` keeps what was there by itself");
            }
        }
        let Results::Fields(fields) = done.results else {
            return;
        };
        for (name, _) in &written.save {
            if fields.iter().all(|field| field.key != name.value) {
                let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
                let message = format!("the result has no `{}` to save", name.value);
                let finding = Finding::error(codes::USELESS_KEY, name.span, message);
                self.findings
                    .push(finding.help(format!("it has `{}`", known.join("`, `"))));
            }
        }
    }

    /// A comment right after a text that is code is often meant to be part of it.
    pub(super) fn lint_comment(&mut self, node: &Node, what: &str) {
        let text = self.text(node.span.source);
        let begins_plain = text
            .get(node.span.start..)
            .is_some_and(|rest| !rest.starts_with(['"', '\'', '|', '>', '[', '{', '*', '&']));
        let rest = text.get(node.span.end..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let Some(at) = line
            .find('#')
            .filter(|_| begins_plain && line.trim_start().starts_with('#'))
        else {
            return;
        };
        let start = node.span.end + at;
        let span = Span::new(node.span.source, start, node.span.end + line.trim_end().len());
        let message = format!("this is a YAML comment, and no part of the {what}");
        let finding = Finding::warning(codes::COMMENT_IN_CODE, span, message);
        let help = "put the value in quotes if it belongs to it, or the comment on a line of its own";
        self.findings.push(finding.help(help));
    }
}

/// The least that satisfies a demand.
fn wanted(demand: &runbook_document::Demand) -> String {
    let mut parts: Vec<String> = Vec::new();
    match demand.by.as_slice() {
        [] => {}
        [only] => parts.push(format!("by: {}", only.value)),
        several => {
            let roles: Vec<&str> = several.iter().map(|role| role.value.as_str()).collect();
            parts.push(format!("by: [{}]", roles.join(", ")));
        }
    }
    if demand.count > 1 {
        parts.push(format!("count: {}", demand.count));
    }
    if demand.separate {
        parts.push("separate: true".to_owned());
    }
    match parts.as_slice() {
        [] => "add `approve: true`".to_owned(),
        parts => format!("write `approve: {{{}}}`", parts.join(", ")),
    }
}
