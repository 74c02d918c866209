//! Guards: what must stay true while the run changes things.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn guarded(fails: u32, body: &str) -> Scenario {
    Scenario::new(&format!(
        "
        guards: [{{id: up, probe: {{name: up}}, expect: got == 1, every: 1s, fails: {fails}}}]
        {body}
        "
    ))
}

const ONE: &str = "steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]";

fn answers(values: &[i32]) -> Vec<Play> {
    values.iter().map(|value| Play::gives(*value)).collect()
}

/// No step begins before the guard has passed once, and it is asked until the steps are over.
#[test]
fn it_passes_before_the_first_step_and_ends_with_the_last() {
    let ran = guarded(1, ONE)
        .on("up", [Play::gives(1).takes(500), Play::gives(1)])
        .on("a", [Play::works().takes(2500)])
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        guard.up ?
        @500
        guard.up #1 pass 1
        a start
        a intent
        @3000
        a acted
        a done
        guard.up = pass
        == resolved
        ",
    );
}

/// Once before the first step is enough of a reason, whatever `fails` says: nothing is touched.
#[test]
fn a_first_reading_that_does_not_pass_stops_the_run_before_anything_is_done() {
    for play in [
        Play::gives(0),
        Play::fails("down"),
        Play::panics(),
        Play::gives("1"),
    ] {
        let ran = guarded(3, ONE).on("up", [play]).run();
        assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
        assert_eq!(ran.calls().get("a"), None, "{}", ran.trace());
        assert_eq!(ran.calls().get("up"), Some(&1), "{}", ran.trace());
    }
}

/// It trips: changes under way are cancelled too, what was attempted is undone, and nobody asks the guard any more.
#[test]
fn it_trips_after_so_many_in_a_row() {
    let ran = guarded(3, ONE)
        .on("up", answers(&[1, 0, 0, 1, 0, 0, 0]))
        .on("a", [Play::acts_then_hangs()])
        .on("undo-a", [Play::works().takes(9000)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        @1000
        guard.up #2 fail 0
        @3000
        guard.up #4 pass 1
        @4000
        guard.up #5 fail 0
        @6000
        guard.up #7 fail 0
        guard.up = fail
        STOP guard up: rollback
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        @15000
        a undone
        == rolled_back
        ",
    );
    assert_eq!(ran.calls().get("up"), Some(&7), "it is not asked during rollback");
}

/// That it cannot be asked counts as much as that it says no.
#[test]
fn errors_count_as_fails() {
    let ran = guarded(2, ONE)
        .on("up", [Play::gives(1), Play::fails("down"), Play::gives(0)])
        .on("a", [Play::acts_then_hangs()])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        @1000
        guard.up #2 error 0
        @2000
        guard.up #3 fail 0
        guard.up = fail
        STOP guard up: rollback
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// One that answers too late has not answered, and its next reading is not held up for ever.
#[test]
fn a_reading_that_hangs_is_an_error() {
    let ran = Scenario::new(&format!(
        "
        guards: [{{id: up, probe: {{name: up}}, expect: got == 1, every: 1s, fails: 1, timeout: 2s}}]
        {ONE}
        "
    ))
    .on("up", [Play::gives(1), Play::hangs()])
    .on("a", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        @3000
        guard.up #2 error 0
        guard.up = error
        STOP guard up: rollback
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn a_run_whose_guard_trips_may_hold() {
    let ran = guarded(1, &format!("on_failure: hold\n        {ONE}"))
        .on("up", answers(&[1, 0]))
        .on("a", [Play::acts_then_hangs()])
        .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        @1000
        guard.up #2 fail 0
        guard.up = fail
        STOP guard up: hold
        a did not act: cancelled
        a failed: cancelled
        == failed
        ",
    );
}

/// The final check is no part of what is guarded.
#[test]
fn it_ends_before_the_final_check() {
    let ran = guarded(
        1,
        &format!("{ONE}\n        verify: [{{id: v, probe: {{name: v}}, expect: got == 1, every: 5s, within: 1m, baseline: false}}]"),
    )
    .on("up", answers(&[1, 0]))
    .on("v", answers(&[0, 0, 1]))
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        a acted
        a done
        guard.up = pass
        == verify
        verify.v ?
        verify.v #1 fail 0
        @10000
        verify.v #3 pass 1
        verify.v = pass
        == resolved
        ",
    );
}

/// It goes on while a person is asked, and its trip withdraws the question.
#[test]
fn it_watches_while_a_person_is_asked() {
    let ran = guarded(
        1,
        "steps: [{id: a, approve: true, act: {name: a}, rollback: {act: {name: undo-a}}}]",
    )
    .on("up", answers(&[1, 1, 0]))
    .answer("a", 60_000, true)
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a asks
        @2000
        guard.up #3 fail 0
        guard.up = fail
        STOP guard up: rollback
        a failed: cancelled
        == failed
        ",
    );
    assert_eq!(ran.calls().get("a"), None);
}

/// Each watches for itself; the first that trips is the reason.
#[test]
fn several_guards() {
    let ran = Scenario::new(&format!(
        "
        guards:
          - {{id: l, probe: {{name: l}}, expect: got == 1, every: 1s, fails: 2}}
          - {{id: r, probe: {{name: r}}, expect: got == 1, every: 3s, fails: 1}}
        {ONE}
        "
    ))
    .on("l", answers(&[1, 0, 1, 0, 1]))
    .on("r", answers(&[1, 0]))
    .on("a", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        guard.l ?
        guard.r ?
        guard.l #1 pass 1
        guard.r #1 pass 1
        a start
        a intent
        @1000
        guard.l #2 fail 0
        @2000
        guard.l #3 pass 1
        @3000
        guard.r #2 fail 0
        guard.l #4 fail 0
        guard.r = fail
        STOP guard r: rollback
        guard.l = pass
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Without a step that runs there is nothing to guard.
#[test]
fn a_guard_with_nothing_to_guard() {
    let ran = guarded(
        1,
        "steps: [{id: a, when: 1 > 2, act: {name: a}, rollback: not_needed}]",
    )
    .on("up", [Play::gives(1)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

/// A step fails by itself: the guard ends when the rollback begins, and says no more.
#[test]
fn it_ends_when_the_rollback_begins() {
    let ran = guarded(1, ONE)
        .on("up", answers(&[1, 1, 0]))
        .on("a", [Play::acts_then_fails("half").takes(1500)])
        .on("undo-a", [Play::works().takes(9000)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        guard.up ?
        guard.up #1 pass 1
        a start
        a intent
        @1500
        a did not act: other
        a failed: other
        STOP a: rollback
        guard.up = pass
        == rollback
        a undo
        @10500
        a undone
        == rolled_back
        ",
    );
}
