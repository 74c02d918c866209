//! The spans of a run, as its records open and close them.

use std::collections::HashMap;

use jiff::Timestamp;
use runbook_event::{AttemptEnd, Event, Intent, Note, Outcome, Record, RunStarted, RunState, UndoEnd};
use serde_json::{Value, json};

use super::{INTERNAL, event, flag, id, nanos, number, text};
use crate::story::Error;
use crate::text::visible;
use crate::words::{describe, step_title};

/// A span. Its code is that of OTLP: 0 is not said, 1 is well, 2 is an error.
struct Span {
    id: String,
    parent: Option<String>,
    name: String,
    from: Timestamp,
    to: Option<Timestamp>,
    code: u8,
    message: String,
    attributes: Vec<Value>,
    events: Vec<Value>,
}

/// What a span is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    Step(String),
    Attempt(String),
    Undo(String),
}

/// The spans of a run.
pub(super) struct Spans<'a> {
    run: &'a RunStarted,
    trace: String,
    state: RunState,
    /// The first is the run.
    all: Vec<Span>,
    open: HashMap<Of, usize>,
}

impl<'a> Spans<'a> {
    pub(super) fn of(records: &'a [Record]) -> Result<Self, Error> {
        let first = records.first().ok_or(Error::Empty)?;
        let Event::RunStarted(run) = &first.event else {
            return Err(Error::Empty);
        };
        let mut spans = Self {
            run,
            trace: id(&["trace", &run.run], 16),
            state: RunState::new(),
            all: Vec::new(),
            open: HashMap::new(),
        };
        spans.begin(first.at, None, &run.runbook.title, about(run));
        for record in records {
            spans.state.apply(record)?;
            spans.take(record);
        }
        // What a crash left open ends with what is known last.
        if let Some(last) = spans.state.counted_to() {
            let open: Vec<usize> = spans.open.values().copied().collect();
            for at in open {
                spans.end(at, last, 2, "its end is not known");
            }
            if let Some(run) = spans.all.first_mut() {
                run.to.get_or_insert(last);
            }
        }
        Ok(spans)
    }

    fn begin(&mut self, at: Timestamp, parent: Option<usize>, name: &str, attributes: Vec<Value>) -> usize {
        let number = self.all.len();
        let parent = parent.and_then(|at| self.all.get(at)).map(|span| span.id.clone());
        self.all.push(Span {
            id: id(&["span", &self.run.run, &number.to_string()], 8),
            parent,
            name: visible(name),
            from: at,
            to: None,
            code: 0,
            message: String::new(),
            attributes,
            events: Vec::new(),
        });
        number
    }

    fn end(&mut self, at: usize, time: Timestamp, code: u8, message: &str) {
        if let Some(span) = self.all.get_mut(at) {
            span.to = Some(time);
            span.code = code;
            span.message = visible(message);
        }
    }

    fn close(&mut self, of: &Of, time: Timestamp, code: u8, message: &str) {
        if let Some(at) = self.open.remove(of) {
            self.end(at, time, code, message);
        }
    }

    /// The span in which a step stands: that of the step around it, or that of the run.
    fn around(&self, step: &str) -> usize {
        let owner = || {
            let frame = self.state.frames().get(self.state.step(step)?.frame)?;
            let course = || self.state.courses().get(frame.course)?.owner;
            let owner = self.state.steps().get(frame.owner.or_else(course)?)?;
            self.open.get(&Of::Step(owner.id.clone())).copied()
        };
        owner().unwrap_or(0)
    }

    fn of_step(&self, step: Option<&str>) -> usize {
        let open = step.and_then(|step| self.open.get(&Of::Step(step.to_owned())));
        open.copied().unwrap_or(0)
    }

    fn say(&mut self, span: usize, said: Value) {
        if let Some(span) = self.all.get_mut(span) {
            span.events.push(said);
        }
    }

