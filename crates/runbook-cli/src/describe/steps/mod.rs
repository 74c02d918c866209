//! Steps in words: a line for the title, and below it one for each thing that a person should know of it.

mod body;

use runbook_plan::{Body, Foreseen, OnFailure, Step};

use super::checks::{action, check, keeps, retry};
use super::line::{Line, Tone};
use super::words::{self, length, list};

/// How far the lines of a step are set in from its number.
const INNER: usize = 4;

/// A list of steps.
pub(crate) struct Listed<'a> {
    pub(crate) steps: &'a [&'a Step],
    /// What stands before their numbers.
    pub(crate) before: &'a str,
    /// The number of the first.
    pub(crate) first: usize,
    /// The position of the first where `needs` are counted.
    pub(crate) offset: usize,
    pub(crate) kind: Kind,
    /// What a failure does where a step does not say.
    pub(crate) on_failure: OnFailure,
    /// What is known for the inputs that were given.
    pub(crate) foreseen: Option<&'a Foreseen>,
}

/// What decides which of some steps run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Each does, after those that it waits for.
    Graph,
    /// The first whose condition holds.
    Branches,
    /// One after the other, until it is proven.
    Alternatives,
}

/// Steps in the author's order, each with those within it.
pub(crate) fn steps(listed: &Listed<'_>) -> Vec<Line> {
    let mut lines = Vec::new();
    for (at, one) in listed.steps.iter().enumerate() {
        let number = format!("{}{}", listed.before, listed.first + at);
        let teller = Teller {
            step: one,
            indent: 2 + INNER * listed.before.matches('.').count(),
            on_failure: listed.on_failure,
            foreseen: listed.foreseen,
        };
        if listed.before.is_empty() && at > 0 {
            lines.push(Line::empty());
        }
        lines.push(teller.title(&number));
        match listed.kind {
            Kind::Graph => teller.after(&mut lines, listed, at),
            Kind::Branches if one.when.is_none() => lines.push(teller.line("when").plain("no other does")),
            Kind::Branches | Kind::Alternatives => {}
        }
        teller.conditions(&mut lines);
        teller.does(&mut lines);
        let within: Vec<&Step> = one.within().iter().collect();
        lines.extend(steps(&Listed {
            steps: &within,
            before: &format!("{number}."),
            first: 1,
            offset: 0,
            kind: within_kind(&one.body),
            on_failure: match one.on_failure {
                OnFailure::Rollback | OnFailure::Hold => one.on_failure,
                OnFailure::Continue => listed.on_failure,
            },
            foreseen: listed.foreseen,
        }));
        teller.afterwards(&mut lines);
        teller.undone(&mut lines);
    }
    lines
}

fn within_kind(body: &Body) -> Kind {
    match body {
        Body::Choose(_) => Kind::Branches,
        Body::FirstOf(_) => Kind::Alternatives,
        Body::Group(_)
        | Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_)
        | Body::Undo(_)
        | Body::Runbook(_) => Kind::Graph,
    }
}

struct Teller<'a> {
    step: &'a Step,
    indent: usize,
    on_failure: OnFailure,
    foreseen: Option<&'a Foreseen>,
}

