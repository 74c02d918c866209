//! `StackStorm`.

use runbook_event::{Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use super::{calls, failure, status};

/// `StackStorm`, st2 #5054: one branch fails, and the others are given up with it, whatever the author wanted. Here the
/// author says it for each branch: a group that may fail ends alone.
#[test]
fn branches_may_be_independent() {
    let ran = Scenario::new(
        "
        steps:
          - id: l
            needs: []
            on_failure: continue
            steps: [{id: l1, probe: {name: l1}, on_failure: rollback}, {id: l2, probe: {name: l2}}]
          - id: r
            needs: []
            steps: [{id: r1, probe: {name: r1}}, {id: r2, probe: {name: r2}}]
        ",
    )
    .on("l1", [Play::fails("no").takes(1000)])
    .on("r1", [Play::works().takes(3000)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(
        (status(&ran, "l2"), status(&ran, "r2")),
        (Some(StepStatus::Skipped), Some(StepStatus::Done))
    );
}

/// `StackStorm`, st2 #4523 and #4617: a loop of which an item has failed stays at work for ever. Here a loop ends when its
/// items have, however they did, in any order.
#[test]
fn a_loop_ends_whatever_its_items_do() {
    for batch in [1, 3] {
        for failing in 1..8_u32 {
            let text = format!(
                "
                steps:
                  - id: each
                    for_each: {{item: n, in: '[1, 2, 3]', batch: {batch}, max_failures: 3}}
                    steps: [{{id: a, probe: {{name: 'a{{{{ n }}}}'}}}}]
                "
            );
            let scenario = (0..3).fold(Scenario::new(&text), |scenario, at| {
                let play = if failing & (1 << at) == 0 {
                    Play::works()
                } else {
                    Play::fails("no")
                };
                scenario.on(&format!("a{}", at + 1), [play.takes(1000 * (3 - at))])
            });
            let ran = scenario.run();
            assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
            assert_eq!(status(&ran, "each"), Some(StepStatus::Done));
        }
    }
}

/// `StackStorm`, st2 #5029: the next task starts when the first item has failed, while others are still at work. Here what
/// follows a loop waits for all of it.
#[test]
fn what_follows_a_loop_waits_for_all_of_it() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2]', batch: 2, max_failures: 1}
            steps: [{id: a, probe: {name: 'a{{ n }}'}}]
          - {id: next, probe: {name: next}}
        ",
    )
    .on("a1", [Play::fails("no")])
    .on("a2", [Play::works().takes(5000)])
    .run();
    let trace = ran.full_trace();
    assert!(trace.find("< a2") < trace.find("> probe next"), "{trace}");
}

/// `StackStorm`, st2 #4432: a task that fails does not fail the workflow as soon as it has a transition, be it only to
/// publish a value. Here capturing changes nothing about failing.
#[test]
fn a_step_with_captures_fails_as_any_other() {
    let ran =
        Scenario::new("steps: [{id: a, probe: {name: a}, capture: {x: got}}, {id: b, let: {x: steps.a.x}}]")
            .on("a", [Play::fails("no")])
            .run();
    assert_eq!(
        (ran.outcome(), status(&ran, "b")),
        (Outcome::Failed, Some(StepStatus::Skipped))
    );
}

/// `StackStorm`, orquesta #171: cancelling a task that waits for its next attempt was still to be done. Here the delay ends
/// at once, and there is no further attempt.
#[test]
fn a_cancel_ends_the_delay_before_an_attempt() {
    let ran = Scenario::new(
        "steps: [{id: a, probe: {name: a}, retry: {attempts: 5, delay: 1h, max_delay: 1h, jitter: 0}}]",
    )
    .on("a", [Play::fails("no")])
    .signal(2000)
    .run();
    assert_eq!((ran.outcome(), calls(&ran, "a")), (Outcome::Interrupted, 1));
    assert_eq!(ran.took.as_secs(), 2, "{}", ran.trace());
}

/// `StackStorm`, st2 #2843: a lock outlives the execution that was cancelled, and nobody can take it away. Here a lock that
/// another run has fails the step that needs it, with the lock's name, and the run ends as after any failure.
#[test]
fn a_lock_of_another_run_is_an_ordinary_failure() {
    let ran = Scenario::new(
        "
        steps:
          - {id: first, act: {name: first}, rollback: {act: {name: undo-first}}}
          - {id: call, runbook: {name: child}}
        ",
    )
    .runbook(
        "child",
        "lock: pool\nsteps: [{id: a, act: {name: a}, rollback: not_needed}]",
    )
    .locked("pool")
    .run();
    assert_eq!(
        (ran.outcome(), calls(&ran, "a"), calls(&ran, "undo-first")),
        (Outcome::RolledBack, 0, 1)
    );
    assert!(
        failure(&ran, "call").contains("pool"),
        "{}",
        failure(&ran, "call")
    );
}
