//! What a plan says of each step.

use std::time::Duration;

use super::{alone, plan, runbook};
use crate::plan::{OnFailure, Part, Plan, Undo};

/// Steps of every kind that holds others, with undos that hold some.
fn nested() -> Plan {
    alone(
        "steps:
  - id: first
    do: {change: it}
    rollback: [{id: back, do: {change: it}}, {steps: [{id: back-within, do: {change: it}}]}]
  - id: group
    steps:
      - {id: one, do: {read: it}}
      - id: two
        first_of:
          - {id: fast, do: {change: it}, rollback: [{do: {change: it}}]}
          - {id: slow, steps: [{id: slow-one, do: {read: it}}]}
        verify: [{do: {read: it}}]
  - id: choice
    choose:
      - {when: 1 == 1, steps: [{id: chosen, do: {read: it}}]}
      - {else: true, do: {read: it}}
finally:
  - {id: last, do: {read: it}}
verify: [{do: {read: it}}]",
    )
}

#[test]
fn every_step_is_found_by_its_id() {
    let plan = nested();
    let ids = [
        "first",
        "back",
        "first-undo-2",
        "back-within",
        "group",
        "one",
        "two",
        "fast",
        "fast-undo-1",
        "slow",
        "slow-one",
        "choice",
        "choice-1",
        "chosen",
        "choice-2",
        "last",
    ];
    for id in ids {
        assert_eq!(plan.step(id).map(|step| step.id.as_str()), Some(id));
    }
    for step in plan.all_steps() {
        assert!(ids.contains(&step.id.as_str()), "{}", step.id);
        assert!(std::ptr::eq(plan.step(&step.id).unwrap(), step), "{}", step.id);
    }
    assert!(plan.step("nothing").is_none());
    let copy = plan.clone();
    assert!(std::ptr::eq(
        copy.step("first").unwrap(),
        &raw const copy.steps()[0]
    ));
    let undo: Vec<&str> = copy.steps()[0]
        .undo_steps()
        .iter()
        .map(|step| step.id.as_str())
        .collect();
    assert_eq!(undo, ["back", "first-undo-2"]);
    assert!(copy.steps()[1].undo_steps().is_empty());
}

#[test]
fn a_step_that_is_no_action_has_the_time_that_is_written() {
    let plan = alone(
        "defaults: {timeout: 7s}
steps:
  - {id: action, do: {read: it}, timeout: 2s}
  - {id: wait, wait: 1s, timeout: 3s}
  - {id: silent, wait: 1s}
  - {id: manual, manual: {instructions: Look.}, timeout: 4s}
  - {id: checks, checks: [{do: {read: it}}], timeout: 5s}
  - {id: group, timeout: 6s, steps: [{id: inner, do: {read: it}}]}
  - {id: choice, timeout: 8s, choose: [{else: true, timeout: 9s, steps: [{id: x, do: {read: it}}]}]}
  - id: trying
    timeout: 10s
    first_of: [{id: try, timeout: 11s, wait: 1s}]
    verify: [{do: {read: it}}]",
    );
    let cases = [
        ("action", None),
        ("wait", Some(3)),
        ("silent", None),
        ("manual", Some(4)),
        ("checks", Some(5)),
        ("group", Some(6)),
        ("inner", None),
        ("choice", Some(8)),
        ("choice-1", Some(9)),
        ("trying", Some(10)),
        ("try", Some(11)),
    ];
    for (id, seconds) in cases {
        let step = plan.step(id).unwrap();
        assert_eq!(step.timeout, seconds.map(Duration::from_secs), "{id}");
    }
    let action = plan.step("action").and_then(|step| step.action()).unwrap();
    assert_eq!(action.timeout, Duration::from_secs(2));
}

/// A check as its id, the time it is given in seconds, and whether it is that of the step around.
type Gate<'a> = (&'a str, Option<u64>, bool);

fn gates<'p>(plan: &'p Plan, id: &str) -> Vec<Gate<'p>> {
    let checks = plan.step(id).unwrap().verify.iter();
    let told = checks.map(|check| {
        let within = check.within.map(|within| within.as_secs());
        (check.id.as_str(), within, check.inherited)
    });
    told.collect()
}

