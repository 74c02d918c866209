//! `undo`: earlier steps are undone as part of the procedure.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const WINDOW: &str = "
    steps:
      - {id: open, act: {name: open}, rollback: {act: {name: undo-open}}}
      - {id: drain, act: {name: drain}, rollback: {act: {name: undo-drain}}}
      - {id: work, act: {name: work}, rollback: {act: {name: undo-work}}}
      - {id: close, undo: [open, drain]}
      - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
";

/// Whatever order the author lists them in, what was built last is undone first.
#[test]
fn a_window_is_opened_and_closed() {
    let ran = Scenario::new(WINDOW).run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        open start
        open intent
        open acted
        open done
        drain start
        drain intent
        drain acted
        drain done
        work start
        work intent
        work acted
        work done
        close start
        close undoes open, drain
        drain undo
        drain undone
        open undo
        open undone
        close done
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

/// What the procedure has undone is not undone a second time.
#[test]
fn a_later_rollback_undoes_only_the_rest() {
    let ran = Scenario::new(WINDOW).on("last", [Play::fails("no")]).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        open start
        open intent
        open acted
        open done
        drain start
        drain intent
        drain acted
        drain done
        work start
        work intent
        work acted
        work done
        close start
        close undoes open, drain
        drain undo
        drain undone
        open undo
        open undone
        close done
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
        == rollback
        last undo
        last undone
        work undo
        work undone
        == rolled_back
        ",
    );
}

/// An undo that fails fails the step; the others of the list are undone all the same, and the rollback does not try
/// it again.
#[test]
fn an_undo_that_fails_fails_the_step() {
    let ran = Scenario::new(WINDOW)
        .on("undo-drain", [Play::fails("stuck")])
        .run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        open start
        open intent
        open acted
        open done
        drain start
        drain intent
        drain acted
        drain done
        work start
        work intent
        work acted
        work done
        close start
        close undoes open, drain
        drain undo
        drain not undone: refused
        open undo
        open undone
        close failed: other
        STOP close: rollback
        last skipped: stopped
        == rollback
        work undo
        work undone
        == rollback_failed
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("close")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").to_string();
    assert!(
        message.contains("`drain`") && message.contains("stuck"),
        "{message}"
    );
}

/// A signal in between: the undo that has begun finishes, the other is left to the rollback.
#[test]
fn a_signal_in_between_leaves_the_rest_to_the_rollback() {
    let ran = Scenario::new(WINDOW)
        .on("undo-drain", [Play::works().takes(5000)])
        .signal(1000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        open start
        open intent
        open acted
        open done
        drain start
        drain intent
        drain acted
        drain done
        work start
        work intent
        work acted
        work done
        close start
        close undoes open, drain
        drain undo
        @1000
        SIGNAL
        STOP SIGINT: rollback
        last skipped: stopped
        @5000
        drain undone
        close failed: cancelled
        == rollback
        work undo
        work undone
        open undo
        open undone
        == rolled_back
        ",
    );
}

#[test]
fn with_hold_what_was_not_undone_yet_stays() {
    let ran = Scenario::new(&format!(
        "on_interrupt: hold\n{}",
        runbook_testkit::scenario::outdent(WINDOW)
    ))
    .on("undo-drain", [Play::works().takes(5000)])
    .signal(1000)
    .run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        open start
        open intent
        open acted
        open done
        drain start
        drain intent
        drain acted
        drain done
        work start
        work intent
        work acted
        work done
        close start
        close undoes open, drain
        drain undo
        @1000
        SIGNAL
        STOP SIGINT: hold
        last skipped: stopped
        @5000
        drain undone
        close failed: cancelled
        == interrupted
        ",
    );
    let state = &ran.finished().state;
    assert_eq!(
        state.step("drain").map(|step| step.undo),
        Some(UndoStatus::Undone)
    );
    assert_eq!(state.step("open").map(|step| step.undo), Some(UndoStatus::None));
}

/// What was never attempted has nothing to be undone.
#[test]
fn what_was_skipped_is_nothing_to_undo() {
    let ran = Scenario::new(
        "
        steps:
          - {id: open, when: 1 > 2, act: {name: open}, rollback: {act: {name: undo-open}}}
          - {id: close, undo: [open]}
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        open skipped: when
        close start
        close undoes open
        close done
        == resolved
        ",
    );
}

#[test]
fn a_group_and_a_loop_are_undone_as_a_whole() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - id: each
            for_each: {item: n, in: '[1, 2]'}
            steps: [{id: c, act: {name: 'c{{ n }}'}, rollback: {act: {name: 'undo-c{{ n }}'}}}]
          - {id: close, undo: [g, each]}
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
        g start
        g enters
        a start
        a intent
        a acted
        a done
        b start
        b intent
        b acted
        b done
        g done
        each start
        each for 1, 2
        each[1] start
        c[1] start
        c[1] intent
        c[1] acted
        c[1] done
        each[1] done
        each[2] start
        c[2] start
        c[2] intent
        c[2] acted
        c[2] done
        each[2] done
        each done
        close start
        close undoes g, each
        c[2] undo
        c[2] undone
        c[1] undo
        c[1] undone
        b undo
        b undone
        a undo
        a undone
        close done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        == rolled_back
        ",
    );
}

#[test]
fn a_sub_runbook_is_undone_as_a_whole() {
    let ran = Scenario::new(
        "
        steps:
          - {id: call, runbook: {name: child}}
          - {id: close, undo: [call]}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .runbook(
        "child",
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
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
        close start
        close undoes call
        call/b undo
        call/b undone
        call/a undo
        call/a undone
        close done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        == rolled_back
        ",
    );
}

/// Two windows are closed side by side, one of them by several steps.
#[test]
fn two_of_them_side_by_side() {
    let ran = Scenario::new(
        "
        steps:
          - {id: l, act: {name: l}, rollback: [{id: l1, act: {name: l1}}, {id: l2, act: {name: l2}}]}
          - {id: r, act: {name: r}, rollback: {act: {name: undo-r}}}
          - {id: close_l, needs: [r], undo: [l]}
          - {id: close_r, needs: [r], undo: [r]}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("l1", [Play::works().takes(2000)])
    .on("undo-r", [Play::works().takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        l start
        l intent
        l acted
        l done
        r start
        r intent
        r acted
        r done
        close_l start
        close_r start
        close_l undoes l
        close_r undoes r
        l undo
        r undo
        l undo by steps
        l1 start
        l1 intent
        @1000
        r undone
        close_r done
        @2000
        l1 acted
        l1 done
        l2 start
        l2 intent
        l2 acted
        l2 done
        l undone
        close_l done
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

/// The same step twice: the second time there is nothing left to do.
#[test]
fn what_is_undone_already_stays_so() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: close, undo: [a]}
          - {id: again, undo: [a]}
        ",
    )
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(ran.calls().get("undo-a"), Some(&1));
}
