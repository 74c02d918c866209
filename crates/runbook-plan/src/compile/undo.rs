//! How steps are undone, as their authors say, and whether that can be.

use runbook_action::{Effect, Recognised, Undoing};
use runbook_document::{
    Finding, Rollback, Spanned, Step as Written, Undo as WrittenUndo, codes, language, nearest,
};

use super::actions::Around;
use super::names::names_of;
use super::steps::{Place, retry};
use super::{Compiler, on_failure};
use crate::plan::{Part, Section, Undo, UndoAction};

impl Compiler<'_, '_> {
    /// The author's word on the undo. The outer `None` says that a finding was made.
    #[expect(
        clippy::option_option,
        reason = "the outer level is a failure that was reported"
    )]
    pub(super) fn undo(&mut self, written: &Written, place: &Place<'_>) -> Option<Option<Undo>> {
        if let (Some(first), Some(second)) = (written.key("rollback"), written.key("irreversible")) {
            let message = "a step has `rollback` or `irreversible`, and not both";
            let finding = Finding::error(codes::USELESS_KEY, second.span, message);
            self.findings.push(
                finding
                    .related(first.span, "it is undone by this")
                    .help("leave one of them out"),
            );
        }
        let irreversible = || written.irreversible.clone().map(Undo::Irreversible);
        match &written.rollback {
            None => Some(irreversible()),
            Some(Rollback::NotNeeded) => Some(Some(Undo::NotNeeded)),
            Some(Rollback::Auto(span)) => {
                self.ask(Part::Key("rollback"), *span);
                Some(Some(Undo::Auto))
            }
            Some(Rollback::Action(undo)) => {
                let undo = self.undo_action(written, undo, place)?;
                Some(Some(Undo::Action(Box::new(undo))))
            }
            Some(Rollback::Steps(steps)) => {
                let at = written.key("rollback").map_or(written.span, |key| key.span);
                self.ask(Part::Key("rollback"), at);
                let mut names = Self::names_of_undo(written, place);
                names.undoing = true;
                // What the step says of its own failure is not about its undo.
                let on_failure = on_failure(self.request.document.on_failure);
                let place = Place {
                    names,
                    on_failure,
                    ..*place
                };
                let steps = self.list(steps, &place);
                Some(Some(Undo::Steps(steps)))
            }
        }
    }

    /// What an undo may use: what was read before, and never what its own step captured.
    fn names_of_undo(written: &Written, place: &Place<'_>) -> super::names::Names {
        let mut names = place.with_own(written, false);
        let mut captured = names_of(written);
        let before = written.before.iter().flat_map(|before| &before.capture);
        let kept: Vec<&str> = before.map(|capture| capture.name.value.as_str()).collect();
        captured.retain(|name| name != "outcome" && !kept.contains(&name.as_str()));
        names.own_capture = Some(std::rc::Rc::new((written.id.value.clone(), captured)));
        names
    }

    fn undo_action(
        &mut self,
        written: &Written,
        undo: &WrittenUndo,
        place: &Place<'_>,
    ) -> Option<UndoAction> {
        let names = Self::names_of_undo(written, place);
        if undo.retry.is_some() || undo.idempotent || !undo.verify.is_empty() {
            self.ask(Part::Key("rollback"), undo.span);
        }
        let around = Around {
            target: undo.target.as_ref().or(written.target.as_ref()),
            timeout: undo.timeout.unwrap_or_else(|| self.timeout(written)),
            env: &undo.env,
            uses_connections: &undo.uses_connections,
            names: &names,
            known: place.known,
        };
        let node = undo.action.as_ref()?;
        // The step's variables are for the undo too, if it is a program.
        let starts_program = self
            .request
            .catalogue
            .kind(&node.kind.value)
            .is_some_and(|kind| kind.spec().takes_env);
        let around = if undo.env.is_empty() && starts_program {
            Around {
                env: &written.env,
                ..around
            }
        } else {
            around
        };
        if language::is_node(&node.kind.value) && self.request.catalogue.kind(&node.kind.value).is_none() {
            let message = format!("`{}` cannot be an undo by itself", node.kind.value);
            let finding = Finding::error(codes::UNKNOWN_ACTION, node.kind.span, message);
            self.findings.push(finding.help(format!(
                "write a list of steps: `rollback: [{{{}: …}}]`",
                node.kind.value
            )));
            return None;
        }
        let read = self.action(node, &around)?;
        let verify = self.checks(&undo.verify, &names, place.known);
        let repeatable = undo.idempotent || read.recognised.effect == Effect::Read;
        if let Some(retry) = undo.retry.as_ref().filter(|_| !repeatable) {
            self.not_repeatable(retry.span, &format!("the undo of step `{}`", written.id.value));
        }
        Some(UndoAction {
            action: read.action,
            retry: undo.retry.as_ref().map(retry),
            idempotent: undo.idempotent,
            repeatable,
            verify,
        })
    }

    pub(super) fn judge_undo(
        &mut self,
        written: &Written,
        place: &Place<'_>,
        (effect, recognised): (Effect, &Recognised),
        undo: Option<Undo>,
    ) -> Undo {
        let id = &written.id.value;
        let part = match place.section {
            _ if place.names.undoing => Some("an undo, which"),
            Section::Finally => Some("`finally`, which"),
            Section::Steps => None,
        };
        let stated = written.effect.as_ref().map(|stated| stated.value.as_str());
        match (undo, effect, part) {
            (
                Some(undo @ (Undo::Action(_) | Undo::Steps(_) | Undo::Auto | Undo::Irreversible(_))),
                Effect::Read,
                _,
            ) => {
                let message = format!("step `{id}` only looks, so its undo never runs");
                let help = "if it changes something, say `effect: change`; else leave the undo out";
                self.findings
                    .push(Finding::error(codes::UNDO_NEVER_RUNS, written.id.span, message).help(help));
                undo
            }
            (Some(undo @ (Undo::Action(_) | Undo::Steps(_) | Undo::Auto)), _, Some(part)) => {
                let message = format!("step `{id}` is part of {part} is not undone");
                let help = "leave its `rollback` out, or make it one of `steps`";
                self.findings
                    .push(Finding::error(codes::UNDO_NEVER_RUNS, written.id.span, message).help(help));
                undo
            }
            (Some(Undo::Auto), _, _) if recognised.undoing != Undoing::Automatic => {
                let span = match &written.rollback {
                    Some(Rollback::Auto(span)) => *span,
                    Some(_) | None => written.id.span,
                };
                let message = format!("`{}` cannot put back what was there", recognised.summary);
                let help = "write the action that undoes it, with what `before` has read";
                self.findings
                    .push(Finding::error(codes::NO_AUTOMATIC_UNDO, span, message).help(help));
                Undo::Auto
            }
            (Some(undo), _, _) => undo,
            (None, Effect::Read, _) | (None, _, Some(_)) => Undo::NotNeeded,
            (None, _, _) if recognised.undoing == Undoing::Needless => Undo::NotNeeded,
            // A misspelt effect has been reported, and what was meant is not known.
            (None, _, _) if stated.is_some_and(|word| !language::EFFECTS.contains(&word)) => Undo::Undeclared,
            (None, Effect::Change | Effect::Destructive, None) => {
                self.no_undo(written, effect, recognised);
                Undo::Undeclared
            }
        }
    }

    fn no_undo(&mut self, written: &Written, effect: Effect, recognised: &Recognised) {
        // A misspelt rollback has been reported.
        let meant = |key: &Spanned<String>| nearest(&key.value, ["rollback", "irreversible"]).is_some();
        if written.keys.iter().any(meant) {
            return;
        }
        let does = if effect == Effect::Change {
            "changes"
        } else {
            "may destroy"
        };
        let message = format!(
            "step `{}` {does} something, and nothing says how to undo it",
            written.id.value
        );
        let auto = if recognised.undoing == Undoing::Automatic {
            "`rollback: auto`, "
        } else {
            ""
        };
        let mut help = format!(
            "add `rollback:` with an action, {auto}`rollback: not_needed`, or `irreversible:` with what is lost"
        );
        if !recognised.certain {
            help.push_str("; if it only looks, say `effect: read`");
        }
        self.findings
            .push(Finding::error(codes::NO_UNDO, written.id.span, message).help(help));
    }
}
