//! What a probe found out, in words and as JSON.

use runbook_action::{Effect, Failure, Mark, Preview};
use runbook_engine::{FoundOut, ProbeStopped, Sounded, Sounding};
use runbook_event::Verdict;
use runbook_plan::Plan;
use runbook_report::named;
use serde_json::{Value, json};

use super::line::{Line, Tone};
use super::{set, words};

/// How wide its lines are, where the terminal has no fewer columns.
const WIDTH: usize = 100;

/// How far what belongs to a step is set in from its title.
const INNER: usize = 4;

/// What is probed.
pub(crate) struct Head {
    title: String,
    name: String,
    version: String,
    path: String,
    environment: Option<String>,
    practice: Option<String>,
}

impl Head {
    pub(crate) fn of(plan: &Plan, path: &str) -> Self {
        Self {
            title: plan.about().title.clone(),
            name: plan.about().name.clone(),
            version: plan.about().version.clone(),
            path: path.to_owned(),
            environment: plan.environment().map(str::to_owned),
            practice: plan.lab().map(str::to_owned),
        }
    }
}

/// How often each was found out.
#[derive(Default)]
struct Counts {
    asked: usize,
    previewed: usize,
    rendered: usize,
    skipped: usize,
    hindering: usize,
}

impl Counts {
    fn add(&mut self, sounding: &Sounding) {
        if sounding.found.hinders() {
            self.hindering += 1;
            return;
        }
        match (&sounding.found, sounding.part) {
            (FoundOut::Skipped(_), _) => self.skipped += 1,
            // A step's title is no question.
            (_, Sounded::Step) => {}
            (FoundOut::Asked { .. }, _) => self.asked += 1,
            (FoundOut::Previewed(_), _) => self.previewed += 1,
            (FoundOut::Rendered(_), _) => self.rendered += 1,
            (FoundOut::Failed(_), _) => self.hindering += 1,
        }
    }
}

/// Tells of a probe as it goes.
pub(crate) struct Telling {
    /// Whether one check of `detect` is enough.
    any: bool,
    width: usize,
    counts: Counts,
    /// The part of the runbook that the last line was of.
    last: Option<Sounded>,
    detected: Vec<Verdict>,
    all: Vec<Value>,
}

impl Telling {
    pub(crate) fn new(any: bool, width: Option<usize>) -> Self {
        Self {
            any,
            width: width.map_or(WIDTH, |columns| columns.min(WIDTH)),
            counts: Counts::default(),
            last: None,
            detected: Vec::new(),
            all: Vec::new(),
        }
    }

    /// Whether something could not be asked, or would be refused.
    pub(crate) const fn hindered(&self) -> bool {
        self.counts.hindering > 0
    }

    /// The lines before all others.
    pub(crate) fn begins(&self, head: &Head) -> String {
        let mut line = Line::at(0).detail(&format!("{} {}", head.name, head.version));
        if let Some(environment) = &head.environment {
            line = line.detail(&format!(" · in the environment {environment}"));
        }
        if let Some(practice) = &head.practice {
            line = line.detail(&format!(", with the practice system {practice}"));
        }
        let promise = "What only reads is really asked. What changes something is not run: it tells what it would do, \
                       if it can, and is only rendered else.";
        set(
            &[
                Line::heading(&head.title),
                line,
                Line::empty(),
                Line::at(0).plain(promise),
            ],
            self.width,
        )
    }

    /// The lines of one thing.
    pub(crate) fn sounding(&mut self, sounding: &Sounding) -> String {
        self.counts.add(sounding);
        self.all.push(json_of(sounding));
        let top = sounding.step.is_none();
        if top
            && sounding.part == Sounded::Detect
            && let FoundOut::Asked { verdict, .. } = &sounding.found
        {
            self.detected.extend(*verdict);
        }
        let mut lines = self.heading(sounding);
        lines.extend(told(sounding));
        set(&lines, self.width)
    }

