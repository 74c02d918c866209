//! `first_of`: one alternative after the other, until the step's gate passes.

use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;

use crate::is;

const TWO: &str = "
    steps:
      - id: recover
        verify: [{id: up, probe: {name: up}, expect: got == 1, every: 1s}]
        first_of:
          - {id: restart, within: 3s, act: {name: restart}, rollback: {act: {name: undo-restart}}, capture: {x: got}}
          - {id: recreate, within: 5s, act: {name: recreate}, rollback: {act: {name: undo-recreate}}, capture: {x: got}}
      - {id: end, let: {restart: steps.restart.x, recreate: steps.recreate.x}}
      - {id: last, probe: {name: last}}
";

#[test]
fn the_first_that_works_is_enough() {
    let ran = Scenario::new(TWO)
        .on("up", [Play::gives(0), Play::gives(1)])
        .on("restart", [Play::gives("restarted")])
        .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        restart acted
        restart captured x="restarted"
        restart gate.up ?
        restart gate.up #1 fail 0
        @1000
        restart gate.up #2 pass 1
        restart gate.up = pass
        restart done
        recreate skipped: not needed
        recover done
        end start
        end intent
        end acted
        end captured restart="restarted" recreate=null
        end done
        last start
        last intent
        last acted
        last done
        == resolved
        "#,
    );
}

/// It acted, and its gate did not pass within its time: the next is tried.
#[test]
fn an_alternative_that_does_not_help_is_followed_by_the_next() {
    let ran = Scenario::new(TWO)
        .on("up", [0, 0, 0, 0, 0, 1].map(Play::gives))
        .on("recreate", [Play::gives("recreated")])
        .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        restart acted
        restart captured x=null
        restart gate.up ?
        restart gate.up #1 fail 0
        @3000
        restart gate.up #4 fail 0
        restart gate.up = fail
        restart failed: other
        recreate start
        recreate intent
        recreate acted
        recreate captured x="recreated"
        recreate gate.up ?
        recreate gate.up #1 fail 0
        @4000
        recreate gate.up #2 pass 1
        recreate gate.up = pass
        recreate done
        recover done
        end start
        end intent
        end acted
        end captured restart=null recreate="recreated"
        end done
        last start
        last intent
        last acted
        last done
        == resolved
        "#,
    );
}

/// What an alternative did that did not help is undone like all else, if the run fails later: the last first.
#[test]
fn all_that_was_tried_is_undone_later() {
    let ran = Scenario::new(TWO)
        .on("up", [0, 0, 0, 0, 1].map(Play::gives))
        .on("last", [Play::fails("no")])
        .run();
    assert_eq!(ran.outcome(), Outcome::RolledBack, "{}", ran.trace());
    let trace = ran.trace();
    let (_, undone) = trace.split_once("== rollback").expect("it rolled back");
    assert_eq!(
        undone.split_whitespace().collect::<Vec<_>>().join(" "),
        "recreate undo recreate undone restart undo restart undone == rolled_back"
    );
}

/// An action that fails is no reason to ask whether it has worked.
#[test]
fn an_alternative_whose_action_fails_is_followed_by_the_next() {
    let ran = Scenario::new(TWO)
        .on("restart", [Play::fails("no")])
        .on("up", [Play::gives(1)])
        .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        restart did not act: refused
        restart failed: refused
        recreate start
        recreate intent
        recreate acted
        recreate captured x=null
        recreate gate.up ?
        recreate gate.up #1 pass 1
        recreate gate.up = pass
        recreate done
        recover done
        end start
        end intent
        end acted
        end captured restart=null recreate=null
        end done
        last start
        last intent
        last acted
        last done
        == resolved
        ",
    );
}

#[test]
fn if_none_works_the_step_fails_and_all_are_undone() {
    let ran = Scenario::new(TWO)
        .on("restart", [Play::acts_then_fails("half")])
        .on("up", [Play::gives(0)])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        restart did not act: other
        restart failed: other
        recreate start
        recreate intent
        recreate acted
        recreate captured x=null
        recreate gate.up ?
        recreate gate.up #1 fail 0
        @5000
        recreate gate.up #6 fail 0
        recreate gate.up = fail
        recreate failed: other
        recover failed: other
        STOP recover: rollback
        end skipped: stopped
        last skipped: stopped
        == rollback
        recreate undo
        recreate undone
        restart undo
        restart undone
        == rolled_back
        ",
    );
    let step = ran.finished().state.step("recover").expect("it is there").clone();
    let message = step.failure.expect("it failed").to_string();
    assert!(message.contains("recreate"), "{message}");
}

