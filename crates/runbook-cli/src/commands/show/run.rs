//! `runbook show RUN`: what happened in a run, and what a step printed.

use std::path::Path;

use runbook_event::{OutputRef, RunState, StepState};
use runbook_report::{Entry, EntryKind, timeline, visible, why_skipped};
use serde_json::{Value, json};

use super::super::not_ended;
use crate::args::{Format, Show};
use crate::error::Error;
use crate::telling::Telling;
use crate::term::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// How many steps an error lists.
const LISTED: usize = 20;

pub(super) fn show(dir: &Path, args: &Show) -> Result<u8, Error> {
    let told = Telling::of(dir)?;
    let run = &told.run;
    if let Some(id) = &args.step {
        let Some(step) = run.state.step(id) else {
            let ids = ids(&run.state);
            let help = match runbook_document::nearest(id, ids.iter().copied()) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("its steps are {}", listed(&ids)),
            };
            return Err(Error::usage_with(format!("that run has no step `{id}`"), help));
        };
        return output(dir, id, step, args.format);
    }
    match args.format {
        Format::Json => {
            let value = runbook_report::json(&run.records, &told.evidence())?;
            term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        }
        Format::Text => {
            timeline(&run.records)?
                .iter()
                .for_each(|entry| term::print(&line(entry)));
            if run.state.outcome().is_none() {
                term::print(&styled(WARN, &not_ended(dir)));
            }
        }
    }
    Ok(0)
}

/// The first of these ids.
fn listed(ids: &[&str]) -> String {
    let shown: Vec<&str> = ids.iter().take(LISTED).copied().collect();
    let more = match ids.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    visible(&format!("{}{more}", shown.join(", ")))
}

/// The ids of all steps that the run came to know, as people read them.
fn ids(state: &RunState) -> Vec<&str> {
    let order = state.in_order().into_iter();
    order
        .filter_map(|(_, at)| state.steps().get(at))
        .map(|step| step.id.as_str())
        .collect()
}

fn line(entry: &Entry) -> String {
    let offset = entry.offset_ms;
    let (minutes, seconds, millis) = (offset / 60_000, offset / 1000 % 60, offset % 1000);
    let time = styled(
        DIM,
        &format!("{minutes:02}:{:02}.{:03}", seconds.abs(), millis.abs()),
    );
    match entry.kind {
        EntryKind::Phase => format!("{time}  {}", styled(BOLD, &entry.text)),
        EntryKind::Good => format!("{time}  {}", styled(GOOD, &entry.text)),
        EntryKind::Bad => format!("{time}  {}", styled(BAD, &entry.text)),
        EntryKind::Question => format!("{time}  {}", styled(WARN, &entry.text)),
        EntryKind::Note => format!("{time}  ✎ {}", entry.text),
        EntryKind::Info => format!("{time}  {}", entry.text),
    }
}

/// What a step and its undo printed, and why it was not run, if it was not.
fn output(dir: &Path, id: &str, step: &StepState, format: Format) -> Result<u8, Error> {
    let of_action = step.output.iter().map(|output| ("action", output));
    let of_undo = step.undo_output.iter().map(|output| ("undo", output));
    let mut printed = Vec::new();
    for (part, output) in of_action.chain(of_undo) {
        printed.push((part, output.stream, text_of(dir, output)?));
    }
    let why = step.skipped.as_ref().map(why_skipped);
    if format == Format::Json {
        let outputs: Vec<Value> = printed
            .iter()
            .map(|(part, stream, text)| json!({"part": part, "stream": stream, "text": text}))
            .collect();
        let value = json!({"step": id, "outcome": step.status.word(), "skipped": why, "outputs": outputs});
        term::print(&serde_json::to_string_pretty(&value).unwrap_or_default());
        return Ok(0);
    }
    match why {
        Some(why) => term::print(&styled(DIM, &format!("it was not run: {why}"))),
        None if printed.is_empty() => term::print(&styled(DIM, "it printed nothing")),
        None => {}
    }
    let mut before = "action";
    for (part, _, text) in &printed {
        if *part != before {
            term::print(&styled(BOLD, "its undo printed:"));
            before = part;
        }
        print_safely(text);
    }
    Ok(0)
}

/// All of an output.
fn text_of(dir: &Path, output: &OutputRef) -> Result<String, Error> {
    let Some(file) = &output.file else {
        return Ok(output.head.clone());
    };
    let path = dir.join(file);
    let bytes = std::fs::read(&path).map_err(|error| Error::file("read", &path, &error))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Line by line, so that what a program printed cannot move the terminal's cursor.
fn print_safely(text: &str) {
    text.lines().for_each(|line| term::print(&visible(line)));
}