#[test]
fn the_gate_of_alternatives_is_that_of_each() {
    let plan = alone(
        "steps:
  - id: outer
    first_of:
      - {id: plain, do: {read: it}}
      - {id: timed, within: 5m, do: {read: it}}
      - id: own
        do: {read: it}
        verify: [{do: {read: it}}, {id: up, do: {read: it}, within: 3s}, {id: up-2, do: {read: it}}]
      - {id: group, within: 6m, steps: [{id: inside, do: {read: it}}]}
      - id: inner
        within: 7m
        first_of:
          - {id: deep, do: {read: it}}
          - {id: deeper, within: 8m, do: {read: it}, verify: [{id: deep, do: {read: it}}]}
        verify: [{id: deep, do: {read: it}, within: 1s}]
    verify: [{id: up, do: {read: it}, within: 2s}, {do: {read: it}}]
verify: [{do: {read: it}}]",
    );
    let cases: &[(&str, &[Gate<'_>])] = &[
        ("outer", &[("up", Some(2), false), ("2", None, false)]),
        ("plain", &[("up", Some(2), true), ("2", None, true)]),
        ("timed", &[("up", Some(300), true), ("2", Some(300), true)]),
        (
            "own",
            &[
                ("1", None, false),
                ("up", Some(3), false),
                ("up-2", None, false),
                ("up-3", Some(2), true),
                ("5", None, true),
            ],
        ),
        ("group", &[("up", Some(360), true), ("2", Some(360), true)]),
        ("inside", &[]),
        // Its alternatives have it, and it is asked after each.
        ("inner", &[("deep", Some(1), false)]),
        (
            "deep",
            &[
                ("deep", Some(1), true),
                ("up", Some(420), true),
                ("3", Some(420), true),
            ],
        ),
        (
            "deeper",
            &[
                ("deep", None, false),
                ("deep-2", Some(480), true),
                ("up", Some(480), true),
                ("4", Some(480), true),
            ],
        ),
    ];
    for (id, expected) in cases {
        assert_eq!(gates(&plan, id), *expected, "{id}");
    }
}

#[test]
fn a_failure_does_what_the_nearest_step_around_says() {
    use OnFailure::{Continue, Hold, Rollback};

    let text = |runbook_says: &str| {
        runbook(
            "alone",
            &format!(
                "{runbook_says}
steps:
  - {{id: plain, do: {{read: it}}}}
  - id: holding
    on_failure: hold
    steps:
      - {{id: held, do: {{read: it}}}}
      - {{id: own, on_failure: rollback, do: {{read: it}}}}
      - {{id: going_on, on_failure: continue, steps: [{{id: held_too, do: {{read: it}}}}]}}
      - id: undone
        do: {{change: it}}
        rollback: [{{id: undo, do: {{change: it}}}}]
      - {{id: rolling, on_failure: rollback, choose: [{{else: true, do: {{read: it}}}}]}}
  - id: noted
    on_failure: continue
    steps: [{{id: usual, do: {{read: it}}}}]
  - id: trying
    on_failure: rollback
    first_of: [{{id: try, do: {{read: it}}}}]
    verify: [{{do: {{read: it}}}}]
finally: [{{id: last, do: {{read: it}}}}]
verify: [{{do: {{read: it}}}}]"
            ),
        )
    };
    for (says, usual) in [("", Rollback), ("on_failure: hold", Hold)] {
        let plan = plan(&[text(says)]);
        let cases = [
            ("plain", usual),
            ("holding", Hold),
            ("held", Hold),
            ("own", Rollback),
            ("going_on", Continue),
            ("held_too", Hold),
            ("undone", Hold),
            ("undo", usual),
            ("rolling", Rollback),
            ("rolling-1", Rollback),
            ("noted", Continue),
            ("usual", usual),
            ("trying", Rollback),
            ("try", Rollback),
            ("last", usual),
        ];
        for (id, expected) in cases {
            assert_eq!(plan.step(id).unwrap().on_failure, expected, "{says} {id}");
        }
    }
}

#[test]
fn what_is_harmless_to_run_twice_is_known() {
    let plan = alone(
        "steps:
  - {id: read, do: {read: it}}
  - {id: change, do: {change: it}, rollback: {do: {change: it}}}
  - {id: stated, do: {change: it}, idempotent: true, rollback: {do: {change: it}, idempotent: true}}
  - {id: restart, do: {restart: it}}
  - {id: higher, do: {read: it}, effect: change, rollback: {do: {read: it}}}
  - {id: wait, wait: 1s}
  - {id: reading, steps: [{id: inner, do: {read: it}}]}
  - {id: changing, steps: [{id: other, do: {change: it}, rollback: not_needed}]}
  - id: taking
    do: {change: it}
    rollback: not_needed
    then: [{do: {restart: it}}, {do: {read: it}}, {do: {change: it}}]
verify: [{do: {read: it}}]",
    );
    let steps = [
        ("read", true),
        ("change", false),
        ("stated", true),
        ("restart", false),
        ("higher", false),
        ("wait", true),
        ("reading", true),
        ("changing", false),
    ];
    for (id, expected) in steps {
        assert_eq!(plan.step(id).unwrap().repeatable, expected, "{id}");
    }
    for (id, expected) in [("change", false), ("stated", true), ("higher", true)] {
        let Undo::Action(undo) = &plan.step(id).unwrap().undo else {
            panic!("{id}");
        };
        assert_eq!(undo.repeatable, expected, "the undo of {id}");
    }
    let then: Vec<bool> = plan
        .step("taking")
        .unwrap()
        .then
        .iter()
        .map(|then| then.repeatable)
        .collect();
    assert_eq!(then, [true, true, false]);
}

#[test]
fn what_is_asked_for_is_told_where_it_stands() {
    let text = runbook(
        "alone",
        "timeout: 1h
on_interrupt: ask
steps:
  - {id: simple, do: {read: it}, approve: {message: Go?, count: 1, within: 1m, on_timeout: skip, on_reject: skip, separate: false}}
  - {id: beyond, do: {read: it}, approve: {separate: true, count: 2, remind: 1m}}
verify: [{do: {read: it}}]",
    );
    let plan = plan(std::slice::from_ref(&text));
    let told: Vec<(&str, &str)> = plan
        .asked()
        .iter()
        .map(|asked| (asked.part.word(), &text[asked.span.start..asked.span.end]))
        .collect();
    let expected = [
        ("timeout", "timeout"),
        ("on_interrupt", "on_interrupt"),
        ("approve.separate", "separate"),
        ("approve.count", "count"),
        ("approve.remind", "remind"),
    ];
    assert_eq!(told, expected);
    assert!(
        plan.asked()
            .iter()
            .all(|asked| matches!(asked.part, Part::Key(_)))
    );
}

#[test]
fn what_is_waited_for_is_the_gate_of_the_step() {
    let plan = alone(
        "
steps:
  - id: settled
    wait:
      until:
        - {do: {read: it}, within: 1s}
        - {id: named, do: {read: it}, every: 5s, consecutive: 1}
      within: 1m
      every: 3s
      consecutive: 4
    verify: [{do: {read: it}}, {id: until-1, do: {read: it}}]
  - {id: one, wait: {until: [{do: {read: it}}], within: 2s}}
  - {id: long, wait: 1s}",
    );
    let told = |id: &str| -> Vec<(String, Option<u64>, u64, u32)> {
        let verify = &plan.step(id).unwrap().verify;
        let seconds = |length: Duration| length.as_secs();
        verify
            .iter()
            .map(|check| {
                let within = check.within.map(seconds);
                (check.id.clone(), within, seconds(check.every), check.consecutive)
            })
            .collect()
    };
    let row = |id: &str, within, every, consecutive| (id.to_owned(), within, every, consecutive);
    assert_eq!(
        told("settled"),
        [
            row("until-1-2", Some(1), 3, 4),
            row("named", Some(60), 5, 1),
            row("1", None, 2, 1),
            row("until-1", None, 2, 1),
        ]
    );
    assert_eq!(told("one"), [row("until", Some(2), 2, 1)]);
    assert_eq!(told("long"), []);
    for (id, has_length) in [("settled", false), ("one", false), ("long", true)] {
        let crate::Body::Wait(wait) = &plan.step(id).unwrap().body else {
            panic!("{id}");
        };
        assert_eq!(wait.length.is_some(), has_length, "{id}");
    }
}
