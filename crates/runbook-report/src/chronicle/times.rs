//! The times of an incident, over all of its runs.

use jiff::Timestamp;

use crate::measures::{Moment, Moments};
use crate::story::Story;

/// A time of an incident, and what tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Time {
    /// `impact_start`, `detected`, `acknowledged`, `mitigated`, `resolved`.
    pub name: &'static str,
    /// When.
    pub at: Timestamp,
    /// The place of the run that tells it.
    pub run: usize,
    /// The record of the note that says so. None if the run itself shows it.
    pub note: Option<u64>,
}

/// Those that are known, in their order. What people say counts more than what runs show; the first who noticed it or
/// took it on, and the last who ended it, tell when that was.
pub(super) fn times(stories: &[&Story<'_>]) -> Vec<Time> {
    let all: Vec<Moments> = stories.iter().map(|story| Moments::of(story)).collect();
    let of = |take: fn(&Moments) -> Option<Moment>| -> Vec<(usize, Moment)> {
        let known = all.iter().enumerate();
        known
            .filter_map(|(run, moments)| Some((run, take(moments)?)))
            .collect()
    };
    let time = |name, found: Option<(usize, Moment)>| {
        let (run, moment) = found?;
        Some(Time {
            name,
            at: moment.at,
            run,
            note: moment.note,
        })
    };
    let found = [
        time("impact_start", first(of(|moments| moments.impact_start))),
        time("detected", first(of(|moments| moments.detected))),
        time("acknowledged", first(of(|moments| moments.acknowledged))),
        time("mitigated", last(of(|moments| moments.mitigated), all.len())),
        time("resolved", last(of(|moments| moments.resolved), all.len())),
    ];
    found.into_iter().flatten().collect()
}

/// The earliest that people say; where nobody does, the earliest that runs show.
fn first(found: Vec<(usize, Moment)>) -> Option<(usize, Moment)> {
    let (said, shown): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, moment)| moment.note.is_some());
    let earliest =
        |found: Vec<(usize, Moment)>| found.into_iter().min_by_key(|(run, moment)| (moment.at, *run));
    earliest(said).or_else(|| earliest(shown))
}

/// The latest that people say; where nobody does, what the last run shows, since it would not have been needed had it
/// been over before.
fn last(found: Vec<(usize, Moment)>, runs: usize) -> Option<(usize, Moment)> {
    let (said, shown): (Vec<_>, Vec<_>) = found.into_iter().partition(|(_, moment)| moment.note.is_some());
    let latest = said.into_iter().max_by_key(|(run, moment)| (moment.at, *run));
    latest.or_else(|| shown.into_iter().find(|(run, _)| run + 1 == runs))
}
