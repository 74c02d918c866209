//! Steps: order, names, effects, and what stands within them.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use runbook_action::Effect;
use runbook_action::schema::{Shape, is_name};
use runbook_document::{
    Approve as WrittenApprove, Body as WrittenBody, Finding, Node, Retry as WrittenRetry, Spanned,
    Step as Written, codes, usable_name,
};

use super::names::Names;
use super::nodes::Done;
use super::{Compiler, on_failure};
use crate::expression::{Expression, Kind};
use crate::graph::Graph;
use crate::plan::{Approve, Body, Connection, ForEach, OnFailure, Part, Repeat, Retry, Section, Step};
use crate::template::Template;

const TIMEOUT: Duration = Duration::from_mins(1);
const EVERY: Duration = Duration::from_secs(2);

/// Where a step stands.
pub(super) struct Place<'a> {
    pub(super) names: Names,
    pub(super) section: Section,
    pub(super) known: &'a [Connection],
    /// What a failure does where a step does not say.
    pub(super) on_failure: OnFailure,
}

impl Compiler<'_, '_> {
    /// The steps of both sections.
    pub(super) fn sections(&mut self, base: &Names, known: &[Connection]) -> Vec<Step> {
        let document = self.request.document;
        self.unique_ids();
        let on_failure = on_failure(document.on_failure);
        let place = |names: Names, section| Place {
            names,
            section,
            known,
            on_failure,
        };
        let mut steps = self.list(&document.steps, &place(base.clone(), Section::Steps));
        let offset = document.steps.len();
        // A step that could not be read leaves a gap, and then there is no plan.
        let after = self.names_after(base);
        let mut finally = self.list(&document.finally, &place(after, Section::Finally));
        for step in &mut finally {
            for need in &mut step.needs {
                *need += offset;
            }
        }
        steps.append(&mut finally);
        steps
    }

    /// The names once all steps have ended.
    pub(super) fn names_after(&self, base: &Names) -> Names {
        let steps = &self.request.document.steps;
        base.with_ended(steps.iter().flat_map(|step| self.global.ranges(step)))
    }

    fn unique_ids(&mut self) {
        let mut seen: HashMap<&str, &Spanned<String>> = HashMap::new();
        for step in self.request.document.all_steps() {
            if let Some(first) = seen.insert(step.id.value.as_str(), &step.id) {
                let message = format!("two steps are called `{}`", step.id.value);
                let finding = Finding::error(codes::DUPLICATE_ID, step.id.span, message);
                self.findings
                    .push(finding.related(first.span, "the first is here"));
            }
        }
    }

    /// Steps in order, each of which knows those that have surely ended before it.
    pub(super) fn list(&mut self, steps: &[Written], place: &Place<'_>) -> Vec<Step> {
        let ranges: Vec<Vec<Range<usize>>> = steps.iter().map(|step| self.global.ranges(step)).collect();
        let graph = Graph::new(steps, &ranges, &self.global.steps, self.findings);
        let mut read = Vec::new();
        for (at, written) in steps.iter().enumerate() {
            let mut names = place.names.clone();
            if let Some(before) = graph.before.get(at) {
                let mut ended = before.clone();
                ended.extend(&place.names.ended);
                names.ended = Rc::new(ended);
            }
            let needs = graph.needs.get(at).cloned().unwrap_or_default();
            read.extend(self.step(written, needs, &Place { names, ..*place }));
        }
        read
    }

    /// Branches or alternatives: none of them waits for another.
    fn alternatives(&mut self, steps: &[Written], place: &Place<'_>, in_turn: bool) -> Vec<Step> {
        let mut read = Vec::new();
        let mut names = place.names.clone();
        for written in steps {
            if let Some(key) = written.key("needs") {
                self.useless(key, "what stands here begins when it is its turn");
            }
            if !in_turn {
                let others = steps.iter().filter(|other| other.span != written.span);
                let ranges = others.flat_map(|other| self.global.ranges(other));
                names.others = Rc::new(Names::default().with_ended(ranges).ended.as_ref().clone());
            }
            let own = Place {
                names: names.clone(),
                ..*place
            };
            read.extend(self.step(written, Vec::new(), &own));
            if in_turn {
                names = names.with_ended(self.global.ranges(written));
            }
        }
        read
    }

