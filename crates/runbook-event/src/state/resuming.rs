//! A run goes on after a crash, after it was held, or to be undone.

use jiff::Timestamp;
use runbook_action::{ErrorKind, Failure};

use super::graph::Frontier;
use super::transition::{Fits, ensure};
use super::{FrameKind, LastEnd, Phase, RunState, StepState, StepStatus, UndoStatus};
use crate::{
    Assumed, Assumption, CheckRole, OnFailure, Outcome, Resumed, RunResumed, SkipReason, Stop, StopCause,
    Verdict,
};

impl RunState {
    pub(super) fn resume(&mut self, at: Timestamp, resumed: &RunResumed) -> Fits {
        let may = match (self.outcome, resumed.how) {
            (None, _) => true,
            (Some(outcome), Resumed::Forward) => matches!(
                outcome,
                Outcome::Failed | Outcome::Interrupted | Outcome::Waiting | Outcome::Unknown
            ),
            (Some(outcome), Resumed::Rollback) => outcome != Outcome::NotNeeded,
        };
        ensure(may, "the run has ended, and cannot go on")?;
        let held = self.outcome.take();
        if let Some(course) = self.courses.first_mut() {
            course.outcome = None;
        }
        self.ended_at = None;
        self.elapsed_ms = None;
        self.resumed += 1;
        self.asking = 0;
        self.doubts.clear();
        // What was being asked is asked again; what a guard read stays on record.
        self.checks
            .retain(|site, check| check.verdict.is_some() || site.role == CheckRole::Guard);
        for check in self.checks.values_mut() {
            let last = check
                .readings
                .last()
                .map_or(Verdict::Error, |reading| reading.verdict);
            check.verdict.get_or_insert(last);
        }
        self.pick_up();
        if matches!(
            held,
            Some(Outcome::Failed | Outcome::Interrupted | Outcome::Waiting)
        ) && resumed.how == Resumed::Forward
        {
            self.reopen(at, 0);
        }
        for assumed in &resumed.assumed {
            self.assume(at, assumed)?;
        }
        if resumed.how == Resumed::Rollback {
            self.turn_back(at, &resumed.who.user);
        }
        Ok(())
    }

    /// What was under way when the process ended is under way still, and nobody works on it.
    fn pick_up(&mut self) {
        for (at, step) in self.steps.iter_mut().enumerate() {
            match step.status {
                StepStatus::Acting => {
                    step.status = StepStatus::Doubtful;
                    self.lost.insert(at);
                }
                StepStatus::Running | StepStatus::Acted | StepStatus::Doubtful => drop(self.lost.insert(at)),
                StepStatus::Asking => {
                    step.status = StepStatus::Running;
                    self.lost.insert(at);
                }
                StepStatus::Pending
                | StepStatus::Inside
                | StepStatus::Done
                | StepStatus::Failed
                | StepStatus::Skipped => {}
            }
            let within = step.inner.is_some() || step.course.is_some();
            match step.undo {
                UndoStatus::Running | UndoStatus::Doubtful if within => {}
                UndoStatus::Running | UndoStatus::Doubtful if step.undo_frame.is_none() => {
                    step.undo = UndoStatus::Doubtful;
                    self.undo_ready.insert(at);
                }
                UndoStatus::Acted if step.undo_frame.is_none() => drop(self.undo_ready.insert(at)),
                // Its steps have ended.
                UndoStatus::Acted => drop(self.closing.insert(at)),
                UndoStatus::None
                | UndoStatus::Pending
                | UndoStatus::Running
                | UndoStatus::Doubtful
                | UndoStatus::Undone
                | UndoStatus::Failed
                | UndoStatus::Kept => {}
            }
        }
    }

    fn assume(&mut self, at: Timestamp, assumed: &Assumed) -> Fits {
        let position = self.position(&assumed.step).ok_or("no such step")?;
        let step = self.at(position)?;
        ensure(
            step.is_open_to_doubt() || step.undo_is_open_to_doubt(),
            "nobody doubts whether that step has happened",
        )?;
        step.doubt = None;
        if step.undo_is_open_to_doubt() {
            self.assume_of_undo(at, position, assumed);
            return Ok(());
        }
        if step.status == StepStatus::Acted {
            // What it did has happened; what makes that take effect was interrupted.
            step.then_open[0] = false;
            match assumed.assume {
                Assumption::Done => step.then_done[0] += 1,
                Assumption::Attempted => {
                    step.failure = Some(by_word(&assumed.reason));
                    self.fail(at, position);
                }
                Assumption::NotStarted | Assumption::Retry => {}
            }
            return Ok(());
        }
        match assumed.assume {
            Assumption::Done => {
                step.status = StepStatus::Acted;
                step.last_end = Some(LastEnd::Succeeded);
                step.adopted = Some(assumed.reason.clone());
            }
            Assumption::Attempted => {
                step.failure = Some(by_word(&assumed.reason));
                step.last_end = Some(LastEnd::MaybeApplied);
                self.fail(at, position);
            }
            Assumption::NotStarted => {
                step.status = StepStatus::Running;
                step.last_end = Some(LastEnd::NotApplied);
                // An earlier attempt may have done something all the same.
                step.attempted = step.attempts > 1;
            }
            // Whatever has happened, it is run again.
            Assumption::Retry => step.status = StepStatus::Running,
        }
        Ok(())
    }

