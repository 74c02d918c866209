//! The title, the verdict in one line, and what one wants to know of a run at once.

use crate::markdown::page::{Page, date_time};
use crate::story::Story;
use crate::text::{code, inline};
use crate::words::duration;

/// How many digits of a digest tell it from others in a table.
const SHORT: usize = 12;

pub(super) fn write(story: &Story<'_>, page: &mut Page) {
    page.heading(1, &inline(&story.run.runbook.title));
    page.paragraph(&verdict(story));
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
        row("Environment", optional(&run.environment)),
        row("Severity", optional(&runbook.severity)),
        row("Owner", optional(&runbook.owner)),
        row("Started", date_time(story.started_at)),
        row("Ended", ended),
        row("Duration", state.elapsed_ms().map_or_else(missing, duration)),
        row(
            "Started by",
            format!("{} on {}", code(&run.who.user), code(&run.who.host)),
        ),
        row("Outcome", outcome),
        row("Plan", short(&run.plan)),
        row("Runbook SHA-256", short(&runbook.sha256)),
        row("Engine", inline(&run.engine)),
    ]
}

fn short(digest: &str) -> String {
    match digest.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", code(&digest[..end])),
        None => code(digest),
    }
}
