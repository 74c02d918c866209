//! `runbook note`

use std::io::Read as _;

use jiff::Timestamp;
use runbook_event::{Note as Written, NoteKind, NoteState, RunState};
use runbook_journal::NoteRequest;
use runbook_report::visible;

use crate::args::{Format, Note};
use crate::clock::now;
use crate::error::Error;
use crate::identity::Environment;
use crate::project::Project;
use crate::session::aside;
use crate::term::{self, DIM, GOOD, styled};
use crate::when;

/// Writes into the timeline of a run what a person knows, and waits until it is there.
pub(crate) fn run(project: &Project, environment: &Environment, args: &Note) -> Result<u8, Error> {
    let dir = runbook_journal::find(&project.runs(), &args.run)?;
    let known = runbook_journal::read(&dir)?.state;
    let now = now();
    let wanted = wanted(environment, args, &known, now)?;
    let happened_at = wanted.happened_at;
    let seq = aside::write(project, environment, &dir, wanted)?;
    let run = dir.file_name().unwrap_or_default().to_string_lossy();
    match args.format {
        Format::Json => {
            let value = serde_json::json!({
                "run": run,
                "seq": seq,
                "happened_at": happened_at.map(|at| at.to_string()),
            });
            term::print(&value.to_string());
        }
        Format::Text => {
            term::print(&visible_line(seq, &run));
            if let Some(at) = happened_at {
                let ago = u64::try_from(now.duration_since(at).as_millis()).unwrap_or_default();
                let text = format!(
                    "  claimed for {}, {} ago",
                    at.strftime("%Y-%m-%d %H:%M:%S UTC"),
                    runbook_report::duration(ago)
                );
                term::print(&styled(DIM, &text));
            }
        }
    }
    Ok(0)
}

fn visible_line(seq: u64, run: &str) -> String {
    format!(
        "{} noted in run `{}` as record {seq}",
        styled(GOOD, "✓"),
        visible(run)
    )
}

/// What is to be noted, looked at before anybody is asked to.
fn wanted(
    environment: &Environment,
    args: &Note,
    known: &RunState,
    now: Timestamp,
) -> Result<NoteRequest, Error> {
    let wrong = args.corrects.map(|seq| corrected(known, seq)).transpose()?;
    let before = wrong.map(|wrong| &wrong.note);
    let kind = args.kind.map(NoteKind::from);
    let kind = kind.or(before.map(|note| note.kind)).unwrap_or(NoteKind::Note);
    let at = args.at.as_deref().map(|at| when::past(at, now)).transpose()?;
    let of_before = |take: fn(&Written) -> Option<String>| before.and_then(take).filter(|_| kind.is_to_do());
    let due = args.due.as_deref().map(due).transpose()?;
    if !kind.is_to_do() && (args.owner.is_some() || due.is_some()) {
        return Err(Error::usage_with(
            format!("a note of kind `{}` has no owner and is not due", kind.word()),
            "only `--kind action-item` and `--kind follow-up` take `--owner` and `--due`",
        ));
    }
    Ok(NoteRequest {
        kind,
        text: text(&args.text)?,
        host: environment.who().host,
        // What is corrected was so when it was so, where nothing else is said.
        happened_at: at.or(wrong.map(NoteState::happened_at)),
        corrects: args.corrects,
        owner: args.owner.clone().or(of_before(|note| note.owner.clone())),
        due: due.or(before.and_then(|note| note.due).filter(|_| kind.is_to_do())),
    })
}

/// The note that is to be corrected.
fn corrected(known: &RunState, seq: u64) -> Result<&NoteState, Error> {
    match known.notes().get(&seq) {
        Some(note) if note.stands() => Ok(note),
        Some(note) => {
            let by = note.corrected_by.unwrap_or_default();
            Err(aside::refused(&format!(
                "record {seq} was corrected by record {by}, so that is what can be corrected"
            )))
        }
        None => Err(aside::refused(&format!(
            "record {seq} is no note, so there is nothing to correct"
        ))),
    }
}

fn due(text: &str) -> Result<jiff::civil::Date, Error> {
    text.parse().map_err(|_| {
        Error::usage_with(
            format!("`{}` is no day", visible(text)),
            "write it as `2026-05-04`",
        )
    })
}

/// The words, from the command line or from the input.
fn text(given: &str) -> Result<String, Error> {
    let text = if given == "-" {
        let mut bytes = Vec::new();
        let most = Written::TEXT_BYTES as u64 + 1;
        let read = std::io::stdin().lock().take(most).read_to_end(&mut bytes);
        read.map_err(|error| Error::usage(format!("the input cannot be read: {error}")))?;
        // What is too long may be cut within a letter, and is refused below.
        String::from_utf8_lossy(&bytes).into_owned()
    } else {
        given.to_owned()
    };
    let text = text.trim();
    if text.is_empty() {
        let help = "say what happened: the timeline keeps your words";
        return Err(Error::usage_with("there is no text", help));
    }
    if text.len() > Written::TEXT_BYTES {
        return Err(Error::usage_with(
            format!(
                "the text has more than {} bytes, so nothing was noted",
                Written::TEXT_BYTES
            ),
            "note what matters, and where the rest is to be found",
        ));
    }
    Ok(text.to_owned())
}
