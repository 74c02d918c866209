//! Makes records of runs.

use std::sync::Arc;

use indexmap::IndexMap;
use jiff::{SignedDuration, Timestamp};
use runbook_action::{Effect, ErrorKind, Failure, Stream};
use runbook_event::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, Event, Holds, Intent, OnFailure, Outcome, Outline,
    OutputRef, Phase, Reading, Record, RunStarted, RunbookRef, SkipReason, StepOutline, Stop, StopCause,
    UndoEnd, UndoOutline, Verdict, Wanted, Who,
};
use runbook_report::{Evidence, markdown};
use serde_json::{Value, json};

/// The report of these records.
pub(crate) fn report(records: &[Record]) -> String {
    markdown(records, &Evidence::new(&"ef".repeat(32))).unwrap()
}

/// A part of a report, from its heading to the next of the same level.
pub(crate) fn part(report: &str, heading: &str) -> String {
    let level = heading.chars().take_while(|char| *char == '#').count();
    let heading = format!("\n{heading}\n");
    let report = format!("\n{report}");
    let start = report
        .find(&heading)
        .unwrap_or_else(|| panic!("{heading}: {report}"));
    let body = &report[start + heading.len()..];
    let end = (1..=level)
        .filter_map(|level| body.find(&format!("\n{} ", "#".repeat(level))))
        .min()
        .unwrap_or(body.len());
    body[..end].trim().to_owned()
}

/// A run as it is made up.
pub(crate) struct Sample {
    pub(crate) run: RunStarted,
    events: Vec<(i64, Event)>,
    now_ms: i64,
}

impl Sample {
    pub(crate) fn new(steps: Vec<StepOutline>) -> Self {
        let outline = Outline {
            steps: steps.into_iter().map(Arc::new).collect(),
            detect: vec![check("used", "Pool is nearly full", &["used >= 90"])],
            verify: vec![check("free", "Pool has room", &["used < 80"])],
            max_parallel: 1,
            ..Outline::default()
        };
        let run = RunStarted {
            practice: Some("pool-lab".to_owned()),
            connections: IndexMap::from([("db".to_owned(), "postgres://db.example:5432/pool".to_owned())]),
            run: "pool-7f3a".to_owned(),
            format: 1,
            engine: "0.1.0".to_owned(),
            runbook: RunbookRef {
                name: "pool".to_owned(),
                version: "3".to_owned(),
                title: "Connection pool is full".to_owned(),
                summary: Some("Frees connections.".to_owned()),
                severity: Some("sev2".to_owned()),
                owner: None,
                labels: IndexMap::new(),
                path: "runbooks/pool.yaml".to_owned(),
                sha256: "ab".repeat(32),
            },
            plan: "cd".repeat(32),
            environment: Some("lab".to_owned()),
            inputs: IndexMap::from([
                ("limit".to_owned(), json!(80)),
                ("token".to_owned(), json!("‹secret token›")),
            ]),
            incident: None,
            promise: None,
            who: Who {
                user: "ada".to_owned(),
                host: "ops1".to_owned(),
            },
            outline,
            pinned: IndexMap::new(),
            commit: None,
            locks: Vec::new(),
            wanted: Wanted::default(),
            sealed: None,
        };
        Self {
            run,
            events: Vec::new(),
            now_ms: 0,
        }
    }

    /// After so many milliseconds.
    pub(crate) fn after(mut self, ms: i64) -> Self {
        self.now_ms += ms;
        self
    }

    pub(crate) fn event(mut self, event: Event) -> Self {
        self.events.push((self.now_ms, event));
        self
    }

    pub(crate) fn phase(self, phase: Phase) -> Self {
        self.event(Event::PhaseStarted { within: None, phase })
    }

    /// A check that is asked until it is decided.
    pub(crate) fn asks(mut self, site: &CheckSite, readings: &[(Verdict, Value)]) -> Self {
        self = self.event(Event::CheckStarted { site: site.clone() });
        let mut streak = 0;
        for (number, (verdict, value)) in (1..).zip(readings) {
            streak = if *verdict == Verdict::Pass { streak + 1 } else { 0 };
            let reading = Reading {
                number,
                verdict: *verdict,
                streak,
                value: Some(value.clone()),
                warned: false,
                detail: format!("used is {value}"),
            };
            self = self.after(100).event(Event::CheckRead {
                site: site.clone(),
                reading,
            });
        }
        self.event(Event::CheckEnded {
            site: site.clone(),
            verdict: readings.last().unwrap().0,
            readings: u32::try_from(readings.len()).unwrap(),
            elapsed_ms: 100 * readings.len() as u64,
            values: IndexMap::new(),
            sealed: None,
        })
    }

    /// A step's turn comes and its action begins.
    pub(crate) fn begins(self, step: &str) -> Self {
        self.event(Event::StepStarted {
            step: step.to_owned(),
        })
        .attempts(step, 1)
    }

    pub(crate) fn attempts(self, step: &str, attempt: u32) -> Self {
        let intent = intent(&format!("do {step}"));
        self.event(Event::AttemptStarted {
            step: step.to_owned(),
            attempt,
            intent,
        })
    }

    /// The action comes back.
    pub(crate) fn comes_back(self, step: &str, attempt: u32, end: AttemptEnd, output: &str) -> Self {
        let output = if output.is_empty() {
            Vec::new()
        } else {
            vec![printed(output)]
        };
        let step = step.to_owned();
        self.after(340).event(Event::AttemptEnded {
            step,
            attempt,
            end,
            values: IndexMap::new(),
            sealed: None,
            output,
            elapsed_ms: 340,
        })
    }

