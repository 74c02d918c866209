//! The dispatcher: it does what the scheduler decides, and gives all events one order.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    Event, Journal, JournalError, Observer, Outcome, Phase, Progress, Record, RunState, Section, Stop,
    StopCause, TransitionError, UndoEnd, UndoStatus,
};
use runbook_plan::Undo;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::task::{Id, JoinSet};

use crate::brake::Urgency;
use crate::live::Live;
use crate::mask::Masker;
use crate::message::{Message, ROOM, Shown};
use crate::prepare::to_micros;
use crate::scheduler::{Decision, Unit, Work, decide, stop_for};
use crate::unit::{self, Context, Stops};
use crate::view::{Shared, View, read};
use crate::{Clock, Ports, Prepared, Signal};

/// At the latest so long after an event it is durable.
const SYNC_AFTER: Duration = Duration::from_secs(1);

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
        let (shown, to_show) = mpsc::channel(ROOM);
        let state: Shared = Arc::new(RwLock::new(RunState::new()));
        let stops = Stops::default();
        let live = Arc::new(Live::default());
        let view = View {
            state: Arc::clone(&state),
            plan: Arc::clone(&self.plan),
            live: Arc::clone(&live),
        };
        let context = Context {
            plan: Arc::clone(&self.plan),
            catalogue: self.catalogue,
            connections: Arc::new(self.connections),
            scope: self.scope.with_known(Arc::new(view)),
            masker: Arc::clone(&self.masker),
            live,
            clock: Arc::clone(&ports.clock),
            approver: ports.approver,
            run: self.started.run.clone(),
            to,
            shown,
            stops,
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
            to_show,
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
    to_show: mpsc::Receiver<Shown>,
    signals: u32,
    context: Context,
}

impl Dispatcher {
    async fn serve(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut signals: mpsc::UnboundedReceiver<Signal>,
    ) -> Result<Finished, EngineError> {
        let result = self.drive(&mut messages, &mut signals).await;
        match result {
            Ok(_) | Err(EngineError::Left) => {}
            Err(EngineError::Journal(_) | EngineError::Contradiction(_) | EngineError::Stuck) => {
                drop(messages);
                self.give_up(&mut signals).await;
            }
        }
        result
    }

