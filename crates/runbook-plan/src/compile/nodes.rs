//! What a step does: an action, or what the engine does in place of one.

use indexmap::IndexMap;
use runbook_action::Effect;
use runbook_action::schema::Shape;
use runbook_document::{
    ActionNode, Before as WrittenBefore, Finding, Node, Step as Written, check, codes, language, nearest,
    rated_checks,
};

use super::Compiler;
use super::actions::{Around, Read};
use super::names::{Names, Results};
use super::steps::{Place, retry};
use crate::inputs::InputDecl;
use crate::plan::{Before, Body, Capture, Captured, Manual, Notify, Part, RunbookCall, Then, Undo};
use crate::template::Template;

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

    fn plain(body: Body, effect: Effect) -> Self {
        Self {
            body,
            effect,
            takes_env: None,
            results: Results::None,
            before: None,
            capture: Vec::new(),
            then: Vec::new(),
            undo: Undo::NotNeeded,
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
        let (body, effect) = match kind.key {
            "manual" => (Body::Manual(self.manual(params, &names)?), Effect::Read),
            "wait" => {
                let length = params.get("for").unwrap_or(params);
                let shape = Shape::Dynamic(&Shape::Duration);
                (Body::Wait(self.template(length, &shape, &names)?), Effect::Read)
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
            ..Done::plain(body, effect)
        })
    }

    fn step_action(&mut self, written: &Written, node: &ActionNode, place: &Place<'_>) -> Option<Done> {
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
                Some(read) => then.push(Then {
                    action: read.action,
                    retry: one.retry.as_ref().map(retry),
                }),
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
                Some(step)
                    if step.rollback.is_none()
                        && matches!(step.body, Some(runbook_document::Body::Action(_))) =>
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

    fn runbook_call(&mut self, node: &Node, names: &Names) -> Option<RunbookCall> {
        let name = texts(node.get("name")).pop()?;
        let library = self.request.library;
        let Some(listed) = library.get(&name.value) else {
            let help = match nearest(&name.value, library.names()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => "a runbook is called by its `name`, and stands under `runbooks/`".to_owned(),
            };
            let message = format!("there is no runbook called `{}`", name.value);
            self.findings
                .push(Finding::error(codes::UNKNOWN_RUNBOOK, name.span, message).help(help));
            return None;
        };
        let own = &self.request.document.name.value;
        let comes_back = name.value == *own || library.way(&name.value, own).is_some();
        let circle = if comes_back {
            let way = library.way(own, own);
            Some(way.unwrap_or_else(|| vec![own.clone(), name.value.clone()]))
        } else {
            // One that this is not part of would be run into all the same.
            library.way(&name.value, &name.value)
        };
        if let Some(way) = circle {
            let first = if comes_back {
                "this runbook"
            } else {
                "that runbook"
            };
            let message = format!("{first} comes back to itself: `{}`", way.join("` → `"));
            let finding = Finding::error(codes::CIRCULAR_USE, name.span, message);
            self.findings.push(finding.help("leave one of these uses out"));
        }
        let declared = listed.inputs.clone();
        let inputs = self.inputs_of_call(node, &name.value, &declared, names)?;
        self.missing_inputs(node, &name, &declared, &inputs);
        Some(RunbookCall {
            name: name.value,
            inputs,
        })
    }

    fn inputs_of_call(
        &mut self,
        node: &Node,
        runbook: &str,
        declared: &[runbook_document::Input],
        names: &Names,
    ) -> Option<IndexMap<String, Template>> {
        let mut inputs = IndexMap::new();
        let mut fine = true;
        for entry in node.get("inputs").map_or(&[] as &[_], Node::entries) {
            let known = declared.iter().find(|input| input.name.value == entry.key.value);
            match known {
                None => {
                    let names: Vec<&str> = declared.iter().map(|input| input.name.value.as_str()).collect();
                    let help = match nearest(&entry.key.value, names.iter().copied()) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None if names.is_empty() => "it has no inputs".to_owned(),
                        None => format!("its inputs are `{}`", names.join("`, `")),
                    };
                    let message = format!("runbook `{runbook}` has no input `{}`", entry.key.value);
                    self.findings
                        .push(Finding::error(codes::WRONG_PARAMETER, entry.key.span, message).help(help));
                }
                Some(input) => self.literal_input(input, &entry.value),
            }
            match self.template(&entry.value, &Shape::Any, names) {
                Some(value) => drop(inputs.insert(entry.key.value.clone(), value)),
                None => fine = false,
            }
        }
        fine.then_some(inputs)
    }

    /// A value that is written out must fit the input that it is for.
    fn literal_input(&mut self, input: &runbook_document::Input, node: &Node) {
        if node.to_json().to_string().contains("{{") {
            return;
        }
        // What is wrong with the declaration is reported where it stands.
        let mut elsewhere = runbook_document::Findings::new();
        let refused = InputDecl::read(input, &mut elsewhere).and_then(|decl| decl.refuses(&node.to_json()));
        if let Some(reason) = refused {
            let message = format!("the input `{}` is refused: {reason}", input.name.value);
            let finding = Finding::error(codes::WRONG_PARAMETER, node.span, message);
            self.findings
                .push(finding.related(input.name.span, "the input is declared here"));
        }
    }

    fn missing_inputs(
        &mut self,
        node: &Node,
        name: &runbook_document::Spanned<String>,
        declared: &[runbook_document::Input],
        given: &IndexMap<String, Template>,
    ) {
        let replaced = self
            .environment
            .map_or(&[] as &[_], |environment| &environment.inputs);
        for input in declared {
            let has_value = input.node.get("default").is_some()
                || given.contains_key(&input.name.value)
                || node
                    .get("inputs")
                    .is_some_and(|inputs| inputs.get(&input.name.value).is_some())
                || replaced.iter().any(|(name, _)| name.value == input.name.value);
            if !has_value {
                let message = format!("runbook `{}` needs the input `{}`", name.value, input.name.value);
                let help = format!("give it: `inputs: {{{}: …}}`", input.name.value);
                let finding = Finding::error(codes::WRONG_PARAMETER, name.span, message);
                self.findings.push(
                    finding
                        .related(input.name.span, "it is declared here, without a default")
                        .help(help),
                );
            }
        }
    }

    /// `answers.NAME` and `outputs.NAME` must be of those that there are.
    fn judge_answers(&mut self, written: &Written, body: &Body) {
        let (root, known): (&str, Vec<String>) = match body {
            Body::Manual(manual) => (
                "answers",
                manual.ask.iter().map(|question| question.name.clone()).collect(),
            ),
            Body::Runbook(call) => {
                let listed = self.request.library.get(&call.name);
                (
                    "outputs",
                    listed.map(|listed| listed.outputs.clone()).unwrap_or_default(),
                )
            }
            Body::Action(_)
            | Body::Wait(_)
            | Body::Notify(_)
            | Body::Fail(_)
            | Body::Let(_)
            | Body::Checks(_)
            | Body::Undo(_)
            | Body::Group(_)
            | Body::Choose(_)
            | Body::FirstOf(_) => return,
        };
        for capture in &written.capture {
            let Some(expression) = capture
                .value
                .text()
                .and_then(|text| crate::expression::Expression::parse(text).ok())
            else {
                continue;
            };
            for reference in expression.references() {
                let [first, name, ..] = reference.path.as_slice() else {
                    continue;
                };
                if first == root && !known.contains(name) {
                    let help = match nearest(name, known.iter().map(String::as_str)) {
                        Some(meant) => format!("did you mean `{meant}`?"),
                        None if known.is_empty() => format!("there are no {root} at all"),
                        None => format!("there are `{}`", known.join("`, `")),
                    };
                    let message = format!("`{root}` has no `{name}`");
                    self.findings
                        .push(Finding::error(codes::UNKNOWN_NAME, capture.value.span, message).help(help));
                }
            }
        }
    }
}

/// The one text of a node, or the texts of its list.
fn texts(node: Option<&Node>) -> Vec<runbook_document::Spanned<String>> {
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
