//! Undoing: the reversed graph over what was attempted, through what only looked or was skipped.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::graph::Frontier;
use super::transition::{Fits, ensure};
use super::{FrameKind, Phase, RunState, StepState, UndoStatus};
use crate::{CheckRole, Intent, UndoEnd, UndoOutline};

impl RunState {
    /// Decides what of a course is to be undone, and lets the last of it begin.
    pub(super) fn begin_rollback(&mut self, course: usize) {
        let Some(steps) = self.courses.get(course).map(|course| course.steps) else {
            return;
        };
        self.mark(steps);
        self.start_backward(steps);
    }

    /// Marks what is to be undone in a frame. Says whether there is something.
    fn mark(&mut self, frame: usize) -> bool {
        let members = self
            .frames
            .get(frame)
            .map_or_else(Vec::new, |frame| frame.members.clone());
        let mut any = false;
        for member in members {
            any |= self.mark_step(member);
        }
        any
    }

    /// Marks what is to be undone of a step. An undo that has failed, by all of its attempts, is not tried again.
    fn mark_step(&mut self, position: usize) -> bool {
        let Some(step) = self.steps.get(position) else {
            return false;
        };
        let inside = match (step.inner, step.course.and_then(|at| self.courses.get(at))) {
            (Some(inner), _) => Some(inner),
            (None, Some(course)) => Some(course.steps),
            (None, None) => None,
        };
        if let Some(inside) = inside {
            let any = self.mark(inside);
            if let Some(step) = self.steps.get_mut(position)
                && any
            {
                step.undo = UndoStatus::Pending;
            }
            return any;
        }
        let Some(step) = self.steps.get_mut(position) else {
            return false;
        };
        if step.attempted && step.undo == UndoStatus::None {
            step.undo = match step.outline.undo {
                UndoOutline::Rollback { .. } | UndoOutline::Steps { .. } => UndoStatus::Pending,
                UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared => {
                    UndoStatus::Kept
                }
                UndoOutline::Within => UndoStatus::None,
            };
            if step.undo == UndoStatus::Pending {
                step.undo_failure = None;
                step.undo_frame = None;
                step.then_done[1] = 0;
            }
        }
        step.undo == UndoStatus::Pending
    }

    /// Lets what is to be undone in a frame begin, the last first.
    fn start_backward(&mut self, at: usize) {
        let needs = self.needs_of(at);
        let mut reversed = vec![Vec::new(); needs.len()];
        for (local, needed) in needs.iter().enumerate() {
            for need in needed {
                if let Some(followers) = reversed.get_mut(*need) {
                    followers.push(local);
                }
            }
        }
        let Some(frame) = self.frames.get_mut(at) else {
            return;
        };
        frame.backward = Frontier::new(&reversed);
        let first: Vec<usize> = frame.backward.ready().iter().copied().collect();
        let members = frame.members.clone();
        frame.undo_left = members
            .iter()
            .filter(|member| self.steps.get(**member).is_some_and(StepState::is_to_be_undone))
            .count();
        self.release(at, first);
    }

    /// Passes through the members with nothing to undo, and lets the others begin.
    fn release(&mut self, at: usize, mut released: Vec<usize>) {
        while let Some(local) = released.pop() {
            let Some(frame) = self.frames.get_mut(at) else {
                return;
            };
            let Some(member) = frame.members.get(local).copied() else {
                continue;
            };
            if self.steps.get(member).is_some_and(StepState::is_to_be_undone) {
                self.release_undo(member);
            } else {
                released.extend(frame.backward.settle(local));
            }
        }
    }

    fn release_undo(&mut self, position: usize) {
        let Some(step) = self.steps.get_mut(position) else {
            return;
        };
        match (step.inner, step.course) {
            (Some(inner), _) => {
                step.undo = UndoStatus::Running;
                self.start_backward(inner);
            }
            (None, Some(course)) => {
                step.undo = UndoStatus::Running;
                if let Some(steps) = self.courses.get(course).map(|course| course.steps) {
                    self.start_backward(steps);
                }
            }
            // One that is on its way already, since several may undo side by side, ends by itself.
            (None, None) if step.undo == UndoStatus::Running => {}
            (None, None) => drop(self.undo_ready.insert(position)),
        }
    }

    /// Marks these steps and lets their undo begin. Returns those that wait.
    pub(super) fn begin_rewind(&mut self, targets: &[usize]) -> BTreeSet<usize> {
        let mut frames = BTreeSet::new();
        let mut left = BTreeSet::new();
        for target in targets {
            if self.mark_step(*target) {
                left.insert(*target);
                frames.extend(self.steps.get(*target).map(|step| step.frame));
            }
        }
        for frame in frames {
            self.start_backward(frame);
        }
        left
    }

