//! What counts as an answer: `detect` and `--force`, `require`, `each`, `may_fail`, `verify_decides`.

use runbook_action::{ErrorKind, Failure};
use runbook_event::{CheckRole, Outcome, Verdict, Wanted};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::json;

use crate::is;

fn forced() -> Wanted {
    Wanted {
        force: true,
        ..Wanted::default()
    }
}

const DETECTED: &str = "
    detect: [{id: d, probe: {name: d}, expect: got == 1, capture: {x: got}}]
    steps: [{id: a, when: checks.d.x is none, act: {name: a}, rollback: not_needed}]
";

/// It says no, or cannot be asked: `--force` goes on, and what a check captures that did not pass is null.
#[test]
fn force_goes_on_whatever_detect_says() {
    for play in [Play::gives(0), Play::fails("down"), Play::panics()] {
        let ran = Scenario::new(DETECTED).on("d", [play]).wants(forced()).run();
        assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
        assert_eq!(ran.calls().get("a"), Some(&1), "{}", ran.trace());
    }
}

#[test]
fn without_force_nothing_is_touched() {
    let ran = Scenario::new(DETECTED).on("d", [Play::fails("down")]).run();
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == detect
        detect.d ?
        detect.d #1 error 0
        detect.d = error
        == failed
        ",
    );
}

/// The whole list is asked although the first says no: the report shows all of them.
#[test]
fn all_of_detect_is_asked() {
    let ran = Scenario::new(
        "
        detect: [{id: d, probe: {name: d}, expect: got == 1}, {id: e, probe: {name: e}}]
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        ",
    )
    .on("d", [Play::gives(0)])
    .run();
    assert_eq!(ran.outcome(), Outcome::NotNeeded);
    assert_eq!(ran.calls().get("e"), Some(&1));
}

fn required(plays: impl IntoIterator<Item = Play>) -> Ran {
    Scenario::new(
        "
        steps:
          - id: a
            require: [{id: r, probe: {name: r}, expect: got == 1, every: 1s, within: 3s}]
            before: {probe: {name: b}, capture: {old: got}}
            act: {name: a}
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("r", plays)
    .run()
}

#[test]
fn what_is_required_may_take_a_while() {
    let ran = required([Play::gives(0), Play::fails("down"), Play::gives(1)]);
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a require.r ?
        a require.r #1 fail 0
        @1000
        a require.r #2 error 0
        @2000
        a require.r #3 pass 1
        a require.r = pass
        a before old=null
        a intent
        a acted
        a done
        == resolved
        ",
    );
}

/// Nothing was attempted, so nothing is undone; not even `before` was read.
#[test]
fn what_is_required_and_does_not_hold_leaves_all_as_it_is() {
    let ran = required([Play::gives(0)]);
    is(
        &ran,
        Outcome::Failed,
        "
        run
        == steps
        a start
        a require.r ?
        a require.r #1 fail 0
        @3000
        a require.r #4 fail 0
        a require.r = fail
        a failed: other
        STOP a: rollback
        == failed
        ",
    );
}

fn each(got: serde_json::Value) -> (Verdict, String) {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            probe: {name: a}
            verify: [{id: all_up, probe: {name: nodes}, each: got, expect: [item.state == 'up', item.load < 5]}]
        ",
    )
    .on("nodes", [Play::gives(got)])
    .run();
    let state = ran.finished().state.clone();
    let check = state.checks().values().next().expect("it was asked").clone();
    (
        check.verdict.expect("it was decided"),
        check.last().expect("it was read").detail.clone(),
    )
}

#[test]
fn each_names_the_offenders_and_no_others() {
    let (verdict, detail) = each(json!([
        {"name": "n1", "state": "up", "load": 1},
        {"name": "n2", "state": "down", "load": 1},
        {"name": "n3", "state": "up", "load": 7},
    ]));
    assert_eq!(verdict, Verdict::Fail);
    assert!(
        detail.contains("n2") && detail.contains("n3") && !detail.contains("n1"),
        "{detail}"
    );
}

/// Many offenders do not make an endless line.
#[test]
fn many_offenders_are_counted() {
    let nodes: Vec<_> = (0..100)
        .map(|n| json!({"name": format!("n{n}"), "state": "down", "load": 1}))
        .collect();
    let (verdict, detail) = each(json!(nodes));
    assert_eq!(verdict, Verdict::Fail);
    assert!(detail.contains("95 more") && detail.len() < 1000, "{detail}");
}

