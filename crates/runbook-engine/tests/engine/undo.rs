//! How one step is undone: by steps, with attempts, with a proof.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn failing_after(step: &str) -> Scenario {
    let text = format!(
        "
        steps:
          - {{id: first, act: {{name: first}}, rollback: {{act: {{name: undo-first}}}}}}
          {step}
          - {{id: bad, probe: {{name: bad}}}}
        "
    );
    Scenario::new(&text).on("bad", [Play::fails("no")])
}

const BY_STEPS: &str = "- {id: a, act: {name: a}, rollback: [{id: u1, act: {name: u1}}, {probe: {name: u2}, capture: {x: got}}, {id: u3, act: {name: u3}}]}";

#[test]
fn by_steps_in_their_order() {
    let ran = failing_after(BY_STEPS).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
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
        a-undo-2 start
        a-undo-2 intent
        a-undo-2 acted
        a-undo-2 captured x=null
        a-undo-2 done
        u3 start
        u3 intent
        u3 acted
        u3 done
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// What follows in that list is skipped, the undo has failed, and the others go on.
#[test]
fn a_step_of_an_undo_that_fails() {
    let ran = failing_after(BY_STEPS).on("u1", [Play::fails("stuck")]).run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
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
        u1 did not act: refused
        u1 failed: refused
        a-undo-2 skipped: stopped
        u3 skipped: stopped
        a not undone: other
        first undo
        first undone
        == rollback_failed
        ",
    );
    let step = ran.finished().state.step("a").expect("it is there").clone();
    let failure = step.undo_failure.expect("it failed").to_string();
    assert!(failure.contains("u1") && failure.contains("stuck"), "{failure}");
}

