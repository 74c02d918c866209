//! How a run ended where several things are true: `unknown`, `rollback_failed`, `rejected`, `interrupted`,
//! `rolled_back` or `failed`, in this order.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

fn branches(body: &str) -> Scenario {
    Scenario::new(&format!(
        "
        {body}
        steps:
          - {{id: a, needs: [], act: {{name: a}}, rollback: {{act: {{name: undo-a}}}}}}
          - {{id: b, needs: [], approve: true, act: {{name: b}}, rollback: {{act: {{name: undo-b}}}}}}
        "
    ))
}

/// Refused, and an undo failed: somebody has to act, and that is told.
#[test]
fn a_failed_undo_is_graver_than_a_refusal() {
    let ran = branches("")
        .answer("b", 1000, false)
        .on("undo-a", [Play::fails("stuck")])
        .run();
    assert_eq!(ran.outcome(), Outcome::RollbackFailed, "{}", ran.trace());
}

#[test]
fn a_failed_undo_is_graver_than_an_interrupt() {
    let ran = branches("")
        .on("a", [Play::acts_then_hangs()])
        .on("undo-a", [Play::fails("stuck")])
        .signal(1000)
        .run();
    assert_eq!(ran.outcome(), Outcome::RollbackFailed, "{}", ran.trace());
}

/// Refused, and then a signal arrives while the rest ends: it was refused.
#[test]
fn a_refusal_is_graver_than_an_interrupt() {
    let ran = branches("")
        .answer("b", 1000, false)
        .on("a", [Play::works().takes(5000)])
        .signal(2000)
        .run();
    assert_eq!(ran.outcome(), Outcome::Rejected, "{}", ran.trace());
}

/// Refused, rolled back: it was refused, and the undos have passed.
#[test]
fn a_refusal_is_graver_than_a_rollback() {
    let ran = branches("").answer("b", 1000, false).run();
    assert_eq!(ran.outcome(), Outcome::Rejected, "{}", ran.trace());
    assert_eq!(
        ran.finished().state.step("a").map(|step| step.undo),
        Some(UndoStatus::Undone)
    );
}

/// A step has failed, and a signal comes while what was beside it ends: the failure was the reason.
#[test]
fn what_stopped_it_first_is_the_reason() {
    let ran = branches("on_failure: hold\n        on_interrupt: hold")
        .on("a", [Play::fails("no").takes(1000)])
        .signal(2000)
        .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
}

/// With nothing changed, an interrupt is an interrupt, also where the policy is to roll back.
#[test]
fn an_interrupt_with_nothing_to_undo() {
    let ran = branches("detect: [{id: d, probe: {name: d}}]")
        .on("d", [Play::hangs()])
        .signal(1000)
        .run();
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{}", ran.trace());
    assert_eq!(ran.calls().get("a"), None);
}

/// The clean-up failed as well: the graver outcome is told.
#[test]
fn a_failed_clean_up_hides_nothing() {
    for (name, play, outcome) in [
        ("a", Play::fails("no"), Outcome::RolledBack),
        ("undo-a", Play::fails("stuck"), Outcome::RollbackFailed),
    ] {
        let ran = Scenario::new(
            "
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}, {id: bad, probe: {name: bad}}]
            finally: [{id: z, act: {name: z}}]
            ",
        )
        .on("bad", [Play::fails("no")])
        .on("z", [Play::fails("no")])
        .on(name, [play])
        .run();
        assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    }
}

/// A refusal of a step that the run can do without is none of the run.
#[test]
fn a_forgiven_refusal_is_none() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, approve: true, on_failure: continue, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, probe: {name: b}}
        ",
    )
    .answer("a", 1000, false)
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

/// A refusal within a forgiven group is none either, whatever stops the run later.
#[test]
fn a_refusal_in_a_forgiven_group_is_none() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            on_failure: continue
            steps: [{id: a, approve: true, on_failure: rollback, act: {name: a}, rollback: {act: {name: undo-a}}}]
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .answer("a", 1000, false)
    .on("b", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
}

/// One alternative was refused, another worked, and something else stopped the run later.
#[test]
fn a_refused_alternative_is_none() {
    let ran = Scenario::new(
        "
        steps:
          - id: recover
            verify: [{probe: {name: up}}]
            first_of:
              - {id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .answer("a", 1000, false)
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
}

/// A refusal within a sub-runbook is one of the run, unless the call is forgiven.
#[test]
fn a_refusal_in_a_forgiven_sub_runbook_is_none() {
    for (forgiven, outcome) in [
        ("", Outcome::Rejected),
        (", on_failure: continue", Outcome::RolledBack),
    ] {
        let text = format!(
            "
            steps:
              - {{id: first, act: {{name: first}}, rollback: {{act: {{name: undo-first}}}}}}
              - {{id: call, runbook: {{name: child}}{forgiven}}}
              - {{id: bad, probe: {{name: bad}}}}
            "
        );
        let ran = Scenario::new(&text)
            .runbook(
                "child",
                "steps: [{id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}]",
            )
            .answer("call/a", 1000, false)
            .on("bad", [Play::fails("no")])
            .run();
        assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    }
}
