//! The one table of transitions.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use jiff::Timestamp;
use thiserror::Error;

use super::{CheckState, Frame, Phase, RunState, StepState, StepStatus, UndoStatus};
use crate::{
    CheckOutline, CheckRole, CheckSite, Event, OnFailure, Outcome, Reading, Record, RunStarted, StepOutline,
    Verdict,
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

pub(super) type Fits = Result<(), String>;

impl RunState {
    /// Takes in the next record. After an error the state is good for nothing but to be looked at.
    pub fn apply(&mut self, record: &Record) -> Result<(), TransitionError> {
        let fits = if record.seq == self.next_seq {
            self.pass_time(record.at, &record.event);
            self.transit(record)
        } else {
            Err(format!("expected record {}", self.next_seq))
        };
        fits.map_err(|reason| TransitionError {
            seq: record.seq,
            reason,
        })?;
        self.next_seq += 1;
        self.last_at = Some(record.at);
        if takes_time(&record.event) {
            self.counted_to = Some(record.at);
        }
        Ok(())
    }

    /// Counts the time in which the run did something, and neither waited for people nor undid.
    fn pass_time(&mut self, at: Timestamp, event: &Event) {
        let counts = self.asking == 0 && self.phase() < Some(Phase::Rollback) && takes_time(event);
        let since = self
            .counted_to
            .filter(|_| counts && !matches!(event, Event::RunResumed(_)));
        if let Some(since) = since {
            self.active += Duration::try_from(at.duration_since(since)).unwrap_or_default();
        }
    }

    fn transit(&mut self, record: &Record) -> Fits {
        let (at, event) = (record.at, &record.event);
        if let Event::RunStarted(started) = event {
            return self.begin(at, started);
        }
        ensure(self.started.is_some(), "the run has not begun")?;
        // These may stand after the end.
        let whenever = matches!(event, Event::RunResumed(_) | Event::Noted { .. } | Event::Note(_));
        ensure(whenever || self.outcome.is_none(), "the run has ended")?;
        match event {
            Event::RunStarted(_) | Event::Noted { .. } => Ok(()),
            Event::Note(note) => self.noted(record, note),
            Event::RunResumed(resumed) => self.resume(at, resumed),
            Event::PhaseStarted { within, phase } => self.enter(within.as_deref(), *phase),
            Event::CheckStarted { site } => self.check_started(at, site),
            Event::CheckRead { site, reading } => self.check_read(at, site, reading),
            Event::CheckEnded { site, .. } => self.check_ended(at, site, event),
            Event::StepStarted { step } => self.step_started(at, step),
            Event::StepSkipped { step, reason } => self.step_skipped(at, step, reason),
            Event::Entered { step, into, .. } => self.entered(at, step, into),
            Event::TimedOut { step } => self.timed_out(at, step),
            Event::ApprovalAsked { step, .. } => self.approval_asked(at, step),
            Event::ApprovalAnswered { step, .. } => self.approval_answered(step, event),
            Event::BeforeTaken { step, .. } => self.before_taken(step, event),
            Event::AttemptStarted {
                step,
                attempt,
                intent,
            } => self.attempt_started(at, step, *attempt, intent),
            Event::HandleKept { step, handle } => self.handle_kept(step, handle),
            Event::AttemptEnded { step, .. } => self.attempt_ended(step, event),
            Event::RetryPlanned { step, attempt, .. } => self.retry_planned(step, *attempt),
            Event::ThenStarted {
                step,
                number,
                undoing,
                ..
            } => self.then_started(step, *number, *undoing),
            Event::ThenEnded {
                step,
                number,
                undoing,
                end,
                ..
            } => self.then_ended(step, *number, *undoing, end),
            Event::Adopted { step, detail } => self.adopted(step, detail),
            Event::Doubted {
                step,
                undoing,
                detail,
            } => self.doubted(step, *undoing, detail),
            Event::StepDone { step, values, .. } => self.step_done(at, step, values),
            Event::StepFailed { step, failure } => self.step_failed(at, step, failure),
            Event::Stopping { within, stop } => self.stopping(within.as_deref(), stop),
            Event::UndoStarted {
                step,
                attempt,
                intent,
            } => self.undo_started(at, step, *attempt, intent),
            Event::UndoRetried { step, attempt, .. } => self.undo_retried(step, *attempt),
            Event::UndoEnded {
                step, end, output, ..
            } => self.undo_ended(at, step, end, output),
            Event::RunbookEnded { step, outcome } => self.runbook_ended(step, *outcome),
            Event::RunEnded { outcome, elapsed_ms } => self.run_ended(at, *outcome, *elapsed_ms),
        }
    }

    fn check_read(&mut self, at: Timestamp, site: &CheckSite, reading: &Reading) -> Fits {
        let check = self.open_check(site)?;
        check.readings.push(reading.clone());
        check.read_at.push(at);
        Ok(())
    }

    fn check_ended(&mut self, at: Timestamp, site: &CheckSite, event: &Event) -> Fits {
        let check = self.open_check(site)?;
        check.ended_at = Some(at);
        if let Event::CheckEnded {
            verdict,
            readings,
            values,
            ..
        } = event
        {
            check.verdict = Some(*verdict);
            check.asked = *readings;
            check.values.clone_from(values);
        }
        Ok(())
    }

    fn run_ended(&mut self, at: Timestamp, outcome: Outcome, elapsed_ms: u64) -> Fits {
        self.may_end(0, outcome)?;
        self.outcome = Some(outcome);
        if let Some(course) = self.courses.first_mut() {
            course.outcome = Some(outcome);
        }
        self.elapsed_ms = Some(elapsed_ms);
        self.ended_at = Some(at);
        Ok(())
    }

    fn begin(&mut self, at: Timestamp, started: &RunStarted) -> Fits {
        ensure(self.started.is_none(), "the run has begun already")?;
        let outline = &started.outline;
        let mut ids = std::collections::HashSet::new();
        for list in [&outline.steps, &outline.finally] {
            sound(list)?;
            ensure(
                list.iter().all(|step| ids.insert(step.id.as_str())),
                "two steps have the same id",
            )?;
        }
        self.started = Some(Box::new(started.clone()));
        self.started_at = Some(at);
        self.open_course(None, &Arc::new(outline.clone()), String::new());
        Ok(())
    }

    fn enter(&mut self, within: Option<&str>, phase: Phase) -> Fits {
        let at = self.course_of(within)?;
        let course = self.courses.get_mut(at).ok_or("no such runbook")?;
        ensure(course.outcome.is_none(), "that runbook has ended")?;
        ensure(course.phase < Some(phase), "the parts of a run have an order")?;
        let (steps, finally) = (course.steps, course.finally);
        let turns_back = course
            .stop
            .as_ref()
            .is_some_and(|stop| stop.then == OnFailure::Rollback);
        ensure(
            phase != Phase::Rollback || turns_back,
            "only what was stopped is rolled back",
        )?;
        ensure(
            phase <= Phase::Steps || self.frames.get(steps).is_some_and(Frame::is_settled),
            "a step is not settled",
        )?;
        ensure(!self.is_undoing(at), "something is still to be undone")?;
        let course = self.courses.get_mut(at).ok_or("no such runbook")?;
        course.phase = Some(phase);
        match phase {
            Phase::Steps => {
                let again = self.frames.get(steps).is_some_and(|frame| frame.started);
                if !again {
                    self.start_frame(steps);
                }
            }
            Phase::Finally => self.start_frame(finally),
            Phase::Rollback => self.begin_rollback(at),
            Phase::Detect | Phase::Baseline | Phase::Verify => {}
        }
        Ok(())
    }

    fn check_started(&mut self, at: Timestamp, site: &CheckSite) -> Fits {
        let phase = match site.role {
            CheckRole::Detect => Some(Phase::Detect),
            CheckRole::Baseline => Some(Phase::Baseline),
            CheckRole::Verify => Some(Phase::Verify),
            CheckRole::Guard => Some(Phase::Steps),
            CheckRole::Require | CheckRole::Gate | CheckRole::Undone | CheckRole::Decide | CheckRole::Row => {
                None
            }
        };
        match (phase, site.step.as_deref()) {
            (Some(phase), None) => {
                let course = self.course_of(site.within.as_deref())?;
                let here = self.courses.get(course).and_then(|course| course.phase);
                ensure(
                    here == Some(phase),
                    "the check belongs to another part of the run",
                )?;
            }
            (None, Some(step)) => self.is_where_asked(step, site.role)?,
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
            values: IndexMap::new(),
            session: self.resumed,
            started_at: at,
            ended_at: None,
        };
        self.checks.insert(site.clone(), check);
        Ok(())
    }

    fn is_where_asked(&mut self, step: &str, role: CheckRole) -> Fits {
        let step = self.known(step)?;
        let fits = match role {
            CheckRole::Require | CheckRole::Decide => step.status == StepStatus::Running,
            CheckRole::Gate => matches!(
                step.status,
                StepStatus::Acted | StepStatus::Inside | StepStatus::Doubtful
            ),
            CheckRole::Undone => matches!(
                step.undo,
                UndoStatus::Running | UndoStatus::Doubtful | UndoStatus::Acted
            ),
            CheckRole::Row => step.status == StepStatus::Acting,
            CheckRole::Detect | CheckRole::Baseline | CheckRole::Verify | CheckRole::Guard => false,
        };
        ensure(fits, "the step is not where its check is asked")
    }

    fn open_check(&mut self, site: &CheckSite) -> Result<&mut CheckState, String> {
        let check = self.checks.get_mut(site).ok_or("the check is not being asked")?;
        if check.verdict.is_some() {
            return Err("the check is decided already".to_owned());
        }
        Ok(check)
    }

    fn doubted(&mut self, id: &str, undoing: bool, detail: &str) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let step = self.at(position)?;
        let open = if undoing {
            step.undo_is_open_to_doubt()
        } else {
            step.is_open_to_doubt()
        };
        ensure(open, "nobody doubts whether that step has happened")?;
        step.doubt = Some(detail.to_owned());
        self.doubts.insert(position);
        self.lost.remove(&position);
        self.undo_ready.remove(&position);
        self.closing.remove(&position);
        Ok(())
    }

    fn runbook_ended(&mut self, step: &str, outcome: Outcome) -> Fits {
        let at = self.course_of(Some(step))?;
        self.may_end(at, outcome)?;
        let position = self.position(step).ok_or("no such step")?;
        let course = self.courses.get_mut(at).ok_or("no such runbook")?;
        ensure(course.outcome.is_none(), "that runbook has ended")?;
        course.outcome = Some(outcome);
        self.to_stop.retain(|(course, _)| *course != at);
        self.closing.insert(position);
        Ok(())
    }

    /// A course ends when nothing in it is under way or still to be undone, and as what happened in it lets it. It is
    /// resolved only if nothing stopped it, every step is settled and every final check has passed.
    fn may_end(&self, course: usize, outcome: Outcome) -> Fits {
        let unknown = outcome == Outcome::Unknown;
        ensure(!unknown || !self.doubts.is_empty(), "nobody doubts anything")?;
        let busy = self.steps.iter().enumerate().any(|(at, step)| {
            let forward = match step.status {
                StepStatus::Pending | StepStatus::Done | StepStatus::Failed | StepStatus::Skipped => false,
                StepStatus::Doubtful | StepStatus::Acted => !(unknown && self.doubts.contains(&at)),
                StepStatus::Inside => !unknown,
                StepStatus::Running | StepStatus::Asking | StepStatus::Acting => true,
            };
            let backward = match step.undo {
                UndoStatus::Running => !unknown,
                UndoStatus::Doubtful | UndoStatus::Acted => !(unknown && self.doubts.contains(&at)),
                UndoStatus::None
                | UndoStatus::Pending
                | UndoStatus::Undone
                | UndoStatus::Failed
                | UndoStatus::Kept => false,
            };
            (forward || backward) && self.belongs(step.frame, course)
        });
        ensure(!busy, "something is still under way")?;
        ensure(
            unknown || !self.is_undoing(course),
            "something is still to be undone",
        )?;
        match outcome {
            Outcome::Unknown | Outcome::Waiting => Ok(()),
            Outcome::NotNeeded => self.is_untouched(course),
            Outcome::Failed if self.is_untouched(course).is_ok() => Ok(()),
            Outcome::Failed | Outcome::Interrupted | Outcome::Rejected | Outcome::RolledBack => {
                self.is_over(course, true)
            }
            Outcome::RollbackFailed => {
                let failed =
                    |step: &StepState| step.undo == UndoStatus::Failed && self.belongs(step.frame, course);
                ensure(self.steps.iter().any(failed), "no undo has failed")?;
                self.is_over(
                    course,
                    self.courses
                        .get(course)
                        .is_some_and(|course| course.stop.is_some()),
                )
            }
            Outcome::CleanupFailed => {
                let finally = self
                    .courses
                    .get(course)
                    .and_then(|known| self.frames.get(known.finally));
                ensure(
                    finally.is_some_and(|frame| frame.failed > 0),
                    "no step of the clean-up has failed",
                )?;
                self.is_resolved(course)
            }
            Outcome::Resolved => self.is_resolved(course),
        }
    }

    /// Nothing of a course has begun, since it was only asked whether it is needed.
    fn is_untouched(&self, course: usize) -> Fits {
        let known = self.courses.get(course).ok_or("no such runbook")?;
        let asked = known.phase <= Some(Phase::Detect) && known.stop.is_none();
        ensure(asked, "only what has not begun is not needed")
    }

    /// All steps of a course are settled, and it was stopped or it was not.
    fn is_over(&self, course: usize, stopped: bool) -> Fits {
        let known = self.courses.get(course).ok_or("no such runbook")?;
        let reason = if stopped {
            "nothing has stopped it"
        } else {
            "what was stopped is not resolved"
        };
        ensure(known.stop.is_some() == stopped, reason)?;
        let steps = self.frames.get(known.steps).ok_or("no such steps")?;
        ensure(steps.is_settled(), "a step is not settled")
    }

    fn is_resolved(&self, course: usize) -> Fits {
        self.is_over(course, false)?;
        let known = self.courses.get(course).ok_or("no such runbook")?;
        let within = known
            .owner
            .and_then(|owner| self.steps.get(owner))
            .map(|step| step.id.clone());
        let passed = |check: &CheckOutline| {
            let site = CheckSite {
                within: within.clone(),
                role: CheckRole::Verify,
                step: None,
                check: check.id.clone(),
            };
            self.checks
                .get(&site)
                .is_some_and(|check| check.verdict == Some(Verdict::Pass))
        };
        ensure(self.culprit(known.steps).is_none(), "a step has failed")?;
        ensure(
            known.outline.verify.iter().all(passed),
            "a final check has not passed",
        )
    }
}

/// Whether the steps of a list wait for others of it.
fn sound(steps: &[Arc<StepOutline>]) -> Fits {
    for (at, step) in steps.iter().enumerate() {
        ensure(
            step.needs.iter().all(|need| *need < steps.len() && *need != at),
            "a step waits for one that is not there",
        )?;
        sound(step.holds.steps())?;
    }
    Ok(())
}

/// Whether a run does something up to an event. What is only noted may stand there hours after a crash.
const fn takes_time(event: &Event) -> bool {
    !matches!(event, Event::Noted { .. } | Event::Note(_))
}

pub(super) fn ensure(condition: bool, reason: &str) -> Fits {
    if condition { Ok(()) } else { Err(reason.to_owned()) }
}
