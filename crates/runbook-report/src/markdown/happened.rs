//! What happened, in prose. Every sentence is a fact of the journal.

use runbook_event::{
    CheckRole, CheckState, OnFailure, Section, StepStatus, Stop, StopCause, UndoOutline, UndoStatus, Verdict,
};

use crate::markdown::page::{Page, date_time};
use crate::story::{Step, Story};
use crate::text::{code, inline};
use crate::words::{check_title, duration, failed, failed_word, reading, skipped};

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    page.heading(2, "What happened");
    page.paragraph(&began(story));
    detected(story, page);
    page.paragraph(&progress(story));
    if let Some(stop) = story.state.stop() {
        stopped(story, stop, page);
    }
    if story.rolled_back() {
        undone(story, page);
    } else if story.state.stop().is_some() {
        held(story, page);
    }
    went_on(story, page);
    cleanup(story, page);
    ended(story, page);
}

/// Failures that are not what stopped the run: it went on after them, or was stopping already.
fn went_on(story: &Story<'_>, page: &mut Page) {
    let stopped_it = |id: &str| {
        story.state.stop().is_some_and(|stop| match &stop.cause {
            StopCause::StepFailed { step } | StopCause::Rejected { step } => step == id,
            StopCause::VerifyFailed { .. } | StopCause::Signal { .. } => false,
        })
    };
    let was_cancelled = |id: &str| story.cancelled().any(|step| step.outline.id == id);
    let failures: Vec<String> = story
        .steps()
        .filter(|step| step.outline.section == Section::Steps)
        .filter(|step| !stopped_it(&step.outline.id) && !was_cancelled(&step.outline.id))
        .filter(|step| step.state.failure.is_some())
        .map(|step| step_failed(story, &step.outline.id))
        .collect();
    if !failures.is_empty() {
        page.paragraph("What failed without stopping the run:");
        page.list(&failures);
    }
    let cancelled: Vec<String> = story
        .cancelled()
        .filter(|step| step.outline.section == Section::Steps && !stopped_it(&step.outline.id))
        .map(|step| title(&step))
        .collect();
    if !cancelled.is_empty() {
        page.paragraph(&format!(
            "Cancelled, since the run stopped: {}.",
            cancelled.join(", ")
        ));
    }
}

fn began(story: &Story<'_>) -> String {
    let run = story.run;
    let environment = match &run.environment {
        Some(environment) => format!(" in the environment {}", code(environment)),
        None => String::new(),
    };
    format!(
        "At {} {} started the run on {}{environment}.",
        date_time(story.started_at),
        code(&run.who.user),
        code(&run.who.host)
    )
}

fn detected(story: &Story<'_>, page: &mut Page) {
    let answers: Vec<String> = story
        .checks_for(CheckRole::Detect)
        .map(|(site, state)| {
            let answer = match state.verdict {
                Some(Verdict::Pass) => "yes",
                Some(Verdict::Fail) => "no",
                Some(Verdict::Error) => "it could not be asked",
                None => "no answer",
            };
            format!(
                "{}: **{answer}**{}",
                inline(&check_title(site, &story.state)),
                last_reading(state)
            )
        })
        .collect();
    if !answers.is_empty() {
        page.paragraph("Whether there was anything to repair (`detect`):");
        page.list(&answers);
    }
}

/// The reading that decided, in brackets.
fn last_reading(state: &CheckState) -> String {
    state
        .last()
        .map_or_else(String::new, |last| format!(" ({})", inline(&reading(last))))
}

fn progress(story: &Story<'_>) -> String {
    let count = |status: StepStatus| {
        story
            .steps()
            .filter(|step| step.outline.section == Section::Steps && step.state.status == status)
            .count()
    };
    let total = story.state.section(Section::Steps).count();
    let done = count(StepStatus::Done);
    let cancelled = story
        .steps()
        .filter(|step| step.outline.section == Section::Steps && step.was_cancelled())
        .count();
    let (failures, skips, pending) = (
        count(StepStatus::Failed).saturating_sub(cancelled),
        count(StepStatus::Skipped),
        count(StepStatus::Pending),
    );
    let parts: Vec<String> = [
        (failures, "failed"),
        (cancelled, "cancelled"),
        (skips, "not run"),
        (pending, "never reached"),
        (
            (total - done).saturating_sub(failures + cancelled + skips + pending),
            "under way at the last record",
        ),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| format!(", {number} {what}"))
    .collect();
    let steps = if total == 1 { "step" } else { "steps" };
    let were = if done == 1 || total == 1 { "was" } else { "were" };
    format!("{done} of {total} {steps} {were} done{}.", parts.concat())
}

fn stopped(story: &Story<'_>, stop: &Stop, page: &mut Page) {
    let text = cause(story, stop);
    let then = match stop.then {
        OnFailure::Rollback if story.rolled_back() => {
            " The run then turned to undoing what had been changed."
        }
        OnFailure::Rollback if story.state.outcome().is_none() => {
            " What had been changed was then to be undone, but no record says that this began."
        }
        OnFailure::Rollback => "",
        OnFailure::Hold => " What had been changed stays, since that is what the runbook says (`hold`).",
        OnFailure::Continue => " The run was to go on.",
    };
    page.paragraph(&format!("{text}{then}"));
}

