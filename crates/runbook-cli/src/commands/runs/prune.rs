//! `runbook runs prune`: removing runs that were kept long enough.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use runbook_event::{Outcome, RunState};
use runbook_journal::{Glance, PruneError, Pruner, size};
use runbook_report::{duration, visible};
use serde_json::{Value, json};

use crate::args::{Format, Prune, before};
use crate::clock::now;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::{CONFIG, Project};
use crate::session;
use crate::term::{self, BAD, BOLD, DIM, WARN, styled};

/// By which rule runs go.
struct Rule {
    keep: Option<Duration>,
    keep_last: Option<usize>,
    force: bool,
    /// As people write it.
    text: String,
}

/// Why a run stays, although the rule does not keep it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stays {
    Live,
    Killed,
    Held,
    Waiting,
    Unknown,
    RollbackFailed,
    Unreadable,
}

impl Stays {
    const fn why(self) -> &'static str {
        match self {
            Self::Live => "it is going on",
            Self::Killed => "it was killed: resume it or roll it back",
            Self::Held => "what it did stands, and can be undone: resume it or roll it back",
            Self::Waiting => "it waits for an answer",
            Self::Unknown => "nobody can tell yet what a step of it did",
            Self::RollbackFailed => "its rollback failed; `--force` removes it",
            Self::Unreadable => "it cannot be read, so nothing could be kept of it",
        }
    }
}

/// What is to become of the runs.
struct Verdicts<'a> {
    goes: Vec<&'a Glance>,
    stays: Vec<(&'a Glance, Stays)>,
    /// How many the rule keeps.
    kept: usize,
}

pub(super) fn run(project: &Project, environment: &Environment, args: &Prune) -> Result<u8, Error> {
    let rule = Rule::of(project, args)?;
    let runs = runbook_journal::glances(&project.runs())?;
    let verdicts = judge(&runs, &rule, now(), |run| {
        runbook_journal::read(&run.dir).ok().map(|run| run.state)
    });
    let mut going = Vec::new();
    let mut failed = Vec::new();
    if args.yes && !verdicts.goes.is_empty() {
        let mut pruner = Pruner::open(
            &project.state(),
            &project.runs(),
            &session::keys(project, environment),
        )
        .map_err(refused)?;
        // The oldest first, so that an interruption leaves what would stay longest.
        for run in verdicts.goes.iter().rev() {
            match pruner.prune(&run.run, now(), environment.who(), &rule.text) {
                Ok(entry) => going.push((*run, entry.bytes)),
                Err(error) => failed.push((*run, error.to_string())),
            }
        }
    } else {
        for run in verdicts.goes.iter().rev() {
            going.push((*run, size(&run.dir).unwrap_or(0)));
        }
    }
    match args.format {
        Format::Json => term::print(&format!("{:#}", json_of(&verdicts, &going, &failed, args.yes))),
        Format::Text => print(&verdicts, &going, &failed, &rule, args.yes),
    }
    Ok(u8::from(!failed.is_empty()))
}

impl Rule {
    fn of(project: &Project, args: &Prune) -> Result<Self, Error> {
        let own = args.keep.is_none() && args.keep_last.is_none();
        let keep = args.keep.or(project.config.keep_runs.filter(|_| own));
        if keep.is_none() && args.keep_last.is_none() {
            return Err(Error::usage_with(
                "nothing says how long runs are kept, so none was removed",
                format!("pass `--keep 90d` or `--keep-last 20`, or set `report.keep` in `{CONFIG}`"),
            ));
        }
        let millis = |keep: Duration| u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let mut text = Vec::new();
        if let Some(keep) = keep {
            let long = days(keep).unwrap_or_else(|| duration(millis(keep)));
            text.push(if own {
                format!("report.keep {long}")
            } else {
                format!("--keep {long}")
            });
        }
        text.extend(args.keep_last.map(|last| format!("--keep-last {last}")));
        if args.force {
            text.push("--force".to_owned());
        }
        Ok(Self {
            keep,
            keep_last: args.keep_last,
            force: args.force,
            text: text.join(" "),
        })
    }
}

/// Whole days, as they are written.
fn days(time: Duration) -> Option<String> {
    let seconds = time.as_secs();
    (seconds > 0 && seconds.is_multiple_of(86_400)).then(|| format!("{}d", seconds / 86_400))
}

