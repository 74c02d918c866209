//! In which order steps run: from top to bottom, unless `needs` says otherwise.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

#[test]
fn a_list_is_a_sequence() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, probe: {name: a}}
          - {id: b, probe: {name: b}}
          - {id: c, probe: {name: c}}
        ",
    )
    .on("a", [Play::works().takes(2000)])
    .on("b", [Play::works().takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a intent
        @2000
        a acted
        a done
        b start
        b intent
        @3000
        b acted
        b done
        c start
        c intent
        c acted
        c done
        == resolved
        ",
    );
}

/// `early` waits for nothing, `after_early` only for it; `last` waits for all above.
#[test]
fn needs_are_exactly_what_is_waited_for() {
    let ran = Scenario::new(
        "
        steps:
          - {id: slow, probe: {name: slow}}
          - {id: early, needs: [], probe: {name: early}}
          - {id: after_early, needs: [early], probe: {name: after_early}}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("slow", [Play::works().takes(5000)])
    .on("early", [Play::works().takes(1000)])
    .on("after_early", [Play::works().takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        slow start
        early start
        slow intent
        early intent
        @1000
        early acted
        early done
        after_early start
        after_early intent
        @2000
        after_early acted
        after_early done
        @5000
        slow acted
        slow done
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

#[test]
fn one_at_a_time_if_the_author_says_so() {
    let ran = Scenario::new(
        "
        max_parallel: 1
        steps:
          - {id: a, needs: [], probe: {name: a}}
          - {id: b, needs: [], probe: {name: b}}
          - {id: c, needs: [], probe: {name: c}}
        ",
    )
    .on("a", [Play::works().takes(1000)])
    .on("b", [Play::works().takes(1000)])
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
        a acted
        a done
        b start
        b intent
        @2000
        b acted
        b done
        c start
        c intent
        c acted
        c done
        == resolved
        ",
    );
}

/// Whoever waits for a person takes no place: with one place, the other step runs meanwhile, and the approved one
/// waits until the place is free again.
#[test]
fn an_open_question_takes_no_place() {
    let ran = Scenario::new(
        "
        max_parallel: 1
        steps:
          - {id: a, needs: [], approve: true, act: {name: a}, rollback: not_needed}
          - {id: b, needs: [], act: {name: b}, rollback: not_needed}
        ",
    )
    .answer("a", 1000, true)
    .on("b", [Play::works().takes(5000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a asks
        b start
        b intent
        @1000
        a approved terminal
        @5000
        b acted
        b done
        a intent
        a acted
        a done
        == resolved
        ",
    );
}

/// What stands within groups counts too: `max_parallel` holds for the whole run.
#[test]
fn the_limit_holds_across_groups() {
    let ran = Scenario::new(
        "
        max_parallel: 2
        steps:
          - id: g
            needs: []
            steps:
              - {id: a, needs: [], probe: {name: a}}
              - {id: b, needs: [], probe: {name: b}}
          - id: h
            needs: []
            steps:
              - {id: c, needs: [], probe: {name: c}}
        ",
    )
    .on("a", [Play::works().takes(1000)])
    .on("b", [Play::works().takes(2000)])
    .on("c", [Play::works().takes(4000)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
    // `c` begins when `a` has left its place.
    assert_eq!(ran.took.as_millis(), 5000, "{}", ran.trace());
}

#[test]
fn what_joins_branches_runs_although_one_of_them_was_skipped() {
    let ran = Scenario::new(
        "
        steps:
          - {id: l, needs: [], when: 1 > 2, probe: {name: l}}
          - {id: r, needs: [], probe: {name: r}}
          - {id: join, needs: [l, r], probe: {name: join}}
        ",
    )
    .on("r", [Play::works().takes(1000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        l skipped: when
        r start
        r intent
        @1000
        r acted
        r done
        join start
        join intent
        join acted
        join done
        == resolved
        ",
    );
}

/// Both branches fail at the same moment: one of them stops the run, and both are told.
#[test]
fn two_failures_at_once_are_both_told() {
    let ran = Scenario::new(
        "
        steps:
          - {id: l, needs: [], act: {name: l}, rollback: {act: {name: undo-l}}}
          - {id: r, needs: [], act: {name: r}, rollback: {act: {name: undo-r}}}
          - {id: join, act: {name: join}, rollback: not_needed}
        ",
    )
    .on("l", [Play::fails("left").takes(1000)])
    .on("r", [Play::fails("right").takes(1000)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        l start
        r start
        l intent
        r intent
        @1000
        l did not act: refused
        r did not act: refused
        l failed: refused
        r failed: refused
        STOP l: rollback
        join skipped: stopped
        == rollback
        l undo
        r undo
        l undone
        r undone
        == rolled_back
        ",
    );
}
