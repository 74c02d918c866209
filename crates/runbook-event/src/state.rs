//! The state of a run: a fold over its records.
//!
//! [`RunState::apply`] is the only code that changes it, for a live run, a resumed one, the terminal and the
//! report alike. An event that does not fit the state is refused, so a journal that was tampered with or an
//! engine that has gone wrong is noticed at that line.
//!
//! It keeps counts of what each step still waits for and sets of what is ready, so that asking what to do
//! next costs what changed and not what exists.

mod frame;
mod graph;
mod nesting;
mod notes;
mod resuming;
mod scope;
mod step;
mod stepping;
mod stopping;
mod transition;
mod undoing;
mod work;

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{CheckSite, Outcome, Reading, RunStarted, Stop, Verdict};

pub use self::frame::{Course, Frame, FrameKind};
pub use self::notes::NoteState;
pub use self::scope::Found;
pub use self::step::{LastEnd, Role, StepState, StepStatus, UndoStatus};
pub use self::transition::TransitionError;
pub use self::work::Work;

/// The parts of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Is there anything to repair?
    Detect,
    /// How is it before the first step?
    Baseline,
    /// The steps.
    Steps,
    /// Is the incident over?
    Verify,
    /// Undoing what was attempted.
    Rollback,
    /// The clean-up, whatever happened.
    Finally,
}

impl Phase {
    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Baseline => "baseline",
            Self::Steps => "steps",
            Self::Verify => "verify",
            Self::Rollback => "rollback",
            Self::Finally => "finally",
        }
    }
}

/// What is known of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckState {
    /// The readings that are events.
    pub readings: Vec<Reading>,
    /// When each of them was taken.
    pub read_at: Vec<Timestamp>,
    /// How it was decided.
    pub verdict: Option<Verdict>,
    /// How often it was asked, when it was decided.
    pub asked: u32,
    /// What its `capture` gave.
    pub values: IndexMap<String, Value>,
    /// In which session of the run it was asked: how often that had been resumed by then.
    pub session: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was decided.
    pub ended_at: Option<Timestamp>,
}

impl CheckState {
    /// The reading that decided it, or the last so far.
    #[must_use]
    pub fn last(&self) -> Option<&Reading> {
        self.readings.last()
    }
}

/// A frame in which work is to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Braked {
    /// The frame.
    pub frame: usize,
    /// Whether what changes something is cancelled too, and not only what reads.
    pub changes: bool,
}

/// Steps that a step undoes as part of the procedure.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rewind {
    owner: usize,
    left: BTreeSet<usize>,
}

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunState {
    started: Option<Box<RunStarted>>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    last_at: Option<Timestamp>,
    /// When the last record was written that may have taken time.
    counted_to: Option<Timestamp>,
    elapsed_ms: Option<u64>,
    next_seq: u64,
    /// For how long it has run, without the time in which it only waited for people or did not run at all.
    active: std::time::Duration,
    asking: usize,
    resumed: u32,
    courses: Vec<Course>,
    frames: Vec<Frame>,
    steps: Vec<StepState>,
    index: HashMap<String, usize>,
    checks: IndexMap<CheckSite, CheckState>,
    notes: IndexMap<u64, NoteState>,
    outcome: Option<Outcome>,
    failures: Vec<usize>,
    ready: BTreeSet<usize>,
    skips: BTreeSet<usize>,
    closing: BTreeSet<usize>,
    lost: BTreeSet<usize>,
    undo_ready: BTreeSet<usize>,
    doubts: BTreeSet<usize>,
    timed: BTreeSet<(Timestamp, usize)>,
    braked: Vec<Braked>,
    rewinds: Vec<Rewind>,
    to_stop: Vec<(usize, Option<usize>)>,
}

impl RunState {
    /// A run that has not begun.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The first event, once the run has begun.
    #[must_use]
    pub fn run(&self) -> Option<&RunStarted> {
        self.started.as_deref()
    }

    /// When the run began.
    #[must_use]
    pub fn started_at(&self) -> Option<Timestamp> {
        self.started_at
    }

    /// When the run ended.
    #[must_use]
    pub fn ended_at(&self) -> Option<Timestamp> {
        self.ended_at
    }

    /// When the last record was written.
    #[must_use]
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// How long the run took, once it has ended, in milliseconds by a monotonic clock.
    #[must_use]
    pub fn elapsed_ms(&self) -> Option<u64> {
        self.elapsed_ms
    }

    /// Up to when [`RunState::active`] counts: the last record that may have taken time. What people write, and what is
    /// only noted, takes none, whenever it stands there.
    #[must_use]
    pub fn counted_to(&self) -> Option<Timestamp> {
        self.counted_to
    }

    /// The number that the next record must have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// How often it was resumed.
    #[must_use]
    pub const fn resumed(&self) -> u32 {
        self.resumed
    }