/// What becomes of each run. They are sorted, the newest first; `read` reads all of one, where its ends do not tell enough.
fn judge<'a>(
    runs: &'a [Glance],
    rule: &Rule,
    now: Timestamp,
    read: impl Fn(&Glance) -> Option<RunState>,
) -> Verdicts<'a> {
    let mut verdicts = Verdicts {
        goes: Vec::new(),
        stays: Vec::new(),
        kept: 0,
    };
    let mut seen: HashMap<&str, usize> = HashMap::new();
    let limit = rule.keep.map(|keep| before(now, keep));
    for run in runs {
        let newer = run.began.as_ref().map_or(0, |began| {
            let seen = seen.entry(began.runbook.name.as_str()).or_default();
            *seen += 1;
            *seen - 1
        });
        let is_last = rule.keep_last.is_some_and(|last| newer < last);
        let end = run.ended_at.or_else(|| run.began_at());
        let is_young = limit.is_some_and(|limit| end.is_none_or(|end| end >= limit));
        if is_last || is_young {
            verdicts.kept += 1;
            continue;
        }
        match stays(run, rule.force, &read) {
            Some(why) => verdicts.stays.push((run, why)),
            None => verdicts.goes.push(run),
        }
    }
    verdicts
}

/// Why a run must not go, if it must not.
fn stays(run: &Glance, force: bool, read: impl Fn(&Glance) -> Option<RunState>) -> Option<Stays> {
    if run.running {
        return Some(Stays::Live);
    }
    if run.error.is_some() {
        return Some(Stays::Unreadable);
    }
    match run.outcome {
        None => Some(Stays::Killed),
        Some(Outcome::Waiting) => Some(Stays::Waiting),
        Some(Outcome::Unknown) => Some(Stays::Unknown),
        Some(Outcome::RollbackFailed) => (!force).then_some(Stays::RollbackFailed),
        Some(Outcome::Failed | Outcome::Interrupted | Outcome::Rejected) => match read(run) {
            None => Some(Stays::Unreadable),
            Some(state) => (!session::next::undoable(&state).is_empty()).then_some(Stays::Held),
        },
        Some(Outcome::Resolved | Outcome::NotNeeded | Outcome::RolledBack | Outcome::CleanupFailed) => None,
    }
}

fn refused(error: PruneError) -> Error {
    match error {
        PruneError::Unreadable(error) => error.into(),
        PruneError::Busy { .. }
        | PruneError::Name { .. }
        | PruneError::Live { .. }
        | PruneError::Open { .. }
        | PruneError::Unkept(_)
        | PruneError::Io { .. } => Error::usage(error.to_string()),
    }
}

fn print(
    verdicts: &Verdicts<'_>,
    going: &[(&Glance, u64)],
    failed: &[(&Glance, String)],
    rule: &Rule,
    done: bool,
) {
    let bytes = going.iter().map(|(_, bytes)| bytes).sum();
    let what = if done { "removed" } else { "would go" };
    for (run, bytes) in going {
        let ended = run.ended_at.map(|at| at.strftime("%Y-%m-%d").to_string());
        let outcome = run.outcome.map_or("", Outcome::word);
        let line = format!(
            "  {}  {}  {outcome}",
            visible(&run.run),
            ended.unwrap_or_default()
        );
        term::print(&format!("{line}  {}", styled(DIM, &readable(*bytes))));
    }
    let count = going.len();
    let runs = if count == 1 {
        "1 run".to_owned()
    } else {
        format!("{count} runs")
    };
    let line = format!(
        "{runs} {what} ({}) by {}; {} kept",
        readable(bytes),
        rule.text,
        verdicts.kept
    );
    term::print(&styled(BOLD, &line));
    for (run, why) in &verdicts.stays {
        term::print(&styled(
            WARN,
            &format!("  {} stays: {}", visible(&run.run), why.why()),
        ));
    }
    for (run, why) in failed {
        term::print(&styled(
            BAD,
            &format!("  {} could not be removed: {}", visible(&run.run), visible(why)),
        ));
    }
    if !done && count > 0 {
        term::print(
            "nothing was removed: pass `--yes` to remove them; a line of each stays (`runbook runs --pruned`)",
        );
    }
}

