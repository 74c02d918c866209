//! What many runs are compared by, taken from one of them.

use std::collections::HashMap;

use indexmap::IndexMap;
use jiff::Timestamp;
use runbook_event::{
    CheckOutline, CheckRole, CheckSite, Event, NoteKind, Outcome, Record, RunStarted, RunState, SkipReason,
    StepOutline, StepStatus, UndoEnd, UndoOutline, Verdict,
};

/// What a run is to its runbook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was meant.
    Real,
    /// It was tried out, and did nothing to the real system.
    Rehearsal,
}

impl Kind {
    /// Of a run that began so. A run on a practice system is a rehearsal; whatever else will be one is told apart here.
    #[must_use]
    pub const fn of(started: &RunStarted) -> Self {
        Self::of_practice(started.practice.is_some())
    }

    /// Of a run that was on a practice system, or was not.
    #[must_use]
    pub const fn of_practice(practice: bool) -> Self {
        if practice { Self::Rehearsal } else { Self::Real }
    }
}

/// What counts of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Its name.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: String,
    /// When it began.
    pub at: Timestamp,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whether a process is writing it, where it has no end.
    pub running: bool,
    /// Whether only a line of it is left.
    pub pruned: bool,
    /// What it is to its runbook.
    pub kind: Kind,
    /// How long the repair took, in milliseconds, if it was one.
    pub repair_ms: Option<u64>,
    /// Its steps, by their ids in the runbook.
    pub steps: IndexMap<String, StepSample>,
    /// Its checks.
    pub gates: IndexMap<CheckSite, GateSample>,
    /// Its undos, by the step's id in the runbook.
    pub undos: IndexMap<String, UndoSample>,
}

/// What is left of a run that was pruned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains {
    /// Its name.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// The runbook's title.
    pub title: String,
    /// When it began.
    pub at: Timestamp,
    /// When it ended.
    pub ended_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What it was to its runbook.
    pub kind: Kind,
}

/// What counts of a step: of all its instances.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StepSample {
    /// Its title.
    pub title: String,
    /// How many of its instances are done.
    pub done: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were skipped, by the reason.
    pub skipped: IndexMap<&'static str, u64>,
    /// Whether the turn of one came.
    pub used: bool,
    /// How often an action was tried once more.
    pub retries: u64,
    /// How long each instance took that was tried, in milliseconds.
    pub times_ms: Vec<u64>,
}

/// What counts of a check: of each time that it was decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GateSample {
    /// How often it was decided.
    pub decided: u64,
    /// How often it passed before it did not again, in each of these.
    pub flaps: Vec<u64>,
    /// How many readings each of those needed that passed.
    pub readings: Vec<u64>,
    /// How many of them `consecutive` demands.
    pub consecutive: u64,
    /// How long each took, in milliseconds.
    pub times_ms: Vec<u64>,
}

/// What counts of the undoing of a step: of all its instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UndoSample {
    /// How often it was undone.
    pub undone: u64,
    /// How often that failed.
    pub failed: u64,
}

impl Sample {
    /// What counts of a run, from its records and what they led to. None of one that has not begun.
    #[must_use]
    pub fn of(records: &[Record], state: &RunState, running: bool) -> Option<Self> {
        let started = state.run()?;
        Some(Self {
            run: started.run.clone(),
            runbook: started.runbook.name.clone(),
            title: started.runbook.title.clone(),
            at: state.started_at()?,
            outcome: state.outcome(),
            running,
            pruned: false,
            kind: Kind::of(started),
            repair_ms: repair(state),
            steps: steps(records, state),
            gates: gates(records, state, started),
            undos: undos(records),
        })
    }

