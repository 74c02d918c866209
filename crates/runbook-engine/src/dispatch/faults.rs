//! Units that ended without settling their work have a fault, which must not look like success.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    CheckOutline, CheckRole, CheckSite, Event, Phase, StepStatus, UndoEnd, UndoStatus, Verdict,
};
use tokio::task::Id;

use super::{Dispatcher, EngineError};
use crate::scheduler::Unit;
use crate::unit;
use crate::view::read;

impl Dispatcher {
    /// How many rounds the step has whose end a unit is about.
    pub(super) fn rounds_of(&self, unit: Unit) -> usize {
        let Unit::Close(at) = unit else { return 0 };
        read(&self.state, |state| {
            let inner = state.steps().get(at).and_then(|step| step.inner);
            let frame = inner.and_then(|at| state.frames().get(at));
            frame.map_or(0, |frame| frame.members.len())
        })
    }

    /// A unit has ended.
    pub(super) fn ended(&mut self, id: Id, panicked: bool) -> Result<(), EngineError> {
        let Some((unit, rounds)) = self.units.remove(&id) else {
            return Ok(());
        };
        // It began another round, which may have ended before this is noticed.
        let has_gone_on = self.rounds_of(unit) > rounds;
        self.work.active.remove(&unit);
        let message = if panicked {
            "the engine failed while running it"
        } else {
            "it ended without a result"
        };
        let failure = Failure::new(ErrorKind::Other, message).maybe_applied();
        match unit {
            Unit::Checks(course, phase) => self.checks_ended(course, phase, message),
            Unit::Guard(course, number) => self.guard_ended(course, number),
            Unit::Step(at) => self.step_ended(at, failure),
            Unit::Close(at) => {
                let open = read(&self.state, |state| state.closing().contains(&at));
                let undoing = read(&self.state, |state| {
                    state
                        .steps()
                        .get(at)
                        .is_some_and(|step| matches!(step.undo, UndoStatus::Running | UndoStatus::Acted))
                });
                match (open, undoing) {
                    (false, _) => Ok(()),
                    (true, false) if has_gone_on => Ok(()),
                    (true, true) => self.undo_ended(at, failure),
                    (true, false) => {
                        let step = self.id_of(at);
                        self.record(Event::StepFailed { step, failure })
                    }
                }
            }
            Unit::Undo(at) => {
                // The steps of an undo end it, and may have done so before this is noticed.
                let goes_on = read(&self.state, |state| {
                    let step = state.steps().get(at);
                    step.is_some_and(|step| step.undo_frame.is_some())
                });
                if goes_on {
                    Ok(())
                } else {
                    self.undo_ended(at, failure)
                }
            }
        }
    }

    fn step_ended(&mut self, at: usize, failure: Failure) -> Result<(), EngineError> {
        let open = read(&self.state, |state| {
            let Some(step) = state.steps().get(at) else {
                return false;
            };
            match step.status {
                StepStatus::Running | StepStatus::Asking | StepStatus::Acting => true,
                StepStatus::Doubtful | StepStatus::Acted => !state.doubts().contains(&at),
                // It was never said to have begun, and nobody else will begin it.
                StepStatus::Pending => state.ready().contains(&at),
                StepStatus::Inside | StepStatus::Done | StepStatus::Failed | StepStatus::Skipped => false,
            }
        });
        if open {
            let step = self.id_of(at);
            self.record(Event::StepFailed { step, failure })?;
        }
        Ok(())
    }

