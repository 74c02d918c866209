//! `finally`: what is done at the end, whatever happened.

use runbook_event::{Outcome, StepStatus, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const BOTH: &str = "
    steps: [{id: a, act: {name: a}, capture: {x: got}, rollback: {act: {name: undo-a}}}]
    finally:
      - {id: y, when: steps.a.outcome == 'done', act: {name: 'y {{ steps.a.x }}'}}
      - {id: z, probe: {name: z}}
";

/// It knows what the steps did.
#[test]
fn it_runs_after_success_and_knows_what_happened() {
    let ran = Scenario::new(BOTH).on("a", [Play::gives(7)]).run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a captured x=7
        a done
        == finally
        y start
        y intent
        y acted
        y done
        z start
        z intent
        z acted
        z done
        == resolved
        ",
    );
    assert_eq!(ran.calls().get("y 7"), Some(&1));
}

/// It runs also where all is held.
#[test]
fn it_runs_after_a_failure_that_is_held() {
    let ran = Scenario::new(&format!(
        "on_failure: hold\n{}",
        runbook_testkit::scenario::outdent(BOTH)
    ))
    .on("a", [Play::acts_then_fails("half")])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a did not act: other
        a failed: other
        STOP a: hold
        == finally
        y skipped: when
        z start
        z intent
        z acted
        z done
        == failed
        ",
    );
}

/// Its steps are not undone, and its failure does not stop the rest of it.
#[test]
fn it_is_not_undone() {
    let ran = Scenario::new(BOTH)
        .on("a", [Play::gives(7)])
        .on("y 7", [Play::acts_then_fails("half")])
        .run();
    is(
        &ran,
        Outcome::CleanupFailed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a captured x=7
        a done
        == finally
        y start
        y intent
        y did not act: other
        y failed: other
        z start
        z intent
        z acted
        z done
        == cleanup_failed
        ",
    );
    let state = &ran.finished().state;
    assert_eq!(state.step("y").map(|step| step.undo), Some(UndoStatus::None));
    assert_eq!(state.step("z").map(|step| step.status), Some(StepStatus::Done));
}

#[test]
fn it_runs_after_an_interrupt() {
    let ran = Scenario::new(BOTH)
        .on("a", [Play::acts_then_hangs()])
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
        @1000
        SIGNAL
        STOP SIGINT: rollback
        a did not act: cancelled
        a failed: cancelled
        == rollback
        a undo
        a undone
        == finally
        y skipped: when
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}

/// Loops, groups and sub-runbooks may clean up too.
#[test]
fn what_cleans_up_may_hold_others() {
    let ran = Scenario::new(
        "
        steps: [{id: a, probe: {name: a}}]
        finally:
          - id: each
            for_each: {item: n, in: '[1, 2]', max_failures: 9}
            steps: [{id: y, act: {name: 'y{{ n }}'}}]
          - {id: call, runbook: {name: child}}
        ",
    )
    .runbook(
        "child",
        "steps: [{id: b, act: {name: b}, rollback: {act: {name: undo-b}}}]",
    )
    .on("y1", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        == finally
        each start
        each for 1, 2
        each[1] start
        y[1] start
        y[1] intent
        y[1] did not act: refused
        y[1] failed: refused
        each[1] failed: refused
        each[2] start
        y[2] start
        y[2] intent
        y[2] acted
        y[2] done
        each[2] done
        each done
        call start
        call calls
        call/ == steps
        call/b start
        call/b intent
        call/b acted
        call/b done
        call/ == resolved
        call done
        == resolved
        ",
    );
}

/// A forgiven failure of the clean-up is none.
#[test]
fn a_forgiven_failure_of_the_clean_up_is_none() {
    let ran = Scenario::new(
        "
        steps: [{id: a, probe: {name: a}}]
        finally: [{id: y, act: {name: y}, on_failure: continue}, {id: z, probe: {name: z}}]
        ",
    )
    .on("y", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

/// The final check failed: rollback first, then the clean-up, once.
#[test]
fn it_runs_once_after_a_failed_final_check() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        verify: [{id: v, probe: {name: v}, expect: got == 1, baseline: false}]
        finally: [{id: z, act: {name: z}}]
        ",
    )
    .on("v", [Play::gives(0)])
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
        == verify
        verify.v ?
        verify.v #1 fail 0
        verify.v = fail
        STOP verify v: rollback
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
    assert_eq!(ran.calls().get("z"), Some(&1));
}
