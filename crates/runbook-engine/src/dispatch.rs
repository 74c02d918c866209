//! The dispatcher: it does what the scheduler decides, and gives all events one order.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Stream};
use runbook_event::{
    CheckSite, Event, Journal, JournalError, Observer, Outcome, OutputName, OutputWriter, Phase, Progress,
    Reading, Record, RunState, Stop, StopCause, TransitionError,
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{Id, JoinSet};

use crate::host::Urgency;
use crate::mask::Masker;
use crate::prepare::to_micros;
use crate::scheduler::{Decision, Unit, Work, decide};
use crate::unit::{self, Context, Stops};
use crate::view::{Shared, View, read};
use crate::{Clock, Ports, Prepared, Signal};

/// At the latest so long after an event it is durable.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// What units tell the dispatcher.
pub(crate) enum Message {
    /// Something happened.
    Record {
        event: Box<Event>,
        durable: bool,
        done: oneshot::Sender<()>,
    },
    /// An action is about to begin, unless the run is stopping.
    Begin {
        event: Box<Event>,
        durable: bool,
        done: oneshot::Sender<bool>,
    },
    /// A check gave a reading that is no event.
    Reading { site: CheckSite, reading: Reading },
    /// A step printed something.
    Output {
        step: String,
        stream: Stream,
        bytes: Vec<u8>,
    },
    /// A place for output is wanted.
    OpenOutput {
        name: OutputName,
        done: oneshot::Sender<Box<dyn OutputWriter>>,
    },
}

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// Its last state.
    pub state: RunState,
}

