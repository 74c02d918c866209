//! What ran: the plan, the commit, and the texts as they were.

use std::sync::Arc;

use runbook_event::{Holds, Outline, StepOutline};

use crate::markdown::page::Page;
use crate::markdown::section::Sections;
use crate::story::{Evidence, Story};
use crate::text::{code, inline};
use crate::words::{planned_undo, why_kept};

/// How many lines of a text are shown.
const LINES: usize = 2_000;

pub(super) fn write(story: &Story<'_>, evidence: &Evidence<'_>, sections: &mut Sections) {
    let page = sections.begin("appendix", "Appendix");
    plan(story, page);
    commit(story, page);
    if evidence.texts.is_empty() {
        return;
    }
    for (name, bytes) in evidence.texts {
        page.heading(3, &format!("{} as it ran", code(name)));
        text(bytes, name, page);
    }
}

/// What was to be done, in the author's order.
fn plan(story: &Story<'_>, page: &mut Page) {
    page.heading(3, "The plan");
    page.paragraph(&format!(
        "What was to be done, as it was known when the run began. Its SHA-256 is {}.",
        code(&story.run.plan)
    ));
    let mut rows = Vec::new();
    of_outline(&story.run.outline, 0, &mut rows);
    page.table(["Step", "Action", "Effect", "What", "Undo"], &rows);
}

fn of_outline(outline: &Outline, depth: usize, rows: &mut Vec<[String; 5]>) {
    of_steps(&outline.steps, depth, "", rows);
    of_steps(&outline.finally, depth, "finally: ", rows);
}

fn of_steps(steps: &[Arc<StepOutline>], depth: usize, part: &str, rows: &mut Vec<[String; 5]>) {
    for step in steps {
        let undo = planned_undo(&step.undo);
        rows.push([
            format!("{}{part}{}", "– ".repeat(depth), code(&step.id)),
            code(&step.kind),
            step.effect.word().to_owned(),
            inline(&step.summary),
            if undo.is_empty() {
                inline(&why_kept(&step.undo))
            } else {
                inline(&undo)
            },
        ]);
        match &step.holds {
            Holds::Runbook { outline, .. } => of_outline(outline, depth + 1, rows),
            held @ (Holds::Nothing
            | Holds::Steps { .. }
            | Holds::Items { .. }
            | Holds::Rounds { .. }
            | Holds::Branches { .. }
            | Holds::Alternatives { .. }) => of_steps(held.steps(), depth + 1, "", rows),
        }
    }
}

fn commit(story: &Story<'_>, page: &mut Page) {
    page.heading(3, "The commit");
    page.paragraph(&match &story.run.commit {
        Some(commit) if commit.dirty => {
            format!(
                "{}, and files differed from it: what ran is below.",
                code(&commit.id)
            )
        }
        Some(commit) => format!("{}, and no file differed from it.", code(&commit.id)),
        None => "The runbook was in no repository.".to_owned(),
    });
}

fn text(bytes: &[u8], name: &str, page: &mut Page) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        page.paragraph(&format!("It is no text, and has {} bytes.", bytes.len()));
        return;
    };
    let left_out = page.listing(text, language(name), LINES);
    if left_out > 0 {
        page.paragraph(&format!("{left_out} more lines are in the run’s directory."));
    }
}

/// The language of a text, for whoever colours it.
fn language(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("yaml" | "yml") => "yaml",
        Some("json" | "lock") => "json",
        Some("sql") => "sql",
        Some("sh") => "sh",
        Some(_) | None => "text",
    }
}