    fn step(&mut self, written: &Written, needs: Vec<usize>, place: &Place<'_>) -> Option<Step> {
        let mut names = place.names.clone();
        let around = names.within.iter().chain([&written.id.value]);
        names.within = Rc::new(around.cloned().collect());
        let place = &Place { names, ..*place };
        let when = written
            .when
            .as_ref()
            .map(|when| self.condition(when, &place.names));
        if let Some(when) = when.iter().flatten().next() {
            self.lint_when(written, when);
        }
        let require = self.checks(&written.require, &place.names, place.known);
        let approve = written
            .approve
            .as_ref()
            .map(|approve| self.approve(approve, &place.names));
        let for_each = written.for_each.as_ref().map(|_| self.for_each(written, place));
        let done = self.body(written, place);
        let after = self.names_inside(written, place);
        let verify = self.checks(&written.verify, &after, place.known);
        let repeat = written.repeat.as_ref().map(|_| self.repeat(written, &after));
        let save = self.save(written, place);
        let mut done = done?;
        let verify = super::wait::with_gate(std::mem::take(&mut done.gate), verify);
        if let Body::FirstOf(alternatives) = &mut done.body {
            super::gates::give(alternatives, &verify, &written.verify);
        }
        self.judge_keys(written, &done);
        self.lint_step(written, &done, place.names.undoing);
        self.note_keys(written);
        Some(Step {
            id: written.id.value.clone(),
            title: written.title.clone().unwrap_or_else(|| written.id.value.clone()),
            description: written.description.clone(),
            section: place.section,
            phase: written.phase.clone(),
            needs,
            when: present(when)?,
            within: written.within,
            for_each: present(for_each)?,
            repeat: present(repeat)?,
            require,
            approve: present(approve)?,
            before: done.before,
            timeout: (done.takes_env.is_none()).then_some(written.timeout).flatten(),
            body: done.body,
            effect: done.effect,
            capture: done.capture,
            save: save?,
            then: done.then,
            verify,
            verify_decides: written.verify_decides.is_some(),
            undo: done.undo,
            idempotent: written.idempotent,
            repeatable: written.idempotent || done.effect == Effect::Read,
            retry: written.retry.as_ref().map(retry),
            on_failure: written.on_failure.map_or(place.on_failure, on_failure),
            may_fail: written.may_fail.is_some(),
            escalate: written.escalate.as_ref().map(|escalate| {
                let to = escalate.to.iter().map(|name| name.value.clone());
                (escalate.after, to.collect())
            }),
            span: written.span,
        })
    }

    /// What a step does.
    fn body(&mut self, written: &Written, place: &Place<'_>) -> Option<Done> {
        let names = match &written.for_each {
            // What is no name is reported; what was meant by its parts is not reported again.
            Some(each) => {
                (each.item.value.split('-')).fold(place.names.clone(), |names, part| names.with_local(part))
            }
            None => place.names.clone(),
        };
        let place = &Place {
            names,
            on_failure: written.on_failure.map_or(place.on_failure, |word| {
                within(on_failure(word), place.on_failure)
            }),
            ..*place
        };
        match written.body.as_ref()? {
            WrittenBody::Action(node) => self.node_or_action(written, node, place),
            WrittenBody::Steps(steps) => {
                let inner = self.list(steps, place);
                Some(Done::holding(Body::Group(inner)))
            }
            WrittenBody::Choose(branches) => {
                self.judge_branches(branches);
                let inner = self.alternatives(branches, place, false);
                Some(Done::holding(Body::Choose(inner)))
            }
            WrittenBody::FirstOf(alternatives) => {
                if written.verify.is_empty() {
                    let message = "nothing tells which alternative has worked";
                    self.composition(
                        &written.id,
                        message,
                        "add `verify:` to the step: it is asked after each alternative",
                    );
                }
                let inner = self.alternatives(alternatives, place, true);
                Some(Done::holding(Body::FirstOf(inner)))
            }
        }
    }

    /// The names after what a step does: what it captured, and the steps within it.
    fn names_inside(&self, written: &Written, place: &Place<'_>) -> Names {
        let mut names = place.with_own(written, true);
        names = names.with_ended(
            written
                .within()
                .iter()
                .flat_map(|inner| self.global.ranges(inner)),
        );
        names
    }

