//! Steps: order, names, effects and undos.

use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_action::schema::Shape;
use runbook_document::{Approve as WrittenApprove, Finding, Rollback, Step as Written, codes};

use super::actions::{Around, Read};
use super::names::Names;
use super::{Compiler, on_failure};
use crate::bits::Bits;
use crate::graph::Graph;
use crate::plan::{Approve, Before, Check, Connection, OnFailure, Section, Step, Undo};

const TIMEOUT: Duration = Duration::from_mins(1);

type Captured = IndexMap<String, Vec<String>>;

impl Compiler<'_, '_> {
    /// The steps of both sections.
    pub(super) fn steps(&mut self, checks: &Captured, known: &[Connection]) -> Vec<Step> {
        let document = self.request.document;
        self.unique_ids(document.steps.iter().chain(&document.finally));
        let mut steps = self.section(
            &document.steps,
            Section::Steps,
            &Names {
                checks: checks.clone(),
                ..Names::default()
            },
            known,
        );
        let offset = document.steps.len();
        // A step that could not be read leaves a gap, and then there is no plan.
        let names = names_after(&document.steps, checks);
        let mut finally = self.section(&document.finally, Section::Finally, &names, known);
        for step in &mut finally {
            for need in &mut step.needs {
                *need += offset;
            }
        }
        steps.append(&mut finally);
        steps
    }

