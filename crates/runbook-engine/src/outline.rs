//! A plan as readers of a run need it.

use std::sync::Arc;
use std::time::Duration;

use runbook_action::Effect;
use runbook_event::{
    CheckOutline, Holds, OnFailure, OnInterrupt, Outline, RunbookRef, StepOutline, UndoOutline,
};
use runbook_plan::{About, Body, Check, Plan, Section, Step, Undo};

pub(crate) fn outline(plan: &Plan) -> Outline {
    let of = |section: Section| {
        let own = plan.steps().iter().filter(|step| step.section == section);
        own.map(|step| Arc::new(self::step(step))).collect::<Vec<_>>()
    };
    let steps = of(Section::Steps);
    let before = steps.len();
    let mut finally = of(Section::Finally);
    // A plan counts the clean-up after the steps; here it is a list of its own.
    for step in &mut finally {
        if let Some(step) = Arc::get_mut(step) {
            step.needs = step
                .needs
                .iter()
                .filter_map(|need| need.checked_sub(before))
                .collect();
        }
    }
    Outline {
        steps,
        finally,
        detect: plan.detect().iter().map(check).collect(),
        detect_any: plan.detect_any(),
        guards: plan.guards().iter().map(check).collect(),
        verify: plan.verify().iter().map(check).collect(),
        timeout_ms: plan.timeout().map(millis),
        max_parallel: plan.max_parallel(),
        on_failure: on_failure(plan.on_failure()),
        on_interrupt: match plan.on_interrupt() {
            runbook_plan::OnInterrupt::Rollback => OnInterrupt::Rollback,
            runbook_plan::OnInterrupt::Hold => OnInterrupt::Hold,
            runbook_plan::OnInterrupt::Ask => OnInterrupt::Ask,
        },
    }
}

/// Which runbook it is, with the file that it is in.
pub(crate) fn runbook_ref(about: &About, path: String, sha256: String) -> RunbookRef {
    RunbookRef {
        name: about.name.clone(),
        version: about.version.clone(),
        title: about.title.clone(),
        summary: about.summary.clone(),
        severity: about.severity.clone(),
        owner: about.owner.clone(),
        labels: about.labels.clone(),
        path,
        sha256,
    }
}

const fn on_failure(word: runbook_plan::OnFailure) -> OnFailure {
    match word {
        runbook_plan::OnFailure::Rollback => OnFailure::Rollback,
        runbook_plan::OnFailure::Hold => OnFailure::Hold,
        runbook_plan::OnFailure::Continue => OnFailure::Continue,
    }
}

fn millis(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

fn list(steps: &[Step]) -> Vec<Arc<StepOutline>> {
    steps.iter().map(|inner| Arc::new(step(inner))).collect()
}

fn step(step: &Step) -> StepOutline {
    StepOutline {
        id: step.id.clone(),
        title: step.title.clone(),
        phase: step.phase.clone(),
        kind: kind(step).to_owned(),
        summary: summary(step),
        effect: step.effect,
        needs: step.needs.clone(),
        repeatable: step.repeatable,
        verify_decides: step.verify_decides,
        timeout_ms: timeout(step),
        holds: holds(step),
        on_failure: on_failure(step.on_failure),
        undo: undo(step),
        verify: step.verify.iter().map(check).collect(),
    }
}

/// What a step is, in the word of the language.
pub(crate) fn kind(step: &Step) -> &'static str {
    match &step.body {
        Body::Action(action) => action.kind,
        Body::Manual(_) => "manual",
        Body::Wait(_) => "wait",
        Body::Notify(_) => "notify",
        Body::Fail(_) => "fail",
        Body::Let(_) => "let",
        Body::Checks(_) => "checks",
        Body::Undo(_) => "undo",
        Body::Runbook(_) => "runbook",
        Body::Group(_) if step.for_each.is_some() => "for_each",
        Body::Group(_) if step.repeat.is_some() => "repeat",
        Body::Group(_) => "steps",
        Body::Choose(_) => "choose",
        Body::FirstOf(_) => "first_of",
    }
}