    /// The heading of a part of the runbook, where one begins, and what the part before it came to.
    fn heading(&mut self, sounding: &Sounding) -> Vec<Line> {
        let top = sounding.depth == 0;
        let part = match sounding.part {
            part @ (Sounded::Detect | Sounded::Guard | Sounded::Verify) => part,
            Sounded::Step
            | Sounded::Require
            | Sounded::Before
            | Sounded::Kept
            | Sounded::Action
            | Sounded::Then
            | Sounded::Gate
            | Sounded::Row => Sounded::Step,
        };
        let begins = top && self.last != Some(part);
        let mut lines = Vec::new();
        if begins {
            if self.last == Some(Sounded::Detect) {
                lines.extend(self.need());
            }
            lines.push(Line::empty());
            lines.push(Line::heading(match part {
                Sounded::Detect => "Is it really happening?",
                Sounded::Guard => "What must stay true",
                Sounded::Verify => "Is it over?",
                Sounded::Step
                | Sounded::Require
                | Sounded::Before
                | Sounded::Kept
                | Sounded::Action
                | Sounded::Then
                | Sounded::Gate
                | Sounded::Row => "Steps",
            }));
            self.last = Some(part);
        } else if top && sounding.part == Sounded::Step {
            lines.push(Line::empty());
        }
        lines
    }

    /// Whether a run that began now would go on after `detect`.
    fn needed(&self) -> Option<bool> {
        let holds = |verdict: &Verdict| *verdict == Verdict::Pass;
        if self.detected.is_empty() {
            return None;
        }
        if self.any && self.detected.iter().any(holds) {
            return Some(true);
        }
        if self.detected.contains(&Verdict::Error) {
            return None;
        }
        Some(if self.any {
            false
        } else {
            self.detected.iter().all(holds)
        })
    }

    fn need(&self) -> Option<Line> {
        let says =
            "So a run that began now would end here as `not_needed`. The rest is looked at all the same.";
        (self.needed() == Some(false)).then(|| Line::at(2).add(Tone::Warning, says))
    }

    /// The lines after all others.
    pub(crate) fn ends(&mut self, stopped: Option<&ProbeStopped>) -> String {
        let mut lines = Vec::new();
        if self.last == Some(Sounded::Detect) {
            lines.extend(self.need());
        }
        lines.push(Line::empty());
        let counts = &self.counts;
        let mut parts = vec![
            format!("{} asked", counts.asked),
            format!("{} previewed", counts.previewed),
            format!("{} only rendered", counts.rendered),
        ];
        if counts.skipped > 0 {
            parts.push(format!("{} skipped", counts.skipped));
        }
        let mut line = Line::at(0).plain(&parts.join(", "));
        line = match counts.hindering {
            0 => line.plain("; nothing was changed"),
            hindering => line
                .plain("; ")
                .add(
                    Tone::Does(Effect::Destructive),
                    &format!("{hindering} could not be asked or would be refused"),
                )
                .plain("; nothing was changed"),
        };
        lines.push(line);
        if let Some(stopped) = stopped {
            lines.push(Line::at(0).add(Tone::Warning, &stopped.to_string()));
        }
        set(&lines, self.width)
    }

    /// All of it for programs.
    pub(crate) fn json(&self, head: &Head, stopped: Option<&ProbeStopped>) -> Value {
        let counts = &self.counts;
        json!({
            "runbook": head.name,
            "version": head.version,
            "path": head.path,
            "environment": head.environment,
            "practice": head.practice,
            "needed": self.needed(),
            "stopped": stopped.map(ToString::to_string),
            "counts": {
                "asked": counts.asked,
                "previewed": counts.previewed,
                "rendered": counts.rendered,
                "skipped": counts.skipped,
                "failed": counts.hindering,
            },
            "soundings": self.all,
        })
    }
}

/// One thing in words.
fn told(sounding: &Sounding) -> Vec<Line> {
    let indent = 2 + INNER * sounding.depth;
    if sounding.part == Sounded::Step {
        return of_step(sounding, indent);
    }
    let own = matches!(sounding.part, Sounded::Detect | Sounded::Guard | Sounded::Verify);
    let indent = if own { indent } else { indent + INNER };
    let line = Line::labelled(indent, label(&sounding.found));
    let line = match prefix(sounding.part) {
        "" => line,
        prefix if sounding.title.is_empty() && sounding.does.is_empty() => line.detail(prefix),
        prefix => line.detail(prefix).plain(" "),
    };
    let line = with_action(line, sounding);
    let mut lines = vec![answer(line, sounding.part, &sounding.found)];
    match &sounding.found {
        FoundOut::Failed(failure) => lines.extend(help(indent, failure)),
        FoundOut::Previewed(preview) => lines.extend(detail(indent, preview)),
        FoundOut::Asked { .. } | FoundOut::Rendered(_) | FoundOut::Skipped(_) => {}
    }
    lines
}