    /// A step from its turn to its end.
    pub(crate) fn does(self, step: &str) -> Self {
        self.begins(step)
            .comes_back(step, 1, AttemptEnd::Succeeded, "")
            .event(done(step))
    }

    fn known(&mut self, step: &str) -> impl Iterator<Item = &mut StepOutline> {
        let steps = self.run.outline.steps.iter_mut();
        steps.filter(move |known| known.id == step).map(Arc::make_mut)
    }

    /// A step has a gate: it is done only when that has passed.
    pub(crate) fn gated(mut self, step: &str) -> Self {
        for known in self.known(step) {
            known.verify = vec![check("1", "It shrinks", &["used < 80"])];
        }
        self
    }

    /// A step's failure does not stop the run.
    pub(crate) fn forgives(mut self, step: &str) -> Self {
        for known in self.known(step) {
            known.on_failure = OnFailure::Continue;
        }
        self
    }

    /// A step that fails, and with it the run.
    pub(crate) fn fails(self, step: &str, then: OnFailure) -> Self {
        let failure = refused();
        self.begins(step)
            .comes_back(
                step,
                1,
                AttemptEnd::Failed {
                    failure: failure.clone(),
                },
                "",
            )
            .event(Event::StepFailed {
                step: step.to_owned(),
                failure,
            })
            .stops(
                StopCause::StepFailed {
                    step: step.to_owned(),
                },
                then,
            )
    }

    pub(crate) fn stops(self, cause: StopCause, then: OnFailure) -> Self {
        self.event(Event::Stopping {
            within: None,
            stop: Stop { cause, then },
        })
    }

    /// What a stop kept from being begun.
    pub(crate) fn skips(self, steps: &[&str]) -> Self {
        steps.iter().fold(self, |sample, step| {
            sample.event(Event::StepSkipped {
                step: (*step).to_owned(),
                reason: SkipReason::Stopped,
            })
        })
    }

    pub(crate) fn undoes(self, step: &str, end: UndoEnd) -> Self {
        let intent = intent(&format!("undo {step}"));
        self.event(Event::UndoStarted {
            step: step.to_owned(),
            attempt: 1,
            intent,
        })
        .after(1_200)
        .event(Event::UndoEnded {
            step: step.to_owned(),
            end,
            output: Vec::new(),
            elapsed_ms: 1_200,
        })
    }

    pub(crate) fn ends(self, outcome: Outcome) -> Vec<Record> {
        let elapsed_ms = u64::try_from(self.now_ms).unwrap();
        self.event(Event::RunEnded { outcome, elapsed_ms }).records()
    }

    pub(crate) fn records(self) -> Vec<Record> {
        let start: Timestamp = "2026-05-04T23:59:58Z".parse().unwrap();
        let events = self.events.into_iter();
        let first = (0, Event::RunStarted(Box::new(self.run)));
        (0..)
            .zip(std::iter::once(first).chain(events))
            .map(|(seq, (ms, event))| Record {
                seq,
                at: start + SignedDuration::from_millis(ms),
                event,
            })
            .collect()
    }
}

/// That a step is done.
pub(crate) fn done(step: &str) -> Event {
    Event::StepDone {
        step: step.to_owned(),
        values: IndexMap::new(),
        sealed: None,
    }
}

pub(crate) fn check(id: &str, title: &str, expect: &[&str]) -> CheckOutline {
    CheckOutline {
        id: id.to_owned(),
        title: title.to_owned(),
        asks: "SELECT used".to_owned(),
        expect: expect.iter().map(|expect| (*expect).to_owned()).collect(),
        baseline: false,
        consecutive: 2,
        within_ms: None,
    }
}

pub(crate) fn site(role: CheckRole, step: Option<&str>, check: &str) -> CheckSite {
    CheckSite {
        within: None,
        role,
        step: step.map(str::to_owned),
        check: check.to_owned(),
    }
}

/// A step that can be undone.
pub(crate) fn step(id: &str, needs: &[usize]) -> StepOutline {
    StepOutline {
        id: id.to_owned(),
        title: format!("The {id}"),
        phase: None,
        kind: "shell".to_owned(),
        summary: format!("do {id}"),
        effect: Effect::Change,
        needs: needs.to_vec(),
        repeatable: false,
        verify_decides: false,
        timeout_ms: None,
        holds: Holds::Nothing,
        on_failure: OnFailure::Rollback,
        undo: UndoOutline::Rollback {
            summary: format!("undo {id}"),
            repeatable: false,
            verify: Vec::new(),
        },
        verify: Vec::new(),
    }
}

pub(crate) fn irreversible(id: &str, needs: &[usize]) -> StepOutline {
    let undo = UndoOutline::Irreversible {
        why: "sessions are gone".to_owned(),
    };
    StepOutline {
        undo,
        ..step(id, needs)
    }
}

pub(crate) fn intent(summary: &str) -> Intent {
    Intent {
        env: IndexMap::from([("TOKEN".to_owned(), "‹secret token›".to_owned())]),
        kind: "shell".to_owned(),
        effect: Effect::Change,
        summary: summary.to_owned(),
        target: Some("db".to_owned()),
        params: json!({"run": summary, "cwd": "/srv"}),
    }
}

pub(crate) fn refused() -> Failure {
    Failure::new(ErrorKind::Refused, "nobody listens on `db:5432`")
        .help("start the database")
        .maybe_applied()
}

pub(crate) fn printed(text: &str) -> OutputRef {
    OutputRef {
        stream: Stream::Stdout,
        bytes: text.len() as u64,
        sha256: "12".repeat(32),
        file: Some("output/x.1.stdout".to_owned()),
        head: text.to_owned(),
        tail: String::new(),
    }
}
