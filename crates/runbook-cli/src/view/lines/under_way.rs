//! What is under way, for where several lines belong to different steps.

use std::collections::{BTreeSet, HashMap};

use runbook_event::{AttemptEnd, Event, RunState, StepStatus, UndoStatus};
use runbook_report::deed;

/// The steps under way, and why their last attempts failed.
#[derive(Default)]
pub(super) struct UnderWay {
    steps: BTreeSet<String>,
    failed: HashMap<String, String>,
}

impl UnderWay {
    /// Whether a line could be taken for that of another step.
    pub(super) fn are_several(&self) -> bool {
        self.steps.len() > 1
    }

    /// How the step's last attempt failed, once.
    pub(super) fn failed(&mut self, step: &str) -> Option<String> {
        self.failed.remove(step)
    }

    /// What only holds others is not under way itself: they are.
    pub(super) fn note(&mut self, event: &Event, state: &RunState) {
        match event {
            Event::StepStarted { step } => {
                if state
                    .step(step)
                    .is_some_and(|step| step.status == StepStatus::Running)
                {
                    self.steps.insert(step.clone());
                }
            }
            Event::UndoStarted { step, .. } => drop(self.steps.insert(step.clone())),
            Event::AttemptEnded { step, end, .. } => {
                if matches!(end, AttemptEnd::Failed { .. }) {
                    self.failed.insert(step.clone(), deed(event, state));
                }
            }
            Event::Entered { step, .. } | Event::UndoEnded { step, .. } | Event::Doubted { step, .. } => {
                self.steps.remove(step);
            }
            Event::StepDone { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepSkipped { step, .. } => {
                self.steps.remove(step);
                self.failed.remove(step);
            }
            Event::RunResumed(_) => {
                let steps = state.steps().iter().enumerate();
                let undoing = |step: &runbook_event::StepState| {
                    matches!(step.undo, UndoStatus::Doubtful | UndoStatus::Acted)
                };
                let taken_up = steps.filter(|(at, step)| state.lost().contains(at) || undoing(step));
                self.steps = taken_up.map(|(_, step)| step.id.clone()).collect();
                self.failed.clear();
            }
            Event::RunStarted(_)
            | Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::TimedOut { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::AttemptStarted { .. }
            | Event::HandleKept { .. }
            | Event::RetryPlanned { .. }
            | Event::ThenStarted { .. }
            | Event::ThenEnded { .. }
            | Event::Adopted { .. }
            | Event::Stopping { .. }
            | Event::UndoRetried { .. }
            | Event::RunbookEnded { .. }
            | Event::Noted { .. }
            | Event::Note(_)
            | Event::RunEnded { .. } => {}
        }
    }
}
