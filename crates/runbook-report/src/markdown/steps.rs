//! Each step, in the author's order, what stands within it after it.

use runbook_action::{Failure, Stream};
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, CheckState, Course, Holds, OutputRef, Role, StepStatus,
};

use crate::markdown::changes::{undo, variables};
use crate::markdown::checks::{told, within};
use crate::markdown::happened::{cause, title};
use crate::markdown::page::{Page, time};
use crate::markdown::section::Sections;
use crate::story::{Attempt, Part, Step, Story};
use crate::text::{code, inline};
use crate::words::{
    approval, check_title, count, duration, failed, failed_word, intended, named, skipped, then, value,
    verdict_word,
};

/// How many lines of a program's output the report shows.
const LINES: usize = 20;

/// The deepest heading that there is.
const DEEPEST: usize = 6;

pub(super) fn write(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("steps", "Steps");
    for (depth, step) in story.nested().take(story.most) {
        page.heading((3 + depth).min(DEEPEST), &title(&step));
        page.list(&facts(story, &step));
        within(story, &step.state.id, page);
        checks(story, &step, page);
        printed(&step, page);
        if let Some(failure) = &step.state.failure {
            let what = if step.was_cancelled() {
                "**Cancelled**".to_owned()
            } else {
                format!("**Failed** ({})", failure.kind.word())
            };
            page.paragraph(&format!("{what}: {}.", inline(&failed(failure))));
            help(failure, page);
        }
    }
}

/// What the step's programs printed.
fn printed(step: &Step<'_>, page: &mut Page) {
    for attempt in step.attempts {
        for output in attempt.output {
            show(&format!("attempt {}", attempt.number), output, page);
        }
    }
    for then_of in step.thens {
        for output in then_of.attempt.output {
            let part = then(then_of.attempt.number, then_of.undoing);
            show(&format!("`{part}`"), output, page);
        }
    }
    for output in &step.state.undo_output {
        show("the undo", output, page);
    }
}

fn help(failure: &Failure, page: &mut Page) {
    if let Some(help) = &failure.help {
        page.paragraph(&format!("Help: {}.", inline(help)));
    }
}

fn facts(story: &Story<'_>, step: &Step<'_>) -> Vec<String> {
    let (outline, state) = (step.outline, step.state);
    let mut facts = Vec::new();
    match &state.role {
        Role::Step => facts.push(what(step)),
        Role::Item { key, value: item } => {
            facts.push(format!("Item: {} = {}", code(key), code(&value(item))));
        }
        Role::Round { number } => facts.push(format!("Round: {number}")),
    }
    facts.push(status(story, step));
    if let Some(phase) = outline.phase.as_ref().filter(|_| state.role == Role::Step) {
        facts.push(format!("Phase: {}", inline(phase)));
    }
    match step.part {
        Part::Steps | Part::Finally => {}
        Part::Undo => facts.push("Part of: an undo".to_owned()),
    }
    runbook(story, step, &mut facts);
    if let Some(reason) = &state.skipped {
        facts.push(format!("Why: {}", inline(&skipped(reason))));
    }
    if let Some(asked) = step.asked {
        facts.push(format!("Asked: {}", inline(asked)));
    }
    if let Some((approved, by, how)) = &state.approval {
        facts.push(format!("Approval: {}", inline(&approval(*approved, by, how))));
    }
    facts.extend(step.attempts.iter().map(|attempt| attempted("Attempt", attempt)));
    facts.extend(
        step.thens
            .iter()
            .filter(|then| !then.undoing)
            .map(|then| attempted("Then", &then.attempt)),
    );
    if let Some(adopted) = &state.adopted {
        facts.push(format!("Taken as done after a crash: {}", inline(adopted)));
    }
    if let Some(doubt) = &state.doubt {
        facts.push(format!("**Not known**: {}", inline(doubt)));
    }
    if state.timed_out {
        facts.push("It took longer than its `timeout`".to_owned());
    }
    facts.extend(for_undo(story, step));
    for (of, intent) in [
        ("Environment", &state.intent),
        ("Environment of the undo", &state.undo_intent),
    ] {
        if let Some(intent) = intent.as_ref().filter(|intent| !intent.env.is_empty()) {
            facts.push(format!("{of}: {}", variables(&intent.env)));
        }
    }
    facts
}

fn what(step: &Step<'_>) -> String {
    let intent = step.state.intent.as_ref();
    let what = intent.map_or_else(|| step.outline.summary.clone(), intended);
    let effect = intent.map_or(step.outline.effect, |intent| intent.effect);
    format!(
        "Action: {}, effect {}: {}",
        code(&step.outline.kind),
        effect.word(),
        inline(&what)
    )
}

/// The sub-runbook that is the work of a step.
fn runbook(story: &Story<'_>, step: &Step<'_>, facts: &mut Vec<String>) {
    let Holds::Runbook { runbook, .. } = &step.outline.holds else {
        return;
    };
    facts.push(format!(
        "Runbook: “{}”, {} {}, {}",
        inline(&runbook.title),
        code(&runbook.name),
        inline(&runbook.version),
        code(&runbook.path)
    ));
    let Some(course) = story.course(step) else {
        return;
    };
    let Course {
        stop,
        outcome,
        inputs,
        ..
    } = course;
    if !inputs.is_empty() {
        facts.push(format!("Its inputs: {}", inline(&named(inputs))));
    }
    if let Some(stop) = stop {
        facts.push(format!(
            "It stopped: {}",
            cause(story, Some(&step.state.id), stop)
        ));
    }
    if let Some(outcome) = outcome {
        facts.push(format!(
            "It ended as {}: {}",
            code(outcome.word()),
            inline(outcome.meaning())
        ));
    }
}

