//! The one table of transitions.

use std::collections::HashMap;

use jiff::Timestamp;
use runbook_action::Effect;
use thiserror::Error;

use super::graph::Frontier;
use super::{CheckState, Open, Phase, RunState, StepState, StepStatus, UndoStatus};
use crate::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, Event, Intent, OnFailure, Outcome, Outline, Record,
    RunStarted, Section, Stop, UndoEnd, UndoOutline, Verdict,
};

/// An event that does not fit the state.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("record {seq}: {reason}")]
pub struct TransitionError {
    /// The record.
    pub seq: u64,
    /// Why it does not fit.
    pub reason: String,
}

type Fits = Result<(), String>;

impl RunState {
    /// Takes in the next record. On an error the state is as it was.
    pub fn apply(&mut self, record: &Record) -> Result<(), TransitionError> {
        let fits = if record.seq == self.next_seq {
            self.transit(record.at, &record.event)
        } else {
            Err(format!("expected record {}", self.next_seq))
        };
        fits.map_err(|reason| TransitionError {
            seq: record.seq,
            reason,
        })?;
        self.next_seq += 1;
        Ok(())
    }

    fn transit(&mut self, at: Timestamp, event: &Event) -> Fits {
        if let Event::RunStarted(started) = event {
            return self.begin(at, started);
        }
        ensure(self.started.is_some(), "the run has not begun")?;
        ensure(self.outcome.is_none(), "the run has ended")?;
        match event {
            Event::RunStarted(_) => Err("the run has begun already".to_owned()),
            Event::PhaseStarted { phase } => self.enter(*phase),
            Event::CheckStarted { site } => self.check_started(at, site),
            Event::CheckRead { site, reading } => {
                let check = self.open_check(site)?;
                check.readings.push(reading.clone());
                check.read_at.push(at);
                Ok(())
            }
            Event::CheckEnded {
                site,
                verdict,
                readings,
                values,
                ..
            } => {
                let check = self.open_check(site)?;
                check.verdict = Some(*verdict);
                check.asked = *readings;
                check.values.clone_from(values);
                check.ended_at = Some(at);
                Ok(())
            }
            Event::Stopping { stop } => self.stopping(stop),
            Event::UndoStarted { step, intent } => self.undo_started(at, step, intent),
            Event::UndoEnded {
                step, end, output, ..
            } => {
                let undoing = self.undoing(step)?;
                undoing.undo_output.clone_from(output);
                self.undo_ended(at, step, end)
            }
            Event::RunEnded { outcome, elapsed_ms } => {
                self.may_end(*outcome)?;
                self.outcome = Some(*outcome);
                self.elapsed_ms = Some(*elapsed_ms);
                self.ended_at = Some(at);
                Ok(())
            }
            Event::StepStarted { .. }
            | Event::StepSkipped { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::Captured { .. }
            | Event::StepDone { .. }
            | Event::StepFailed { .. } => self.step_event(at, event),
        }
    }

    fn begin(&mut self, at: Timestamp, started: &RunStarted) -> Fits {
        ensure(self.started.is_none(), "the run has begun already")?;
        let steps = &started.outline.steps;
        let mut index = HashMap::new();
        for (position, step) in steps.iter().enumerate() {
            ensure(
                step.needs
                    .iter()
                    .all(|need| *need < steps.len() && *need != position),
                "a step waits for one that is not there",
            )?;
            ensure(
                index.insert(step.id.clone(), position).is_none(),
                "two steps have the same id",
            )?;
        }
        let finally = steps
            .iter()
            .filter(|step| step.section == Section::Finally)
            .count();
        self.open = Open {
            steps: steps.len() - finally,
            finally,
            under_way: 0,
        };
        self.index = index;
        self.steps = steps.iter().map(|_| StepState::new()).collect();
        self.started = Some(Box::new(started.clone()));
        self.started_at = Some(at);
        Ok(())
    }

    fn enter(&mut self, phase: Phase) -> Fits {
        ensure(self.phase < Some(phase), "the parts of a run have an order")?;
        let outline = self.outline()?;
        match phase {
            Phase::Steps => self.forward = forward(&outline, Section::Steps),
            Phase::Finally => self.forward = forward(&outline, Section::Finally),
            Phase::Rollback => self.begin_rollback(&outline),
            Phase::Detect | Phase::Baseline | Phase::Verify => {}
        }
        self.phase = Some(phase);
        Ok(())
    }

    /// Decides what is to be undone. Steps without an undo are settled at once, so that the order of the
    /// others goes through them.
    fn begin_rollback(&mut self, outline: &Outline) {
        let mut reversed = vec![Vec::new(); outline.steps.len()];
        for (position, step) in outline.steps.iter().enumerate() {
            for need in &step.needs {
                if let Some(followers) = reversed.get_mut(*need) {
                    followers.push(position);
                }
            }
        }
        let in_steps = |at: usize| {
            outline
                .steps
                .get(at)
                .is_some_and(|step| step.section == Section::Steps)
        };
        self.backward = Frontier::new(&reversed, in_steps);
        for (step, known) in self.steps.iter_mut().zip(&outline.steps) {
            if step.attempted && known.section == Section::Steps {
                step.undo = match known.undo {
                    UndoOutline::Rollback { .. } => UndoStatus::Pending,
                    UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared => {
                        UndoStatus::Kept
                    }
                };
            }
        }
        self.settle_what_needs_no_undo(self.backward.ready().iter().copied().collect());
    }

    fn settle_what_needs_no_undo(&mut self, mut released: Vec<usize>) {
        while let Some(at) = released.pop() {
            let pending = self
                .steps
                .get(at)
                .is_some_and(|step| step.undo == UndoStatus::Pending);
            if !pending {
                released.extend(self.backward.settle(at));
            }
        }
    }

    fn check_started(&mut self, at: Timestamp, site: &CheckSite) -> Fits {
        let phase = match site.role {
            CheckRole::Detect => Some(Phase::Detect),
            CheckRole::Baseline => Some(Phase::Baseline),
            CheckRole::Verify => Some(Phase::Verify),
            CheckRole::Require | CheckRole::Gate => None,
        };
        match (phase, site.step.as_deref()) {
            (Some(phase), None) => ensure(
                self.phase == Some(phase),
                "the check belongs to another part of the run",
            )?,
            (None, Some(step)) => {
                let status = self.running(step)?.status;
                let expected = if site.role == CheckRole::Gate {
                    StepStatus::Acted
                } else {
                    StepStatus::Running
                };
                ensure(status == expected, "the step is not where its check is asked")?;
            }
            (Some(_), Some(_)) | (None, None) => {
                return Err("a step's check names its step, and no other does".to_owned());
            }
        }
        ensure(
            self.checks.get(site).is_none_or(|check| check.verdict.is_some()),
            "the check is being asked already",
        )?;
        let check = CheckState {
            readings: Vec::new(),
            read_at: Vec::new(),
            verdict: None,
            asked: 0,
            values: indexmap::IndexMap::new(),
            started_at: at,
            ended_at: None,
        };
        self.checks.insert(site.clone(), check);
        Ok(())
    }

    fn open_check(&mut self, site: &CheckSite) -> Result<&mut CheckState, String> {
        let check = self.checks.get_mut(site).ok_or("the check is not being asked")?;
        if check.verdict.is_some() {
            return Err("the check is decided already".to_owned());
        }
        Ok(check)
    }

    fn stopping(&mut self, stop: &Stop) -> Fits {
        ensure(self.stop.is_none(), "the run is stopping already")?;
        ensure(stop.then != OnFailure::Continue, "a stop rolls back or holds")?;
        self.stop = Some(stop.clone());
        Ok(())
    }

    fn step_event(&mut self, at: Timestamp, event: &Event) -> Fits {
        match event {
            Event::StepStarted { step } => {
                let position = self.turn_of(step)?;
                let step = self.step_from(step, StepStatus::Pending)?;
                step.status = StepStatus::Running;
                step.started_at = Some(at);
                self.forward.begin(position);
                self.open.under_way += 1;
            }
            Event::StepSkipped { step, reason } => {
                let state = self.known(step)?;
                ensure(
                    state.status == StepStatus::Pending,
                    "only a step that has not begun can be skipped",
                )?;
                state.skipped = Some(reason.clone());
                self.settle(at, step, StepStatus::Skipped)?;
            }
            Event::ApprovalAsked { .. } | Event::ApprovalAnswered { .. } => self.approval(event)?,
            Event::BeforeTaken { step, values } => {
                self.step_from(step, StepStatus::Running)?
                    .before
                    .clone_from(values);
            }
            Event::AttemptStarted {
                step,
                attempt,
                intent,
            } => self.attempt_started(step, *attempt, intent)?,
            Event::AttemptEnded {
                step, end, output, ..
            } => {
                let step = self.step_from(step, StepStatus::Acting)?;
                step.output.clone_from(output);
                step.status = match end {
                    AttemptEnd::Succeeded => StepStatus::Acted,
                    AttemptEnd::Failed { .. } => StepStatus::Running,
                };
            }
            Event::Captured { step, values } => {
                self.step_from(step, StepStatus::Acted)?
                    .captures
                    .clone_from(values);
            }
            Event::StepDone { step } => {
                self.step_from(step, StepStatus::Acted)?;
                self.gates_passed(step)?;
                self.settle(at, step, StepStatus::Done)?;
            }
            Event::StepFailed { step, failure } => {
                self.running(step)?.failure = Some(failure.clone());
                self.settle(at, step, StepStatus::Failed)?;
                self.failures.extend(self.position(step));
            }
            Event::RunStarted(_)
            | Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::Stopping { .. }
            | Event::UndoStarted { .. }
            | Event::UndoEnded { .. }
            | Event::RunEnded { .. } => return Err("not an event of a step".to_owned()),
        }
        Ok(())
    }

    fn approval(&mut self, event: &Event) -> Fits {
        if let Event::ApprovalAsked { step, .. } = event {
            self.step_from(step, StepStatus::Running)?.status = StepStatus::Asking;
        }
        if let Event::ApprovalAnswered {
            step,
            approved,
            by,
            how,
        } = event
        {
            let step = self.step_from(step, StepStatus::Asking)?;
            step.status = StepStatus::Running;
            step.approval = Some((*approved, by.clone(), how.clone()));
        }
        Ok(())
    }

    /// No step is done without its gates.
    fn gates_passed(&self, id: &str) -> Fits {
        let outline = self.started.as_deref().map(|run| &run.outline);
        let known = outline.and_then(|outline| outline.steps.get(self.position(id)?));
        let passed = |check: &CheckOutline| {
            let site = CheckSite {
                role: CheckRole::Gate,
                step: Some(id.to_owned()),
                check: check.id.clone(),
            };
            self.checks
                .get(&site)
                .is_some_and(|check| check.verdict == Some(Verdict::Pass))
        };
        ensure(
            known.is_some_and(|known| known.verify.iter().all(passed)),
            "a step is done only when its gates have passed",
        )
    }

    /// A run ends when nothing is under way. It is resolved only if nothing stopped it, every step is settled and
    /// every final check has passed.
    fn may_end(&self, outcome: Outcome) -> Fits {
        let undoing = self.steps.iter().any(|step| step.undo == UndoStatus::Running);
        ensure(
            self.open.under_way == 0 && !undoing,
            "something is still under way",
        )?;
        if outcome != Outcome::Resolved {
            return Ok(());
        }
        let outline = self.outline()?;
        let passed = |check: &CheckOutline| {
            let site = CheckSite {
                role: CheckRole::Verify,
                step: None,
                check: check.id.clone(),
            };
            self.checks
                .get(&site)
                .is_some_and(|check| check.verdict == Some(Verdict::Pass))
        };
        let forgiven = |at: &usize| {
            outline
                .steps
                .get(*at)
                .is_some_and(|step| step.on_failure == OnFailure::Continue)
        };
        ensure(self.stop.is_none(), "what was stopped is not resolved")?;
        ensure(self.open.steps == 0, "a step is not settled")?;
        ensure(self.failures.iter().all(forgiven), "a step has failed")?;
        ensure(outline.verify.iter().all(passed), "a final check has not passed")
    }

    fn attempt_started(&mut self, step: &str, attempt: u32, intent: &Intent) -> Fits {
        let stopped = self.stop.is_some() && self.phase < Some(Phase::Rollback);
        ensure(!stopped, "nothing begins once the run is stopping")?;
        let step = self.step_from(step, StepStatus::Running)?;
        ensure(attempt == step.attempts + 1, "attempts are counted")?;
        step.attempts = attempt;
        step.attempted |= intent.effect > Effect::Read;
        step.intent = Some(intent.clone());
        step.status = StepStatus::Acting;
        Ok(())
    }

    fn settle(&mut self, at: Timestamp, id: &str, status: StepStatus) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let outline = self.started.as_deref().map(|run| &run.outline);
        let section = outline
            .and_then(|outline| outline.steps.get(position))
            .map(|step| step.section);
        let step = self.known(id)?;
        let begun = step.status != StepStatus::Pending;
        step.status = status;
        step.ended_at = Some(at);
        match section.ok_or("no such step")? {
            Section::Steps => self.open.steps = self.open.steps.saturating_sub(1),
            Section::Finally => self.open.finally = self.open.finally.saturating_sub(1),
        }
        self.open.under_way = self.open.under_way.saturating_sub(usize::from(begun));
        self.forward.settle(position);
        Ok(())
    }