#[test]
fn alternatives_may_be_left_out_by_their_condition() {
    let text = |l: &str, r: &str| {
        format!(
            "
            steps:
              - id: recover
                verify: [{{probe: {{name: up}}}}]
                first_of:
                  - {{id: l, when: {l}, act: {{name: l}}, rollback: not_needed}}
                  - {{id: r, when: {r}, act: {{name: r}}, rollback: not_needed}}
            "
        )
    };
    let ran = Scenario::new(&text("1 > 2", "1 < 2")).run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        recover start
        recover tries
        l skipped: when
        r start
        r intent
        r acted
        r gate.1 ?
        r gate.1 #1 pass 1
        r gate.1 = pass
        r done
        recover done
        == resolved
        ",
    );
    // None was tried, so nothing has worked, although the gate would pass.
    let ran = Scenario::new(&text("1 > 2", "1 > 2")).run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        recover start
        recover tries
        l skipped: when
        r skipped: when
        recover failed: other
        STOP recover: rollback
        == failed
        ",
    );
}

/// What earlier alternatives captured is known to later ones.
#[test]
fn a_later_alternative_knows_what_an_earlier_one_found() {
    let ran = Scenario::new(
        "
        steps:
          - id: recover
            verify: [{probe: {name: up}, expect: got == 1}]
            first_of:
              - {id: look, probe: {name: look}, capture: {x: got}}
              - {id: mend, act: {name: 'mend {{ steps.look.x }}'}, rollback: not_needed}
        ",
    )
    .on("look", [Play::gives("disk")])
    .on("up", [Play::gives(0), Play::gives(1)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    assert_eq!(ran.calls().get("mend disk"), Some(&1));
}

#[test]
fn a_signal_ends_the_search() {
    let ran = Scenario::new(TWO).on("up", [Play::gives(0)]).signal(1500).run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        restart acted
        restart captured x=null
        restart gate.up ?
        restart gate.up #1 fail 0
        @1500
        SIGNAL
        STOP SIGINT: rollback
        end skipped: stopped
        last skipped: stopped
        recreate skipped: stopped
        restart gate.up #2 fail 0
        restart gate.up = fail
        restart failed: cancelled
        recover failed: cancelled
        == rollback
        restart undo
        restart undone
        == rolled_back
        ",
    );
}

/// `within` is the time of the gate; the action has its `timeout`, as everywhere.
#[test]
fn an_alternative_whose_action_takes_too_long_is_followed_by_the_next() {
    let ran = Scenario::new(
        "
        steps:
          - id: recover
            verify: [{probe: {name: up}}]
            first_of:
              - {id: restart, within: 1s, timeout: 3s, act: {name: restart}, rollback: {act: {name: undo-restart}}}
              - {id: recreate, within: 1s, act: {name: recreate}, rollback: {act: {name: undo-recreate}}}
        ",
    )
    .on("restart", [Play::acts_then_hangs()])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        recover start
        recover tries
        restart start
        restart intent
        @3000
        restart did not act: timeout
        restart failed: timeout
        recreate start
        recreate intent
        recreate acted
        recreate gate.1 ?
        recreate gate.1 #1 pass 1
        recreate gate.1 = pass
        recreate done
        recover done
        == resolved
        ",
    );
}

/// An alternative may be a group; what has failed in it stops the rest of it, and not the search.
#[test]
fn an_alternative_may_be_a_group() {
    let ran = Scenario::new(
        "
        steps:
          - id: recover
            verify: [{probe: {name: up}}]
            first_of:
              - id: g
                steps:
                  - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
                  - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
                  - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
              - {id: other, act: {name: other}, rollback: {act: {name: undo-other}}}
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
        recover start
        recover tries
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
        c skipped: stopped
        g failed: refused
        other start
        other intent
        other acted
        other gate.1 ?
        other gate.1 #1 pass 1
        other gate.1 = pass
        other done
        recover done
        == resolved
        ",
    );
}
