//! The title, the verdict in one line, and what one wants to know of a run at once.

use runbook_event::{CheckRole, Outcome, Section, UndoOutline, UndoStatus, Verdict};

use crate::markdown::happened::{cause, title, why_kept};
use crate::markdown::page::{Page, date_time};
use crate::story::{Step, Story};
use crate::text::{code, inline};
use crate::words::duration;

/// How many digits of a digest tell it from others in a table.
const SHORT: usize = 12;

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    page.heading(1, &inline(&story.run.runbook.title));
    page.paragraph(&verdict(story));
    page.list(&lead(story));
    if let Some(summary) = &story.run.runbook.summary {
        page.paragraph(&inline(summary));
    }
    page.table(["", ""], &rows(story));
}

fn verdict(story: &Story<'_>) -> String {
    match story.state.outcome() {
        Some(outcome) => {
            let span = story
                .state
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
    vec![
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
        row("Duration", state.elapsed_ms().map_or_else(missing, duration)),
        row(
            "Started by",
            format!("{} on {}", code(&run.who.user), code(&run.who.host)),
        ),
        row("Connections", connections(story)),
        row("Outcome", outcome),
        row("Plan", short(&run.plan)),
        row("Runbook SHA-256", short(&runbook.sha256)),
        row("Engine", inline(&run.engine)),
    ]
}

/// What one must know at once of a run that did not do what it was for: why, what it left, what is still so.
fn lead(story: &Story<'_>) -> Vec<String> {
    match story.state.outcome() {
        Some(
            Outcome::Failed
            | Outcome::RolledBack
            | Outcome::RollbackFailed
            | Outcome::Rejected
            | Outcome::Interrupted,
        ) => {}
        Some(
            Outcome::Resolved
            | Outcome::NotNeeded
            | Outcome::Waiting
            | Outcome::Unknown
            | Outcome::CleanupFailed,
        )
        | None => return Vec::new(),
    }
    let mut lead = Vec::new();
    if let Some(stop) = story.state.stop() {
        lead.push(format!("Cause: {}", cause(story, stop)));
    }
    let left: Vec<String> = story.changed().filter_map(|step| left(&step)).collect();
    lead.push(if left.is_empty() {
        "Still changed: nothing.".to_owned()
    } else {
        format!("**Still changed**: {}.", left.join("; "))
    });
    lead.extend(incident(story));
    lead
}

/// What stays of a step that may have changed something.
fn left(step: &Step<'_>) -> Option<String> {
    let undo = &step.outline.undo;
    let why = match step.state.undo {
        UndoStatus::Undone => return None,
        UndoStatus::None | UndoStatus::Kept if *undo == UndoOutline::NotNeeded => return None,
        UndoStatus::Failed => "its undo failed, see [To do by hand](#to-do-by-hand)".to_owned(),
        UndoStatus::Pending | UndoStatus::Running => {
            "no record says that it was undone, see [To do by hand](#to-do-by-hand)".to_owned()
        }
        UndoStatus::None if step.outline.section == Section::Finally => return None,
        UndoStatus::None | UndoStatus::Kept => why_kept(undo),
    };
    Some(format!("{} ({why})", title(step)))
}

/// Whether the incident is still there, unless the final checks say that it is over.
fn incident(story: &Story<'_>) -> Option<String> {
    let checks = &story.run.outline.verify;
    let found = |verdict: Option<Verdict>| {
        checks
            .iter()
            .filter(|check| {
                let known = story.check(CheckRole::Verify, check);
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
