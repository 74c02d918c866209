//! How much of a run there is to do, and which instances are its work.

use std::sync::Arc;

use super::{RunState, StepStatus};
use crate::{Holds, SkipReason, StepOutline};

/// The work of a run: what stands within its steps counts, and not what holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Work {
    /// The instances that count, without those of the clean-up and of undos, in the order in which people read
    /// them.
    pub steps: Vec<usize>,
    /// How many more there are at least in what has not begun: of a loop one turn, of branches and alternatives the
    /// smallest.
    pub ahead: usize,
}

impl Work {
    /// How many there are in all. It grows as loops unfold.
    #[must_use]
    pub fn total(&self) -> usize {
        self.steps.len() + self.ahead
    }
}

impl RunState {
    /// The work of the run and of its sub-runbooks. A branch that was not chosen and an alternative that was not
    /// needed are none.
    #[must_use]
    pub fn work(&self) -> Work {
        let mut work = Work::default();
        if let Some(course) = self.courses.first() {
            self.count(course.steps, &mut work);
        }
        work
    }

    /// How many of the instances of the work are done.
    #[must_use]
    pub fn done(&self, work: &Work) -> usize {
        let is_done = |at: &&usize| {
            let step = self.steps.get(**at);
            step.is_some_and(|step| step.status == StepStatus::Done)
        };
        work.steps.iter().filter(is_done).count()
    }

    fn count(&self, frame: usize, work: &mut Work) {
        for at in self.frames.get(frame).map_or(&[] as &[_], |frame| &frame.members) {
            let Some(step) = self.steps.get(*at) else { continue };
            let course = step.course.and_then(|course| self.courses.get(course));
            let inside = step.inner.or(course.map(|course| course.steps));
            match (inside, &step.skipped) {
                (Some(inside), _) => self.count(inside, work),
                (None, Some(SkipReason::NotChosen | SkipReason::NotNeeded)) => {}
                (None, None) if step.holds_others() && !step.status.is_settled() => {
                    work.ahead += least(&step.outline);
                }
                (None, Some(_) | None) => work.steps.push(*at),
            }
        }
    }
}

/// How many steps a step comes to at least.
fn least(step: &StepOutline) -> usize {
    let each = |steps: &[Arc<StepOutline>]| steps.iter().map(|step| least(step)).sum();
    match &step.holds {
        Holds::Nothing => 1,
        Holds::Steps { steps } | Holds::Items { steps, .. } | Holds::Rounds { steps } => each(steps),
        Holds::Branches { steps } | Holds::Alternatives { steps } => {
            steps.iter().map(|step| least(step)).min().unwrap_or(0)
        }
        Holds::Runbook { outline, .. } => each(&outline.steps),
    }
}
