//! What holds in every run, whatever happens.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use runbook_action::{Effect, ErrorKind};
use runbook_event::{
    CheckRole, CheckSite, Event, FrameKind, Holds, Into, OnFailure, Outcome, Phase, Reading, Role,
    StepStatus, UndoEnd, UndoOutline, UndoStatus, Verdict,
};
use runbook_testkit::ran::Ran;
use runbook_testkit::tape::Mark;

use super::facts::{Facts, step_of};

/// Checks everything that can be told from the journal, the tape and the world.
pub(crate) fn hold(ran: &Ran) {
    assert!(ran.took < Duration::from_hours(8), "it took {:?}", ran.took);
    intents_are_durable_before_anything_is_changed(ran);
    let facts = Facts::new(ran);
    nothing_runs_before_what_it_needs(&facts);
    nothing_begins_after_a_stop_of_what_it_stands_in(&facts);
    no_step_is_done_without_its_gates(&facts);
    places_and_batches_are_kept(&facts);
    nothing_takes_effect_twice(&facts);
    what_was_attempted_is_undone_or_listed(&facts);
    undos_follow_the_reversed_graph(&facts);
    the_clean_up_runs_once_if_a_step_began(&facts);
    the_outcome_is_true(&facts);
}

fn intents_are_durable_before_anything_is_changed(ran: &Ran) {
    let mut dirty = false;
    for (_, mark) in &ran.tape {
        match mark {
            Mark::Synced | Mark::Lost => dirty = false,
            Mark::Record(record) => {
                dirty |= matches!(
                    &record.event,
                    Event::AttemptStarted { intent, .. }
                        | Event::ThenStarted { intent, .. }
                        | Event::UndoStarted { intent, .. } if intent.effect > Effect::Read
                );
            }
            Mark::Called("act" | "smash" | "keep", name) if !name.starts_with("prepare ") => {
                assert!(
                    !dirty,
                    "{name} ran before its intent was durable\n{}",
                    ran.full_trace()
                );
            }
            Mark::Called(..)
            | Mark::Reading(..)
            | Mark::Returned(..)
            | Mark::Settled(_)
            | Mark::Asked(_)
            | Mark::Signal => {}
        }
    }
}