/// None is fine, since none is bad; what is no list, or an item without the name, is an error and never a pass.
#[test]
fn each_of_nothing_and_each_of_garbage() {
    assert_eq!(each(json!([])).0, Verdict::Pass);
    for garbage in [
        json!(null),
        json!("up"),
        json!({"state": "up"}),
        json!([{"state": "up"}]),
        json!([{"state": "up", "load": "low"}]),
        json!([{"state": "up", "load": null}]),
    ] {
        assert_eq!(each(garbage.clone()).0, Verdict::Error, "{garbage}");
    }
}

/// A failure is the answer of such a step: it is done, its captures say how, and its gate decides.
#[test]
fn a_failure_may_be_an_answer() {
    let text = "
        steps:
          - {id: p, probe: {name: p}, may_fail: true, capture: {fine: ok, why: error.kind if not ok else 'nothing'}}
          - {id: end, let: {fine: steps.p.fine, why: steps.p.why}}
    ";
    let ran = Scenario::new(text).on("p", [Play::fails("nobody listens")]).run();
    is(
        &ran,
        Outcome::Resolved,
        r#"
        run
        == steps
        p start
        p intent
        p acted
        p captured fine=false why="refused"
        p done
        end start
        end intent
        end acted
        end captured fine=false why="refused"
        end done
        == resolved
        "#,
    );
    let ran = Scenario::new(text).run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let end = ran.finished().state.step("end").expect("it is there").clone();
    assert_eq!(
        (end.value("fine"), end.value("why")),
        (Some(&json!(true)), Some(&json!("nothing")))
    );
}

/// A timeout is an answer too, but being cancelled is none; nor is a capture that cannot be told.
#[test]
fn what_is_no_answer_although_it_may_fail() {
    let ran =
        Scenario::new("steps: [{id: p, probe: {name: p}, may_fail: true, timeout: 2s, capture: {fine: ok}}]")
            .on("p", [Play::hangs()])
            .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let ran = Scenario::new("steps: [{id: p, probe: {name: p}, may_fail: true}]")
        .on("p", [Play::hangs()])
        .signal(1000)
        .run();
    assert_eq!(ran.outcome(), Outcome::Interrupted, "{}", ran.trace());
    let ran = Scenario::new("steps: [{id: p, probe: {name: p}, may_fail: true, capture: {x: got.deep}}]")
        .on("p", [Play::fails_with(Failure::new(ErrorKind::Refused, "no"))])
        .run();
    assert_eq!(ran.outcome(), Outcome::Failed, "{}", ran.trace());
}

/// Its gate is read once before the intent: what passes already cannot tell later that the action has happened.
#[test]
fn a_gate_that_decides_is_read_before_the_action() {
    let ran = Scenario::new(
        "
        steps:
          - id: a
            act: {name: a}
            verify_decides: true
            verify: [{id: v, probe: {name: v}, expect: got == 1, every: 1s, within: 9s}]
            rollback: {act: {name: undo-a}}
        ",
    )
    .on("v", [Play::gives(0), Play::gives(0), Play::gives(1)])
    .run();
    is(
        &ran,
        Outcome::Resolved,
        "
        run
        == steps
        a start
        a decide.v ?
        a decide.v #1 fail 0
        a decide.v = fail
        a intent
        a acted
        a gate.v ?
        a gate.v #1 fail 0
        @1000
        a gate.v #2 pass 1
        a gate.v = pass
        a done
        == resolved
        ",
    );
    let decided = ran
        .finished()
        .state
        .checks()
        .keys()
        .any(|site| site.role == CheckRole::Decide);
    assert!(decided);
}

/// The baseline is of the time before the first step, whatever it says; the report shows it beside the last one.
#[test]
fn before_and_after_are_both_kept() {
    let ran = Scenario::new(
        "
        steps: [{id: a, act: {name: a}, rollback: not_needed}]
        verify: [{id: v, probe: {name: v}, value: got, expect: value < 5}]
        ",
    )
    .on("v", [Play::gives(9), Play::gives(3)])
    .run();
    assert_eq!(ran.outcome(), Outcome::Resolved, "{}", ran.trace());
    let of = |role: CheckRole| {
        let mut checks = ran.finished().state.checks().iter();
        let check = checks
            .find(|(site, _)| site.role == role)
            .map(|(_, check)| check.clone());
        let last = check
            .and_then(|check| check.last().cloned())
            .expect("it was read");
        (last.verdict, last.value)
    };
    assert_eq!(of(CheckRole::Baseline), (Verdict::Fail, Some(json!(9))));
    assert_eq!(of(CheckRole::Verify), (Verdict::Pass, Some(json!(3))));
}
