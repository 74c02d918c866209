//! Nested runbooks in which every action in turn goes wrong in every way, with a signal at every moment: whatever
//! happens, the engine does not contradict itself, and what was attempted is undone or told.

use runbook_event::{OnFailure, Outcome, StepStatus, UndoOutline, UndoStatus};
use runbook_testkit::play::Play;
use runbook_testkit::ran::Ran;
use runbook_testkit::scenario::{Scenario, outdent};

use crate::simulation;

/// How long each action takes, in milliseconds.
const EACH: u64 = 1000;

const LOOPS: &str = "
    steps:
      - id: each
        for_each: {item: n, in: '[1, 2, 3]', batch: 2, max_failures: 1}
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}}
          - id: inner
            for_each: {item: m, in: '[1, 2]', batch: 2}
            steps: [{id: b, act: {name: b}, rollback: {act: {name: undo-b}}}]
      - id: again
        repeat: {until: steps.c.x == 1, at_most: 2, every: 1s}
        steps: [{id: c, act: {name: c}, capture: {x: got}, rollback: {act: {name: undo-c}}}]
      - {id: d, act: {name: d}, rollback: {act: {name: undo-d}}}
";

const CHOICES: &str = "
    steps:
      - id: g
        needs: []
        on_failure: continue
        timeout: 3s
        steps:
          - {id: a, act: {name: a}, rollback: {act: {name: undo-a}}, on_failure: rollback}
          - id: pick
            choose:
              - {id: b, when: 1 < 2, act: {name: b}, rollback: {act: {name: undo-b}}}
              - {id: other, else: true, act: {name: other}, rollback: {act: {name: undo-other}}}
      - id: recover
        needs: []
        verify: [{probe: {name: up}}]
        first_of:
          - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
          - id: more
            steps: [{id: e, act: {name: e}, rollback: {act: {name: undo-e}}}]
      - {id: d, act: {name: d}, rollback: {act: {name: undo-d}}}
    verify: [{probe: {name: v}}]
    finally: [{id: z, probe: {name: z}}]
";

const CALLS: &str = "
    steps:
      - {id: a, needs: [], act: {name: a}, rollback: [{id: u1, act: {name: undo-a}}, {id: u2, act: {name: undo-a2}}]}
      - id: each
        needs: []
        for_each: {item: n, in: '[1, 2]', batch: 2, max_failures: 1}
        steps: [{id: call, runbook: {name: child}}]
      - {id: d, act: {name: d}, rollback: {act: {name: undo-d}}}
";

const CHILD: &str = "
    timeout: 4s
    guards: [{probe: {name: up}, every: 700ms, fails: 2}]
    steps:
      - {id: b, act: {name: b}, then: {act: {name: reload}}, rollback: {act: {name: undo-b}}}
      - {id: c, act: {name: c}, rollback: {act: {name: undo-c}}}
    verify: [{probe: {name: v}}]
    finally: [{id: z, probe: {name: z}}]
";

const WINDOWS: &str = "
    steps:
      - {id: a, act: {name: a}, rollback: [{id: u1, act: {name: undo-a}}, {id: u2, act: {name: undo-a2}}]}
      - {id: b, act: {name: b}, rollback: {act: {name: undo-b}}}
      - id: g
        steps: [{id: c, act: {name: c}, then: {act: {name: reload}}, rollback: {act: {name: undo-c}}}]
      - {id: close_a, needs: [g], undo: [a]}
      - {id: close_b, needs: [g], undo: [b, g]}
      - {id: e, needs: [g], act: {name: e}, rollback: {act: {name: undo-e}}}
      - {id: d, act: {name: d}, rollback: {act: {name: undo-d}}}
";

/// What goes wrong: the actions of these names, each in its way.
type Wrong<'a> = &'a [(&'a str, &'a Play)];