/// Two signals cancel none of it.
#[test]
fn signals_end_no_undo_by_steps() {
    let ran = failing_after(BY_STEPS)
        .on("u1", [Play::works().takes(5000)])
        .on("u3", [Play::works().takes(5000)])
        .signal(1000)
        .signal(6000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
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
        @1000
        SIGNAL
        @5000
        u1 acted
        u1 done
        a-undo-2 start
        a-undo-2 intent
        a-undo-2 acted
        a-undo-2 captured x=null
        a-undo-2 done
        u3 start
        u3 intent
        @6000
        SIGNAL
        @10000
        u3 acted
        u3 done
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// A step within an undo may be forgiven, and its own conditions hold.
#[test]
fn steps_of_an_undo_have_conditions_and_gates() {
    let ran = failing_after(
        "- id: a
            before: {probe: {name: b}, capture: {old: got}}
            act: {name: a}
            rollback:
              - {id: u1, when: steps.a.old == 1, act: {name: u1}, on_failure: continue}
              - {id: u2, when: steps.a.old == 2, act: {name: u2}}
              - {id: u3, act: {name: 'u3 {{ steps.a.old }}'}, verify: [{probe: {name: gone}}]}",
    )
    .on("b", [Play::gives(1)])
    .on("u1", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a before old=1
        a intent
        a acted
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
        u1 did not act: refused
        u1 failed: refused
        u2 skipped: when
        u3 start
        u3 intent
        u3 acted
        u3 gate.1 ?
        u3 gate.1 #1 pass 1
        u3 gate.1 = pass
        u3 done
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

const RETRIED: &str = "- {id: a, act: {name: a}, rollback: {act: {name: undo-a}, idempotent: true, retry: {attempts: 3, delay: 1s, backoff: 2, jitter: 0}}}";

#[test]
fn an_undo_has_attempts_of_its_own() {
    let ran = failing_after(RETRIED)
        .on(
            "undo-a",
            [Play::fails("busy"), Play::acts_then_fails("half"), Play::works()],
        )
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
        a done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a undo failed: refused; 2 in 1000
        @1000
        a undo failed: other; 3 in 2000
        @3000
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

#[test]
fn when_they_are_used_up_it_has_failed_and_the_others_go_on() {
    let ran = failing_after(RETRIED).on("undo-a", [Play::fails("busy")]).run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
        a done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a undo failed: refused; 2 in 1000
        @1000
        a undo failed: refused; 3 in 2000
        @3000
        a not undone: refused
        first undo
        first undone
        == rollback_failed
        ",
    );
    let state = &ran.finished().state;
    assert_eq!(
        state.step("first").map(|step| step.undo),
        Some(UndoStatus::Undone)
    );
}

/// An undo is done when its proof passes.
#[test]
fn an_undo_is_proved() {
    let text = "- {id: a, act: {name: a}, rollback: {act: {name: undo-a}, verify: [{id: gone, probe: {name: gone}, expect: got == 0, every: 1s, within: 3s}]}}";
    let ran = failing_after(text)
        .on("gone", [Play::gives(1), Play::gives(0)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
        a done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a undone.gone ?
        a undone.gone #1 fail 0
        @1000
        a undone.gone #2 pass 1
        a undone.gone = pass
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
    let ran = failing_after(text).on("gone", [Play::gives(1)]).run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        first start
        first intent
        first acted
        first done
        a start
        a intent
        a acted
        a done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a undone.gone ?
        a undone.gone #1 fail 0
        @3000
        a undone.gone #4 fail 0
        a undone.gone = fail
        a not undone: other
        first undo
        first undone
        == rollback_failed
        ",
    );
}

/// An unreachable host is an ordinary failure: the run rolls back, and each undo that cannot reach it has failed by
/// itself.
#[test]
fn an_unreachable_host_does_not_keep_the_others_from_being_undone() {
    let unreachable = || {
        Play::fails_with(runbook_action::Failure::new(
            runbook_action::ErrorKind::Unreachable,
            "no route to host",
        ))
    };
    let ran = Scenario::new(
        "
        steps:
          - {id: here, act: {name: here}, rollback: {act: {name: undo-here}}}
          - {id: there, act: {name: there}, rollback: {act: {name: undo-there}}}
          - {id: also_there, act: {name: also_there}, rollback: {act: {name: undo-also_there}}}
        ",
    )
    .on("also_there", [unreachable()])
    .on("undo-also_there", [unreachable()])
    .on("undo-there", [unreachable()])
    .run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        here start
        here intent
        here acted
        here done
        there start
        there intent
        there acted
        there done
        also_there start
        also_there intent
        also_there did not act: unreachable
        also_there failed: unreachable
        STOP also_there: rollback
        == rollback
        also_there undo
        also_there not undone: unreachable
        there undo
        there not undone: unreachable
        here undo
        here undone
        == rollback_failed
        ",
    );
}

/// An undo may use what the runbook was given, what earlier steps found, and what was there before; and it does so
/// also where the step never came to its captures.
#[test]
fn an_undo_knows_what_was_before() {
    let ran = Scenario::new(
        "
        inputs: {host: {type: string}}
        secrets: {pw: {env: PW}}
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - id: a
            before: {probe: {name: b}, capture: {old: got}}
            act: {name: a}
            capture: {new: got}
            rollback: {act: {name: 'undo {{ inputs.host }} {{ steps.p.x }} {{ steps.a.old }}', pw: '{{ secrets.pw }}'}}
        ",
    )
    .input("host", "north")
    .secret("pw", "hunter2hunter3")
    .on("p", [Play::gives(1)])
    .on("b", [Play::gives(2)])
    .on("a", [Play::acts_then_fails("half")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.calls().get("undo north 1 2"), Some(&1), "{:?}", ran.calls());
}

/// Ties are decided by the order of completion, the last first, where the graph leaves it open: side by side here.
#[test]
fn branches_are_undone_side_by_side_and_before_what_they_were_built_on() {
    let ran = Scenario::new(
        "
        steps:
          - {id: root, act: {name: root}, rollback: {act: {name: undo-root}}}
          - {id: l1, needs: [root], act: {name: l1}, rollback: {act: {name: undo-l1}}}
          - {id: l2, needs: [l1], act: {name: l2}, rollback: {act: {name: undo-l2}}}
          - {id: r1, needs: [root], act: {name: r1}, rollback: {act: {name: undo-r1}}}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("undo-l2", [Play::works().takes(1000)])
    .on("undo-l1", [Play::works().takes(1000)])
    .on("undo-r1", [Play::works().takes(5000)])
    .on("bad", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        root start
        root intent
        root acted
        root done
        l1 start
        r1 start
        l1 intent
        r1 intent
        l1 acted
        r1 acted
        l1 done
        r1 done
        l2 start
        l2 intent
        l2 acted
        l2 done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        l2 undo
        r1 undo
        @1000
        l2 undone
        l1 undo
        @2000
        l1 undone
        @5000
        r1 undone
        root undo
        root undone
        == rolled_back
        ",
    );
}
