//! `rollback: auto`: what was there is kept before the action, and put back.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

/// Kept once, before the intent; and what is put back is told in advance.
#[test]
fn what_was_there_is_put_back() {
    let ran = Scenario::new(
        "
        steps:
          - {id: seed, keep: {name: seed, key: size, value: 10}, irreversible: The seed stays.}
          - {id: a, keep: {name: a, key: size, value: 99}, rollback: auto}
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
        seed start
        seed intent
        seed acted
        seed done
        a start
        a before (put back `size = 10`)
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
        a undone
        == rolled_back
        ",
    );
}

/// Somebody else wrote to the same field meanwhile: that is shown and never overwritten, and the other undos run.
#[test]
fn what_somebody_else_changed_is_shown_and_not_overwritten() {
    let ran = Scenario::new(
        "
        steps:
          - {id: first, act: {name: first}, rollback: {act: {name: undo-first}}}
          - {id: a, keep: {name: a, key: size, value: 99}, rollback: auto}
          - {id: somebody, keep: {name: somebody, key: size, value: 50}, irreversible: It was not us.}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
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
        a start
        a before (put back `size = null`)
        a intent
        a acted
        a done
        somebody start
        somebody intent
        somebody acted
        somebody done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        a undo
        a not undone: conflict
        first undo
        first undone
        == rollback_failed
        ",
    );
    let step = ran.finished().state.step("a").expect("it is there").clone();
    let failure = step.undo_failure.expect("it failed").to_string();
    assert!(failure.contains("50") && failure.contains("99"), "{failure}");
}

/// What an action leaves it may know only when it has acted; somebody else's change is told by that, too.
#[test]
fn what_is_left_may_be_told_afterwards() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, keep: {name: a, key: size, value: 99, late: true}, rollback: auto}
          - {id: somebody, keep: {name: somebody, key: size, value: 50}, irreversible: It was not us.}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RollbackFailed, "{}", ran.trace());
    let step = ran.finished().state.step("a").expect("it is there").clone();
    let failure = step.undo_failure.expect("it failed").to_string();
    assert!(failure.contains("50") && failure.contains("99"), "{failure}");
}

/// What was done and cannot be captured is put back all the same: else the first undo would find a value of nobody's.
#[test]
fn what_is_left_is_kept_though_nothing_is_captured() {
    for capture in ["got", "got.none.at.all"] {
        let ran = Scenario::new(&format!(
            "
            steps:
              - {{id: seed, keep: {{name: seed, key: size, value: 10}}, rollback: auto}}
              - {{id: a, keep: {{name: a, key: size, value: 99, late: true}}, rollback: auto, capture: {{it: {capture}}}}}
              - {{id: bad, probe: {{name: bad}}}}
            "
        ))
        .on("bad", [Play::fails("no")])
        .run();
        assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
        assert_eq!(ran.calls().get("undo a"), Some(&1), "{}", ran.trace());
    }
}

/// Another field is nobody's conflict.
#[test]
fn another_field_is_no_conflict() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, keep: {name: a, key: size, value: 99}, rollback: auto}
          - {id: somebody, keep: {name: somebody, key: colour, value: red}, irreversible: It was not us.}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(ran.calls().get("undo a"), Some(&1));
}

/// The action had not happened: what was there is there still, and putting it back is done.
#[test]
fn what_never_changed_is_as_it_was() {
    let ran = Scenario::new("steps: [{id: a, keep: {name: a, key: size, value: 99}, rollback: auto}]")
        .on("a", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a before (put back `size = null`)
        a intent
        a did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Without what was there nothing is changed: the step fails before its intent.
#[test]
fn what_cannot_be_kept_is_not_changed() {
    let ran = Scenario::new("steps: [{id: a, keep: {name: a, key: size, value: 99}, rollback: auto}]")
        .on("prepare a", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a failed: refused
        STOP a: rollback
        == failed
        ",
    );
    assert_eq!(ran.calls().get("a"), None);
}

/// Attempts share what was kept before the first: the second would keep what the first has left.
#[test]
fn attempts_share_what_was_kept() {
    let ran = Scenario::new(
        "
        steps:
          - {id: seed, keep: {name: seed, key: size, value: 10}, irreversible: The seed stays.}
          - {id: a, keep: {name: a, key: size, value: 99}, rollback: auto, idempotent: true, retry: {attempts: 2, delay: 1s, jitter: 0}}
          - {id: look, keep: {name: look, key: other, value: 1}, rollback: auto}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("a", [Play::acts_then_fails("half"), Play::works()])
    .on("bad", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        seed start
        seed intent
        seed acted
        seed done
        a start
        a before (put back `size = 10`)
        a intent
        a did not act: other
        a attempt 2 in 1000
        @1000
        a intent 2
        a acted
        a done
        look start
        look before (put back `other = null`)
        look intent
        look acted
        look done
        bad start
        bad intent
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        == rollback
        look undo
        look undone
        a undo
        a undone
        == rolled_back
        ",
    );
    assert_eq!(ran.calls().get("prepare a"), Some(&1));
}

/// The same field twice: put back in reverse order, each finds what it left.
#[test]
fn the_same_field_twice_goes_back_all_the_way() {
    let ran = Scenario::new(
        "
        steps:
          - {id: one, keep: {name: one, key: size, value: 1}, rollback: auto}
          - {id: two, keep: {name: two, key: size, value: 2}, rollback: auto}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    for id in ["one", "two"] {
        let step = ran.finished().state.step(id).map(|step| step.undo);
        assert_eq!(step, Some(UndoStatus::Undone), "{}", ran.trace());
    }
}
