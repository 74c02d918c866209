//! A scenario: the text of a runbook, a script for its actions, people and signals; and what came of it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::Secret;
use runbook_document::{Config, Document, Findings, SourceId, parse};
use runbook_engine::{Clock, Ports, Prepared, Signal, Start};
use runbook_event::{Observer, Who};
use runbook_plan::{Catalogue, Library, Plan, Request, compile};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::clock::{FakeClock, runtime};
use crate::memory::{Listener, MemoryJournal, Rude};
use crate::people::People;
use crate::play::Play;
use crate::ran::Ran;
use crate::scripted::Script;
use crate::tape::{Mark, Tape};

/// A run that takes longer than this, by the virtual clock, hangs.
const FOREVER: Duration = Duration::from_hours(720);

/// What is to happen.
#[derive(Debug, Clone, Default)]
pub struct Scenario {
    text: String,
    plays: Vec<(String, Vec<Play>)>,
    answers: BTreeMap<String, (Duration, bool)>,
    signals: Vec<Duration>,
    secrets: Vec<(String, String)>,
    inputs: IndexMap<String, Value>,
    rude: bool,
    appends: Option<usize>,
    syncs: Option<usize>,
}

impl Scenario {
    /// A runbook whose head is given; `body` is the rest, from `steps` or so on.
    #[must_use]
    pub fn new(body: &str) -> Self {
        Self {
            text: format!(
                "apiVersion: runbook/v1\nname: scenario\nversion: 1.0.0\ntitle: A scenario\n{}",
                outdent(body)
            ),
            ..Self::default()
        }
    }

    /// What the calls of this name do, in order; the last is repeated.
    #[must_use]
    pub fn on(mut self, name: &str, plays: impl IntoIterator<Item = Play>) -> Self {
        self.plays.push((name.to_owned(), plays.into_iter().collect()));
        self
    }

    /// A person answers the question of this step after so many milliseconds. Otherwise nobody does.
    #[must_use]
    pub fn answer(mut self, step: &str, after: u64, approved: bool) -> Self {
        self.answers
            .insert(step.to_owned(), (Duration::from_millis(after), approved));
        self
    }

    /// A signal at a time, in milliseconds from the start.
    #[must_use]
    pub fn signal(mut self, at: u64) -> Self {
        self.signals.push(Duration::from_millis(at));
        self
    }

    /// A secret's value.
    #[must_use]
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.secrets.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An input's value.
    #[must_use]
    pub fn input(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.inputs.insert(name.to_owned(), value.into());
        self
    }

    /// Somebody watches who panics at the third event.
    #[must_use]
    pub fn with_a_rude_observer(mut self) -> Self {
        self.rude = true;
        self
    }

    /// The journal takes so many records, and then no more.
    #[must_use]
    pub fn appends(mut self, count: usize) -> Self {
        self.appends = Some(count);
        self
    }

    /// The journal syncs so many times, and then no more.
    #[must_use]
    pub fn syncs(mut self, count: usize) -> Self {
        self.syncs = Some(count);
        self
    }

    /// The plan of its text.
    ///
    /// # Panics
    ///
    /// When there is something to find fault with.
    #[must_use]
    pub fn plan(&self, catalogue: &Catalogue) -> Plan {
        let mut findings = Findings::new();
        let tree = parse(SourceId(0), &self.text, &mut findings);
        let plan = tree.and_then(|tree| {
            let document = Document::read(&tree, &["probe", "act", "smash"], &mut findings)?;
            let request = Request {
                document: &document,
                tree: Some(&tree),
                config: &Config::default(),
                environment: None,
                catalogue,
                library: &Library::new(),
                texts: std::slice::from_ref(&self.text),
            };
            compile(&request, &mut findings)
        });
        let Some(plan) = plan else {
            let found = findings.into_sorted();
            panic!("{}\n{found:#?}", self.text);
        };
        plan
    }

    /// Runs it to its end.
    ///
    /// # Panics
    ///
    /// When the runbook is wrong, or the run does not end.
    #[must_use]
    pub fn run(self) -> Ran {
        runtime().block_on(self.play())
    }

    async fn play(self) -> Ran {
        let clock = Arc::new(FakeClock::new());
        let tape = Tape::new(Arc::clone(&clock));
        let script = Script::new(Arc::clone(&clock), tape.clone());
        for (name, plays) in &self.plays {
            script.on(name, plays.clone());
        }
        let plan = self.plan(&script.catalogue());
        let prepared = Prepared::new(plan, script.catalogue(), self.start()).expect("the scenario can begin");
        let journal = MemoryJournal::new(tape.clone())
            .appends(self.appends)
            .syncs(self.syncs);
        let outputs = journal.outputs();
        let (listener, people) = (Listener::default(), People::new(&self.answers, &clock, &tape));
        let mut observers: Vec<Box<dyn Observer>> = vec![Box::new(listener.clone())];
        if self.rude {
            observers.insert(0, Box::new(Rude));
        }
        let questions = Arc::clone(&people.questions);
        let (to, signals) = mpsc::unbounded_channel();
        let ports = Ports {
            clock: Arc::<FakeClock>::clone(&clock),
            journal: Box::new(journal),
            observers,
            approver: Arc::new(people),
            signals,
        };
        let sender = tokio::spawn(send(self.signals, to, Arc::clone(&clock), tape.clone()));
        let result = tokio::time::timeout(FOREVER, prepared.run(ports)).await;
        sender.abort();
        let questions = questions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let outputs = outputs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ran = Ran {
            result: result.map_err(drop),
            tape: tape.marks(),
            took: clock.monotonic(),
            heard: listener.heard(),
            questions,
            outputs,
        };
        assert!(ran.result.is_ok(), "it does not end:\n{}", ran.trace());
        ran
    }

    fn start(&self) -> Start {
        Start {
            run: "run-1".to_owned(),
            inputs: self.inputs.clone(),
            secrets: self
                .secrets
                .iter()
                .map(|(name, value)| Secret::new(name, value.clone()))
                .collect(),
            lab: None,
            who: Who {
                user: "ada".to_owned(),
                host: "here".to_owned(),
            },
            path: "scenario.yaml".to_owned(),
            sha256: "0".repeat(64),
            engine: "test".to_owned(),
        }
    }
}

async fn send(at: Vec<Duration>, to: mpsc::UnboundedSender<Signal>, clock: Arc<FakeClock>, tape: Tape) {
    for at in at {
        clock.wait_until(at).await;
        tape.mark(Mark::Signal);
        let name = "SIGINT".to_owned();
        let _over = to.send(Signal { name });
    }
    std::future::pending::<()>().await;
}

/// A text without the margin that the source code gave it.
#[must_use]
pub fn outdent(text: &str) -> String {
    let lines = || text.lines().filter(|line| !line.trim().is_empty());
    let margin = lines().map(|line| line.len() - line.trim_start().len()).min();
    let lines = lines().map(|line| line.get(margin.unwrap_or(0)..).unwrap_or_default());
    lines.flat_map(|line| [line, "\n"]).collect()
}
