//! `runbook verify`

use std::path::Path;

use runbook_journal::{Fault, Readings, Sealed, Verified};
use serde_json::{Value, json};

use super::not_ended;
use crate::args::{Format, Verify};
use crate::error::Error;
use crate::git;
use crate::identity::Environment;
use crate::project::{CONFIG, Project};
use crate::seals;
use crate::term::{self, BAD, GOOD, WARN, styled};

/// What was found of a run.
struct Found {
    verified: Verified,
    sealed: Sealed,
    /// How many heads stand as notes of git, and all fit. None where nobody asked.
    notes: Option<usize>,
    /// What the project demands and is not so.
    lacking: Option<String>,
}

pub(crate) fn run(project: &Project, environment: &Environment, args: &Verify) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    if let Some(head) = args.head.as_deref().filter(|head| !is_hash(head)) {
        return Err(Error::usage_with(
            format!("`{head}` is not the head of a journal"),
            "it has 64 hexadecimal digits: take it from the end of a report",
        ));
    }
    let name = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    let found = match look(project, environment, &dir, &name, args) {
        Ok(found) => found,
        Err(Error::Journal(error)) if args.format == Format::Json => {
            let bad = error.bad();
            let value = json!({"run": name, "intact": false, "line": bad.map(|bad| bad.line), "error": error.to_string()});
            term::print(&value.to_string());
            return Ok(1);
        }
        Err(error) => return Err(error),
    };
    match args.format {
        Format::Json => term::print(&json_of(&name, &found).to_string()),
        Format::Text => print(&name, &dir, &found, args.head.is_some()),
    }
    Ok(u8::from(found.lacking.is_some()))
}

fn look(
    project: &Project,
    environment: &Environment,
    dir: &Path,
    name: &str,
    args: &Verify,
) -> Result<Found, Error> {
    let keys = seals::public(project)?;
    let verified = runbook_journal::verify(dir, args.head.as_deref())?;
    let sealed = runbook_journal::sealed(dir, &verified, &keys)?;
    let notes = args
        .git
        .then(|| notes(project, environment, dir, name, &verified))
        .transpose()?;
    let has_key = project.config.seal.key.is_some() || !keys.is_empty();
    let is_open = verified.end.is_some_and(|end| sealed.records <= end);
    let lacking = (project.config.seal.required && has_key && is_open)
        .then(|| format!("`{CONFIG}` demands seals, and none vouches for the end of the run"));
    Ok(Found {
        verified,
        sealed,
        notes,
        lacking,
    })
}

/// Compares the heads that stand as notes of git on the commit that the run was of. How many there are.
fn notes(
    project: &Project,
    environment: &Environment,
    dir: &Path,
    name: &str,
    verified: &Verified,
) -> Result<usize, Error> {
    let run = runbook_journal::read(dir)?;
    let commit = run.state.run().and_then(|started| started.commit.as_ref());
    let Some(commit) = commit else {
        return Err(Error::usage_with(
            format!("run `{name}` is of no commit, so there are no notes of git about it"),
            "leave `--git` out",
        ));
    };
    let heads = git::notes::heads(environment, &project.root, &commit.id, name);
    if heads.is_empty() {
        return Err(Error::usage_with(
            format!("git has no note about run `{name}` on the commit {}", commit.id),
            format!(
                "`git fetch origin {0}:{0}` brings those of others; `seal.git_notes` of `{CONFIG}` writes them",
                git::notes::REFERENCE
            ),
        ));
    }
    for (seq, head) in &heads {
        runbook_journal::fits(verified, *seq, head).map_err(|(fault, what)| told(dir, *seq, fault, &what))?;
    }
    Ok(heads.len())
}

fn told(dir: &Path, seq: u64, fault: Fault, what: &str) -> Error {
    Error::Journal(runbook_journal::Error::Bad {
        path: dir.join("journal.jsonl"),
        bad: runbook_journal::Bad {
            line: seq + 1,
            fault,
            text: format!("a note of git keeps the head of record {seq}, {what}"),
        },
    })
}

fn json_of(name: &str, found: &Found) -> Value {
    let Found {
        verified,
        sealed,
        notes,
        lacking,
    } = found;
    json!({
        "run": name, "intact": true, "records": verified.records, "head": verified.head,
        "ended": verified.ended, "torn": verified.torn, "lost": verified.lost,
        "readings": match verified.readings {
            Readings::None => "none",
            Readings::Whole => "whole",
            Readings::Lost => "lost",
            Readings::Unknown => "unknown",
        },
        "seals": {
            "count": sealed.seals, "records": sealed.records, "by": sealed.by, "unknown": sealed.unknown,
        },
        "git_notes": notes,
        "lacking": lacking,
    })
}

fn print(name: &str, dir: &Path, found: &Found, has_head: bool) {
    let verified = &found.verified;
    let records = verified.records;
    term::print(&format!(
        "{} {name}: {records} records, none changed, removed, inserted or moved",
        styled(GOOD, "✓")
    ));
    term::print(&format!("  head {}", verified.head));
    print_seals(found);
    let reaches_end = verified.end.is_some_and(|end| found.sealed.records > end) || found.notes.is_some();
    if !has_head && !reaches_end {
        term::print(
            "  a tail that was cut off is found only with `--head`, from a report or a message kept elsewhere",
        );
    }
    if !verified.ended {
        term::print(&styled(WARN, &format!("  {}", not_ended(dir))));
    }
    if verified.torn {
        term::print(&styled(WARN, "  the last line is torn, as a crash leaves it"));
    }
    for lost in &verified.lost {
        term::print(&styled(WARN, &format!("  lost: {lost}")));
    }
    if verified.readings == Readings::Unknown {
        term::print(&styled(
            WARN,
            "  readings.jsonl: the journal does not vouch for it",
        ));
    }
    if let Some(lacking) = &found.lacking {
        term::print(&format!("{} {lacking}", styled(BAD, "✗")));
    }
}

fn print_seals(found: &Found) {
    let (verified, sealed) = (&found.verified, &found.sealed);
    if sealed.records > 0 {
        let by = sealed.by.join(", ");
        let left = verified.records - sealed.records;
        if left == 0 {
            term::print(&format!("  sealed by {by}: all {} records", sealed.records));
        } else if verified.end.is_some_and(|end| sealed.records > end) {
            term::print(&format!(
                "  sealed by {by}: all of the run; not what was written since ({left} records)"
            ));
        } else {
            let line = format!(
                "  sealed by {by}: the first {} records, not the other {left}",
                sealed.records
            );
            term::print(&styled(WARN, &line));
        }
    }
    for key in &sealed.unknown {
        let line = format!("  sealed by {key}, which is no key of `seal.public`: it proves nothing");
        term::print(&styled(WARN, &line));
    }
    if let Some(count) = found.notes {
        term::print(&format!("  {count} notes of git fit"));
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
