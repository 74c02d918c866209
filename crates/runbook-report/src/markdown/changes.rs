//! What was changed, what was undone, and what a person must do.

use runbook_event::{Intent, StepStatus, UndoOutline, UndoStatus};

use crate::markdown::happened::{title, why_kept};
use crate::markdown::page::{Page, time};
use crate::story::{Step, Story};
use crate::text::{code, inline};
use crate::words::{duration, failed, intended};

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    changed(story, page);
    if story.rolled_back() {
        undone(story, page);
    }
    by_hand(story, page);
}

fn changed(story: &Story<'_>, page: &mut Page) {
    page.heading(2, "What was changed");
    let rows: Vec<[String; 5]> = story
        .changed()
        .map(|step| {
            let effect = step
                .state
                .intent
                .as_ref()
                .map_or(step.outline.effect, |intent| intent.effect);
            let what = step
                .state
                .intent
                .as_ref()
                .map_or_else(|| step.outline.summary.clone(), intended);
            [
                title(&step),
                effect.word().to_owned(),
                inline(&what),
                result(&step),
                undo(story, &step),
            ]
        })
        .collect();
    if rows.is_empty() {
        page.paragraph("No step that changes anything was attempted.");
    }
    page.table(["Step", "Effect", "What", "Result", "Undo"], &rows);
}

fn result(step: &Step<'_>) -> String {
    match (step.state.status, &step.state.failure) {
        (StepStatus::Failed, Some(failure)) => format!("failed: {}", inline(&failed(failure))),
        (status, Some(_) | None) => match status {
            StepStatus::Acting => "**not known**: no record of its end".to_owned(),
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Asking
            | StepStatus::Acted
            | StepStatus::Done
            | StepStatus::Failed
            | StepStatus::Skipped => status.word().to_owned(),
        },
    }
}

fn undo(story: &Story<'_>, step: &Step<'_>) -> String {
    let at = |at: Option<jiff::Timestamp>| {
        at.map_or_else(String::new, |at| format!(" at {}", time(at, story.started_at)))
    };
    match step.state.undo {
        UndoStatus::Undone => format!("undone{}", at(step.state.undo_ended_at)),
        UndoStatus::Failed => format!("**undo FAILED**{}", at(step.state.undo_ended_at)),
        UndoStatus::Running => format!(
            "undo began{}; **no record of its end**",
            at(step.state.undo_started_at)
        ),
        UndoStatus::Pending => "**was to be undone, and was not**".to_owned(),
        UndoStatus::Kept => format!("kept: {}", why_kept(&step.outline.undo)),
        UndoStatus::None => match &step.outline.undo {
            UndoOutline::Rollback { summary } => format!("would be undone by {}", inline(summary)),
            other @ (UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared) => {
                why_kept(other)
            }
        },
    }
}

fn undone(story: &Story<'_>, page: &mut Page) {
    page.heading(2, "Undone");
    let items: Vec<String> = story
        .undone()
        .map(|step| {
            let begun = step
                .state
                .undo_started_at
                .map_or_else(String::new, |at| time(at, story.started_at));
            let what = step.state.undo_intent.as_ref().map_or_else(String::new, intended);
            let span = step
                .undo_ms
                .map_or_else(String::new, |ms| format!(" ({})", duration(ms)));
            let how = match (&step.state.undo_failure, step.state.undo) {
                (Some(failure), _) => format!("**FAILED**{span}: {}", inline(&failed(failure))),
                (None, UndoStatus::Undone) => format!("undone{span}"),
                (
                    None,
                    UndoStatus::None
                    | UndoStatus::Pending
                    | UndoStatus::Running
                    | UndoStatus::Failed
                    | UndoStatus::Kept,
                ) => "**no record of its end**".to_owned(),
            };
            format!("{begun} {}: {}: {how}", title(&step), inline(&what))
        })
        .collect();
    if items.is_empty() {
        page.paragraph("Nothing.");
    }
    page.numbered(&items);
}

fn by_hand(story: &Story<'_>, page: &mut Page) {
    let open: Vec<Step<'_>> = story
        .steps()
        .filter(|step| match step.state.undo {
            UndoStatus::Failed | UndoStatus::Running | UndoStatus::Pending => true,
            UndoStatus::None | UndoStatus::Undone | UndoStatus::Kept => false,
        })
        .collect();
    if open.is_empty() {
        return;
    }
    page.heading(2, "To do by hand");
    page.paragraph("These steps may have changed something, and their undo did not pass:");
    for step in open {
        page.heading(3, &title(&step));
        if let Some(failure) = &step.state.undo_failure {
            page.paragraph(&format!("It failed: {}.", inline(&failed(failure))));
            if let Some(help) = &failure.help {
                page.paragraph(&format!("Help: {}.", inline(help)));
            }
        } else {
            page.paragraph("There is no record of its end.");
        }
        match (&step.state.undo_intent, &step.outline.undo) {
            (Some(intent), _) => action(intent, page),
            (None, UndoOutline::Rollback { summary }) => {
                page.paragraph(&format!("What was to be done: {}.", inline(summary)));
            }
            (None, UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared) => {}
        }
    }
}

fn action(intent: &Intent, page: &mut Page) {
    page.paragraph(&format!(
        "What was to be done ({}): {}.",
        code(&intent.kind),
        inline(&intended(intent))
    ));
    // A value always has a text.
    let params = serde_json::to_string_pretty(&intent.params).unwrap_or_default();
    page.verbatim(&params, usize::MAX);
}
