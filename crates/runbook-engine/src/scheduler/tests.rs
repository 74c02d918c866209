//! What is decided where the places side by side are few, where a crash left something, and where nobody can tell.

use jiff::Timestamp;
use runbook_event::{Record, RunState};
use serde_json::{Value, json};

use super::{Decision, Unit, Work, decide};

fn step(id: &str) -> Value {
    json!({
        "id": id, "title": id, "kind": "act", "summary": id, "effect": "change", "on_failure": "rollback",
        "undo": {"how": "rollback", "summary": "undo", "repeatable": true, "verify": []}, "repeatable": true,
    })
}

fn check(id: &str) -> Value {
    json!({"id": id, "title": id, "asks": id, "expect": [], "baseline": false, "consecutive": 1})
}

/// A run whose steps all may begin at once.
fn run(ids: &[&str], places: u32, guards: &[&str], events: &[Value]) -> RunState {
    let steps: Vec<Value> = ids.iter().map(|id| step(id)).collect();
    run_of(&steps, places, guards, events)
}

fn run_of(steps: &[Value], places: u32, guards: &[&str], events: &[Value]) -> RunState {
    let guards: Vec<Value> = guards.iter().map(|id| check(id)).collect();
    let outline = json!({
        "steps": steps, "finally": [], "detect": [], "detect_any": false, "guards": guards, "verify": [],
        "max_parallel": places, "on_failure": "rollback", "on_interrupt": "hold",
    });
    let started = json!({
        "event": "run_started", "run": "r", "format": 1, "engine": "0", "plan": "", "inputs": {}, "connections": {},
        "runbook": {"name": "r", "version": "1", "title": "r", "labels": {}, "path": "r", "sha256": ""},
        "who": {"user": "ann", "host": "here"}, "pinned": {}, "locks": [], "outline": outline,
    });
    let begun = json!({"event": "phase_started", "phase": "steps"});
    let mut state = RunState::new();
    for (seq, event) in [started, begun].iter().chain(events).enumerate() {
        let mut record = event.clone();
        record["seq"] = json!(seq);
        record["at"] = json!("1970-01-01T00:00:00Z");
        let record: Record = serde_json::from_value(record).unwrap();
        state.apply(&record).unwrap();
    }
    state
}

fn begins(id: &str) -> Value {
    json!({"event": "step_started", "step": id})
}

fn intends(id: &str) -> Value {
    let intent = json!({"kind": "act", "effect": "change", "summary": id, "params": null, "env": {}});
    json!({"event": "attempt_started", "step": id, "attempt": 1, "intent": intent})
}

fn resumed() -> Value {
    json!({
        "event": "run_resumed", "how": "forward", "who": {"user": "ann", "host": "here"}, "engine": "0",
        "with_journal": false, "assumed": [],
    })
}

fn passes(guard: &str) -> [Value; 2] {
    let reading = json!({"number": 1, "verdict": "pass", "streak": 1, "detail": ""});
    let read = json!({"event": "check_read", "role": "guard", "check": guard, "reading": reading});
    [
        json!({"event": "check_started", "role": "guard", "check": guard}),
        read,
    ]
}

fn decided(state: &RunState, active: &[Unit]) -> Vec<Decision> {
    let work = Work {
        active: active.iter().copied().collect(),
        ..Work::default()
    };
    decide(state, &work, Timestamp::UNIX_EPOCH)
}

fn starts(units: &[Unit]) -> Vec<Decision> {
    units.iter().copied().map(Decision::Start).collect()
}

#[test]
fn no_more_begin_than_there_are_places() {
    let state = run(&["a", "b", "c"], 2, &[], &[]);
    assert_eq!(decided(&state, &[]), starts(&[Unit::Step(0), Unit::Step(1)]));
    let state = run(&["a", "b", "c"], 2, &[], &[begins("a")]);
    assert_eq!(decided(&state, &[Unit::Step(0)]), starts(&[Unit::Step(1)]));
}

#[test]
fn what_a_crash_interrupted_has_its_place_before_what_has_not_begun() {
    let events = [begins("b"), intends("b"), resumed()];
    let state = run(&["a", "b", "c"], 1, &[], &events);
    assert_eq!(decided(&state, &[]), starts(&[Unit::Step(1)]));
    let state = run(&["a", "b", "c"], 2, &[], &events);
    assert_eq!(decided(&state, &[]), starts(&[Unit::Step(1), Unit::Step(0)]));
    // Once it is worked on it takes one place, and not two.
    assert_eq!(decided(&state, &[Unit::Step(1)]), starts(&[Unit::Step(0)]));
}

#[test]
fn who_waits_for_a_person_takes_no_place() {
    let asks = json!({
        "event": "approval_asked", "step": "a", "message": "?",
        "intent": {"kind": "act", "effect": "change", "summary": "a", "params": null, "env": {}},
    });
    let state = run(&["a", "b", "c"], 1, &[], &[begins("a"), asks]);
    assert_eq!(decided(&state, &[Unit::Step(0)]), starts(&[Unit::Step(1)]));
}

#[test]
fn a_doubt_ends_the_run_when_only_its_guards_are_at_work() {
    let doubted = json!({"event": "doubted", "step": "a", "undoing": false, "detail": "who knows"});
    let mut events = vec![begins("a"), intends("a"), begins("b"), resumed(), doubted];
    events.extend(passes("g"));
    let state = run(&["a", "b"], 2, &["g"], &events);
    let guard = Unit::Guard(0, 0);
    assert_eq!(decided(&state, &[guard, Unit::Step(1)]), []);
    let mut settled = events.clone();
    settled.push(json!({
        "event": "step_failed", "step": "b", "failure": {"kind": "other", "message": "no", "may_have_applied": false},
    }));
    settled.push(json!({
        "event": "stopping", "stop": {"cause": "step_failed", "step": "b", "then": "hold"},
    }));
    let state = run(&["a", "b"], 2, &["g"], &settled);
    assert_eq!(decided(&state, &[guard]), [Decision::Unguard(0)]);
    assert_eq!(
        decided(&state, &[]),
        [Decision::End(0, runbook_event::Outcome::Unknown)]
    );
}

#[test]
fn guards_hold_back_what_changes_and_not_what_undoes() {
    let mut undone = step("a");
    undone["undo"] = json!({"how": "steps", "steps": [step("u")]});
    let ended = json!({
        "event": "attempt_ended", "step": "a", "attempt": 1, "end": {"end": "succeeded"}, "values": {}, "output": [],
        "elapsed_ms": 1,
    });
    let done = json!({"event": "step_done", "step": "a", "values": {}});
    let undoes = json!({"event": "entered", "step": "x", "into": {"into": "undoing", "steps": ["a"]}});
    let intent = json!({"kind": "steps", "effect": "change", "summary": "u", "params": null, "env": {}});
    let undo = json!({"event": "undo_started", "step": "a", "attempt": 1, "intent": intent});
    let within = json!({"event": "entered", "step": "a", "into": {"into": "undo"}});
    let mut events = vec![
        begins("a"),
        intends("a"),
        ended,
        done,
        begins("x"),
        undoes,
        undo,
        within,
    ];
    let steps = [undone, step("x"), step("c")];
    let (guard, u) = (Unit::Guard(0, 0), Unit::Step(3));
    let state = run_of(&steps, 9, &["g"], &events);
    assert_eq!(decided(&state, &[guard]), starts(&[u]));
    events.extend(passes("g"));
    let state = run_of(&steps, 9, &["g"], &events);
    assert_eq!(decided(&state, &[guard]), starts(&[Unit::Step(2), u]));
}