    fn take(&mut self, record: &Record) {
        let at = record.at;
        if let Some(name) = said(&record.event) {
            self.tell(record, name);
        }
        match &record.event {
            Event::StepStarted { step } => {
                let title = step_title(step, &self.state);
                let around = self.around(step);
                let span = self.begin(at, Some(around), &title, vec![text("runbook.step", step)]);
                self.open.insert(Of::Step(step.clone()), span);
            }
            Event::StepDone { step, .. } => self.close(&Of::Step(step.clone()), at, 1, ""),
            Event::StepFailed { step, failure } => {
                self.close(&Of::Step(step.clone()), at, 2, &failure.to_string());
            }
            Event::StepSkipped { step, .. } => {
                self.close(&Of::Step(step.clone()), at, 0, "");
            }
            Event::AttemptStarted {
                step,
                attempt,
                intent,
            } => self.attempt(at, step, *attempt, intent),
            Event::UndoStarted {
                step,
                attempt,
                intent,
            } => self.undo(at, step, *attempt, intent),
            Event::UndoRetried { step, failure, .. } => {
                self.close(&Of::Undo(step.clone()), at, 2, &failure.to_string());
            }
            Event::UndoEnded { step, end, .. } => self.undone(at, step, end),
            Event::AttemptEnded { step, end, .. } => {
                let of = Of::Attempt(step.clone());
                match end {
                    AttemptEnd::Succeeded => self.close(&of, at, 1, ""),
                    AttemptEnd::Failed { failure } => self.close(&of, at, 2, &failure.to_string()),
                }
            }
            Event::Note(note) => self.say(0, noted(at, record.seq, note)),
            Event::RunEnded { outcome, .. } => {
                let code = if is_well(*outcome) { 1 } else { 2 };
                let message = if code == 1 { "" } else { outcome.meaning() };
                self.end(0, at, code, message);
            }
            Event::RunResumed(_) => self.interrupt(at),
            Event::RunStarted(_)
            | Event::CheckEnded { .. }
            | Event::ApprovalAsked { .. }
            | Event::ApprovalAnswered { .. }
            | Event::Stopping { .. }
            | Event::Noted { .. }
            | Event::PhaseStarted { .. }
            | Event::CheckStarted { .. }
            | Event::CheckRead { .. }
            | Event::Entered { .. }
            | Event::TimedOut { .. }
            | Event::BeforeTaken { .. }
            | Event::HandleKept { .. }
            | Event::RetryPlanned { .. }
            | Event::ThenStarted { .. }
            | Event::ThenEnded { .. }
            | Event::Adopted { .. }
            | Event::Doubted { .. }
            | Event::RunbookEnded { .. } => {}
        }
    }

    /// The step itself ended before, so its undo stands in what stands around it.
    fn undo(&mut self, at: Timestamp, step: &str, attempt: u32, intent: &Intent) {
        let attributes = vec![
            text("runbook.step", step),
            number("runbook.attempt", u64::from(attempt)),
            text("runbook.action", &intent.kind),
            flag("runbook.undo", true),
        ];
        let around = self.around(step);
        let name = format!("undo {}: {}", step_title(step, &self.state), intent.summary);
        let span = self.begin(at, Some(around), &name, attributes);
        self.open.insert(Of::Undo(step.to_owned()), span);
    }

    fn undone(&mut self, at: Timestamp, step: &str, end: &UndoEnd) {
        let of = Of::Undo(step.to_owned());
        match end {
            UndoEnd::Undone => self.close(&of, at, 1, ""),
            UndoEnd::Failed { failure } => self.close(&of, at, 2, &failure.to_string()),
        }
    }

    fn attempt(&mut self, at: Timestamp, step: &str, attempt: u32, intent: &Intent) {
        let attributes = vec![
            text("runbook.step", step),
            number("runbook.attempt", u64::from(attempt)),
            text("runbook.action", &intent.kind),
        ];
        let parent = self.of_step(Some(step));
        let name = format!("attempt {attempt}: {}", intent.summary);
        let span = self.begin(at, Some(parent), &name, attributes);
        self.open.insert(Of::Attempt(step.to_owned()), span);
    }

    /// What was at work when the process ended is known no further than to the last record before.
    fn interrupt(&mut self, at: Timestamp) {
        let attempts: Vec<Of> = self
            .open
            .keys()
            .filter(|of| !matches!(of, Of::Step(_)))
            .cloned()
            .collect();
        for of in attempts {
            self.close(&of, at, 2, "its end is not known");
        }
        if let Some(run) = self.all.first_mut() {
            (run.to, run.code) = (None, 0);
            run.message.clear();
        }
    }

    /// An event on the span of its step, or on that of the run.
    fn tell(&mut self, record: &Record, name: &str) {
        let span = self.of_step(record.event.step());
        let told = text("runbook.text", &describe(&record.event, &self.state));
        let said = event(record.at, name, &[told, number("runbook.seq", record.seq)]);
        self.say(span, said);
    }

