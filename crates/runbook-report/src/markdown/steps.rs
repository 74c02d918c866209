//! Each step, in the author's order.

use runbook_action::{Failure, Stream};
use runbook_event::{AttemptEnd, CheckState, OutputRef, StepStatus, Verdict};

use crate::markdown::changes::{undo, variables};
use crate::markdown::happened::title;
use crate::markdown::page::{Page, time};
use crate::story::{Attempt, Step, Story};
use crate::text::{code, inline};
use crate::words::{approval, check_title, duration, failed, failed_word, intended, named, reading, skipped};

/// How many lines of a program's output the report shows.
const LINES: usize = 20;

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    page.heading(2, "Steps");
    for step in story.steps() {
        page.heading(3, &title(&step));
        page.list(&facts(story, &step));
        checks(story, &step, page);
        for attempt in step.attempts {
            for output in attempt.output {
                show(&format!("attempt {}", attempt.number), output, page);
            }
        }
        for output in &step.state.undo_output {
            show("the undo", output, page);
        }
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

fn help(failure: &Failure, page: &mut Page) {
    if let Some(help) = &failure.help {
        page.paragraph(&format!("Help: {}.", inline(help)));
    }
}

fn facts(story: &Story<'_>, step: &Step<'_>) -> Vec<String> {
    let (outline, state) = (step.outline, step.state);
    let what = state
        .intent
        .as_ref()
        .map_or_else(|| outline.summary.clone(), intended);
    let effect = state
        .intent
        .as_ref()
        .map_or(outline.effect, |intent| intent.effect);
    let mut facts = vec![
        format!(
            "Action: {}, effect {}: {}",
            code(&outline.kind),
            effect.word(),
            inline(&what)
        ),
        status(story, step),
    ];
    if let Some(phase) = &outline.phase {
        facts.push(format!("Phase: {}", inline(phase)));
    }
    if let Some(reason) = &state.skipped {
        facts.push(format!("Why: {}", inline(&skipped(reason))));
    }
    if let Some((approved, by, how)) = &state.approval {
        facts.push(format!("Approval: {}", inline(&approval(*approved, by, how))));
    }
    facts.extend(step.attempts.iter().map(attempted));
    if !state.before.is_empty() {
        facts.push(format!("Kept for the undo: {}", inline(&named(&state.before))));
    }
    if !state.captures.is_empty() {
        facts.push(format!("Captured: {}", inline(&named(&state.captures))));
    }
    if state.attempted {
        facts.push(format!("Undo: {}", undo(story, step)));
    }
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

fn attempted(attempt: &Attempt<'_>) -> String {
    let number = attempt.number;
    match attempt.end {
        None => format!("Attempt {number}: **no record of its end**"),
        Some((AttemptEnd::Succeeded, ms)) => format!("Attempt {number}: succeeded in {}", duration(ms)),
        Some((AttemptEnd::Failed { failure }, ms)) => {
            format!(
                "Attempt {number}: {} after {}: {}",
                failed_word(failure),
                duration(ms),
                inline(&failed(failure))
            )
        }
    }
}

fn checks(story: &Story<'_>, step: &Step<'_>, page: &mut Page) {
    let rows: Vec<[String; 4]> = story
        .checks_of(&step.outline.id)
        .map(|(site, state)| {
            [
                inline(&check_title(site, &story.state)),
                state.verdict.map_or("not decided", Verdict::word).to_owned(),
                state
                    .asked
                    .max(state.last().map_or(0, |last| last.number))
                    .to_string(),
                readings(state),
            ]
        })
        .collect();
    page.table(["Check", "Verdict", "Asked", "Readings where it changed"], &rows);
}

fn readings(state: &CheckState) -> String {
    let readings: Vec<String> = state.readings.iter().map(|read| inline(&reading(read))).collect();
    if readings.is_empty() {
        "–".to_owned()
    } else {
        readings.join("<br>")
    }
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