/// What a step does, in one line, as far as that is known before anything has run.
pub(crate) fn summary(step: &Step) -> String {
    let ids = |steps: &[Step]| {
        let ids: Vec<&str> = steps.iter().map(|step| step.id.as_str()).collect();
        ids.join(", ")
    };
    match &step.body {
        Body::Action(action) => action.summary.clone(),
        Body::Manual(_) => "a person does it".to_owned(),
        Body::Wait(wait) if wait.length.is_none() => "waits until its checks pass".to_owned(),
        Body::Wait(_) => "waits".to_owned(),
        Body::Notify(notify) => format!("tells {}", notify.to.join(", ")),
        Body::Fail(_) => "fails".to_owned(),
        Body::Let(names) => {
            let names: Vec<&str> = names.iter().map(|captured| captured.name.as_str()).collect();
            format!("gives values to {}", names.join(", "))
        }
        Body::Checks(checks) => format!("asks {} checks", checks.len()),
        Body::Undo(ids) => format!("undoes {}", ids.join(", ")),
        Body::Runbook(call) => format!("runs the runbook {}", call.name),
        Body::Group(steps) => match (&step.for_each, &step.repeat) {
            (Some(each), _) => format!("for each {} in {}: {}", each.item, each.list.source(), ids(steps)),
            (None, Some(repeat)) => format!("until {}: {}", repeat.until.source(), ids(steps)),
            (None, None) => ids(steps),
        },
        Body::Choose(steps) => format!("one of {}", ids(steps)),
        Body::FirstOf(steps) => format!("the first that works of {}", ids(steps)),
    }
}

/// How long a step may take that holds others: its own word, and that of the runbook that it runs.
fn timeout(step: &Step) -> Option<u64> {
    let own = step.timeout.filter(|_| !matches!(step.body, Body::Action(_)));
    let mut called = None;
    if let Body::Runbook(call) = &step.body {
        called = call.plan.as_ref().and_then(|plan| plan.timeout());
    }
    own.into_iter().chain(called).min().map(millis)
}

fn holds(step: &Step) -> Holds {
    match &step.body {
        Body::Group(steps) => match (&step.for_each, &step.repeat) {
            (Some(each), _) => Holds::Items {
                steps: list(steps),
                batch: each.batch,
                max_failures: each.max_failures,
            },
            (None, Some(_)) => Holds::Rounds { steps: list(steps) },
            (None, None) => Holds::Steps { steps: list(steps) },
        },
        Body::Choose(steps) => Holds::Branches { steps: list(steps) },
        Body::FirstOf(steps) => Holds::Alternatives { steps: list(steps) },
        Body::Runbook(call) => match &call.plan {
            Some(plan) => Holds::Runbook {
                runbook: Box::new(runbook_ref(plan.about(), String::new(), plan.digest().to_owned())),
                outline: Box::new(outline(plan)),
            },
            None => Holds::Nothing,
        },
        Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_)
        | Body::Undo(_) => Holds::Nothing,
    }
}

fn undo(step: &Step) -> UndoOutline {
    match &step.undo {
        Undo::Action(undo) => UndoOutline::Rollback {
            summary: undo.action.summary.clone(),
            repeatable: undo.repeatable,
            verify: undo.verify.iter().map(check).collect(),
        },
        // It compares before it writes, so doing it twice is doing it once.
        Undo::Auto => UndoOutline::Rollback {
            summary: "puts back what was there".to_owned(),
            repeatable: true,
            verify: Vec::new(),
        },
        Undo::Steps(steps) => UndoOutline::Steps { steps: list(steps) },
        Undo::Within => UndoOutline::Within,
        Undo::Irreversible(why) => UndoOutline::Irreversible { why: why.clone() },
        Undo::NotNeeded => UndoOutline::NotNeeded,
        Undo::Undeclared => UndoOutline::Undeclared,
    }
}

fn check(check: &Check) -> CheckOutline {
    CheckOutline {
        id: check.id.clone(),
        title: check.title.clone(),
        asks: check.action.summary.clone(),
        expect: check
            .expect
            .iter()
            .map(|expect| expect.source().to_owned())
            .collect(),
        baseline: check.baseline,
        consecutive: check.consecutive,
        within_ms: check.within.map(millis),
    }
}

/// The effect of a step as its intent tells it: what stands within it tells its own.
pub(crate) fn own_effect(step: &Step) -> Effect {
    match step.action() {
        Some(action) => action.effect,
        None => Effect::Read,
    }
}
