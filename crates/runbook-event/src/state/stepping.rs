//! The transitions of a step.

use jiff::Timestamp;
use runbook_action::{Effect, Failure, Handle};

use super::transition::{Fits, ensure};
use super::{LastEnd, Role, RunState, StepState, StepStatus, UndoStatus};
use crate::{AttemptEnd, CheckOutline, CheckRole, CheckSite, Event, Intent, SkipReason, Verdict};

impl RunState {
    pub(super) fn approval_asked(&mut self, at: Timestamp, step: &str) -> Fits {
        let step = self.step_from(step, StepStatus::Running)?;
        step.status = StepStatus::Asking;
        step.asked_at.get_or_insert(at);
        self.asking += 1;
        Ok(())
    }

    pub(super) fn approval_answered(&mut self, step: &str, event: &Event) -> Fits {
        let asked = self.step_from(step, StepStatus::Asking)?;
        asked.status = StepStatus::Running;
        if let Event::ApprovalAnswered {
            approved, by, how, ..
        } = event
        {
            asked.approval = Some((*approved, by.clone(), how.clone()));
        }
        self.asking = self.asking.saturating_sub(1);
        Ok(())
    }

    pub(super) fn before_taken(&mut self, step: &str, event: &Event) -> Fits {
        let step = self.step_from(step, StepStatus::Running)?;
        ensure(!step.before_taken, "what an undo needs is taken once")?;
        step.before_taken = true;
        if let Event::BeforeTaken { values, inverse, .. } = event {
            step.before.clone_from(values);
            step.inverse.clone_from(inverse);
        }
        Ok(())
    }

    pub(super) fn handle_kept(&mut self, step: &str, handle: &Handle) -> Fits {
        let step = self.known(step)?;
        let undoing = matches!(step.undo, UndoStatus::Running | UndoStatus::Acted);
        let at_work = !step.status.is_settled() || undoing;
        ensure(at_work, "the step is settled")?;
        step.handles.push(handle.clone());
        Ok(())
    }

    pub(super) fn attempt_ended(&mut self, step: &str, event: &Event) -> Fits {
        let step = self.step_from(step, StepStatus::Acting)?;
        let Event::AttemptEnded {
            attempt,
            end,
            values,
            output,
            ..
        } = event
        else {
            return Ok(());
        };
        ensure(
            *attempt == step.attempts,
            "it is another attempt that is under way",
        )?;
        step.output.clone_from(output);
        step.captures.clone_from(values);
        step.handles.clear();
        // Why it failed is known before it is known whether there is another attempt.
        step.failure = end.failure().cloned();
        (step.status, step.last_end) = match end {
            AttemptEnd::Succeeded => (StepStatus::Acted, Some(LastEnd::Succeeded)),
            AttemptEnd::Failed { failure } if failure.may_have_applied => {
                (StepStatus::Running, Some(LastEnd::MaybeApplied))
            }
            AttemptEnd::Failed { .. } => (StepStatus::Running, Some(LastEnd::NotApplied)),
        };
        Ok(())
    }

    pub(super) fn retry_planned(&mut self, step: &str, attempt: u32) -> Fits {
        let step = self.step_from(step, StepStatus::Running)?;
        ensure(attempt == step.attempts + 1, "attempts are counted")
    }

    pub(super) fn adopted(&mut self, step: &str, detail: &str) -> Fits {
        let step = self.step_from(step, StepStatus::Doubtful)?;
        step.status = StepStatus::Acted;
        step.last_end = Some(LastEnd::Succeeded);
        step.adopted = Some(detail.to_owned());
        step.doubt = None;
        Ok(())
    }

    pub(super) fn step_failed(&mut self, at: Timestamp, step: &str, failure: &Failure) -> Fits {
        let position = self.position(step).ok_or("no such step")?;
        // A stop may come while it is found out whether the step is to be run.
        let turn = self.ready.contains(&position) || self.skips.contains(&position);
        let failed = self.running(step)?;
        let (status, inner, course) = (failed.status, failed.inner, failed.course);
        // Whether it is to be run at all may be what cannot be told.
        ensure(
            turn || status != StepStatus::Pending,
            "it is not this step's turn",
        )?;
        ensure(status != StepStatus::Acting, "its action has not come back")?;
        let settled = |at: usize| self.frames.get(at).is_some_and(super::Frame::is_settled);
        let ended = |at: usize| {
            self.courses
                .get(at)
                .is_some_and(|course| course.outcome.is_some())
        };
        ensure(
            inner.is_none_or(settled) && course.is_none_or(ended),
            "what stands within the step has not ended",
        )?;
        self.at(position)?.failure = Some(failure.clone());
        self.fail(at, position);
        Ok(())
    }