    fn assume_of_undo(&mut self, at: Timestamp, position: usize, assumed: &Assumed) {
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        let taking_effect = std::mem::take(&mut step.then_open[1]);
        match assumed.assume {
            Assumption::Done if taking_effect => step.then_done[1] += 1,
            // What makes it take effect is still to come, and its checks are asked.
            Assumption::Done => step.undo = UndoStatus::Acted,
            Assumption::Attempted => {
                step.undo = UndoStatus::Failed;
                step.undo_failure = Some(by_word(&assumed.reason));
                step.undo_ended_at = Some(at);
                self.undo_settled(at, position);
            }
            Assumption::NotStarted | Assumption::Retry if taking_effect => {}
            Assumption::NotStarted | Assumption::Retry => step.undo = UndoStatus::Pending,
        }
    }

    /// What was held goes on: what failed is to be done, and what was not come to has its turn.
    fn reopen(&mut self, at: Timestamp, course: usize) {
        let Some(opened) = self.courses.get_mut(course) else {
            return;
        };
        opened.stop = None;
        opened.outcome = None;
        let begun = opened.phase >= Some(Phase::Steps);
        opened.phase = begun.then_some(Phase::Steps);
        let (owner, steps) = (opened.owner, opened.steps);
        let within = owner
            .and_then(|owner| self.steps.get(owner))
            .map(|owner| owner.id.clone());
        self.checks.retain(|site, _| {
            let again = match site.role {
                CheckRole::Verify => true,
                CheckRole::Detect | CheckRole::Baseline => !begun,
                CheckRole::Guard
                | CheckRole::Require
                | CheckRole::Gate
                | CheckRole::Undone
                | CheckRole::Decide
                | CheckRole::Row => false,
            };
            !(again && site.within == within)
        });
        self.to_stop.retain(|(known, _)| *known != course);
        self.reopen_frame(at, steps);
        if !begun {
            // Their turn has not come.
            let members = self
                .frames
                .get(steps)
                .map_or_else(Vec::new, |frame| frame.members.clone());
            for member in members {
                self.ready.remove(&member);
            }
            if let Some(frame) = self.frames.get_mut(steps) {
                frame.started = false;
            }
        }
    }

    fn reopen_frame(&mut self, at: Timestamp, frame_at: usize) {
        let Some(frame) = self.frames.get_mut(frame_at) else {
            return;
        };
        let was_stopped = frame.stopped;
        frame.stopped = false;
        let kind = frame.kind;
        let members = frame.members.clone();
        let last_failed = members.iter().copied().rfind(|at| {
            let step = self.steps.get(*at);
            step.is_some_and(|step| step.status == StepStatus::Failed)
        });
        for member in members {
            let Some(step) = self.steps.get_mut(member) else {
                continue;
            };
            let failed = step.status == StepStatus::Failed;
            let counts = match kind {
                FrameKind::Items { .. } => was_stopped,
                FrameKind::Alternatives => Some(member) == last_failed,
                FrameKind::Steps
                | FrameKind::Finally
                | FrameKind::Group
                | FrameKind::Rounds
                | FrameKind::Branches { .. }
                | FrameKind::Undo => step.outline.on_failure != OnFailure::Continue,
            };
            if step.skipped == Some(SkipReason::Stopped) {
                step.status = StepStatus::Pending;
                step.skipped = None;
                step.ended_at = None;
            } else if failed && counts {
                self.reopen_step(at, member);
            }
        }
        self.recount(frame_at);
    }

