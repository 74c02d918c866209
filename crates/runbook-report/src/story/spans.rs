//! What happened to an instance from when to when, for whoever draws it.

use jiff::{SignedDuration, Timestamp};
use runbook_event::{AttemptEnd, CheckRole, Event, RunState, UndoEnd, Verdict};

/// What went on during a span.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanKind {
    /// Something was asked before the action.
    Question,
    /// A gate was asked, of the step or of its undo.
    Gate,
    /// A person was asked.
    Asking,
    /// The action ran: which attempt.
    Attempt(u32),
    /// Nothing, until the next attempt.
    Pause,
    /// What makes the change take effect ran.
    Then,
    /// The undo ran: which attempt.
    Undo(u32),
    /// What makes the undo take effect ran.
    ThenUndone,
}

/// How a span ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SpanEnd {
    /// It has not, as far as is recorded.
    Open,
    /// As it should.
    Good,
    /// Otherwise.
    Bad,
    /// The process ended before it did.
    Lost,
}

/// From when to when something went on.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    pub(crate) kind: SpanKind,
    pub(crate) from: Timestamp,
    /// When it ended, or when it was last seen.
    pub(crate) to: Timestamp,
    pub(crate) end: SpanEnd,
}

/// The spans of all instances, by their positions.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    of: Vec<Vec<Span>>,
    /// Those that have begun and not ended.
    open: Vec<(usize, usize)>,
}

impl Spans {
    /// The spans of an instance, in the order in which they began.
    pub(crate) fn of(&self, at: usize) -> &[Span] {
        self.of.get(at).map_or(&[], Vec::as_slice)
    }

    /// How long each open span was seen so far: until the last record.
    pub(crate) fn close(&mut self, last: Timestamp) {
        self.settle(last, SpanEnd::Open);
    }

    /// Notes what an event begins or ends. `before` is when the record before it was made.
    pub(crate) fn note(&mut self, event: &Event, at: Timestamp, before: Timestamp, state: &RunState) {
        if let Event::RunResumed(_) = event {
            self.settle(before, SpanEnd::Lost);
            return;
        }
        let Some(of) = event.step().and_then(|step| state.position(step)) else {
            return;
        };
        if let Some(kind) = begins(event) {
            self.begin(of, kind, at);
        } else if let Some((kind, end)) = ends(event) {
            self.end(of, kind, at, end);
        }
        self.retried(of, event, at);
    }

    /// A retry ends an attempt of the undo, and makes a pause of known length.
    fn retried(&mut self, of: usize, event: &Event, at: Timestamp) {
        if let Event::UndoRetried { .. } = event {
            self.end(of, SpanKind::Undo(0), at, SpanEnd::Bad);
        }
        let (Event::UndoRetried { delay_ms: delay, .. } | Event::RetryPlanned { delay_ms: delay, .. }) =
            event
        else {
            return;
        };
        let delay = SignedDuration::from_millis(i64::try_from(*delay).unwrap_or(i64::MAX));
        let to = at.saturating_add(delay).unwrap_or(at);
        self.push(
            of,
            Span {
                kind: SpanKind::Pause,
                from: at,
                to,
                end: SpanEnd::Good,
            },
        );
    }

    fn begin(&mut self, of: usize, kind: SpanKind, at: Timestamp) {
        let number = self.push(
            of,
            Span {
                kind,
                from: at,
                to: at,
                end: SpanEnd::Open,
            },
        );
        self.open.push((of, number));
    }

    fn push(&mut self, of: usize, span: Span) -> usize {
        if self.of.len() <= of {
            self.of.resize_with(of + 1, Vec::new);
        }
        self.of.get_mut(of).map_or(0, |spans| {
            spans.push(span);
            spans.len() - 1
        })
    }

    /// Ends the first open span of that kind, whatever its number.
    fn end(&mut self, of: usize, kind: SpanKind, at: Timestamp, end: SpanEnd) {
        let alike = |span: &Span| std::mem::discriminant(&span.kind) == std::mem::discriminant(&kind);
        let place = self
            .open
            .iter()
            .position(|&(step, number)| step == of && self.of(step).get(number).is_some_and(alike));
        if let Some((step, number)) = place.map(|place| self.open.swap_remove(place)) {
            self.set(step, number, at, end);
        }
    }

    fn settle(&mut self, at: Timestamp, end: SpanEnd) {
        for (step, number) in std::mem::take(&mut self.open) {
            self.set(step, number, at, end);
        }
    }

    fn set(&mut self, step: usize, number: usize, to: Timestamp, end: SpanEnd) {
        if let Some(span) = self.of.get_mut(step).and_then(|spans| spans.get_mut(number)) {
            // The machine's clock may have been set back meanwhile.
            span.to = to.max(span.from);
            span.end = end;
        }
    }
}

fn begins(event: &Event) -> Option<SpanKind> {
    if let Event::CheckStarted { site } = event {
        return Some(asked(site.role));
    }
    if let Event::ApprovalAsked { .. } = event {
        return Some(SpanKind::Asking);
    }
    if let Event::AttemptStarted { attempt, .. } = event {
        return Some(SpanKind::Attempt(*attempt));
    }
    if let Event::ThenStarted { undoing, .. } = event {
        return Some(takes_effect(*undoing));
    }
    let Event::UndoStarted { attempt, .. } = event else {
        return None;
    };
    Some(SpanKind::Undo(*attempt))
}

fn ends(event: &Event) -> Option<(SpanKind, SpanEnd)> {
    let good = |good: bool| if good { SpanEnd::Good } else { SpanEnd::Bad };
    if let Event::CheckEnded { site, verdict, .. } = event {
        return Some((asked(site.role), good(*verdict == Verdict::Pass)));
    }
    if let Event::ApprovalAnswered { approved, .. } = event {
        return Some((SpanKind::Asking, good(*approved)));
    }
    if let Event::AttemptEnded { end, .. } = event {
        return Some((SpanKind::Attempt(0), good(*end == AttemptEnd::Succeeded)));
    }
    if let Event::ThenEnded { undoing, end, .. } = event {
        return Some((takes_effect(*undoing), good(*end == AttemptEnd::Succeeded)));
    }
    let Event::UndoEnded { end, .. } = event else {
        return None;
    };
    Some((SpanKind::Undo(0), good(*end == UndoEnd::Undone)))
}

const fn takes_effect(undoing: bool) -> SpanKind {
    if undoing {
        SpanKind::ThenUndone
    } else {
        SpanKind::Then
    }
}

const fn asked(role: CheckRole) -> SpanKind {
    match role {
        CheckRole::Gate | CheckRole::Undone | CheckRole::Verify => SpanKind::Gate,
        CheckRole::Detect
        | CheckRole::Baseline
        | CheckRole::Guard
        | CheckRole::Require
        | CheckRole::Decide
        | CheckRole::Row => SpanKind::Question,
    }
}
