//! The title, the verdict in one line, and what one wants to know of a run at once.

use std::borrow::Cow;
use std::sync::Arc;

use runbook_event::{
    CheckRole, Holds, Outcome, RunbookRef, StepOutline, StepStatus, UndoOutline, UndoStatus, Verdict,
};

use crate::markdown::happened::{cause, title};
use crate::markdown::page::{Page, date_time};
use crate::markdown::people::open_questions;
use crate::markdown::section::Section;
use crate::story::{Part, Step, Story};
use crate::text::{code, inline};
use crate::words::{duration, why_kept, wishes};

/// How many digits of a digest tell it from others in a table.
const SHORT: usize = 12;

pub(super) fn section(story: &Story<'_>) -> Section {
    let mut page = Page::new();
    page.paragraph(&verdict(story));
    page.list(&lead(story));
    if let Some(open) = open_questions(story) {
        page.paragraph(&open);
    }
    if let Some(summary) = &story.run.runbook.summary {
        page.paragraph(&inline(summary));
    }
    page.table(["", ""], &rows(story));
    Section {
        id: Cow::Borrowed("head"),
        title: inline(&story.run.runbook.title),
        body: page.finish(),
    }
}

fn verdict(story: &Story<'_>) -> String {
    match story.state.outcome() {
        Some(outcome) => {
            let span = story
                .elapsed_ms()
                .map_or_else(String::new, |ms| format!(", after {}", duration(ms)));
            format!(
                "**{}**{span}: {}.",
                inline(outcome.word()),
                inline(outcome.meaning())
            )
        }
        None => "**no end**: still running or killed. The journal does not say how it ended.".to_owned(),
    }
}

fn rows(story: &Story<'_>) -> Vec<[String; 2]> {
    let (run, state) = (story.run, &story.state);
    let runbook = &run.runbook;
    let missing = || "–".to_owned();
    let optional = |text: &Option<String>| text.as_deref().map_or_else(missing, inline);
    let ended = match state.ended_at() {
        Some(at) => date_time(at),
        None => format!("– (last record {})", date_time(story.last_at())),
    };
    let outcome = match state.outcome() {
        Some(outcome) => format!("{}, exit code {}", code(outcome.word()), outcome.exit_code()),
        None => "– (still running or killed)".to_owned(),
    };
    let row = |name: &str, value: String| [name.to_owned(), value];
    let mut rows = vec![
        row("Run", code(&run.run)),
        row(
            "Runbook",
            format!(
                "{} {}, {}",
                code(&runbook.name),
                inline(&runbook.version),
                code(&runbook.path)
            ),
        ),
        row("Environment", environment(story)),
        row("Severity", optional(&runbook.severity)),
        row("Owner", optional(&runbook.owner)),
        row("Started", date_time(story.started_at)),
        row("Ended", ended),
        row("Duration", story.elapsed_ms().map_or_else(missing, duration)),
        row(
            "Started by",
            format!("{} on {}", code(&run.who.user), code(&run.who.host)),
        ),
        row("Connections", connections(story)),
        row("Outcome", outcome),
        row("Plan", short(&run.plan)),
        row("Runbook SHA-256", short(&runbook.sha256)),
        row("Engine", inline(&run.engine)),
    ];
    let subs: Vec<String> = sub_runbooks(story)
        .iter()
        .map(|sub| {
            // Its text is among the pinned ones, where it has no path of its own.
            let path = Some(&sub.path).filter(|path| !path.is_empty());
            let path = path.map_or_else(String::new, |path| format!(", {}", code(path)));
            format!("{} {}{path}", code(&sub.name), inline(&sub.version))
        })
        .collect();
    let locks: Vec<String> = run.locks.iter().map(|lock| code(lock)).collect();
    let more = [
        ("Sub-runbooks", subs.join("<br>")),
        ("Locks", locks.join(", ")),
        (
            "Asked for",
            wishes(&run.wanted).as_deref().map_or_else(String::new, inline),
        ),
    ];
    rows.extend(
        more.into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| row(name, value)),
    );
    rows
}

/// The sub-runbooks that the runbook uses, each once, in the order in which they stand in it.
pub(super) fn sub_runbooks<'a>(story: &Story<'a>) -> Vec<&'a RunbookRef> {
    fn find<'a>(steps: &'a [Arc<StepOutline>], found: &mut Vec<&'a RunbookRef>) {
        for step in steps {
            if let Holds::Runbook { runbook, outline } = &step.holds {
                if !found.contains(&&**runbook) {
                    found.push(runbook);
                }
                find(&outline.finally, found);
            }
            if let UndoOutline::Steps { steps } = &step.undo {
                find(steps, found);
            }
            find(step.holds.steps(), found);
        }
    }
    let mut found = Vec::new();
    find(&story.run.outline.steps, &mut found);
    find(&story.run.outline.finally, &mut found);
    found
}

