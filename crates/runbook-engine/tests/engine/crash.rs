//! Killed at every append, and resumed: it ends as if nothing had happened.

use std::collections::BTreeMap;

use runbook_event::Outcome;
use runbook_testkit::crash::Crash;
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::Scenario;
use serde_json::Value;

use crate::simulation;

/// What a run came to, for whoever looks at the world and at the list of steps.
#[derive(Debug, PartialEq)]
struct End {
    outcome: Outcome,
    steps: BTreeMap<String, String>,
    /// How often each action has taken effect. What is harmless to run twice counts once.
    effects: BTreeMap<String, u32>,
    world: BTreeMap<String, Value>,
}

fn end(ran: &Ran) -> End {
    let state = &ran.finished().state;
    let steps = state.steps().iter().map(|step| {
        let told = format!("{} {:?}", step.status.word(), step.undo);
        (step.id.clone(), told)
    });
    let mut effects = BTreeMap::new();
    for deed in ran.world.deeds() {
        let count = effects.entry(deed.name.clone()).or_insert(0);
        *count = if deed.name.starts_with("again") {
            1
        } else {
            *count + 1
        };
    }
    End {
        outcome: ran.outcome(),
        steps: steps.collect(),
        effects,
        world: ran.world.values(),
    }
}

/// All ways in which a process may end at this append.
fn ways(at: usize) -> [Crash; 5] {
    [
        Crash::after(at),
        Crash::after(at).while_it_acts(),
        Crash::before(at),
        Crash::before(at).while_it_acts(),
        Crash::of_power(at),
    ]
}

/// However its process ends, once or twice, the run comes to the same end.
fn survives(scenario: Scenario, outcome: Outcome) {
    let stage = scenario.unheard().by_truth().stage();
    let whole = stage.run(&[]);
    assert_eq!(whole.outcome(), outcome, "{}", whole.full_trace());
    let expected = end(&whole);
    let check = |crashes: &[Crash]| {
        let ran = stage.run(crashes);
        simulation::folds(&ran);
        let found = end(&ran);
        assert!(
            found == expected,
            "{crashes:?}\nexpected: {expected:#?}\nfound: {found:#?}\n{}",
            ran.full_trace()
        );
    };
    let appends = whole.records().len();
    for at in 1..=appends {
        for (number, way) in ways(at).into_iter().enumerate() {
            check(&[way]);
            // And once more, somewhere else each time.
            let second = 1 + (at * 7 + number * 11) % appends;
            check(&[way, ways(second)[(at + number) % 5]]);
        }
    }
}

#[test]
fn a_chain_with_checks_of_every_kind() {
    let scenario = Scenario::new(
        "
        detect: [{id: d, probe: {name: d}, expect: got == 1, capture: {load: got}}]
        steps:
          - {id: look, probe: {name: look}, capture: {n: got}}
          - id: a
            when: steps.look.n == 7
            require: [{probe: {name: r}}]
            before: {probe: {name: b}, capture: {old: got}}
            act: {name: a}
            verify: [{probe: {name: g}, expect: got == 1, every: 1s, within: 10s, consecutive: 3}]
            rollback: {act: {name: undo-a}}
          - {id: n, when: steps.look.n == 8, act: {name: n}, rollback: not_needed}
          - {id: k, keep: {name: k, key: k, value: 5}, rollback: auto}
        verify: [{probe: {name: v}, expect: got == 1, within: 9s, consecutive: 2}]
        finally: [{id: f, act: {name: f}}, {id: l, let: {x: 1}}]
        ",
    );
    let one = || [Play::gives(1).takes(200)];
    let scenario = scenario.on("d", one()).on("g", one()).on("v", one());
    survives(scenario.on("look", [Play::gives(7)]), Outcome::Resolved);
}

#[test]
fn a_rollback_of_every_kind() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}, verify: [{probe: {name: u}, expect: got == 1, within: 3s, consecutive: 2}]}}
          - {id: b, act: {name: b}, then: {probe: {name: t}}, rollback: [{id: b1, act: {name: b1}}, {id: b2, probe: {name: b2}}]}
          - {id: k, keep: {name: again-k, key: k, value: 5}, rollback: auto}
          - {id: i, act: {name: i}, irreversible: it is gone}
          - {id: e, act: {name: again-do}, idempotent: true, rollback: {act: {name: again-e}, idempotent: true, retry: {attempts: 3}}}
          - {id: bad, act: {name: bad}, rollback: {act: {name: undo-bad}}}
        finally: [{id: f, act: {name: f}}]
        ",
    );
    survives(
        scenario
            .on("u", [Play::counts("undo-a")])
            .on("bad", [Play::fails("no")]),
        Outcome::RolledBack,
    );
}

