//! What is shown of a step.

use runbook_action::Effect;
use runbook_event::{Event, FrameKind, Into, Outcome, RunState, SkipReason, UndoEnd};
use runbook_report::{deed, describe, named, step_of, step_title, visible};

use super::{Lines, indent};
use crate::term::{BAD, BOLD, DIM, GOOD, WARN, styled};

impl Lines {
    /// How a step begins, waits and ends. What happens around its action is told further below.
    pub(super) fn of_step(&mut self, event: &Event, state: &RunState) -> Vec<String> {
        let Some(id) = step_of(event) else {
            return Vec::new();
        };
        let (title, text) = (step_title(id, state), deed(event, state));
        let indent = indent(id, state);
        match event {
            Event::StepStarted { .. } => vec![started(&indent, &title)],
            Event::StepSkipped { reason, .. } => {
                let mark = skip_mark(reason);
                vec![styled(DIM, &format!("{indent}{mark} {title}: {text}"))]
            }
            Event::TimedOut { .. } => vec![format!("{indent}{} {title}: {text}", styled(WARN, "!"))],
            Event::Doubted { .. } => vec![format!("{indent}{} {title}: {text}", styled(WARN, "?"))],
            Event::StepDone { .. } => vec![format!("{indent}{} {title}: {text}", styled(GOOD, "✓"))],
            Event::StepFailed { failure, .. } => {
                let mut lines = vec![format!("{indent}{} {title}: {text}", styled(BAD, "✗"))];
                let help = failure.help.iter();
                lines.extend(help.map(|help| format!("{indent}    help: {}", visible(help))));
                lines
            }
            Event::UndoStarted { .. } | Event::UndoRetried { .. } | Event::UndoEnded { .. } => {
                undoing(event, &describe(event, state))
            }
            Event::Entered { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::RetryPlanned { .. }
            | Event::ThenStarted { .. }
            | Event::Adopted { .. }
            | Event::RunbookEnded { .. } => {
                let nested = self.nested(Some(id), state);
                self.within(event, &nested, &text, state)
            }
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::BeforeTaken { .. }
            | Event::HandleKept { .. }
            | Event::ThenEnded { .. }
            | Event::Stopping { .. }
            | Event::Noted { .. }
            | Event::Note(_)
            | Event::RunEnded { .. } => Vec::new(),
        }
    }

    /// What happens between a step's beginning and its end.
    fn within(&mut self, event: &Event, nested: &str, text: &str, state: &RunState) -> Vec<String> {
        if let Event::Entered { step, into, .. } = event {
            return entered(step, into, nested, text, state);
        }
        if let Event::AttemptStarted { intent, .. } | Event::ThenStarted { intent, .. } = event {
            let shown =
                (intent.effect > Effect::Read).then(|| format!("{nested}{} {text}", styled(WARN, "▸")));
            return shown.into_iter().collect();
        }
        if let Event::AttemptEnded { values, .. } = event {
            let shown =
                (!values.is_empty()).then(|| styled(DIM, &format!("{nested}captured {}", named(values))));
            return shown.into_iter().collect();
        }
        if let Event::RetryPlanned { step, .. } = event {
            let failed = self.under_way.failed(step);
            let failed = failed.map_or_else(String::new, |failed| format!("{failed}; "));
            return vec![styled(DIM, &format!("{nested}{failed}{text}"))];
        }
        if let Event::RunbookEnded { outcome, .. } = event {
            // The end of its step says that all went well.
            let shown =
                (*outcome != Outcome::Resolved).then(|| format!("{nested}{} {text}", styled(WARN, "!")));
            return shown.into_iter().collect();
        }
        if let Event::ApprovalAsked { message, .. } = event {
            let question = styled(BOLD, &visible(message));
            return vec![format!("{nested}{} {question}", styled(WARN, "?"))];
        }
        let refused = matches!(event, Event::ApprovalAnswered { approved: false, .. });
        let mark = if refused {
            styled(BAD, "✗")
        } else {
            styled(GOOD, "✓")
        };
        vec![format!("{nested}{mark} {text}")]
    }
}

/// What is undone does not stand in the order of the steps, so it says where it belongs.
fn undoing(event: &Event, text: &str) -> Vec<String> {
    if let Event::UndoRetried { .. } = event {
        return vec![styled(DIM, &format!("      {text}"))];
    }
    let mark = if let Event::UndoEnded { end, .. } = event {
        match end {
            UndoEnd::Undone => styled(GOOD, "↩"),
            UndoEnd::Failed { .. } => styled(BAD, "✗"),
        }
    } else {
        styled(WARN, "▸")
    };
    vec![format!("  {mark} {text}")]
}

const fn skip_mark(reason: &SkipReason) -> &'static str {
    match reason {
        SkipReason::When { .. }
        | SkipReason::NotChosen
        | SkipReason::NotNeeded
        | SkipReason::NotApproved
        | SkipReason::Asked { .. } => "↷",
        SkipReason::Stopped => "–",
    }
}

/// What begins within a step. Steps that follow tell of themselves.
fn entered(id: &str, into: &Into, nested: &str, text: &str, state: &RunState) -> Vec<String> {
    match into {
        Into::Group | Into::Undo => Vec::new(),
        Into::Round { .. } => round(id, state).into_iter().collect(),
        Into::Items { .. }
        | Into::Branch { .. }
        | Into::Alternatives
        | Into::Runbook { .. }
        | Into::Undoing { .. } => vec![styled(DIM, &format!("{nested}{text}"))],
    }
}

/// A round begins as an item does.
fn round(id: &str, state: &RunState) -> Option<String> {
    let frame = state.frames().get(state.step(id)?.inner?)?;
    let last = frame.members.last().filter(|_| frame.kind == FrameKind::Rounds)?;
    let round = state.steps().get(*last)?;
    Some(started(&indent(&round.id, state), &step_title(&round.id, state)))
}

fn started(indent: &str, title: &str) -> String {
    format!("{indent}{} {title}", styled(DIM, "○"))
}
