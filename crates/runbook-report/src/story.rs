//! A run, folded, with what the fold does not keep: every attempt, and the order of changes.

use jiff::Timestamp;
use runbook_action::ErrorKind;
use runbook_event::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, CheckState, Event, OutputRef, Phase, Record, RunStarted,
    RunState, StepOutline, StepState, TransitionError,
};
use thiserror::Error;

/// The records cannot be told as a run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// There are none.
    #[error("the run has no record")]
    Empty,
    /// One of them cannot have happened after those before it.
    #[error(transparent)]
    Misfit(#[from] TransitionError),
}

/// What proves that the records are those of the run.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The hash of the journal's last line.
    pub head: &'a str,
}

/// An attempt of a step.
pub(crate) struct Attempt<'a> {
    pub(crate) number: u32,
    pub(crate) end: Option<(&'a AttemptEnd, u64)>,
    pub(crate) output: &'a [OutputRef],
}

/// What is known of a step: what the runbook says, and what happened.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) outline: &'a StepOutline,
    pub(crate) state: &'a StepState,
    pub(crate) attempts: &'a [Attempt<'a>],
    /// How long its undo took.
    pub(crate) undo_ms: Option<u64>,
}

impl Step<'_> {
    /// The word for where it stands. What was stopped from outside did not fail.
    pub(crate) fn status_word(&self) -> &'static str {
        if self.was_cancelled() {
            "cancelled"
        } else {
            self.state.status.word()
        }
    }

    /// Whether it was stopped from outside.
    pub(crate) fn was_cancelled(&self) -> bool {
        let failure = self.state.failure.as_ref();
        failure.is_some_and(|failure| failure.kind == ErrorKind::Cancelled)
    }

    /// How long it took from its turn to its end, in milliseconds.
    pub(crate) fn elapsed_ms(&self) -> Option<u64> {
        between(self.state.started_at?, self.state.ended_at?)
    }
}