    fn for_each(&mut self, written: &Written, place: &Place<'_>) -> Option<ForEach> {
        let each = written.for_each.as_ref()?;
        let list = self.expression(&each.list, &place.names);
        if let Some(kind) = list
            .as_ref()
            .and_then(Expression::kind)
            .filter(|kind| *kind != Kind::List)
        {
            let message = format!("`for_each` goes through a list, and this gives {}", kind.noun());
            self.findings
                .push(Finding::error(codes::EXPRESSION, each.list.span, message));
        }
        self.name_of_item(&each.item, &place.names);
        if let Some(repeat) = written.key("repeat") {
            self.composition(
                repeat,
                "a step has `for_each` or `repeat`, and not both",
                "put one of them into a step within",
            );
        }
        Some(ForEach {
            item: each.item.value.clone(),
            list: list?,
            batch: each.batch,
            max_failures: each.max_failures,
        })
    }

    /// An item needs a name of its own.
    fn name_of_item(&mut self, item: &Spanned<String>, names: &Names) {
        let taken = [
            "inputs",
            "vars",
            "secrets",
            "connections",
            "steps",
            "checks",
            "run",
            "environment",
            "lab",
        ];
        let name = item.value.as_str();
        let why = if taken.contains(&name) {
            "it has a meaning already: choose another".to_owned()
        } else if names.locals.iter().any(|local| local == name) {
            "a loop around this has an item of that name: choose another".to_owned()
        } else if !is_name(name) {
            usable_name(name)
        } else {
            return;
        };
        let message = format!("`{name}` cannot be the name of an item");
        self.findings
            .push(Finding::error(codes::UNUSABLE_NAME, item.span, message).help(why));
    }

    fn repeat(&mut self, written: &Written, inside: &Names) -> Option<Repeat> {
        let repeat = written.repeat.as_ref()?;
        Some(Repeat {
            until: self.condition(&repeat.until, inside)?,
            at_most: repeat.at_most,
            every: repeat.every.unwrap_or(EVERY),
        })
    }

    fn judge_branches(&mut self, branches: &[Written]) {
        for (at, branch) in branches.iter().enumerate() {
            match (branch.key("when"), branch.key("else")) {
                (None, None) => {
                    let help = "add `when:` with a condition, or `else: true` for all other cases";
                    self.composition(&branch.id, "nothing says when this branch is chosen", help);
                }
                (Some(_), Some(otherwise)) => {
                    self.composition(
                        otherwise,
                        "a branch has `when` or `else`, and not both",
                        "leave one of them out",
                    );
                }
                (None, Some(otherwise)) if at + 1 < branches.len() => {
                    self.composition(
                        otherwise,
                        "the branches after this one can never be chosen",
                        "put `else` last",
                    );
                }
                (Some(_), None) | (None, Some(_)) => {}
            }
        }
    }

    pub(super) fn composition(&mut self, at: &Spanned<String>, message: &str, help: &str) {
        self.findings
            .push(Finding::error(codes::COMPOSITION, at.span, message).help(help));
    }

    pub(super) fn useless(&mut self, key: &Spanned<String>, why: &str) {
        let message = format!("`{}` does nothing here: {why}", key.value);
        let help = if why.contains("within") {
            "write it there"
        } else {
            "leave it out"
        };
        self.findings
            .push(Finding::error(codes::USELESS_KEY, key.span, message).help(help));
    }

    pub(super) fn timeout(&self, written: &Written) -> Duration {
        written
            .timeout
            .or(self.request.document.default_timeout)
            .unwrap_or(TIMEOUT)
    }

    fn save(&mut self, written: &Written, place: &Place<'_>) -> Option<Vec<(String, Template)>> {
        let names = place.with_own(written, true);
        let mut saved = Vec::new();
        for (name, node) in &written.save {
            saved.push((name.value.clone(), self.template(node, &Shape::Template, &names)?));
        }
        Some(saved)
    }