impl Teller<'_> {
    fn line(&self, label: &'static str) -> Line {
        Line::labelled(self.indent + INNER, label)
    }

    fn title(&self, number: &str) -> Line {
        let step = self.step;
        let mut line = Line::at(self.indent)
            .hanging(INNER)
            .detail(&format!("{number:3} "))
            .add(Tone::Heading, &step.title);
        if step.title != step.id {
            line = line.detail(&format!(" ({})", step.id));
        }
        line.plain("  ")
            .add(Tone::Does(step.effect), words::effect(step.effect))
    }

    /// What it waits for, if that is not just the step before it.
    fn after(&self, lines: &mut Vec<Line>, listed: &Listed<'_>, at: usize) {
        let needs = self
            .step
            .needs
            .iter()
            .map(|need| need.saturating_sub(listed.offset));
        if needs.clone().eq(at.checked_sub(1)) {
            return;
        }
        let needs = needs.filter_map(|need| listed.steps.get(need));
        let ids: Vec<&str> = needs.map(|need| need.id.as_str()).collect();
        let line = self.line("after");
        lines.push(if ids.is_empty() {
            line.plain("nothing: it begins at once")
        } else {
            line.plain(&list(&ids, "and"))
        });
    }

    /// When it runs, and what comes before it.
    fn conditions(&self, lines: &mut Vec<Line>) {
        let step = self.step;
        if let Some(description) = &step.description {
            lines.push(Line::at(self.indent + INNER).detail(description));
        }
        if let Some(when) = &step.when {
            let line = self.line("when").code(when.source());
            lines.push(match self.foreseen.and_then(|foreseen| foreseen.when(step)) {
                None => line,
                Some((true, _)) => line.detail(": so it runs"),
                Some((false, why)) => line
                    .detail(": so it is ")
                    .add(Tone::Warning, "skipped")
                    .detail(&format!(", {why}")),
            });
        }
        if let Some(within) = step.within {
            lines.push(self.line("within").plain(&length(within)));
        }
        if let Some(timeout) = step.timeout {
            lines.push(self.line("at most").plain(&length(timeout)));
        }
        for one in &step.require {
            lines.push(check(self.line("requires"), one));
        }
        self.approval(lines);
        self.rounds(lines);
        if let Some(before) = &step.before {
            let line = action(self.line("first"), &before.action);
            let names = keeps(&before.capture);
            let line = if names.is_empty() {
                line
            } else {
                line.detail(&format!(", keeps {names}"))
            };
            lines.push(line);
        }
    }

    fn approval(&self, lines: &mut Vec<Line>) {
        let Some(approve) = &self.step.approve else {
            return;
        };
        let mut line = self.line("asks").add(Tone::Warning, "for approval");
        if let Some(message) = &approve.message {
            line = line.plain(": ").plain(&words::template(message));
        }
        let mut more = Vec::new();
        if !approve.by.is_empty() {
            more.push(format!("{} of {}", approve.count, list(&approve.by, "or")));
        }
        if let Some(within) = approve.within {
            let then = if approve.timeout_skips { "skips" } else { "fails" };
            more.push(format!("no answer within {} {then} it", length(within)));
        }
        if approve.reject_skips {
            more.push("a no skips it".to_owned());
        }
        if approve.separate {
            more.push("not by whoever started the run".to_owned());
        }
        if !more.is_empty() {
            line = line.detail(&format!(" ({})", more.join("; ")));
        }
        lines.push(line);
    }

    fn rounds(&self, lines: &mut Vec<Line>) {
        if let Some(each) = &self.step.for_each {
            let mut line = self
                .line("for each")
                .code(&each.item)
                .plain(" in ")
                .code(each.list.source());
            if each.batch > 1 {
                line = line.plain(&format!(", {} side by side", each.batch));
            }
            if each.max_failures > 0 {
                line = line.plain(&format!(", of which {} may fail", each.max_failures));
            }
            lines.push(line);
        }
        if let Some(repeat) = &self.step.repeat {
            let times = format!(
                ", every {}, at most {} times",
                length(repeat.every),
                repeat.at_most
            );
            lines.push(
                self.line("repeats")
                    .plain("until ")
                    .code(repeat.until.source())
                    .plain(&times),
            );
        }
    }

    /// What comes after it: what makes it take effect, what is kept, what proves it.
    fn afterwards(&self, lines: &mut Vec<Line>) {
        let step = self.step;
        for then in &step.then {
            let line = action(self.line("then"), &then.action);
            lines.push(match &then.retry {
                Some(again) => line.detail(&format!(", {}", retry(again))),
                None => line,
            });
        }
        for (name, path) in &step.save {
            let line = self.line("saves").plain(name).detail(" as ");
            lines.push(line.plain(&words::template(path)));
        }
        if let Some(again) = &step.retry {
            lines.push(self.line("retries").plain(&retry(again)));
        }
        // What is asked after each alternative is told once, of the step that holds them.
        for gate in step.verify.iter().filter(|gate| !gate.inherited) {
            lines.push(check(self.line("proves"), gate));
        }
        if step.may_fail {
            lines.push(
                self.line("fails")
                    .plain("its failure is an answer, and no failure of the run"),
            );
        } else if step.on_failure != self.on_failure {
            lines.push(self.line("fails").plain(match step.on_failure {
                OnFailure::Rollback => "what was attempted is undone",
                OnFailure::Hold => "all stays as it is",
                OnFailure::Continue => "it is noted, and the run goes on",
            }));
        }
        if let Some((after, to)) = &step.escalate {
            let text = format!("{} if it takes longer than {}", list(to, "and"), length(*after));
            lines.push(self.line("tells").plain(&text));
        }
    }
}