    /// Settles a step as failed, and stops what cannot do without it.
    pub(super) fn fail(&mut self, at: Timestamp, position: usize) {
        if self
            .steps
            .get(position)
            .is_some_and(|step| step.status == StepStatus::Asking)
        {
            self.asking = self.asking.saturating_sub(1);
        }
        self.settle(at, position, StepStatus::Failed);
        self.failures.push(position);
        self.blame(position);
    }

    pub(super) fn step_started(&mut self, at: Timestamp, id: &str) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        self.step_from(id, StepStatus::Pending)?;
        ensure(self.ready.contains(&position), "it is not this step's turn")?;
        ensure(
            self.may_begin(position),
            "nothing begins once the run is stopping",
        )?;
        self.ready.remove(&position);
        let step = self.at(position)?;
        step.status = StepStatus::Running;
        step.started_at = Some(at);
        let (frame, is_item) = (step.frame, matches!(step.role, Role::Item { .. }));
        let mut course = 0;
        if let Some(frame) = self.frames.get_mut(frame) {
            frame.under_way += 1;
            course = frame.course;
        }
        if let Some(course) = self.courses.get_mut(course) {
            course.begun = true;
        }
        if is_item {
            self.begin_turn(at, position);
        }
        Ok(())
    }

    pub(super) fn step_skipped(&mut self, at: Timestamp, id: &str, reason: &SkipReason) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let turn = self.ready.contains(&position) || self.skips.contains(&position);
        let step = self.at(position)?;
        let by_answer = *reason == SkipReason::NotApproved && step.status == StepStatus::Running;
        ensure(
            step.status == StepStatus::Pending || by_answer,
            "only a step that has not begun can be skipped",
        )?;
        ensure(turn || by_answer, "it is not this step's turn")?;
        ensure(step.attempts == 0, "what was attempted is not skipped")?;
        step.skipped = Some(reason.clone());
        self.settle(at, position, StepStatus::Skipped);
        Ok(())
    }

    pub(super) fn attempt_started(&mut self, at: Timestamp, id: &str, attempt: u32, intent: &Intent) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        ensure(
            self.may_begin(position),
            "nothing begins once the run is stopping",
        )?;
        let step = self.at(position)?;
        let again =
            step.status == StepStatus::Doubtful && (step.outline.repeatable || step.outline.verify_decides);
        ensure(
            step.status == StepStatus::Running || again,
            "the step is not where its action begins",
        )?;
        ensure(attempt == step.attempts + 1, "attempts are counted")?;
        if step.status != StepStatus::Doubtful {
            step.acting_since = Some(at);
        }
        step.attempts = attempt;
        step.attempted |= intent.effect > Effect::Read;
        step.intent = Some(intent.clone());
        step.handles.clear();
        step.doubt = None;
        step.failure = None;
        step.status = StepStatus::Acting;
        self.lost.remove(&position);
        Ok(())
    }

    pub(super) fn step_done(
        &mut self,
        at: Timestamp,
        id: &str,
        values: &indexmap::IndexMap<String, serde_json::Value>,
    ) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let step = self.at(position)?;
        match step.status {
            StepStatus::Acted => {
                let thens = step.then_open[0];
                ensure(!thens, "what makes it take effect is under way")?;
            }
            StepStatus::Inside => self.inside_is_well(position)?,
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Asking
            | StepStatus::Acting
            | StepStatus::Doubtful
            | StepStatus::Done
            | StepStatus::Failed
            | StepStatus::Skipped => {
                return Err(format!("the step is {}, not finished", step.status.word()));
            }
        }
        self.gates_passed(position)?;
        let step = self.at(position)?;
        for (name, value) in values {
            step.captures.insert(name.clone(), value.clone());
        }
        self.settle(at, position, StepStatus::Done);
        Ok(())
    }

    /// What stands within a step has ended, and nothing of it that matters has failed.
    fn inside_is_well(&self, position: usize) -> Fits {
        let step = self.steps.get(position).ok_or("no such step")?;
        ensure(!step.timed_out, "the step has taken too long")?;
        if let Some(course) = step.course.and_then(|at| self.courses.get(at)) {
            let well = matches!(
                course.outcome,
                Some(crate::Outcome::Resolved | crate::Outcome::NotNeeded)
            );
            return ensure(well, "its runbook has not ended well");
        }
        let frame = step.inner.and_then(|at| self.frames.get(at));
        ensure(
            frame.is_none_or(super::Frame::is_settled),
            "what stands within the step has not ended",
        )?;
        let culprit = step.inner.and_then(|at| self.culprit(at));
        ensure(culprit.is_none(), "something within the step has failed")?;
        ensure(
            step.inner.is_none_or(|at| !self.was_cut(at)),
            "what stands within the step was stopped",
        )?;
        let undoing = self.rewinds.iter().any(|rewind| rewind.owner == position);
        ensure(!undoing, "what the step undoes has not been undone")
    }

    /// No step is done without its gates.
    fn gates_passed(&self, position: usize) -> Fits {
        let step = self.steps.get(position).ok_or("no such step")?;
        // The gate of alternatives is that of the one which worked, and a turn of a loop is gated as a whole.
        let exempt =
            matches!(step.outline.holds, crate::Holds::Alternatives { .. }) || step.role != Role::Step;
        ensure(
            exempt || self.have_passed(&step.id, CheckRole::Gate, &step.outline.verify),
            "a step is done only when its gates have passed",
        )
    }

    /// Whether all of these checks of a step have passed.
    #[must_use]
    pub fn have_passed(&self, step: &str, role: CheckRole, checks: &[CheckOutline]) -> bool {
        checks.iter().all(|check| {
            let site = CheckSite {
                within: None,
                role,
                step: Some(step.to_owned()),
                check: check.id.clone(),
            };
            self.checks
                .get(&site)
                .is_some_and(|check| check.verdict == Some(Verdict::Pass))
        })
    }

    pub(super) fn then_started(&mut self, step: &str, number: u32, undoing: bool) -> Fits {
        let side = usize::from(undoing);
        let position = self.position(step).ok_or("no such step")?;
        let step = self.taking_effect(step, number, undoing)?;
        step.then_open[side] = true;
        *then_failure(step, undoing) = None;
        if undoing {
            step.undo = UndoStatus::Acted;
            self.undo_ready.remove(&position);
        }
        Ok(())
    }

    pub(super) fn then_ended(&mut self, step: &str, number: u32, undoing: bool, end: &AttemptEnd) -> Fits {
        let side = usize::from(undoing);
        let step = self.taking_effect(step, number, undoing)?;
        ensure(step.then_open[side], "it is not under way")?;
        step.then_open[side] = false;
        *then_failure(step, undoing) = end.failure().cloned();
        if *end == AttemptEnd::Succeeded {
            step.then_done[side] = number;
        }
        Ok(())
    }

    /// A step whose change takes effect next by its `then` of this number.
    fn taking_effect(&mut self, step: &str, number: u32, undoing: bool) -> Result<&mut StepState, String> {
        let position = self.position(step).ok_or("no such step")?;
        let at_its_place = if undoing {
            self.undo_has_happened(position)
        } else {
            self.at(position)?.status == StepStatus::Acted
        };
        ensure(
            at_its_place,
            "what makes a change take effect follows that change",
        )?;
        let step = self.at(position)?;
        ensure(
            number == step.then_done[usize::from(undoing)] + 1,
            "they follow each other",
        )?;
        Ok(step)
    }

    pub(super) fn at(&mut self, position: usize) -> Result<&mut StepState, String> {
        self.steps
            .get_mut(position)
            .ok_or_else(|| "no such step".to_owned())
    }

    pub(super) fn known(&mut self, id: &str) -> Result<&mut StepState, String> {
        let position = self.position(id).ok_or("no such step")?;
        self.at(position)
    }

    /// A step that is not settled.
    fn running(&mut self, id: &str) -> Result<&mut StepState, String> {
        let step = self.known(id)?;
        ensure(!step.status.is_settled(), "the step is settled")?;
        Ok(step)
    }

    pub(super) fn step_from(&mut self, id: &str, from: StepStatus) -> Result<&mut StepState, String> {
        let step = self.known(id)?;
        if step.status == from {
            Ok(step)
        } else {
            Err(format!("the step is {}, not {}", step.status.word(), from.word()))
        }
    }
}

/// Where it is kept why what makes a change take effect has failed.
const fn then_failure(step: &mut StepState, undoing: bool) -> &mut Option<Failure> {
    if undoing {
        &mut step.undo_failure
    } else {
        &mut step.failure
    }
}