    /// Nothing can be kept any more. What runs is told to stop, and gets the time to do so; undos finish.
    async fn give_up(&mut self, signals: &mut mpsc::UnboundedReceiver<Signal>) {
        let stops = self.context.stops.clone();
        // Nobody shows anything any more: what prints must not wait for it.
        self.to_show.close();
        stops.reads.raise(Urgency::Stop);
        stops.changes.raise(Urgency::Stop);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(_) = signals.recv() => {
                    self.signals += 1;
                    stops.reads.raise(Urgency::Now);
                    stops.changes.raise(Urgency::Now);
                    if self.signals > 2 {
                        self.tasks.abort_all();
                    }
                }
                Some(_ended) = self.tasks.join_next() => {}
                else => return,
            }
        }
    }

    async fn drive(
        &mut self,
        messages: &mut mpsc::UnboundedReceiver<Message>,
        signals: &mut mpsc::UnboundedReceiver<Signal>,
    ) -> Result<Finished, EngineError> {
        let mut batch = Vec::new();
        loop {
            if let Some(outcome) = self.advance()? {
                self.sync()?;
                let state = read(&self.state, RunState::clone);
                return Ok(Finished { outcome, state });
            }
            let sync_at = self.unsynced.map(|since| since + SYNC_AFTER);
            // Signals and the sync come first: however much is said, they are not kept waiting.
            tokio::select! {
                biased;
                Some(signal) = signals.recv() => self.signalled(&signal)?,
                () = wait_until(&*self.clock, sync_at), if sync_at.is_some() => self.sync()?,
                count = messages.recv_many(&mut batch, 256) => {
                    if count > 0 {
                        self.take(&mut batch)?;
                    }
                }
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
                Some(shown) = self.to_show.recv() => {
                    self.tell_shown(&shown);
                    self.show();
                }
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
                        self.context.stops.reads.raise(Urgency::Stop);
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
        let message = if panicked {
            "the engine failed while running it"
        } else {
            "it ended without a result"
        };
        let failure = Failure::new(ErrorKind::Other, message).maybe_applied();
        match unit {
            Unit::Checks(_) => Ok(()),
            Unit::Step(at) => {
                let status = read(&self.state, |state| state.steps().get(at).map(|step| step.status));
                if status.is_some_and(|status| !status.is_settled()) {
                    let step = self.id_of(at);
                    self.record(Event::StepFailed { step, failure })?;
                }
                Ok(())
            }
            Unit::Undo(at) => self.undo_ended(at, failure),
        }
    }

    fn undo_ended(&mut self, at: usize, failure: Failure) -> Result<(), EngineError> {
        let undo = read(&self.state, |state| state.steps().get(at).map(|step| step.undo));
        let known = Arc::clone(&self.context.plan);
        let known = known.steps().get(at).map(|step| &step.undo);
        if let (Some(UndoStatus::Pending), Some(Undo::Action(by))) = (undo, known) {
            let (step, intent) = (self.id_of(at), unit::sketch(&by.action));
            self.record(Event::UndoStarted { step, intent })?;
        }
        if matches!(undo, Some(UndoStatus::Pending | UndoStatus::Running)) {
            self.record(Event::UndoEnded {
                step: self.id_of(at),
                end: UndoEnd::Failed { failure },
                output: Vec::new(),
                elapsed_ms: 0,
            })?;
        }
        Ok(())
    }

    /// Takes in what units said: all of it is written, then made durable at once if some of it must be, and
    /// only then may they go on.
    fn take(&mut self, batch: &mut Vec<Message>) -> Result<(), EngineError> {
        self.show();
        let mut waiting = Vec::new();
        let mut must_sync = false;
        for message in batch.drain(..) {
            match message {
                Message::Record { event, durable, done } => {
                    let fits = !self.is_too_late(&event);
                    if fits {
                        self.record(*event)?;
                        must_sync |= durable;
                    }
                    waiting.push((done, fits));
                }
                Message::Reading { site, reading } => {
                    let reading = self.masker.reading(reading);
                    self.journal
                        .reading(to_micros(self.clock.now()), &site, &reading)?;
                    self.tell(Progress::Reading {
                        site: &site,
                        reading: &reading,
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
        for (done, fits) in waiting {
            // A unit that is gone waits for nothing.
            let _gone = done.send(fits);
        }
        Ok(())
    }

    /// Shows what was printed until now.
    fn show(&mut self) {
        for _ in 0..ROOM {
            let Ok(shown) = self.to_show.try_recv() else {
                return;
            };
            self.tell_shown(&shown);
        }
    }

    fn tell_shown(&mut self, shown: &Shown) {
        self.tell(Progress::Output {
            step: &shown.step,
            stream: shown.stream,
            bytes: &shown.bytes,
        });
    }

    /// Whether something would begin although the run is stopping: what a unit was about to do when the stop
    /// came is not done any more.
    fn is_too_late(&self, event: &Event) -> bool {
        let (Event::StepStarted { step } | Event::AttemptStarted { step, .. }) = event else {
            return false;
        };
        read(&self.state, |state| {
            let outline = state.run().map(|run| &run.outline);
            let known = outline.and_then(|outline| outline.steps.get(state.position(step)?));
            // A failure in the same batch has not led to a stop yet, and will.
            let stops =
                state.stop().is_some() || outline.is_some_and(|outline| stop_for(state, outline).is_some());
            stops && known.is_some_and(|known| known.section == Section::Steps)
        })
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
        watched(&mut self.observers, |observer| observer.event(&record, &state));
        drop(state);
        self.unsynced.get_or_insert_with(|| self.clock.monotonic());
        Ok(())
    }

    fn tell(&mut self, progress: Progress<'_>) {
        watched(&mut self.observers, |observer| observer.progress(&progress));
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
        self.context.stops.reads.raise(urgency);
        self.context.stops.changes.raise(urgency);
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

/// Tells everybody who watches. One that panics is told nothing more: watching cannot stop a run.
fn watched(observers: &mut Vec<Box<dyn Observer>>, mut tell: impl FnMut(&mut dyn Observer)) {
    observers.retain_mut(|observer| catch_unwind(AssertUnwindSafe(|| tell(&mut **observer))).is_ok());
}

async fn wait_until(clock: &dyn Clock, until: Option<Duration>) {
    match until {
        Some(until) => clock.wait_until(until).await,
        None => std::future::pending().await,
    }
}
