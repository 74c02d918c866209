//! `repeat`: the steps of a list, until an expression holds.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

#[test]
fn rounds_until_it_holds() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.read.load < 5, at_most: 9, every: 10s}
            steps: [{id: read, probe: {name: read}, capture: {load: got}}]
          - {id: end, let: {load: steps.read.load}}
        ",
    )
    .on("read", [Play::gives(9), Play::gives(7), Play::gives(3)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        settle start
        settle round 1
        read[1] start
        read[1] intent
        read[1] acted
        read[1] captured load=9
        read[1] done
        settle[1] done
        @10000
        settle round 2
        read[2] start
        read[2] intent
        read[2] acted
        read[2] captured load=7
        read[2] done
        settle[2] done
        @20000
        settle round 3
        read[3] start
        read[3] intent
        read[3] acted
        read[3] captured load=3
        read[3] done
        settle[3] done
        settle done
        end start
        end intent
        end acted
        end captured load=3
        end done
        == resolved
        ",
    );
}

#[test]
fn what_holds_after_the_first_round_needs_no_pause() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.read.load < 5, at_most: 1, every: 10s}
            steps: [{id: read, probe: {name: read}, capture: {load: got}}]
        ",
    )
    .on("read", [Play::gives(3)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        settle start
        settle round 1
        read[1] start
        read[1] intent
        read[1] acted
        read[1] captured load=3
        read[1] done
        settle[1] done
        settle done
        == resolved
        ",
    );
}

/// What every round did is undone, the last round first.
#[test]
fn after_at_most_so_many_rounds_it_has_failed_and_all_of_them_are_undone() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.b.x == 1, at_most: 2, every: 1s}
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, capture: {x: got}}
          - {id: last, act: {name: last}, rollback: not_needed}
        ",
    )
    .on("b", [Play::gives(0)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        settle start
        settle round 1
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        b[1] start
        b[1] intent
        b[1] acted
        b[1] captured x=0
        b[1] done
        settle[1] done
        @1000
        settle round 2
        a[2] start
        a[2] intent
        a[2] acted
        a[2] done
        b[2] start
        b[2] intent
        b[2] acted
        b[2] captured x=0
        b[2] done
        settle[2] done
        settle failed: other
        STOP settle: rollback
        last skipped: stopped
        == rollback
        b[2] undo
        b[2] undone
        a[2] undo
        a[2] undone
        b[1] undo
        b[1] undone
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
    let failure = ran
        .finished()
        .state
        .step("settle")
        .and_then(|step| step.failure.clone());
    let message = failure.expect("it failed").to_string();
    assert!(
        message.contains("steps.b.x == 1") && message.contains("2 rounds"),
        "{message}"
    );
}

#[test]
fn a_failure_within_a_round_ends_it() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.b.x == 1, at_most: 5, every: 1s}
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, capture: {x: got}}
        ",
    )
    .on("b", [Play::gives(0), Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        settle start
        settle round 1
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        b[1] start
        b[1] intent
        b[1] acted
        b[1] captured x=0
        b[1] done
        settle[1] done
        @1000
        settle round 2
        a[2] start
        a[2] intent
        a[2] acted
        a[2] done
        b[2] start
        b[2] intent
        b[2] did not act: refused
        b[2] failed: refused
        STOP b[2]: rollback
        settle[2] failed: refused
        settle failed: refused
        == rollback
        b[2] undo
        b[2] undone
        a[2] undo
        a[2] undone
        b[1] undo
        b[1] undone
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
}

/// Garbage is an error, never the end of the loop.
#[test]
fn an_until_that_cannot_be_told_fails() {
    for (until, play) in [
        ("steps.read.load < 5", Play::gives("3")),
        ("steps.read.load", Play::gives(1)),
        ("steps.read.load.deep == 1", Play::gives(1)),
    ] {
        let text = format!(
            "
            steps:
              - id: settle
                repeat: {{until: {until}, at_most: 3, every: 1s}}
                steps: [{{id: read, probe: {{name: read}}, capture: {{load: got}}}}]
            "
        );
        let ran = Scenario::new(&text).on("read", [play]).run();
        assert_eq!(ran.outcome(), Outcome::Failed, "{until}: {}", ran.trace());
        assert_eq!(ran.calls().get("read"), Some(&1), "{until}");
        let failure = ran
            .finished()
            .state
            .step("settle")
            .and_then(|step| step.failure.clone());
        let message = failure.expect("it failed").to_string();
        assert!(message.contains(until), "{message}");
    }
}

/// What `on_failure: continue` forgives within a round is null there, and the loop goes on.
#[test]
fn a_forgiven_failure_within_a_round_is_null_for_until() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.read.load is not none, at_most: 5, every: 1s}
            steps: [{id: read, probe: {name: read}, capture: {load: got}, on_failure: continue}]
        ",
    )
    .on("read", [Play::fails("down"), Play::gives(3)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        settle start
        settle round 1
        read[1] start
        read[1] intent
        read[1] did not act: refused
        read[1] failed: refused
        settle[1] done
        @1000
        settle round 2
        read[2] start
        read[2] intent
        read[2] acted
        read[2] captured load=3
        read[2] done
        settle[2] done
        settle done
        == resolved
        ",
    );
}