fn json_of(
    verdicts: &Verdicts<'_>,
    going: &[(&Glance, u64)],
    failed: &[(&Glance, String)],
    done: bool,
) -> Value {
    let going: Vec<Value> = going
        .iter()
        .map(|(run, bytes)| {
            json!({
                "run": run.run, "bytes": bytes, "outcome": run.outcome.map(Outcome::word),
                "ended_at": run.ended_at.map(|at| at.to_string()),
            })
        })
        .collect();
    let stays: Vec<Value> = verdicts
        .stays
        .iter()
        .map(|(run, why)| json!({"run": run.run, "why": why.why()}))
        .collect();
    let failed: Vec<Value> = failed
        .iter()
        .map(|(run, why)| json!({"run": run.run, "error": why}))
        .collect();
    json!({"removed": done, "runs": going, "stays": stays, "failed": failed, "kept": verdicts.kept})
}

/// A number of bytes, as people read it.
fn readable(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_readable() {
        for (bytes, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (10 * 1024 * 1024, "10.0 MiB"),
            // Never more than there is.
            (u64::MAX, "16777215.9 TiB"),
        ] {
            assert_eq!(readable(bytes), expected, "{bytes}");
        }
    }

    fn run(name: &str, ended: &str, outcome: Option<Outcome>) -> Glance {
        let ended: Timestamp = format!("{ended}T10:00:00Z").parse().unwrap();
        Glance {
            run: name.to_owned(),
            dir: name.into(),
            began: None,
            ended_at: outcome.map(|_| ended),
            outcome,
            elapsed_ms: None,
            running: false,
            error: None,
        }
    }

    fn judged(runs: &[Glance], rule: &Rule) -> (Vec<String>, Vec<Stays>, usize) {
        let now = "2026-05-04T10:00:00Z".parse().unwrap();
        let verdicts = judge(runs, rule, now, |_| Some(RunState::new()));
        let goes = verdicts.goes.iter().map(|run| run.run.clone()).collect();
        (
            goes,
            verdicts.stays.iter().map(|(_, why)| *why).collect(),
            verdicts.kept,
        )
    }

    fn rule(keep_days: u64, force: bool) -> Rule {
        Rule {
            keep: Some(Duration::from_secs(keep_days * 86_400)),
            keep_last: None,
            force,
            text: String::new(),
        }
    }

    #[test]
    fn only_what_is_over_goes() {
        let mut runs: Vec<Glance> = Outcome::ALL
            .into_iter()
            .map(|outcome| run(outcome.word(), "2026-01-01", Some(outcome)))
            .collect();
        runs.push(Glance {
            running: true,
            ..run("live", "2026-01-01", None)
        });
        runs.push(run("20260101-100000-killed", "2026-01-01", None));
        runs.push(Glance {
            error: Some("torn".to_owned()),
            ..run("20260101-100000-bad", "2026-01-01", None)
        });
        let (goes, stay, kept) = judged(&runs, &rule(30, false));
        let over = [
            "resolved",
            "not_needed",
            "failed",
            "rolled_back",
            "rejected",
            "cleanup_failed",
            "interrupted",
        ];
        assert_eq!(goes, over);
        // Of the live one nobody knows when it began, so it counts as young.
        assert_eq!(
            stay,
            [
                Stays::RollbackFailed,
                Stays::Waiting,
                Stays::Unknown,
                Stays::Killed,
                Stays::Unreadable
            ]
        );
        assert_eq!(kept, 1);
        let (goes, stay, _) = judged(&runs, &rule(30, true));
        assert_eq!((goes.len(), stay.len()), (over.len() + 1, 4));
    }

    #[test]
    fn what_is_young_or_among_the_last_stays() {
        let resolved = Some(Outcome::Resolved);
        let runs: Vec<Glance> = ["2026-05-03", "2026-04-20", "2026-04-03", "2026-03-01"]
            .into_iter()
            .map(|day| run(day, day, resolved))
            .collect();
        assert_eq!(
            judged(&runs, &rule(30, false)).0,
            ["2026-04-03", "2026-03-01"].map(str::to_owned)
        );
        assert_eq!(judged(&runs, &rule(0, false)).0.len(), 4);
        assert_eq!(judged(&runs, &rule(1_000_000_000, false)).0.len(), 0);
    }
}
