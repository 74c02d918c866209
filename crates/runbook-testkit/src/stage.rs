//! A scenario on the stage: its plan, and the processes that run it, one after the other if they crash.
//!
//! Each process has a runtime of its own, which ends with it: at the append at which a process is killed nothing in it
//! is polled any more, so no unit hears of anything and no action goes on. The world, the script and the clock outlive
//! it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use runbook_engine::{
    Again, Clock, EngineError, Finished, Locks, Ports, Prepared, Probe, ProbeStopped, Question, Signal,
    Sounding,
};
use runbook_event::{
    Assumed, Assumption, Observer, Outcome, Record, Resumed, RunResumed, RunState, StepState, StepStatus,
    UndoStatus,
};
use runbook_plan::{Catalogue, Plan};
use tokio::runtime::Builder;
use tokio::sync::mpsc;

use crate::clock::{FakeClock, runtime};
use crate::crash::Crash;
use crate::memory::{Kept, Listener, MemoryJournal, Outputs, Rude};
use crate::people::People;
use crate::ran::Ran;
use crate::scenario::{OpenVault, Scenario, ada};
use crate::scripted::Script;
use crate::tape::{Mark, Tape};
use crate::world::World;

/// A run that takes longer than this, by the virtual clock, hangs.
const FOREVER: Duration = Duration::from_hours(720);

/// How long it takes until somebody resumes a run.
const DOWN: Duration = Duration::from_secs(10);

/// More processes than this are needed for no run that gets ahead.
const MOST_LIVES: usize = 200;

/// A scenario with its plan.
#[derive(Debug)]
pub struct Stage {
    scenario: Scenario,
    plan: Plan,
}

/// What a probe found out.
#[derive(Debug)]
pub struct Probed {
    /// One thing after the other.
    pub soundings: Vec<Sounding>,
    /// Whether it went through all of the plan.
    pub result: Result<(), ProbeStopped>,
    /// The calls of actions.
    pub tape: Vec<(Duration, Mark)>,
    /// What the actions change, after it.
    pub world: World,
}

/// What outlives a process.
struct Backdrop {
    clock: Arc<FakeClock>,
    tape: Tape,
    script: Script,
    listener: Listener,
    kept: Arc<Mutex<Kept>>,
    outputs: Arc<Mutex<Outputs>>,
    questions: Vec<Question>,
    took: Duration,
}

/// How a process ended.
#[expect(clippy::large_enum_variant, reason = "there is one at a time")]
enum End {
    /// By itself.
    Of(Result<Finished, EngineError>),
    /// It was killed.
    Killed(Crash),
    /// It does not end.
    Never,
}

impl Stage {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let clock = Arc::new(FakeClock::new());
        let script = Script::new(Arc::clone(&clock), Tape::new(clock));
        let plan = scenario.plan(&catalogue(&scenario, &script));
        Self { scenario, plan }
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Runs it to its end, through these crashes. A process that ends before its crash is not killed.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[must_use]
    pub fn run(&self, crashes: &[Crash]) -> Ran {
        let mut backdrop = self.backdrop();
        let mut crashes = crashes.iter().copied();
        let mut goes_on = self.scenario.goes_on.iter();
        let (mut lives, mut prepared) = (0, self.begin(&backdrop));
        loop {
            lives += 1;
            assert!(
                lives < MOST_LIVES,
                "it gets nowhere:\n{}",
                Self::ran(backdrop, None, lives).full_trace()
            );
            let end = self.live(&mut backdrop, prepared, crashes.next(), lives == 1);
            let end = ended_before(&backdrop, end);
            let (how, assumed) = match &end {
                End::Never => panic!(
                    "it does not end:\n{}",
                    Self::ran(backdrop, None, lives).full_trace()
                ),
                End::Killed(_) => (Resumed::Forward, Vec::new()),
                End::Of(Err(EngineError::Left)) if self.scenario.by_truth => (Resumed::Forward, Vec::new()),
                End::Of(Ok(finished)) if self.scenario.by_truth && finished.outcome == Outcome::Unknown => {
                    (Resumed::Forward, self.truth(&finished.state, &backdrop.script))
                }
                End::Of(_) => match goes_on.next() {
                    Some((how, assumed)) => (*how, assumed.clone()),
                    None => return Self::ran(backdrop, Some(end), lives),
                },
            };
            backdrop.tape.begin();
            let records = lock(&backdrop.kept).records.clone();
            prepared = if records.is_empty() {
                self.begin(&backdrop)
            } else {
                self.again(&backdrop, records, how, assumed)
            };
        }
    }