/// A run that could not go on.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The journal can keep nothing more. What was under way was told to stop.
    #[error("the journal cannot be written, so nothing further was started: {0}")]
    Journal(#[from] JournalError),
    /// A third signal: the engine left at once.
    #[error("left at once after the third signal; what was running may still be")]
    Left,
    /// A unit reported what cannot happen.
    #[error("the engine contradicts itself: {0}")]
    Contradiction(#[from] TransitionError),
    /// Nothing is under way and nothing can be done.
    #[error("the engine contradicts itself: nothing is under way and nothing can be done")]
    Stuck,
}

impl Prepared {
    /// Runs it to its end.
    pub async fn run(self, ports: Ports) -> Result<Finished, EngineError> {
        let (to, from) = mpsc::unbounded_channel();
        let state: Shared = Arc::new(RwLock::new(RunState::new()));
        let (reads, changes, undos) = (
            watch::Sender::new(Urgency::None),
            watch::Sender::new(Urgency::None),
            watch::Sender::new(Urgency::None),
        );
        let view = View {
            state: Arc::clone(&state),
            plan: Arc::clone(&self.plan),
        };
        let context = Context {
            plan: Arc::clone(&self.plan),
            catalogue: self.catalogue,
            connections: Arc::new(self.connections),
            scope: self.scope.with_known(Arc::new(view)),
            masker: Arc::clone(&self.masker),
            clock: Arc::clone(&ports.clock),
            approver: ports.approver,
            run: self.started.run.clone(),
            to,
            stops: Stops {
                reads: reads.subscribe(),
                changes: changes.subscribe(),
                undos: undos.subscribe(),
            },
        };
        let mut dispatcher = Dispatcher {
            state,
            masker: self.masker,
            begun: ports.clock.monotonic(),
            clock: ports.clock,
            journal: ports.journal,
            observers: ports.observers,
            work: Work::default(),
            tasks: JoinSet::new(),
            units: HashMap::new(),
            unsynced: None,
            reads,
            changes,
            _undos: undos,
            signals: 0,
            context,
        };
        dispatcher.record(Event::RunStarted(Box::new(self.started)))?;
        dispatcher.sync()?;
        dispatcher.serve(from, ports.signals).await
    }
}

struct Dispatcher {
    state: Shared,
    masker: Arc<Masker>,
    begun: Duration,
    clock: Arc<dyn Clock>,
    journal: Box<dyn Journal>,
    observers: Vec<Box<dyn Observer>>,
    work: Work,
    tasks: JoinSet<()>,
    units: HashMap<Id, Unit>,
    /// Since when something is written and not yet durable.
    unsynced: Option<Duration>,
    reads: watch::Sender<Urgency>,
    changes: watch::Sender<Urgency>,
    /// Undos are not stopped; this keeps their signal open.
    _undos: watch::Sender<Urgency>,
    signals: u32,
    context: Context,
}

impl Dispatcher {
    async fn serve(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut signals: mpsc::UnboundedReceiver<Signal>,
    ) -> Result<Finished, EngineError> {
        let mut batch = Vec::new();
        loop {
            if let Some(outcome) = self.advance()? {
                self.sync()?;
                let state = read(&self.state, RunState::clone);
                return Ok(Finished { outcome, state });
            }
            let sync_at = self.unsynced.map(|since| since + SYNC_AFTER);
            tokio::select! {
                biased;
                count = messages.recv_many(&mut batch, 256) => {
                    if count > 0 {
                        self.take(&mut batch)?;
                    }
                }
                Some(signal) = signals.recv() => self.signalled(&signal)?,
                Some(ended) = self.tasks.join_next_with_id() => {
                    let (id, panicked) = match ended {
                        Ok((id, ())) => (id, false),
                        Err(error) => (error.id(), true),
                    };
                    // What the unit said last is in the queue before its end is noticed.
                    while let Ok(message) = messages.try_recv() {
                        batch.push(message);
                    }
                    self.take(&mut batch)?;
                    self.ended(id, panicked)?;
                }
                () = wait_until(&*self.clock, sync_at), if sync_at.is_some() => self.sync()?,
            }
        }
    }

    /// Does what the scheduler decides until there is nothing to decide.
    fn advance(&mut self) -> Result<Option<Outcome>, EngineError> {
        loop {
            let decisions = read(&self.state, |state| decide(state, &self.work));
            if decisions.is_empty() {
                return if self.work.active.is_empty() {
                    Err(EngineError::Stuck)
                } else {
                    Ok(None)
                };
            }
            for decision in decisions {
                match decision {
                    Decision::Enter(phase) => self.enter(phase)?,
                    Decision::Start(unit) => self.start(unit),
                    Decision::Skip(at, reason) => {
                        let step = self.id_of(at);
                        self.record(Event::StepSkipped { step, reason })?;
                    }
                    Decision::Stop(stop) => {
                        self.record(Event::Stopping { stop })?;
                        self.reads.send_replace(Urgency::Stop);
                    }
                    Decision::End(outcome) => {
                        let elapsed = self.clock.monotonic().saturating_sub(self.begun);
                        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                        self.record(Event::RunEnded { outcome, elapsed_ms })?;
                        return Ok(Some(outcome));
                    }
                }
            }
        }
    }

    fn enter(&mut self, phase: Phase) -> Result<(), EngineError> {
        self.record(Event::PhaseStarted { phase })
    }

    fn start(&mut self, unit: Unit) {
        let task = self.tasks.spawn(unit::run(self.context.clone(), unit));
        self.units.insert(task.id(), unit);
        self.work.active.insert(unit);
    }

    /// A unit has ended. One that ended without settling its work has a fault, which must not look like
    /// success.
    fn ended(&mut self, id: Id, panicked: bool) -> Result<(), EngineError> {
        let Some(unit) = self.units.remove(&id) else {
            return Ok(());
        };
        self.work.active.remove(&unit);
        self.work.ended.insert(unit);
        if let Unit::Step(at) = unit {
            let settled = read(&self.state, |state| {
                state.steps().get(at).is_some_and(|step| step.status.is_settled())
            });
            if !settled {
                let message = if panicked {
                    "the engine failed while running it"
                } else {
                    "it ended without a result"
                };
                let failure = Failure::new(ErrorKind::Other, message).maybe_applied();
                let step = self.id_of(at);
                self.record(Event::StepFailed { step, failure })?;
            }
        }
        Ok(())
    }

    /// Takes in what units said: all of it is written, then made durable at once if some of it must be, and
    /// only then may they go on.
    fn take(&mut self, batch: &mut Vec<Message>) -> Result<(), EngineError> {
        let mut waiting = Vec::new();
        let mut beginning = Vec::new();
        let mut must_sync = false;
        for message in batch.drain(..) {
            match message {
                Message::Record { event, durable, done } => {
                    self.record(*event)?;
                    must_sync |= durable;
                    waiting.push(done);
                }
                Message::Begin { event, durable, done } => {
                    let go_on = read(&self.state, |state| {
                        state.stop().is_none() || state.phase() > Some(Phase::Rollback)
                    });
                    if go_on {
                        self.record(*event)?;
                        must_sync |= durable;
                    }
                    beginning.push((done, go_on));
                }
                Message::Reading { site, reading } => {
                    self.journal
                        .reading(to_micros(self.clock.now()), &site, &reading)?;
                    self.tell(Progress::Reading {
                        site: &site,
                        reading: &reading,
                    });
                }
                Message::Output { step, stream, bytes } => {
                    self.tell(Progress::Output {
                        step: &step,
                        stream,
                        bytes: &bytes,
                    });
                }
                Message::OpenOutput { name, done } => {
                    // A unit that is gone needs no output.
                    drop(done.send(self.journal.output(&name)));
                }
            }
        }
        if must_sync {
            self.sync()?;
        }
        for (done, go_on) in beginning {
            // A unit that is gone begins nothing.
            let _gone = done.send(go_on);
        }
        for done in waiting {
            // A unit that is gone waits for nothing.
            let _gone = done.send(());
        }
        Ok(())
    }

    fn record(&mut self, event: Event) -> Result<(), EngineError> {
        let event = self.masker.event(event);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let record = Record {
            seq: state.next_seq(),
            at: to_micros(self.clock.now()),
            event,
        };
        state.apply(&record)?;
        self.journal.append(&record)?;
        for observer in &mut self.observers {
            observer.event(&record, &state);
        }
        drop(state);
        self.unsynced.get_or_insert_with(|| self.clock.monotonic());
        Ok(())
    }

    fn tell(&mut self, progress: Progress<'_>) {
        for observer in &mut self.observers {
            observer.progress(&progress);
        }
    }

    fn sync(&mut self) -> Result<(), EngineError> {
        self.journal.sync()?;
        self.unsynced = None;
        Ok(())
    }

    /// The first signal stops what can be stopped, the second does not wait, the third leaves. Undos and the
    /// clean-up go on until the third.
    fn signalled(&mut self, signal: &Signal) -> Result<(), EngineError> {
        self.signals += 1;
        let urgency = match self.signals {
            1 => Urgency::Stop,
            2 => Urgency::Now,
            _ => {
                self.tasks.abort_all();
                self.sync()?;
                return Err(EngineError::Left);
            }
        };
        self.reads.send_replace(urgency);
        self.changes.send_replace(urgency);
        let stop = read(&self.state, |state| {
            let then = state.run().map(|run| run.outline.on_interrupt);
            then.filter(|_| state.stop().is_none() && state.phase() < Some(Phase::Rollback))
        });
        match stop {
            Some(then) => {
                let cause = StopCause::Signal {
                    name: signal.name.clone(),
                };
                self.record(Event::Stopping {
                    stop: Stop { cause, then },
                })
            }
            None => Ok(()),
        }
    }

    fn id_of(&self, at: usize) -> String {
        self.context
            .plan
            .steps()
            .get(at)
            .map(|step| step.id.clone())
            .unwrap_or_default()
    }
}

async fn wait_until(clock: &dyn Clock, until: Option<Duration>) {
    match until {
        Some(until) => clock.wait_until(until).await,
        None => std::future::pending().await,
    }
}
