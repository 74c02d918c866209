//! What happens to one step, and in which order steps run.

use runbook_action::Stream;
use runbook_event::Outcome;
use runbook_testkit::play::Play;
use runbook_testkit::scenario::Scenario;
use runbook_testkit::tape::Mark;
use serde_json::{Value, json};

use crate::{is, trace_is};

#[test]
fn the_order_within_a_step() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            when: 1 < 2
            require: [{probe: {name: r}}]
            approve: true
            before: {probe: {name: b}, capture: {old: got}}
            act: {name: a}
            capture: {new: got}
            verify: [{probe: {name: g}, expect: steps.a.new == steps.a.old + 1}]
            rollback: {act: {name: 'back to {{ steps.a.old }}'}}
        ",
    )
    .on("b", [Play::gives(1)])
    .on("a", [Play::gives(2)])
    .answer("a", 1000, true)
    .run();
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        a start
        a require.1 ?
          > probe r
          < r
        a require.1 #1 pass 1
        a require.1 = pass
        a asks
          sync
          ? a
        @1000
        a approved terminal
          sync
        a require.1 ?
          > probe r
          < r
        a require.1 #1 pass 1
        a require.1 = pass
          > probe b
          < b
        a before old=1
        a intent
          sync
          > act a
          < a
        a acted
        a captured new=2
        a gate.1 ?
          > probe g
          < g
        a gate.1 #1 pass 1
        a gate.1 = pass
        a done
        == resolved
          sync
        ",
    );
}

#[test]
fn a_change_is_durable_before_it_runs_and_a_read_need_not_be() {
    let ran = Scenario::new(
        "
        steps:
          - {id: r, probe: {name: r}}
          - {id: c, act: {name: c}, rollback: not_needed}
          - {id: d, smash: {name: d}, irreversible: gone}
        ",
    )
    .run();
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        r start
        r intent
          > probe r
          < r
        r acted
        r done
        c start
        c intent
          sync
          > act c
          < c
        c acted
        c done
        d start
        d intent
          sync
          > smash d
          < d
        d acted
        d done
        == resolved
          sync
        ",
    );
}

#[test]
fn what_is_written_is_durable_within_a_second() {
    let ran = Scenario::new("steps: [{id: r, probe: {name: r}}]")
        .on("r", [Play::works().takes(5000)])
        .run();
    trace_is(
        &ran.full_trace(),
        "
        run
          sync
        == steps
        r start
        r intent
          > probe r
        @1000
          sync
        @5000
          < r
        r acted
        r done
        == resolved
          sync
        ",
    );
}

#[test]
fn what_follows_a_skipped_step_runs_and_sees_null() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, when: 1 > 2, act: {name: a}, capture: {x: got}, rollback: not_needed}
          - {id: b, probe: {name: b}, capture: {was: steps.a.x, how: steps.a.outcome}}
        ",
    )
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        a skipped: when
        b start
        b intent
        b acted
        b captured was=null how="skipped"
        b done
        == resolved
        "#,
    );
}

#[test]
fn what_follows_a_failure_with_continue_runs_and_sees_null() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, capture: {x: got}, rollback: {act: {name: undo}}, on_failure: continue}
          - {id: b, probe: {name: b}, capture: {was: steps.a.x, how: steps.a.outcome}}
        ",
    )
    .on("a", [Play::fails("no")])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        a start
        a intent
        a did not act: refused
        a failed: refused
        b start
        b intent
        b acted
        b captured was=null how="failed"
        b done
        == resolved
        "#,
    );
}

#[test]
fn a_condition_that_cannot_be_told_fails() {
    for when in ["steps.a.x == 1", "steps.a.x > 1", "steps.a.x", "steps.a.x.y"] {
        let ran = Scenario::new(&format!(
            "
            steps:
              - {{id: a, probe: {{name: a}}, capture: {{x: got}}}}
              - {{id: b, when: {when}, act: {{name: b}}, rollback: not_needed}}
            "
        ))
        .on("a", [Play::gives("1")])
        .run();
        assert!(!ran.calls().contains_key("b"), "{when}");
    }
}

