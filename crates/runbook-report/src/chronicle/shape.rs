//! A timeline for programs.

use serde_json::{Value, json};

use super::{Chronicle, Told};

/// A timeline for programs: the runs, the times of the incident that are known, and what happened.
#[must_use]
pub fn chronicle_json(chronicle: &Chronicle, entries: &[&Told]) -> Value {
    let name = |run: usize| chronicle.runs.get(run).map(|run| run.run.as_str());
    let runs = chronicle.runs.iter().map(|run| {
        json!({
            "run": run.run,
            "incident": run.incident,
            "title": run.title,
            "started_at": run.started_at.to_string(),
            "until": run.until.to_string(),
            "outcome": run.outcome.map(runbook_event::Outcome::word),
            "overlaps": run.overlaps.iter().map(|other| name(*other)).collect::<Vec<_>>(),
        })
    });
    let times = chronicle.times.iter().map(|time| {
        json!({
            "time": time.name,
            "at": time.at.to_string(),
            "run": name(time.run),
            "note": time.note,
        })
    });
    json!({
        "runs": runs.collect::<Vec<_>>(),
        "times": times.collect::<Vec<_>>(),
        "entries": entries.iter().map(|entry| told(entry, name(entry.run))).collect::<Vec<_>>(),
    })
}

fn told(entry: &Told, run: Option<&str>) -> Value {
    let note = entry.note.as_ref().map(|known| {
        let note = &known.note;
        json!({
            "kind": note.kind.word(),
            "by": note.by,
            "claimed": entry.is_claimed(),
            "corrects": note.corrects,
            "corrected_by": known.corrected_by,
            "owner": note.owner,
            "due": note.due.map(|due| due.to_string()),
        })
    });
    json!({
        "at": entry.at.to_string(),
        "written_at": entry.written_at.to_string(),
        "run": run,
        "seq": entry.seq,
        "overlaps": entry.overlaps,
        "phase": entry.phase.map(runbook_event::Phase::word),
        "step": entry.step,
        "kind": entry.kind.word(),
        "noise": entry.is_noise,
        "text": entry.text,
        "note": note,
    })
}