    fn undo_started(&mut self, at: Timestamp, id: &str, intent: &Intent) -> Fits {
        ensure(
            self.phase == Some(Phase::Rollback),
            "undoing belongs to the rollback",
        )?;
        let position = self.position(id).ok_or("no such step")?;
        ensure(
            self.backward.ready().contains(&position),
            "it is not this step's turn to be undone",
        )?;
        self.backward.begin(position);
        let step = self.known(id)?;
        step.undo = UndoStatus::Running;
        step.undo_intent = Some(intent.clone());
        step.undo_started_at = Some(at);
        Ok(())
    }

    fn undoing(&mut self, id: &str) -> Result<&mut StepState, String> {
        let step = self.known(id)?;
        ensure(step.undo == UndoStatus::Running, "the step is not being undone")?;
        Ok(step)
    }

    fn undo_ended(&mut self, at: Timestamp, id: &str, end: &UndoEnd) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let step = self.undoing(id)?;
        step.undo_ended_at = Some(at);
        match end {
            UndoEnd::Undone => step.undo = UndoStatus::Undone,
            UndoEnd::Failed { failure } => {
                step.undo = UndoStatus::Failed;
                step.undo_failure = Some(failure.clone());
            }
        }
        let released = self.backward.settle(position);
        self.settle_what_needs_no_undo(released);
        Ok(())
    }

    fn turn_of(&mut self, id: &str) -> Result<usize, String> {
        let position = self.position(id).ok_or("no such step")?;
        ensure(
            self.forward.ready().contains(&position),
            "it is not this step's turn",
        )?;
        Ok(position)
    }

    fn known(&mut self, id: &str) -> Result<&mut StepState, String> {
        let position = self.position(id).ok_or("no such step")?;
        self.steps
            .get_mut(position)
            .ok_or_else(|| "no such step".to_owned())
    }

    /// A step that is not settled.
    fn running(&mut self, id: &str) -> Result<&mut StepState, String> {
        let step = self.known(id)?;
        ensure(!step.status.is_settled(), "the step is settled")?;
        Ok(step)
    }

    fn step_from(&mut self, id: &str, from: StepStatus) -> Result<&mut StepState, String> {
        let step = self.known(id)?;
        if step.status == from {
            Ok(step)
        } else {
            Err(format!("the step is {}, not {}", step.status.word(), from.word()))
        }
    }

    fn outline(&self) -> Result<Outline, String> {
        self.started
            .as_deref()
            .map(|run| run.outline.clone())
            .ok_or_else(|| "the run has not begun".to_owned())
    }
}

fn forward(outline: &Outline, section: Section) -> Frontier {
    let needs: Vec<Vec<usize>> = outline.steps.iter().map(|step| step.needs.clone()).collect();
    Frontier::new(&needs, |at| {
        outline.steps.get(at).is_some_and(|step| step.section == section)
    })
}

fn ensure(condition: bool, reason: &str) -> Fits {
    if condition { Ok(()) } else { Err(reason.to_owned()) }
}