/// A signal does not wait for the pause to end, and no further round begins.
#[test]
fn a_signal_between_two_rounds() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.a.x == 1, at_most: 5, every: 1h}
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}]
        ",
    )
    .on("a", [Play::gives(0)])
    .signal(5000)
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        settle start
        settle round 1
        a[1] start
        a[1] intent
        a[1] acted
        a[1] captured x=0
        a[1] done
        settle[1] done
        @5000
        SIGNAL
        STOP SIGINT: rollback
        settle failed: cancelled
        == rollback
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
}

/// The failure of a branch beside it ends the pause too.
#[test]
fn a_failure_beside_it_ends_the_pause() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            needs: []
            repeat: {until: steps.a.x == 1, at_most: 5, every: 1h}
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}]
          - {id: bad, needs: [], probe: {name: bad}}
        ",
    )
    .on("a", [Play::gives(0)])
    .on("bad", [Play::fails("no").takes(5000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        settle start
        bad start
        settle round 1
        bad intent
        a[1] start
        a[1] intent
        a[1] acted
        a[1] captured x=0
        a[1] done
        settle[1] done
        @5000
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        settle failed: cancelled
        == rollback
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
}

#[test]
fn a_loop_over_items_within_rounds_has_both_keys() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: 'steps.a.x[0] == 1 and steps.a.x[1] == 1', at_most: 5, every: 1s}
            steps:
              - id: each
                for_each: {item: n, in: '[\"p\", \"q\"]'}
                steps: [{id: a, probe: {name: 'a{{ n }}'}, capture: {x: got}}]
        ",
    )
    .on("ap", [Play::gives(1)])
    .on("aq", [Play::gives(0), Play::gives(1)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        settle start
        settle round 1
        each[1] start
        each[1] for p, q
        each[1][p] start
        a[1][p] start
        a[1][p] intent
        a[1][p] acted
        a[1][p] captured x=1
        a[1][p] done
        each[1][p] done
        each[1][q] start
        a[1][q] start
        a[1][q] intent
        a[1][q] acted
        a[1][q] captured x=0
        a[1][q] done
        each[1][q] done
        each[1] done
        settle[1] done
        @1000
        settle round 2
        each[2] start
        each[2] for p, q
        each[2][p] start
        a[2][p] start
        a[2][p] intent
        a[2][p] acted
        a[2][p] captured x=1
        a[2][p] done
        each[2][p] done
        each[2][q] start
        a[2][q] start
        a[2][q] intent
        a[2][q] acted
        a[2][q] captured x=1
        a[2][q] done
        each[2][q] done
        each[2] done
        settle[2] done
        settle done
        == resolved
        ",
    );
}

#[test]
fn the_gate_of_a_loop_is_asked_once_at_its_end() {
    let ran = Scenario::new(
        "
        steps:
          - id: settle
            repeat: {until: steps.a.x == 1, at_most: 5, every: 1s}
            verify: [{probe: {name: v}}]
            steps: [{id: a, probe: {name: a}, capture: {x: got}}]
        ",
    )
    .on("a", [Play::gives(0), Play::gives(1)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(ran.calls().get("v"), Some(&1));
}