/// What one must know at once of a run that did not do what it was for: why, what it left, what is still so.
fn lead(story: &Story<'_>) -> Vec<String> {
    match story.state.outcome() {
        Some(
            Outcome::Failed
            | Outcome::RolledBack
            | Outcome::RollbackFailed
            | Outcome::Rejected
            | Outcome::Unknown
            | Outcome::Interrupted,
        ) => {}
        Some(Outcome::Resolved | Outcome::NotNeeded | Outcome::Waiting | Outcome::CleanupFailed) | None => {
            return Vec::new();
        }
    }
    let mut lead = Vec::new();
    if !story.state.doubts().is_empty() {
        lead.push("**A person must say what is so**: see [To be decided](#to-be-decided).".to_owned());
    }
    if let Some(stop) = story.stop() {
        lead.push(format!("Cause: {}", cause(story, None, stop)));
    }
    let left: Vec<String> = story.changed().filter_map(|step| left(story, &step)).collect();
    lead.push(if left.is_empty() {
        "Still changed: nothing.".to_owned()
    } else {
        format!("**Still changed**: {}.", left.join("; "))
    });
    lead.extend(incident(story));
    lead
}

/// What stays of a step that may have changed something.
fn left(story: &Story<'_>, step: &Step<'_>) -> Option<String> {
    let undo = &step.outline.undo;
    let doubtful = step.state.status == StepStatus::Doubtful;
    let why = match step.state.undo {
        UndoStatus::Undone => return None,
        UndoStatus::None | UndoStatus::Kept if *undo == UndoOutline::NotNeeded => return None,
        UndoStatus::Failed => "its undo failed, see [To do by hand](#to-do-by-hand)".to_owned(),
        _ if step.state.undo_is_open_to_doubt() => {
            "nobody can tell whether it was undone, see [To be decided](#to-be-decided)".to_owned()
        }
        UndoStatus::Pending | UndoStatus::Running | UndoStatus::Acted | UndoStatus::Doubtful
            if story.goes_on() =>
        {
            "it is to be undone once the run goes on".to_owned()
        }
        UndoStatus::Pending | UndoStatus::Running | UndoStatus::Acted | UndoStatus::Doubtful => {
            "no record says that it was undone, see [To do by hand](#to-do-by-hand)".to_owned()
        }
        UndoStatus::None if step.part == Part::Finally => return None,
        UndoStatus::None if doubtful => {
            "nobody can tell whether it has happened, see [To be decided](#to-be-decided)".to_owned()
        }
        UndoStatus::None | UndoStatus::Kept => inline(&why_kept(undo)),
    };
    Some(format!("{} ({why})", title(step)))
}

/// Whether the incident is still there, unless the final checks say that it is over.
pub(super) fn incident(story: &Story<'_>) -> Option<String> {
    let checks = &story.run.outline.verify;
    let found = |verdict: Option<Verdict>| {
        checks
            .iter()
            .filter(|check| {
                let known = story.check(None, CheckRole::Verify, check);
                known.and_then(|known| known.verdict) == verdict
            })
            .count()
    };
    let why = if checks.is_empty() {
        "the runbook has no final check"
    } else if found(Some(Verdict::Pass)) == checks.len() {
        return None;
    } else if found(None) == checks.len() {
        "the final checks were not asked"
    } else {
        "the final checks were not passed"
    };
    Some(format!("**The incident must be taken as still there**: {why}."))
}

fn environment(story: &Story<'_>) -> String {
    let environment = story
        .run
        .environment
        .as_deref()
        .map_or_else(|| "–".to_owned(), code);
    match &story.run.practice {
        Some(practice) => format!(
            "{environment} (**practice**: the practice system {} stood in for the real one)",
            code(practice)
        ),
        None => environment,
    }
}

fn connections(story: &Story<'_>) -> String {
    let connections: Vec<String> = story
        .run
        .connections
        .iter()
        .map(|(name, address)| format!("{}: {}", code(name), code(address)))
        .collect();
    if connections.is_empty() {
        "–".to_owned()
    } else {
        connections.join("<br>")
    }
}

fn short(digest: &str) -> String {
    match digest.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", code(&digest[..end])),
        None => code(digest),
    }
}