    /// Probes it: what was found out, and what happened to the world meanwhile.
    ///
    /// # Panics
    ///
    /// When it does not end.
    #[must_use]
    pub fn probe(&self) -> Probed {
        let backdrop = self.backdrop();
        let start = self.scenario.start(&self.plan);
        let catalogue = catalogue(&self.scenario, &backdrop.script);
        let probe = Probe::new(self.plan.clone(), catalogue, &start.inputs, start.secrets, None)
            .expect("the scenario can be probed");
        let (to, signals) = mpsc::unbounded_channel();
        let clock = Arc::clone(&backdrop.clock);
        let mut soundings = Vec::new();
        let mut tell = |sounding| soundings.push(sounding);
        let result = runtime().block_on(async {
            let due = self.signals(clock.monotonic(), true);
            drop(tokio::spawn(send(
                due,
                to,
                Arc::clone(&clock),
                backdrop.tape.clone(),
            )));
            let probing = probe.run(Arc::<FakeClock>::clone(&clock), signals, &mut tell);
            tokio::time::timeout(FOREVER, probing).await
        });
        Probed {
            soundings,
            result: result.expect("it ends"),
            tape: backdrop.tape.marks(),
            world: backdrop.script.world(),
        }
    }

    /// What a person says who has looked.
    fn truth(&self, state: &RunState, script: &Script) -> Vec<Assumed> {
        let doubted = state.doubts().iter().filter_map(|at| state.steps().get(*at));
        let said = doubted.map(|step| Assumed {
            step: step.id.clone(),
            assume: match &self.scenario.real {
                Some(real) => (real.looks)(step),
                None if has_happened(step, script) => Assumption::Done,
                None => Assumption::NotStarted,
            },
            reason: "a person has looked".to_owned(),
        });
        said.collect()
    }

    fn backdrop(&self) -> Backdrop {
        let clock = Arc::new(FakeClock::new());
        let tape = Tape::new(Arc::clone(&clock));
        let script = Script::new(Arc::clone(&clock), tape.clone());
        for (name, plays) in &self.scenario.plays {
            script.on(name, plays.clone());
        }
        Backdrop {
            clock,
            tape,
            script,
            listener: Listener::default(),
            kept: Arc::default(),
            outputs: Arc::default(),
            questions: Vec::new(),
            took: Duration::ZERO,
        }
    }

    fn begin(&self, backdrop: &Backdrop) -> Prepared {
        let start = self.scenario.start(&self.plan);
        let catalogue = catalogue(&self.scenario, &backdrop.script);
        Prepared::new(self.plan.clone(), catalogue, start).expect("the scenario can begin")
    }

    fn again(
        &self,
        backdrop: &Backdrop,
        records: Vec<Record>,
        how: Resumed,
        assumed: Vec<Assumed>,
    ) -> Prepared {
        let state = fold(&records);
        let resumed = RunResumed {
            how,
            who: ada(),
            engine: "test".to_owned(),
            torn: None,
            with_journal: false,
            reason: None,
            assumed,
        };
        let again = Again {
            records,
            state,
            resumed,
            secrets: self.scenario.secrets_by_runbook(),
            lab: None,
            vault: Arc::new(OpenVault),
        };
        let catalogue = catalogue(&self.scenario, &backdrop.script);
        Prepared::again(self.plan.clone(), catalogue, again).expect("the run can go on")
    }

    /// The life of a process.
    fn live(&self, backdrop: &mut Backdrop, prepared: Prepared, crash: Option<Crash>, first: bool) -> End {
        let scenario = &self.scenario;
        let Backdrop {
            clock,
            tape,
            script,
            listener,
            kept,
            outputs,
            ..
        } = &*backdrop;
        let journal = MemoryJournal::new(tape.clone())
            .with(kept, outputs)
            .appends(scenario.appends.filter(|_| first))
            .syncs(scenario.syncs.filter(|_| first))
            .crashes(crash);
        let people = People::new(&scenario.answers, scenario.on_interrupt, clock, tape);
        let questions = Arc::clone(&people.questions);
        let mut observers: Vec<Box<dyn Observer>> = Vec::new();
        if scenario.rude {
            observers.push(Box::new(Rude));
        }
        if !scenario.unheard {
            observers.push(Box::new(listener.clone()));
        }
        let (to, signals) = mpsc::unbounded_channel();
        // Nobody asks for anything from outside.
        let (_, requests) = mpsc::unbounded_channel();
        let ports = Ports {
            clock: Arc::<FakeClock>::clone(clock),
            journal: Box::new(journal),
            observers,
            approver: Arc::new(people),
            locks: Arc::new(Taken(scenario.locked.clone())),
            signals,
            requests,
            on_hangup: scenario.on_hangup,
        };
        let process = match &scenario.real {
            Some(_) => Builder::new_current_thread().enable_all().build(),
            None => Ok(runtime()),
        }
        .expect("a runtime on this thread");
        let (end, took) = process.block_on(async {
            let signals = self.signals(clock.monotonic(), first);
            drop(tokio::spawn(send(signals, to, Arc::clone(clock), tape.clone())));
            let mut run = pin!(tokio::time::timeout(FOREVER, prepared.run(ports)));
            let end = poll_fn(|task| {
                let polled = run.as_mut().poll(task);
                match crash.filter(|_| tape.is_over()) {
                    Some(crash) => {
                        script.world().crash(crash.acts);
                        Poll::Ready(End::Killed(crash))
                    }
                    None => polled.map(|ended| ended.map_or(End::Never, End::Of)),
                }
            })
            .await;
            let took = clock.monotonic();
            clock.pass(DOWN);
            (end, took)
        });
        // What was spawned goes with it, and is not polled again.
        drop(process);
        if matches!(end, End::Of(Err(EngineError::Left))) {
            script.world().crash(false);
        }
        let asked = questions.lock().unwrap_or_else(PoisonError::into_inner).clone();
        backdrop.questions.extend(asked);
        backdrop.took = took;
        end
    }

