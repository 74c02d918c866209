//! What to do next: a pure function of the state.

mod course;
mod outcome;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    FrameKind, OnFailure, Outcome, Phase, Role, RunState, SkipReason, StepStatus, Stop, StopCause,
};

/// A piece of work that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// A course's own checks of this role.
    Checks(usize, Phase),
    /// A guard of a course, by its position.
    Guard(usize, usize),
    /// A step.
    Step(usize),
    /// The end of a step of which all that stands within it is settled.
    Close(usize),
    /// The undo of a step.
    Undo(usize),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// Begin a part of a course.
    Enter(usize, Phase),
    /// Start a piece of work.
    Start(Unit),
    /// A turn of a loop begins.
    Begin(usize),
    /// A turn of a loop is settled.
    Settle(usize, Option<Failure>),
    /// Note that a step is not run.
    Skip(usize, SkipReason),
    /// Start nothing more in a course.
    Stop(usize, Stop),
    /// A step that holds others has taken too long.
    TimeOut(usize),
    /// Nothing is left to be guarded in a course.
    Unguard(usize),
    /// A course is over.
    End(usize, Outcome),
}

impl Decision {
    /// Whether it may be that something else does not begin because of it.
    pub(crate) const fn may_stop(&self) -> bool {
        match self {
            Self::Settle(_, Some(_)) | Self::Stop(..) | Self::TimeOut(_) => true,
            Self::Settle(_, None)
            | Self::Enter(..)
            | Self::Start(_)
            | Self::Begin(_)
            | Self::Skip(..)
            | Self::Unguard(_)
            | Self::End(..) => false,
        }
    }
}

/// The work of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    /// What is under way.
    pub(crate) active: BTreeSet<Unit>,
    /// The courses in which nothing is left to be guarded, and whose guards know.
    pub(crate) unguarded: BTreeSet<usize>,
}

impl Work {
    fn has(&self, unit: Unit) -> bool {
        self.active.contains(&unit)
    }

    /// Whether something of a course is under way, besides its guards.
    fn is_busy(&self, state: &RunState, course: usize) -> bool {
        self.active.iter().any(|unit| match *unit {
            Unit::Checks(of, _) => of == course,
            Unit::Guard(..) => false,
            Unit::Step(at) | Unit::Close(at) | Unit::Undo(at) => {
                let frame = state.steps().get(at).map(|step| step.frame);
                frame.is_some_and(|frame| state.belongs(frame, course))
            }
        })
    }

    /// Tells the guards of a course to end, unless they know: none if there are none.
    fn unguard(&self, course: usize) -> Option<Vec<Decision>> {
        let told = self.unguarded.contains(&course);
        self.guards(course).then(|| {
            let tell = std::iter::once(Decision::Unguard(course));
            tell.filter(|_| !told).collect()
        })
    }

    fn guards(&self, course: usize) -> bool {
        self.active
            .iter()
            .any(|unit| matches!(unit, Unit::Guard(of, _) if *of == course))
    }
}

/// What to do next, given what is known, what is under way and the time. An empty answer means: wait.
pub(crate) fn decide(state: &RunState, work: &Work, now: Timestamp) -> Vec<Decision> {
    let stops = stops(state, now);
    if !stops.is_empty() {
        return stops;
    }
    let mut decisions = Vec::new();
    for (at, course) in state.courses().iter().enumerate() {
        if course.outcome.is_none() {
            decisions.extend(course::decide(state, work, at));
        }
    }
    let halted = !state.doubts().is_empty();
    decisions.extend(skips(state, work));
    decisions.extend(closing(state, work));
    // What a crash interrupted has its place before what has not begun.
    let lost = state.lost().iter().map(|at| Unit::Step(*at));
    decisions.extend(lost.filter(|unit| !work.has(*unit)).map(Decision::Start));
    if !halted {
        decisions.extend(ready(state, work));
        let undos = state.undo_ready().iter().map(|at| Unit::Undo(*at));
        decisions.extend(undos.filter(|unit| !work.has(*unit)).map(Decision::Start));
    }
    if decisions.is_empty() && halted {
        decisions = halt(state, work);
    }
    decisions
}

/// Nobody can tell about a step: when all else is quiet, the run leaves the question open.
fn halt(state: &RunState, work: &Work) -> Vec<Decision> {
    if work.active.is_empty() {
        return vec![Decision::End(0, Outcome::Unknown)];
    }
    if !work.active.iter().all(|unit| matches!(unit, Unit::Guard(..))) {
        return Vec::new();
    }
    let told = (0..state.courses().len()).filter_map(|course| work.unguard(course));
    told.flatten().collect()
}

