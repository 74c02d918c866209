//! `then`: what makes a change take effect, after the action and again after its undo.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::{is, trace_is};

const STEP: &str = "
    steps:
      - id: a
        act: {name: a}
        then: [{act: {name: reload}}, {act: {name: flush}}]
        verify: [{probe: {name: v}, expect: got == 1}]
        rollback: {act: {name: undo-a}, verify: [{probe: {name: gone}}]}
";

/// Durable before each, the gate after all of them; and after the undo the same again, before its own gate.
#[test]
fn it_runs_after_the_action_and_after_the_undo() {
    let ran = Scenario::new(STEP).on("v", [Play::gives(0)]).run();
    assert_eq!(ran.outcome(), Outcome::RolledBack);
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        a start
        a intent
          sync
          > act a
          < a
        a acted
        a then 1
          sync
          > act reload
          < reload
        a then 1 acted
        a then 2
          sync
          > act flush
          < flush
        a then 2 acted
        a gate.1 ?
          > probe v
          < v
        a gate.1 #1 fail 0
        a gate.1 = fail
        a failed: other
        STOP a: rollback
        == rollback
        a undo
          sync
          > act undo-a
          < undo-a
        a undo then 1
          sync
          > act reload
          < reload
        a undo then 1 acted
        a undo then 2
          sync
          > act flush
          < flush
        a undo then 2 acted
        a undone.1 ?
          > probe gone
          < gone
        a undone.1 #1 pass 1
        a undone.1 = pass
        a undone
        == rolled_back
          sync
        ",
    );
}

#[test]
fn its_failure_fails_the_step_which_is_undone() {
    let ran = Scenario::new(STEP)
        .on("reload", [Play::fails("no"), Play::works()])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a acted
        a then 1
        a then 1 did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        a undo
        a undo then 1
        a undo then 1 acted
        a undo then 2
        a undo then 2 acted
        a undone.1 ?
        a undone.1 #1 pass 1
        a undone.1 = pass
        a undone
        == rolled_back
        ",
    );
}

/// The undo itself has passed, but it has not taken effect: a person must know.
#[test]
fn its_failure_after_the_undo_is_a_failed_undo() {
    let ran = Scenario::new(STEP)
        .on("v", [Play::gives(0)])
        .on("flush", [Play::works(), Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a then 1
        a then 1 acted
        a then 2
        a then 2 acted
        a gate.1 ?
        a gate.1 #1 fail 0
        a gate.1 = fail
        a failed: other
        STOP a: rollback
        == rollback
        a undo
        a undo then 1
        a undo then 1 acted
        a undo then 2
        a undo then 2 did not act: refused
        a not undone: refused
        == rollback_failed
        ",
    );
}

/// After an action that failed there is nothing to take effect; after its undo there may be.
#[test]
fn it_does_not_run_after_a_failed_action() {
    let ran = Scenario::new(STEP).on("a", [Play::acts_then_fails("half")]).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a did not act: other
        a failed: other
        STOP a: rollback
        == rollback
        a undo
        a undo then 1
        a undo then 1 acted
        a undo then 2
        a undo then 2 acted
        a undone.1 ?
        a undone.1 #1 pass 1
        a undone.1 = pass
        a undone
        == rolled_back
        ",
    );
}

/// It has attempts of its own; those do not run the action again.
#[test]
fn it_may_be_tried_again() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            idempotent: true
            then: {act: {name: reload}, retry: {attempts: 3, delay: 1s, backoff: 2, jitter: 0}}
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("reload", [Play::fails("no"), Play::fails("no"), Play::works()])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a then 1
        a then 1 did not act: refused
        @1000
        a then 1
        a then 1 did not act: refused
        @3000
        a then 1
        a then 1 acted
        a done
        == resolved
        ",
    );
    assert_eq!(ran.calls().get("a"), Some(&1));
}

/// Retries of the action: it follows the attempt that worked, once.
#[test]
fn it_follows_the_attempt_that_worked() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            idempotent: true
            retry: {attempts: 2, delay: 1s, jitter: 0}
            then: {act: {name: reload}}
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("a", [Play::fails("no"), Play::works()])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a did not act: refused
        a attempt 2 in 1000
        @1000
        a intent 2
        a acted
        a then 1
        a then 1 acted
        a done
        == resolved
        ",
    );
}

/// The run stops between the action and what makes it take effect.
#[test]
fn a_signal_before_it() {
    let ran = Scenario::new(STEP)
        .on("reload", [Play::hangs(), Play::works()])
        .signal(1000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a acted
        a then 1
        @1000
        SIGNAL
        STOP SIGINT: rollback
        a then 1 did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undo then 1
        a undo then 1 acted
        a undo then 2
        a undo then 2 acted
        a undone.1 ?
        a undone.1 #1 pass 1
        a undone.1 = pass
        a undone
        == rolled_back
        ",
    );
}

/// After an undo by steps it runs once, at their end.
#[test]
fn it_follows_an_undo_by_steps() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            then: {act: {name: reload}}
            rollback: [{id: u1, act: {name: u1}}, {id: u2, act: {name: u2}}]
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a acted
        a then 1
        a then 1 acted
        a done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a undo by steps
        u1 start
        u1 intent
        u1 acted
        u1 done
        u2 start
        u2 intent
        u2 acted
        u2 done
        a undo then 1
        a undo then 1 acted
        a undone
        == rolled_back
        ",
    );
}
