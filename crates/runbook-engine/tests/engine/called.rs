//! Sub-runbooks that fail or are stopped, and how they are undone.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::calls::{CHILD, PARENT, message};
use crate::is;

/// A guard of the child watches the child alone.
#[test]
fn a_guard_of_a_child_stops_the_child() {
    let ran = Scenario::new(
        "
        steps:
          - {id: beside, needs: [], act: {name: beside}, rollback: {act: {name: undo-beside}}}
          - {id: call, needs: [], runbook: {name: child}, on_failure: continue}
        ",
    )
    .runbook(
        "child",
        "
        guards: [{id: up, probe: {name: up}, expect: got == 1, every: 1s}]
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        ",
    )
    .on("up", [Play::gives(1), Play::gives(0)])
    .on("a", [Play::acts_then_hangs()])
    .on("beside", [Play::works().takes(9000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        beside start
        call start
        beside intent
        call calls
        call/ == steps
        call/ guard.up ?
        call/ guard.up #1 pass 1
        call/a start
        call/a intent
        @1000
        call/ guard.up #2 fail 0
        call/ guard.up = fail
        call/ STOP guard up: rollback
        call/a did not act: cancelled
        call/a failed: cancelled
        call/ == rollback
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        @9000
        beside acted
        beside done
        == resolved
        ",
    );
}

/// A branch beside it fails: nothing new starts in the child, its change finishes, and it undoes itself.
#[test]
fn a_child_is_stopped_by_the_failure_of_its_parent() {
    let ran = Scenario::new(
        "
        steps:
          - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}}
          - {id: call, needs: [], runbook: {name: child}}
        ",
    )
    .runbook("child", CHILD)
    .on("bad", [Play::fails("no").takes(1000)])
    .on("a", [Play::works().takes(3000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        bad start
        call start
        bad intent
        call calls
        call/ == steps
        call/a start
        call/a intent
        @1000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        call/ STOP parent: rollback
        call/b skipped: stopped
        @3000
        call/a acted
        call/a done
        call/ == rollback
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        == rollback
        bad undo
        bad undone
        == rolled_back
        ",
    );
}

/// The parent holds: the child that is stopped by it holds too.
#[test]
fn a_child_that_is_stopped_holds_if_its_parent_does() {
    let ran = Scenario::new(
        "
        on_failure: hold
        steps:
          - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}}
          - {id: call, needs: [], runbook: {name: child}}
        ",
    )
    .runbook("child", CHILD)
    .on("bad", [Play::fails("no").takes(1000)])
    .on("a", [Play::works().takes(3000)])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        bad start
        call start
        bad intent
        call calls
        call/ == steps
        call/a start
        call/a intent
        @1000
        bad did not act: refused
        bad failed: refused
        STOP bad: hold
        call/ STOP parent: hold
        call/b skipped: stopped
        @3000
        call/a acted
        call/a done
        call/ == failed
        call failed: other
        == failed
        ",
    );
}

/// The step that fails says what its failure does, and what it stops does the same.
#[test]
fn a_child_that_is_stopped_does_what_the_step_beside_it_says() {
    let ran = Scenario::new(
        "
        steps:
          - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}, on_failure: hold}
          - {id: call, needs: [], runbook: {name: child}}
        ",
    )
    .runbook("child", CHILD)
    .on("bad", [Play::fails("no").takes(1000)])
    .on("a", [Play::works().takes(3000)])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        bad start
        call start
        bad intent
        call calls
        call/ == steps
        call/a start
        call/a intent
        @1000
        bad did not act: refused
        bad failed: refused
        STOP bad: hold
        call/ STOP parent: hold
        call/b skipped: stopped
        @3000
        call/a acted
        call/a done
        call/ == failed
        call failed: other
        == failed
        ",
    );
}

