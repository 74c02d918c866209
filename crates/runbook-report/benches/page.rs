//! How long the report of a run of 100,000 events takes, as Markdown and as a page: what stands between an incident's end and
//! the first look at it.
//!
//! Two runs are made here: one of many steps, and one in which few gates were read very often.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark prints its figures, and ends where what it counts on is not so"
)]

use std::time::{Duration, Instant};

use runbook_event::Record;
use runbook_report::{Evidence, Medium, html, markdown};
use serde_json::{Value, json};

const EVENTS: usize = 100_000;
const ROUNDS: usize = 5;

/// What a page may take on a small machine.
const BOUND: Duration = Duration::from_millis(500);

/// How large a page may be.
const SIZE: usize = 4_000_000;

fn main() {
    for (name, steps, readings) in [("many steps", 12_500, 2), ("many readings", 40, 2_500)] {
        let records = run(steps, readings);
        let head = "ef".repeat(32);
        let evidence = Evidence::new(&head);
        let text = least(|| markdown(&records, &evidence).expect("it is a run"));
        let page = least(|| html(&records, &evidence, Medium::Screen).expect("it is a run"));
        println!(
            "{name}: {} events, Markdown {:?} ({} KB), page {:?} ({} KB)",
            records.len(),
            text.0,
            text.1 / 1000,
            page.0,
            page.1 / 1000
        );
        assert!(page.0 < BOUND, "a page took {:?}, bound {BOUND:?}", page.0);
        assert!(page.1 < SIZE, "a page of {} bytes", page.1);
    }
}

/// The least time of some rounds, and the size of what was made.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures time")]
fn least(make: impl Fn() -> String) -> (Duration, usize) {
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let size = make().len();
        (begun.elapsed(), size)
    });
    rounds.min().expect("there is a round")
}

/// A run of so many steps, one after the other, the gate of each read so often.
fn run(steps: usize, readings: usize) -> Vec<Record> {
    let mut events = vec![
        started(steps),
        json!({"event": "phase_started", "phase": "steps"}),
    ];
    for at in 0..steps {
        let step = format!("s{at}");
        let site = json!({"role": "gate", "step": step, "check": "up"});
        let with = |mut event: Value| {
            for (key, value) in site.as_object().expect("it is one") {
                event[key] = value.clone();
            }
            event
        };
        let intent =
            json!({"kind": "shell", "effect": "change", "summary": "restart it", "params": "restart it"});
        events.push(json!({"event": "step_started", "step": step}));
        events.push(json!({"event": "attempt_started", "step": step, "attempt": 1, "intent": intent}));
        events.push(json!({
            "event": "attempt_ended", "step": step, "attempt": 1, "end": {"end": "succeeded"}, "elapsed_ms": 3,
            "output": [{"stream": "stdout", "bytes": 3, "sha256": "ab".repeat(32), "head": "up\n"}],
        }));
        events.push(with(json!({"event": "check_started"})));
        for number in 1..=readings {
            let verdict = if number == readings || number % 2 == 0 {
                "pass"
            } else {
                "fail"
            };
            let reading = json!({
                "number": number, "verdict": verdict, "streak": usize::from(verdict == "pass"), "value": 97 - number % 60,
                "detail": "`value` is not what it should be, `inputs.limit` is 80",
            });
            events.push(with(json!({"event": "check_read", "reading": reading})));
        }
        let ended = json!({"event": "check_ended", "verdict": "pass", "readings": readings, "elapsed_ms": 9});
        events.push(with(ended));
        events.push(json!({"event": "step_done", "step": step}));
    }
    events.push(json!({"event": "phase_started", "phase": "finally"}));
    events.push(json!({"event": "run_ended", "outcome": "resolved", "elapsed_ms": 100_000}));
    assert!(events.len() >= EVENTS, "{} events", events.len());
    events
        .into_iter()
        .enumerate()
        .map(|(seq, event)| record(seq, event))
        .collect()
}

fn record(seq: usize, mut event: Value) -> Record {
    let (seconds, millis) = (seq / 1000, seq % 1000);
    event["seq"] = json!(seq);
    event["at"] = json!(format!(
        "2026-01-01T00:{:02}:{:02}.{millis:03}Z",
        seconds / 60,
        seconds % 60
    ));
    serde_json::from_value(event).expect("it is a record")
}

fn started(steps: usize) -> Value {
    let steps: Vec<Value> = (0..steps)
        .map(|at| {
            let needs: Vec<usize> = at.checked_sub(1).into_iter().collect();
            json!({
                "id": format!("s{at}"), "title": format!("Restart number {at}"), "kind": "shell", "summary": "restart it",
                "effect": "change", "needs": needs, "on_failure": "rollback", "undo": {"how": "not_needed"},
                "verify": [{
                    "id": "up", "title": "It is up", "asks": "is it up", "expect": ["value < inputs.limit"], "consecutive": 1,
                }],
            })
        })
        .collect();
    json!({
        "event": "run_started", "run": "20260101-000000-many-0000", "format": 2, "engine": "0.1.0",
        "runbook": {
            "name": "many", "version": "1.0.0", "title": "Many steps", "path": "many.yaml", "sha256": "ab".repeat(32),
        },
        "plan": "cd".repeat(32), "inputs": {"limit": 80}, "who": {"user": "ada", "host": "ops1"}, "pinned": {},
        "outline": {
            "steps": steps, "detect": [], "detect_any": false, "verify": [], "max_parallel": 8, "on_failure": "rollback",
            "on_interrupt": "rollback",
        },
    })
}
