//! What a step does, and how that is undone.

use runbook_action::Effect;
use runbook_plan::{Body, InputDecl, Manual, Undo};

use super::Teller;
use crate::describe::checks::{action, check, rated, retry};
use crate::describe::inputs::kind;
use crate::describe::line::{Line, Tone};
use crate::describe::words::{self, count, length, list};

impl Teller<'_> {
    pub(super) fn does(&self, lines: &mut Vec<Line>) {
        match &self.step.body {
            Body::Action(one) => lines.push(action(self.line("does"), one)),
            Body::Manual(one) => self.by_hand(lines, one),
            Body::Wait(wait) => {
                let line = match &wait.length {
                    Some(length) => self.line("waits").plain(&words::template(length)),
                    None => self.line("waits").plain("until its checks pass"),
                };
                lines.push(match &wait.why {
                    Some(why) => line.detail(": ").plain(why),
                    None => line,
                });
            }
            Body::Notify(notify) => lines.push(
                self.line("tells")
                    .plain(&list(&notify.to, "and"))
                    .detail(": ")
                    .plain(&words::template(&notify.message)),
            ),
            Body::Fail(message) => lines.push(self.line("fails").plain(&words::template(message))),
            Body::Let(names) => {
                for named in names {
                    let line = self.line("names").plain(&named.name);
                    lines.push(line.detail(" = ").code(named.value.source()));
                }
            }
            Body::Checks(checks) => {
                lines.extend(checks.iter().map(|one| rated(self.line("shows"), one)));
            }
            Body::Undo(ids) => lines.push(self.line("undoes").plain(&list(ids, "and"))),
            Body::Runbook(call) => {
                let mut line = self.line("runs").plain("the runbook ").code(&call.name);
                for (at, (name, value)) in call.inputs.iter().enumerate() {
                    let word = if at == 0 { " with " } else { ", " };
                    line = line
                        .plain(word)
                        .plain(name)
                        .detail(" = ")
                        .code(&words::template(value));
                }
                lines.push(line);
            }
            Body::Group(_) => {}
            Body::Choose(_) => lines.push(self.line("chooses").plain("the first whose condition holds")),
            Body::FirstOf(_) => {
                lines.push(self.line("tries").plain("one after the other until it is proven"));
            }
        }
    }

    fn by_hand(&self, lines: &mut Vec<Line>, manual: &Manual) {
        let mut line = self.line("by hand").plain(&words::template(&manual.instructions));
        let mut more = Vec::new();
        if !manual.by.is_empty() {
            more.push(format!("by {}", list(&manual.by, "or")));
        }
        if let Some(within) = manual.within {
            more.push(format!("within {}", length(within)));
        }
        if !more.is_empty() {
            line = line.detail(&format!(" ({})", more.join(", ")));
        }
        lines.push(line);
        for question in &manual.ask {
            lines.push(asked(self.line("asks"), question));
        }
    }

    pub(super) fn undone(&self, lines: &mut Vec<Line>) {
        let step = self.step;
        let line = self.line("undone");
        match &step.undo {
            Undo::Action(undo) => {
                let line = action(line.plain("by "), &undo.action);
                lines.push(match &undo.retry {
                    Some(again) => line.detail(&format!(", {}", retry(again))),
                    None => line,
                });
                for gate in &undo.verify {
                    lines.push(check(self.line("").detail("proves "), gate));
                }
            }
            Undo::Steps(within) => {
                lines.push(line.plain(&format!("by {}", count(within.len(), "step"))));
                for one in within {
                    let line = self.line("").plain(&one.title).detail(": ");
                    lines.push(match one.action() {
                        Some(done) => action(line, done),
                        None => line,
                    });
                }
            }
            Undo::Auto => lines.push(line.plain("by putting back what was there")),
            Undo::Within => {
                if step.effect > Effect::Read {
                    lines.push(line.plain("by undoing what was done within it"));
                }
            }
            Undo::Irreversible(reason) => {
                let text = format!("cannot be: {}", reason.trim());
                lines.push(line.add(Tone::Warning, &text));
            }
            Undo::NotNeeded => {
                if step.effect > Effect::Read {
                    lines.push(line.plain("there is nothing to undo"));
                }
            }
            Undo::Undeclared => {
                lines.push(line.add(Tone::Warning, "the runbook does not say how"));
            }
        }
    }
}

fn asked(line: Line, question: &InputDecl) -> Line {
    let line = line
        .plain(&question.name)
        .detail(&format!(", {}", kind(question)));
    match &question.help {
        Some(help) => line.detail(": ").plain(help),
        None => line,
    }
}
