//! Uses of other runbooks, and what is taken from their outputs and from people's answers.

use indexmap::IndexMap;
use runbook_action::schema::Shape;
use runbook_document::{Finding, Node, Step as Written, codes, nearest};

use super::Compiler;
use super::names::Names;
use super::nodes::texts;
use crate::inputs::InputDecl;
use crate::plan::{Body, RunbookCall};
use crate::template::Template;

impl Compiler<'_, '_> {
    pub(super) fn runbook_call(&mut self, node: &Node, names: &Names) -> Option<RunbookCall> {
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
        let plan = if let Some(way) = circle {
            let first = if comes_back {
                "this runbook"
            } else {
                "that runbook"
            };
            let message = format!("{first} comes back to itself: `{}`", way.join("` → `"));
            let finding = Finding::error(codes::CIRCULAR_USE, name.span, message);
            self.findings.push(finding.help("leave one of these uses out"));
            None
        } else {
            self.linked(&name)
        };
        let declared = listed.inputs.clone();
        let inputs = self.inputs_of_call(node, &name.value, &declared, names)?;
        self.missing_inputs(node, &name, &declared, &inputs);
        Some(RunbookCall {
            name: name.value,
            inputs,
            plan,
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
    pub(super) fn judge_answers(&mut self, written: &Written, body: &Body) {
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
