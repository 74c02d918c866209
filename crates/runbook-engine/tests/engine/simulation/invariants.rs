//! What holds in every run, whatever happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_event::{
    CheckRole, Event, OnFailure, Outcome, Phase, RunState, StepStatus, UndoEnd, UndoStatus, Verdict,
};
use runbook_testkit::ran::Ran;
use runbook_testkit::tape::Mark;

use super::case::{Case, Made, Undo};

/// Checks everything that can be told from the tape and the final state.
pub(crate) fn hold(case: &Case, ran: &Ran) {
    assert!(ran.took < Duration::from_hours(4), "it took {:?}", ran.took);
    nothing_is_called_twice(ran);
    intents_are_durable(ran);
    order(case, ran);
    if let Some(error) = ran.error() {
        let left = matches!(error, runbook_engine::EngineError::Left);
        assert!(left && case.signals > 2, "{error:?}\n{}", ran.full_trace());
        return;
    }
    let state = &ran.finished().state;
    attempted_is_undone(case, ran, state);
    gates_decide(case, ran);
    the_outcome_is_true(case, ran, state);
    the_clean_up_is_last(case, ran);
}

fn nothing_is_called_twice(ran: &Ran) {
    for (name, count) in ran.calls() {
        let polled = name.starts_with(['g', 'r', 'v', 'd']);
        assert!(
            polled || count == 1,
            "{name} was called {count} times\n{}",
            ran.full_trace()
        );
    }
}

fn intents_are_durable(ran: &Ran) {
    let mut dirty = false;
    for (_, mark) in &ran.tape {
        match mark {
            Mark::Synced => dirty = false,
            Mark::Record(record) => {
                dirty |= matches!(
                    record.event,
                    Event::AttemptStarted { .. } | Event::UndoStarted { .. }
                ) && changes(&record.event);
            }
            Mark::Called("act" | "smash", name) => {
                assert!(
                    !dirty,
                    "{name} ran before its intent was durable\n{}",
                    ran.full_trace()
                );
            }
            Mark::Called(..)
            | Mark::Reading(..)
            | Mark::Returned(..)
            | Mark::Asked(_)
            | Mark::Lost
            | Mark::Signal => {}
        }
    }
}

fn changes(event: &Event) -> bool {
    matches!(
        event,
        Event::AttemptStarted { intent, .. } | Event::UndoStarted { intent, .. }
            if intent.effect > runbook_action::Effect::Read
    )
}

fn number(id: &str) -> Option<usize> {
    id.strip_prefix('s')?.parse().ok()
}

/// Needs before followers, followers' undos before needs' undos, nothing new after a stop, not too many at once.
fn order(case: &Case, ran: &Ran) {
    let after = followers(&case.steps);
    let (mut running, mut settled, mut attempted) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let (mut undone, mut stopped) = (BTreeSet::new(), false);
    for record in ran.records() {
        let text = || ran.full_trace();
        match &record.event {
            Event::StepStarted { step } => {
                let Some(at) = number(step) else { continue };
                assert!(
                    case.steps[at].needs.iter().all(|need| settled.contains(need)),
                    "{step}\n{}",
                    text()
                );
                assert!(!stopped, "{step} began after the stop\n{}", text());
                running.insert(at);
                assert!(
                    running.len() <= case.max_parallel,
                    "{step} is one too many\n{}",
                    text()
                );
            }
            Event::AttemptStarted { step, .. } => {
                let Some(at) = number(step) else { continue };
                assert!(!stopped, "{step} acted after the stop\n{}", text());
                attempted.insert(at);
            }
            Event::StepSkipped { step, .. } | Event::StepDone { step } | Event::StepFailed { step, .. } => {
                let Some(at) = number(step) else { continue };
                running.remove(&at);
                assert!(settled.insert(at), "{step} is settled twice\n{}", text());
            }
            Event::Stopping { .. } => stopped = true,
            Event::UndoStarted { step, .. } => {
                let at = number(step).expect("only steps are undone");
                let waits = after[at]
                    .iter()
                    .filter(|later| attempted.contains(later) && has_undo(&case.steps[**later]));
                assert!(
                    waits.clone().all(|later| undone.contains(later)),
                    "{step} is undone too early\n{}",
                    text()
                );
                assert!(
                    attempted.contains(&at) && running.is_empty(),
                    "{step}\n{}",
                    text()
                );
            }
            Event::UndoEnded { step, end, .. } => {
                assert!(!is_cancelled(end), "the undo of {step} was cancelled\n{}", text());
                undone.insert(number(step).expect("only steps are undone"));
            }
            Event::RunStarted(_)
            | Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::AttemptEnded { .. }
            | Event::Captured { .. }
            | Event::RunEnded { .. } => {}
        }
    }
}

/// Undos end by themselves, by their failure or by their time, and are cancelled by nothing else.
fn is_cancelled(end: &UndoEnd) -> bool {
    match end {
        UndoEnd::Undone => false,
        UndoEnd::Failed { failure } => failure.kind == ErrorKind::Cancelled,
    }
}

fn has_undo(made: &Made) -> bool {
    made.changes && made.undo == Undo::Action
}

/// All steps that come after each, however far.
fn followers(steps: &[Made]) -> Vec<BTreeSet<usize>> {
    let mut after = vec![BTreeSet::new(); steps.len()];
    for at in (0..steps.len()).rev() {
        for need in &steps[at].needs {
            let mut reached = after[at].clone();
            reached.insert(at);
            after[*need].append(&mut reached);
        }
    }
    after
}

