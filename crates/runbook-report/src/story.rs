//! A run, folded, with what the fold does not keep: every attempt, and the order of changes.

mod spans;

use std::collections::HashMap;

use jiff::Timestamp;
use runbook_action::{ErrorKind, Failure};
use runbook_event::{
    AttemptEnd, CheckOutline, CheckRole, CheckSite, CheckState, Course, Event, FrameKind, Notice, Outcome,
    OutputRef, Phase, Record, RunResumed, RunStarted, RunState, StepOutline, StepState, Stop, StopCause,
    TimedReading, TransitionError,
};
use thiserror::Error;

use self::spans::Spans;
pub(crate) use self::spans::{Span, SpanEnd, SpanKind};
use crate::words::then;

/// The records cannot be told as a run.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// There are none.
    #[error("the run has no record")]
    Empty,
    /// One of them cannot have happened after those before it.
    #[error(transparent)]
    Misfit(#[from] TransitionError),
}

/// What stands beside the records of a run: what proves that they are its own, and what they point to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Evidence<'a> {
    /// The hash of the journal's last line.
    pub head: &'a str,
    /// The readings that are no events, in their order.
    pub readings: &'a [TimedReading],
    /// The texts that were pinned when the run began, by name.
    pub texts: &'a [(String, Vec<u8>)],
    /// What stands in the run's directory beside the journal, and could not be read.
    pub unread: &'a [&'a str],
}

impl<'a> Evidence<'a> {
    /// With nothing but the hash of the journal's last line.
    #[must_use]
    pub const fn new(head: &'a str) -> Self {
        Self {
            head,
            readings: &[],
            texts: &[],
            unread: &[],
        }
    }
}

/// An attempt of a step.
pub(crate) struct Attempt<'a> {
    pub(crate) number: u32,
    pub(crate) end: Option<(&'a AttemptEnd, u64)>,
    pub(crate) output: &'a [OutputRef],
}

/// What made a change take effect, or the undoing of one.
pub(crate) struct Then<'a> {
    pub(crate) undoing: bool,
    pub(crate) attempt: Attempt<'a>,
}

/// What the fold does not keep of an instance.
#[derive(Default)]
struct Past<'a> {
    attempts: Vec<Attempt<'a>>,
    thens: Vec<Then<'a>>,
    /// The undos that failed and were tried once more.
    retried: Vec<(u32, &'a Failure)>,
    undo_ms: Option<u64>,
    asked: Option<&'a str>,
    /// Whether it may have changed something.
    changed: bool,
}

/// From a beginning of the run, or from where it went on, to its end or the next of these.
pub(crate) struct Session<'a> {
    pub(crate) at: Timestamp,
    /// How it went on. None for the first.
    pub(crate) resumed: Option<&'a RunResumed>,
    pub(crate) stop: Option<&'a Stop>,
    pub(crate) end: Option<(Outcome, Timestamp)>,
}

/// Which part of a run an instance belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Steps,
    Finally,
    Undo,
}

impl Part {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Steps => "steps",
            Self::Finally => "finally",
            Self::Undo => "undo",
        }
    }
}

/// What is known of a step: what the runbook says, and what happened.
#[derive(Clone, Copy)]
pub(crate) struct Step<'a> {
    pub(crate) at: usize,
    pub(crate) outline: &'a StepOutline,
    pub(crate) state: &'a StepState,
    pub(crate) part: Part,
    pub(crate) attempts: &'a [Attempt<'a>],
    pub(crate) thens: &'a [Then<'a>],
    /// The undos that failed and were tried once more.
    pub(crate) retried: &'a [(u32, &'a Failure)],
    /// How long its undo took.
    pub(crate) undo_ms: Option<u64>,
    /// What a person was asked.
    pub(crate) asked: Option<&'a str>,
}

