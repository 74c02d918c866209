//! In which words and colours an event is shown.

use runbook_event::{CheckRole, Event, Outcome, RunState, SkipReason, UndoEnd, Verdict};
use runbook_report::{describe, reading, visible};

use crate::term::{BAD, BOLD, DIM, GOOD, WARN, styled};

/// What is shown of an event for good. Most have nothing: what matters is how things end.
pub(super) fn finished(event: &Event, state: &RunState) -> Vec<String> {
    let text = describe(event, state);
    match event {
        Event::RunStarted(run) => {
            let book = &run.runbook;
            let mut about = format!("{} {}", book.name, book.version);
            for part in [book.severity.as_deref(), run.environment.as_deref()].into_iter().flatten() {
                about.push_str(&format!(" · {part}"));
            }
            vec![format!("{} {}", styled(BOLD, &visible(&book.title)), styled(DIM, &format!("({})", visible(&about)))),
                styled(DIM, &text)]
        }
        Event::PhaseStarted { .. } => vec![String::new(), styled(BOLD, &text)],
        Event::CheckEnded { site, verdict, .. } => {
            let detail = state.checks().get(site).and_then(|check| check.last()).map(|last| last.detail.clone());
            let detail = styled(DIM, &visible(&detail.unwrap_or_default()));
            let passed = *verdict == Verdict::Pass;
            match (site.role, passed) {
                (CheckRole::Gate | CheckRole::Require, true) => vec![format!("    {} {text} {detail}", styled(DIM, "✓"))],
                (CheckRole::Gate | CheckRole::Require, false) => Vec::new(),
                (CheckRole::Baseline, _) => vec![format!("  {} {text} {detail}", styled(DIM, "·"))],
                (CheckRole::Detect, false) => vec![format!("  {} {text} {detail}", styled(WARN, "–"))],
                (CheckRole::Detect | CheckRole::Verify, true) => vec![format!("  {} {text} {detail}", styled(GOOD, "✓"))],
                (CheckRole::Verify, false) => vec![format!("  {} {text} {detail}", styled(BAD, "✗"))],
            }
        }
        Event::CheckRead { site, reading: read } if site.role == CheckRole::Gate && read.verdict != Verdict::Pass => {
            vec![styled(DIM, &format!("    … {}", reading(read)))]
        }
        Event::StepSkipped { reason, .. } => match reason {
            SkipReason::When { .. } => vec![styled(DIM, &format!("  ↷ {text}"))],
            SkipReason::Stopped => vec![styled(DIM, &format!("  – {text}"))],
        },
        Event::ApprovalAnswered { approved, .. } => {
            let mark = if *approved { styled(GOOD, "✓") } else { styled(BAD, "✗") };
            vec![format!("    {mark} {text}")]
        }
        Event::AttemptStarted { intent, .. } if intent.effect > runbook_action::Effect::Read => {
            vec![format!("    {} {text}", styled(WARN, "▸"))]
        }
        Event::Captured { .. } => vec![styled(DIM, &format!("    {text}"))],
        Event::StepDone { .. } => vec![format!("  {} {text}", styled(GOOD, "✓"))],
        Event::StepFailed { failure, .. } => {
            let mut lines = vec![format!("  {} {text}", styled(BAD, "✗"))];
            lines.extend(failure.help.iter().map(|help| format!("    help: {}", visible(help))));
            lines
        }
        Event::Stopping { .. } => vec![format!("  {} {text}", styled(WARN, "!"))],
        Event::UndoEnded { end, .. } => match end {
            UndoEnd::Undone => vec![format!("  {} {text}", styled(GOOD, "↩"))],
            UndoEnd::Failed { .. } => vec![format!("  {} {text}", styled(BAD, "✗"))],
        },
        Event::RunEnded { outcome, .. } => vec![String::new(), ended(*outcome, &text)],
        Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::StepStarted { .. }
        | Event::ApprovalAsked { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptEnded { .. }
        | Event::UndoStarted { .. } => Vec::new(),
    }
}

fn ended(outcome: Outcome, text: &str) -> String {
    let style = match outcome {
        Outcome::Resolved | Outcome::NotNeeded => GOOD.bold(),
        Outcome::RolledBack | Outcome::Rejected | Outcome::Interrupted | Outcome::Waiting | Outcome::CleanupFailed => WARN.bold(),
        Outcome::Failed | Outcome::RollbackFailed | Outcome::Unknown => BAD,
    };
    styled(style, text)
}

/// What is shown of an event while it goes on.
pub(super) fn moving(event: &Event, state: &RunState) -> String {
    describe(event, state)
}