fn attempted_is_undone(case: &Case, ran: &Ran, state: &RunState) {
    let rolled_back = state.stop().is_some_and(|stop| stop.then == OnFailure::Rollback);
    let calls: BTreeMap<String, usize> = ran.calls();
    for (at, made) in case.steps.iter().enumerate() {
        let step = state.step(&format!("s{at}")).expect("it is there");
        let called = calls.contains_key(&format!("s{at}"));
        assert_eq!(
            step.attempted,
            called && made.changes,
            "s{at}\n{}",
            ran.full_trace()
        );
        let fine = match (step.attempted && rolled_back, made.undo) {
            (false, _) => step.undo == UndoStatus::None,
            (true, Undo::Action) => matches!(step.undo, UndoStatus::Undone | UndoStatus::Failed),
            (true, Undo::NotNeeded | Undo::Irreversible) => step.undo == UndoStatus::Kept,
        };
        assert!(fine, "s{at} is {:?}\n{}", step.undo, ran.full_trace());
        let undo_called = calls.contains_key(&format!("u{at}"));
        let undo_due = matches!(step.undo, UndoStatus::Undone | UndoStatus::Failed);
        assert_eq!(undo_called, undo_due, "u{at}\n{}", ran.full_trace());
    }
}

/// No step is done whose gate did not pass as often in a row as it must.
fn gates_decide(case: &Case, ran: &Ran) {
    let state = &ran.finished().state;
    for (site, check) in state.checks() {
        assert!(check.verdict.is_some(), "{site:?} is open\n{}", ran.full_trace());
        if check.verdict == Some(Verdict::Pass) {
            let last = check.last().expect("it was read");
            let outline = &state.run().expect("it began").outline;
            let gates = outline.steps.iter().flat_map(|step| &step.verify);
            let known = gates.chain(&outline.verify).find(|known| known.id == site.check);
            let enough = match site.role {
                CheckRole::Gate | CheckRole::Verify => known.map_or(1, |known| known.consecutive),
                CheckRole::Detect | CheckRole::Baseline | CheckRole::Require => 1,
            };
            let answered = answers_in_a_row(ran, &site.check);
            assert!(
                answered >= enough || matches!(site.role, CheckRole::Detect | CheckRole::Baseline),
                "{site:?} passed after {answered}\n{}",
                ran.full_trace()
            );
            assert!(
                last.verdict == Verdict::Pass && last.streak >= enough,
                "{site:?}\n{}",
                ran.full_trace()
            );
        }
    }
    for (at, made) in case.steps.iter().enumerate().filter(|(_, made)| made.gated) {
        let step = state.step(&format!("s{at}")).expect("it is there");
        let passed = state.checks().iter().any(|(site, check)| {
            site.role == CheckRole::Gate
                && site.check == format!("g{at}")
                && check.verdict == Some(Verdict::Pass)
        });
        assert!(
            passed || step.status != StepStatus::Done,
            "s{at}, {made:?}\n{}",
            ran.full_trace()
        );
    }
}

/// How often this check answered before it was decided, without an error in between.
fn answers_in_a_row(ran: &Ran, name: &str) -> u32 {
    let ends = ran.tape.iter().rev().filter_map(|(_, mark)| match mark {
        Mark::Returned(known, result) if known == name => Some(result.is_ok()),
        Mark::Returned(..)
        | Mark::Record(_)
        | Mark::Reading(..)
        | Mark::Synced
        | Mark::Called(..)
        | Mark::Asked(_)
        | Mark::Lost
        | Mark::Signal => None,
    });
    u32::try_from(ends.take_while(|ok| *ok).count()).unwrap_or(u32::MAX)
}

fn the_outcome_is_true(case: &Case, ran: &Ran, state: &RunState) {
    let undo = |status| state.steps().iter().any(|step| step.undo == status);
    let fine = match ran.outcome() {
        Outcome::Resolved | Outcome::CleanupFailed => {
            let steps = case.steps.iter().enumerate().all(|(at, made)| {
                let step = state.step(&format!("s{at}")).expect("it is there");
                matches!(step.status, StepStatus::Done | StepStatus::Skipped)
                    || (made.continues && step.status == StepStatus::Failed)
            });
            let verify = state
                .checks()
                .iter()
                .filter(|(site, _)| site.role == CheckRole::Verify);
            let passed = verify
                .clone()
                .all(|(_, check)| check.verdict == Some(Verdict::Pass));
            steps && passed && (verify.count() > 0) == case.verified && state.stop().is_none()
        }
        Outcome::NotNeeded => ran.calls().keys().all(|name| name.starts_with('d')),
        Outcome::RolledBack => undo(UndoStatus::Undone) && !undo(UndoStatus::Failed),
        Outcome::RollbackFailed => undo(UndoStatus::Failed),
        Outcome::Failed | Outcome::Interrupted => !undo(UndoStatus::Undone) && !undo(UndoStatus::Failed),
        Outcome::Rejected => !undo(UndoStatus::Failed),
        Outcome::Waiting | Outcome::Unknown => false,
    };
    assert!(fine, "{}\n{}", ran.outcome(), ran.full_trace());
    let open = state
        .steps()
        .iter()
        .any(|step| matches!(step.undo, UndoStatus::Pending | UndoStatus::Running));
    assert!(!open, "an undo is open\n{}", ran.full_trace());
}

fn the_clean_up_is_last(case: &Case, ran: &Ran) {
    let state = &ran.finished().state;
    let begun = (0..case.steps.len()).any(|at| {
        let step = state.step(&format!("s{at}"));
        step.is_some_and(|step| step.started_at.is_some())
    });
    let calls = ran.calls();
    for at in 0..case.finally {
        let name = format!("f{at}");
        assert_eq!(calls.contains_key(&name), begun, "{name}\n{}", ran.full_trace());
    }
    if case.finally > 0 && begun {
        assert_eq!(state.phase(), Some(Phase::Finally), "{}", ran.full_trace());
    }
}
