//! What only the machinery is interested in.

use runbook_action::Effect;
use runbook_event::{AttemptEnd, CheckRole, Event, Into, Notice, Verdict};

/// Whether an event can be folded: what comes of it is told by another one, or it is as it should be.
pub(super) const fn is_noise(event: &Event) -> bool {
    match event {
        Event::RunStarted(_)
        | Event::RunResumed(_)
        | Event::Note(_)
        | Event::PhaseStarted { .. }
        | Event::StepSkipped { .. }
        | Event::TimedOut { .. }
        | Event::ApprovalAsked { .. }
        | Event::ApprovalAnswered { .. }
        | Event::RetryPlanned { .. }
        | Event::Adopted { .. }
        | Event::Doubted { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::Stopping { .. }
        | Event::UndoRetried { .. }
        | Event::UndoEnded { .. }
        | Event::RunbookEnded { .. }
        | Event::RunEnded { .. } => false,
        Event::CheckStarted { .. }
        | Event::StepStarted { .. }
        | Event::BeforeTaken { .. }
        | Event::HandleKept { .. }
        | Event::ThenStarted { .. }
        | Event::UndoStarted { .. } => true,
        // What is changed is told when it begins: its end may be long in coming.
        Event::AttemptStarted { intent, .. } => matches!(intent.effect, Effect::Read),
        Event::AttemptEnded { end, .. } | Event::ThenEnded { end, .. } => {
            matches!(end, AttemptEnd::Succeeded)
        }
        Event::CheckRead { site, reading } => is_quiet(site.role, reading.verdict),
        Event::CheckEnded { site, verdict, .. } => {
            matches!(verdict, Verdict::Pass) || is_quiet(site.role, *verdict)
        }
        Event::Entered { into, .. } => match into {
            Into::Items { .. } | Into::Branch { .. } | Into::Runbook { .. } | Into::Undoing { .. } => false,
            Into::Group | Into::Round { .. } | Into::Alternatives | Into::Undo => true,
        },
        Event::Noted { notice } => match notice {
            Notice::TerminalGone { .. } | Notice::Section { why: None, .. } => true,
            Notice::SecretChanged { .. }
            | Notice::Settled { .. }
            | Notice::Mended { .. }
            | Notice::Section { why: Some(_), .. }
            | Notice::Unlocked { .. } => false,
        },
    }
}

/// Whether a reading decides nothing that people wait for.
const fn is_quiet(role: CheckRole, verdict: Verdict) -> bool {
    match role {
        CheckRole::Detect | CheckRole::Gate | CheckRole::Undone | CheckRole::Verify => false,
        CheckRole::Guard | CheckRole::Require => matches!(verdict, Verdict::Pass),
        CheckRole::Baseline | CheckRole::Decide | CheckRole::Row => true,
    }
}
