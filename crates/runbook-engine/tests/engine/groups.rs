//! Groups: `steps` within a step.

use runbook_event::{Outcome, StepStatus};
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

#[test]
fn a_group_is_done_when_all_within_it_is_and_what_follows_waits() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            steps:
              - {id: a, needs: [], probe: {name: a}, capture: {x: got}}
              - {id: b, needs: [], probe: {name: b}}
            verify: [{probe: {name: v}, expect: steps.a.x == 7}]
          - {id: c, probe: {name: 'c {{ steps.a.x }}'}}
        ",
    )
    .on("a", [Play::gives(7)])
    .on("b", [Play::works().takes(3000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        g enters
        a start
        b start
        a intent
        b intent
        a acted
        a captured x=7
        a done
        @3000
        b acted
        b done
        g gate.1 ?
        g gate.1 #1 pass 1
        g gate.1 = pass
        g done
        c start
        c intent
        c acted
        c done
        == resolved
        ",
    );
}

#[test]
fn a_failure_within_stops_the_group_and_the_run_and_undoes_in_reverse() {
    let ran = Scenario::new(
        "
        steps:
          - {id: first, act: {name: first}, rollback: {act: {name: undo-first}}}
          - id: g
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
              - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
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
        first start
        first intent
        first acted
        first done
        g start
        g enters
        a start
        a intent
        a acted
        a done
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: rollback
        last skipped: stopped
        c skipped: stopped
        g failed: refused
        == rollback
        b undo
        b undone
        a undo
        a undone
        first undo
        first undone
        == rolled_back
        ",
    );
}

/// The group as a whole may fail: the rest of it is skipped, and what follows runs.
#[test]
fn continue_on_the_group_gives_up_the_group_alone() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            on_failure: continue
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, on_failure: rollback}
              - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
        ",
    )
    .on("b", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        g enters
        a start
        a intent
        a acted
        a captured x=null
        a done
        b start
        b intent
        b did not act: refused
        b failed: refused
        c skipped: stopped
        g failed: refused
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

/// `continue` on a step within: the group goes on, and is done.
#[test]
fn continue_within_gives_up_that_step_alone() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, on_failure: continue}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        g enters
        a start
        a intent
        a did not act: refused
        a failed: refused
        b start
        b intent
        b acted
        b done
        g done
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

/// A group's `continue` is that of the steps within which say nothing themselves.
#[test]
fn what_a_group_says_of_failures_holds_for_the_steps_within() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            on_failure: hold
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
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
        g start
        g enters
        a start
        a intent
        a acted
        a done
        b start
        b intent
        b did not act: refused
        b failed: refused
        STOP b: hold
        g failed: refused
        == failed
        ",
    );
}

#[test]
fn a_step_within_has_the_last_word_over_its_group() {
    for (group, step, outcome) in [
        ("hold", "rollback", Outcome::RolledBack),
        ("rollback", "hold", Outcome::Failed),
    ] {
        let text = format!(
            "
            steps:
              - id: g
                on_failure: {group}
                steps:
                  - {{id: a, act: {{name: a}}, rollback: {{act: {{name: undo-a}}}}, on_failure: {step}}}
            "
        );
        let ran = Scenario::new(&text).on("a", [Play::fails("no")]).run();
        assert_eq!(ran.outcome(), outcome, "{}", ran.trace());
    }
}

/// A failure that the group forgives is undone all the same, in its place, if the run fails later.
#[test]
fn what_a_forgiven_group_did_is_undone_with_the_rest() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            on_failure: continue
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}, on_failure: rollback}
          - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
        ",
    )
    .on("b", [Play::fails("no")])
    .on("last", [Play::fails("no")])
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
        b did not act: refused
        b failed: refused
        g failed: refused
        last start
        last intent
        last did not act: refused
        last failed: refused
        STOP last: rollback
        == rollback
        last undo
        last undone
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn groups_within_groups_are_undone_from_the_inside_out() {
    let ran = Scenario::new(
        "
        steps:
          - id: outer
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - id: middle
                steps:
                  - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
                  - id: inner
                    steps:
                      - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
              - {id: d, act: {name: d}, rollback: {act: {name: undo-d}}}
          - {id: e, probe: {name: e}}
        ",
    )
    .on("e", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        outer start
        outer enters
        a start
        a intent
        a acted
        a done
        middle start
        middle enters
        b start
        b intent
        b acted
        b done
        inner start
        inner enters
        c start
        c intent
        c acted
        c done
        inner done
        middle done
        d start
        d intent
        d acted
        d done
        outer done
        e start
        e intent
        e did not act: refused
        e failed: refused
        STOP e: rollback
        == rollback
        d undo
        d undone
        c undo
        c undone
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// Nothing within a group that was skipped exists: its captures are null, and what follows runs.
#[test]
fn nothing_within_a_skipped_group_begins() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            when: 1 > 2
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, capture: {x: got}}
          - {id: b, when: steps.a.x is none and steps.a.outcome == 'skipped', probe: {name: b}}
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g skipped: when
        b start
        b intent
        b acted
        b done
        == resolved
        ",
    );
}