#[test]
fn branches_side_by_side() {
    let scenario = Scenario::new(
        "
        max_parallel: 3
        steps:
          - {id: root, act: {name: root}, rollback: {act: {name: undo-root}}}
          - id: left
            needs: [root]
            steps:
              - {id: l1, needs: [], act: {name: l1}, rollback: {act: {name: undo-l1}}}
              - {id: l2, needs: [], act: {name: l2}, rollback: {act: {name: undo-l2}}}
              - {id: l3, needs: [l1, l2], act: {name: l3}, rollback: {act: {name: undo-l3}}}
          - {id: right, needs: [root], act: {name: right}, rollback: {act: {name: undo-right}}}
          - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
          - {id: bad, probe: {name: bad}}
        ",
    );
    let scenario = ["l1", "l2", "right", "undo-l1", "undo-right"]
        .into_iter()
        .enumerate()
        .fold(scenario, |scenario, (at, name)| {
            scenario.on(name, [Play::works().takes(100 * (at as u64 + 1))])
        });
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("bad", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn loops_within_loops() {
    let text = "
        steps:
          - id: each
            for_each: {item: host, in: \"['x', 'y', 'z']\", batch: 2, max_failures: 1}
            steps:
              - {id: a, act: {name: 'a {{ host }}'}, rollback: {act: {name: 'undo-a {{ host }}'}}}
              - id: inner
                for_each: {item: n, in: '[1, 2]'}
                steps:
                  - {id: b, act: {name: 'b {{ host }} {{ n }}'}, rollback: {act: {name: 'undo-b {{ host }} {{ n }}'}}}
          - {id: none, for_each: {item: n, in: '[]'}, steps: [{id: never, act: {name: never}, rollback: not_needed}]}
          - {id: last, probe: {name: last}}
        ";
    let scenario = Scenario::new(text).on("b y 2", [Play::fails("no")]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("last", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn repetitions() {
    let scenario = Scenario::new(
        "
        steps:
          - id: again
            repeat: {until: steps.look.n >= 3, at_most: 5, every: 10s}
            steps:
              - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
              - {id: look, probe: {name: look}, capture: {n: got}}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("look", [Play::counts("a")]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("last", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn branches_and_alternatives() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: look, probe: {name: look}, capture: {n: got}}
          - id: pick
            choose:
              - {id: one, when: steps.look.n == 1, act: {name: one}, rollback: {act: {name: undo-one}}}
              - {id: two, when: steps.look.n == 2, act: {name: two}, rollback: {act: {name: undo-two}}}
              - {id: other, else: true, fail: neither}
          - id: try
            first_of:
              - {id: t1, act: {name: t1}, rollback: {act: {name: undo-t1}}}
              - {id: t2, within: 5s, act: {name: t2}, rollback: {act: {name: undo-t2}}}
              - {id: t3, act: {name: t3}, rollback: {act: {name: undo-t3}}}
            verify: [{probe: {name: g}, expect: got == 1}]
          - {id: last, probe: {name: last}}
        ",
    )
    .on("look", [Play::gives(2)])
    .on("g", [Play::counts("t2")]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("last", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn a_runbook_within_a_runbook() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: sub, runbook: {name: child, inputs: {size: 3}}, capture: {got: outputs.size}}
          - {id: none, runbook: {name: idle}}
          - {id: last, when: steps.sub.got == 3, act: {name: last}, rollback: {act: {name: undo-last}}}
        verify: [{probe: {name: v}}]
        finally: [{id: f, act: {name: f}}]
        ",
    )
    .runbook(
        "child",
        "
        inputs: {size: {type: integer}}
        detect: [{probe: {name: d}}]
        guards: [{id: safe, probe: {name: safe}, every: 1s, fails: 2}]
        steps:
          - {id: x, act: {name: 'x {{ inputs.size }}'}, rollback: {act: {name: undo-x}}}
          - {id: y, act: {name: y}, rollback: {act: {name: undo-y}}}
        verify: [{probe: {name: cv}, within: 5s, consecutive: 2}]
        finally: [{id: z, act: {name: z}}]
        outputs: {size: inputs.size}
        ",
    )
    .runbook(
        "idle",
        "
        detect: [{probe: {name: id}, expect: got == 1}]
        steps: [{id: never, act: {name: never}, rollback: not_needed}]
        ",
    )
    .on("id", [Play::gives(0)]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(
        scenario.clone().on("last", [Play::fails("no")]),
        Outcome::RolledBack,
    );
    survives(scenario.on("y", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn undoing_as_part_of_the_procedure() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: open, act: {name: open}, rollback: {act: {name: close}}}
          - id: work
            steps:
              - {id: w1, act: {name: w1}, rollback: {act: {name: undo-w1}}}
              - {id: w2, act: {name: w2}, rollback: {act: {name: undo-w2}}}
          - {id: over, undo: [open, work]}
          - {id: last, act: {name: last}, rollback: {act: {name: undo-last}}}
        ",
    );
    survives(scenario.clone(), Outcome::Resolved);
    survives(
        scenario.clone().on("last", [Play::fails("no")]),
        Outcome::RolledBack,
    );
    survives(
        scenario.on("undo-w1", [Play::fails("no")]),
        Outcome::RollbackFailed,
    );
}

#[test]
fn questions_and_answers() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, approve: {message: 'Really?', within: 10m}, rollback: {act: {name: undo-a}}}
          - {id: b, needs: [], act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: s, act: {name: s}, approve: {on_reject: skip}, rollback: not_needed}
          - {id: c, act: {name: c}, approve: {}, rollback: not_needed}
        ",
    )
    .answer("a", 3000, true)
    .answer("s", 100, false);
    survives(scenario.clone().answer("c", 500, true), Outcome::Resolved);
    survives(scenario.answer("c", 500, false), Outcome::Rejected);
}

#[test]
fn gates_that_tell_and_actions_that_may_be_repeated() {
    let scenario = Scenario::new(
        "
        steps:
          - id: k
            keep: {name: k, key: k, value: 3}
            verify_decides: true
            verify: [{probe: {name: g}, expect: got == 3, within: 5s}]
            rollback: {act: {name: undo-k}, verify: [{probe: {name: gu}, expect: got == 1}]}
          - {id: i, act: {name: again}, idempotent: true, retry: {attempts: 4}, rollback: not_needed}
          - {id: t, checks: [{id: r1, probe: {name: r1}, warn: got == 1}, {id: r2, probe: {name: r2}}]}
          - {id: m, probe: {name: m}, may_fail: true, capture: {ok: ok}}
          - {id: l, let: {ok: steps.m.ok}}
          - {id: w, wait: 30s}
          - {id: c, probe: {name: bad}, on_failure: continue}
          - {id: last, when: not steps.l.ok, act: {name: last}, rollback: not_needed}
        ",
    )
    .on("g", [Play::reads("k")])
    .on("gu", [Play::counts("undo-k")])
    .on("again", [Play::fails("no"), Play::works()])
    .on("m", [Play::fails("no")])
    .on("bad", [Play::fails("no")])
    .on("r1", [Play::gives(1)]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("last", [Play::fails("no")]), Outcome::RolledBack);
}

#[test]
fn what_holds_and_what_cannot_be_undone() {
    let held = Scenario::new(
        "
        on_failure: hold
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, needs: [], act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: bad, fail: on purpose}
        finally: [{id: f, act: {name: f}}]
        ",
    )
    .on("a", [Play::works().takes(1000)])
    .on("b", [Play::works().takes(2000)]);
    survives(held, Outcome::Failed);
    let stuck = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - {id: bad, fail: on purpose}
        finally: [{id: f, probe: {name: f}}]
        ",
    )
    .on("undo-b", [Play::fails("no")]);
    survives(stuck, Outcome::RollbackFailed);
}

#[test]
fn what_makes_changes_and_their_undos_take_effect() {
    let scenario = Scenario::new(
        "
        steps:
          - {id: a, act: {name: a}, then: {act: {name: reload-a}}, rollback: {act: {name: undo-a}}}
          - {id: b, act: {name: b}, then: {act: {name: reload-b}}, rollback: [{id: b1, act: {name: b1}}]}
          - {id: c, act: {name: c}, then: [{act: {name: reload-c}}, {act: {name: restart-c}}], rollback: {act: {name: undo-c}, verify: [{probe: {name: g}, expect: got >= 1}]}}
          - {id: k, keep: {name: k, key: k, value: 3}, then: {act: {name: reload-k}}, rollback: auto}
          - {id: last, probe: {name: last}}
        ",
    )
    .on("g", [Play::counts("undo-c")]);
    survives(scenario.clone(), Outcome::Resolved);
    survives(scenario.on("last", [Play::fails("no")]), Outcome::RolledBack);
}
