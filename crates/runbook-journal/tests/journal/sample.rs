//! A run that fails, is rolled back, and uses most kinds of events.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_action::{Effect, ErrorKind, Failure, Stream};
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, Event, Intent, Journal as _, OnFailure, Outcome, Outline, OutputName,
    OutputRef, Phase, Reading, Record, RunStarted, RunState, RunbookRef, Section, StepOutline, Stop,
    StopCause, UndoEnd, UndoOutline, Verdict, Who,
};
use runbook_journal::Writer;
use serde_json::json;
use std::path::{Path, PathBuf};

/// The records of a run, one second apart.
pub(crate) fn records(events: Vec<Event>) -> Vec<Record> {
    let start: Timestamp = "2026-05-04T10:00:00.123456Z".parse().unwrap();
    (0..)
        .zip(events)
        .map(|(seq, event)| Record {
            seq,
            at: start + SignedDuration::from_secs(i64::try_from(seq).unwrap()),
            event,
        })
        .collect()
}

pub(crate) fn fold(records: &[Record]) -> RunState {
    let mut state = RunState::new();
    for record in records {
        state.apply(record).unwrap();
    }
    state
}

/// Writes a run and returns its directory.
pub(crate) fn write(runs: &Path, run: &str, records: &[Record]) -> PathBuf {
    let mut writer = Writer::create(runs, run, &[]).unwrap();
    for record in records {
        writer.append(record).unwrap();
    }
    writer.sync().unwrap();
    writer.dir().to_owned()
}

/// What a program's output becomes.
pub(crate) fn keep(writer: &Writer, step: &str, part: &str, chunks: &[&[u8]]) -> Vec<OutputRef> {
    let mut output = writer.output(&OutputName {
        step: step.to_owned(),
        part: part.to_owned(),
    });
    for chunk in chunks {
        output.write(Stream::Stdout, chunk).unwrap();
    }
    output.finish().unwrap()
}

pub(crate) fn started(run: &str, title: &str) -> Event {
    Event::RunStarted(Box::new(RunStarted {
        practice: None,
        connections: IndexMap::new(),
        run: run.to_owned(),
        format: 1,
        engine: "0.1.0".to_owned(),
        runbook: RunbookRef {
            name: "pool".to_owned(),
            version: "1".to_owned(),
            title: title.to_owned(),
            summary: None,
            severity: Some("sev2".to_owned()),
            owner: None,
            labels: IndexMap::new(),
            path: "pool.yaml".to_owned(),
            sha256: "ab".repeat(32),
        },
        plan: "cd".repeat(32),
        environment: None,
        inputs: IndexMap::from([("limit".to_owned(), json!(0.1))]),
        who: Who {
            user: "ada".to_owned(),
            host: "ops1".to_owned(),
        },
        outline: Outline {
            steps: vec![step("drain", &[]), step("resize", &[0])],
            max_parallel: 1,
            on_failure: OnFailure::Rollback,
            ..Outline::default()
        },
    }))
}

fn step(id: &str, needs: &[usize]) -> StepOutline {
    StepOutline {
        id: id.to_owned(),
        title: id.to_owned(),
        section: Section::Steps,
        phase: None,
        kind: "shell".to_owned(),
        summary: "run `it`".to_owned(),
        effect: Effect::Change,
        needs: needs.to_vec(),
        on_failure: OnFailure::Rollback,
        undo: UndoOutline::Rollback {
            summary: "run `back`".to_owned(),
        },
        verify: Vec::new(),
    }
}

fn intent(summary: &str) -> Intent {
    Intent {
        env: IndexMap::new(),
        kind: "shell".to_owned(),
        effect: Effect::Change,
        summary: summary.to_owned(),
        target: None,
        params: json!({"run": "it \"quoted\"\n", "token": "‹secret admin_token›"}),
    }
}

/// The events of the whole run.
pub(crate) fn events(run: &str, output: Vec<OutputRef>) -> Vec<Event> {
    let mut events = first_step(run, output);
    events.extend(second_step());
    events
}

fn first_step(run: &str, output: Vec<OutputRef>) -> Vec<Event> {
    let id = |id: &str| id.to_owned();
    let site = CheckSite {
        role: CheckRole::Gate,
        step: Some(id("drain")),
        check: id("1"),
    };
    let reading = Reading {
        number: 1,
        verdict: Verdict::Pass,
        streak: 1,
        value: Some(json!(0.300_000_000_000_000_04)),
        detail: id("a | b \u{1b}[31m"),
    };
    vec![
        started(run, "Pool is full"),
        Event::PhaseStarted { phase: Phase::Steps },
        Event::StepStarted { step: id("drain") },
        Event::BeforeTaken {
            step: id("drain"),
            values: IndexMap::from([(id("size"), json!(u64::MAX)), (id("low"), json!(-1.5e-300))]),
        },
        Event::AttemptStarted {
            step: id("drain"),
            attempt: 1,
            intent: intent("drain it"),
        },
        Event::AttemptEnded {
            step: id("drain"),
            attempt: 1,
            end: AttemptEnd::Succeeded,
            output,
            elapsed_ms: 340,
        },
        Event::Captured {
            step: id("drain"),
            values: IndexMap::from([(id("left"), json!({"deep": [null, true, {"a": 1}]}))]),
        },
        Event::CheckStarted { site: site.clone() },
        Event::CheckRead {
            site: site.clone(),
            reading,
        },
        Event::CheckEnded {
            site,
            verdict: Verdict::Pass,
            readings: 1,
            elapsed_ms: 12,
            values: IndexMap::new(),
        },
    ]
}

fn second_step() -> Vec<Event> {
    let id = |id: &str| id.to_owned();
    let failure = Failure::new(ErrorKind::Refused, "nobody listens").maybe_applied();
    vec![
        Event::StepDone { step: id("drain") },
        Event::StepStarted { step: id("resize") },
        Event::AttemptStarted {
            step: id("resize"),
            attempt: 1,
            intent: intent("resize it"),
        },
        Event::AttemptEnded {
            step: id("resize"),
            attempt: 1,
            end: AttemptEnd::Failed {
                failure: failure.clone(),
            },
            output: Vec::new(),
            elapsed_ms: 2_000,
        },
        Event::StepFailed {
            step: id("resize"),
            failure,
        },
        Event::Stopping {
            stop: Stop {
                cause: StopCause::StepFailed { step: id("resize") },
                then: OnFailure::Rollback,
            },
        },
        Event::PhaseStarted {
            phase: Phase::Rollback,
        },
        Event::UndoStarted {
            step: id("resize"),
            intent: intent("back"),
        },
        Event::UndoEnded {
            step: id("resize"),
            end: UndoEnd::Undone,
            output: Vec::new(),
            elapsed_ms: 5,
        },
        Event::UndoStarted {
            step: id("drain"),
            intent: intent("back"),
        },
        Event::UndoEnded {
            step: id("drain"),
            end: UndoEnd::Undone,
            output: Vec::new(),
            elapsed_ms: 5,
        },
        Event::RunEnded {
            outcome: Outcome::RolledBack,
            elapsed_ms: 20_000,
        },
    ]
}