    fn approve(&mut self, written: &WrittenApprove, names: &Names) -> Option<Approve> {
        for role in &written.by {
            self.request.config.check_role(role, self.findings);
        }
        let beyond = [
            ("by", "approve.by", !written.by.is_empty()),
            ("count", "approve.count", written.count > 1),
            ("remind", "approve.remind", written.remind.is_some()),
            ("separate", "approve.separate", written.separate),
        ];
        for (key, word, is_beyond) in beyond {
            if is_beyond {
                let key = written.keys.iter().find(|known| known.value == key);
                self.ask(Part::Key(word), key.map_or(written.span, |key| key.span));
            }
        }
        let message = match &written.message {
            Some(message) => Some(self.template(message, &Shape::Template, names)?),
            None => None,
        };
        Some(Approve {
            message,
            by: written.by.iter().map(|role| role.value.clone()).collect(),
            count: written.count,
            within: written.within,
            timeout_skips: written.timeout_skips,
            reject_skips: written.reject_skips,
            remind: written.remind,
            separate: written.separate,
        })
    }

    /// Keys whose running is more than that of an action.
    fn note_keys(&mut self, written: &Written) {
        const BEYOND: &[&str] = &[
            "then",
            "save",
            "verify_decides",
            "retry",
            "may_fail",
            "escalate",
            "for_each",
            "repeat",
            "steps",
            "choose",
            "first_of",
        ];
        for word in BEYOND {
            if let Some(key) = written.key(word) {
                let span = key.span;
                self.ask(Part::Key(word), span);
            }
        }
        for name in written.escalate.iter().flat_map(|escalate| &escalate.to) {
            self.request.config.check_recipient(name, self.findings);
        }
    }

    /// An expression that decides something.
    pub(super) fn condition(&mut self, node: &Node, names: &Names) -> Option<Expression> {
        let expression = self.expression(node, names)?;
        match expression.kind() {
            None | Some(Kind::Bool) => Some(expression),
            Some(other) => {
                let message = format!(
                    "a condition must be true or false, and this gives {}",
                    other.noun()
                );
                let finding = Finding::error(codes::EXPRESSION, node.span, message);
                self.findings
                    .push(finding.help("compare it with something: `… == …`, `… > 0`"));
                None
            }
        }
    }
}

impl Place<'_> {
    /// The names with the step's own: what `before` read, and what it captures once its action is done.
    pub(super) fn with_own(&self, written: &Written, after: bool) -> Names {
        let mut names = self.names.clone();
        let before = written.before.iter().flat_map(|before| &before.capture);
        let mut own: Vec<String> = before.map(|capture| capture.name.value.clone()).collect();
        if after {
            own.extend(super::names::names_of(written));
            own.retain(|name| name != "outcome");
        }
        // The steps of an undo know what the step that they undo has read before.
        let around = names.own.iter().filter(|(id, _)| *id != written.id.value);
        let all = around.cloned().chain([(written.id.value.clone(), own)]);
        names.own = Rc::new(all.collect());
        names
    }
}

/// What a failure of a step does within one that says this. That a run goes on after a step says nothing of what is
/// within it.
const fn within(said: OnFailure, around: OnFailure) -> OnFailure {
    match said {
        OnFailure::Rollback | OnFailure::Hold => said,
        OnFailure::Continue => around,
    }
}

pub(super) fn retry(written: &WrittenRetry) -> Retry {
    Retry {
        attempts: written.attempts,
        delay: written.delay.unwrap_or(Duration::from_secs(1)),
        backoff: written.backoff.unwrap_or(2.0),
        max_delay: written.max_delay.unwrap_or(Duration::from_mins(1)),
        jitter: written.jitter.unwrap_or(0.2),
        on: written.on.clone(),
    }
}

/// What may be left out, and must be right where it is not. The outer `None` is a failure that was reported.
#[expect(
    clippy::option_option,
    reason = "the outer level is a failure that was reported"
)]
fn present<T>(read: Option<Option<T>>) -> Option<Option<T>> {
    match read {
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use runbook_action::ErrorKind;
    use runbook_document::language::ERROR_KINDS;

    #[test]
    fn errors_that_retries_name_are_those_that_actions_know() {
        for word in ERROR_KINDS {
            let kind: ErrorKind = serde_json::from_value((*word).into()).unwrap();
            assert_eq!(kind.word(), *word);
        }
        // An action's kinds are one enum, whose last is `other`.
        assert_eq!(ErrorKind::Other as usize + 1, ERROR_KINDS.len());
    }
}
