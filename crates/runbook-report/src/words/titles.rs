//! What steps, checks and the parts of a run are called.

use runbook_event::{
    CheckOutline, CheckRole, CheckSite, Course, Outline, Phase, Role, RunState, UndoOutline,
};

use crate::text::visible;

/// The heading of a part of the run.
pub(crate) const fn phase_title(phase: Phase) -> &'static str {
    match phase {
        Phase::Detect => "Detect: is there anything to repair?",
        Phase::Baseline => "Baseline: how is it before the first step?",
        Phase::Steps => "Steps",
        Phase::Verify => "Verify: is the incident over?",
        Phase::Rollback => "Rollback: undoing what was attempted",
        Phase::Finally => "Finally: the clean-up, whatever happened",
    }
}

/// The instances that an instance stands within, the innermost first, and whether each runs it as a part of
/// another runbook.
fn holders(at: usize, state: &RunState) -> Vec<(usize, bool)> {
    let mut holders = Vec::new();
    let mut here = Some(at);
    while let Some(frame) = here
        .and_then(|at| state.steps().get(at))
        .and_then(|step| state.frames().get(step.frame))
    {
        let course = || state.courses().get(frame.course).and_then(|course| course.owner);
        here = frame.owner.or_else(course);
        holders.extend(here.map(|at| (at, frame.owner.is_none())));
    }
    holders
}

/// Whether an instance stands within another.
pub(crate) fn is_within(inner: usize, outer: usize, state: &RunState) -> bool {
    holders(inner, state).iter().any(|(at, _)| *at == outer)
}

/// How many steps a step stands within.
#[must_use]
pub fn depth(id: &str, state: &RunState) -> usize {
    state.position(id).map_or(0, |at| holders(at, state).len())
}

/// A step's title, with the turns of the loops that it stands in.
#[must_use]
pub fn step_title(id: &str, state: &RunState) -> String {
    state
        .position(id)
        .map_or_else(|| visible(id), |at| title_at(at, state))
}

/// The title of the instance at a position.
pub(crate) fn title_at(at: usize, state: &RunState) -> String {
    let mut turns = Vec::new();
    let holders = holders(at, state);
    let here = holders
        .iter()
        .take_while(|(_, is_other)| !is_other)
        .map(|(at, _)| *at);
    for at in std::iter::once(at).chain(here) {
        match state.steps().get(at).map(|step| &step.role) {
            Some(Role::Item { key, .. }) => turns.push(format!(" [{key}]")),
            Some(Role::Round { number }) => turns.push(format!(" [round {number}]")),
            Some(Role::Step) | None => {}
        }
    }
    turns.reverse();
    let title = state.steps().get(at).map_or("", |step| &step.outline.title);
    visible(&format!("{title}{}", turns.concat()))
}

/// A step's title after those of the steps whose sub-runbooks it is a part of, for where it stands alone.
pub(crate) fn place(id: &str, state: &RunState) -> String {
    let Some(at) = state.position(id) else {
        return visible(id);
    };
    let mut titles = vec![title_at(at, state)];
    titles.extend(
        holders(at, state)
            .into_iter()
            .filter(|(_, is_other)| *is_other)
            .map(|(at, _)| title_at(at, state)),
    );
    titles.reverse();
    titles.join(" › ")
}

/// What a runbook's own part is called: a sub-runbook's, after the step that it is the work of.
pub(crate) fn part(within: Option<&str>, title: &str, state: &RunState) -> String {
    match within {
        None => title.to_owned(),
        Some(step) => format!("{} › {title}", place(step, state)),
    }
}

/// The sub-runbook that is the work of a step, or the run itself.
pub(crate) fn course<'a>(within: Option<&str>, state: &'a RunState) -> Option<&'a Course> {
    let Some(step) = within else {
        return state.courses().first();
    };
    let owner = state.position(step)?;
    let mut begun = state.courses().iter().rev();
    begun.find(|course| course.owner == Some(owner))
}

/// A check's title, with what it belongs to and what it is asked for.
pub(crate) fn check(site: &CheckSite, state: &RunState) -> String {
    let title = check_title(site, state);
    let asked = match site.role {
        CheckRole::Detect | CheckRole::Baseline | CheckRole::Verify => None,
        CheckRole::Guard => Some("guard"),
        CheckRole::Require => Some("required"),
        CheckRole::Gate => Some("gate"),
        CheckRole::Undone => Some("is it undone"),
        CheckRole::Decide => Some("before its action"),
        CheckRole::Row => Some("check"),
    };
    let title = asked.map_or_else(|| title.clone(), |asked| format!("{asked}: {title}"));
    match &site.step {
        Some(step) => format!("{}: {title}", place(step, state)),
        None => part(site.within.as_deref(), &title, state),
    }
}

/// A check's title.
#[must_use]
pub fn check_title(site: &CheckSite, state: &RunState) -> String {
    let known = check_outline(site, state);
    visible(known.map_or(&site.check, |check| &check.title))
}

/// What the runbook says of the check at a site, where the outline keeps that.
pub(crate) fn check_outline<'a>(site: &CheckSite, state: &'a RunState) -> Option<&'a CheckOutline> {
    let outline = course(site.within.as_deref(), state).map(|course| &*course.outline);
    let step = site.step.as_deref().and_then(|step| state.step(step));
    let of_runbook = |checks: fn(&Outline) -> &[CheckOutline]| outline.map(checks);
    let checks = match site.role {
        CheckRole::Detect => of_runbook(|outline| &outline.detect),
        CheckRole::Baseline | CheckRole::Verify => of_runbook(|outline| &outline.verify),
        CheckRole::Guard => of_runbook(|outline| &outline.guards),
        CheckRole::Gate | CheckRole::Decide => step.map(|step| step.outline.verify.as_slice()),
        CheckRole::Undone => step.and_then(|step| match &step.outline.undo {
            UndoOutline::Rollback { verify, .. } => Some(verify.as_slice()),
            UndoOutline::Steps { .. }
            | UndoOutline::Within
            | UndoOutline::Irreversible { .. }
            | UndoOutline::NotNeeded
            | UndoOutline::Undeclared => None,
        }),
        CheckRole::Require | CheckRole::Row => None,
    };
    checks.and_then(|checks| checks.iter().find(|check| check.id == site.check))
}