impl Step<'_> {
    /// The word for where it stands. What was stopped from outside did not fail.
    pub(crate) fn status_word(&self) -> &'static str {
        if self.was_cancelled() {
            "cancelled"
        } else {
            self.state.status.word()
        }
    }

    /// Whether it was stopped from outside.
    pub(crate) fn was_cancelled(&self) -> bool {
        let failure = self.state.failure.as_ref();
        failure.is_some_and(|failure| failure.kind == ErrorKind::Cancelled)
    }

    /// How long it took from its turn to its end, in milliseconds.
    pub(crate) fn elapsed_ms(&self) -> Option<u64> {
        between(self.state.started_at?, self.state.ended_at?)
    }
}

/// A run, folded.
pub(crate) struct Story<'a> {
    pub(crate) records: &'a [Record],
    /// How many things of one kind a section tells of. All, but where a page would become too large.
    pub(crate) most: usize,
    pub(crate) run: &'a RunStarted,
    pub(crate) started_at: Timestamp,
    pub(crate) state: RunState,
    pub(crate) sessions: Vec<Session<'a>>,
    pub(crate) notices: Vec<(Timestamp, &'a Notice)>,
    /// The instances as people read them, and how deep each stands.
    order: Vec<(usize, usize)>,
    past: Vec<Past<'a>>,
    spans: Spans,
    checks: HashMap<String, Vec<usize>>,
    checks_within: HashMap<String, Vec<usize>>,
    changed: Vec<usize>,
    undone: Vec<usize>,
    rolled_back: bool,
    stopping: bool,
    cancelled: Vec<usize>,
}

impl<'a> Story<'a> {
    pub(crate) fn new(records: &'a [Record]) -> Result<Self, Error> {
        let first = records.first().ok_or(Error::Empty)?;
        let Event::RunStarted(run) = &first.event else {
            // Nothing else can be the first: the fold says so.
            RunState::new().apply(first)?;
            return Err(Error::Empty);
        };
        let mut story = Self {
            records,
            most: usize::MAX,
            run,
            started_at: first.at,
            state: RunState::new(),
            sessions: Vec::new(),
            notices: Vec::new(),
            order: Vec::new(),
            past: Vec::new(),
            spans: Spans::default(),
            checks: HashMap::new(),
            checks_within: HashMap::new(),
            changed: Vec::new(),
            undone: Vec::new(),
            rolled_back: false,
            stopping: false,
            cancelled: Vec::new(),
        };
        let mut before = first.at;
        for record in records {
            story.state.apply(record)?;
            story.spans.note(&record.event, record.at, before, &story.state);
            before = record.at;
            // An instance's id may come to mean another one later, so what belongs to it is noted at once.
            let known = story.state.steps().len();
            story.past.resize_with(known, Past::default);
            story.note_session(record);
            story.note(&record.event);
        }
        story.spans.close(before);
        story.order = story.state.in_order();
        for (at, site) in story.state.checks().keys().enumerate() {
            if let Some(step) = &site.step {
                story.checks.entry(step.clone()).or_default().push(at);
            }
            if let Some(within) = &site.within {
                story.checks_within.entry(within.clone()).or_default().push(at);
            }
        }
        Ok(story)
    }

    fn note_session(&mut self, record: &'a Record) {
        let at = record.at;
        let begun = |resumed| Session {
            at,
            resumed,
            stop: None,
            end: None,
        };
        match (&record.event, self.sessions.last_mut()) {
            (Event::RunStarted(_), _) => self.sessions.push(begun(None)),
            (Event::RunResumed(resumed), _) => self.sessions.push(begun(Some(resumed))),
            (Event::Stopping { within: None, stop }, Some(session)) => session.stop = Some(stop),
            (Event::RunEnded { outcome, .. }, Some(session)) => session.end = Some((*outcome, at)),
            (Event::Noted { notice }, _) => self.notices.push((at, notice)),
            _ => {}
        }
    }

