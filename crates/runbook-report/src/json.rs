//! A run for programs.

mod shape;
mod steps;

use runbook_event::{CheckSite, CheckState, Record};
use schemars::generate::SchemaSettings;
use serde_json::Value;

use crate::measures::{Moments, Took, measures};
use crate::questions::missing;
use crate::story::{Error, Evidence, Story};
use crate::words::{by_hand, check_title, doubts, role_word, verdict_word};

/// A run for programs: outcome, times, steps, checks with their readings, what people wrote, evidence. Its schema is
/// [`schema`].
pub fn json(records: &[Record], evidence: &Evidence<'_>) -> Result<Value, Error> {
    let story = Story::new(records)?;
    let report = report(&story, evidence);
    // All that is in it comes from JSON, so it can be written as such.
    Ok(serde_json::to_value(&report).unwrap_or_default())
}

/// The JSON schema (draft 2020-12) of what [`json`] gives. It leaves room for more: a reader ignores what it does not
/// know.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let schema = settings
        .into_generator()
        .into_root_schema_for::<shape::Report<'_>>();
    schema.to_value()
}

fn report<'a>(story: &'a Story<'_>, evidence: &'a Evidence<'_>) -> shape::Report<'a> {
    let (run, state) = (story.run, &story.state);
    let outcome = state.outcome();
    let work = state.work();
    let id = |step: crate::story::Step<'a>| step.state.id.as_str();
    shape::Report {
        run: &run.run,
        format: run.format,
        engine: &run.engine,
        runbook: &run.runbook,
        plan: &run.plan,
        environment: run.environment.as_deref(),
        practice: run.practice.as_deref(),
        incident: run.incident.as_deref(),
        promise: run.promise,
        connections: &run.connections,
        inputs: &run.inputs,
        who: &run.who,
        wanted: &run.wanted,
        locks: &run.locks,
        commit: run.commit.as_ref(),
        pinned: &run.pinned,
        outcome,
        exit_code: outcome.map(runbook_event::Outcome::exit_code),
        started_at: story.started_at,
        ended_at: state.ended_at(),
        elapsed_ms: story.elapsed_ms(),
        stop: state.stop(),
        steps_done: state.done(&work),
        steps_total: work.total(),
        times: times(story),
        measures: measured(story),
        missing: asked(story),
        notes: notes(story),
        sessions: story.sessions.iter().map(session).collect(),
        steps: story.steps().map(|known| steps::step(story, &known)).collect(),
        changed: story.changed().map(id).collect(),
        undone: story.undone().map(id).collect(),
        kept: story.steps().filter_map(|known| steps::kept(&known)).collect(),
        by_hand: by_hand(state)
            .into_iter()
            .filter_map(|at| story.at(at))
            .map(id)
            .collect(),
        doubts: doubted(story),
        notices: noted(story),
        checks: state
            .checks()
            .iter()
            .map(|(site, known)| check(story, site, known))
            .collect(),
        evidence: shape::Proof {
            head: evidence.head,
            records: story.records.len(),
            output: printed(story),
        },
    }
}

fn times(story: &Story<'_>) -> indexmap::IndexMap<&'static str, Option<shape::Time>> {
    let named = Moments::of(story).named().into_iter();
    named
        .map(|(name, moment)| {
            let time = moment.map(|moment| shape::Time {
                at: moment.at,
                note: moment.note,
            });
            (name, time)
        })
        .collect()
}

fn measured(story: &Story<'_>) -> Vec<shape::Measured> {
    let measured = measures(story).into_iter();
    measured
        .map(|measure| {
            let (ms, at_least_ms) = match measure.took {
                Took::Ms(ms) => (Some(ms), None),
                Took::AtLeast(ms) => (None, Some(ms)),
                Took::Backwards | Took::Unknown => (None, None),
            };
            shape::Measured {
                name: measure.name,
                from: measure.from,
                to: measure.to,
                ms,
                at_least_ms,
                promised_ms: measure.promised_ms,
                kept: measure.kept(),
            }
        })
        .collect()
}

fn asked(story: &Story<'_>) -> Vec<shape::Missing> {
    let missing = missing(&story.state).into_iter();
    missing
        .map(|question| shape::Missing {
            kind: question.kind,
            title: question.title,
            asks: question.asks,
        })
        .collect()
}

fn notes<'a>(story: &'a Story<'_>) -> Vec<shape::Noted<'a>> {
    let notes = story.state.notes().iter();
    notes
        .map(|(seq, known)| shape::Noted {
            seq: *seq,
            at: known.at,
            happened_at: known.note.happened_at,
            kind: known.note.kind,
            text: &known.note.text,
            by: &known.note.by,
            corrects: known.note.corrects,
            corrected_by: known.corrected_by,
            owner: known.note.owner.as_deref(),
            due: known.note.due,
        })
        .collect()
}

fn session<'a>(session: &crate::story::Session<'a>) -> shape::Session<'a> {
    let (outcome, ended_at) = session.end.unzip();
    shape::Session {
        at: session.at,
        resumed: session.resumed,
        stop: session.stop,
        outcome,
        ended_at,
    }
}

/// What a person must say before the run can go on.
fn doubted(story: &Story<'_>) -> Vec<shape::Doubted> {
    let doubts = doubts(&story.state).into_iter();
    doubts
        .map(|doubt| shape::Doubted {
            step: doubt.step,
            undoing: doubt.undoing,
            detail: doubt.detail,
            assume: doubt.assume,
            retry: doubt.retry,
        })
        .collect()
}

fn noted(story: &Story<'_>) -> Vec<Value> {
    let notices = story.notices.iter();
    notices
        .map(|(at, notice)| {
            // As the journal writes it. What cannot be written has no place there, so it is nothing here too.
            let mut value = serde_json::to_value(notice).unwrap_or_default();
            if let Some(members) = value.as_object_mut() {
                members.insert("at".to_owned(), at.to_string().into());
            }
            value
        })
        .collect()
}

fn check<'a>(story: &'a Story<'_>, site: &'a CheckSite, state: &'a CheckState) -> shape::Check<'a> {
    let readings = state.readings.iter().zip(&state.read_at);
    shape::Check {
        within: site.within.as_deref(),
        role: role_word(site.role),
        step: site.step.as_deref(),
        check: &site.check,
        title: check_title(site, &story.state),
        verdict: state.verdict,
        asked: state.asked,
        values: &state.values,
        readings: readings
            .map(|(reading, at)| shape::Read {
                at: *at,
                number: reading.number,
                verdict: reading.verdict,
                result: verdict_word(reading),
                streak: reading.streak,
                value: reading.value.as_ref(),
                detail: &reading.detail,
            })
            .collect(),
    }
}

fn printed<'a>(story: &'a Story<'_>) -> Vec<shape::Printed<'a>> {
    let outputs = story.outputs();
    outputs
        .map(|(step, part, output)| shape::Printed {
            step,
            part,
            stream: output.stream,
            bytes: output.bytes,
            sha256: &output.sha256,
            file: output.file.as_deref(),
        })
        .collect()
}