/// What stopped the run, in sentences.
pub(super) fn cause(story: &Story<'_>, stop: &Stop) -> String {
    match &stop.cause {
        StopCause::StepFailed { step } => step_failed(story, step),
        StopCause::Rejected { step } => {
            let known = story.state.step(step).and_then(|step| step.approval.as_ref());
            let by = known.map_or_else(String::new, |(_, by, how)| {
                format!(" by {} ({})", inline(by), inline(how))
            });
            format!("The approval of {} was refused{by}.", named(story, step))
        }
        StopCause::VerifyFailed { check } => {
            let found = story
                .checks_for(CheckRole::Verify)
                .find(|(site, _)| site.check == *check);
            found.map_or_else(
                || format!("The final check {} did not pass.", code(check)),
                |(site, state)| {
                    let title = inline(&check_title(site, &story.state));
                    format!("The final check “{title}” did not pass{}.", last_reading(state))
                },
            )
        }
        StopCause::Signal { name } => format!("The signal {} stopped the run.", code(name)),
    }
}

fn step_failed(story: &Story<'_>, id: &str) -> String {
    let failure = story.state.step(id).and_then(|step| step.failure.as_ref());
    let mut text = format!(
        "The step {} {}",
        named(story, id),
        failure.map_or("failed", failed_word)
    );
    if let Some(failure) = failure {
        text.push_str(": ");
        text.push_str(&inline(&failed(failure)));
    }
    text.push('.');
    for (site, state) in story
        .checks_of(id)
        .filter(|(_, state)| state.verdict != Some(Verdict::Pass))
    {
        let what = match site.role {
            CheckRole::Require => "What it requires",
            CheckRole::Gate | CheckRole::Detect | CheckRole::Baseline | CheckRole::Verify => "Its gate",
        };
        let how = match state.verdict {
            Some(Verdict::Error) => "could not be asked",
            Some(Verdict::Pass | Verdict::Fail) => "did not pass",
            None => "was not decided",
        };
        let title = inline(&check_title(site, &story.state));
        text.extend([" ", what, ", “", &title, "”, ", how, &last_reading(state), "."]);
    }
    text
}

/// A step's title, and its id.
pub(super) fn named(story: &Story<'_>, id: &str) -> String {
    match story.steps().find(|step| step.outline.id == id) {
        Some(step) => title(&step),
        None => code(id),
    }
}

/// A step's title, and its id.
pub(super) fn title(step: &Step<'_>) -> String {
    if step.outline.title == step.outline.id {
        code(&step.outline.id)
    } else {
        format!("“{}” ({})", inline(&step.outline.title), code(&step.outline.id))
    }
}

fn undone(story: &Story<'_>, page: &mut Page) {
    let with = |status: UndoStatus| story.undone().filter(move |step| step.state.undo == status);
    let undone: Vec<String> = with(UndoStatus::Undone).map(|step| title(&step)).collect();
    if undone.is_empty() {
        page.paragraph("Nothing was undone.");
    } else {
        page.paragraph(&format!("Undone, in this order: {}.", undone.join(", ")));
    }
    let failed: Vec<String> = with(UndoStatus::Failed).map(|step| title(&step)).collect();
    if !failed.is_empty() {
        page.paragraph(&format!(
            "**Could not be undone**: {}. See [To do by hand](#to-do-by-hand).",
            failed.join(", ")
        ));
    }
    let kept: Vec<String> = story
        .steps()
        .filter(|step| step.state.undo == UndoStatus::Kept)
        .map(|step| format!("{}: {}", title(&step), why_kept(&step.outline.undo)))
        .collect();
    if !kept.is_empty() {
        page.paragraph("Kept as it was done:");
        page.list(&kept);
    }
}

/// Why there is no undo.
pub(super) fn why_kept(undo: &UndoOutline) -> String {
    match undo {
        UndoOutline::Rollback { summary } => format!("it was not undone; its undo is {}", inline(summary)),
        UndoOutline::Irreversible { why } => format!("irreversible: {}", inline(why)),
        UndoOutline::NotNeeded => "there is nothing to undo, says its author".to_owned(),
        UndoOutline::Undeclared => "the runbook does not say how to undo it".to_owned(),
    }
}

fn held(story: &Story<'_>, page: &mut Page) {
    let stays: Vec<String> = story.changed().map(|step| title(&step)).collect();
    if stays.is_empty() {
        page.paragraph("Nothing had been changed.");
    } else {
        page.paragraph(&format!("What was attempted stays: {}.", stays.join(", ")));
    }
}

fn cleanup(story: &Story<'_>, page: &mut Page) {
    let failures: Vec<String> = story
        .steps()
        .filter(|step| step.outline.section == Section::Finally)
        .filter_map(|step| {
            let failure = step.state.failure.as_ref()?;
            Some(format!("{}: {}", title(&step), inline(&failed(failure))))
        })
        .collect();
    if !failures.is_empty() {
        page.paragraph("The clean-up (`finally`) did not succeed in:");
        page.list(&failures);
    }
    let skips: Vec<String> = story
        .steps()
        .filter_map(|step| {
            let reason = step.state.skipped.as_ref()?;
            Some(format!("{}: {}", title(&step), inline(&skipped(reason))))
        })
        .collect();
    if !skips.is_empty() {
        page.paragraph("Steps that were not run:");
        page.list(&skips);
    }
}

fn ended(story: &Story<'_>, page: &mut Page) {
    let text = if let (Some(outcome), Some(at)) = (story.state.outcome(), story.state.ended_at()) {
        let span = took(story);
        format!(
            "The run ended at {}{span}: {}.",
            date_time(at),
            inline(outcome.meaning())
        )
    } else {
        let last = date_time(story.last_at());
        format!("Its last record is of {last}. It has no end: the run is still running or was killed.")
    };
    page.paragraph(&text);
}

/// How long the run took, as the end of a sentence.
fn took(story: &Story<'_>) -> String {
    let elapsed_ms = story.state.elapsed_ms();
    elapsed_ms.map_or_else(String::new, |ms| format!(" after {}", duration(ms)))
}
