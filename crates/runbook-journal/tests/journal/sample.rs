//! A run that fails, is rolled back, and uses most kinds of events.

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_action::{Effect, ErrorKind, Failure, Stream};
use runbook_event::{
    AttemptEnd, CheckRole, CheckSite, Event, Holds, Intent, Journal as _, Notice, OnFailure, Outcome,
    Outline, OutputName, OutputRef, Phase, Reading, Record, RunStarted, RunState, RunbookRef, StepOutline,
    Stop, StopCause, UndoEnd, UndoOutline, Verdict, Wanted, Who,
};
use runbook_journal::Writer;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;

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
        incident: None,
        promise: None,
        who: Who {
            user: "ada".to_owned(),
            host: "ops1".to_owned(),
        },
        outline: Outline {
            steps: vec![Arc::new(step("drain", &[])), Arc::new(step("resize", &[0]))],
            max_parallel: 1,
            on_failure: OnFailure::Rollback,
            ..Outline::default()
        },
        pinned: IndexMap::new(),
        commit: None,
        locks: Vec::new(),
        wanted: Wanted::default(),
        sealed: None,
    }))
}

pub(crate) fn step(id: &str, needs: &[usize]) -> StepOutline {
    StepOutline {
        id: id.to_owned(),
        title: id.to_owned(),
        phase: None,
        kind: "shell".to_owned(),
        summary: "run `it`".to_owned(),
        effect: Effect::Change,
        needs: needs.to_vec(),
        repeatable: false,
        verify_decides: false,
        timeout_ms: None,
        holds: Holds::Nothing,
        on_failure: OnFailure::Rollback,
        undo: UndoOutline::Rollback {
            summary: "run `back`".to_owned(),
            repeatable: false,
            verify: Vec::new(),
        },
        verify: Vec::new(),
    }
}

pub(crate) fn done(step: &str) -> Event {
    Event::StepDone {
        step: step.to_owned(),
        values: IndexMap::new(),
        sealed: None,
    }
}

pub(crate) fn intent(summary: &str) -> Intent {
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
        within: None,
        role: CheckRole::Gate,
        step: Some(id("drain")),
        check: id("1"),
    };
    let reading = Reading {
        number: 1,
        verdict: Verdict::Pass,
        streak: 1,
        warned: false,
        value: Some(json!(0.300_000_000_000_000_04)),
        detail: id("a | b \u{1b}[31m"),
    };
    vec![
        started(run, "Pool is full"),
        Event::PhaseStarted {
            within: None,
            phase: Phase::Steps,
        },
        Event::StepStarted { step: id("drain") },
        Event::BeforeTaken {
            step: id("drain"),
            values: IndexMap::from([(id("size"), json!(u64::MAX)), (id("low"), json!(-1.5e-300))]),
            inverse: Some(id("size = 20")),
            sealed: Some(id("c2VhbGVk")),
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
            values: IndexMap::from([(id("left"), json!({"deep": [null, true, {"a": 1}]}))]),
            sealed: None,
            output,
            elapsed_ms: 340,
        },
        Event::Noted {
            notice: Notice::TerminalGone { goes_on: true },
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
            sealed: None,
        },
    ]
}

fn second_step() -> Vec<Event> {
    let id = |id: &str| id.to_owned();
    let failure = Failure::new(ErrorKind::Refused, "nobody listens").maybe_applied();
    vec![
        done("drain"),
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
            values: IndexMap::new(),
            sealed: None,
            output: Vec::new(),
            elapsed_ms: 2_000,
        },
        Event::StepFailed {
            step: id("resize"),
            failure,
        },
        Event::Stopping {
            within: None,
            stop: Stop {
                cause: StopCause::StepFailed { step: id("resize") },
                then: OnFailure::Rollback,
            },
        },
        Event::PhaseStarted {
            within: None,
            phase: Phase::Rollback,
        },
        Event::UndoStarted {
            step: id("resize"),
            attempt: 1,
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
            attempt: 1,
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

/// The events of a run that reads one check and never ends, as many as are wanted.
pub(crate) fn endless(run: &str) -> impl Iterator<Item = Record> + use<> {
    let site = CheckSite {
        within: None,
        role: CheckRole::Baseline,
        step: None,
        check: "1".to_owned(),
    };
    let beginning = [
        started(run, "Pool is full"),
        Event::PhaseStarted {
            within: None,
            phase: Phase::Baseline,
        },
        Event::CheckStarted { site: site.clone() },
    ];
    let readings = (1..).map(move |number| Event::CheckRead {
        site: site.clone(),
        reading: reading(number),
    });
    let start: Timestamp = "2026-05-04T10:00:00.123456Z".parse().unwrap();
    (0..)
        .zip(beginning.into_iter().chain(readings))
        .map(move |(seq, event)| Record {
            seq,
            at: start,
            event,
        })
}

/// A reading that fails.
pub(crate) fn reading(number: u32) -> Reading {
    Reading {
        number,
        verdict: Verdict::Fail,
        streak: 0,
        value: Some(json!(number)),
        warned: false,
        detail: "82 of 90 connections are used".to_owned(),
    }
}