/// The gate of a group is asked once all within is done; its failure runs nothing again and undoes all within.
#[test]
fn the_gate_of_a_group_fails_it_as_a_whole() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            verify: [{probe: {name: v}, expect: got == 1, every: 1s, within: 2s}]
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
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
        g gate.1 ?
        g gate.1 #1 fail 0
        @2000
        g gate.1 #3 fail 0
        g gate.1 = fail
        g failed: other
        STOP g: rollback
        == rollback
        b undo
        b undone
        a undo
        a undone
        == rolled_back
        ",
    );
}

/// A group that fails and is forgiven stops what reads within it, and nothing beside it.
#[test]
fn a_forgiven_group_stops_nothing_beside_it() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            needs: []
            on_failure: continue
            steps:
              - {id: bad, needs: [], act: {name: bad}, rollback: {act: {name: undo-bad}}, on_failure: rollback}
              - {id: look, needs: [], probe: {name: look}}
              - {id: change, needs: [], act: {name: change}, rollback: {act: {name: undo-change}}}
          - {id: beside, needs: [], probe: {name: beside}}
        ",
    )
    .on("bad", [Play::fails("no").takes(1000)])
    .on("look", [Play::works().takes(9000)])
    .on("change", [Play::works().takes(2000)])
    .on("beside", [Play::works().takes(5000)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        g start
        beside start
        g enters
        beside intent
        bad start
        look start
        change start
        bad intent
        look intent
        change intent
        @1000
        bad did not act: refused
        bad failed: refused
        look did not act: cancelled
        look failed: cancelled
        @2000
        change acted
        change done
        g failed: refused
        @5000
        beside acted
        beside done
        == resolved
        ",
    );
}

/// What failed within is the reason that the group tells, however deep it stands.
#[test]
fn a_group_says_what_failed_within() {
    let ran = Scenario::new(
        "
        steps:
          - id: outer
            steps:
              - id: g
                steps:
                  - {id: a, probe: {name: a}}
        ",
    )
    .on("a", [Play::fails("nobody listens")])
    .run();
    let state = &ran.finished().state;
    let group = state.step("outer").expect("it is there");
    assert_eq!(group.status, StepStatus::Failed);
    let message = group.failure.clone().expect("it failed").to_string();
    assert!(
        message.contains("`a`") && message.contains("nobody listens"),
        "{message}"
    );
}

/// A group that fails by itself, by its gate or its time, is named by the one around it.
#[test]
fn a_group_that_fails_by_itself_is_named() {
    for (own, play) in [
        ("verify: [{probe: {name: v}, expect: got == 1}]", Play::works()),
        ("timeout: 2s", Play::hangs()),
    ] {
        let text = format!(
            "
            steps:
              - id: outer
                steps:
                  - id: g
                    {own}
                    steps: [{{id: a, probe: {{name: a}}}}]
            "
        );
        let ran = Scenario::new(&text).on("a", [play]).run();
        let group = ran.finished().state.step("outer").expect("it is there");
        let message = group.failure.clone().expect("it failed").to_string();
        assert!(message.contains("`g`"), "{own}: {message}");
    }
}

/// All within it is done when something beside it fails: its gate is still asked, since it changed something, and
/// what it proves is true.
#[test]
fn a_failure_beside_it_leaves_its_gate_to_be_asked() {
    let ran = Scenario::new(
        "
        steps:
          - id: g
            needs: []
            verify: [{id: v, probe: {name: v}, expect: got == 1, every: 1s, within: 9s}]
            steps: [{id: a, act: {name: a}, rollback: {act: {name: undo-a}}}]
          - {id: bad, needs: [], probe: {name: bad}}
        ",
    )
    .on("v", [0, 0, 0, 1].map(Play::gives))
    .on("bad", [Play::fails("no").takes(1500)])
    .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        g start
        bad start
        g enters
        bad intent
        a start
        a intent
        a acted
        a done
        g gate.v ?
        g gate.v #1 fail 0
        @1500
        bad did not act: refused
        bad failed: refused
        STOP bad: rollback
        @3000
        g gate.v #4 pass 1
        g gate.v = pass
        g done
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}
