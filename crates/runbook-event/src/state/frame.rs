//! Frames and courses: where the instances of steps stand.
//!
//! A *course* is a runbook on its way: the run itself, or a sub-runbook within a step. A *frame* is one list of
//! steps on its way: the steps of a course, those of a group, the items of a loop. A step that stands in a loop
//! has one instance a turn, and each instance is a [`StepState`](super::StepState) of its own.

use std::sync::Arc;

use indexmap::IndexMap;
use serde_json::Value;

use super::Phase;
use super::graph::Frontier;
use crate::{Outcome, Outline, StepOutline, Stop};

/// What the members of a frame are to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// The steps of a course.
    Steps,
    /// The clean-up of a course.
    Finally,
    /// The steps of a group, or of one turn of a loop.
    Group,
    /// The items of a loop.
    Items {
        /// How many are worked on side by side.
        batch: u32,
        /// How many may fail.
        max_failures: u32,
    },
    /// The rounds of a loop.
    Rounds,
    /// Branches, of which the one at this position was chosen.
    Branches {
        /// Its position.
        chosen: Option<usize>,
    },
    /// Alternatives.
    Alternatives,
    /// The steps of an undo.
    Undo,
}

/// One list of steps on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The instance that it stands within.
    pub owner: Option<usize>,
    /// The course that it belongs to.
    pub course: usize,
    /// What its members are to each other.
    pub kind: FrameKind,
    /// The positions of its members in [`RunState::steps`](super::RunState::steps).
    pub members: Vec<usize>,
    /// Whether nothing in it begins any more.
    pub stopped: bool,
    /// Whether its members' turn has come.
    pub(super) started: bool,
    /// How many of its members are not settled.
    pub(super) open: usize,
    /// How many of its members have begun and are not settled.
    pub(super) under_way: usize,
    /// How many of its members have failed.
    pub(super) failed: u32,
    /// Whether one of its alternatives has worked.
    pub(super) decided: bool,
    pub(super) forward: Frontier,
    pub(super) backward: Frontier,
    /// How many of its members are still to be undone.
    pub(super) undo_left: usize,
    /// The keys of the loops around it, as they stand in the ids of its members.
    pub(super) keys: String,
}

impl Frame {
    pub(super) fn new(kind: FrameKind, owner: Option<usize>, course: usize, keys: String) -> Self {
        Self {
            owner,
            course,
            kind,
            members: Vec::new(),
            stopped: false,
            started: false,
            open: 0,
            under_way: 0,
            failed: 0,
            decided: false,
            forward: Frontier::default(),
            backward: Frontier::default(),
            undo_left: 0,
            keys,
        }
    }

    /// Whether all its members are settled.
    #[must_use]
    pub const fn is_settled(&self) -> bool {
        self.open == 0
    }

    /// Whether its members' turn has come.
    #[must_use]
    pub const fn has_started(&self) -> bool {
        self.started
    }

    /// How many of its members have begun and are not settled.
    #[must_use]
    pub const fn under_way(&self) -> usize {
        self.under_way
    }

    /// What each member waits for, by positions in this frame.
    pub(super) fn needs(&self, outlines: &[Arc<StepOutline>]) -> Vec<Vec<usize>> {
        let one_by_one = match self.kind {
            FrameKind::Steps | FrameKind::Finally | FrameKind::Group | FrameKind::Undo => {
                return outlines.iter().map(|outline| outline.needs.clone()).collect();
            }
            FrameKind::Items { batch, .. } => batch <= 1,
            FrameKind::Rounds | FrameKind::Alternatives => true,
            FrameKind::Branches { .. } => false,
        };
        (0..outlines.len())
            .map(|at| {
                if one_by_one {
                    at.checked_sub(1).into_iter().collect()
                } else {
                    Vec::new()
                }
            })
            .collect()
    }
}

/// A runbook on its way.
#[derive(Debug, Clone, PartialEq)]
pub struct Course {
    /// The step whose work it is; none for the run itself.
    pub owner: Option<usize>,
    /// Its steps and checks.
    pub outline: Arc<Outline>,
    /// The part that it is in.
    pub phase: Option<Phase>,
    /// Why nothing new starts in it, once that is so.
    pub stop: Option<Stop>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// The frame of its steps.
    pub steps: usize,
    /// The frame of its clean-up.
    pub finally: usize,
    /// Whether one of its steps has begun.
    pub begun: bool,
    /// Its inputs, masked, where it is a sub-runbook.
    pub inputs: IndexMap<String, Value>,
    /// What the ids of its steps begin with.
    pub(super) prefix: String,
}