    fn reopen_step(&mut self, at: Timestamp, position: usize) {
        self.failures.retain(|failed| *failed != position);
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        step.failure = None;
        step.ended_at = None;
        step.timed_out = false;
        if step.approval.as_ref().is_some_and(|(approved, ..)| !approved) {
            step.approval = None;
            step.asked_at = None;
        }
        let ended = step.course.and_then(|course| self.courses.get(course));
        let turned_back = ended.is_some_and(|course| course.phase >= Some(Phase::Rollback));
        match (step.inner, step.course) {
            (Some(inner), _) => {
                step.status = StepStatus::Inside;
                self.time(at, position);
                self.reopen_frame(at, inner);
            }
            (None, Some(course)) if !turned_back => {
                step.status = StepStatus::Inside;
                self.time(at, position);
                self.reopen(at, course);
            }
            (None, Some(_) | None) => {
                step.course = None;
                step.status = match step.last_end {
                    None | Some(LastEnd::NotApplied) => StepStatus::Running,
                    Some(LastEnd::Succeeded) => StepStatus::Acted,
                    Some(LastEnd::MaybeApplied) if step.outline.repeatable => StepStatus::Running,
                    Some(LastEnd::MaybeApplied) => StepStatus::Doubtful,
                };
                self.lost.insert(position);
            }
        }
    }

    /// Counts anew what of a frame is open, and what of it is ready.
    fn recount(&mut self, at: usize) {
        let mut forward = Frontier::new(&self.needs_of(at));
        let Some(frame) = self.frames.get(at) else { return };
        let (mut open, mut under_way, mut failed) = (0, 0, 0);
        for (local, member) in frame.members.iter().enumerate() {
            let Some(step) = self.steps.get(*member) else {
                continue;
            };
            failed += u32::from(step.status == StepStatus::Failed);
            if step.status.is_settled() {
                forward.settle(local);
            } else {
                open += 1;
                if step.status != StepStatus::Pending {
                    under_way += 1;
                }
            }
        }
        if let Some(frame) = self.frames.get_mut(at) {
            (frame.open, frame.under_way, frame.failed, frame.forward) = (open, under_way, failed, forward);
        }
        self.sort_pending(at);
        if open == 0 {
            self.frame_settled(at);
        }
    }

    /// A person wants the run undone: what was under way counts as attempted, and nothing more begins. An undo that
    /// is under way goes on.
    fn turn_back(&mut self, at: Timestamp, by: &str) {
        for position in (0..self.steps.len()).rev() {
            if !self.is_in_undo(position) {
                self.give_up(at, position);
            }
        }
        for course in self.courses.iter_mut().skip(1) {
            course.outcome.get_or_insert(Outcome::Failed);
        }
        self.rewinds.clear();
        self.to_stop.clear();
        let goes_on = self.steps.iter().any(StepState::is_to_be_undone);
        let Some(course) = self.courses.first_mut() else {
            return;
        };
        course.stop = Some(Stop {
            cause: StopCause::Person { by: by.to_owned() },
            then: OnFailure::Rollback,
        });
        if course.phase != Some(Phase::Rollback) || !goes_on {
            // The rollback begins, again if need be.
            course.phase = course.phase.map(|_| Phase::Verify);
            self.undo_ready.clear();
            // A person who asks for it gets another try of what failed.
            for step in &mut self.steps {
                if step.undo == UndoStatus::Failed {
                    step.undo = UndoStatus::None;
                }
            }
        }
    }

    /// Nobody will go on with a step.
    fn give_up(&mut self, at: Timestamp, position: usize) {
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        match step.status {
            StepStatus::Done | StepStatus::Failed | StepStatus::Skipped => {}
            StepStatus::Pending => {
                step.skipped = Some(SkipReason::Stopped);
                self.settle(at, position, StepStatus::Skipped);
            }
            StepStatus::Running
            | StepStatus::Asking
            | StepStatus::Acting
            | StepStatus::Doubtful
            | StepStatus::Acted
            | StepStatus::Inside => {
                let failure = || Failure::new(ErrorKind::Cancelled, "the run did not go on").maybe_applied();
                step.failure.get_or_insert_with(failure);
                self.settle(at, position, StepStatus::Failed);
            }
        }
    }

    /// Whether a step is part of an undo.
    #[must_use]
    pub fn is_in_undo(&self, position: usize) -> bool {
        let mut at = Some(position);
        while let Some(step) = at.and_then(|at| self.steps.get(at)) {
            let Some(frame) = self.frames.get(step.frame) else {
                return false;
            };
            if frame.kind == FrameKind::Undo {
                return true;
            }
            at = frame.owner;
        }
        false
    }
}

fn by_word(reason: &str) -> Failure {
    Failure::new(
        ErrorKind::Other,
        format!("a person said that it may have happened in part: {reason}"),
    )
    .maybe_applied()
}
