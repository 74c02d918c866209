//! A plan as readers of a run need it.

use runbook_event::{CheckOutline, OnFailure, Outline, Section, StepOutline, UndoOutline};
use runbook_plan::{Check, OnInterrupt, Plan, Step, Undo};

pub(crate) fn outline(plan: &Plan) -> Outline {
    Outline {
        steps: plan.steps().iter().map(step).collect(),
        detect: plan.detect().iter().map(check).collect(),
        detect_any: plan.detect_any(),
        verify: plan.verify().iter().map(check).collect(),
        max_parallel: plan.max_parallel(),
        on_failure: on_failure(plan.on_failure()),
        on_interrupt: match plan.on_interrupt() {
            OnInterrupt::Rollback => OnFailure::Rollback,
            OnInterrupt::Hold | OnInterrupt::Ask => OnFailure::Hold,
        },
    }
}

const fn on_failure(word: runbook_plan::OnFailure) -> OnFailure {
    match word {
        runbook_plan::OnFailure::Rollback => OnFailure::Rollback,
        runbook_plan::OnFailure::Hold => OnFailure::Hold,
        runbook_plan::OnFailure::Continue => OnFailure::Continue,
    }
}

fn step(step: &Step) -> StepOutline {
    StepOutline {
        id: step.id.clone(),
        title: step.title.clone(),
        section: match step.section {
            runbook_plan::Section::Steps => Section::Steps,
            runbook_plan::Section::Finally => Section::Finally,
        },
        phase: step.phase.clone(),
        kind: step.action().map_or("", |action| action.kind).to_owned(),
        summary: step
            .action()
            .map_or_else(String::new, |action| action.summary.clone()),
        effect: step.effect,
        needs: step.needs.clone(),
        on_failure: on_failure(step.on_failure),
        undo: match &step.undo {
            Undo::Action(action) => UndoOutline::Rollback {
                summary: action.action.summary.clone(),
            },
            Undo::Auto => UndoOutline::Rollback {
                summary: "puts back what was there".to_owned(),
            },
            Undo::Steps(steps) => UndoOutline::Rollback {
                summary: format!("{} steps", steps.len()),
            },
            Undo::Irreversible(why) => UndoOutline::Irreversible { why: why.clone() },
            Undo::NotNeeded | Undo::Within => UndoOutline::NotNeeded,
            Undo::Undeclared => UndoOutline::Undeclared,
        },
        verify: step.verify.iter().map(check).collect(),
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
        consecutive: check.consecutive,
        within_ms: check
            .within
            .map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX)),
    }
}
