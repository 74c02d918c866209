//! The dispatcher: it does what the scheduler decides, and gives all events one order.

mod brakes;
mod faults;
mod requests;
mod sections;
mod signals;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use runbook_event::{
    Event, Into, Journal, JournalError, Observer, OnFailure, Outcome, Progress, Record, RunState,
    TransitionError, UndoStatus,
};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{Id, JoinSet};

use self::brakes::Brakes;
use crate::brake::Urgency;
use crate::courses::Courses;
use crate::message::{Message, ROOM, Shown};
use crate::prepare::to_micros;
use crate::scheduler::{Decision, Unit, Work, decide, over_time_at};
use crate::transports::Transports;
use crate::unit::{self, Context, Run};
use crate::view::{Shared, read};
use crate::{Clock, OnHangup, Ports, Prepared, Request, Signal};

/// At the latest so long after an event it is durable.
const SYNC_AFTER: Duration = Duration::from_secs(1);

/// A run that has ended.
#[derive(Debug)]
pub struct Finished {
    /// How.
    pub outcome: Outcome,
    /// Its last state.
    pub state: RunState,
    /// Its outputs: the values, or why one of them has none.
    pub outputs: Result<indexmap::IndexMap<String, serde_json::Value>, String>,
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
        let brakes = Brakes::after(&self.state);
        let state: Shared = Arc::new(RwLock::new(self.state));
        let run = Arc::new(Run {
            id: self.run,
            state: Arc::clone(&state),
            catalogue: self.catalogue,
            courses: self.courses,
            transports: Transports::default(),
            masks: self.masks,
            live: self.live,
            clock: Arc::clone(&ports.clock),
            approver: ports.approver,
            locks: ports.locks,
            places: Arc::new(tokio::sync::Semaphore::new(self.max_parallel)),
            to,
            shown,
        });
        let mut dispatcher = Dispatcher {
            state,
            run,
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
            on_hangup: ports.on_hangup,
            asked: None,
            brakes,
        };
        for event in self.first {
            dispatcher.record(event)?;
        }
        dispatcher.sync()?;
        let outside = Outside {
            signals: ports.signals,
            requests: ports.requests,
        };
        dispatcher.serve(from, outside).await
    }
}

/// What comes from outside.
struct Outside {
    signals: mpsc::UnboundedReceiver<Signal>,
    requests: mpsc::UnboundedReceiver<Request>,
}

struct Dispatcher {
    state: Shared,
    run: Arc<Run>,
    begun: Duration,
    clock: Arc<dyn Clock>,
    journal: Box<dyn Journal>,
    observers: Vec<Box<dyn Observer>>,
    work: Work,
    tasks: JoinSet<()>,
    /// With how many rounds the step had when its end was begun, where that is what the unit does.
    units: HashMap<Id, (Unit, usize)>,
    /// Since when something is written and not yet durable.
    unsynced: Option<Duration>,
    to_show: mpsc::Receiver<Shown>,
    signals: u32,
    on_hangup: OnHangup,
    /// A person is asked what a signal is to do: its name, and the answer.
    asked: Option<(String, oneshot::Receiver<OnFailure>)>,
    brakes: Brakes,
}

impl Dispatcher {
    async fn serve(
        mut self,
        mut messages: mpsc::UnboundedReceiver<Message>,
        mut outside: Outside,
    ) -> Result<Finished, EngineError> {
        let result = self.drive(&mut messages, &mut outside).await;
        match result {
            Ok(_) => self.run.transports.close().await,
            // They are dropped with all else, and nothing is waited for.
            Err(EngineError::Left) => {}
            Err(EngineError::Journal(_) | EngineError::Contradiction(_) | EngineError::Stuck) => {
                drop(messages);
                self.give_up(&mut outside.signals).await;
                self.run.transports.close().await;
            }
        }
        result
    }

