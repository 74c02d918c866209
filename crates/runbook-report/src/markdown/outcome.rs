//! What ended the incident, and what is left to do.

use runbook_event::{NoteKind, StepStatus, UndoOutline, UndoStatus};

use crate::markdown::happened::title;
use crate::markdown::head::incident;
use crate::markdown::page::date_time;
use crate::markdown::people::{answer, items, lacks};
use crate::markdown::section::Sections;
use crate::measures::Moments;
use crate::questions::{answers, is_over};
use crate::story::{Part, Step, Story};
use crate::text::{code, inline};
use crate::words::{by_hand, failed, intended, why_kept, word};

/// What ended the incident, as far as that is known.
pub(super) fn resolution(story: &Story<'_>, sections: &mut Sections) {
    if story.state.outcome() == Some(runbook_event::Outcome::NotNeeded) {
        return;
    }
    let page = sections.begin("resolution", "Resolution");
    for kind in [NoteKind::Mitigated, NoteKind::Resolved] {
        if answers(&story.state, kind).next().is_some() {
            answer(story, kind, page);
        } else {
            lacks(story, kind, page);
        }
    }
    if !is_over(&story.state) {
        page.paragraph("This run has not shown that the incident is over.");
        return;
    }
    let did: Vec<String> = story
        .changed()
        .filter(stays)
        .take(story.most)
        .map(|step| did(&step))
        .collect();
    if did.is_empty() {
        page.paragraph("The run changed nothing that stays.");
    } else {
        page.paragraph("What the run did, in this order, and what stays:");
        page.numbered(&did);
    }
    let checks = &story.run.outline.verify;
    if checks.is_empty() {
        page.paragraph("No final check says that it helped: the runbook has none.");
    } else if let Some(over) = Moments::of(story).resolved {
        page.paragraph(&format!(
            "Its final checks had passed by {}: see [Before and after](#before-and-after).",
            date_time(over.at)
        ));
    }
}

/// Whether what a step did was not undone.
fn stays(step: &Step<'_>) -> bool {
    step.state.undo != UndoStatus::Undone && step.state.status == StepStatus::Done
}

fn did(step: &Step<'_>) -> String {
    let intent = step.state.intent.as_ref();
    let what = intent.map_or_else(|| step.outline.summary.clone(), intended);
    format!("{}: {}", title(step), inline(&what))
}

/// What is left to look after: what people noted, and what the run shows.
pub(super) fn follow_up(story: &Story<'_>, sections: &mut Sections) {
    let noted = answers(&story.state, NoteKind::FollowUp).next().is_some();
    let shown = left(story);
    if !noted && shown.is_empty() {
        return;
    }
    let page = sections.begin("follow-up", "Follow-up");
    items(story, NoteKind::FollowUp, page);
    if !shown.is_empty() {
        page.paragraph("What the journal shows to be left:");
        page.list(&shown);
    }
}

fn left(story: &Story<'_>) -> Vec<String> {
    let mut left = Vec::new();
    if !by_hand(&story.state).is_empty() {
        left.push("**Undos that did not pass**: see [To do by hand](#to-do-by-hand)".to_owned());
    }
    if !story.state.doubts().is_empty() {
        left.push("**What nobody can tell**: see [To be decided](#to-be-decided)".to_owned());
    }
    if story
        .state
        .outcome()
        .is_some_and(|outcome| outcome != runbook_event::Outcome::NotNeeded)
    {
        left.extend(incident(story));
    }
    for step in story.steps() {
        if let (Part::Finally, Some(failure)) = (step.part, &step.state.failure) {
            left.push(format!(
                "The clean-up {} failed: {}",
                title(&step),
                inline(&failed(failure))
            ));
        }
    }
    let lost = story.changed().filter(|step| {
        let undo = &step.outline.undo;
        stays(step) && matches!(undo, UndoOutline::Irreversible { .. } | UndoOutline::Undeclared)
    });
    left.extend(lost.map(|step| {
        format!(
            "{} stays: {}",
            title(&step),
            inline(&why_kept(&step.outline.undo))
        )
    }));
    let back: Vec<String> = story
        .changed()
        .filter(|step| {
            let undo = &step.outline.undo;
            stays(step) && matches!(undo, UndoOutline::Rollback { .. } | UndoOutline::Steps { .. })
        })
        .map(|step| title(&step))
        .collect();
    if !back.is_empty() && story.state.outcome().is_some() {
        let command = format!("runbook rollback {}", word(&story.run.run));
        left.push(format!(
            "If it was to be for a while only: {} takes back {}",
            code(&command),
            back.join(", ")
        ));
    }
    left
}
