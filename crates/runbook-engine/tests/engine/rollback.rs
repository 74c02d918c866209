//! Undoing.

use runbook_event::{Outcome, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

#[test]
fn the_failing_step_is_undone_too_and_what_never_began_is_not() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
        ",
    )
    .on("b", [Play::fails("no")])
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
        b did not act: refused
        b failed: refused
        STOP b: rollback
        c skipped: stopped
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn the_order_goes_through_reads_and_skips() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: r, needs: [a], probe: {name: r}}
          - {id: s, needs: [r], when: 1 > 2, act: {name: s}, rollback: {act: {name: undo-s}}}
          - {id: k, needs: [s], act: {name: k}, rollback: not_needed}
          - {id: b, needs: [k], act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("b", [Play::fails("no")])
    .on("undo-b", [Play::works().takes(1000)])
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
        r start
        r intent
        r acted
        r done
        s skipped: when
        k start
        k intent
        k acted
        k done
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: rollback
        == rollback
        b undo
        @1000
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

const FORK: &str = "
    steps:
      - {id: root, act: {name: root}, rollback: {act: {name: undo-root}}}
      - {id: l, needs: [root], act: {name: l}, rollback: {act: {name: undo-l}}}
      - {id: r, needs: [root], act: {name: r}, rollback: {act: {name: undo-r}}}
      - {id: end, needs: [l, r], probe: {name: end}}
";

#[test]
fn independent_undos_run_side_by_side() {
    let ran = Scenario::new(FORK)
        .on("end", [Play::fails("no")])
        .on("undo-l", [Play::works().takes(3000)])
        .on("undo-r", [Play::works().takes(2000)])
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
        l start
        r start
        l intent
        r intent
        l acted
        r acted
        l done
        r done
        end start
        end intent
        end did not act: refused
        end failed: refused
        STOP end: rollback
        == rollback
        l undo
        r undo
        @2000
        r undone
        @3000
        l undone
        root undo
        root undone
        == rolled_back
        ",
    );
}

#[test]
fn a_failed_undo_does_not_stop_the_others() {
    for play in [Play::fails("stuck"), Play::panics()] {
        let ran = Scenario::new(FORK)
            .on("end", [Play::fails("no")])
            .on("undo-l", [play])
            .run();
        let state = &ran.finished().state;
        let undo = |id: &str| state.step(id).map(|step| step.undo);
        assert_eq!(undo("l"), Some(UndoStatus::Failed), "{}", ran.trace());
        assert_eq!(undo("r"), Some(UndoStatus::Undone));
        assert_eq!(undo("root"), Some(UndoStatus::Undone));
        assert_eq!(ran.outcome(), Outcome::RollbackFailed);
    }
}

#[test]
fn an_undo_that_cannot_be_written_out_has_failed() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - {id: a, act: {name: a}, rollback: {act: {name: 'to {{ steps.p.x }}'}}}
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RollbackFailed,
        "
        run
        == steps
        p start
        p intent
        p acted
        p captured x=null
        p done
        a start
        a intent
        a did not act: refused
        a failed: refused
        STOP a: rollback
        == rollback
        a undo
        a not undone: other
        == rollback_failed
        ",
    );
}

#[test]
fn an_undo_whose_summary_panics_is_done_all_the_same() {
    let ran = Scenario::new(
        "
        steps:
          - {id: p, probe: {name: p}, capture: {x: got}}
          - {id: a, act: {name: a}, rollback: {act: {name: '{{ steps.p.x }}'}}}
        ",
    )
    .on("p", [Play::gives("unrecognisable")])
    .on("a", [Play::fails("no")])
    .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
}

#[test]
fn before_is_what_the_undo_goes_back_to() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            before: {probe: {name: read}, capture: {old: got}}
            act: {name: a}
            rollback: {act: {name: 'set {{ steps.a.old }}'}}
        ",
    )
    .on("read", [Play::gives(5), Play::gives(99)])
    .on("a", [Play::fails("half")])
    .run();
    assert_eq!(ran.calls().get("set 5"), Some(&1), "{}", ran.trace());
    assert_eq!(ran.calls().get("read"), Some(&1));
}

#[test]
fn an_undo_that_hangs_ends_with_its_time() {
    for play in [Play::hangs(), Play::is_deaf()] {
        let ran = Scenario::new(
            "
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}, timeout: 5s}}
            ",
        )
        .on("b", [Play::fails("no")])
        .on("undo-b", [play])
        .run();
        let text = ran.trace();
        assert!(text.contains("b not undone: timeout"), "{text}");
        assert!(text.contains("a undone"), "{text}");
        assert_eq!(ran.outcome(), Outcome::RollbackFailed);
    }
}

#[test]
fn a_step_that_failed_with_continue_is_undone_with_the_others() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, on_failure: continue}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
        ",
    )
    .on("a", [Play::fails("no")])
    .on("b", [Play::fails("no")])
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
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: rollback
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn the_step_that_fails_decides_between_hold_and_rollback() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, on_failure: hold}
        ",
    )
    .on("b", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a intent
        a acted
        a done
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: hold
        == failed
        ",
    );
}

#[test]
fn the_clean_up_runs_once_after_the_rollback() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
        finally:
          - {id: y, act: {name: y}}
          - {id: z, probe: {name: z}}
        ",
    )
    .on("a", [Play::fails("no")])
    .on("y", [Play::fails("no")])
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
        a undo
        a undone
        == finally
        y start
        y intent
        y did not act: refused
        y failed: refused
        z start
        z intent
        z acted
        z done
        == rolled_back
        ",
    );
}

#[test]
fn no_step_no_clean_up() {
    let ran = Scenario::new(
        "
        steps: [{id: a, when: 1 > 2, act: {name: a}, rollback: {act: {name: undo-a}}}]
        finally: [{id: z, act: {name: z}}]
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a skipped: when
        == resolved
        ",
    );
}

#[test]
fn an_undo_of_which_no_step_runs_has_passed() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: [{id: b, when: 1 > 2, act: {name: b}}]}
          - {id: bad, fail: on purpose}
        ",
    )
    .run();
    let step = ran.finished().state.step("a").expect("it is there");
    assert_eq!(
        (ran.outcome(), step.undo),
        (Outcome::RolledBack, UndoStatus::Undone),
        "{}",
        ran.trace()
    );
}