/// What was kept for the undo, what was captured, and what became of the undo.
fn for_undo(story: &Story<'_>, step: &Step<'_>) -> Vec<String> {
    let state = step.state;
    let mut facts = Vec::new();
    if !state.before.is_empty() {
        facts.push(format!("Kept for the undo: {}", inline(&named(&state.before))));
    }
    if let Some(inverse) = &state.inverse {
        facts.push(format!("To put back: {}", inline(inverse)));
    }
    if !state.captures.is_empty() {
        facts.push(format!("Captured: {}", inline(&named(&state.captures))));
    }
    if state.attempted {
        facts.push(format!("Undo: {}", undo(story, step)));
    }
    for (number, failure) in step.retried {
        facts.push(format!(
            "Undo, attempt {number}: failed: {}",
            inline(&failed(failure))
        ));
    }
    facts.extend(
        step.thens
            .iter()
            .filter(|then| then.undoing)
            .map(|then| attempted("Then, after the undo", &then.attempt)),
    );
    facts
}

fn status(story: &Story<'_>, step: &Step<'_>) -> String {
    let state = step.state;
    let mut text = format!("Status: {}", step.status_word());
    if let Some(at) = state.started_at {
        text.extend([", began at ", &time(at, story.started_at)]);
    }
    if let (Some(ms), StepStatus::Done | StepStatus::Failed) = (step.elapsed_ms(), state.status) {
        text.extend([", took ", &duration(ms)]);
    }
    text
}

fn attempted(what: &str, attempt: &Attempt<'_>) -> String {
    let number = attempt.number;
    match attempt.end {
        None => format!("{what} {number}: **no record of its end**"),
        Some((AttemptEnd::Succeeded, ms)) => format!("{what} {number}: succeeded in {}", duration(ms)),
        Some((AttemptEnd::Failed { failure }, ms)) => {
            format!(
                "{what} {number}: {} after {}: {}",
                failed_word(failure),
                duration(ms),
                inline(&failed(failure))
            )
        }
    }
}

fn checks(story: &Story<'_>, step: &Step<'_>, page: &mut Page) {
    let (rows, checks): (Vec<_>, Vec<_>) = story
        .checks_of(&step.state.id)
        .partition(|(site, _)| site.role == CheckRole::Row);
    let checks: Vec<[String; 4]> = checks
        .into_iter()
        .map(|(site, known)| {
            let title = inline(&check_title(site, &story.state));
            let asked = match site.role {
                CheckRole::Undone => "is it undone: ",
                CheckRole::Decide => "before its action: ",
                CheckRole::Detect
                | CheckRole::Baseline
                | CheckRole::Guard
                | CheckRole::Require
                | CheckRole::Gate
                | CheckRole::Row
                | CheckRole::Verify => "",
            };
            told(&format!("{asked}{title}"), known)
        })
        .collect();
    page.table(
        ["Check", "Verdict", "Asked", "Readings where it changed"],
        &checks,
    );
    table(&rows, page);
}

/// The rows of a table of checks, each with what it found.
fn table(rows: &[(&CheckSite, &CheckState)], page: &mut Page) {
    if rows.is_empty() {
        return;
    }
    let found: Vec<(&str, [String; 3])> = rows
        .iter()
        .map(|(site, known)| {
            let result = known.last().map_or("not decided", verdict_word);
            let drawn = known.last().and_then(|last| last.value.as_ref());
            let mut found: Vec<String> = drawn.map(|drawn| inline(&value(drawn))).into_iter().collect();
            let detail = known.last().map_or("", |last| last.detail.as_str());
            found.extend((!detail.is_empty()).then(|| inline(detail)));
            (result, [inline(&site.check), result.to_owned(), found.join(": ")])
        })
        .collect();
    let counts: Vec<String> = ["pass", "warn", "fail", "error", "not decided"]
        .into_iter()
        .map(|word| (word, found.iter().filter(|(result, _)| *result == word).count()))
        .filter(|(_, number)| *number > 0)
        .map(|(word, number)| format!("{number} {word}"))
        .collect();
    let rows: Vec<[String; 3]> = found.into_iter().map(|(_, row)| row).collect();
    page.paragraph(&format!(
        "{}: {}.",
        count(rows.len() as u64, "row"),
        counts.join(", ")
    ));
    page.table(["Row", "Result", "Found"], &rows);
}

fn show(part: &str, output: &OutputRef, page: &mut Page) {
    let stream = match output.stream {
        Stream::Stdout => "output",
        Stream::Stderr => "error output",
    };
    page.paragraph(&format!(
        "What {part} printed ({stream}, {} bytes):",
        output.bytes
    ));
    let left_out = page.verbatim(&output.head, LINES);
    match &output.file {
        Some(file) => page.paragraph(&format!("All of it is in {}.", code(file))),
        None if left_out > 0 => page.paragraph(&format!("{left_out} more lines are in the journal.")),
        None => {}
    }
}
