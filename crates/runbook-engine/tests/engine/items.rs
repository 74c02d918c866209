//! Items of a loop that fail, and what is undone then.

use runbook_event::{Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

/// The first failure is one too many: what has not begun is skipped, each item by name, and all attempted are undone.
#[test]
fn past_max_failures_all_attempted_items_are_undone() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]'}
            steps: [{id: a, act: {name: 'a{{ n }}'}, rollback: {act: {name: 'undo{{ n }}'}}}]
          - {id: last, act: {name: last}, rollback: not_needed}
        ",
    )
    .on("a2", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        each start
        each for 1, 2, 3
        each[1] start
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        each[1] done
        each[2] start
        a[2] start
        a[2] intent
        a[2] did not act: refused
        a[2] failed: refused
        STOP a[2]: rollback
        last skipped: stopped
        each[3] skipped: stopped
        each[2] failed: refused
        each failed: refused
        == rollback
        a[2] undo
        a[2] undone
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
}

#[test]
fn up_to_max_failures_the_loop_goes_on_and_is_done() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]', max_failures: 1}
            steps: [{id: a, act: {name: 'a{{ n }}'}, capture: {x: got}, rollback: {act: {name: 'undo{{ n }}'}}}]
          - {id: last, let: {all: steps.a.x, how: steps.a.outcome}}
        ",
    )
    .on("a1", [Play::gives(1)])
    .on("a2", [Play::fails("no")])
    .on("a3", [Play::gives(3)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        each start
        each for 1, 2, 3
        each[1] start
        a[1] start
        a[1] intent
        a[1] acted
        a[1] captured x=1
        a[1] done
        each[1] done
        each[2] start
        a[2] start
        a[2] intent
        a[2] did not act: refused
        a[2] failed: refused
        each[2] failed: refused
        each[3] start
        a[3] start
        a[3] intent
        a[3] acted
        a[3] captured x=3
        a[3] done
        each[3] done
        each done
        last start
        last intent
        last acted
        last captured all=[1,null,3] how=["done","failed","done"]
        last done
        == resolved
        "#,
    );
}

/// The failure that was forgiven is undone with the others when one too many follows.
#[test]
fn a_forgiven_item_is_undone_too() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3, 4]', max_failures: 1}
            steps: [{id: a, act: {name: 'a{{ n }}'}, rollback: {act: {name: 'undo{{ n }}'}}}]
        ",
    )
    .on("a1", [Play::fails("no")])
    .on("a3", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    let calls = ran.calls();
    for name in ["undo1", "undo2", "undo3"] {
        assert_eq!(calls.get(name), Some(&1), "{}", ran.trace());
    }
    assert_eq!(calls.get("a4"), None);
    assert_eq!(calls.get("undo4"), None);
}

/// In a batch, a change beside the one that failed finishes, and is undone.
#[test]
fn a_change_beside_the_failed_item_finishes_and_is_undone() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]', batch: 2}
            steps:
              - {id: a, act: {name: 'a{{ n }}'}, rollback: {act: {name: 'undo{{ n }}'}}}
              - {id: b, act: {name: 'b{{ n }}'}, rollback: {act: {name: 'undo-b{{ n }}'}}}
        ",
    )
    .on("a1", [Play::works().takes(3000)])
    .on("a2", [Play::fails("no").takes(1000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        each start
        each for 1, 2, 3
        each[1] start
        each[2] start
        a[1] start
        a[2] start
        a[1] intent
        a[2] intent
        @1000
        a[2] did not act: refused
        a[2] failed: refused
        STOP a[2]: rollback
        each[3] skipped: stopped
        b[1] skipped: stopped
        b[2] skipped: stopped
        each[2] failed: refused
        @3000
        a[1] acted
        a[1] done
        each[1] failed: cancelled
        each failed: refused
        == rollback
        a[1] undo
        a[2] undo
        a[1] undone
        a[2] undone
        == rolled_back
        ",
    );
}

#[test]
fn a_later_failure_undoes_every_item() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2]'}
            steps:
              - {id: a, act: {name: 'a{{ n }}'}, rollback: {act: {name: 'undo-a{{ n }}'}}}
              - {id: b, act: {name: 'b{{ n }}'}, rollback: {act: {name: 'undo-b{{ n }}'}}}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("last", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        each start
        each for 1, 2
        each[1] start
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        b[1] start
        b[1] intent
        b[1] acted
        b[1] done
        each[1] done
        each[2] start
        a[2] start
        a[2] intent
        a[2] acted
        a[2] done
        b[2] start
        b[2] intent
        b[2] acted
        b[2] done
        each[2] done
        each done
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
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

/// A signal in the middle: the items that have not begun never do, the attempted ones are undone.
#[test]
fn a_signal_in_the_middle_of_a_loop() {
    let ran = Scenario::new(
        "
        steps:
          - id: each
            for_each: {item: n, in: '[1, 2, 3]'}
            steps: [{id: a, act: {name: 'a{{ n }}'}, rollback: {act: {name: 'undo{{ n }}'}}}]
        ",
    )
    .on("a2", [Play::acts_then_hangs()])
    .signal(1000)
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        each start
        each for 1, 2, 3
        each[1] start
        a[1] start
        a[1] intent
        a[1] acted
        a[1] done
        each[1] done
        each[2] start
        a[2] start
        a[2] intent
        @1000
        SIGNAL
        STOP SIGINT: rollback
        each[3] skipped: stopped
        a[2] did not act: cancelled
        a[2] failed: cancelled
        each[2] failed: cancelled
        each failed: cancelled
        == rollback
        a[2] undo
        a[2] undone
        a[1] undo
        a[1] undone
        == rolled_back
        ",
    );
}

/// At one moment two items fail, which is one too many, and the loop within a third has just begun: nothing of that
/// begins.
#[test]
fn what_was_about_to_begin_when_one_too_many_failed_does_not() {
    for within in [0, 1, 2] {
        let ran = Scenario::new(
            "
            steps:
              - id: each
                for_each: {item: n, in: '[1, 2, 3]', batch: 3, max_failures: 1}
                steps:
                  - {id: a, probe: {name: 'a{{ n }}'}}
                  - id: inner
                    for_each: {item: m, in: '[1, 2]'}
                    steps: [{id: b, act: {name: 'b{{ n }}{{ m }}'}, rollback: not_needed}]
            ",
        )
        .on("a1", [Play::fails("no").takes(1000)])
        .on("a2", [Play::fails("no").takes(1000)])
        .on("a3", [Play::works().takes(1000 - within)])
        .run();
        assert!(
            matches!(ran.outcome(), Outcome::Failed | Outcome::RolledBack),
            "{}",
            ran.trace()
        );
        let third = if within == 0 {
            StepStatus::Failed
        } else {
            StepStatus::Done
        };
        assert_eq!(
            ran.finished().state.step("each[3]").map(|step| step.status),
            Some(third),
            "{}",
            ran.trace()
        );
        let failure = ran
            .finished()
            .state
            .step("each")
            .and_then(|step| step.failure.clone());
        let message = failure.expect("it failed").to_string();
        assert!(
            message.contains("`a[1]`") || message.contains("`a[2]`"),
            "{message}"
        );
    }
}
