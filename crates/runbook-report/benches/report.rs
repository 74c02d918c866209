//! How long it takes to tell a run of 100,000 events: read from its directory, as Markdown, as a page, as JSON. Each must be done
//! within half a second.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it is run by hand, tells what it measured and fails where something is amiss"
)]

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_action::{Effect, Stream};
use runbook_event::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, Event, Holds, Intent, Into, Item, Journal as _,
    OnFailure, Outcome, Outline, OutputRef, Phase, Reading, Record, RunStarted, RunbookRef, StepOutline,
    UndoOutline, Verdict, Wanted, Who,
};
use runbook_journal::Writer;
use runbook_report::{Evidence, Medium, html, json, markdown, timeline};
use serde_json::json as value;

/// That of the program, whose times these are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many events the run has.
const EVENTS: usize = 100_000;

/// How often each is measured. The best counts.
const TIMES: u32 = 5;

/// How long each may take.
const LIMIT: Duration = Duration::from_millis(500);

/// The events of one turn of the loop.
const PER_ITEM: usize = 12;

fn main() -> ExitCode {
    let records = records();
    assert_eq!(records.len(), EVENTS);
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &records);
    let run = dir.path().join("long");
    let read = runbook_journal::read(&run).unwrap();
    let evidence = Evidence::new(&read.head);
    let mut is_well = true;
    let mut told = |what: &str, work: &dyn Fn() -> usize| {
        let (took, bytes) = (0..TIMES)
            .map(|_| {
                let begun = Instant::now();
                let bytes = work();
                (begun.elapsed(), bytes)
            })
            .min()
            .unwrap();
        is_well &= took < LIMIT;
        println!("{EVENTS} events, {what}: {took:.0?}, {} kB", bytes / 1000);
    };
    told("read and verified", &|| {
        let read = runbook_journal::read(&run).unwrap();
        read.records.len()
    });
    told("as Markdown", &|| {
        markdown(&read.records, &evidence).unwrap().len()
    });
    told("as a page", &|| {
        html(&read.records, &evidence, Medium::Screen).unwrap().len()
    });
    told("as JSON", &|| {
        json(&read.records, &evidence).unwrap().to_string().len()
    });
    told("as timeline", &|| timeline(&read.records).unwrap().len());
    if is_well {
        ExitCode::SUCCESS
    } else {
        println!("one of them took longer than {LIMIT:.0?}");
        ExitCode::FAILURE
    }
}

fn write(dir: &Path, records: &[Record]) {
    let mut journal = Writer::create(dir, "long", &[]).unwrap();
    for record in records {
        journal.append(record).unwrap();
    }
    journal.sync().unwrap();
}

/// A run that restarts replicas, one after the other, each with a gate that takes some readings.
fn records() -> Vec<Record> {
    let items = (EVENTS - 12) / PER_ITEM;
    let mut events = vec![
        Event::RunStarted(Box::new(started())),
        Event::PhaseStarted {
            within: None,
            phase: Phase::Steps,
        },
        Event::StepStarted {
            step: "each".to_owned(),
        },
        Event::Entered {
            step: "each".to_owned(),
            into: Into::Items {
                items: (0..items)
                    .map(|item| Item {
                        key: format!("hub-{item}"),
                        value: value!({"name": item}),
                    })
                    .collect(),
            },
            sealed: None,
        },
    ];
    for item in 0..items {
        let within = format!("each[hub-{item}]");
        events.push(Event::StepStarted { step: within.clone() });
        events.extend(turn(&format!("restart[hub-{item}]")));
        events.push(Event::StepDone {
            step: within,
            values: IndexMap::new(),
            sealed: None,
        });
    }
    let end = [
        Event::StepDone {
            step: "each".to_owned(),
            values: IndexMap::new(),
            sealed: None,
        },
        Event::PhaseStarted {
            within: None,
            phase: Phase::Verify,
        },
        Event::RunEnded {
            outcome: Outcome::Resolved,
            elapsed_ms: 1_000_000,
        },
    ];
    let notices = EVENTS - events.len() - end.len();
    let notice = runbook_event::Notice::TerminalGone { goes_on: true };
    events.extend(std::iter::repeat_n(Event::Noted { notice }, notices));
    events.extend(end);
    let start: Timestamp = "2026-05-04T12:00:00Z".parse().unwrap();
    let events = (0_i64..).zip(events);
    events
        .map(|(seq, event)| Record {
            seq: seq.unsigned_abs(),
            at: start + SignedDuration::from_millis(10 * seq),
            event,
        })
        .collect()
}