    /// What counts of a run that was pruned. It has neither steps nor checks.
    #[must_use]
    pub fn of_remains(remains: Remains) -> Self {
        let repaired = is_repair(Some(remains.outcome));
        Self {
            repair_ms: repaired.then(|| between(remains.at, remains.ended_at)),
            run: remains.run,
            runbook: remains.runbook,
            title: remains.title,
            at: remains.at,
            outcome: Some(remains.outcome),
            running: false,
            pruned: true,
            kind: remains.kind,
            steps: IndexMap::new(),
            gates: IndexMap::new(),
            undos: IndexMap::new(),
        }
    }
}

/// A run that ended so has repaired what it was for.
pub(super) const fn is_repair(outcome: Option<Outcome>) -> bool {
    // A clean-up that failed does not take back what was proved before.
    matches!(outcome, Some(Outcome::Resolved | Outcome::CleanupFailed))
}

/// From when it was detected until it was over, as people noted that; else from the run's beginning to its end.
fn repair(state: &RunState) -> Option<u64> {
    if !is_repair(state.outcome()) {
        return None;
    }
    let noted = |kind: NoteKind| {
        let stand = state
            .notes()
            .values()
            .filter(move |note| note.stands() && note.note.kind == kind);
        stand.map(runbook_event::NoteState::happened_at)
    };
    let began = noted(NoteKind::Detected).min().or(state.started_at())?;
    let over = noted(NoteKind::Resolved).max().or(state.ended_at())?;
    Some(between(began, over))
}

fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

/// The id of a step as the runbook has it: without the keys of the loops around it.
fn template(id: &str) -> String {
    id.split('[').next().unwrap_or(id).to_owned()
}

fn steps(records: &[Record], state: &RunState) -> IndexMap<String, StepSample> {
    let mut steps: IndexMap<String, StepSample> = IndexMap::new();
    let times = times(records);
    for (_, at) in state.in_order() {
        let Some(step) = state.steps().get(at) else {
            continue;
        };
        let sample = steps.entry(template(&step.id)).or_default();
        if sample.title.is_empty() {
            sample.title.clone_from(&step.outline.title);
        }
        match (step.status, &step.skipped) {
            (StepStatus::Done, _) => sample.done += 1,
            (StepStatus::Failed, _) => sample.failed += 1,
            (_, Some(why)) => *sample.skipped.entry(skipped(why)).or_default() += 1,
            (_, None) => {}
        }
        if step.started_at.is_some() && step.skipped.is_none() {
            sample.used = true;
            sample.retries += u64::from(step.attempts.saturating_sub(1));
        }
        sample.times_ms.extend(times.get(step.id.as_str()));
    }
    steps
}

const fn skipped(why: &SkipReason) -> &'static str {
    match why {
        SkipReason::When { .. } => "when",
        SkipReason::NotChosen => "not chosen",
        SkipReason::NotNeeded => "not needed",
        SkipReason::NotApproved => "not approved",
        SkipReason::Asked { .. } => "left out",
        SkipReason::Stopped => "stopped",
    }
}

/// How long each instance took: its attempts, the time between them, and its checks.
fn times(records: &[Record]) -> HashMap<&str, u64> {
    let mut times: HashMap<&str, u64> = HashMap::new();
    for record in records {
        let event = &record.event;
        if let Some((step, ms)) = tried(event).or_else(|| checked(event)) {
            *times.entry(step).or_default() += ms;
        }
    }
    times
}

/// Of an attempt of a step, or of what lay before the next one: which step, and how long it took.
fn tried(event: &Event) -> Option<(&str, u64)> {
    if let Event::RetryPlanned { step, delay_ms, .. } = event {
        return Some((step, *delay_ms));
    }
    let (Event::AttemptEnded { step, elapsed_ms, .. }
    | Event::ThenEnded {
        step,
        elapsed_ms,
        undoing: false,
        ..
    }) = event
    else {
        return None;
    };
    Some((step, *elapsed_ms))
}

