//! `on_interrupt`, and a terminal that goes away.

use runbook_engine::OnHangup;
use runbook_event::{OnFailure, Outcome, Wanted};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

fn asking() -> Scenario {
    Scenario::new(
        "
        on_interrupt: ask
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("a", [Play::acts_then_hangs()])
}

/// What is under way is told to stop at once; what happens then is up to the person.
#[test]
fn a_person_says_rollback() {
    let ran = asking().signal(1000).on_interrupt(OnFailure::Rollback).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        b skipped: stopped
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
fn a_person_says_hold() {
    let ran = asking().signal(1000).on_interrupt(OnFailure::Hold).run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        STOP SIGINT: hold
        b skipped: stopped
        a did not act: cancelled
        a failed: cancelled
        == interrupted
        ",
    );
}

/// What is under way ends, nothing begins and nothing is decided while the person thinks; the second signal is the
/// answer.
#[test]
fn whoever_asks_twice_does_not_want_to_be_asked() {
    let ran = asking().signal(1000).signal(9000).run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        a did not act: cancelled
        a failed: cancelled
        @9000
        SIGNAL
        STOP SIGINT: hold
        b skipped: stopped
        == interrupted
        ",
    );
}

/// `--no-rollback` has answered already.
#[test]
fn who_wants_no_rollback_is_not_asked() {
    let wanted = Wanted {
        no_rollback: true,
        ..Wanted::default()
    };
    let ran = asking().signal(1000).wants(wanted).run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        STOP SIGINT: hold
        b skipped: stopped
        a did not act: cancelled
        a failed: cancelled
        == interrupted
        ",
    );
}

#[test]
fn rollback_is_what_happens_unless_said_otherwise() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("b", [Play::acts_then_hangs()])
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
        a done
        b start
        b intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        b did not act: cancelled
        b failed: cancelled
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// A signal that finds nothing changed leaves nothing to undo.
#[test]
fn with_nothing_changed_there_is_nothing_to_undo() {
    let ran = Scenario::new(
        "steps: [{id: a, probe: {name: a}}, {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}]",
    )
    .on("a", [Play::hangs()])
    .signal(1000)
    .run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        b skipped: stopped
        a did not act: cancelled
        a failed: cancelled
        == interrupted
        ",
    );
}

/// The run's own policy for failures is not that for signals.
#[test]
fn a_signal_has_a_policy_of_its_own() {
    for (failure, interrupt, outcome) in [
        ("hold", "rollback", Outcome::RolledBack),
        ("rollback", "hold", Outcome::Interrupted),
    ] {
        let text = format!(
            "
            on_failure: {failure}
            on_interrupt: {interrupt}
            steps: [{{id: a, act: {{name: a}}, rollback: {{act: {{name: undo-a}}}}}}]
            "
        );
        let ran = Scenario::new(&text)
            .on("a", [Play::acts_then_hangs()])
            .signal(1000)
            .run();
        assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    }
}

/// The terminal is gone: the run goes on without it, and says so.
#[test]
fn a_run_goes_on_without_its_terminal() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]")
        .on("a", [Play::works().takes(3000)])
        .hangs_up(1000, OnHangup::GoOn)
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        terminal gone, goes on: true
        @3000
        a acted
        a done
        == resolved
        ",
    );
}

/// Or it holds, so that nothing happens behind anybody's back.
#[test]
fn a_run_may_hold_without_its_terminal() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]")
        .on("a", [Play::acts_then_hangs()])
        .hangs_up(1000, OnHangup::Hold)
        .run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        terminal gone, goes on: false
        STOP SIGHUP: hold
        a did not act: cancelled
        a failed: cancelled
        == interrupted
        ",
    );
}

/// A rollback is never left halfway because a terminal went away.
#[test]
fn a_rollback_goes_on_without_its_terminal() {
    for then in [OnHangup::GoOn, OnHangup::Hold] {
        let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]")
            .on("a", [Play::acts_then_fails("half")])
            .on("undo-a", [Play::works().takes(3000)])
            .hangs_up(1000, then)
            .run();
        assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    }
}

/// It is no signal: the next one is the first.
#[test]
fn a_terminal_that_goes_away_does_not_count_as_a_signal() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]")
        .on("a", [Play::cleans_up(2000)])
        .hangs_up(1000, OnHangup::GoOn)
        .signal(2000)
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        @1000
        SIGNAL
        terminal gone, goes on: true
        @2000
        SIGNAL
        STOP SIGINT: rollback
        @4000
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}
