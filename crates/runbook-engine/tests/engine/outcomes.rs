//! Every way in which a run can end.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const ONE: &str = "
    detect: [{probe: {name: d}}]
    steps:
      - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
    verify: [{probe: {name: v}, expect: got == 1}]
    finally: [{id: z, act: {name: z}}]
";

#[test]
fn resolved() {
    let ran = Scenario::new(ONE).on("v", [Play::gives(0), Play::gives(1)]).run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 fail 0
        baseline.1 = fail
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 pass 1
        verify.1 = pass
        == finally
        z start
        z intent
        z acted
        z done
        == resolved
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 0);
}

#[test]
fn not_needed_touches_nothing_and_cleans_nothing() {
    let text = ONE.replace("{name: d}", "{name: d}, expect: got == 1");
    let ran = Scenario::new(&text).on("d", [Play::fails("down")]).run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 error 0
        detect.1 = error
        == failed
        ",
    );
    let ran = Scenario::new(&text).on("d", [Play::gives(0)]).run();
    is(
        &ran,
        Outcome::NotNeeded,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 fail 0
        detect.1 = fail
        == not_needed
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 3);
}

#[test]
fn failed_and_held() {
    let ran = Scenario::new(&format!("{ONE}\n    on_failure: hold"))
        .on("v", [Play::gives(0)])
        .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 fail 0
        baseline.1 = fail
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 fail 0
        verify.1 = fail
        STOP verify 1: hold
        == finally
        z start
        z intent
        z acted
        z done
        == failed
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 4);
    let step = ran.finished().state.step("a").expect("it is there");
    assert!(step.attempted && step.undo == UndoStatus::None);
}

#[test]
fn failed_with_nothing_changed() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, probe: {name: a}}
          - {id: b, act: {name: b}, rollback: not_needed}
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a did not act: refused
        a failed: refused
        STOP a: rollback
        b skipped: stopped
        == failed
        ",
    );
}

#[test]
fn rolled_back() {
    let ran = Scenario::new(ONE).on("v", [Play::gives(0)]).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 fail 0
        baseline.1 = fail
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 fail 0
        verify.1 = fail
        STOP verify 1: rollback
        == rollback
        a undo
        a undone
        == finally
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 5);
}

#[test]
fn rollback_failed() {
    let ran = Scenario::new(ONE)
        .on("v", [Play::gives(0)])
        .on("undo-a", [Play::fails("stuck")])
        .run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 fail 0
        baseline.1 = fail
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 fail 0
        verify.1 = fail
        STOP verify 1: rollback
        == rollback
        a undo
        a not undone: refused
        == finally
        z start
        z intent
        z acted
        z done
        == rollback_failed
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 6);
    let step = ran.finished().state.step("a").expect("it is there");
    assert_eq!(
        step.undo_intent.as_ref().expect("a person needs it").summary,
        "act undo-a"
    );
    assert_eq!(
        step.undo_failure.as_ref().expect("a person needs it").message,
        "stuck"
    );
}

#[test]
fn only_the_clean_up_failed() {
    let ran = Scenario::new(ONE)
        .on("v", [Play::gives(1)])
        .on("z", [Play::fails("full")])
        .run();
    is(
        &ran,
        Outcome::CleanupFailed,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 pass 1
        baseline.1 = pass
        == steps
        a start
        a intent
        a acted
        a done
        == verify
        verify.1 ?
        verify.1 #1 pass 1
        verify.1 = pass
        == finally
        z start
        z intent
        z did not act: refused
        z failed: refused
        == cleanup_failed
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 10);
}

#[test]
fn a_failed_clean_up_hides_no_outcome() {
    for (undo, outcome) in [
        (Play::works(), Outcome::RolledBack),
        (Play::fails("stuck"), Outcome::RollbackFailed),
    ] {
        let ran = Scenario::new(ONE)
            .on("v", [Play::gives(0)])
            .on("z", [Play::fails("full")])
            .on("undo-a", [undo])
            .run();
        assert_eq!(ran.outcome(), outcome);
    }
}

#[test]
fn interrupted_and_held() {
    let ran = Scenario::new(&format!("{ONE}\n    on_interrupt: hold"))
        .on("a", [Play::hangs()])
        .signal(500)
        .run();
    is(
        &ran,
        Outcome::Interrupted,
        "
        run
        == detect
        detect.1 ?
        detect.1 #1 pass 1
        detect.1 = pass
        == baseline
        baseline.1 ?
        baseline.1 #1 fail 0
        baseline.1 = fail
        == steps
        a start
        a intent
        @500
        SIGNAL
        STOP SIGINT: hold
        a did not act: cancelled
        a failed: cancelled
        == finally
        z start
        z intent
        z acted
        z done
        == interrupted
        ",
    );
    assert_eq!(ran.outcome().exit_code(), 130);
}

#[test]
fn what_cannot_be_undone_is_listed_as_kept() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, smash: {name: a}, irreversible: the logs are gone}
          - {id: b, act: {name: b}, rollback: not_needed}
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - {id: d, probe: {name: d}}
        ",
    )
    .on("d", [Play::fails("no")])
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
        b acted
        b done
        c start
        c intent
        c acted
        c done
        d start
        d intent
        d did not act: refused
        d failed: refused
        STOP d: rollback
        == rollback
        c undo
        c undone
        == rolled_back
        ",
    );
    let undos = ran.finished().state.steps().iter().map(|step| step.undo);
    let expected = [
        UndoStatus::Kept,
        UndoStatus::Kept,
        UndoStatus::Undone,
        UndoStatus::None,
    ];
    assert_eq!(undos.collect::<Vec<_>>(), expected);
}

/// With the policy to roll back, and nothing that could be: it did not roll anything back, so it says so.
#[test]
fn what_cannot_be_undone_is_kept_by_a_rollback() {
    let ran = Scenario::new("steps: [{id: a, smash: {name: a}, irreversible: gone}]")
        .on("a", [Play::fails("no")])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        == rolled_back
        ",
    );
}