fn nothing_runs_before_what_it_needs(facts: &Facts<'_>) {
    let mut settled = BTreeSet::new();
    for record in &facts.records {
        match &record.event {
            Event::StepStarted { step } => {
                let at = facts.at(step);
                let frame = facts.step(at).frame;
                for need in facts.needs(frame, facts.local(at)) {
                    let need = facts.state.frames()[frame].members[need];
                    facts.holds(settled.contains(&need), || {
                        format!("{step} began before `{}` was settled", facts.step(need).id)
                    });
                }
                facts.holds(!settled.contains(&at), || format!("{step} began after its end"));
            }
            Event::StepSkipped { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepFailed { step, .. } => {
                let at = facts.at(step);
                facts.holds(settled.insert(at), || format!("{step} is settled twice"));
            }
            _ => {}
        }
    }
}

fn nothing_begins_after_a_stop_of_what_it_stands_in(facts: &Facts<'_>) {
    let (mut stopped, mut failed) = (BTreeSet::new(), BTreeMap::new());
    for record in &facts.records {
        let event = &record.event;
        let begins = match event {
            Event::StepStarted { .. } | Event::AttemptStarted { .. } => true,
            Event::Entered { into, .. } => *into != Into::Undo,
            _ => false,
        };
        if let Some(step) = step_of(event).filter(|_| begins) {
            let at = facts.at(step);
            for frame in facts.frames(at) {
                facts.holds(!stopped.contains(&frame), || {
                    format!("{step} begins after a stop: {event:?}")
                });
            }
        }
        match event {
            Event::Stopping { within, .. } => {
                let course = within
                    .as_ref()
                    .map_or(Some(0), |step| facts.step(facts.at(step)).course);
                stopped.extend(course.map(|course| facts.state.courses()[course].steps));
            }
            Event::TimedOut { step } => stopped.extend(facts.step(facts.at(step)).inner),
            Event::StepFailed { step, .. } => {
                let at = facts.at(step);
                let before = failed.entry(facts.step(at).frame).or_insert(0);
                if !facts.is_forgiven(at, *before) {
                    stopped.insert(facts.step(at).frame);
                }
                *before += 1;
            }
            _ => {}
        }
    }
}

/// The checks of a run, by what was read.
#[derive(Default)]
struct Checks {
    /// The number of the last reading, and how many passes in a row there were.
    read: HashMap<CheckSite, (u32, u32)>,
    decided: HashMap<CheckSite, (Verdict, u32)>,
}

impl Checks {
    fn read(&mut self, site: &CheckSite, reading: &Reading) {
        let known = self.read.entry(site.clone()).or_default();
        // One that turns out to be the last is told once more.
        if reading.number > known.0 {
            let streak = if reading.verdict == Verdict::Pass {
                known.1 + 1
            } else {
                0
            };
            *known = (reading.number, streak);
        }
    }

    fn see(&mut self, event: &Event) {
        match event {
            Event::CheckStarted { site } => {
                self.read.remove(site);
                self.decided.remove(site);
            }
            Event::CheckRead { site, reading } => self.read(site, reading),
            Event::CheckEnded { site, verdict, .. } => {
                let streak = self.read.get(site).map_or(0, |(_, streak)| *streak);
                self.decided.insert(site.clone(), (*verdict, streak));
            }
            _ => {}
        }
    }

    fn passed(&self, site: &CheckSite, consecutive: u32) -> bool {
        let known = self.decided.get(site);
        known.is_some_and(|(verdict, streak)| *verdict == Verdict::Pass && *streak >= consecutive)
    }
}

fn no_step_is_done_without_its_gates(facts: &Facts<'_>) {
    let mut checks = Checks::default();
    for (_, mark) in &facts.ran.tape {
        match mark {
            Mark::Reading(site, reading) => checks.read(site, reading),
            Mark::Record(record) => {
                checks.see(&record.event);
                if let Event::StepDone { step, .. } = &record.event
                    && facts.state.position(step).is_some()
                {
                    gates_have_passed(facts, step, &checks);
                }
            }
            Mark::Synced
            | Mark::Called(..)
            | Mark::Returned(..)
            | Mark::Settled(_)
            | Mark::Asked(_)
            | Mark::Lost
            | Mark::Signal => {}
        }
    }
    for course in facts.state.courses() {
        let within = course.owner.map(|owner| facts.step(owner).id.clone());
        for check in course
            .outline
            .verify
            .iter()
            .filter(|_| course.outcome == Some(Outcome::Resolved))
        {
            let site = CheckSite {
                within: within.clone(),
                role: CheckRole::Verify,
                step: None,
                check: check.id.clone(),
            };
            facts.holds(checks.passed(&site, check.consecutive), || {
                format!("resolved without {site:?}")
            });
        }
    }
}

fn gates_have_passed(facts: &Facts<'_>, id: &str, checks: &Checks) {
    let step = facts.step(facts.at(id));
    // The gate of alternatives is that of the one which worked, and a turn of a loop is gated as a whole.
    if matches!(step.outline.holds, Holds::Alternatives { .. }) || step.role != Role::Step {
        return;
    }
    for check in &step.outline.verify {
        let site = CheckSite {
            within: None,
            role: CheckRole::Gate,
            step: Some(id.to_owned()),
            check: check.id.clone(),
        };
        facts.holds(checks.passed(&site, check.consecutive), || {
            format!("{id} is done without {site:?}: {:?}", checks.decided.get(&site))
        });
    }
}

fn places_and_batches_are_kept(facts: &Facts<'_>) {
    let most = usize::try_from(facts.state.courses()[0].outline.max_parallel).unwrap_or(usize::MAX);
    let (mut running, mut acting) = (BTreeSet::new(), BTreeSet::new());
    let mut turns: BTreeMap<usize, u32> = BTreeMap::new();
    for record in &facts.records {
        match &record.event {
            // Whoever was under way has to find a place again.
            Event::RunResumed(_) => {
                running.clear();
                acting.clear();
            }
            Event::StepStarted { step } => {
                let at = facts.at(step);
                if facts.step(at).holds_others() || matches!(facts.step(at).role, Role::Item { .. }) {
                    if let FrameKind::Items { batch, .. } = facts.kind(facts.step(at).frame) {
                        let begun = turns.entry(facts.step(at).frame).or_default();
                        *begun += 1;
                        facts.holds(*begun <= batch.max(1), || {
                            format!("{step} is one too many of its batch")
                        });
                    }
                } else {
                    running.insert(at);
                    facts.holds(running.len() <= most, || format!("{step} is one too many"));
                }
            }
            // Who waits for a person takes no place, nor who has an answer and waits for a place, nor a step that
            // undoes others.
            Event::ApprovalAsked { step, .. } | Event::Entered { step, .. } => {
                running.remove(&facts.at(step));
            }
            Event::AttemptStarted { step, .. } => {
                acting.insert(facts.at(step));
                facts.holds(acting.len() <= most, || format!("{step} acts as one too many"));
            }
            Event::AttemptEnded { step, .. } => drop(acting.remove(&facts.at(step))),
            Event::StepSkipped { step, .. }
            | Event::StepDone { step, .. }
            | Event::StepFailed { step, .. } => {
                let at = facts.at(step);
                running.remove(&at);
                acting.remove(&at);
                let begun = facts.step(at).started_at.is_some();
                if let Some(turns) = turns.get_mut(&facts.step(at).frame).filter(|_| begun) {
                    *turns = turns.saturating_sub(1);
                }
            }
            _ => {}
        }
    }
}

/// Counted where it happens: a person who says what is true is never wrong, and nothing else lets an action run twice.
fn nothing_takes_effect_twice(facts: &Facts<'_>) {
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for deed in facts.ran.world.deeds() {
        let part = if deed.part.chars().all(|digit| digit.is_ascii_digit()) {
            "do".to_owned()
        } else if deed.part == "undo"
            || deed
                .part
                .strip_prefix("undo.")
                .is_some_and(|rest| !rest.starts_with("then"))
        {
            "undo".to_owned()
        } else {
            deed.part.clone()
        };
        *counts.entry((deed.step, part)).or_default() += 1;
    }
    let retried: BTreeSet<&str> = facts
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::UndoRetried { step, .. } => Some(step.as_str()),
            _ => None,
        })
        .collect();
    for ((step, part), count) in counts {
        let Some(known) = facts.state.step(&step) else {
            assert!(part != "do", "`{step}` is not known\n{}", facts.ran.full_trace());
            continue;
        };
        let harmless = match part.as_str() {
            "undo" => {
                retried.contains(step.as_str())
                    || matches!(known.outline.undo, UndoOutline::Rollback { repeatable: true, .. })
            }
            // The action; and what makes a repeatable change take effect is as harmless.
            _ => known.outline.repeatable,
        };
        facts.holds(harmless || count <= 1, || {
            format!("{part} of {step} took effect {count} times")
        });
    }
}