/// Only the group is given up in which it stands: it does what it says itself.
#[test]
fn a_child_in_a_forgiven_group_undoes_itself() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            on_failure: continue
            steps:
              - {id: bad, needs: [], probe: {name: bad}, on_failure: rollback}
              - {id: call, needs: [], runbook: {name: child}}
          - {id: last, probe: {name: last}}
        ",
    )
    .runbook("child", CHILD)
    .on("bad", [Play::fails("no").takes(1000)])
    .on("a", [Play::works().takes(3000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        g enters
        bad start
        call start
        bad intent
        call calls
        call/ == steps
        call/a start
        call/a intent
        @1000
        bad did not act: refused
        bad failed: refused
        call/ STOP parent: rollback
        call/b skipped: stopped
        @3000
        call/a acted
        call/a done
        call/ == rollback
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        g failed: refused
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

#[test]
fn a_signal_stops_the_child_and_all_of_it_is_undone() {
    let ran = Scenario::new(PARENT)
        .runbook("child", CHILD)
        .on("b", [Play::acts_then_hangs()])
        .signal(1000)
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
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        call/ STOP parent: rollback
        last skipped: stopped
        call/b did not act: cancelled
        call/b failed: cancelled
        call/ == rollback
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        == rollback
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// The calling step's `timeout` and the child's own: whichever is shorter.
#[test]
fn a_child_that_takes_too_long_is_stopped_and_undoes_itself() {
    for (own, of_child) in [
        ("timeout: 5s, ", ""),
        ("", "timeout: 5s\n"),
        ("timeout: 1h, ", "timeout: 5s\n"),
    ] {
        let parent = PARENT.replace("call, ", &format!("call, {own}"));
        let child = format!("{of_child}{}", runbook_testkit::scenario::outdent(CHILD));
        let ran = Scenario::new(&parent)
            .runbook("child", &child)
            .on("b", [Play::acts_then_hangs()])
            .run();
        assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
        assert_eq!(ran.took.as_millis(), 5000, "{}", ran.trace());
        assert!(
            message(&ran, "call").contains("timeout"),
            "{}",
            message(&ran, "call")
        );
        let calls = ran.calls();
        for name in ["undo-a", "undo-b", "undo-first"] {
            assert_eq!(calls.get(name), Some(&1), "{name}: {}", ran.trace());
        }
        assert_eq!(calls.get("last"), None);
    }
}

/// `--no-rollback` holds for the children too.
#[test]
fn no_rollback_holds_for_children() {
    let wanted = runbook_event::Wanted {
        no_rollback: true,
        ..runbook_event::Wanted::default()
    };
    let ran = Scenario::new(PARENT)
        .runbook("child", CHILD)
        .on("b", [Play::fails("no")])
        .wants(wanted)
        .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
    assert!(
        !ran.calls().keys().any(|name| name.starts_with("undo")),
        "{}",
        ran.trace()
    );
}

/// The parent's later failure undoes the child's graph, in its place, from its end to its beginning.
#[test]
fn a_later_failure_of_the_parent_undoes_the_child() {
    let ran = Scenario::new(PARENT)
        .runbook("child", CHILD)
        .on("last", [Play::fails("no")])
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
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        call/b acted
        call/b done
        call/ == resolved
        call done
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
        == rollback
        last undo
        last undone
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// It has undone itself: its step has failed, and the parent undoes the rest and nothing twice.
#[test]
fn a_child_that_rolled_back_is_not_undone_again() {
    let ran = Scenario::new(PARENT)
        .runbook("child", CHILD)
        .on("b", [Play::fails("no")])
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
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        call/b did not act: refused
        call/b failed: refused
        call/ STOP call/b: rollback
        call/ == rollback
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        call/ == rolled_back
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        first undo
        first undone
        == rolled_back
        ",
    );
    assert!(
        message(&ran, "call").contains("rolled"),
        "{}",
        message(&ran, "call")
    );
}

/// A child that holds leaves its work to whoever called it: here that is undone.
#[test]
fn a_child_that_held_is_undone_by_its_parent() {
    let ran = Scenario::new(PARENT)
        .runbook(
            "child",
            &format!("on_failure: hold\n{}", runbook_testkit::scenario::outdent(CHILD)),
        )
        .on("b", [Play::fails("no")])
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
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        call/b did not act: refused
        call/b failed: refused
        call/ STOP call/b: hold
        call/ == failed
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// The child's undo failed: that is what the run says, and the parent's own undos run all the same.
#[test]
fn an_undo_of_a_child_that_failed_is_told_by_the_run() {
    let ran = Scenario::new(PARENT)
        .runbook("child", CHILD)
        .on("b", [Play::fails("no")])
        .on("undo-a", [Play::fails("stuck")])
        .run();
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
        call start
        call calls
        call/ == steps
        call/a start
        call/a intent
        call/a acted
        call/a done
        call/b start
        call/b intent
        call/b did not act: refused
        call/b failed: refused
        call/ STOP call/b: rollback
        call/ == rollback
        call/b undo
        call/b undone
        call/a undo
        call/a not undone: refused
        call/ == rollback_failed
        call failed: other
        STOP call: rollback
        last skipped: stopped
        == rollback
        first undo
        first undone
        == rollback_failed
        ",
    );
    let state = &ran.finished().state;
    assert_eq!(
        state.step("call/a").map(|step| step.undo),
        Some(UndoStatus::Failed)
    );
}
