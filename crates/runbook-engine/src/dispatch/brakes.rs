//! Who may stop what: a brake for each frame, raised as the state says.

use std::collections::HashMap;

use runbook_event::{FrameKind, RunState};

use crate::brake::{Brake, Stops, Urgency};
use crate::view::{Shared, read};

/// The brakes of a run.
#[derive(Default)]
pub(super) struct Brakes {
    root: Stops,
    undos: Brake,
    frames: HashMap<usize, Stops>,
    guards: HashMap<usize, Stops>,
    /// How many of the state's stopped frames have been seen to.
    followed: usize,
}

impl Brakes {
    /// Those of a process that goes on with this run: what was stopped before concerned another process.
    pub(super) fn after(state: &RunState) -> Self {
        Self {
            followed: state.braked().len(),
            ..Self::default()
        }
    }

    /// The brake of all but undos and the clean-up.
    pub(super) const fn root(&self) -> &Stops {
        &self.root
    }

    /// The brake of undos and the clean-up: cancelling the run does not raise it.
    pub(super) fn undos(&self) -> Brake {
        self.undos.clone()
    }

    /// The brakes of a frame.
    pub(super) fn of(&mut self, frame: usize, state: &Shared) -> Stops {
        if let Some(known) = self.frames.get(&frame) {
            return known.clone();
        }
        // The frames around it, the innermost first, up to one that is known or does not stop with the run.
        let mut way = vec![frame];
        let mut around = None;
        loop {
            let at = way.last().copied().unwrap_or(frame);
            let (kind, next) = read(state, |state| outwards(state, at));
            if matches!(kind, Some(FrameKind::Finally | FrameKind::Undo)) {
                let apart = Stops {
                    reads: self.undos.child(),
                    changes: self.undos.child(),
                };
                around = Some(apart.clone());
                self.frames.insert(at, apart);
                way.pop();
                break;
            }
            match next {
                Some(next) => match self.frames.get(&next) {
                    Some(known) => {
                        around = Some(known.clone());
                        break;
                    }
                    None => way.push(next),
                },
                None => break,
            }
        }
        let mut stops = around.unwrap_or_else(|| self.root.clone());
        for at in way.into_iter().rev() {
            stops = stops.child();
            self.frames.insert(at, stops.clone());
        }
        stops
    }

    /// The brakes of a course's guards.
    pub(super) fn guard(&mut self, course: usize, state: &Shared) -> Stops {
        let steps = read(state, |state| {
            state.courses().get(course).map_or(0, |course| course.steps)
        });
        let around = self.of(steps, state);
        let known = self.guards.entry(course).or_insert_with(|| around.child());
        known.clone()
    }

    /// Nothing is left to be guarded.
    pub(super) fn unguard(&mut self, course: usize) {
        if let Some(stops) = self.guards.get(&course) {
            stops.raise(Urgency::Stop);
        }
    }

    /// Raises what the state has stopped meanwhile.
    pub(super) fn follow(&mut self, state: &Shared) {
        loop {
            let next = read(state, |state| state.braked().get(self.followed).copied());
            let Some(braked) = next else { return };
            self.followed += 1;
            let stops = self.of(braked.frame, state);
            stops.reads.raise(Urgency::Stop);
            if braked.changes {
                stops.changes.raise(Urgency::Stop);
            }
        }
    }
}

/// What a frame is, and the frame around it.
fn outwards(state: &RunState, at: usize) -> (Option<FrameKind>, Option<usize>) {
    let Some(frame) = state.frames().get(at) else {
        return (None, None);
    };
    let owner = match frame.kind {
        FrameKind::Steps | FrameKind::Finally => {
            state.courses().get(frame.course).and_then(|course| course.owner)
        }
        FrameKind::Group
        | FrameKind::Items { .. }
        | FrameKind::Rounds
        | FrameKind::Branches { .. }
        | FrameKind::Alternatives
        | FrameKind::Undo => frame.owner,
    };
    let around = owner
        .and_then(|owner| state.steps().get(owner))
        .map(|step| step.frame);
    (Some(frame.kind), around)
}
