//! What a failure stops: nothing new starts, from the step that failed outwards.

use jiff::Timestamp;

use super::frame::FrameKind;
use super::transition::{Fits, ensure};
use super::{Braked, RunState, StepStatus, UndoStatus};
use crate::{OnFailure, SkipReason, Stop, StopCause};

impl RunState {
    /// Whether the failure of a member leaves its frame to go on.
    #[must_use]
    pub fn is_forgiven(&self, position: usize) -> bool {
        let Some(step) = self.steps.get(position) else {
            return false;
        };
        let Some(frame) = self.frames.get(step.frame) else {
            return false;
        };
        match frame.kind {
            FrameKind::Items { max_failures, .. } => {
                let settled = step.status == StepStatus::Failed;
                frame.failed + u32::from(!settled) <= max_failures
            }
            // The next alternative is tried, and whether any has worked is judged at the end; the clean-up goes on.
            FrameKind::Alternatives | FrameKind::Finally => true,
            FrameKind::Rounds => false,
            FrameKind::Steps | FrameKind::Group | FrameKind::Branches { .. } | FrameKind::Undo => {
                step.outline.on_failure == OnFailure::Continue
            }
        }
    }

    /// The failed member that its frame cannot do without, if there is one: the one that failed first. Of
    /// alternatives it is the last that was tried.
    #[must_use]
    pub fn culprit(&self, frame: usize) -> Option<usize> {
        let frame = self.frames.get(frame)?;
        let mut failed = frame.members.iter().copied().filter(|at| {
            let step = self.steps.get(*at);
            step.is_some_and(|step| step.status == StepStatus::Failed)
        });
        if frame.kind == FrameKind::Alternatives {
            return if frame.decided { None } else { failed.next_back() };
        }
        failed.filter(|at| !self.is_forgiven(*at)).min_by_key(|at| {
            let place = self.failures.iter().position(|known| known == at);
            // What was only given up, when a person turned back, has not failed before what has.
            place.unwrap_or(usize::MAX)
        })
    }

    /// Whether a stop kept something in a frame from being begun. One that came after the last of it changes nothing.
    #[must_use]
    pub fn was_cut(&self, frame: usize) -> bool {
        let members = self.frames.get(frame).map_or(&[] as &[_], |frame| &frame.members);
        members.iter().any(|at| {
            let step = self.steps.get(*at);
            step.is_some_and(|step| step.skipped == Some(SkipReason::Stopped))
        })
    }

    /// Whether a course cannot do without a step: neither the step is forgiven nor anything that holds it.
    #[must_use]
    pub fn is_fatal(&self, position: usize, course: usize) -> bool {
        let mut at = position;
        while !self.is_forgiven(at) {
            let frame = self.steps.get(at).and_then(|step| self.frames.get(step.frame));
            let Some(frame) = frame else { return false };
            let owner = match frame.kind {
                FrameKind::Steps if frame.course == course => return true,
                FrameKind::Steps => self.courses.get(frame.course).and_then(|course| course.owner),
                FrameKind::Finally | FrameKind::Undo => None,
                FrameKind::Group
                | FrameKind::Items { .. }
                | FrameKind::Rounds
                | FrameKind::Branches { .. }
                | FrameKind::Alternatives => frame.owner,
            };
            let Some(owner) = owner else { return false };
            at = owner;
        }
        false
    }

    /// A step has failed: what cannot do without it begins nothing more.
    pub(super) fn blame(&mut self, failed: usize) {
        let (mut at, mut failed) = (failed, failed);
        while !self.is_forgiven(at) {
            let Some(frame_at) = self.steps.get(at).map(|step| step.frame) else {
                return;
            };
            self.stop_frame(frame_at, false);
            let Some(frame) = self.frames.get(frame_at) else {
                return;
            };
            match (frame.kind, frame.owner) {
                (FrameKind::Steps, _) => {
                    self.must_stop(frame.course, Some(failed));
                    return;
                }
                (FrameKind::Finally | FrameKind::Undo, _) | (_, None) => return,
                (_, Some(owner)) => {
                    at = owner;
                    // What was cancelled because that took too long is not to blame.
                    if self.steps.get(owner).is_some_and(|step| step.timed_out) {
                        failed = owner;
                    }
                }
            }
        }
    }

    fn must_stop(&mut self, course: usize, failed: Option<usize>) {
        let knows = self
            .courses
            .get(course)
            .is_some_and(|course| course.stop.is_some() || course.outcome.is_some());
        if !knows && !self.to_stop.iter().any(|(known, _)| *known == course) {
            self.to_stop.push((course, failed));
        }
    }

