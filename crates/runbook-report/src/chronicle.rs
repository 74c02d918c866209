//! What happened when, in one run or in all runs of an incident: the timeline that people read.
//!
//! It holds every event that is told. What only the machinery is interested in is marked as noise, so that whoever shows
//! it can fold it. What people claim stands where they claim that it was.

mod csv;
mod noise;
mod otlp;
mod shape;
mod times;

use std::collections::HashSet;

use jiff::Timestamp;
use runbook_event::{Event, NoteState, Outcome, Phase, Record, RunState};

use crate::story::{Error, Story};
use crate::timeline::{Entry, EntryKind, timeline_of};

pub use self::csv::csv;
pub use self::otlp::otlp;
pub use self::shape::chronicle_json;
pub use self::times::Time;

/// What happened when, in one run or in several.
#[derive(Debug, Clone)]
pub struct Chronicle {
    /// The runs, in the order in which they began.
    pub runs: Vec<ToldRun>,
    /// What happened, in order of time; at the same time in the order of the runs and of their records.
    pub entries: Vec<Told>,
    /// The times of the incident that are known, in their order.
    pub times: Vec<Time>,
}

/// A run of a chronicle.
#[derive(Debug, Clone)]
pub struct ToldRun {
    /// Its name.
    pub run: String,
    /// The incident that it is a part of.
    pub incident: Option<String>,
    /// The runbook's title.
    pub title: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended, or what is known of it last where it has not.
    pub until: Timestamp,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
    /// The places of the runs that went on at the same time.
    pub overlaps: Vec<usize>,
}

/// Something that happened.
#[derive(Debug, Clone)]
pub struct Told {
    /// The place of its run.
    pub run: usize,
    /// The number of its record.
    pub seq: u64,
    /// When it was: for what people write, when they claim that it was.
    pub at: Timestamp,
    /// When it was written.
    pub written_at: Timestamp,
    /// The part of the run in which it was.
    pub phase: Option<Phase>,
    /// The step, for what belongs to one.
    pub step: Option<String>,
    /// What it means to a reader.
    pub kind: EntryKind,
    /// What happened, in plain text on one line.
    pub text: String,
    /// Whether only the machinery is interested in it.
    pub is_noise: bool,
    /// Whether another run went on at that time.
    pub overlaps: bool,
    /// What a person wrote, for what a person wrote.
    pub note: Option<NoteState>,
}

impl Told {
    /// Whether the time is a person's claim, and not the engine's.
    #[must_use]
    pub fn is_claimed(&self) -> bool {
        self.note
            .as_ref()
            .is_some_and(|known| known.note.happened_at.is_some())
    }
}

/// The timeline of these runs, in one.
pub fn chronicle(runs: &[&[Record]]) -> Result<Chronicle, Error> {
    let mut stories = Vec::new();
    for records in runs {
        stories.push((Story::new(records)?, *records));
    }
    stories.sort_by(|(a, _), (b, _)| (a.started_at, &a.run.run).cmp(&(b.started_at, &b.run.run)));
    let spans: Vec<(Timestamp, Timestamp)> = stories
        .iter()
        .map(|(story, _)| (story.started_at, until(&story.state, story.started_at)))
        .collect();
    let mut told_runs = Vec::new();
    let mut entries = Vec::new();
    for (at, (story, records)) in stories.iter().enumerate() {
        told_runs.push(told_run(story, at, &spans));
        entries.extend(told(story, records, at)?);
    }
    entries.sort_by_key(|entry| (entry.at, entry.run, entry.seq));
    place(&mut entries, &spans);
    let known: Vec<&Story<'_>> = stories.iter().map(|(story, _)| story).collect();
    Ok(Chronicle {
        times: times::times(&known),
        runs: told_runs,
        entries,
    })
}

fn until(state: &RunState, started_at: Timestamp) -> Timestamp {
    state
        .ended_at()
        .or_else(|| state.counted_to())
        .unwrap_or(started_at)
}

fn told_run(story: &Story<'_>, at: usize, spans: &[(Timestamp, Timestamp)]) -> ToldRun {
    let (from, to) = (story.started_at, until(&story.state, story.started_at));
    let overlaps = spans.iter().enumerate().filter(|(other, span)| {
        let (began, ended) = **span;
        *other != at && began < to && from < ended
    });
    ToldRun {
        run: story.run.run.clone(),
        incident: story.run.incident.clone(),
        title: story.run.runbook.title.clone(),
        started_at: from,
        until: to,
        outcome: story.state.outcome(),
        overlaps: overlaps.map(|(other, _)| other).collect(),
    }
}

/// What happened in one run, with what people wrote where they claim that it was.
fn told(story: &Story<'_>, records: &[Record], run: usize) -> Result<Vec<Told>, Error> {
    let entries = timeline_of(records)?;
    let repeated = repeated(&entries);
    Ok(entries
        .into_iter()
        .map(|(record, entry)| {
            let note = story.state.notes().get(&record.seq).cloned();
            let Entry {
                phase,
                step,
                kind,
                text,
                ..
            } = entry;
            Told {
                run,
                seq: record.seq,
                at: note.as_ref().map_or(record.at, NoteState::happened_at),
                written_at: record.at,
                phase,
                step,
                kind,
                text: note.as_ref().map_or(text, words),
                is_noise: noise::is_noise(&record.event) || repeated.contains(&record.seq),
                overlaps: false,
                note,
            }
        })
        .collect())
}

/// The attempts whose failure is that of their step, which tells it again.
fn repeated(entries: &[(&Record, Entry)]) -> HashSet<u64> {
    let mut failed: HashSet<&str> = HashSet::new();
    let mut repeated = HashSet::new();
    for (record, _) in entries.iter().rev() {
        if let Event::StepFailed { step, .. } = &record.event {
            failed.insert(step);
        } else if let Event::AttemptEnded { step, .. } = &record.event
            && failed.remove(step.as_str())
        {
            repeated.insert(record.seq);
        }
    }
    repeated
}

/// What a person wrote, without what stands beside it.
fn words(known: &NoteState) -> String {
    crate::text::visible(known.note.text.trim())
}

/// Says of each entry whether another run went on then, and in which part of its run what is claimed was.
fn place(entries: &mut [Told], spans: &[(Timestamp, Timestamp)]) {
    let mut phases: Vec<Option<Phase>> = vec![None; spans.len()];
    for entry in entries {
        if let Some(phase) = phases.get_mut(entry.run) {
            if entry.is_claimed() {
                entry.phase = *phase;
            } else {
                *phase = entry.phase;
            }
        }
        let mut others = spans.iter().enumerate().filter(|(run, _)| *run != entry.run);
        entry.overlaps = others.any(|(_, (from, to))| *from <= entry.at && entry.at <= *to);
    }
}