    pub(super) fn finish(self) -> Value {
        let trace = &self.trace;
        let spans: Vec<Value> = self.all.into_iter().map(|span| written(trace, span)).collect();
        let host = text("host.name", &self.run.who.host);
        json!({
            "resource": {"attributes": [text("service.name", "runbook"), host]},
            "scopeSpans": [{
                "scope": {"name": "runbook", "version": self.run.engine},
                "spans": spans,
            }],
        })
    }
}

/// What an event is called on the span of its step, or on that of the run, for those that are events there.
const fn said(event: &Event) -> Option<&'static str> {
    Some(match event {
        Event::RunResumed(_) => "resumed",
        Event::PhaseStarted { .. } => "phase",
        Event::CheckEnded { .. } => "check",
        Event::StepSkipped { .. } => "skipped",
        Event::ApprovalAsked { .. } => "asked",
        Event::ApprovalAnswered { .. } => "answered",
        Event::Adopted { .. } => "adopted",
        Event::Doubted { .. } => "doubted",
        Event::TimedOut { .. } => "timed out",
        Event::Stopping { .. } => "stopping",
        Event::Noted { .. } => "notice",
        Event::RunStarted(_)
        | Event::CheckStarted { .. }
        | Event::CheckRead { .. }
        | Event::StepStarted { .. }
        | Event::Entered { .. }
        | Event::BeforeTaken { .. }
        | Event::AttemptStarted { .. }
        | Event::HandleKept { .. }
        | Event::AttemptEnded { .. }
        | Event::RetryPlanned { .. }
        | Event::ThenStarted { .. }
        | Event::ThenEnded { .. }
        | Event::StepDone { .. }
        | Event::StepFailed { .. }
        | Event::UndoStarted { .. }
        | Event::UndoRetried { .. }
        | Event::UndoEnded { .. }
        | Event::RunbookEnded { .. }
        | Event::Note(_)
        | Event::RunEnded { .. } => return None,
    })
}

/// What is known of a run when it begins.
fn about(run: &RunStarted) -> Vec<Value> {
    let mut attributes = vec![
        text("runbook.run", &run.run),
        text("runbook.name", &run.runbook.name),
        text("runbook.version", &run.runbook.version),
        text("runbook.user", &run.who.user),
    ];
    let known = [
        ("runbook.incident", &run.incident),
        ("runbook.environment", &run.environment),
        ("runbook.severity", &run.runbook.severity),
    ];
    for (key, value) in known {
        attributes.extend(value.as_ref().map(|value| text(key, value)));
    }
    attributes
}

/// What a person wrote, when that person claims that it was.
fn noted(at: Timestamp, seq: u64, note: &Note) -> Value {
    let mut attributes = vec![
        text("runbook.text", &note.text),
        text("runbook.note.kind", note.kind.word()),
        text("runbook.note.by", &note.by.user),
        flag("runbook.note.claimed", note.happened_at.is_some()),
        number("runbook.seq", seq),
    ];
    attributes.extend(
        note.corrects
            .map(|corrects| number("runbook.note.corrects", corrects)),
    );
    event(note.happened_at.unwrap_or(at), "note", &attributes)
}

fn written(trace: &str, span: Span) -> Value {
    let mut value = json!({
        "traceId": trace,
        "spanId": span.id,
        "name": span.name,
        "kind": INTERNAL,
        "startTimeUnixNano": nanos(span.from),
        "endTimeUnixNano": nanos(span.to.unwrap_or(span.from).max(span.from)),
        "attributes": span.attributes,
        "events": span.events,
        "status": if span.message.is_empty() {
            json!({"code": span.code})
        } else {
            json!({"code": span.code, "message": span.message})
        },
    });
    if let (Some(parent), Some(object)) = (span.parent, value.as_object_mut()) {
        object.insert("parentSpanId".to_owned(), json!(parent));
    }
    value
}

const fn is_well(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Resolved | Outcome::NotNeeded => true,
        Outcome::Failed
        | Outcome::RolledBack
        | Outcome::RollbackFailed
        | Outcome::Rejected
        | Outcome::Waiting
        | Outcome::Unknown
        | Outcome::CleanupFailed
        | Outcome::Interrupted => false,
    }
}
