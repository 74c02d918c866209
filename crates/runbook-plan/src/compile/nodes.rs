//! What a step does: an action, or what the engine does in place of one.

use runbook_action::Effect;
use runbook_action::schema::Shape;
use runbook_document::{
    ActionNode, Finding, Node, Step as Written, check, codes, language, nearest, rated_checks,
};

use super::Compiler;
use super::names::{Names, Results};
use super::steps::Place;
use crate::inputs::InputDecl;
use crate::plan::{Before, Body, Capture, Captured, Check, Manual, Notify, Part, Then, Undo};

/// What a step does, read.
pub(super) struct Done {
    pub(super) body: Body,
    pub(super) effect: Effect,
    /// Whether the action starts a program, and whether it is an action at all.
    pub(super) takes_env: Option<bool>,
    /// The names of its result.
    pub(super) results: Results,
    pub(super) before: Option<Before>,
    pub(super) capture: Capture,
    pub(super) then: Vec<Then>,
    pub(super) undo: Undo,
    /// Checks that belong to what it does; they are asked before those that the step adds.
    pub(super) gate: Vec<Check>,
}

impl Done {
    /// Steps that hold others: what they do and how it is undone is theirs.
    pub(super) fn holding(body: Body) -> Self {
        let effect = match &body {
            Body::Group(steps) | Body::Choose(steps) | Body::FirstOf(steps) => {
                steps.iter().map(|step| step.effect).max().unwrap_or(Effect::Read)
            }
            Body::Action(_)
            | Body::Manual(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Checks(_)
            | Body::Undo(_)
            | Body::Runbook(_) => Effect::Read,
        };
        let undo = if effect == Effect::Read {
            Undo::NotNeeded
        } else {
            Undo::Within
        };
        Self {
            undo,
            ..Self::plain(body, effect)
        }
    }

    pub(super) fn plain(body: Body, effect: Effect) -> Self {
        Self {
            body,
            effect,
            takes_env: None,
            results: Results::None,
            before: None,
            capture: Vec::new(),
            then: Vec::new(),
            undo: Undo::NotNeeded,
            gate: Vec::new(),
        }
    }
}

impl Compiler<'_, '_> {
    /// An action, or what the engine does in place of one.
    pub(super) fn node_or_action(
        &mut self,
        written: &Written,
        node: &ActionNode,
        place: &Place<'_>,
    ) -> Option<Done> {
        let kind = language::node(&node.kind.value)
            .filter(|_| self.request.catalogue.kind(&node.kind.value).is_none());
        let Some(kind) = kind else {
            return self.step_action(written, node, place);
        };
        self.no_with(node);
        self.ask(Part::Node(kind.key), node.kind.span);
        if !check(&node.params, &kind.shape, self.findings) {
            return None;
        }
        let names = place.with_own(written, false);
        let results = Results::Fields(kind.result);
        let params = &node.params;
        let mut gate = Vec::new();
        let (body, effect) = match kind.key {
            "manual" => (Body::Manual(self.manual(params, &names)?), Effect::Read),
            "wait" => {
                let (wait, awaited) = self.wait(node, &names, place)?;
                gate = awaited;
                (Body::Wait(wait), Effect::Read)
            }
            "notify" => (Body::Notify(self.notify(params, &names)?), Effect::Read),
            "fail" => (
                Body::Fail(self.template(params, &Shape::Template, &names)?),
                Effect::Read,
            ),
            "let" => (Body::Let(self.names(params, &names)?), Effect::Read),
            "checks" => {
                let kinds: Vec<&str> = self.request.catalogue.kinds().collect();
                let checks = rated_checks(params.items(), &kinds, self.findings);
                (
                    Body::Checks(self.rated(&checks, &names, place.known)?),
                    Effect::Read,
                )
            }
            "undo" => (Body::Undo(self.undone(params, &names)), Effect::Change),
            _ => (Body::Runbook(self.runbook_call(params, &names)?), Effect::Change),
        };
        let capture = self.capture(&written.capture, &names.with_result(results))?;
        self.judge_answers(written, &body);
        let undo = if matches!(body, Body::Runbook(_)) {
            Undo::Within
        } else {
            Undo::NotNeeded
        };
        Some(Done {
            results,
            capture,
            undo,
            gate,
            ..Done::plain(body, effect)
        })
    }

