//! Which instances a step's id means, seen from where somebody asks.

use super::{FrameKind, Role, RunState, StepState};

/// What an id means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This instance.
    One(usize),
    /// An instance for each turn of a loop, in their order.
    Each(Vec<Self>),
    /// None: what holds the step has not begun, or did not come to it.
    None,
}

impl Found {
    /// The instances, whatever loops they stand in.
    #[must_use]
    pub fn positions(&self) -> Vec<usize> {
        match self {
            Self::One(at) => vec![*at],
            Self::Each(found) => found.iter().flat_map(Self::positions).collect(),
            Self::None => Vec::new(),
        }
    }
}

impl RunState {
    /// The instances of the step `id` of the runbook that `frame` belongs to, seen from that frame: the same turn
    /// of the loops around both, and every turn of the loops around that step alone. Of the rounds of a `repeat`
    /// only the last counts.
    #[must_use]
    pub fn find(&self, frame: usize, id: &str) -> Found {
        let mut around = Some(frame);
        let mut course = None;
        while let Some(at) = around {
            let Some(frame) = self.frames.get(at) else { break };
            course = Some(frame.course);
            match self.within(at, id) {
                Found::None => {}
                found @ (Found::One(_) | Found::Each(_)) => return found,
            }
            around = frame
                .owner
                .and_then(|owner| self.steps.get(owner))
                .map(|owner| owner.frame);
        }
        // The clean-up looks at the steps, which stand beside it.
        match course.and_then(|course| self.courses.get(course)) {
            Some(course) => self.within(course.steps, id),
            None => Found::None,
        }
    }

    /// The names of the items of the loops around a frame: the outermost first.
    #[must_use]
    pub fn turns(&self, frame: usize) -> Vec<usize> {
        let mut turns = Vec::new();
        let mut around = self.frames.get(frame).and_then(|frame| frame.owner);
        while let Some(step) = around.and_then(|at| self.steps.get(at)) {
            if matches!(step.role, Role::Item { .. }) {
                turns.extend(around);
            }
            around = self.frames.get(step.frame).and_then(|frame| frame.owner);
        }
        turns.reverse();
        turns
    }

    fn within(&self, frame: usize, id: &str) -> Found {
        let Some(frame) = self.frames.get(frame) else {
            return Found::None;
        };
        match frame.kind {
            FrameKind::Items { .. } => {
                let each: Vec<Found> = frame.members.iter().map(|at| self.below(*at, id)).collect();
                if each.iter().all(|found| *found == Found::None) && !self.holds(frame.owner.as_ref(), id) {
                    Found::None
                } else {
                    Found::Each(each)
                }
            }
            FrameKind::Rounds => frame.members.last().map_or(Found::None, |at| self.below(*at, id)),
            FrameKind::Steps
            | FrameKind::Finally
            | FrameKind::Group
            | FrameKind::Branches { .. }
            | FrameKind::Alternatives
            | FrameKind::Undo => {
                let known = frame.members.iter().find(|at| {
                    let step = self.steps.get(**at);
                    step.is_some_and(|step| step.outline.id == id)
                });
                match known {
                    Some(at) => Found::One(*at),
                    None => frame
                        .members
                        .iter()
                        .map(|at| self.below(*at, id))
                        .find(|found| *found != Found::None)
                        .unwrap_or(Found::None),
                }
            }
        }
    }

    fn below(&self, at: usize, id: &str) -> Found {
        let Some(step) = self.steps.get(at) else {
            return Found::None;
        };
        let inner = step.inner.map_or(Found::None, |inner| self.within(inner, id));
        match (inner, step.undo_frame) {
            (Found::None, Some(undo)) => self.within(undo, id),
            (found, _) => found,
        }
    }

    /// Whether a step of this id stands somewhere within an instance, begun or not.
    fn holds(&self, at: Option<&usize>, id: &str) -> bool {
        fn has(steps: &[std::sync::Arc<crate::StepOutline>], id: &str) -> bool {
            steps.iter().any(|step| {
                // The ids of another runbook are its own.
                let other = matches!(step.holds, crate::Holds::Runbook { .. });
                step.id == id || (!other && has(step.holds.steps(), id))
            })
        }
        at.and_then(|at| self.steps.get(*at))
            .is_some_and(|step: &StepState| has(step.outline.holds.steps(), id))
    }
}
