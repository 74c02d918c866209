//! In which words and colours an event is shown.

use runbook_action::Effect;
use runbook_event::{
    CheckRole, CheckSite, Event, Outcome, Reading, RunState, SkipReason, StepOutline, StepState, StopCause,
    UndoEnd, UndoOutline, UndoStatus, Verdict,
};
use runbook_report::{check_title, deed, describe, duration, reading, step_of, step_title, visible};

use crate::term::{BAD, BOLD, DIM, GOOD, WARN, styled};

/// What is shown of an event for good. Many have nothing: what matters is how things begin and end.
pub(super) fn finished(event: &Event, state: &RunState) -> Vec<String> {
    match event {
        Event::RunStarted(run) => {
            let book = &run.runbook;
            let parts = [
                Some(book.name.as_str()),
                Some(&book.version),
                book.severity.as_deref(),
                run.environment.as_deref(),
                run.practice.as_deref().map(|_| "practice"),
            ];
            let about: Vec<&str> = parts.into_iter().flatten().collect();
            let about = styled(DIM, &visible(&about.join(" · ")));
            vec![
                format!("{}  {about}", styled(BOLD, &visible(&book.title))),
                styled(DIM, &describe(event, state)),
            ]
        }
        Event::PhaseStarted { .. } => vec![String::new(), styled(BOLD, &describe(event, state))],
        Event::CheckRead { site, reading } => reading_of(site, reading, state),
        Event::CheckEnded {
            site,
            verdict,
            readings,
            elapsed_ms,
            ..
        } => {
            let detail = state
                .checks()
                .get(site)
                .and_then(|check| check.last())
                .map(|last| last.detail.as_str());
            let times = if *readings == 1 {
                String::new()
            } else {
                format!("{readings} readings, ")
            };
            let took = format!("{times}{}", duration(*elapsed_ms));
            let detail = styled(DIM, &format!("{} ({took})", visible(detail.unwrap_or_default())));
            check_ended(site, *verdict, &detail, state)
        }
        Event::RunEnded { outcome, .. } => {
            let mut lines = vec![String::new(), ended(*outcome, &describe(event, state))];
            lines.extend(remaining(state));
            lines
        }
        Event::Stopping { stop } => {
            let mut lines = vec![format!("  {} {}", styled(WARN, "!"), describe(event, state))];
            if let StopCause::Signal { .. } = stop.cause {
                lines.push(styled(DIM, "    a second signal ends at once, a third leaves"));
            }
            lines
        }
        Event::CheckStarted { .. } => Vec::new(),
        Event::StepStarted { .. }
        | Event::StepSkipped { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::Captured { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::UndoStarted { .. }
        | Event::UndoEnded { .. } => of_step(event, state),
    }
}

/// A reading that is no pass: what the gate still waits for.
fn reading_of(site: &CheckSite, read: &Reading, state: &RunState) -> Vec<String> {
    if read.verdict == Verdict::Pass || matches!(site.role, CheckRole::Detect | CheckRole::Baseline) {
        return Vec::new();
    }
    let title = check_title(site, state);
    vec![styled(
        DIM,
        &format!(
            "{}… {title}: {}",
            nested(site.step.as_deref(), state),
            reading(read)
        ),
    )]
}

fn check_ended(site: &CheckSite, verdict: Verdict, detail: &str, state: &RunState) -> Vec<String> {
    let title = check_title(site, state);
    let mark = match (site.role, verdict) {
        (CheckRole::Gate | CheckRole::Require, Verdict::Pass) => {
            let passed = styled(GOOD, "✓");
            return vec![format!(
                "{}{passed} {title}: {detail}",
                nested(site.step.as_deref(), state)
            )];
        }
        // The step's own failure says it, with the reading.
        (CheckRole::Gate | CheckRole::Require, Verdict::Fail | Verdict::Error) => return Vec::new(),
        (CheckRole::Baseline, Verdict::Pass) => styled(DIM, "· yes"),
        (CheckRole::Baseline, Verdict::Fail) => styled(DIM, "· no "),
        (CheckRole::Baseline, Verdict::Error) => styled(DIM, "· error"),
        (CheckRole::Detect, Verdict::Pass) => styled(GOOD, "yes"),
        (CheckRole::Detect, Verdict::Fail) => styled(WARN, "no "),
        (CheckRole::Verify, Verdict::Pass) => styled(GOOD, "✓"),
        (CheckRole::Verify, Verdict::Fail) | (CheckRole::Detect | CheckRole::Verify, Verdict::Error) => {
            styled(BAD, "✗")
        }
    };
    vec![format!("  {mark} {title}: {detail}")]
}

fn of_step(event: &Event, state: &RunState) -> Vec<String> {
    let Some(id) = step_of(event) else {
        return Vec::new();
    };
    let (title, text) = (step_title(id, state), deed(event, state));
    let nested = nested(Some(id), state);
    match event {
        Event::StepStarted { .. } => vec![format!("  {} {title}", styled(DIM, "○"))],
        Event::StepSkipped { reason, .. } => match reason {
            SkipReason::When { .. } => vec![styled(DIM, &format!("  ↷ {title}: {text}"))],
            SkipReason::Stopped => vec![styled(DIM, &format!("  – {title}: {text}"))],
        },
        Event::ApprovalAsked { message, .. } => {
            vec![format!(
                "{nested}{} {}",
                styled(WARN, "?"),
                styled(BOLD, &visible(message))
            )]
        }
        Event::ApprovalAnswered { approved, .. } => {
            let mark = if *approved {
                styled(GOOD, "✓")
            } else {
                styled(BAD, "✗")
            };
            vec![format!("{nested}{mark} {text}")]
        }
        Event::AttemptStarted { intent, .. } if intent.effect > Effect::Read => {
            vec![format!("{nested}{} {text}", styled(WARN, "▸"))]
        }
        Event::Captured { .. } => vec![styled(DIM, &format!("{nested}{text}"))],
        Event::StepDone { .. } => vec![format!("  {} {title}: {text}", styled(GOOD, "✓"))],
        Event::StepFailed { failure, .. } => {
            let mut lines = vec![format!("  {} {title}: {text}", styled(BAD, "✗"))];
            lines.extend(
                failure
                    .help
                    .iter()
                    .map(|help| format!("      help: {}", visible(help))),
            );
            lines
        }
        Event::UndoStarted { .. } => vec![format!("  {} {title}: {text}", styled(WARN, "▸"))],
        Event::UndoEnded { end, .. } => match end {
            UndoEnd::Undone => vec![format!("  {} {title}: {text}", styled(GOOD, "↩"))],
            UndoEnd::Failed { .. } => vec![format!("  {} {title}: {text}", styled(BAD, "✗"))],
        },
        Event::RunStarted(_)
        | Event::PhaseStarted { .. }
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::CheckEnded { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::Stopping { .. }
        | Event::RunEnded { .. } => Vec::new(),
    }
}

/// The indentation of what belongs to a step. Where several are under way, the step's id stands before it.
fn nested(step: Option<&str>, state: &RunState) -> String {
    let several = state.under_way() > 1;
    match step {
        Some(id) if several => format!("      {} ", styled(DIM, &format!("{id} │"))),
        Some(_) => "      ".to_owned(),
        None => "    ".to_owned(),
    }
}

/// What a rollback left: what was kept and why, and what a person must undo now.
fn remaining(state: &RunState) -> Vec<String> {
    let outlines = state.run().map(|run| run.outline.steps.as_slice());
    let steps = outlines.unwrap_or_default().iter().zip(state.steps());
    let line = |step: &StepOutline, known: &StepState| match known.undo {
        UndoStatus::Kept => Some(format!(
            "  kept: {}: {}",
            visible(&step.title),
            why_kept(&step.undo)
        )),
        UndoStatus::Failed => {
            let planned = match &step.undo {
                UndoOutline::Rollback { summary } => summary.as_str(),
                UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared => "",
            };
            let what = known
                .undo_intent
                .as_ref()
                .map_or(planned, |intent| &intent.summary);
            let text = format!("  by hand: {}: {}", visible(&step.title), visible(what));
            Some(styled(BAD, &text))
        }
        UndoStatus::None | UndoStatus::Pending | UndoStatus::Running | UndoStatus::Undone => None,
    };
    steps.filter_map(|(step, known)| line(step, known)).collect()
}

fn why_kept(undo: &UndoOutline) -> String {
    match undo {
        UndoOutline::Rollback { summary } => format!("it was not undone; its undo is {}", visible(summary)),
        UndoOutline::Irreversible { why } => format!("irreversible: {}", visible(why)),
        UndoOutline::NotNeeded => "there is nothing to undo, says its author".to_owned(),
        UndoOutline::Undeclared => "the runbook does not say how to undo it".to_owned(),
    }
}

fn ended(outcome: Outcome, text: &str) -> String {
    let style = match outcome {
        Outcome::Resolved | Outcome::NotNeeded => GOOD.bold(),
        Outcome::RolledBack
        | Outcome::Rejected
        | Outcome::Interrupted
        | Outcome::Waiting
        | Outcome::CleanupFailed => WARN.bold(),
        Outcome::Failed | Outcome::RollbackFailed | Outcome::Unknown => BAD,
    };
    styled(style, text)
}
