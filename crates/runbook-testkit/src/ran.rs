//! What came of a scenario.

use std::collections::BTreeMap;
use std::time::Duration;

use runbook_engine::{EngineError, Finished, Question};
use runbook_event::{Outcome, Record};

use crate::brief::brief;
use crate::memory::Outputs;
use crate::tape::Mark;
use crate::world::World;

/// What came of a scenario.
#[derive(Debug)]
pub struct Ran {
    pub(crate) result: Result<Result<Finished, EngineError>, ()>,
    /// All that happened, in order, with its virtual time.
    pub tape: Vec<(Duration, Mark)>,
    /// How long it took, by the virtual clock.
    pub took: Duration,
    /// What an observer was told.
    pub heard: Vec<String>,
    /// What people were asked.
    pub questions: Vec<Question>,
    /// What was printed.
    pub outputs: Outputs,
    /// The records that the journal holds in the end.
    pub(crate) kept: Vec<Record>,
    /// How many processes it took.
    pub lives: usize,
    /// What the actions touched.
    pub world: World,
}

impl Ran {
    /// The end.
    ///
    /// # Panics
    ///
    /// When the engine gave up.
    #[must_use]
    pub fn finished(&self) -> &Finished {
        match &self.result {
            Ok(Ok(finished)) => finished,
            other => panic!("{other:?}\n{}", self.trace()),
        }
    }

    /// Why the engine gave up.
    #[must_use]
    pub fn error(&self) -> Option<&EngineError> {
        self.result.as_ref().ok()?.as_ref().err()
    }

    /// How it ended.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.finished().outcome
    }

    /// The records that the journal holds in the end.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.kept.clone()
    }

    /// The events, one a line. Where time has passed, a line says when it is: `@1500`, in milliseconds.
    #[must_use]
    pub fn trace(&self) -> String {
        self.lines(|mark| match mark {
            Mark::Record(record) => Some(brief(&record.event)),
            Mark::Signal => Some("SIGNAL".to_owned()),
            Mark::Reading(..)
            | Mark::Synced
            | Mark::Called(..)
            | Mark::Returned(..)
            | Mark::Settled(_)
            | Mark::Asked(_)
            | Mark::Lost => None,
        })
    }

    /// The events with all that happened around them: syncs, calls, questions.
    #[must_use]
    pub fn full_trace(&self) -> String {
        self.lines(|mark| {
            Some(match mark {
                Mark::Record(record) => brief(&record.event),
                Mark::Reading(site, reading) => {
                    format!(
                        "  ({} #{} {})",
                        site.check,
                        reading.number,
                        reading.verdict.word()
                    )
                }
                Mark::Synced => "  sync".to_owned(),
                Mark::Called(kind, name) => format!("  > {kind} {name}"),
                Mark::Returned(name, Ok(())) => format!("  < {name}"),
                Mark::Returned(name, Err(kind)) => format!("  < {name}: {kind}"),
                Mark::Settled(name) => format!("  = {name}"),
                Mark::Asked(step) => format!("  ? {step}"),
                Mark::Lost => "  lost".to_owned(),
                Mark::Signal => "SIGNAL".to_owned(),
            })
        })
    }

    fn lines(&self, shown: impl Fn(&Mark) -> Option<String>) -> String {
        let (mut lines, mut now) = (Vec::new(), Duration::ZERO);
        for (at, mark) in &self.tape {
            let Some(line) = shown(mark) else { continue };
            if *at > now {
                now = *at;
                lines.push(format!("@{}", now.as_millis()));
            }
            lines.push(line);
        }
        lines.join("\n")
    }

    /// How often each name was called.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<String, usize> {
        let mut calls = BTreeMap::new();
        for (_, mark) in &self.tape {
            if let Mark::Called(_, name) = mark {
                *calls.entry(name.clone()).or_insert(0) += 1;
            }
        }
        calls
    }
}
