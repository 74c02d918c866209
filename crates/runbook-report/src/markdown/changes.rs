//! What was changed, what was undone, and what a person must do.

use indexmap::IndexMap;
use runbook_event::{FrameKind, Intent, StepStatus, UndoOutline, UndoStatus};
use serde_json::Value;

use crate::markdown::happened::title;
use crate::markdown::page::{Page, time};
use crate::markdown::section::Sections;
use crate::story::{Step, Story};
use crate::text::{code, inline};
use crate::words::{
    ASSUMPTIONS, by_hand, count, doubts, duration, failed, intended, planned_undo, quoted, why_kept, word,
};

pub(super) fn write(story: &Story<'_>, sections: &mut Sections) {
    changed(story, sections);
    if story.turned_back() {
        undone(story, sections);
    }
}

fn changed(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("what-was-changed", "What was changed");
    let rows: Vec<[String; 5]> = story
        .changed()
        .take(story.most)
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
        (StepStatus::Failed, Some(failure)) => {
            format!("{}: {}", step.status_word(), inline(&failed(failure)))
        }
        (status, Some(_) | None) => match status {
            StepStatus::Acting => "**not known**: no record of its end".to_owned(),
            StepStatus::Doubtful => {
                let detail = step.state.doubt.as_deref();
                let detail = detail.map_or_else(String::new, |detail| format!(": {}", inline(detail)));
                format!("**not known**{detail}")
            }
            StepStatus::Done if step.state.adopted.is_some() => {
                "done before a crash, and taken so".to_owned()
            }
            StepStatus::Pending
            | StepStatus::Running
            | StepStatus::Asking
            | StepStatus::Acted
            | StepStatus::Inside
            | StepStatus::Done
            | StepStatus::Failed
            | StepStatus::Skipped => status.word().to_owned(),
        },
    }
}

/// Where a step's undo stands.
pub(super) fn undo(story: &Story<'_>, step: &Step<'_>) -> String {
    let at = |at: Option<jiff::Timestamp>| {
        at.map_or_else(String::new, |at| format!(" at {}", time(at, story.started_at)))
    };
    match step.state.undo {
        UndoStatus::Undone => format!("undone{}", at(step.state.undo_ended_at)),
        UndoStatus::Failed => format!("**undo FAILED**{}", at(step.state.undo_ended_at)),
        _ if step.state.undo_is_open_to_doubt() => "**nobody can tell whether it was undone**".to_owned(),
        UndoStatus::Running | UndoStatus::Acted | UndoStatus::Doubtful => format!(
            "undo began{}; **no record of its end**",
            at(step.state.undo_started_at)
        ),
        UndoStatus::Pending if story.goes_on() => "to be undone once the run goes on".to_owned(),
        UndoStatus::Pending => "**was to be undone, and was not**".to_owned(),
        UndoStatus::Kept => format!("kept: {}", inline(&why_kept(&step.outline.undo))),
        UndoStatus::None => match &step.outline.undo {
            undo @ (UndoOutline::Rollback { .. } | UndoOutline::Steps { .. } | UndoOutline::Within) => {
                format!("would be undone by {}", inline(&planned_undo(undo)))
            }
            other @ (UndoOutline::Irreversible { .. } | UndoOutline::NotNeeded | UndoOutline::Undeclared) => {
                inline(&why_kept(other))
            }
        },
    }
}

fn undone(story: &Story<'_>, sections: &mut Sections) {
    let page = sections.begin("undone", "Undone");
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
            let how = match (step.state.undo, &step.state.undo_failure) {
                (UndoStatus::Undone, _) => format!("undone{span}"),
                (_, Some(failure)) => format!("**FAILED**{span}: {}", inline(&failed(failure))),
                (_, None) if step.state.undo_is_open_to_doubt() => {
                    "**nobody can tell whether it has happened**".to_owned()
                }
                (
                    UndoStatus::None
                    | UndoStatus::Pending
                    | UndoStatus::Running
                    | UndoStatus::Doubtful
                    | UndoStatus::Acted
                    | UndoStatus::Failed
                    | UndoStatus::Kept,
                    None,
                ) => "**no record of its end**".to_owned(),
            };
            let again = match step.retried.len() {
                0 => String::new(),
                times => format!(" after {} that failed", count(times as u64, "attempt")),
            };
            format!("{begun} {}: {}: {how}{again}", title(&step), inline(&what))
        })
        .collect();
    if items.is_empty() {
        page.paragraph("Nothing.");
    }
    page.numbered(&items);
}

pub(super) fn to_do(story: &Story<'_>, sections: &mut Sections) {
    let open: Vec<Step<'_>> = by_hand(&story.state)
        .into_iter()
        .filter_map(|at| story.at(at))
        .collect();
    if open.is_empty() {
        return;
    }
    let page = sections.begin("to-do-by-hand", "To do by hand");
    page.paragraph("These steps may have changed something, and their undo did not pass:");
    for step in &open {
        page.heading(3, &title(step));
        if let Some(failure) = &step.state.undo_failure {
            page.paragraph(&format!("It failed: {}.", inline(&failed(failure))));
            if let Some(help) = &failure.help {
                page.paragraph(&format!("Help: {}.", inline(help)));
            }
        } else {
            page.paragraph("There is no record of its end.");
        }
        to_be_done(story, step, page);
    }
    if story.state.outcome().is_some() {
        let command = format!("runbook rollback {}", word(&story.run.run));
        page.paragraph(&format!("{} tries these undos once more.", code(&command)));
    }
}

