//! A plan in words, for a person who has to decide whether to run it: pure functions from what was compiled to lines.
//! [`json`] tells the same to programs.

mod checks;
mod head;
mod inputs;
pub(crate) mod json;
mod line;
pub(crate) mod markdown;
pub(crate) mod picture;
pub(crate) mod probe;
pub(crate) mod review;
mod steps;
mod totals;
pub(crate) mod words;

use runbook_plan::{Foreseen, OnFailure, OnInterrupt, Plan, Section, Step};

pub(crate) use self::line::set;
use self::line::{Line, Tone};
use self::steps::{Kind, Listed};
pub(crate) use self::totals::Totals;

/// A plan, and what this version cannot run of it.
pub(crate) struct Told<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) path: &'a str,
    pub(crate) lacking: &'a [String],
    /// What is known of it for the inputs that were given.
    pub(crate) foreseen: Option<&'a Foreseen>,
}

impl Told<'_> {
    /// All of it.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let plan = self.plan;
        let mut lines = head::title(self);
        let totals = Totals::of(plan);
        lines.push(Line::empty());
        lines.push(Line::at(0).add(Tone::Does(totals.effect()), &totals.sentence()));
        lines.extend(self.longest());
        lines.extend(self.lacking());
        lines.extend(head::declared(self));
        part(&mut lines, &self.begins(), self.detects());
        let guards = plan.guards().iter().map(|one| checks::guard(item(), one));
        part(&mut lines, "What must stay true", guards.collect());
        lines.extend(self.sections());
        let verify = plan.verify().iter().map(|one| checks::check(item(), one));
        part(&mut lines, "It is over when", verify.collect());
        lines.extend(self.finally());
        part(&mut lines, "If it stops", self.endings());
        lines.extend(head::afterwards(plan));
        lines
    }

    /// How long it takes at most.
    fn longest(&self) -> Vec<Line> {
        let longest = self
            .foreseen
            .map_or_else(|| self.plan.longest(), Foreseen::longest);
        totals::longest(&longest)
            .into_iter()
            .map(|text| Line::at(0).detail(&text))
            .collect()
    }

    fn lacking(&self) -> Vec<Line> {
        if self.lacking.is_empty() {
            return Vec::new();
        }
        let text = format!(
            "This version cannot run it: it lacks {}.",
            self.lacking.join(", ")
        );
        vec![Line::at(0).add(Tone::Warning, &text)]
    }

    fn begins(&self) -> String {
        match (self.plan.detect_any(), self.plan.detect().len()) {
            (true, 2..) => "It begins if one of these holds",
            (_, 0 | 1) => "It begins if this holds",
            (false, _) => "It begins if all of these hold",
        }
        .to_owned()
    }

    fn detects(&self) -> Vec<Line> {
        let detect = self.plan.detect().iter();
        detect.map(|one| checks::check(item(), one)).collect()
    }

    fn of(&self, section: Section) -> Vec<&Step> {
        let steps = self.plan.steps().iter();
        steps.filter(|step| step.section == section).collect()
    }

    fn sections(&self) -> Vec<Line> {
        self.listed("Steps", &self.of(Section::Steps), 0)
    }

    fn finally(&self) -> Vec<Line> {
        let offset = self.of(Section::Steps).len();
        self.listed(
            "At the end, whatever happened",
            &self.of(Section::Finally),
            offset,
        )
    }

    fn listed(&self, heading: &str, steps: &[&Step], offset: usize) -> Vec<Line> {
        let mut lines = Vec::new();
        let told = steps::steps(&Listed {
            steps,
            before: "",
            first: offset + 1,
            offset,
            kind: Kind::Graph,
            on_failure: self.plan.on_failure(),
            foreseen: self.foreseen,
        });
        part(&mut lines, heading, told);
        lines
    }

    fn endings(&self) -> Vec<Line> {
        let failure = match self.plan.on_failure() {
            OnFailure::Rollback => "what was attempted is undone, in reverse order",
            OnFailure::Hold => "all stays as it is",
            OnFailure::Continue => "it is noted, and the run goes on",
        };
        let signal = match self.plan.on_interrupt() {
            OnInterrupt::Rollback => "what was attempted is undone, in reverse order",
            OnInterrupt::Hold => "all stays as it is",
            OnInterrupt::Ask => "a person is asked what to do",
        };
        let mut lines = vec![
            item().plan_line("after a failure", failure),
            item().plan_line("after a signal, such as Ctrl-C", signal),
        ];
        if let Some(timeout) = self.plan.timeout() {
            let text = format!(
                "without waiting for people, and without undoing: {}",
                words::length(timeout)
            );
            lines.push(item().plan_line("when it has taken too long", &text));
        }
        lines
    }
}

impl Line {
    fn plan_line(self, name: &str, text: &str) -> Self {
        self.plain(name).detail(": ").plain(text)
    }
}

/// A line of a list.
fn item() -> Line {
    Line::at(2).hanging(2).detail("- ")
}

/// A heading and what stands below it, if something does.
fn part(lines: &mut Vec<Line>, heading: &str, below: Vec<Line>) {
    if !below.is_empty() {
        lines.push(Line::empty());
        lines.push(Line::heading(heading));
        lines.extend(below);
    }
}