    fn checks_ended(&mut self, course: usize, phase: Phase, message: &str) -> Result<(), EngineError> {
        let role = match phase {
            Phase::Detect => CheckRole::Detect,
            Phase::Verify => CheckRole::Verify,
            Phase::Baseline | Phase::Steps | Phase::Rollback | Phase::Finally => CheckRole::Baseline,
        };
        let within = self.owner_of(course);
        let open = read(&self.state, |state| {
            let Some(outline) = state.courses().get(course).map(|course| &course.outline) else {
                return Vec::new();
            };
            let asked: Vec<&CheckOutline> = match role {
                CheckRole::Detect => outline.detect.iter().collect(),
                CheckRole::Verify => outline.verify.iter().collect(),
                CheckRole::Baseline
                | CheckRole::Guard
                | CheckRole::Require
                | CheckRole::Gate
                | CheckRole::Undone
                | CheckRole::Decide
                | CheckRole::Row => outline.verify.iter().filter(|check| check.baseline).collect(),
            };
            let sites = asked.iter().map(|check| CheckSite {
                within: within.clone(),
                role,
                step: None,
                check: check.id.clone(),
            });
            sites
                .filter_map(|site| {
                    let known = state.checks().get(&site);
                    let begun = known.is_some();
                    let decided = known.is_some_and(|check| check.verdict.is_some());
                    (!decided).then_some((site, begun))
                })
                .collect()
        });
        for (site, begun) in open {
            self.no_answer(site, begun, message)?;
        }
        Ok(())
    }

    /// A check that nobody asks any more could not be asked.
    fn no_answer(&mut self, site: CheckSite, begun: bool, message: &str) -> Result<(), EngineError> {
        if !begun {
            self.record(Event::CheckStarted { site: site.clone() })?;
        }
        let reading = runbook_event::Reading {
            number: 1,
            verdict: Verdict::Error,
            streak: 0,
            value: None,
            warned: false,
            detail: message.to_owned(),
        };
        self.record(Event::CheckRead {
            site: site.clone(),
            reading,
        })?;
        self.record(Event::CheckEnded {
            site,
            verdict: Verdict::Error,
            readings: 1,
            elapsed_ms: 0,
            values: indexmap::IndexMap::new(),
            sealed: None,
        })
    }

    fn guard_ended(&mut self, course: usize, number: usize) -> Result<(), EngineError> {
        let within = self.owner_of(course);
        let open = read(&self.state, |state| {
            let course = state.courses().get(course)?;
            let site = CheckSite {
                within,
                role: CheckRole::Guard,
                step: None,
                check: course.outline.guards.get(number)?.id.clone(),
            };
            let known = state.checks().get(&site);
            let known = known.filter(|check| check.session == state.resumed());
            let decided = known.is_some_and(|check| check.verdict.is_some());
            (!decided).then_some((site, known.is_some()))
        });
        match open {
            Some((site, begun)) => self.no_answer(site, begun, "the engine failed while asking it"),
            None => Ok(()),
        }
    }

    fn undo_ended(&mut self, at: usize, failure: Failure) -> Result<(), EngineError> {
        let known = read(&self.state, |state| {
            let step = state.steps().get(at)?;
            let open = match step.undo {
                UndoStatus::Pending | UndoStatus::Running => true,
                UndoStatus::Doubtful | UndoStatus::Acted => !state.doubts().contains(&at),
                UndoStatus::None | UndoStatus::Undone | UndoStatus::Failed | UndoStatus::Kept => false,
            };
            open.then(|| {
                (
                    step.undo,
                    step.undo_attempts + 1,
                    step.outline.id.clone(),
                    step.frame,
                )
            })
        });
        let Some((undo, attempt, id, frame)) = known else {
            return Ok(());
        };
        let step = self.id_of(at);
        if undo == UndoStatus::Doubtful {
            let detail = failure.to_string();
            return self.record(Event::Doubted {
                step,
                undoing: true,
                detail,
            });
        }
        if undo == UndoStatus::Pending {
            let course = read(&self.state, |state| {
                state.frames().get(frame).map_or(0, |frame| frame.course)
            });
            let owner = self.owner_of(course);
            let course = self.run.courses.get(owner.as_deref());
            let intent = course
                .as_ref()
                .and_then(|course| course.plan.step(&id))
                .map(unit::intent_of_undo);
            if let Some(intent) = intent {
                let step = step.clone();
                self.record(Event::UndoStarted {
                    step,
                    attempt,
                    intent,
                })?;
            }
        }
        self.record(Event::UndoEnded {
            step,
            end: UndoEnd::Failed { failure },
            output: Vec::new(),
            elapsed_ms: 0,
        })
    }
}