    fn manual(&mut self, node: &Node, names: &Names) -> Option<Manual> {
        let by = texts(node.get("by"));
        for role in &by {
            self.request.config.check_role(role, self.findings);
        }
        let mut ask = Vec::new();
        for question in node.get("ask").map_or(&[] as &[_], Node::items) {
            let Some(name) = question
                .get("name")
                .and_then(|name| Some((name.text()?, name.span)))
            else {
                continue;
            };
            let input = runbook_document::Input {
                name: runbook_document::Spanned::new(name.0.to_owned(), name.1),
                node: question.clone(),
            };
            ask.extend(InputDecl::read(&input, self.findings));
        }
        Some(Manual {
            instructions: self.template(node.get("instructions")?, &Shape::Template, names)?,
            ask,
            by: by.into_iter().map(|role| role.value).collect(),
            within: node
                .get("within")
                .and_then(Node::text)
                .and_then(runbook_action::schema::duration::parse_duration),
        })
    }

    fn notify(&mut self, node: &Node, names: &Names) -> Option<Notify> {
        let to = texts(node.get("to"));
        for name in &to {
            self.request.config.check_recipient(name, self.findings);
        }
        Some(Notify {
            to: to.into_iter().map(|name| name.value).collect(),
            message: self.template(node.get("message")?, &Shape::Template, names)?,
        })
    }

    fn names(&mut self, node: &Node, names: &Names) -> Option<Capture> {
        let captured: Vec<_> = node
            .entries()
            .iter()
            .map(|entry| {
                Some(Captured {
                    name: entry.key.value.clone(),
                    value: self.expression(&entry.value, names)?,
                    secret: false,
                })
            })
            .collect();
        captured.into_iter().collect()
    }

    /// Steps that are undone: they must have ended, and there must be something to undo.
    fn undone(&mut self, node: &Node, names: &Names) -> Vec<String> {
        let ids = texts(Some(node));
        for id in &ids {
            let found = self
                .request
                .document
                .all_steps()
                .find(|step| step.id.value == id.value);
            let position = self.global.steps.get_index_of(&id.value);
            let ended = position.is_some_and(|position| names.ended.contains(position));
            let (message, help) = match found {
                None => {
                    let known = self.global.steps.keys().map(String::as_str);
                    let help = nearest(&id.value, known).map_or_else(
                        || "name steps above that have a `rollback`".to_owned(),
                        |meant| format!("did you mean `{meant}`?"),
                    );
                    (format!("there is no step `{}`", id.value), Some(help))
                }
                Some(_) if names.within.contains(&id.value) => {
                    let help = "name steps above".to_owned();
                    ("a step cannot undo itself".to_owned(), Some(help))
                }
                Some(_) if !ended => {
                    let help = format!("move this below `{0}`, or add `{0}` to its `needs`", id.value);
                    (
                        format!("step `{}` has not surely run by then", id.value),
                        Some(help),
                    )
                }
                // A runbook that was called knows how to undo itself.
                Some(step)
                    if step.rollback.is_none()
                        && matches!(&step.body, Some(runbook_document::Body::Action(action)) if action.kind.value != "runbook") =>
                {
                    let help = format!("give `{}` a `rollback`, or leave it out here", id.value);
                    let message = match step.irreversible {
                        Some(_) => format!("step `{}` is irreversible", id.value),
                        None => format!("step `{}` does not say how to undo it", id.value),
                    };
                    (message, Some(help))
                }
                Some(_) => continue,
            };
            self.findings
                .push(Finding::error(codes::UNKNOWN_UNDO, id.span, message).maybe_help(help));
        }
        ids.into_iter().map(|id| id.value).collect()
    }
}

/// The one text of a node, or the texts of its list.
pub(super) fn texts(node: Option<&Node>) -> Vec<runbook_document::Spanned<String>> {
    let Some(node) = node else { return Vec::new() };
    let one = node
        .text()
        .map(|text| runbook_document::Spanned::new(text.to_owned(), node.span));
    let items = node
        .items()
        .iter()
        .filter_map(|item| Some(runbook_document::Spanned::new(item.text()?.to_owned(), item.span)));
    one.into_iter().chain(items).collect()
}