    /// The signals that are still to come.
    fn signals(&self, now: Duration, first: bool) -> Vec<(Duration, String)> {
        let interrupts = self.scenario.signals.iter().map(|at| (*at, "SIGINT".to_owned()));
        let hangup = self.scenario.hangup.iter().map(|at| (*at, "SIGHUP".to_owned()));
        let mut signals: Vec<_> = interrupts
            .chain(hangup)
            .filter(|(at, _)| first || *at > now)
            .collect();
        signals.sort();
        signals
    }

    fn ran(backdrop: Backdrop, end: Option<End>, lives: usize) -> Ran {
        let kept = lock(&backdrop.kept).records.clone();
        let outputs = backdrop
            .outputs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        Ran {
            result: match end {
                Some(End::Of(result)) => Ok(result),
                Some(End::Killed(_) | End::Never) | None => Err(()),
            },
            tape: backdrop.tape.marks(),
            took: backdrop.took,
            heard: backdrop.listener.heard(),
            questions: backdrop.questions,
            outputs,
            kept,
            lives,
            world: backdrop.script.world(),
        }
    }
}

/// A process that was killed when the run had ended left nothing to be resumed.
fn ended_before(backdrop: &Backdrop, end: End) -> End {
    let End::Killed(crash) = end else { return end };
    let mut kept = lock(&backdrop.kept);
    lose(&mut kept, crash);
    let state = fold(&kept.records);
    match state.outcome() {
        Some(outcome) => End::Of(Ok(Finished {
            outcome,
            state,
            outputs: Ok(indexmap::IndexMap::new()),
        })),
        None => End::Killed(crash),
    }
}

fn fold(records: &[Record]) -> RunState {
    let mut state = RunState::new();
    for record in records {
        state.apply(record).expect("what was kept can be read");
    }
    state
}

fn lock(kept: &Mutex<Kept>) -> std::sync::MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is not durable is lost with the power.
fn lose(kept: &mut Kept, crash: Crash) {
    if crash.power {
        let synced = kept.synced;
        kept.records.truncate(synced);
    }
}

/// The actions of a scenario.
fn catalogue(scenario: &Scenario, script: &Script) -> Catalogue {
    match &scenario.real {
        Some(real) => real.catalogue.clone(),
        None => script.catalogue(),
    }
}

/// Whether what nobody can tell about has happened.
fn has_happened(step: &StepState, script: &Script) -> bool {
    let part = match (step.undo, step.undo_attempts) {
        (UndoStatus::Doubtful, 0 | 1) => "undo".to_owned(),
        (UndoStatus::Doubtful, attempt) => format!("undo.{attempt}"),
        (UndoStatus::Acted, _) if step.then_open[1] => format!("undo.then.{}", step.then_done[1] + 1),
        // What it did has happened, and not surely what makes that take effect.
        _ if step.status == StepStatus::Acted => format!("then.{}", step.then_done[0] + 1),
        _ => step.attempts.to_string(),
    };
    script.world().has_happened(&step.id, &part)
}

async fn send(
    signals: Vec<(Duration, String)>,
    to: mpsc::UnboundedSender<Signal>,
    clock: Arc<FakeClock>,
    tape: Tape,
) {
    for (at, name) in signals {
        clock.wait_until(at).await;
        tape.mark(Mark::Signal);
        let _over = to.send(Signal { name });
    }
    std::future::pending::<()>().await;
}

/// Locks of which another run has these.
struct Taken(Vec<String>);

impl Locks for Taken {
    fn take(&self, locks: &[String]) -> Result<(), String> {
        match locks.iter().find(|lock| self.0.contains(lock)) {
            Some(lock) => Err(format!("another run owns `{lock}`")),
            None => Ok(()),
        }
    }
}
