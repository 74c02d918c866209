//! What only people know of an incident, and what they have said of it.

use runbook_event::{NoteKind, NoteState, Outcome, RunState};

/// What a report asks of people. Until somebody answers, it is marked as missing: nothing is invented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The kind of note that answers it.
    pub kind: NoteKind,
    /// What it is about, in a word or two.
    pub title: &'static str,
    /// The question.
    pub asks: &'static str,
}

/// All that a report asks, in the order in which it tells of it.
pub(crate) const QUESTIONS: [Question; 12] = [
    Question {
        kind: NoteKind::Summary,
        title: "Summary",
        asks: "what happened, in two or three sentences for somebody who was not there?",
    },
    Question {
        kind: NoteKind::Impact,
        title: "Impact",
        asks: "who noticed what, and for how long? Was anything lost?",
    },
    Question {
        kind: NoteKind::ImpactStart,
        title: "Start of the impact",
        asks: "when did it begin to hurt?",
    },
    Question {
        kind: NoteKind::Detected,
        title: "Detection",
        asks: "when was it noticed, and by what or by whom?",
    },
    Question {
        kind: NoteKind::RootCause,
        title: "Root cause",
        asks: "why could it happen?",
    },
    Question {
        kind: NoteKind::Trigger,
        title: "Trigger",
        asks: "what set it off?",
    },
    Question {
        kind: NoteKind::Mitigated,
        title: "Mitigation",
        asks: "when did it stop hurting, and by what? This run did not prove it.",
    },
    Question {
        kind: NoteKind::Resolved,
        title: "Resolution",
        asks: "when was it over, and what ended it? This run did not.",
    },
    Question {
        kind: NoteKind::WentWell,
        title: "What went well",
        asks: "what went well?",
    },
    Question {
        kind: NoteKind::WentWrong,
        title: "What did not",
        asks: "what did not go well?",
    },
    Question {
        kind: NoteKind::Lucky,
        title: "Where we got lucky",
        asks: "where was it luck that it was not worse?",
    },
    Question {
        kind: NoteKind::ActionItem,
        title: "Action items",
        asks: "what is done by whom until when, so that it does not happen again?",
    },
];

/// The questions that nobody has answered yet, in the order of the report. A run that found nothing to repair asks
/// none, and neither does a routine that went through.
#[must_use]
pub fn missing(state: &RunState) -> Vec<Question> {
    if !is_incident(state) {
        return Vec::new();
    }
    QUESTIONS
        .into_iter()
        .filter(|question| is_asked(question.kind, state) && answers(state, question.kind).next().is_none())
        .collect()
}

/// Whether people are asked about the run at all: it belongs to an incident, or it did not do what it was for.
pub(crate) fn is_incident(state: &RunState) -> bool {
    let outcome = state.outcome();
    let Some(run) = state.run() else { return false };
    let grave = run.incident.is_some() || run.runbook.severity.is_some() || !run.outline.detect.is_empty();
    match outcome {
        Some(Outcome::NotNeeded) => run.incident.is_some(),
        Some(Outcome::Resolved) => grave,
        Some(
            Outcome::Failed
            | Outcome::RolledBack
            | Outcome::RollbackFailed
            | Outcome::Rejected
            | Outcome::Waiting
            | Outcome::Unknown
            | Outcome::CleanupFailed
            | Outcome::Interrupted,
        )
        | None => true,
    }
}

/// Whether the run has shown that the incident is over.
pub(crate) fn is_over(state: &RunState) -> bool {
    matches!(state.outcome(), Some(Outcome::Resolved | Outcome::CleanupFailed))
}

/// Whether the run itself leaves this open. What it has proved it does not ask.
fn is_asked(kind: NoteKind, state: &RunState) -> bool {
    let answered = |kind| answers(state, kind).next().is_some();
    match kind {
        NoteKind::Resolved => !is_over(state),
        // What is over has stopped hurting at the latest then.
        NoteKind::Mitigated => !is_over(state) && !answered(NoteKind::Resolved),
        NoteKind::Detected
        | NoteKind::Acknowledged
        | NoteKind::ImpactStart
        | NoteKind::RootCause
        | NoteKind::Trigger
        | NoteKind::Impact
        | NoteKind::WentWell
        | NoteKind::WentWrong
        | NoteKind::Lucky
        | NoteKind::Lesson
        | NoteKind::ActionItem
        | NoteKind::FollowUp
        | NoteKind::Summary
        | NoteKind::Note => true,
    }
}

/// What people have said of it, with the number of the record: what was corrected is not among it.
pub(crate) fn answers(state: &RunState, kind: NoteKind) -> impl Iterator<Item = (u64, &NoteState)> {
    let notes = state.notes().iter();
    notes
        .filter(move |(_, known)| known.note.kind == kind && known.stands())
        .map(|(seq, known)| (*seq, known))
}