fn of_step(sounding: &Sounding, indent: usize) -> Vec<Line> {
    let id = sounding.step.as_deref().unwrap_or_default();
    let mut title = Line::at(indent)
        .hanging(INNER)
        .add(Tone::Heading, &sounding.title);
    if sounding.title != id {
        title = title.detail(&format!(" ({id})"));
    }
    title = title
        .plain("  ")
        .add(Tone::Does(sounding.effect), words::effect(sounding.effect));
    let mut lines = vec![title];
    let says = match &sounding.found {
        FoundOut::Rendered(why) => !why.is_empty(),
        FoundOut::Skipped(_) | FoundOut::Failed(_) | FoundOut::Asked { .. } | FoundOut::Previewed(_) => true,
    };
    if says {
        let line = Line::labelled(indent + INNER, label(&sounding.found));
        lines.push(answer(line, sounding.part, &sounding.found));
    }
    lines
}

const fn label(found: &FoundOut) -> &'static str {
    match found {
        FoundOut::Asked { .. } => "asked",
        FoundOut::Failed(_) => "failed",
        FoundOut::Previewed(_) => "preview",
        FoundOut::Rendered(_) => "rendered",
        FoundOut::Skipped(_) => "skipped",
    }
}

const fn prefix(part: Sounded) -> &'static str {
    match part {
        Sounded::Require => "requires",
        Sounded::Before => "first",
        Sounded::Kept => "for its undo",
        Sounded::Then => "then",
        Sounded::Gate => "proves",
        Sounded::Detect
        | Sounded::Guard
        | Sounded::Step
        | Sounded::Action
        | Sounded::Row
        | Sounded::Verify => "",
    }
}

/// What it is: its title, else what it does.
fn with_action(line: Line, sounding: &Sounding) -> Line {
    if !sounding.title.is_empty() {
        return line.plain(&sounding.title);
    }
    let line = line.code(&sounding.does);
    match &sounding.target {
        Some(target) => line.plain(" on ").plain(target),
        None => line,
    }
}

fn answer(line: Line, part: Sounded, found: &FoundOut) -> Line {
    let gap = if line.is_bare() { "" } else { ": " };
    match found {
        FoundOut::Asked {
            verdict,
            detail,
            values,
        } => {
            let (tone, says) = match verdict {
                Some(Verdict::Pass) => (Tone::Does(Effect::Read), "yes, "),
                Some(Verdict::Fail) if part == Sounded::Gate => (Tone::Warning, "not yet, "),
                Some(Verdict::Fail) => (Tone::Warning, "no, "),
                Some(Verdict::Error) => (Tone::Does(Effect::Destructive), "it cannot be asked: "),
                None => (Tone::Plain, ""),
            };
            let line = line.plain(gap).add(tone, says);
            if values.is_empty() {
                line.plain(detail)
            } else if verdict.is_some() {
                line.plain(detail).detail(&format!("; {}", named(values)))
            } else {
                line.plain(&named(values))
            }
        }
        FoundOut::Failed(failure) => line
            .plain(gap)
            .add(Tone::Does(Effect::Destructive), &failure.to_string()),
        FoundOut::Previewed(preview) => line.plain(gap).add(Tone::Warning, &preview.summary),
        FoundOut::Rendered(why) if why.is_empty() => line,
        FoundOut::Rendered(why) | FoundOut::Skipped(why) => line.plain(gap).detail(why),
    }
}

fn help(indent: usize, failure: &Failure) -> Option<Line> {
    let help = failure.help.as_deref()?;
    Some(Line::labelled(indent, "").detail(help))
}

fn detail(indent: usize, preview: &Preview) -> Vec<Line> {
    let lines = preview.lines.iter().map(|line| {
        let tone = match line.mark {
            Mark::Added => Tone::Does(Effect::Read),
            Mark::Removed => Tone::Does(Effect::Destructive),
            Mark::Same | Mark::Note => Tone::Detail,
        };
        let sign = line.mark.sign();
        Line::labelled(indent, "").verbatim(tone, &format!("{sign} {}", line.text))
    });
    lines.collect()
}

fn json_of(sounding: &Sounding) -> Value {
    let mut value = json!({
        "part": sounding.part.word(),
        "step": sounding.step,
        "title": sounding.title,
        "does": sounding.does,
        "target": sounding.target,
        "effect": sounding.effect.word(),
        "how": sounding.found.word(),
    });
    let more = match &sounding.found {
        FoundOut::Asked {
            verdict,
            detail,
            values,
        } => json!({"verdict": verdict, "detail": detail, "values": values}),
        FoundOut::Failed(failure) => json!({"failure": failure}),
        FoundOut::Previewed(preview) => json!({"preview": preview}),
        FoundOut::Rendered(why) | FoundOut::Skipped(why) => json!({"why": why}),
    };
    if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
        value.extend(more);
    }
    value
}