#[test]
fn at_most_so_many_side_by_side() {
    let steps: Vec<String> = (0..7)
        .map(|n| format!("{{id: s{n}, needs: [], probe: {{name: s{n}}}}}"))
        .collect();
    let steps = steps.join(", ");
    let mut scenario = Scenario::new(&format!("max_parallel: 3\nsteps: [{steps}]"));
    for n in 0..7 {
        scenario = scenario.on(&format!("s{n}"), [Play::works().takes(1000)]);
    }
    let ran = scenario.run();
    assert_eq!(ran.took.as_millis(), 3000);
    let (mut now, mut most) = (0_i32, 0);
    for (_, mark) in &ran.tape {
        now += match mark {
            Mark::Called(..) => 1,
            Mark::Returned(..) => -1,
            Mark::Record(_)
            | Mark::Reading(..)
            | Mark::Synced
            | Mark::Settled(_)
            | Mark::Asked(_)
            | Mark::Lost
            | Mark::Signal => 0,
        };
        most = most.max(now);
    }
    assert_eq!(most, 3);
}

#[test]
fn a_failed_requirement_stops_before_anything_is_done() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, require: [{probe: {name: r}, expect: got == 1}], act: {name: a}, rollback: {act: {name: undo}}}
        ",
    )
    .on("r", [Play::gives(0)])
    .run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a require.1 ?
        a require.1 #1 fail 0
        a require.1 = fail
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
}

#[test]
fn a_panic_is_a_failure() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo}}}]")
        .on("a", [Play::panics()])
        .run();
    is(
        &ran,
        Outcome::RolledBack,
        "
        run
        == steps
        a start
        a intent
        a did not act: other
        a failed: other
        STOP a: rollback
        == rollback
        a undo
        a undone
        == rolled_back
        ",
    );
}

#[test]
fn a_panic_over_the_summary_stops_nothing() {
    let ran = Scenario::new(
        "
        steps:
          - {id: a, probe: {name: a}, capture: {n: got}}
          - {id: b, act: {name: '{{ steps.a.n }}'}, rollback: {act: {name: undo}}}
        ",
    )
    .on("a", [Play::gives("unrecognisable")])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
}

#[test]
fn an_action_that_takes_too_long_may_have_acted() {
    for play in [Play::hangs(), Play::acts_then_hangs(), Play::is_deaf()] {
        let ran =
            Scenario::new("steps: [{id: a, act: {name: a}, timeout: 5s, rollback: {act: {name: undo}}}]")
                .on("a", [play])
                .run();
        let text = ran.trace();
        assert!(text.contains("a failed: timeout"), "{text}");
        assert!(text.contains("a undone"), "{text}");
        assert_eq!(ran.outcome(), Outcome::RolledBack);
    }
}

#[test]
fn captures_keep_their_values_through_the_journal() {
    let values = json!({
        "f": 0.1, "h": 31.245_270_191_439_438, "i": 121.487_919_511_619_45, "g": 123_456.789_012_345_67, "most": i64::MAX, "least": i64::MIN, "n": null, "deep": {"a": [1, {"b": "ü\u{0}"}]},
    });
    let ran = Scenario::new("steps: [{id: a, probe: {name: a}, capture: {x: got}}]")
        .on("a", [Play::gives(values)])
        .run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
    crate::simulation::folds(&ran);
}

#[test]
fn a_value_that_is_null_is_nothing_to_draw() {
    let ran = Scenario::new("steps: [{id: a, probe: {name: a}, verify: [{probe: {name: g}, value: got}]}]")
        .on("g", [Play::gives(Value::Null)])
        .run();
    assert_eq!(ran.outcome(), Outcome::Resolved);
    crate::simulation::folds(&ran);
}

#[test]
fn what_an_attempt_prints_is_kept() {
    let ran = Scenario::new("steps: [{id: a, act: {name: a}, rollback: {act: {name: undo}}}]")
        .on(
            "a",
            [Play::fails("no")
                .prints(Stream::Stdout, "one")
                .prints(Stream::Stderr, "two")
                .prints(Stream::Stdout, " more")],
        )
        .on("undo", [Play::works().prints(Stream::Stdout, "back")])
        .run();
    let step = ran.finished().state.step("a").expect("it is there").clone();
    let heads =
        |output: &[runbook_event::OutputRef]| output.iter().map(|kept| kept.head.clone()).collect::<Vec<_>>();
    assert_eq!(heads(&step.output), ["one more", "two"]);
    assert_eq!(heads(&step.undo_output), ["back"]);
}