fn storm(text: &str, wrong: Wrong<'_>, signals: &[u64]) -> Ran {
    let names = [
        "a", "b", "c", "d", "e", "other", "reload", "up", "v", "z", "undo-a", "undo-a2", "undo-b", "undo-c",
        "undo-d", "undo-e",
    ];
    let mut scenario = Scenario::new(text).runbook("child", CHILD);
    for name in names {
        let found = wrong.iter().find(|(known, _)| *known == name);
        let play = found.map_or_else(|| Play::gives(1), |(_, play)| (*play).clone());
        scenario = scenario.on(name, [play.takes(EACH)]);
    }
    signals
        .iter()
        .fold(scenario, |scenario, at| scenario.signal(*at))
        .run()
}

/// What must hold whatever has happened.
#[track_caller]
fn holds(ran: &Ran, what: &str) {
    assert!(
        ran.error().is_none(),
        "{what}: {:?}\n{}",
        ran.error(),
        ran.trace()
    );
    simulation::folds(ran);
    let finished = ran.finished();
    let state = &finished.state;
    let rolls_back = state.stop().is_some_and(|stop| stop.then == OnFailure::Rollback);
    let in_course = |at: usize| state.frames().get(at).is_some_and(|frame| frame.course == 0);
    for step in state.steps() {
        assert!(
            step.status.is_settled() || step.status == StepStatus::Pending,
            "{what}: {} is {}\n{}",
            step.id,
            step.status.word(),
            ran.trace()
        );
        let by_itself = matches!(
            step.outline.undo,
            UndoOutline::Rollback { .. } | UndoOutline::Steps { .. }
        );
        let left = step.attempted && by_itself && step.undo == UndoStatus::None && in_course(step.frame);
        let is_undo = state
            .frames()
            .get(step.frame)
            .is_some_and(|frame| frame.kind == runbook_event::FrameKind::Undo);
        assert!(
            !(left && rolls_back && !is_undo),
            "{what}: {} was left\n{}",
            step.id,
            ran.trace()
        );
    }
    let failed = state.steps().iter().any(|step| step.undo == UndoStatus::Failed);
    assert_eq!(
        finished.outcome == Outcome::RollbackFailed,
        failed,
        "{what}: {}\n{}",
        finished.outcome,
        ran.trace()
    );
    let well = matches!(finished.outcome, Outcome::Resolved | Outcome::CleanupFailed);
    assert_eq!(
        well,
        state.stop().is_none() && !failed,
        "{what}: {}\n{}",
        finished.outcome,
        ran.trace()
    );
}

fn weather(text: &str, names: &[&str]) {
    let plays = [
        ("fails", Play::fails("no")),
        ("half", Play::acts_then_fails("half")),
        ("panics", Play::panics()),
        ("hangs", Play::acts_then_hangs()),
    ];
    for name in names {
        for (how, play) in &plays {
            for signals in [&[] as &[u64], &[0], &[500], &[1500, 1700], &[3000], &[6000, 7500]] {
                let ran = storm(text, &[(name, play)], signals);
                holds(&ran, &format!("{name} {how}, signals at {signals:?}"));
            }
        }
    }
    // Two of them at once, and nothing is to be undone.
    let held = format!("on_failure: hold\non_interrupt: hold\n{}", outdent(text));
    for (at, name) in names.iter().enumerate() {
        for other in names.iter().skip(at + 1) {
            for text in [text, &held] {
                let ran = storm(text, &[(name, &plays[1].1), (other, &plays[3].1)], &[]);
                holds(&ran, &format!("{name} fails, {other} hangs"));
            }
        }
    }
}

#[test]
fn over_loops() {
    weather(LOOPS, &["", "a", "b", "c", "d", "undo-b", "undo-c"]);
}

#[test]
fn over_choices() {
    weather(CHOICES, &["", "a", "b", "c", "e", "d", "up", "v", "z", "undo-c"]);
}

#[test]
fn over_calls() {
    weather(
        CALLS,
        &[
            "", "a", "b", "c", "d", "up", "v", "z", "reload", "undo-a", "undo-b",
        ],
    );
}

#[test]
fn over_windows() {
    weather(
        WINDOWS,
        &[
            "", "a", "b", "c", "d", "e", "reload", "undo-a", "undo-a2", "undo-b", "undo-c",
        ],
    );
}