fn what_was_attempted_is_undone_or_listed(facts: &Facts<'_>) {
    for (at, step) in facts.state.steps().iter().enumerate() {
        let open = matches!(
            step.undo,
            UndoStatus::Pending | UndoStatus::Running | UndoStatus::Doubtful
        );
        facts.holds(!open, || format!("the undo of {} is open", step.id));
        // A runbook within another one may have been undone although the other was not.
        let undone = facts.around[at].iter().any(|(_, frame)| {
            let frame = &facts.state.frames()[*frame];
            let course = &facts.state.courses()[frame.course];
            frame.kind == FrameKind::Steps && rolled_back(facts, course.owner)
        });
        if !undone || facts.is_apart(at) || !step.attempted {
            continue;
        }
        let fine = match &step.outline.undo {
            UndoOutline::Rollback { .. } | UndoOutline::Steps { .. } => {
                matches!(step.undo, UndoStatus::Undone | UndoStatus::Failed)
            }
            UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared => {
                step.undo == UndoStatus::Kept
            }
            UndoOutline::Within => true,
        };
        facts.holds(fine, || {
            format!("{} was attempted, and is {:?}", step.id, step.undo)
        });
    }
    for record in &facts.records {
        if let Event::UndoEnded {
            step,
            end: UndoEnd::Failed { failure },
            ..
        } = &record.event
        {
            facts.holds(failure.kind != ErrorKind::Cancelled, || {
                format!("the undo of {step} was cancelled")
            });
        }
    }
}

/// Whether the runbook of this step, or the run itself, was rolled back.
fn rolled_back(facts: &Facts<'_>, owner: Option<usize>) -> bool {
    let owner = owner.map(|owner| facts.step(owner).id.as_str());
    facts.records.iter().any(|record| {
        matches!(&record.event, Event::PhaseStarted { within, phase: Phase::Rollback } if within.as_deref() == owner)
    })
}