fn turn(step: &str) -> Vec<Event> {
    let step = || step.to_owned();
    let site = || CheckSite {
        within: None,
        role: CheckRole::Gate,
        step: Some(step()),
        check: "1".to_owned(),
    };
    let read = |number, verdict| Event::CheckRead {
        site: site(),
        reading: Reading {
            number,
            verdict,
            streak: u32::from(verdict == Verdict::Pass),
            value: Some(value!(number)),
            warned: false,
            detail: "status is 503, 200 was expected".to_owned(),
        },
    };
    vec![
        Event::StepStarted { step: step() },
        Event::AttemptStarted {
            step: step(),
            attempt: 1,
            intent: Intent {
                kind: "shell".to_owned(),
                effect: Effect::Change,
                summary: "systemctl restart hub".to_owned(),
                target: None,
                params: value!({"run": "systemctl restart hub"}),
                env: IndexMap::new(),
            },
        },
        Event::AttemptEnded {
            step: step(),
            attempt: 1,
            end: AttemptEnd::Succeeded,
            values: IndexMap::new(),
            sealed: None,
            output: vec![OutputRef {
                stream: Stream::Stdout,
                bytes: 40,
                sha256: "ab".repeat(32),
                file: None,
                head: "Restarting…\nThe hub serves again.\n".to_owned(),
                tail: String::new(),
            }],
            elapsed_ms: 5,
        },
        Event::CheckStarted { site: site() },
        read(1, Verdict::Fail),
        read(2, Verdict::Error),
        read(3, Verdict::Fail),
        read(4, Verdict::Pass),
        Event::CheckEnded {
            site: site(),
            verdict: Verdict::Pass,
            readings: 4,
            elapsed_ms: 40,
            values: IndexMap::new(),
            sealed: None,
        },
        Event::StepDone {
            step: step(),
            values: IndexMap::new(),
            sealed: None,
        },
    ]
}

fn started() -> RunStarted {
    let step = |id: &str, holds| StepOutline {
        id: id.to_owned(),
        title: format!("The {id}"),
        phase: None,
        kind: "shell".to_owned(),
        summary: "systemctl restart hub".to_owned(),
        effect: Effect::Change,
        needs: Vec::new(),
        repeatable: false,
        verify_decides: false,
        timeout_ms: None,
        holds,
        on_failure: OnFailure::Rollback,
        undo: UndoOutline::NotNeeded,
        verify: Vec::new(),
    };
    let restart = StepOutline {
        verify: vec![CheckOutline {
            id: "1".to_owned(),
            title: "It serves".to_owned(),
            asks: "GET /health".to_owned(),
            expect: vec!["status == 200".to_owned()],
            baseline: false,
            consecutive: 1,
            within_ms: None,
        }],
        ..step("restart", Holds::Nothing)
    };
    let each = Holds::Items {
        steps: vec![Arc::new(restart)],
        batch: 1,
        max_failures: 0,
    };
    RunStarted {
        run: "long".to_owned(),
        format: 1,
        engine: "0.1.0".to_owned(),
        runbook: RunbookRef {
            name: "rolling".to_owned(),
            version: "1.0.0".to_owned(),
            title: "Restart all hubs".to_owned(),
            summary: None,
            severity: Some("P2".to_owned()),
            owner: None,
            labels: IndexMap::new(),
            path: "rolling.yaml".to_owned(),
            sha256: "cd".repeat(32),
        },
        plan: "ef".repeat(32),
        environment: None,
        practice: None,
        inputs: IndexMap::new(),
        connections: IndexMap::new(),
        incident: None,
        promise: None,
        who: Who {
            user: "ada".to_owned(),
            host: "ops1".to_owned(),
        },
        pinned: IndexMap::new(),
        commit: None,
        locks: Vec::new(),
        wanted: Wanted::default(),
        sealed: None,
        outline: Outline {
            steps: vec![Arc::new(step("each", each))],
            max_parallel: 1,
            ..Outline::default()
        },
    }
}
