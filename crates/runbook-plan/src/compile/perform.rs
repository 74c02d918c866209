//! A step that is an action: what it reads before, what it does, what makes that take effect.

use runbook_action::{Effect, Undoing};
use runbook_document::{ActionNode, Before as WrittenBefore, Finding, Step as Written, codes};

use super::Compiler;
use super::actions::{Around, Read};
use super::names::Names;
use super::nodes::Done;
use super::steps::{Place, retry};
use crate::plan::{Before, Body, Captured, Then};

impl Compiler<'_, '_> {
    pub(super) fn step_action(
        &mut self,
        written: &Written,
        node: &ActionNode,
        place: &Place<'_>,
    ) -> Option<Done> {
        let before = written
            .before
            .as_ref()
            .map(|before| self.before(written, before, place));
        let names = place.with_own(written, false);
        let undo = self.undo(written, place);
        let then = self.then(written, place, &names);
        let around = Around {
            target: written.target.as_ref(),
            timeout: self.timeout(written),
            env: &written.env,
            uses_connections: &written.uses_connections,
            names: &names,
            known: place.known,
        };
        let read = self.action(node, &around)?;
        let mut after = names.with_result(read.results);
        after.judged = written.may_fail.is_some();
        let capture = self.capture(&written.capture, &after);
        self.taint(written, capture.as_deref().unwrap_or_default());
        let effect = self.effect(written, &read);
        let undo = self.judge_undo(written, place, (effect, &read.recognised), undo?);
        let before = match before {
            Some(before) => Some(before?),
            None => None,
        };
        Some(Done {
            takes_env: Some(read.takes_env),
            results: read.results,
            before,
            capture: capture?,
            then: then?,
            undo,
            ..Done::plain(
                Body::Action(Box::new(crate::plan::Action {
                    effect,
                    ..read.action
                })),
                effect,
            )
        })
    }

    fn before(&mut self, written: &Written, before: &WrittenBefore, place: &Place<'_>) -> Option<Before> {
        let node = before.action.as_ref()?;
        let around = Around {
            target: before.target.as_ref().or(written.target.as_ref()),
            timeout: before.timeout.unwrap_or_else(|| self.timeout(written)),
            env: &before.env,
            uses_connections: &[],
            names: &place.names,
            known: place.known,
        };
        let read = self.reading_action(node, &around, "`before`")?;
        let capture = self.capture(&before.capture, &place.names.with_result(read.results))?;
        self.taint(written, &capture);
        Some(Before {
            action: read.action,
            capture,
        })
    }

    fn then(&mut self, written: &Written, place: &Place<'_>, names: &Names) -> Option<Vec<Then>> {
        let mut then = Vec::new();
        let mut fine = true;
        for one in &written.then {
            let Some(node) = &one.action else {
                fine = false;
                continue;
            };
            let around = Around {
                target: one.target.as_ref().or(written.target.as_ref()),
                timeout: one.timeout.unwrap_or_else(|| self.timeout(written)),
                env: if one.env.is_empty() { &[] } else { &one.env },
                uses_connections: &one.uses_connections,
                names,
                known: place.known,
            };
            match self.action(node, &around) {
                Some(read) => {
                    let repeatable = written.idempotent
                        || read.recognised.effect == Effect::Read
                        || read.recognised.undoing == Undoing::Needless;
                    if let Some(retry) = one.retry.as_ref().filter(|_| !repeatable) {
                        let what = format!("what makes step `{}` take effect", written.id.value);
                        self.not_repeatable(retry.span, &what);
                    }
                    then.push(Then {
                        repeatable,
                        action: read.action,
                        retry: one.retry.as_ref().map(retry),
                    });
                }
                None => fine = false,
            }
        }
        fine.then_some(then)
    }

    /// Takes down which captures of a step are secrets.
    fn taint(&mut self, written: &Written, capture: &[Captured]) {
        for captured in capture {
            if captured.secret || self.uses_secret(&captured.value) {
                let name = (written.id.value.clone(), captured.name.clone());
                self.tainted.captures.insert(name);
            }
        }
    }

    /// The author's word on the effect, or what was recognised.
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
}
