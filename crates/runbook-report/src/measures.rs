//! The times of an incident, and how long it took from one to the next.

use jiff::Timestamp;
use runbook_event::{CheckRole, NoteKind, NoteState};

use crate::questions::{answers, is_over};
use crate::story::{Story, between};

/// A time of the incident, and what tells it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Timestamp,
    /// The record of the note that says so. None if the run itself shows it.
    pub(crate) note: Option<u64>,
}

/// The times of an incident, as far as they are known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moments {
    pub(crate) impact_start: Option<Moment>,
    pub(crate) detected: Option<Moment>,
    pub(crate) acknowledged: Option<Moment>,
    pub(crate) mitigated: Option<Moment>,
    pub(crate) resolved: Option<Moment>,
}

impl Moments {
    pub(crate) fn of(story: &Story<'_>) -> Self {
        let state = &story.state;
        let earliest = |kind| {
            answers(state, kind)
                .min_by_key(|(_, known)| known.happened_at())
                .map(moment)
        };
        let latest = |kind| {
            answers(state, kind)
                .max_by_key(|(_, known)| known.happened_at())
                .map(moment)
        };
        let of_run = |at| Moment { at, note: None };
        let detected = earliest(NoteKind::Detected);
        let over = is_over(state).then(|| proved_at(story)).flatten().map(of_run);
        let resolved = latest(NoteKind::Resolved).or(over);
        Self {
            impact_start: earliest(NoteKind::ImpactStart),
            detected,
            // Whoever started the run was at work on it.
            acknowledged: earliest(NoteKind::Acknowledged).or(Some(of_run(story.started_at))),
            // What is over has stopped hurting at the latest then.
            mitigated: latest(NoteKind::Mitigated).or(resolved),
            resolved,
        }
    }

    /// The times by their names, in their order.
    pub(crate) const fn named(&self) -> [(&'static str, Option<Moment>); 5] {
        [
            ("impact_start", self.impact_start),
            ("detected", self.detected),
            ("acknowledged", self.acknowledged),
            ("mitigated", self.mitigated),
            ("resolved", self.resolved),
        ]
    }
}

fn moment((seq, known): (u64, &NoteState)) -> Moment {
    Moment {
        at: known.happened_at(),
        note: Some(seq),
    }
}

/// When the last of the final checks had passed; without any, when the run ended.
fn proved_at(story: &Story<'_>) -> Option<Timestamp> {
    let checks = story.checks_for(None, CheckRole::Verify);
    let proved = checks.filter_map(|(_, known)| known.ended_at).max();
    proved.or_else(|| story.state.ended_at())
}

/// How long something took, against what is promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measure {
    /// `ttd`, `tta`, `ttm`, `ttr`.
    pub(crate) name: &'static str,
    pub(crate) title: &'static str,
    pub(crate) from: &'static str,
    pub(crate) to: &'static str,
    pub(crate) took: Took,
    pub(crate) promised_ms: Option<u64>,
}

/// How long something took, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Took {
    /// So many milliseconds.
    Ms(u64),
    /// So long at least: one of its ends is not known.
    AtLeast(u64),
    /// The end is noted to be before the beginning.
    Backwards,
    /// Nobody can tell.
    Unknown,
}

impl Measure {
    /// Whether the promise was kept. None if there is none, or if nobody can tell yet.
    pub(crate) fn kept(&self) -> Option<bool> {
        let promised = self.promised_ms?;
        match self.took {
            Took::Ms(ms) => Some(ms <= promised),
            Took::AtLeast(ms) => (ms > promised).then_some(false),
            Took::Backwards | Took::Unknown => None,
        }
    }
}

/// How long it took to notice, to answer, to stop the harm and to end it.
pub(crate) fn measures(story: &Story<'_>) -> [Measure; 4] {
    let moments = Moments::of(story);
    let promise = story.run.promise.unwrap_or_default();
    let last = story.state.counted_to().unwrap_or(story.started_at);
    let took = |from: Option<Moment>, to: Option<Moment>| match (from, to) {
        (Some(from), Some(to)) => between(from.at, to.at).map_or(Took::Backwards, Took::Ms),
        (Some(_) | None, Some(_) | None) => Took::Unknown,
    };
    // The run alone tells how long it took at least, also while it is not known when it was noticed or is not over.
    let at_least = |from: Option<Moment>, to: Option<Moment>| match took(from, to) {
        Took::Unknown => {
            let from = from.map_or(story.started_at, |from| from.at);
            between(from, to.map_or(last, |to| to.at)).map_or(Took::Unknown, Took::AtLeast)
        }
        known @ (Took::Ms(_) | Took::AtLeast(_) | Took::Backwards) => known,
    };
    let measure = |name, title, from, to, took, promised_ms| Measure {
        name,
        title,
        from,
        to,
        took,
        promised_ms,
    };
    let Moments {
        impact_start,
        detected,
        acknowledged,
        mitigated,
        resolved,
    } = moments;
    [
        measure(
            "ttd",
            "Time to detect (TTD)",
            "impact_start",
            "detected",
            took(impact_start, detected),
            None,
        ),
        measure(
            "tta",
            "Time to acknowledge (TTA)",
            "detected",
            "acknowledged",
            took(detected, acknowledged),
            promise.respond_within_ms,
        ),
        measure(
            "ttm",
            "Time to mitigate (TTM)",
            "detected",
            "mitigated",
            at_least(detected, mitigated),
            None,
        ),
        measure(
            "ttr",
            "Time to resolve (TTR)",
            "detected",
            "resolved",
            at_least(detected, resolved),
            promise.resolve_within_ms,
        ),
    ]
}
