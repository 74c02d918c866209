//! What comes next in a course: its parts in their order.

use runbook_event::{
    CheckOutline, CheckRole, CheckSite, CheckState, OnFailure, Outcome, Outline, Phase, RunState, Stop,
    StopCause, Verdict,
};

use super::outcome::outcome;
use super::{Decision, Unit, Work, policy};

pub(super) fn decide(state: &RunState, work: &Work, at: usize) -> Vec<Decision> {
    let Some(course) = state.courses().get(at) else {
        return Vec::new();
    };
    let outline = &*course.outline;
    if course.stop.is_some() && course.phase < Some(Phase::Rollback) {
        return wind_down(state, work, at);
    }
    match course.phase {
        None => vec![Decision::Enter(at, first_phase(outline))],
        Some(Phase::Detect) => detect(state, work, at),
        Some(Phase::Baseline) => {
            let asked: Vec<&CheckOutline> = outline.verify.iter().filter(|check| check.baseline).collect();
            checks(state, work, at, CheckRole::Baseline, &asked)
                .unwrap_or_else(|| vec![Decision::Enter(at, Phase::Steps)])
        }
        Some(Phase::Steps) => steps(state, work, at),
        Some(Phase::Verify) => {
            let asked: Vec<&CheckOutline> = outline.verify.iter().collect();
            checks(state, work, at, CheckRole::Verify, &asked).unwrap_or_else(|| verified(state, at))
        }
        Some(Phase::Rollback) => {
            if state.is_undoing(at) {
                Vec::new()
            } else {
                finish(state, at)
            }
        }
        Some(Phase::Finally) => {
            if is_settled(state, course.finally) {
                vec![Decision::End(at, outcome(state, at))]
            } else {
                Vec::new()
            }
        }
    }
}

/// Whether the steps of a course may begin: its guards have passed once.
pub(super) fn may_step(state: &RunState, at: usize) -> bool {
    let Some(course) = state.courses().get(at) else {
        return false;
    };
    if course.phase != Some(Phase::Steps) {
        return true;
    }
    course.outline.guards.iter().all(|guard| {
        let check = of_session(state, at, guard);
        check.is_some_and(|check| {
            check
                .readings
                .iter()
                .any(|reading| reading.verdict == Verdict::Pass)
        })
    })
}

/// A guard as it is asked in this session: what it said before a crash guards nothing.
fn of_session<'s>(state: &'s RunState, at: usize, guard: &CheckOutline) -> Option<&'s CheckState> {
    find(state, at, CheckRole::Guard, guard).filter(|check| check.session == state.resumed())
}

fn is_settled(state: &RunState, frame: usize) -> bool {
    state
        .frames()
        .get(frame)
        .is_none_or(runbook_event::Frame::is_settled)
}

fn first_phase(outline: &Outline) -> Phase {
    if outline.detect.is_empty() {
        after_detect(outline)
    } else {
        Phase::Detect
    }
}

fn after_detect(outline: &Outline) -> Phase {
    if outline.verify.iter().any(|check| check.baseline) {
        Phase::Baseline
    } else {
        Phase::Steps
    }
}

fn find<'s>(state: &'s RunState, at: usize, role: CheckRole, check: &CheckOutline) -> Option<&'s CheckState> {
    let owner = state.courses().get(at)?.owner;
    let site = CheckSite {
        within: owner
            .and_then(|owner| state.steps().get(owner))
            .map(|step| step.id.clone()),
        role,
        step: None,
        check: check.id.clone(),
    };
    state.checks().get(&site)
}

/// A course's own checks: asked once; `None` when all are decided.
fn checks(
    state: &RunState,
    work: &Work,
    at: usize,
    role: CheckRole,
    asked: &[&CheckOutline],
) -> Option<Vec<Decision>> {
    let phase = state.courses().get(at)?.phase?;
    let unit = Unit::Checks(at, phase);
    if work.has(unit) {
        return Some(Vec::new());
    }
    let decided =
        |check: &&CheckOutline| find(state, at, role, check).is_some_and(|check| check.verdict.is_some());
    if asked.iter().all(decided) {
        None
    } else {
        Some(vec![Decision::Start(unit)])
    }
}

fn verdicts(state: &RunState, at: usize, role: CheckRole, asked: &[CheckOutline]) -> Vec<Verdict> {
    let verdict = |check| find(state, at, role, check).and_then(|check| check.verdict);
    asked
        .iter()
        .map(|check| verdict(check).unwrap_or(Verdict::Error))
        .collect()
}