/// What the undo of a step was to do, as rendered, as far as it came to that.
fn to_be_done(story: &Story<'_>, step: &Step<'_>, page: &mut Page) {
    let steps = step
        .state
        .undo_frame
        .and_then(|frame| story.state.frames().get(frame));
    if let Some(steps) = steps.filter(|frame| frame.kind == FrameKind::Undo) {
        for part in steps.members.iter().filter_map(|at| story.at(*at)) {
            if part.state.status == StepStatus::Done || part.state.status == StepStatus::Skipped {
                continue;
            }
            match &part.state.intent {
                Some(intent) => action(story, intent, page),
                None => page.paragraph(&format!(
                    "What was to be done: {}: {}.",
                    title(&part),
                    inline(&part.outline.summary)
                )),
            }
        }
        return;
    }
    if let Some(intent) = &step.state.undo_intent {
        action(story, intent, page);
        return;
    }
    let planned = planned_undo(&step.outline.undo);
    if !planned.is_empty() {
        page.paragraph(&format!("What was to be done: {}.", inline(&planned)));
    }
}

/// What a person must say before the run can go on.
pub(super) fn to_decide(story: &Story<'_>, sections: &mut Sections) {
    let doubts = doubts(&story.state);
    if doubts.is_empty() {
        return;
    }
    let page = sections.begin("to-be-decided", "To be decided");
    page.paragraph(
        "A crash interrupted these steps, and nobody can tell whether what they were about has happened. \
         A person must look, and say what is so:",
    );
    for doubt in doubts {
        let step = story.step(&doubt.step);
        let name = step.as_ref().map_or_else(|| inline(&doubt.title), title);
        let of = if doubt.undoing { "The undo of " } else { "" };
        page.heading(3, &format!("{of}{name}"));
        page.paragraph(&format!("What is known: {}.", inline(&doubt.detail)));
        let intent = step.as_ref().and_then(|step| {
            let state = step.state;
            let intent = if doubt.undoing {
                &state.undo_intent
            } else {
                &state.intent
            };
            intent.as_ref()
        });
        if let Some(intent) = intent {
            action(story, intent, page);
        }
        page.paragraph("Then one of:");
        page.source(&format!("{}\n{}\n", doubt.assume, doubt.retry), "text");
    }
    let mut meanings: Vec<String> = ASSUMPTIONS
        .iter()
        .map(|(word, meaning)| format!("{}: {meaning}", code(word)))
        .collect();
    meanings.push(format!(
        "{}: it is run again, whether or not it has happened",
        code("--retry")
    ));
    page.list(&meanings);
}

/// An action, so that a person can do it.
fn action(story: &Story<'_>, intent: &Intent, page: &mut Page) {
    page.paragraph(&format!("What was to be done: {}.", inline(&intended(intent))));
    let mut facts = vec![format!("Kind: {}", code(&intent.kind))];
    if let Some(target) = &intent.target {
        let address = story.run.connections.get(target);
        let address = address.map_or_else(String::new, |address| format!(" at {}", code(address)));
        facts.push(format!("Target: {}{address}", code(target)));
    }
    let mut script = exports(&intent.env);
    let mut params = intent.params.clone();
    if intent.kind == "shell" {
        let run = match &mut params {
            Value::Object(members) => members.shift_remove("run"),
            whole @ Value::String(_) => Some(whole.take()),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => None,
        };
        match run {
            Some(Value::String(run)) => script.push_str(&run),
            Some(other) => params = other,
            None => {}
        }
    }
    page.list(&facts);
    if !script.is_empty() {
        page.source(&script, "sh");
    }
    let is_empty = params.is_null() || params.as_object().is_some_and(serde_json::Map::is_empty);
    // A value always has a text.
    let params = serde_json::to_string_pretty(&params).unwrap_or_default();
    if !is_empty {
        page.paragraph("Its parameters:");
        page.source(&params, "json");
    }
    if [&script, &params].iter().any(|text| text.contains("‹secret ")) {
        page.paragraph("What stands in `‹secret …›` is masked, and must be put in its place by hand.");
    }
}

/// Variables of the environment, as lines for `sh`.
fn exports(env: &IndexMap<String, String>) -> String {
    let lines = env.iter().map(|(name, value)| {
        let is_name = name.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if is_name {
            format!("export {name}={}\n", quoted(value))
        } else {
            // No name for a shell, which then says so.
            format!("export {}\n", quoted(&format!("{name}={value}")))
        }
    });
    lines.collect()
}

/// Variables of the environment, on one line.
pub(super) fn variables(env: &IndexMap<String, String>) -> String {
    let named: Vec<String> = env
        .iter()
        .map(|(name, value)| format!("{} = {}", code(name), code(value)))
        .collect();
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_quoted_for_a_shell() {
        let env = [("A", "it's $HOME"), ("a-b; rm", "x")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into();
        assert_eq!(exports(&env), "export A='it'\\''s $HOME'\nexport 'a-b; rm=x'\n");
    }
}