    /// Nothing can be kept any more. What runs is told to stop, and gets the time to do so; undos finish.
    async fn give_up(&mut self, signals: &mut mpsc::UnboundedReceiver<Signal>) {
        // Nobody shows anything any more: what prints must not wait for it.
        self.to_show.close();
        self.brakes.root().raise(Urgency::Stop);
        while !self.tasks.is_empty() {
            tokio::select! {
                biased;
                Some(_) = signals.recv() => {
                    self.signals += 1;
                    self.brakes.root().raise(Urgency::Now);
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
        outside: &mut Outside,
    ) -> Result<Finished, EngineError> {
        let mut batch = Vec::new();
        loop {
            if let Some(outcome) = self.advance()? {
                self.sync()?;
                return Ok(self.finished(outcome));
            }
            let sync_at = self.unsynced.map(|since| since + SYNC_AFTER);
            let due = self.due();
            // Signals and the sync come first: however much is said, they are not kept waiting.
            tokio::select! {
                biased;
                Some(signal) = outside.signals.recv() => self.signalled(&signal)?,
                then = answered(&mut self.asked), if self.asked.is_some() => self.interrupt(then)?,
                () = wait_until(&*self.clock, sync_at), if sync_at.is_some() => self.sync()?,
                () = wait_until(&*self.clock, due), if due.is_some() => {}
                Some(request) = outside.requests.recv() => self.requested(request)?,
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

    /// When something will have taken too long, by the monotonic clock.
    fn due(&self) -> Option<Duration> {
        let at = read(&self.state, |state| {
            let steps = state.timed().map(|(at, _)| at);
            steps.into_iter().chain(over_time_at(state)).min()
        })?;
        let left = at.duration_since(to_micros(self.clock.now()));
        Some(self.clock.monotonic() + Duration::try_from(left).unwrap_or_default())
    }

    fn now(&self) -> Timestamp {
        to_micros(self.clock.now())
    }

    /// Does what the scheduler decides until there is nothing to decide.
    fn advance(&mut self) -> Result<Option<Outcome>, EngineError> {
        loop {
            if self.asked.is_some() {
                return Ok(None);
            }
            let now = self.now();
            let decisions = read(&self.state, |state| decide(state, &self.work, now));
            if decisions.is_empty() {
                return if self.work.active.is_empty() {
                    Err(EngineError::Stuck)
                } else {
                    Ok(None)
                };
            }
            for decision in decisions {
                let stops = decision.may_stop();
                if let Some(outcome) = self.carry_out(decision)? {
                    return Ok(Some(outcome));
                }
                if stops {
                    // What was decided beside it may not begin any more.
                    break;
                }
            }
        }
    }

    fn carry_out(&mut self, decision: Decision) -> Result<Option<Outcome>, EngineError> {
        match decision {
            Decision::Enter(course, phase) => {
                let within = self.owner_of(course);
                self.record(Event::PhaseStarted { within, phase })?;
            }
            Decision::Start(unit) => self.start(unit)?,
            Decision::Begin(at) => {
                let step = self.id_of(at);
                self.record(Event::StepStarted { step })?;
            }
            Decision::Settle(at, failure) => {
                let step = self.id_of(at);
                self.record(match failure {
                    Some(failure) => Event::StepFailed { step, failure },
                    None => Event::StepDone {
                        step,
                        values: indexmap::IndexMap::new(),
                        sealed: None,
                    },
                })?;
            }
            Decision::Skip(at, reason) => {
                let step = self.id_of(at);
                self.record(Event::StepSkipped { step, reason })?;
            }
            Decision::Stop(course, stop) => {
                let within = self.owner_of(course);
                self.record(Event::Stopping { within, stop })?;
            }
            Decision::TimeOut(at) => {
                let step = self.id_of(at);
                self.record(Event::TimedOut { step })?;
            }
            Decision::Unguard(course) => {
                self.work.unguarded.insert(course);
                self.brakes.unguard(course);
            }
            Decision::End(0, outcome) => {
                let elapsed = self.clock.monotonic().saturating_sub(self.begun);
                let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
                for notice in sections::written(&self.run, outcome) {
                    self.record(Event::Noted { notice })?;
                }
                self.record(Event::RunEnded { outcome, elapsed_ms })?;
                return Ok(Some(outcome));
            }
            Decision::End(course, outcome) => {
                let step = self.owner_of(course).unwrap_or_default();
                self.record(Event::RunbookEnded { step, outcome })?;
            }
        }
        Ok(None)
    }

    fn start(&mut self, unit: Unit) -> Result<(), EngineError> {
        let context = self.context_of(unit).ok_or(EngineError::Stuck)?;
        let task = self.tasks.spawn(unit::run(context, unit));
        self.units.insert(task.id(), (unit, self.rounds_of(unit)));
        self.work.active.insert(unit);
        Ok(())
    }

    /// What a unit works with: the runbook that it is part of, and its place in it.
    fn context_of(&mut self, unit: Unit) -> Option<Context> {
        let (course, frame, within) = read(&self.state, |state| {
            let frame = match unit {
                Unit::Checks(course, _) | Unit::Guard(course, _) => state.courses().get(course)?.steps,
                Unit::Step(at) | Unit::Close(at) | Unit::Undo(at) => state.steps().get(at)?.frame,
            };
            let course = state.frames().get(frame)?.course;
            let owner = state.courses().get(course)?.owner;
            let within = owner
                .and_then(|at| state.steps().get(at))
                .map(|step| step.id.clone());
            Some((course, frame, within))
        })?;
        let known = self.run.courses.get(within.as_deref())?;
        let mut scope = Courses::scope_at(&known, &self.run, frame, within.clone());
        for (name, value) in self.items(&known, frame) {
            scope = scope.with_root(&name, value);
        }
        let stops = match unit {
            Unit::Guard(..) => self.brakes.guard(course, &self.state),
            Unit::Close(at) => {
                // What comes after the last of what stands within a step stops with it.
                let inner = read(&self.state, |state| {
                    state.steps().get(at).and_then(|step| step.inner)
                });
                self.brakes.of(inner.unwrap_or(frame), &self.state)
            }
            Unit::Checks(..) | Unit::Step(_) | Unit::Undo(_) => self.brakes.of(frame, &self.state),
        };
        Some(Context {
            run: Arc::clone(&self.run),
            course: known,
            within,
            scope,
            stops,
            undos: self.brakes.undos(),
        })
    }

    /// The items of the loops around a frame, by the names that the author gave them.
    fn items(
        &self,
        course: &crate::courses::CourseRun,
        frame: usize,
    ) -> Vec<(String, runbook_plan::expression::Val)> {
        read(&self.state, |state| {
            let turns = state
                .turns(frame)
                .into_iter()
                .filter_map(|at| state.steps().get(at));
            turns
                .filter_map(|turn| {
                    let runbook_event::Role::Item { key, value } = &turn.role else {
                        return None;
                    };
                    let each = course.plan.step(&turn.outline.id)?.for_each.as_ref()?;
                    let owner = state.frames().get(turn.frame)?.owner?;
                    let owner = format!("into {}", state.steps().get(owner)?.id);
                    let kept = self.run.live.get(&owner, key);
                    Some((each.item.clone(), kept.unwrap_or_else(|| value.into())))
                })
                .collect()
        })
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
                    let reading = self.run.masks.now().reading(reading);
                    let now = self.now();
                    self.journal.reading(now, &site, &reading)?;
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

    /// Whether something would begin although what it stands in is stopping: what a unit was about to do when the
    /// stop came is not done any more.
    fn is_too_late(&self, event: &Event) -> bool {
        if let Event::UndoStarted { step, .. } = event {
            // A stop took back what was to be undone as part of the procedure.
            let undo = |state: &RunState| state.step(step).map(|step| step.undo);
            return read(&self.state, undo) == Some(UndoStatus::None);
        }
        let (Event::StepStarted { step } | Event::AttemptStarted { step, .. } | Event::Entered { step, .. }) =
            event
        else {
            return false;
        };
        if matches!(event, Event::Entered { into: Into::Undo, .. }) {
            return false;
        }
        // A person was asked what the signal is to do: until then nothing begins.
        let held = self.asked.is_some();
        read(&self.state, |state| {
            let at = state.position(step);
            let within = at
                .and_then(|at| state.steps().get(at))
                .and_then(|step| step.inner);
            let stopped = within
                .and_then(|at| state.frames().get(at))
                .is_some_and(|frame| frame.stopped);
            held || stopped || at.is_some_and(|at| !state.may_begin(at))
        })
    }

    fn record(&mut self, event: Event) -> Result<(), EngineError> {
        let event = self.run.masks.now().event(event);
        self.write(event)
    }

    /// Writes what is masked already.
    fn write(&mut self, event: Event) -> Result<(), EngineError> {
        let now = self.now();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // Also a clock that was set back does not make time go back within a run.
        let at = state.last_at().map_or(now, |last| last.max(now));
        let record = Record {
            seq: state.next_seq(),
            at,
            event,
        };
        state.apply(&record)?;
        self.journal.append(&record)?;
        watched(&mut self.observers, |observer| observer.event(&record, &state));
        drop(state);
        self.unsynced.get_or_insert_with(|| self.clock.monotonic());
        self.brakes.follow(&self.state);
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

    fn id_of(&self, at: usize) -> String {
        read(&self.state, |state| {
            state
                .steps()
                .get(at)
                .map(|step| step.id.clone())
                .unwrap_or_default()
        })
    }

    /// The step whose sub-runbook a course is.
    fn owner_of(&self, course: usize) -> Option<String> {
        read(&self.state, |state| {
            let owner = state.courses().get(course)?.owner?;
            state.steps().get(owner).map(|step| step.id.clone())
        })
    }

    fn finished(&self, outcome: Outcome) -> Finished {
        let outputs = match self.run.courses.get(None) {
            Some(course) if outcome == Outcome::Resolved => {
                let scope = Courses::scope(&course, &self.run, 0);
                let values = course.plan.outputs().iter().map(|(name, expression)| {
                    let value = expression.eval(&scope);
                    let value = value.map_err(|error| format!("output `{name}`: {error}"))?;
                    Ok((name.clone(), self.run.masks.now().value(value.to_json())))
                });
                values.collect()
            }
            Some(_) | None => Ok(indexmap::IndexMap::new()),
        };
        Finished {
            outcome,
            state: read(&self.state, RunState::clone),
            outputs,
        }
    }
}

/// The answer of the person who is asked what a signal is to do. Nobody who can be asked is a word for `hold`.
async fn answered(asked: &mut Option<(String, oneshot::Receiver<OnFailure>)>) -> OnFailure {
    match asked {
        Some((_, answer)) => answer.await.unwrap_or(OnFailure::Hold),
        None => std::future::pending().await,
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
