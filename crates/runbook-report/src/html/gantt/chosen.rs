//! Which steps a picture shows, where a run has more than one can look at.

use crate::story::{SpanEnd, Step, Story};

/// How many steps a picture shows.
const MOST: usize = 80;

/// The steps that are drawn, with how deep each stands.
pub(super) struct Chosen<'a> {
    pub(super) steps: Vec<(usize, Step<'a>)>,
    pub(super) left_out: usize,
}

/// All steps, or where they are too many first those that did not simply succeed, then the outer ones.
pub(super) fn steps<'a>(story: &'a Story<'_>) -> Chosen<'a> {
    let all: Vec<(usize, Step<'a>)> = story.nested().collect();
    if all.len() <= MOST {
        return Chosen {
            steps: all,
            left_out: 0,
        };
    }
    let mut ranked: Vec<(usize, usize)> = all
        .iter()
        .enumerate()
        .map(|(at, (depth, step))| (rank(story, *depth, step), at))
        .collect();
    ranked.sort_unstable();
    let mut kept: Vec<usize> = ranked.iter().take(MOST).map(|(_, at)| *at).collect();
    kept.sort_unstable();
    let left_out = all.len() - kept.len();
    let steps = kept.iter().filter_map(|at| all.get(*at).copied()).collect();
    Chosen { steps, left_out }
}

fn rank(story: &Story<'_>, depth: usize, step: &Step<'_>) -> usize {
    let state = step.state;
    let is_told = state.failure.is_some()
        || state.undo_failure.is_some()
        || state.doubt.is_some()
        || state.approval.is_some()
        || story.spans_of(step).iter().any(|span| span.end != SpanEnd::Good);
    if is_told { depth.min(3) } else { 4 + depth }
}