fn detect(state: &RunState, work: &Work, at: usize) -> Vec<Decision> {
    let Some(outline) = state.courses().get(at).map(|course| &course.outline) else {
        return Vec::new();
    };
    let asked: Vec<&CheckOutline> = outline.detect.iter().collect();
    if let Some(wait) = checks(state, work, at, CheckRole::Detect, &asked) {
        return wait;
    }
    let forced = at == 0 && state.run().is_some_and(|run| run.wanted.force);
    let verdict = judge(
        &verdicts(state, at, CheckRole::Detect, &outline.detect),
        outline.detect_any,
    );
    match verdict {
        Verdict::Pass => vec![Decision::Enter(at, after_detect(outline))],
        Verdict::Fail | Verdict::Error if forced => vec![Decision::Enter(at, after_detect(outline))],
        Verdict::Fail => vec![Decision::End(at, Outcome::NotNeeded)],
        Verdict::Error => vec![Decision::End(at, Outcome::Failed)],
    }
}

/// Several verdicts as one. An answer weighs more than no answer: one clear no is enough where all must
/// pass, and one clear yes where any may.
fn judge(verdicts: &[Verdict], any: bool) -> Verdict {
    let decisive = if any { Verdict::Pass } else { Verdict::Fail };
    let otherwise = if any { Verdict::Fail } else { Verdict::Pass };
    if verdicts.contains(&decisive) {
        decisive
    } else if verdicts.contains(&Verdict::Error) {
        Verdict::Error
    } else {
        otherwise
    }
}

fn steps(state: &RunState, work: &Work, at: usize) -> Vec<Decision> {
    let Some(course) = state.courses().get(at) else {
        return Vec::new();
    };
    if is_settled(state, course.steps) {
        return work.unguard(at).unwrap_or_else(|| {
            if course.outline.verify.is_empty() {
                finish(state, at)
            } else {
                vec![Decision::Enter(at, Phase::Verify)]
            }
        });
    }
    guard(state, work, at)
}

/// Guards are asked beside the steps; the first that trips stops them.
fn guard(state: &RunState, work: &Work, at: usize) -> Vec<Decision> {
    let guards = state
        .courses()
        .get(at)
        .map_or(&[] as &[_], |course| &course.outline.guards);
    let mut decisions = Vec::new();
    for (number, guard) in guards.iter().enumerate() {
        let unit = Unit::Guard(at, number);
        if work.has(unit) {
            continue;
        }
        match of_session(state, at, guard).and_then(|check| check.verdict) {
            None => decisions.push(Decision::Start(unit)),
            Some(Verdict::Pass) => {}
            Some(Verdict::Fail | Verdict::Error) => {
                let stop = Stop {
                    cause: StopCause::GuardTripped {
                        check: guard.id.clone(),
                    },
                    then: policy(state, at),
                };
                return vec![Decision::Stop(at, stop)];
            }
        }
    }
    decisions
}

fn verified(state: &RunState, at: usize) -> Vec<Decision> {
    let verify = state
        .courses()
        .get(at)
        .map_or(&[] as &[_], |course| &course.outline.verify);
    let failed = verify.iter().find(|check| {
        find(state, at, CheckRole::Verify, check).is_none_or(|check| check.verdict != Some(Verdict::Pass))
    });
    match failed {
        Some(check) => {
            let stop = Stop {
                cause: StopCause::VerifyFailed {
                    check: check.id.clone(),
                },
                then: policy(state, at),
            };
            vec![Decision::Stop(at, stop)]
        }
        None => finish(state, at),
    }
}

/// Nothing new starts; when all is quiet, the policy acts.
fn wind_down(state: &RunState, work: &Work, at: usize) -> Vec<Decision> {
    let Some(course) = state.courses().get(at) else {
        return Vec::new();
    };
    if let Some(wait) = work.unguard(at) {
        return wait;
    }
    if !is_settled(state, course.steps) || work.is_busy(state, at) {
        return Vec::new();
    }
    let rolls_back = course
        .stop
        .as_ref()
        .is_some_and(|stop| stop.then == OnFailure::Rollback);
    if rolls_back && state.has_changed(at) {
        vec![Decision::Enter(at, Phase::Rollback)]
    } else {
        finish(state, at)
    }
}

/// The clean-up if a step was begun, else the end.
fn finish(state: &RunState, at: usize) -> Vec<Decision> {
    let Some(course) = state.courses().get(at) else {
        return Vec::new();
    };
    let frame = state.frames().get(course.finally);
    let due = frame.is_some_and(|frame| !frame.members.is_empty() && !frame.has_started());
    if course.begun && due {
        vec![Decision::Enter(at, Phase::Finally)]
    } else {
        vec![Decision::End(at, outcome(state, at))]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_weighs_more_than_no_answer() {
        use Verdict::{Error, Fail, Pass};
        assert_eq!(judge(&[Pass, Pass], false), Pass);
        assert_eq!(judge(&[Pass, Error], false), Error);
        assert_eq!(judge(&[Fail, Error], false), Fail);
        assert_eq!(judge(&[Fail, Pass], true), Pass);
        assert_eq!(judge(&[Fail, Error], true), Error);
        assert_eq!(judge(&[Fail, Fail], true), Fail);
    }
}