fn undos_follow_the_reversed_graph(facts: &Facts<'_>) {
    let mut rolling_back = BTreeSet::new();
    let mut begun: BTreeMap<usize, (u64, BTreeSet<Option<String>>)> = BTreeMap::new();
    let mut ended: BTreeMap<usize, u64> = BTreeMap::new();
    for record in &facts.records {
        match &record.event {
            Event::PhaseStarted {
                within,
                phase: Phase::Rollback,
            } => {
                rolling_back.insert(within.clone());
            }
            Event::UndoStarted { step, .. } => {
                let known = (record.seq, rolling_back.clone());
                begun.entry(facts.at(step)).or_insert(known);
            }
            Event::UndoEnded { step, .. } => {
                ended.insert(facts.at(step), record.seq);
            }
            _ => {}
        }
    }
    for (earlier, (since, rolling_back)) in &begun {
        for later in begun.keys() {
            let Some(frame) = facts.comes_after(*later, *earlier) else {
                continue;
            };
            // What a step undoes as part of the procedure leaves alone what came after, and a runbook within another
            // one is undone by itself.
            let together = facts
                .owners(frame)
                .iter()
                .any(|owner| rolling_back.contains(owner));
            let fine = !together || ended.get(later).is_none_or(|ended| ended < since);
            facts.holds(fine, || {
                format!(
                    "{} is undone before {}",
                    facts.step(*earlier).id,
                    facts.step(*later).id
                )
            });
        }
    }
}

fn the_clean_up_runs_once_if_a_step_began(facts: &Facts<'_>) {
    for (at, course) in facts.state.courses().iter().enumerate() {
        let owner = course.owner.map(|owner| facts.step(owner).id.clone());
        let entered = facts.records.iter().filter(|record| {
            matches!(&record.event, Event::PhaseStarted { within, phase: Phase::Finally } if *within == owner)
        });
        let begun = facts.records.iter().any(|record| match &record.event {
            Event::StepStarted { step } => {
                let frame = facts.step(facts.at(step)).frame;
                facts.state.frames()[frame].course == at
            }
            _ => false,
        });
        let due = begun
            && course
                .outcome
                .is_some_and(|outcome| outcome != Outcome::NotNeeded)
            && !course.outline.finally.is_empty();
        facts.holds(entered.count() == usize::from(due), || {
            format!("the clean-up of {owner:?}, due: {due}")
        });
        for at in &facts.state.frames()[course.finally].members {
            let step = facts.step(*at);
            facts.holds(!due || step.status.is_settled(), || {
                format!("{} of the clean-up is open", step.id)
            });
        }
    }
}

fn the_outcome_is_true(facts: &Facts<'_>) {
    let state = facts.state;
    let outcome = facts.ran.outcome();
    let undo = |status| state.steps().iter().any(|step| step.undo == status);
    let changed = facts.ran.world.deeds();
    let fine = match outcome {
        Outcome::Resolved | Outcome::CleanupFailed => {
            let frame = &state.frames()[state.courses()[0].steps];
            frame.members.iter().all(|at| {
                let step = facts.step(*at);
                matches!(step.status, StepStatus::Done | StepStatus::Skipped)
                    || (step.outline.on_failure == OnFailure::Continue && step.status == StepStatus::Failed)
            }) && state.stop().is_none()
        }
        Outcome::NotNeeded => {
            changed.is_empty() && state.steps().iter().all(|step| step.started_at.is_none())
        }
        Outcome::RolledBack => {
            (undo(UndoStatus::Undone) || undo(UndoStatus::Kept)) && !undo(UndoStatus::Failed)
        }
        Outcome::RollbackFailed => undo(UndoStatus::Failed),
        Outcome::Failed | Outcome::Interrupted | Outcome::Rejected => !undo(UndoStatus::Failed),
        Outcome::Waiting | Outcome::Unknown => false,
    };
    facts.holds(fine, || format!("it is not {outcome}"));
    for step in state.steps() {
        let settled = step.status.is_settled() || step.started_at.is_none();
        facts.holds(settled, || format!("{} is {}", step.id, step.status.word()));
    }
}