    /// The part that the run is in.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.courses.first().and_then(|course| course.phase)
    }

    /// The runbooks on their way: the run itself first, then the sub-runbooks as they began.
    #[must_use]
    pub fn courses(&self) -> &[Course] {
        &self.courses
    }

    /// All lists of steps on their way.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// All instances of steps, in the order in which they came to be.
    #[must_use]
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// The position of an instance.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// An instance by its id.
    #[must_use]
    pub fn step(&self, id: &str) -> Option<&StepState> {
        self.position(id).and_then(|at| self.steps.get(at))
    }

    /// All checks that were asked, in the order in which they were first asked.
    #[must_use]
    pub fn checks(&self) -> &IndexMap<CheckSite, CheckState> {
        &self.checks
    }

    /// Why nothing new starts, once that is so.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        self.courses.first().and_then(|course| course.stop.as_ref())
    }

    /// How the run ended.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The instances whose turn it is: all that they wait for is settled.
    #[must_use]
    pub fn ready(&self) -> &BTreeSet<usize> {
        &self.ready
    }

    /// The instances that will not be run.
    #[must_use]
    pub fn skips(&self) -> &BTreeSet<usize> {
        &self.skips
    }

    /// The instances of which all that stands within them is settled.
    #[must_use]
    pub fn closing(&self) -> &BTreeSet<usize> {
        &self.closing
    }

    /// The instances that were under way when a process ended, and that nobody works on.
    #[must_use]
    pub fn lost(&self) -> &BTreeSet<usize> {
        &self.lost
    }

    /// The instances whose undo may run: all that was built on them is undone or stays.
    #[must_use]
    pub fn undo_ready(&self) -> &BTreeSet<usize> {
        &self.undo_ready
    }

    /// The instances of which nobody can tell whether their action, or its undo, has happened.
    #[must_use]
    pub fn doubts(&self) -> &BTreeSet<usize> {
        &self.doubts
    }

    /// The failed instances, in the order in which they failed.
    #[must_use]
    pub fn failures(&self) -> &[usize] {
        &self.failures
    }

    /// The courses that a failure stops and that do not know yet, with the step that failed. None of a step: what
    /// they are a part of stops.
    #[must_use]
    pub fn to_stop(&self) -> &[(usize, Option<usize>)] {
        &self.to_stop
    }

    /// The frames in which work was cancelled so far. It only grows while a process lives.
    #[must_use]
    pub fn braked(&self) -> &[Braked] {
        &self.braked
    }

    /// When the first of the steps that hold others will have taken too long, and which.
    #[must_use]
    pub fn timed(&self) -> Option<(Timestamp, usize)> {
        self.timed.first().copied()
    }

    /// For how long it has run up to the last record, without the time in which it only waited for people or did
    /// not run at all.
    #[must_use]
    pub const fn active(&self) -> std::time::Duration {
        self.active
    }

    /// How many people are being asked.
    #[must_use]
    pub const fn asking(&self) -> usize {
        self.asking
    }

    /// Whether some step may have changed something.
    #[must_use]
    pub fn has_changed_something(&self) -> bool {
        self.steps.iter().any(|step| step.attempted)
    }

    /// Whether something where a step stands may begin: nothing around it is stopped. The clean-up and what undoes
    /// go on, whatever stops.
    #[must_use]
    pub fn may_begin(&self, at: usize) -> bool {
        let mut around = Some(at);
        while let Some(step) = around.and_then(|at| self.steps.get(at)) {
            let Some(frame) = self.frames.get(step.frame).filter(|frame| !frame.stopped) else {
                return false;
            };
            around = match frame.kind {
                FrameKind::Finally | FrameKind::Undo => None,
                FrameKind::Steps => self.courses.get(frame.course).and_then(|course| course.owner),
                FrameKind::Group
                | FrameKind::Items { .. }
                | FrameKind::Rounds
                | FrameKind::Branches { .. }
                | FrameKind::Alternatives => frame.owner,
            };
        }
        true
    }

    /// The instances in the order in which people read them: as they stand in the runbook, what stands within a
    /// step after it. With how deep each stands.
    #[must_use]
    pub fn in_order(&self) -> Vec<(usize, usize)> {
        let mut all = Vec::new();
        if let Some(course) = self.courses.first() {
            self.walk(course.steps, 0, &mut all);
            self.walk(course.finally, 0, &mut all);
        }
        all
    }

    fn walk(&self, frame: usize, depth: usize, all: &mut Vec<(usize, usize)>) {
        for at in self.frames.get(frame).map_or(&[] as &[_], |frame| &frame.members) {
            all.push((depth, *at));
            let Some(step) = self.steps.get(*at) else { continue };
            if let Some(inner) = step.inner {
                self.walk(inner, depth + 1, all);
            }
            if let Some(course) = step.course.and_then(|course| self.courses.get(course)) {
                self.walk(course.steps, depth + 1, all);
                self.walk(course.finally, depth + 1, all);
            }
            if let Some(undo) = step.undo_frame {
                self.walk(undo, depth + 1, all);
            }
        }
    }
}