/// What must stop, before anything else is decided.
fn stops(state: &RunState, now: Timestamp) -> Vec<Decision> {
    if let Some((until, at)) = state.timed()
        && until <= now
    {
        return vec![Decision::TimeOut(at)];
    }
    // The outermost first: what stands within it does what is done there.
    let first = state.to_stop().iter().min_by_key(|(course, _)| *course);
    if let Some((course, failed)) = first {
        return vec![Decision::Stop(*course, stop_for(state, *course, *failed))];
    }
    if is_over_time(state, now) {
        let stop = Stop {
            cause: StopCause::TimedOut,
            then: policy(state, 0),
        };
        return vec![Decision::Stop(0, stop)];
    }
    Vec::new()
}

/// When the run will have taken too long, if nothing happens before.
pub(crate) fn over_time_at(state: &RunState) -> Option<Timestamp> {
    let limit = Duration::from_millis(state.courses().first()?.outline.timeout_ms?);
    // Rolling back follows a stop.
    let counts = state.asking() == 0 && state.stop().is_none() && state.phase() != Some(Phase::Finally);
    let left = limit.saturating_sub(state.active());
    let left = jiff::SignedDuration::try_from(left).ok()?;
    state.counted_to().filter(|_| counts)?.checked_add(left).ok()
}

fn is_over_time(state: &RunState, now: Timestamp) -> bool {
    over_time_at(state).is_some_and(|at| at <= now)
}

/// What a failure of a course does.
fn policy(state: &RunState, course: usize) -> OnFailure {
    let held = state.run().is_some_and(|run| run.wanted.no_rollback);
    let outline = state
        .courses()
        .get(course)
        .map(|course| course.outline.on_failure);
    if held {
        OnFailure::Hold
    } else {
        outline.unwrap_or_default()
    }
}

/// Why a course must stop, and what happens then: by the step that failed, or by what the course is a part of.
fn stop_for(state: &RunState, course: usize, failed: Option<usize>) -> Stop {
    let held = state.run().is_some_and(|run| run.wanted.no_rollback);
    let Some(step) = failed.and_then(|at| state.steps().get(at)) else {
        return Stop {
            cause: StopCause::Parent,
            then: then_of_parent(state, course),
        };
    };
    let then = match step.outline.on_failure {
        _ if held => OnFailure::Hold,
        OnFailure::Continue => policy(state, course),
        then @ (OnFailure::Rollback | OnFailure::Hold) => then,
    };
    let rejected = step.approval.as_ref().is_some_and(|(approved, ..)| !approved);
    let id = step.id.clone();
    let cause = if rejected {
        StopCause::Rejected { step: id }
    } else {
        StopCause::StepFailed { step: id }
    };
    Stop { cause, then }
}

/// A sub-runbook that is stopped from outside does what is done there; if only the step is given up that called it,
/// what that step says, or it says itself.
fn then_of_parent(state: &RunState, course: usize) -> OnFailure {
    let owner = state.courses().get(course).and_then(|course| course.owner);
    let Some(owner) = owner.and_then(|at| state.steps().get(at)) else {
        return OnFailure::Hold;
    };
    let parent = state
        .frames()
        .get(owner.frame)
        .and_then(|frame| state.courses().get(frame.course));
    match (
        parent.and_then(|parent| parent.stop.as_ref()),
        owner.outline.on_failure,
    ) {
        (Some(stop), _) => stop.then,
        (None, OnFailure::Hold) => OnFailure::Hold,
        (None, OnFailure::Rollback | OnFailure::Continue) => policy(state, course),
    }
}

/// What waits and will not be run.
fn skips(state: &RunState, work: &Work) -> Vec<Decision> {
    let skipped = state.skips().iter().filter(|at| !work.has(Unit::Step(**at)));
    skipped
        .map(|at| {
            let frame = state
                .steps()
                .get(*at)
                .and_then(|step| state.frames().get(step.frame));
            let reason = match frame {
                Some(frame) if frame.stopped => SkipReason::Stopped,
                Some(frame) if matches!(frame.kind, FrameKind::Branches { .. }) => SkipReason::NotChosen,
                Some(frame) if frame.kind == FrameKind::Alternatives => SkipReason::NotNeeded,
                Some(_) | None => SkipReason::Stopped,
            };
            Decision::Skip(*at, reason)
        })
        .collect()
}

