//! Chaos Toolkit.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use super::{TWO, calls, undo};

/// Chaos Toolkit, chaostoolkit #176: whoever stops an experiment because production is in trouble finds that nothing is
/// rolled back then. Here stopping a run rolls back, unless the runbook says otherwise.
#[test]
fn an_interrupt_rolls_back() {
    let ran = Scenario::new(TWO)
        .on("b", [Play::acts_then_hangs()])
        .signal(1000)
        .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!((calls(&ran, "undo-b"), calls(&ran, "undo-a")), (1, 1));
}

/// Chaos Toolkit, chaostoolkit-lib #132 and #133: a second Ctrl-C while it rolls back tears the rollback apart. Here two
/// signals end no undo.
#[test]
fn an_interrupt_during_rollback_does_not_end_it() {
    let ran = Scenario::new(TWO)
        .on("b", [Play::fails("no")])
        .on("undo-b", [Play::works().takes(5000)])
        .on("undo-a", [Play::works().takes(5000)])
        .signal(1000)
        .signal(6000)
        .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!(
        (undo(&ran, "a"), undo(&ran, "b")),
        (Some(UndoStatus::Undone), Some(UndoStatus::Undone))
    );
}

/// Chaos Toolkit, chaostoolkit #168: the rollbacks run although the first check said that the experiment may not even
/// begin. Here what was never attempted is never undone.
#[test]
fn nothing_is_undone_that_never_ran() {
    let ran = Scenario::new(&format!(
        "detect: [{{probe: {{name: d}}, expect: got == 1}}]\n{}",
        runbook_testkit::scenario::outdent(TWO)
    ))
    .on("d", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::NotNeeded);
    assert_eq!(ran.calls().keys().map(String::as_str).collect::<Vec<_>>(), ["d"]);
}

/// Chaos Toolkit, chaostoolkit-documentation #94: rollbacks are a list of their own, all or none, whatever of the
/// experiment had run. Here each undo belongs to its step: that of the steps attempted runs, and no other.
#[test]
fn each_undo_belongs_to_its_step() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: s, when: 1 > 2, act: {name: s}, rollback: {act: {name: undo-s}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
        ",
    )
    .on("b", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack);
    assert_eq!((calls(&ran, "undo-a"), calls(&ran, "undo-b")), (1, 1));
    assert_eq!(
        (calls(&ran, "undo-s"), calls(&ran, "undo-c")),
        (0, 0),
        "{}",
        ran.trace()
    );
}

/// Chaos Toolkit, chaostoolkit #195 and #258: after an upgrade the rollbacks did not run where the hypothesis failed at
/// the end. Here a final check that does not pass is a failure like any other.
#[test]
fn a_failed_final_check_rolls_back() {
    let ran = Scenario::new(&format!(
        "verify: [{{id: v, probe: {{name: v}}, expect: got == 1, baseline: false}}]\n{}",
        runbook_testkit::scenario::outdent(TWO)
    ))
    .on("v", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    assert_eq!((calls(&ran, "undo-b"), calls(&ran, "undo-a")), (1, 1));
}

/// Chaos Toolkit, chaostoolkit-lib #94: a rollback broke the application, and the experiment was called a success, since
/// nobody looked afterwards. Here an undo has a proof of its own, and one that does not pass is the outcome.
#[test]
fn what_an_undo_left_is_checked() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            rollback: {act: {name: undo-a}, verify: [{id: healthy, probe: {name: healthy}, expect: got == 200, every: 1s, within: 5s}]}
          - {id: bad, probe: {name: bad}}
        ",
    )
    .on("bad", [Play::fails("no")])
    .on("healthy", [Play::gives(502)])
    .run();
    assert_eq!(ran.outcome(), Outcome::RollbackFailed, "{}", ran.trace());
}

/// Chaos Toolkit, chaostoolkit #192: after the first check had failed, a background action of the method was started all
/// the same. Here nothing begins before `detect` has said yes, whatever it needs.
#[test]
fn nothing_begins_before_the_first_check_has_passed() {
    let ran = Scenario::new(
        "
        detect: [{id: d, probe: {name: d}, expect: got == 1, every: 1s, within: 3s}]
        steps:
          - {id: a, needs: [], act: {name: a}, rollback: not_needed}
          - {id: b, needs: [], act: {name: b}, rollback: not_needed}
        ",
    )
    .on("d", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::NotNeeded, "{}", ran.trace());
    assert_eq!((calls(&ran, "a"), calls(&ran, "b")), (0, 0));
}