    pub(super) fn undo_started(&mut self, at: Timestamp, id: &str, attempt: u32, intent: &Intent) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        ensure(
            self.undo_ready.contains(&position),
            "it is not this step's turn to be undone",
        )?;
        let step = self.at(position)?;
        let repeatable = match &step.outline.undo {
            UndoOutline::Rollback { repeatable, .. } => *repeatable,
            UndoOutline::Steps { .. } => true,
            UndoOutline::Within
            | UndoOutline::Irreversible { .. }
            | UndoOutline::NotNeeded
            | UndoOutline::Undeclared => false,
        };
        let may = match step.undo {
            UndoStatus::Pending => true,
            // Its verify said that it has not happened, or it is harmless to run it twice.
            UndoStatus::Doubtful => repeatable || has_verify(step),
            UndoStatus::None
            | UndoStatus::Running
            | UndoStatus::Acted
            | UndoStatus::Undone
            | UndoStatus::Failed
            | UndoStatus::Kept => false,
        };
        ensure(may, "the step is not to be undone")?;
        ensure(attempt == step.undo_attempts + 1, "attempts are counted")?;
        step.undo = UndoStatus::Running;
        step.undo_attempts = attempt;
        step.undo_intent = Some(intent.clone());
        step.undo_started_at.get_or_insert(at);
        step.undo_ended_at = None;
        step.handles.clear();
        self.undo_ready.remove(&position);
        Ok(())
    }

    pub(super) fn undo_retried(&mut self, id: &str, attempt: u32) -> Fits {
        let step = self.known(id)?;
        ensure(step.undo == UndoStatus::Running, "the step is not being undone")?;
        ensure(
            !is_undone_within(step),
            "its undo is that of what stands within it",
        )?;
        ensure(attempt == step.undo_attempts + 1, "attempts are counted")?;
        step.undo_attempts = attempt;
        Ok(())
    }

    /// Whether what undoes a step has happened, so that it may take effect. After a crash its checks tell.
    pub(super) fn undo_has_happened(&self, position: usize) -> bool {
        let Some(step) = self.steps.get(position) else {
            return false;
        };
        match (step.undo, &step.outline.undo) {
            (UndoStatus::Acted, _) => true,
            (UndoStatus::Running, _) => step.undo_frame.is_none_or(|at| self.has_ended_well(at)),
            (UndoStatus::Doubtful, UndoOutline::Rollback { verify, .. }) => {
                !verify.is_empty() && self.have_passed(&step.id, CheckRole::Undone, verify)
            }
            (
                UndoStatus::None
                | UndoStatus::Pending
                | UndoStatus::Doubtful
                | UndoStatus::Undone
                | UndoStatus::Failed
                | UndoStatus::Kept,
                _,
            ) => false,
        }
    }

    /// Whether all members of a frame are settled, and none that matters has failed.
    fn has_ended_well(&self, frame: usize) -> bool {
        self.frames.get(frame).is_some_and(super::Frame::is_settled) && self.culprit(frame).is_none()
    }

    /// What undoes a step has ended, and if it is to have succeeded its checks have passed and none of its steps that
    /// matters has failed.
    fn undo_is_over(&self, position: usize, end: &UndoEnd) -> Fits {
        let Some(step) = self.steps.get(position) else {
            return Err("no such step".to_owned());
        };
        if let UndoOutline::Rollback { verify, .. } = &step.outline.undo {
            return ensure(
                *end != UndoEnd::Undone || self.have_passed(&step.id, CheckRole::Undone, verify),
                "a step is undone only when the checks of its undo have passed",
            );
        }
        if !matches!(step.outline.undo, UndoOutline::Steps { .. }) {
            return Ok(());
        }
        let settled = |at: usize| self.frames.get(at).is_some_and(super::Frame::is_settled);
        let well = |at: usize| self.culprit(at).is_none();
        ensure(
            step.undo_frame.is_none_or(settled),
            "a step of the undo has not ended",
        )?;
        ensure(
            *end != UndoEnd::Undone || step.undo_frame.is_some_and(well),
            "a step of the undo has not ended well",
        )
    }

    pub(super) fn undo_ended(
        &mut self,
        at: Timestamp,
        id: &str,
        end: &UndoEnd,
        output: &[crate::OutputRef],
    ) -> Fits {
        let position = self.position(id).ok_or("no such step")?;
        let step = self.at(position)?;
        let open = match step.undo {
            UndoStatus::Running | UndoStatus::Acted => true,
            UndoStatus::Doubtful => *end == UndoEnd::Undone,
            UndoStatus::None
            | UndoStatus::Pending
            | UndoStatus::Undone
            | UndoStatus::Failed
            | UndoStatus::Kept => false,
        };
        ensure(open, "the step is not being undone")?;
        ensure(
            !is_undone_within(step),
            "its undo is that of what stands within it",
        )?;
        self.undo_is_over(position, end)?;
        let step = self.at(position)?;
        step.undo_output = output.to_vec();
        step.undo_ended_at = Some(at);
        step.handles.clear();
        step.doubt = None;
        match end {
            UndoEnd::Undone => step.undo = UndoStatus::Undone,
            UndoEnd::Failed { failure } => {
                step.undo = UndoStatus::Failed;
                step.undo_failure = Some(failure.clone());
            }
        }
        self.undo_settled(at, position);
        Ok(())
    }

    /// The undo of a step has ended: what it was built on may be undone.
    pub(super) fn undo_settled(&mut self, at: Timestamp, position: usize) {
        self.undo_ready.remove(&position);
        self.closing.remove(&position);
        self.doubts.remove(&position);
        let Some((frame_at, local)) = self.steps.get(position).map(|step| (step.frame, step.local)) else {
            return;
        };
        let Some(frame) = self.frames.get_mut(frame_at) else {
            return;
        };
        frame.undo_left = frame.undo_left.saturating_sub(1);
        let (left, owner, course) = (frame.undo_left, frame.owner, frame.course);
        let is_course = frame.kind == FrameKind::Steps;
        let released = frame.backward.settle(local);
        self.release(frame_at, released);
        self.tell_rewinds(position);
        if left > 0 {
            return;
        }
        let owner = if is_course {
            self.courses.get(course).and_then(|course| course.owner)
        } else {
            owner
        };
        let undoing = |step: &StepState| step.undo == UndoStatus::Running && step.undo_frame.is_none();
        if let Some(owner) = owner.filter(|at| self.steps.get(*at).is_some_and(undoing)) {
            let failed = self.frames.get(frame_at).is_some_and(|frame| {
                frame.members.iter().any(|at| {
                    let step = self.steps.get(*at);
                    step.is_some_and(|step| step.undo == UndoStatus::Failed)
                })
            });
            if let Some(step) = self.steps.get_mut(owner) {
                step.undo = if failed {
                    UndoStatus::Failed
                } else {
                    UndoStatus::Undone
                };
                step.undo_ended_at = Some(at);
            }
            self.undo_settled(at, owner);
        }
    }

    fn tell_rewinds(&mut self, position: usize) {
        let mut over = Vec::new();
        for rewind in &mut self.rewinds {
            if rewind.left.remove(&position) && rewind.left.is_empty() {
                over.push(rewind.owner);
            }
        }
        self.rewinds.retain(|rewind| !rewind.left.is_empty());
        self.closing.extend(over);
    }

    /// Whether a step undoes others, and one of them could not be undone.
    #[must_use]
    pub fn failed_rewind(&self, owner: usize, ids: &[String]) -> Option<usize> {
        let from = self.steps.get(owner)?.frame;
        let targets = ids.iter().flat_map(|id| self.find(from, id).positions());
        targets.into_iter().find(|at| {
            let step = self.steps.get(*at);
            step.is_some_and(|step| step.undo == UndoStatus::Failed)
        })
    }

    /// Whether a step undoes others, and one of them was left as it is.
    #[must_use]
    pub fn left_by_rewind(&self, owner: usize, ids: &[String]) -> Option<usize> {
        let from = self.steps.get(owner)?.frame;
        let targets = ids.iter().flat_map(|id| self.find(from, id).positions());
        targets.into_iter().find(|at| self.is_left(*at))
    }

    /// Whether something of a step was attempted and could be undone.
    fn is_left(&self, position: usize) -> bool {
        let Some(step) = self.steps.get(position) else {
            return false;
        };
        let course = step.course.and_then(|at| self.courses.get(at));
        let inside = step.inner.or_else(|| course.map(|course| course.steps));
        if let Some(frame) = inside.and_then(|at| self.frames.get(at)) {
            return frame.members.iter().any(|member| self.is_left(*member));
        }
        let by_itself = matches!(
            step.outline.undo,
            UndoOutline::Rollback { .. } | UndoOutline::Steps { .. }
        );
        step.attempted && by_itself && step.undo == UndoStatus::None
    }

    /// Whether something of a course is being undone, or is to be.
    #[must_use]
    pub fn is_undoing(&self, course: usize) -> bool {
        let Some(known) = self.courses.get(course) else {
            return false;
        };
        let left = |frame: usize| self.frames.get(frame).is_some_and(|frame| frame.undo_left > 0);
        known.phase == Some(Phase::Rollback) && left(known.steps)
    }

    /// Whether a step of a course, or of what stands within it, may have changed something.
    #[must_use]
    pub fn has_changed(&self, course: usize) -> bool {
        self.steps
            .iter()
            .any(|step| step.attempted && self.belongs(step.frame, course))
    }

    /// Whether a frame belongs to a course or to what stands within it.
    #[must_use]
    pub fn belongs(&self, frame: usize, course: usize) -> bool {
        let mut at = self.frames.get(frame).map(|frame| frame.course);
        while let Some(here) = at {
            if here == course {
                return true;
            }
            let owner = self.courses.get(here).and_then(|course| course.owner);
            at = owner
                .and_then(|owner| self.steps.get(owner))
                .and_then(|owner| self.frames.get(owner.frame))
                .map(|frame| frame.course);
        }
        false
    }
}

/// Whether what is undone of a step stands within it.
const fn is_undone_within(step: &StepState) -> bool {
    step.inner.is_some() || step.course.is_some()
}

fn has_verify(step: &StepState) -> bool {
    match &step.outline.undo {
        UndoOutline::Rollback { verify, .. } => !verify.is_empty(),
        UndoOutline::Steps { .. }
        | UndoOutline::Within
        | UndoOutline::Irreversible { .. }
        | UndoOutline::NotNeeded
        | UndoOutline::Undeclared => false,
    }
}
