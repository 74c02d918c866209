//! The state of a run: a fold over its records.
//!
//! [`RunState::apply`] is the only code that changes it, for a live run, a resumed one, the terminal and the
//! report alike. An event that does not fit the state is refused, so a journal that was tampered with or an
//! engine that has gone wrong is noticed at that line.
//!
//! It keeps counts of what each step still waits for and sets of what is ready, so that asking what to do
//! next costs what changed and not what exists.

mod graph;
mod transition;

use std::collections::{BTreeSet, HashMap};

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_action::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::graph::Frontier;
use crate::{CheckSite, Intent, Outcome, OutputRef, Reading, RunStarted, Section, SkipReason, Stop, Verdict};

pub use self::transition::TransitionError;

/// The parts of a run, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StepStatus {
    /// Its turn has not come.
    Pending,
    /// Its turn has come: its `require`, `before` or gates are being asked.
    Running,
    /// A person is asked.
    Asking,
    /// Its action is running.
    Acting,
    /// Its action has succeeded, and its gates decide.
    Acted,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// It was not run.
    Skipped,
}

impl StepStatus {
    /// Whether nothing more happens to it, except an undo.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Skipped)
    }

    /// The word that `steps.ID.outcome` and people use.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Asking => "asking",
            Self::Acting => "acting",
            Self::Acted => "verifying",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// Where the undo of a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UndoStatus {
    /// There is nothing to undo.
    None,
    /// It is to be undone.
    Pending,
    /// It is being undone.
    Running,
    /// It was undone.
    Undone,
    /// It could not be undone.
    Failed,
    /// It was attempted, and there is no undo.
    Kept,
}

/// What is known of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct StepState {
    /// Where it stands.
    pub status: StepStatus,
    /// Where its undo stands.
    pub undo: UndoStatus,
    /// How often its action was started.
    pub attempts: u32,
    /// Whether it may have changed something.
    pub attempted: bool,
    /// What its action was to do, as rendered.
    pub intent: Option<Intent>,
    /// What its `before` captured.
    pub before: IndexMap<String, Value>,
    /// What its `capture` gave.
    pub captures: IndexMap<String, Value>,
    /// Why it failed.
    pub failure: Option<Failure>,
    /// Why it was not run.
    pub skipped: Option<SkipReason>,
    /// Who let it run, or did not, and how.
    pub approval: Option<(bool, String, String)>,
    /// What its last attempt printed.
    pub output: Vec<OutputRef>,
    /// What its undo was to do, as rendered.
    pub undo_intent: Option<Intent>,
    /// Why its undo failed.
    pub undo_failure: Option<Failure>,
    /// What its undo printed.
    pub undo_output: Vec<OutputRef>,
    /// When its turn came.
    pub started_at: Option<Timestamp>,
    /// When it was settled.
    pub ended_at: Option<Timestamp>,
    /// When its undo began.
    pub undo_started_at: Option<Timestamp>,
    /// When its undo ended.
    pub undo_ended_at: Option<Timestamp>,
}

impl StepState {
    fn new() -> Self {
        Self {
            status: StepStatus::Pending,
            undo: UndoStatus::None,
            attempts: 0,
            attempted: false,
            intent: None,
            before: IndexMap::new(),
            captures: IndexMap::new(),
            failure: None,
            skipped: None,
            approval: None,
            output: Vec::new(),
            undo_intent: None,
            undo_failure: None,
            undo_output: Vec::new(),
            started_at: None,
            ended_at: None,
            undo_started_at: None,
            undo_ended_at: None,
        }
    }

    /// A value that `steps.ID.NAME` means: what `capture` gave, else what `before` captured.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.captures.get(name).or_else(|| self.before.get(name))
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

/// The state of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RunState {
    started: Option<Box<RunStarted>>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    elapsed_ms: Option<u64>,
    next_seq: u64,
    phase: Option<Phase>,
    steps: Vec<StepState>,
    index: HashMap<String, usize>,
    checks: IndexMap<CheckSite, CheckState>,
    stop: Option<Stop>,
    outcome: Option<Outcome>,
    forward: Frontier,
    backward: Frontier,
    failures: Vec<usize>,
    open: Open,
}

/// Counts of what is not settled, kept so that nobody has to look at all steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Open {
    steps: usize,
    finally: usize,
    under_way: usize,
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

    /// How long the run took, once it has ended, in milliseconds by a monotonic clock.
    #[must_use]
    pub fn elapsed_ms(&self) -> Option<u64> {
        self.elapsed_ms
    }

    /// The number that the next record must have.
    #[must_use]
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// The part that the run is in.
    #[must_use]
    pub fn phase(&self) -> Option<Phase> {
        self.phase
    }

    /// All steps, in the outline's order.
    #[must_use]
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// The position of a step.
    #[must_use]
    pub fn position(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// A step by its id.
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
        self.stop.as_ref()
    }

    /// How the run ended.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The steps whose turn it is: all that they wait for is settled.
    #[must_use]
    pub fn ready(&self) -> &BTreeSet<usize> {
        self.forward.ready()
    }

    /// The steps whose undo may run: all that was built on them is undone or stays.
    #[must_use]
    pub fn undo_ready(&self) -> &BTreeSet<usize> {
        self.backward.ready()
    }

    /// The failed steps, in the order in which they failed.
    #[must_use]
    pub fn failures(&self) -> &[usize] {
        &self.failures
    }

    /// Whether every step of a section is settled.
    #[must_use]
    pub fn is_settled(&self, section: Section) -> bool {
        match section {
            Section::Steps => self.open.steps == 0,
            Section::Finally => self.open.finally == 0,
        }
    }

    /// How many steps have begun and are not settled.
    #[must_use]
    pub fn under_way(&self) -> usize {
        self.open.under_way
    }

    /// The positions of a section's steps.
    pub fn section(&self, section: Section) -> impl Iterator<Item = usize> + '_ {
        let outline = self.started.as_deref().map(|run| &run.outline);
        outline
            .into_iter()
            .flat_map(|outline| outline.steps.iter().enumerate())
            .filter(move |(_, step)| step.section == section)
            .map(|(at, _)| at)
    }

    /// Whether some step may have changed something.
    #[must_use]
    pub fn has_changed_something(&self) -> bool {
        self.steps.iter().any(|step| step.attempted)
    }
}