/// Of a step's own check: which step, and how long it took.
fn checked(event: &Event) -> Option<(&str, u64)> {
    let Event::CheckEnded { site, elapsed_ms, .. } = event else {
        return None;
    };
    let counts = match site.role {
        CheckRole::Require | CheckRole::Gate | CheckRole::Row | CheckRole::Decide => true,
        CheckRole::Detect
        | CheckRole::Baseline
        | CheckRole::Guard
        | CheckRole::Undone
        | CheckRole::Verify => false,
    };
    Some((site.step.as_deref().filter(|_| counts)?, *elapsed_ms))
}

fn gates(records: &[Record], state: &RunState, started: &RunStarted) -> IndexMap<CheckSite, GateSample> {
    let mut gates: IndexMap<CheckSite, GateSample> = IndexMap::new();
    // Since it was last decided: whether the last reading passed, and how often one did and the next did not.
    let mut open: HashMap<&CheckSite, (bool, u64)> = HashMap::new();
    for record in records {
        if let Event::CheckStarted { site } = &record.event {
            open.insert(site, (false, 0));
        }
        if let Event::CheckRead { site, reading } = &record.event {
            let (passed, flaps) = open.entry(site).or_default();
            let holds = reading.verdict == Verdict::Pass;
            *flaps += u64::from(*passed && !holds);
            *passed = holds;
        }
        let Event::CheckEnded {
            site,
            verdict,
            readings,
            elapsed_ms,
            ..
        } = &record.event
        else {
            continue;
        };
        let (_, flaps) = open.remove(site).unwrap_or_default();
        // Before the first step nothing has to pass.
        if site.role == CheckRole::Baseline {
            continue;
        }
        let gate = gates.entry(in_runbook(site)).or_default();
        gate.consecutive = consecutive(site, state, started);
        gate.decided += 1;
        gate.flaps.push(flaps);
        gate.times_ms.push(*elapsed_ms);
        if *verdict == Verdict::Pass {
            gate.readings.push(u64::from(*readings));
        }
    }
    gates
}

/// The same check, wherever in a loop it stands.
fn in_runbook(site: &CheckSite) -> CheckSite {
    CheckSite {
        within: site.within.as_deref().map(template),
        role: site.role,
        step: site.step.as_deref().map(template),
        check: site.check.clone(),
    }
}

/// How many readings in a row it must pass.
fn consecutive(site: &CheckSite, state: &RunState, started: &RunStarted) -> u64 {
    let of = |checks: &[CheckOutline]| {
        let check = checks.iter().find(|check| check.id == site.check);
        check.map(|check| u64::from(check.consecutive))
    };
    let step = || {
        site.step
            .as_deref()
            .and_then(|step| state.step(step))
            .map(|step| &step.outline)
    };
    let found = match site.role {
        CheckRole::Gate | CheckRole::Decide => step().and_then(|step| of(&step.verify)),
        CheckRole::Undone => step().and_then(|step| of(undone(step))),
        CheckRole::Verify if site.within.is_none() => of(&started.outline.verify),
        CheckRole::Detect if site.within.is_none() => of(&started.outline.detect),
        CheckRole::Verify
        | CheckRole::Detect
        | CheckRole::Baseline
        | CheckRole::Guard
        | CheckRole::Require
        | CheckRole::Row => None,
    };
    found.unwrap_or(1)
}

fn undone(step: &StepOutline) -> &[CheckOutline] {
    match &step.undo {
        UndoOutline::Rollback { verify, .. } => verify,
        UndoOutline::Steps { .. }
        | UndoOutline::Within
        | UndoOutline::Irreversible { .. }
        | UndoOutline::NotNeeded
        | UndoOutline::Undeclared => &[],
    }
}

fn undos(records: &[Record]) -> IndexMap<String, UndoSample> {
    let mut undos: IndexMap<String, UndoSample> = IndexMap::new();
    for record in records {
        if let Event::UndoEnded { step, end, .. } = &record.event {
            let undo = undos.entry(template(step)).or_default();
            match end {
                UndoEnd::Undone => undo.undone += 1,
                UndoEnd::Failed { .. } => undo.failed += 1,
            }
        }
    }
    undos
}
