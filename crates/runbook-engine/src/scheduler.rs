//! What to do next: a pure function of the state.

use std::collections::BTreeSet;

use runbook_event::{
    CheckRole, OnFailure, Outcome, Outline, Phase, RunState, Section, SkipReason, StepStatus, Stop,
    StopCause, UndoStatus, Verdict,
};

/// A piece of work that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unit {
    /// The run's own checks of this role.
    Checks(Phase),
    /// A step.
    Step(usize),
    /// The undo of a step.
    Undo(usize),
}

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Begin a part of the run.
    Enter(Phase),
    /// Start a piece of work.
    Start(Unit),
    /// Note that a step is not run.
    Skip(usize, SkipReason),
    /// Start nothing more.
    Stop(Stop),
    /// The run is over.
    End(Outcome),
}

/// The work of this process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Work {
    /// What is under way.
    pub(crate) active: BTreeSet<Unit>,
    /// What has ended.
    pub(crate) ended: BTreeSet<Unit>,
}

/// What to do next, given what is known and what is under way. An empty answer means: wait.
pub(crate) fn decide(state: &RunState, work: &Work) -> Vec<Decision> {
    let active = &work.active;
    let Some(run) = state.run() else { return Vec::new() };
    let outline = &run.outline;
    if state.outcome().is_some() {
        return Vec::new();
    }
    let before_rollback = state.phase() < Some(Phase::Rollback);
    if state.stop().is_some() && before_rollback {
        return wind_down(state, active);
    }
    match state.phase() {
        None => vec![Decision::Enter(first_phase(outline))],
        Some(Phase::Detect) => detect(state, outline, work),
        Some(Phase::Baseline) => {
            checks(work, Phase::Baseline).unwrap_or_else(|| vec![Decision::Enter(Phase::Steps)])
        }
        Some(Phase::Steps) => steps(state, outline, active),
        Some(Phase::Verify) => checks(work, Phase::Verify).unwrap_or_else(|| match failed_check(state) {
            Some(check) => {
                vec![Decision::Stop(Stop {
                    cause: StopCause::VerifyFailed { check },
                    then: outline.on_failure,
                })]
            }
            None => finish(state),
        }),
        Some(Phase::Rollback) => rollback(state, active),
        Some(Phase::Finally) => finally(state, outline, active),
    }
}

fn first_phase(outline: &Outline) -> Phase {
    if outline.detect.is_empty() {
        after_detect(outline)
    } else {
        Phase::Detect
    }
}

fn after_detect(outline: &Outline) -> Phase {
    if outline.verify.is_empty() {
        Phase::Steps
    } else {
        Phase::Baseline
    }
}

/// The run's own checks: started once; `None` when that work has ended.
fn checks(work: &Work, phase: Phase) -> Option<Vec<Decision>> {
    let unit = Unit::Checks(phase);
    if work.active.contains(&unit) {
        Some(Vec::new())
    } else if work.ended.contains(&unit) {
        None
    } else {
        Some(vec![Decision::Start(unit)])
    }
}