    /// Nothing in a frame begins any more, nor in what stands within its members.
    pub(super) fn stop_frame(&mut self, at: usize, changes: bool) {
        let Some(frame) = self.frames.get_mut(at) else {
            return;
        };
        let braked = Braked { frame: at, changes };
        if !self.braked.contains(&braked) {
            self.braked.push(braked);
        }
        let again = frame.stopped;
        frame.stopped = true;
        // What is stopped before its turn has come is skipped all the same.
        frame.started |= frame.kind == FrameKind::Steps;
        if again && !changes {
            return;
        }
        let members = frame.members.clone();
        self.sort_pending(at);
        for member in members {
            let Some(step) = self.steps.get(member) else {
                continue;
            };
            if step.status != StepStatus::Inside {
                continue;
            }
            let (inner, course) = (step.inner, step.course);
            if let Some(inner) = inner {
                self.stop_frame(inner, changes);
            }
            if let Some(course) = course {
                self.must_stop(course, None);
            }
            self.stop_rewind(member);
        }
    }

    /// A step that undoes others stops: what of it has not begun is left to the rollback.
    fn stop_rewind(&mut self, owner: usize) {
        let Some(at) = self.rewinds.iter().position(|rewind| rewind.owner == owner) else {
            return;
        };
        let Some(rewind) = self.rewinds.get_mut(at) else {
            return;
        };
        let waiting: Vec<usize> = rewind.left.intersection(&self.undo_ready).copied().collect();
        let pending = |position: &usize| {
            let step = self.steps.get(*position);
            step.is_some_and(|step| step.undo == UndoStatus::Pending)
        };
        let waiting: Vec<usize> = waiting.into_iter().filter(|at| pending(at)).collect();
        let never: Vec<usize> = rewind.left.iter().copied().filter(|at| pending(at)).collect();
        for position in &never {
            rewind.left.remove(position);
        }
        let over = rewind.left.is_empty();
        for position in waiting.into_iter().chain(never) {
            self.undo_ready.remove(&position);
            if let Some(step) = self.steps.get_mut(position) {
                step.undo = UndoStatus::None;
            }
        }
        if over {
            self.rewinds.remove(at);
            self.closing.insert(owner);
        }
    }

    pub(super) fn stopping(&mut self, within: Option<&str>, stop: &Stop) -> Fits {
        let at = self.course_of(within)?;
        let course = self.courses.get_mut(at).ok_or("no such runbook")?;
        ensure(course.stop.is_none(), "the run is stopping already")?;
        ensure(stop.then != OnFailure::Continue, "a stop rolls back or holds")?;
        course.stop = Some(stop.clone());
        let steps = course.steps;
        self.to_stop.retain(|(course, _)| *course != at);
        let changes = match stop.cause {
            StopCause::GuardTripped { .. } | StopCause::TimedOut | StopCause::Signal { .. } => true,
            StopCause::StepFailed { .. }
            | StopCause::Rejected { .. }
            | StopCause::VerifyFailed { .. }
            | StopCause::Parent
            | StopCause::Person { .. } => false,
        };
        self.stop_frame(steps, changes);
        Ok(())
    }

    /// A step that holds others has taken too long.
    pub(super) fn timed_out(&mut self, at: Timestamp, id: &str) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let due = self
            .timed
            .iter()
            .any(|(until, timed)| *timed == position && *until <= at);
        ensure(due, "the step has not taken too long")?;
        self.timed.retain(|(_, timed)| *timed != position);
        let step = self.at(position)?;
        step.timed_out = true;
        let (inner, course, frame) = (step.inner, step.course, step.frame);
        match (inner, course) {
            (Some(inner), _) => self.stop_frame(inner, true),
            (None, Some(course)) => {
                let steps = self.courses.get(course).map(|course| course.steps);
                self.must_stop(course, None);
                if let Some(steps) = steps {
                    self.stop_frame(steps, true);
                }
            }
            // It has not come to what stands within it, and its own brake is that of its frame's.
            (None, None) => drop(self.frames.get(frame)),
        }
        Ok(())
    }

    /// The course of the run, or of the sub-runbook within a step.
    pub(super) fn course_of(&self, within: Option<&str>) -> Result<usize, String> {
        match within {
            None => Ok(0),
            Some(id) => {
                let step = self.step(id).ok_or("no such step")?;
                step.course.ok_or_else(|| "the step runs no runbook".to_owned())
            }
        }
    }
}