/// A run, folded.
pub(crate) struct Story<'a> {
    pub(crate) records: &'a [Record],
    pub(crate) run: &'a RunStarted,
    pub(crate) started_at: Timestamp,
    pub(crate) state: RunState,
    attempts: Vec<Vec<Attempt<'a>>>,
    undo_ms: Vec<Option<u64>>,
    changed: Vec<usize>,
    undone: Vec<usize>,
    rolled_back: bool,
    stopping: bool,
    cancelled: Vec<usize>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(records: &'a [Record]) -> Result<Self, Error> {
        let first = records.first().ok_or(Error::Empty)?;
        let mut state = RunState::new();
        for record in records {
            state.apply(record)?;
        }
        let Event::RunStarted(run) = &first.event else {
            return Err(Error::Empty);
        };
        let mut story = Self {
            records,
            run,
            started_at: first.at,
            attempts: state.steps().iter().map(|_| Vec::new()).collect(),
            undo_ms: vec![None; state.steps().len()],
            state,
            changed: Vec::new(),
            undone: Vec::new(),
            rolled_back: false,
            stopping: false,
            cancelled: Vec::new(),
        };
        for record in records {
            story.note(&record.event);
        }
        Ok(story)
    }

    fn note(&mut self, event: &'a Event) {
        match event {
            Event::AttemptStarted {
                step,
                attempt,
                intent,
            } => {
                let Some(at) = self.state.position(step) else {
                    return;
                };
                let attempt = Attempt {
                    number: *attempt,
                    end: None,
                    output: &[],
                };
                if let Some(attempts) = self.attempts.get_mut(at) {
                    attempts.push(attempt);
                }
                if intent.effect > runbook_action::Effect::Read && !self.changed.contains(&at) {
                    self.changed.push(at);
                }
            }
            Event::AttemptEnded {
                step,
                end,
                output,
                elapsed_ms,
                ..
            } => {
                let at = self.state.position(step);
                let attempts = at.and_then(|at| self.attempts.get_mut(at));
                if let Some(attempt) = attempts.and_then(|attempts| attempts.last_mut()) {
                    attempt.end = Some((end, *elapsed_ms));
                    attempt.output = output;
                }
            }
            Event::UndoStarted { step, .. } => self.undone.extend(self.state.position(step)),
            Event::UndoEnded { step, elapsed_ms, .. } => {
                let at = self.state.position(step);
                if let Some(undo_ms) = at.and_then(|at| self.undo_ms.get_mut(at)) {
                    *undo_ms = Some(*elapsed_ms);
                }
            }
            Event::StepFailed { step, failure } => {
                if self.stopping && failure.kind == ErrorKind::Cancelled {
                    self.cancelled.extend(self.state.position(step));
                }
            }
            Event::Stopping { .. } => self.stopping = true,
            Event::PhaseStarted { phase } => self.rolled_back |= *phase == Phase::Rollback,
            Event::RunStarted(_)
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::StepStarted { .. }
            | Event::StepSkipped { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::Captured { .. }
            | Event::StepDone { .. }
            | Event::RunEnded { .. } => {}
        }
    }

    /// All steps, in the author's order.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        (0..self.run.outline.steps.len()).filter_map(|at| self.step(at))
    }

    /// The steps that may have changed something, in the order in which they did.
    pub(crate) fn changed(&self) -> impl Iterator<Item = Step<'_>> {
        self.changed.iter().filter_map(|at| self.step(*at))
    }

    /// The steps whose undo began, in that order.
    pub(crate) fn undone(&self) -> impl Iterator<Item = Step<'_>> {
        self.undone.iter().filter_map(|at| self.step(*at))
    }

    /// The steps that failed only because the run was stopping.
    pub(crate) fn cancelled(&self) -> impl Iterator<Item = Step<'_>> {
        self.cancelled.iter().filter_map(|at| self.step(*at))
    }

    /// Whether undoing began.
    pub(crate) fn rolled_back(&self) -> bool {
        self.rolled_back
    }

    /// When the last record was made.
    pub(crate) fn last_at(&self) -> Timestamp {
        self.records.last().map_or(self.started_at, |record| record.at)
    }

    fn step(&self, at: usize) -> Option<Step<'_>> {
        Some(Step {
            outline: self.run.outline.steps.get(at)?,
            state: self.state.steps().get(at)?,
            attempts: self.attempts.get(at)?,
            undo_ms: self.undo_ms.get(at).copied().flatten(),
        })
    }

    /// The checks of a step, in the order in which they were first asked.
    pub(crate) fn checks_of(&self, id: &str) -> impl Iterator<Item = (&CheckSite, &CheckState)> {
        self.state
            .checks()
            .iter()
            .filter(move |(site, _)| site.step.as_deref() == Some(id))
    }

    /// The checks of a part of the run, in the order in which they were first asked.
    pub(crate) fn checks_for(&self, role: CheckRole) -> impl Iterator<Item = (&CheckSite, &CheckState)> {
        self.state
            .checks()
            .iter()
            .filter(move |(site, _)| site.role == role)
    }

    /// A check of a part of the run.
    pub(crate) fn check(&self, role: CheckRole, check: &CheckOutline) -> Option<&CheckState> {
        self.checks_for(role)
            .find(|(site, _)| site.check == check.id)
            .map(|(_, state)| state)
    }

    /// All that programs printed, in the order of the records, with the step and what it was of it.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&'a str, String, &'a OutputRef)> + '_ {
        self.records.iter().flat_map(|record| {
            let (step, part, output) = match &record.event {
                Event::AttemptEnded {
                    step,
                    attempt,
                    output,
                    ..
                } => (step.as_str(), format!("attempt {attempt}"), output.as_slice()),
                Event::UndoEnded { step, output, .. } => {
                    (step.as_str(), "undo".to_owned(), output.as_slice())
                }
                Event::RunStarted(_)
                | Event::PhaseStarted { .. }
                | Event::CheckStarted { .. }
                | Event::CheckRead { .. }
                | Event::CheckEnded { .. }
                | Event::StepStarted { .. }
                | Event::StepSkipped { .. }
                | Event::ApprovalAsked { .. }
                | Event::ApprovalAnswered { .. }
                | Event::BeforeTaken { .. }
                | Event::AttemptStarted { .. }
                | Event::Captured { .. }
                | Event::StepDone { .. }
                | Event::StepFailed { .. }
                | Event::Stopping { .. }
                | Event::UndoStarted { .. }
                | Event::RunEnded { .. } => ("", String::new(), [].as_slice()),
            };
            output.iter().map(move |output| (step, part.clone(), output))
        })
    }
}

/// From one time to a later one, in milliseconds.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from(to.duration_since(from).as_millis()).ok()
}