    /// What the fold does not keep of the instance that an event is about.
    fn past(&mut self, step: &str) -> Option<&mut Past<'a>> {
        let at = self.state.position(step)?;
        self.past.get_mut(at)
    }

    fn note(&mut self, event: &'a Event) {
        match event {
            Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::ThenStarted { .. }
            | Event::ThenEnded { .. } => self.note_attempt(event),
            Event::UndoStarted { .. } | Event::UndoRetried { .. } | Event::UndoEnded { .. } => {
                self.note_undo(event);
            }
            Event::ApprovalAsked { step, message, .. } => {
                if let Some(past) = self.past(step) {
                    past.asked = Some(message);
                }
            }
            Event::StepFailed { step, failure } => {
                if self.stopping && failure.kind == ErrorKind::Cancelled {
                    self.cancelled.extend(self.state.position(step));
                }
            }
            Event::Stopping { .. } | Event::TimedOut { .. } => self.stopping = true,
            Event::PhaseStarted { within, phase } => {
                self.rolled_back |= within.is_none() && *phase == Phase::Rollback;
            }
            Event::RunStarted(_)
            | Event::RunResumed(_)
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::CheckEnded { .. }
            | Event::StepStarted { .. }
            | Event::StepSkipped { .. }
            | Event::Entered { .. }
            | Event::ApprovalAnswered { .. }
            | Event::BeforeTaken { .. }
            | Event::HandleKept { .. }
            | Event::RetryPlanned { .. }
            | Event::Adopted { .. }
            | Event::Doubted { .. }
            | Event::StepDone { .. }
            | Event::RunbookEnded { .. }
            | Event::Noted { .. }
            | Event::Note(_)
            | Event::RunEnded { .. } => {}
        }
    }

    fn note_attempt(&mut self, event: &'a Event) {
        if let Event::AttemptStarted {
            step,
            attempt,
            intent,
        } = event
        {
            let at = self.state.position(step);
            if let Some(past) = self.past(step) {
                past.attempts.push(Attempt::begun(*attempt));
                let first = !past.changed && intent.effect > runbook_action::Effect::Read;
                past.changed |= first;
                self.changed.extend(at.filter(|_| first));
            }
        }
        if let Event::AttemptEnded {
            step,
            end,
            output,
            elapsed_ms,
            ..
        } = event
            && let Some(attempt) = self.past(step).and_then(|past| past.attempts.last_mut())
        {
            attempt.ends(end, *elapsed_ms, output);
        }
        if let Event::ThenStarted {
            step,
            number,
            undoing,
            ..
        } = event
            && let Some(past) = self.past(step)
        {
            past.thens.push(Then {
                undoing: *undoing,
                attempt: Attempt::begun(*number),
            });
        }
        if let Event::ThenEnded {
            step,
            end,
            output,
            elapsed_ms,
            ..
        } = event
            && let Some(then) = self.past(step).and_then(|past| past.thens.last_mut())
        {
            then.attempt.ends(end, *elapsed_ms, output);
        }
    }

    fn note_undo(&mut self, event: &'a Event) {
        if let Event::UndoStarted { step, .. } = event {
            // What is undone once more counts where that happened.
            let at = self.state.position(step);
            self.undone.retain(|known| Some(*known) != at);
            self.undone.extend(at);
        }
        if let Event::UndoRetried {
            step,
            attempt,
            failure,
            ..
        } = event
            && let Some(past) = self.past(step)
        {
            past.retried.push((attempt.saturating_sub(1), failure));
        }
        if let Event::UndoEnded { step, elapsed_ms, .. } = event
            && let Some(past) = self.past(step)
        {
            past.undo_ms = Some(*elapsed_ms);
        }
    }

    /// All steps as people read them: what stands within a step follows it.
    pub(crate) fn steps(&self) -> impl Iterator<Item = Step<'_>> {
        self.nested().map(|(_, step)| step)
    }

    /// All steps as people read them, and how deep each stands.
    pub(crate) fn nested(&self) -> impl Iterator<Item = (usize, Step<'_>)> {
        self.order
            .iter()
            .filter_map(|(depth, at)| Some((*depth, self.at(*at)?)))
    }

    /// What happened to a step from when to when.
    pub(crate) fn spans_of(&self, step: &Step<'_>) -> &[Span] {
        self.spans.of(step.at)
    }

    /// The steps that may have changed something, in the order in which they did. Those of undos are not among them.
    pub(crate) fn changed(&self) -> impl Iterator<Item = Step<'_>> {
        let changed = self.changed.iter().filter_map(|at| self.at(*at));
        changed.filter(|step| step.part != Part::Undo)
    }

    /// The steps whose undo began, in that order.
    pub(crate) fn undone(&self) -> impl Iterator<Item = Step<'_>> {
        self.undone.iter().filter_map(|at| self.at(*at))
    }

    /// The steps that failed only because the run was stopping.
    pub(crate) fn cancelled(&self) -> impl Iterator<Item = Step<'_>> {
        let cancelled = self.cancelled.iter().filter_map(|at| self.at(*at));
        cancelled.filter(Step::was_cancelled)
    }

    /// Whether the undo of some step began, be it as a part of the procedure, or that of the whole run.
    pub(crate) fn turned_back(&self) -> bool {
        self.rolled_back || !self.undone.is_empty()
    }

    /// Whether undoing the whole run began.
    pub(crate) fn rolled_back(&self) -> bool {
        self.rolled_back
    }

    /// What stopped the run: what it was that time, also where a person wanted it undone later.
    pub(crate) fn stop(&self) -> Option<&Stop> {
        let stop = self.state.stop()?;
        match stop.cause {
            StopCause::Person { .. } => {
                let earlier = self.sessions.iter().rev().find_map(|session| session.stop);
                Some(earlier.unwrap_or(stop))
            }
            StopCause::StepFailed { .. }
            | StopCause::Rejected { .. }
            | StopCause::VerifyFailed { .. }
            | StopCause::GuardTripped { .. }
            | StopCause::TimedOut
            | StopCause::Parent
            | StopCause::Signal { .. } => Some(stop),
        }
    }

    /// How long the run took, in milliseconds: from its first beginning, where it did not go through at once.
    pub(crate) fn elapsed_ms(&self) -> Option<u64> {
        let last = self.state.elapsed_ms()?;
        if self.sessions.len() < 2 {
            return Some(last);
        }
        between(self.started_at, self.state.ended_at()?)
    }

    /// Whether the run ended so that what is left of it happens once it goes on.
    pub(crate) fn goes_on(&self) -> bool {
        matches!(self.state.outcome(), Some(Outcome::Unknown | Outcome::Waiting))
    }

    /// When the last record was made.
    pub(crate) fn last_at(&self) -> Timestamp {
        self.records.last().map_or(self.started_at, |record| record.at)
    }

    /// The step with this id.
    pub(crate) fn step(&self, id: &str) -> Option<Step<'_>> {
        self.at(self.state.position(id)?)
    }

    /// The step at a position.
    pub(crate) fn at(&self, at: usize) -> Option<Step<'_>> {
        let (state, past) = (self.state.steps().get(at)?, self.past.get(at)?);
        Some(Step {
            at,
            outline: &state.outline,
            state,
            part: self.part(at),
            attempts: &past.attempts,
            thens: &past.thens,
            retried: &past.retried,
            undo_ms: past.undo_ms,
            asked: past.asked,
        })
    }

    /// The sub-runbook that was the work of a step.
    pub(crate) fn course(&self, step: &Step<'_>) -> Option<&Course> {
        self.state.courses().get(step.state.course?)
    }

    fn part(&self, at: usize) -> Part {
        let mut part = Part::Steps;
        let mut here = Some(at);
        while let Some(frame) = here
            .and_then(|at| self.state.steps().get(at))
            .and_then(|step| self.state.frames().get(step.frame))
        {
            match frame.kind {
                FrameKind::Undo => return Part::Undo,
                FrameKind::Finally => part = Part::Finally,
                FrameKind::Steps
                | FrameKind::Group
                | FrameKind::Items { .. }
                | FrameKind::Rounds
                | FrameKind::Branches { .. }
                | FrameKind::Alternatives => {}
            }
            let course = || self.state.courses().get(frame.course);
            here = frame.owner.or_else(|| course().and_then(|course| course.owner));
        }
        part
    }

    /// The checks of a step, in the order in which they were first asked.
    pub(crate) fn checks_of(&self, id: &str) -> impl Iterator<Item = (&CheckSite, &CheckState)> {
        let known = self.checks.get(id).into_iter().flatten();
        known.filter_map(|at| self.state.checks().get_index(*at))
    }

    /// The checks of the sub-runbook within a step, in the order in which they were first asked.
    pub(crate) fn checks_within(&self, id: &str) -> impl Iterator<Item = (&CheckSite, &CheckState)> {
        let known = self.checks_within.get(id).into_iter().flatten();
        known.filter_map(|at| self.state.checks().get_index(*at))
    }

    /// The checks of a part of the run, or of the sub-runbook within a step, in the order in which they were first
    /// asked.
    pub(crate) fn checks_for<'b>(
        &'b self,
        within: Option<&'b str>,
        role: CheckRole,
    ) -> impl Iterator<Item = (&'b CheckSite, &'b CheckState)> {
        let checks = self.state.checks().iter();
        checks.filter(move |(site, _)| site.role == role && site.within.as_deref() == within)
    }

    /// A check of a part of the run, or of the sub-runbook within a step.
    pub(crate) fn check(
        &self,
        within: Option<&str>,
        role: CheckRole,
        check: &CheckOutline,
    ) -> Option<&CheckState> {
        let site = CheckSite {
            within: within.map(str::to_owned),
            role,
            step: None,
            check: check.id.clone(),
        };
        self.state.checks().get(&site)
    }

    /// All that programs printed, in the order of the records, with the step and what it was of it.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&'a str, String, &'a OutputRef)> + '_ {
        self.records.iter().flat_map(|record| {
            let (step, part, output) = match &record.event {
                Event::AttemptEnded {
                    step,
                    attempt,
                    output,
                    ..
                } => (step.as_str(), format!("attempt {attempt}"), output.as_slice()),
                Event::ThenEnded {
                    step,
                    number,
                    undoing,
                    output,
                    ..
                } => (step.as_str(), then(*number, *undoing), output.as_slice()),
                Event::UndoEnded { step, output, .. } => {
                    (step.as_str(), "undo".to_owned(), output.as_slice())
                }
                Event::RunStarted(_)
                | Event::RunResumed(_)
                | Event::PhaseStarted { .. }
                | Event::CheckStarted { .. }
                | Event::CheckRead { .. }
                | Event::CheckEnded { .. }
                | Event::StepStarted { .. }
                | Event::StepSkipped { .. }
                | Event::Entered { .. }
                | Event::TimedOut { .. }
                | Event::ApprovalAsked { .. }
                | Event::ApprovalAnswered { .. }
                | Event::BeforeTaken { .. }
                | Event::AttemptStarted { .. }
                | Event::HandleKept { .. }
                | Event::RetryPlanned { .. }
                | Event::ThenStarted { .. }
                | Event::Adopted { .. }
                | Event::Doubted { .. }
                | Event::StepDone { .. }
                | Event::StepFailed { .. }
                | Event::Stopping { .. }
                | Event::UndoStarted { .. }
                | Event::UndoRetried { .. }
                | Event::RunbookEnded { .. }
                | Event::Noted { .. }
                | Event::Note(_)
                | Event::RunEnded { .. } => ("", String::new(), [].as_slice()),
            };
            output.iter().map(move |output| (step, part.clone(), output))
        })
    }
}

impl<'a> Attempt<'a> {
    const fn begun(number: u32) -> Self {
        Self {
            number,
            end: None,
            output: &[],
        }
    }

    fn ends(&mut self, end: &'a AttemptEnd, elapsed_ms: u64, output: &'a [OutputRef]) {
        self.end = Some((end, elapsed_ms));
        self.output = output;
    }
}

/// From one time to a later one, in milliseconds.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> Option<u64> {
    u64::try_from(to.duration_since(from).as_millis()).ok()
}