fn detect(state: &RunState, outline: &Outline, work: &Work) -> Vec<Decision> {
    if let Some(wait) = checks(work, Phase::Detect) {
        return wait;
    }
    let verdicts: Vec<Verdict> = state
        .checks()
        .iter()
        .filter(|(site, _)| site.role == CheckRole::Detect)
        .map(|(_, check)| check.verdict.unwrap_or(Verdict::Error))
        .collect();
    match judge(&verdicts, outline.detect_any) {
        Verdict::Pass => vec![Decision::Enter(after_detect(outline))],
        Verdict::Fail => vec![Decision::End(Outcome::NotNeeded)],
        Verdict::Error => vec![Decision::End(Outcome::Failed)],
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

fn steps(state: &RunState, outline: &Outline, active: &BTreeSet<Unit>) -> Vec<Decision> {
    if let Some(stop) = stop_for(state, outline) {
        return vec![Decision::Stop(stop)];
    }
    if state.is_settled(Section::Steps) && active.is_empty() {
        return if outline.verify.is_empty() {
            finish(state)
        } else {
            vec![Decision::Enter(Phase::Verify)]
        };
    }
    start_ready(state, outline, active)
}

fn start_ready(state: &RunState, outline: &Outline, active: &BTreeSet<Unit>) -> Vec<Decision> {
    let limit = usize::try_from(outline.max_parallel).unwrap_or(usize::MAX);
    let free = limit.saturating_sub(active.len());
    let ready = state
        .ready()
        .iter()
        .map(|at| Unit::Step(*at))
        .filter(|unit| !active.contains(unit));
    ready.take(free).map(Decision::Start).collect()
}

/// Why the run must stop, if a step says so.
pub(crate) fn stop_for(state: &RunState, outline: &Outline) -> Option<Stop> {
    state.failures().iter().find_map(|at| {
        let (known, step) = (outline.steps.get(*at)?, state.steps().get(*at)?);
        if known.section != Section::Steps {
            return None;
        }
        let rejected = step.approval.as_ref().is_some_and(|(approved, ..)| !approved);
        match (known.on_failure, rejected) {
            (OnFailure::Continue, _) => None,
            (then, true) => Some(Stop {
                cause: StopCause::Rejected {
                    step: known.id.clone(),
                },
                then,
            }),
            (then, false) => Some(Stop {
                cause: StopCause::StepFailed {
                    step: known.id.clone(),
                },
                then,
            }),
        }
    })
}

/// Nothing new starts; what waits is skipped; when all is quiet, the policy acts.
fn wind_down(state: &RunState, active: &BTreeSet<Unit>) -> Vec<Decision> {
    let waiting = state
        .section(Section::Steps)
        .filter(|at| {
            state
                .steps()
                .get(*at)
                .is_some_and(|step| step.status == StepStatus::Pending)
        })
        .filter(|at| !active.contains(&Unit::Step(*at)));
    let mut decisions: Vec<Decision> = waiting
        .map(|at| Decision::Skip(at, SkipReason::Stopped))
        .collect();
    if decisions.is_empty() && active.is_empty() {
        let rolls_back = state.stop().is_some_and(|stop| stop.then == OnFailure::Rollback);
        decisions = if rolls_back && state.has_changed_something() {
            vec![Decision::Enter(Phase::Rollback)]
        } else {
            finish(state)
        };
    }
    decisions
}

fn rollback(state: &RunState, active: &BTreeSet<Unit>) -> Vec<Decision> {
    let ready = state
        .undo_ready()
        .iter()
        .map(|at| Unit::Undo(*at))
        .filter(|unit| !active.contains(unit));
    let decisions: Vec<Decision> = ready.map(Decision::Start).collect();
    if decisions.is_empty() && active.is_empty() {
        finish(state)
    } else {
        decisions
    }
}

fn finally(state: &RunState, outline: &Outline, active: &BTreeSet<Unit>) -> Vec<Decision> {
    if state.is_settled(Section::Finally) && active.is_empty() {
        return vec![Decision::End(outcome(state))];
    }
    start_ready(state, outline, active)
}

/// The clean-up if a step was begun, else the end.
fn finish(state: &RunState) -> Vec<Decision> {
    let begun = state.section(Section::Steps).any(|at| {
        state
            .steps()
            .get(at)
            .is_some_and(|step| step.started_at.is_some())
    });
    if begun && state.section(Section::Finally).next().is_some() {
        vec![Decision::Enter(Phase::Finally)]
    } else {
        vec![Decision::End(outcome(state))]
    }
}

fn failed_check(state: &RunState) -> Option<String> {
    let verify = state
        .checks()
        .iter()
        .filter(|(site, _)| site.role == CheckRole::Verify);
    verify
        .filter(|(_, check)| check.verdict != Some(Verdict::Pass))
        .map(|(site, _)| site.check.clone())
        .next()
}

/// How the run ended. Where several are true the graver one is told.
fn outcome(state: &RunState) -> Outcome {
    let undo = |status: UndoStatus| state.steps().iter().any(|step| step.undo == status);
    if undo(UndoStatus::Failed) {
        return Outcome::RollbackFailed;
    }
    let undone = undo(UndoStatus::Undone);
    if state.stop().is_some() && was_rejected(state) {
        return Outcome::Rejected;
    }
    match state.stop().map(|stop| &stop.cause) {
        Some(StopCause::Rejected { .. }) => Outcome::Rejected,
        Some(_) if undone => Outcome::RolledBack,
        Some(StopCause::Signal { .. }) => Outcome::Interrupted,
        Some(StopCause::StepFailed { .. } | StopCause::VerifyFailed { .. }) => Outcome::Failed,
        None => {
            let cleanup_failed = state.section(Section::Finally).any(|at| {
                state
                    .steps()
                    .get(at)
                    .is_some_and(|step| step.status == StepStatus::Failed)
            });
            if cleanup_failed {
                Outcome::CleanupFailed
            } else {
                Outcome::Resolved
            }
        }
    }
}

/// Whether a person refused a step that the run could not do without, be it that something else stopped it.
fn was_rejected(state: &RunState) -> bool {
    let outline = state.run().map_or(&[] as &[_], |run| &run.outline.steps);
    outline.iter().zip(state.steps()).any(|(known, step)| {
        let refused = step.approval.as_ref().is_some_and(|(approved, ..)| !approved);
        refused && known.section == Section::Steps && known.on_failure != OnFailure::Continue
    })
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