    fn unique_ids<'s>(&mut self, steps: impl Iterator<Item = &'s Written>) {
        let mut seen = HashMap::new();
        for step in steps {
            if let Some(first) = seen.insert(step.id.value.as_str(), step.id.span) {
                let message = format!("two steps are called `{}`", step.id.value);
                let finding = Finding::error(codes::DUPLICATE_ID, step.id.span, message);
                self.findings.push(finding.related(first, "the first is here"));
            }
        }
    }

    fn section(
        &mut self,
        steps: &[Written],
        section: Section,
        base: &Names,
        known: &[Connection],
    ) -> Vec<Step> {
        let graph = Graph::new(steps, self.findings);
        let mut read = Vec::new();
        for (at, written) in steps.iter().enumerate() {
            let mut names = base.clone();
            if let Some(before) = graph.before.get(at) {
                names.ended = Rc::new(self.ended(section, before, steps.len(), &base.ended));
            }
            let needs = graph.needs.get(at).cloned().unwrap_or_default();
            read.extend(self.step(written, section, needs, &Place { names, known }));
        }
        read
    }

    /// What has ended before a step, as positions among all steps: those of its section, and for the
    /// clean-up all others too.
    fn ended(&self, section: Section, before: &Bits, count: usize, base: &Bits) -> Bits {
        match section {
            Section::Steps => before.clone(),
            Section::Finally => {
                let offset = self.request.document.steps.len();
                let own = (0..count).filter(|at| before.contains(*at)).map(|at| at + offset);
                let mut ended: Bits = own.collect();
                ended.extend(base);
                ended
            }
        }
    }

    fn step(
        &mut self,
        written: &Written,
        section: Section,
        needs: Vec<usize>,
        place: &Place<'_>,
    ) -> Option<Step> {
        let when = written
            .when
            .as_ref()
            .map(|when| self.expression(when, &place.names));
        let require = self.checks(&written.require, &place.names, place.known);
        let before = self.before(written, place);
        let with_before = place.with_own(written, false);
        let approve = written
            .approve
            .as_ref()
            .map(|approve| self.approve(approve, &place.names));
        let undo = self.undo(written, place);
        let node = written.action.as_ref()?;
        let around = Around {
            target: written.target.as_ref(),
            timeout: self.timeout(written),
            env: &written.env,
            names: &with_before,
            known: place.known,
        };
        let read = self.action(node, &around)?;
        let capture = self.capture(&written.capture, &with_before.with_result(read.spec.result));
        let verify = self.checks(&written.verify, &place.with_own(written, true), place.known);
        let effect = self.effect(written, &read);
        let undo = self.judge_undo(written, section, (effect, read.recognised.certain), undo?);
        Some(Step {
            id: written.id.value.clone(),
            title: written.title.clone().unwrap_or_else(|| written.id.value.clone()),
            section,
            phase: written.phase.clone(),
            needs,
            when: match when {
                Some(when) => Some(when?),
                None => None,
            },
            require,
            approve: match approve {
                Some(approve) => Some(approve?),
                None => None,
            },
            before: match before {
                Some(before) => Some(before?),
                None => None,
            },
            action: crate::plan::Action {
                effect,
                ..read.action
            },
            capture: capture?,
            verify,
            undo,
            on_failure: written
                .on_failure
                .map_or_else(|| self.default_on_failure(), on_failure),
            span: written.span,
        })
    }

    fn default_on_failure(&self) -> OnFailure {
        on_failure(self.request.document.on_failure)
    }

    fn timeout(&self, written: &Written) -> Duration {
        written
            .timeout
            .or(self.request.document.timeout)
            .unwrap_or(TIMEOUT)
    }

    fn approve(&mut self, written: &WrittenApprove, names: &Names) -> Option<Approve> {
        let message = match &written.message {
            Some(message) => Some(self.template(message, &Shape::Template, names)?),
            None => None,
        };
        Some(Approve {
            message,
            within: written.within,
        })
    }

    #[expect(
        clippy::option_option,
        reason = "the inner level is a failure that was reported"
    )]
    fn before(&mut self, written: &Written, place: &Place<'_>) -> Option<Option<Before>> {
        let before = written.before.as_ref()?;
        let Some(node) = &before.action else {
            return Some(None);
        };
        let around = Around {
            target: before.target.as_ref().or(written.target.as_ref()),
            timeout: self.timeout(written),
            env: &before.env,
            names: &place.names,
            known: place.known,
        };
        let Some(read) = self.reading_action(node, &around, "`before`") else {
            return Some(None);
        };
        let Some(capture) = self.capture(&before.capture, &place.names.with_result(read.spec.result)) else {
            return Some(None);
        };
        Some(Some(Before {
            action: read.action,
            capture,
        }))
    }

    /// The author's word on the undo. The outer `None` says that a finding was made.
    #[expect(
        clippy::option_option,
        reason = "the outer level is a failure that was reported"
    )]
    fn undo(&mut self, written: &Written, place: &Place<'_>) -> Option<Option<Undo>> {
        let irreversible = || written.irreversible.clone().map(Undo::Irreversible);
        match &written.rollback {
            None => Some(irreversible()),
            Some(Rollback::NotNeeded) => Some(Some(Undo::NotNeeded)),
            Some(Rollback::Action {
                action,
                target,
                timeout,
                env,
            }) => {
                let mut names = place.with_own(written, false);
                let captured = written
                    .capture
                    .iter()
                    .map(|(name, _)| name.value.clone())
                    .collect();
                names.own_capture = Some((written.id.value.clone(), captured));
                let around = Around {
                    target: target.as_ref().or(written.target.as_ref()),
                    timeout: timeout.unwrap_or_else(|| self.timeout(written)),
                    env: if env.is_empty() { &written.env } else { env },
                    names: &names,
                    known: place.known,
                };
                let read = self.action(action.as_ref()?, &around)?;
                Some(Some(Undo::Action(Box::new(read.action))))
            }
        }
    }

    fn effect(&mut self, written: &Written, read: &Read) -> Effect {
        let recognised = read.recognised.effect;
        let Some(stated) = &written.effect else {
            return recognised;
        };
        let effect = match stated.value.as_str() {
            "read" => Effect::Read,
            "change" => Effect::Change,
            _ => Effect::Destructive,
        };
        if effect < recognised && read.recognised.certain {
            let message = format!(
                "`{}` is stated, but the action is recognised as `{}`",
                effect.word(),
                recognised.word()
            );
            let finding = Finding::error(codes::EFFECT_UNDERSTATED, stated.span, message);
            self.findings
                .push(finding.help(format!("state `{}`, or leave `effect` out", recognised.word())));
            return recognised;
        }
        effect
    }

    fn judge_undo(
        &mut self,
        written: &Written,
        section: Section,
        (effect, certain): (Effect, bool),
        undo: Option<Undo>,
    ) -> Undo {
        let stated = written.effect.as_ref().map(|stated| stated.value.as_str());
        match (undo, effect, section) {
            (Some(undo @ (Undo::Action(_) | Undo::Irreversible(_))), Effect::Read, _) => {
                let id = &written.id.value;
                let message = format!("step `{id}` only looks, so its undo never runs");
                let help = "if it changes something, say `effect: change`; else leave the undo out";
                self.findings
                    .push(Finding::error(codes::UNDO_NEVER_RUNS, written.id.span, message).help(help));
                undo
            }
            (Some(undo @ Undo::Action(_)), _, Section::Finally) => {
                let id = &written.id.value;
                let message = format!("step `{id}` is part of `finally`, which is not undone");
                let help = "leave its `rollback` out, or make it one of `steps`";
                self.findings
                    .push(Finding::error(codes::UNDO_NEVER_RUNS, written.id.span, message).help(help));
                undo
            }
            (Some(undo), _, _) => undo,
            (None, Effect::Read, _) | (None, _, Section::Finally) => Undo::NotNeeded,
            // A misspelt effect has been reported, and what was meant is not known.
            (None, _, _) if stated.is_some_and(|word| !EFFECTS.contains(&word)) => Undo::Undeclared,
            (None, Effect::Change | Effect::Destructive, Section::Steps) => {
                let does = if effect == Effect::Change {
                    "changes"
                } else {
                    "may destroy"
                };
                let message = format!(
                    "step `{}` {does} something, and nothing says how to undo it",
                    written.id.value
                );
                let mut help = "add `rollback:` with an action, `rollback: not_needed`, or `irreversible:` with what is \
                                lost"
                    .to_owned();
                if !certain {
                    help.push_str("; if it only looks, say `effect: read`");
                }
                self.findings
                    .push(Finding::error(codes::NO_UNDO, written.id.span, message).help(help));
                Undo::Undeclared
            }
        }
    }

    /// What is wrong with the whole.
    pub(super) fn lint(&mut self, steps: &[Step], verify: &[Check]) {
        let changes = steps
            .iter()
            .any(|step| step.section == Section::Steps && step.action.effect > Effect::Read);
        let written = &self.request.document.verify;
        if changes && verify.is_empty() && written.is_empty() {
            let message = "this runbook changes something, and nothing proves that it helped";
            let finding = Finding::warning(codes::NO_FINAL_VERIFY, self.request.document.name.span, message);
            self.findings
                .push(finding.help("add `verify:` with what must hold when the incident is over"));
        }
    }
}

const EFFECTS: &[&str] = &["read", "change", "destructive"];

/// The names once all steps have ended.
pub(super) fn names_after(steps: &[Written], checks: &Captured) -> Names {
    Names {
        ended: Rc::new(Bits::below(steps.len())),
        checks: checks.clone(),
        ..Names::default()
    }
}

/// Where a step stands.
struct Place<'a> {
    names: Names,
    known: &'a [Connection],
}

impl Place<'_> {
    /// The names with the step's own: what `before` read, and what it captures once its action is done.
    fn with_own(&self, written: &Written, after: bool) -> Names {
        let mut names = self.names.clone();
        let before = written.before.iter().flat_map(|before| &before.capture);
        let mut own: Vec<String> = before.map(|(name, _)| name.value.clone()).collect();
        if after {
            own.extend(written.capture.iter().map(|(name, _)| name.value.clone()));
        }
        names.own = Some((written.id.value.clone(), own));
        names
    }
}