/// What holds others, of which all are settled. A turn of a loop is nothing by itself; all else is closed by a
/// unit.
fn closing(state: &RunState, work: &Work) -> Vec<Decision> {
    let mut decisions = Vec::new();
    for at in state.closing() {
        let Some(step) = state.steps().get(*at) else {
            continue;
        };
        if step.role == Role::Step {
            let unit = Unit::Close(*at);
            if !work.has(unit) {
                decisions.push(Decision::Start(unit));
            }
        } else {
            decisions.push(Decision::Settle(*at, inside_failed(state, *at)));
        }
    }
    decisions
}

/// Why what stands within a step did not end well, if it did not.
pub(crate) fn inside_failed(state: &RunState, at: usize) -> Option<Failure> {
    let step = state.steps().get(at)?;
    if step.timed_out {
        let length = step
            .outline
            .timeout_ms
            .map(Duration::from_millis)
            .unwrap_or_default();
        let message = format!("took longer than its timeout of {}", crate::unit::seconds(length));
        return Some(
            Failure::new(ErrorKind::Timeout, message)
                .help("raise its `timeout`, or find out what it waits for"),
        );
    }
    let inner = step.inner?;
    if let Some(failed) = state.culprit(inner).and_then(|at| state.steps().get(at)) {
        let why = failed.failure.as_ref();
        // What failed because of something within it says already which that was.
        let within = failed.inner.and_then(|inner| state.culprit(inner));
        if let Some(failure) = why.filter(|_| within.is_some() && !failed.timed_out) {
            return Some(failure.clone());
        }
        let kind = why.map_or(ErrorKind::Other, |failure| failure.kind);
        let message = why.map_or_else(String::new, |failure| format!(": {failure}"));
        return Some(Failure::new(
            kind,
            format!("step `{}` failed{message}", failed.id),
        ));
    }
    let frame = state.frames().get(inner)?;
    let worked = frame.members.iter().any(|at| {
        let step = state.steps().get(*at);
        step.is_some_and(|step| step.status == StepStatus::Done)
    });
    if state.was_cut(inner) {
        Some(Failure::new(ErrorKind::Cancelled, "the run stopped within it"))
    } else if frame.kind == FrameKind::Alternatives && !worked {
        Some(Failure::new(
            ErrorKind::Other,
            "no alternative was tried: the `when` of none holds",
        ))
    } else {
        None
    }
}

/// How many steps are looked at when no place is free: turns of loops take none, and may stand behind steps that do.
const LOOKS: usize = 1000;

/// What may begin, within the limits.
fn ready(state: &RunState, work: &Work) -> Vec<Decision> {
    let mut decisions = Vec::new();
    let limit = state
        .courses()
        .first()
        .map_or(1, |course| course.outline.max_parallel);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    // Who waits for a person takes no place, and what a crash interrupted had one already.
    let steps = work.active.iter().filter(|unit| matches!(unit, Unit::Step(_)));
    let lost = state.lost().iter().filter(|at| !work.has(Unit::Step(**at)));
    let acting = steps.count() + lost.count();
    let mut free = limit.saturating_sub(acting.saturating_sub(state.asking()));
    let mut turns = std::collections::BTreeMap::new();
    let mut passed = 0;
    for at in state.ready() {
        // When all places are taken, what waits behind many others may wait until they are looked at.
        passed += usize::from(free == 0);
        if passed > LOOKS {
            break;
        }
        let unit = Unit::Step(*at);
        if work.has(unit) {
            continue;
        }
        let Some(step) = state.steps().get(*at) else {
            continue;
        };
        let Some(frame) = state.frames().get(step.frame) else {
            continue;
        };
        // Guards are for what the run changes, and an undo goes on whatever they say.
        if !course::may_step(state, frame.course) && !state.is_in_undo(*at) {
            continue;
        }
        if let Some(option) = left_out(state, frame.course, &step.outline.id) {
            decisions.push(Decision::Skip(*at, SkipReason::Asked { option }));
        } else if let FrameKind::Items { batch, .. } = frame.kind {
            let begun = turns.entry(step.frame).or_insert(frame.under_way());
            if *begun < usize::try_from(batch.max(1)).unwrap_or(usize::MAX) {
                *begun += 1;
                decisions.push(Decision::Begin(*at));
            }
        } else if free > 0 {
            free -= 1;
            decisions.push(Decision::Start(unit));
        }
    }
    decisions
}

/// The option of the command line that leaves a step out, if one does.
fn left_out(state: &RunState, course: usize, id: &str) -> Option<String> {
    let skips = &state.run()?.wanted.skips;
    skips.get(id).filter(|_| course == 0).cloned()
}
