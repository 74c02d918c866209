//! What the invariants know of a run: its records, and where each instance of a step stands.

use std::collections::BTreeSet;

use runbook_event::{Event, FrameKind, OnFailure, Record, RunState, StepState};
use runbook_testkit::ran::Ran;

/// What is known of a run.
pub(crate) struct Facts<'r> {
    pub(crate) ran: &'r Ran,
    pub(crate) records: Vec<Record>,
    pub(crate) state: &'r RunState,
    /// For each instance, the instances around it, itself first, each with its frame, up to the run.
    pub(crate) around: Vec<Vec<(usize, usize)>>,
}

impl<'r> Facts<'r> {
    pub(crate) fn new(ran: &'r Ran) -> Self {
        let state = &ran.finished().state;
        let around = (0..state.steps().len()).map(|at| around(state, at)).collect();
        Self {
            ran,
            records: ran.records(),
            state,
            around,
        }
    }

    pub(crate) fn at(&self, id: &str) -> usize {
        self.state.position(id).expect("it is there")
    }

    pub(crate) fn step(&self, at: usize) -> &StepState {
        &self.state.steps()[at]
    }

    pub(crate) fn kind(&self, frame: usize) -> FrameKind {
        self.state.frames()[frame].kind
    }

    /// The frames around an instance, up to one that does not stop with the run.
    pub(crate) fn frames(&self, at: usize) -> impl Iterator<Item = usize> {
        let mut apart = false;
        self.around[at]
            .iter()
            .map(|(_, frame)| *frame)
            .take_while(move |frame| {
                let before = apart;
                apart |= matches!(self.kind(*frame), FrameKind::Undo | FrameKind::Finally);
                !before
            })
    }

    /// Whether it is part of an undo or of the clean-up.
    pub(crate) fn is_apart(&self, at: usize) -> bool {
        let mut frames = self.around[at].iter();
        frames.any(|(_, frame)| matches!(self.kind(*frame), FrameKind::Undo | FrameKind::Finally))
    }

    /// What the members of a frame wait for, as the language says: by positions in it.
    pub(crate) fn needs(&self, frame: usize, local: usize) -> Vec<usize> {
        let frame = &self.state.frames()[frame];
        let one_before = || local.checked_sub(1).into_iter().collect();
        match frame.kind {
            FrameKind::Steps | FrameKind::Finally | FrameKind::Group | FrameKind::Undo => {
                self.state.steps()[frame.members[local]].outline.needs.clone()
            }
            FrameKind::Items { batch: 0 | 1, .. } | FrameKind::Rounds | FrameKind::Alternatives => {
                one_before()
            }
            FrameKind::Items { .. } | FrameKind::Branches { .. } => Vec::new(),
        }
    }

    /// Its position in its frame.
    pub(crate) fn local(&self, at: usize) -> usize {
        let members = &self.state.frames()[self.step(at).frame].members;
        members
            .iter()
            .position(|member| *member == at)
            .expect("it stands in its frame")
    }

    /// The frame by whose graph one instance comes after another, however far, if it does.
    pub(crate) fn comes_after(&self, later: usize, earlier: usize) -> Option<usize> {
        for (ours, frame) in &self.around[later] {
            let theirs = self.around[earlier].iter().find(|(_, known)| known == frame);
            let Some((theirs, _)) = theirs else { continue };
            let after = ours != theirs && self.waits_for(*frame, self.local(*ours), self.local(*theirs));
            return after.then_some(*frame);
        }
        None
    }

    /// The runbooks around a frame, by the steps whose work they are; none for the run itself.
    pub(crate) fn owners(&self, frame: usize) -> Vec<Option<String>> {
        let (mut owners, mut next) = (Vec::new(), Some(frame));
        while let Some(frame) = next {
            let owner = self.state.courses()[self.state.frames()[frame].course].owner;
            owners.push(owner.map(|owner| self.step(owner).id.clone()));
            next = owner.map(|owner| self.step(owner).frame);
        }
        owners
    }

    fn waits_for(&self, frame: usize, from: usize, to: usize) -> bool {
        let (mut open, mut seen) = (vec![from], BTreeSet::new());
        while let Some(at) = open.pop() {
            for need in self.needs(frame, at) {
                if need == to {
                    return true;
                }
                if seen.insert(need) {
                    open.push(need);
                }
            }
        }
        false
    }

    /// Whether the failure of a member lets its frame go on, by what the language says.
    pub(crate) fn is_forgiven(&self, at: usize, failed_before: u32) -> bool {
        let step = self.step(at);
        match self.kind(step.frame) {
            FrameKind::Items { max_failures, .. } => failed_before < max_failures,
            FrameKind::Alternatives | FrameKind::Finally => true,
            FrameKind::Rounds => false,
            FrameKind::Steps | FrameKind::Group | FrameKind::Branches { .. } | FrameKind::Undo => {
                step.outline.on_failure == OnFailure::Continue
            }
        }
    }

    /// Asserts, and tells the whole run where it does not hold.
    pub(crate) fn holds(&self, condition: bool, what: impl FnOnce() -> String) {
        assert!(condition, "{}\n{}", what(), self.ran.full_trace());
    }
}

/// The step that an event is of.
pub(crate) fn step_of(event: &Event) -> Option<&str> {
    match event {
        Event::StepStarted { step }
        | Event::StepSkipped { step, .. }
        | Event::StepDone { step, .. }
        | Event::StepFailed { step, .. }
        | Event::AttemptStarted { step, .. }
        | Event::Entered { step, .. } => Some(step),
        _ => None,
    }
}

fn around(state: &RunState, at: usize) -> Vec<(usize, usize)> {
    let (mut all, mut next) = (Vec::new(), Some(at));
    while let Some(at) = next {
        let frame_at = state.steps()[at].frame;
        all.push((at, frame_at));
        let frame = &state.frames()[frame_at];
        next = match frame.kind {
            FrameKind::Steps | FrameKind::Finally => state.courses()[frame.course].owner,
            FrameKind::Group
            | FrameKind::Items { .. }
            | FrameKind::Rounds
            | FrameKind::Branches { .. }
            | FrameKind::Alternatives
            | FrameKind::Undo => frame.owner,
        };
    }
    all
}
