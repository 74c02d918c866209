//! A run for programs.

use runbook_event::{CheckSite, CheckState, Holds, OutputRef, Record, Role, UndoOutline, UndoStatus};
use serde_json::{Map, Value, json};

use crate::story::{Error, Evidence, Session, Step, Story};
use crate::words::{by_hand, check_title, doubts, role_word, undo_word, verdict_word, why_kept, why_skipped};

/// A run for programs: outcome, times, steps, checks with their readings, evidence.
pub fn json(records: &[Record], evidence: &Evidence<'_>) -> Result<Value, Error> {
    let story = Story::new(records)?;
    let mut value = head(&story);
    if let Some(members) = value.as_object_mut() {
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("sessions", story.sessions.iter().map(session).collect());
        put("steps", story.steps().map(|known| step(&story, &known)).collect());
        put(
            "changed",
            story.changed().map(|known| known.state.id.as_str()).collect(),
        );
        put(
            "undone",
            story.undone().map(|known| known.state.id.as_str()).collect(),
        );
        put("kept", story.steps().filter_map(|known| kept(&known)).collect());
        put("by_hand", hand(&story));
        put("doubts", doubted(&story));
        put("notices", noted(&story));
        let checks = story.state.checks().iter();
        put(
            "checks",
            checks.map(|(site, known)| check(&story, site, known)).collect(),
        );
        let outputs: Vec<Value> = story
            .outputs()
            .map(|(step, part, kept)| output(step, &part, kept))
            .collect();
        put(
            "evidence",
            json!({"head": evidence.head, "records": records.len(), "output": outputs}),
        );
    }
    Ok(value)
}

/// What the run was, and how it went as a whole.
fn head(story: &Story<'_>) -> Value {
    let (run, state) = (story.run, &story.state);
    let outcome = state.outcome();
    let work = state.work();
    json!({
        "run": run.run,
        "format": run.format,
        "engine": run.engine,
        "runbook": plain(&run.runbook),
        "plan": run.plan,
        "environment": run.environment,
        "practice": run.practice,
        "connections": run.connections,
        "inputs": run.inputs,
        "who": plain(&run.who),
        "wanted": plain(&run.wanted),
        "locks": run.locks,
        "commit": run.commit.as_ref().map(plain),
        "pinned": run.pinned,
        "outcome": outcome.map(runbook_event::Outcome::word),
        "exit_code": outcome.map(runbook_event::Outcome::exit_code),
        "started_at": story.started_at.to_string(),
        "ended_at": state.ended_at().map(|at| at.to_string()),
        "elapsed_ms": story.elapsed_ms(),
        "stop": state.stop().map(plain),
        "steps_done": state.done(&work),
        "steps_total": work.total(),
    })
}

fn session(session: &Session<'_>) -> Value {
    let (outcome, ended_at) = session.end.unzip();
    json!({
        "at": session.at.to_string(),
        "resumed": session.resumed.map(plain),
        "stop": session.stop.map(plain),
        "outcome": outcome.map(runbook_event::Outcome::word),
        "ended_at": ended_at.map(|at| at.to_string()),
    })
}

/// What was attempted, and is neither undone nor to be.
fn kept(step: &Step<'_>) -> Option<Value> {
    let is_kept = step.state.undo == UndoStatus::Kept;
    is_kept.then(|| json!({"step": step.state.id, "why": why_kept(&step.outline.undo)}))
}

/// The undos that a person must finish.
fn hand(story: &Story<'_>) -> Value {
    let open = by_hand(&story.state);
    open.into_iter()
        .filter_map(|at| story.at(at))
        .map(|step| step.state.id.as_str())
        .collect()
}

/// What a person must say before the run can go on.
fn doubted(story: &Story<'_>) -> Value {
    let doubts = doubts(&story.state).into_iter();
    doubts
        .map(|doubt| {
            json!({
                "step": doubt.step,
                "undoing": doubt.undoing,
                "detail": doubt.detail,
                "assume": doubt.assume,
                "retry": doubt.retry,
            })
        })
        .collect()
}

fn noted(story: &Story<'_>) -> Value {
    let notices = story.notices.iter();
    notices
        .map(|(at, notice)| {
            let mut value = plain(notice);
            if let Some(members) = value.as_object_mut() {
                members.insert("at".to_owned(), at.to_string().into());
            }
            value
        })
        .collect()
}

fn step(story: &Story<'_>, step: &Step<'_>) -> Value {
    let (outline, state) = (step.outline, step.state);
    let intent = state.intent.as_ref();
    let effect = intent.map_or(outline.effect, |intent| intent.effect);
    let summary = intent.map_or(&outline.summary, |intent| &intent.summary);
    let approval = state
        .approval
        .as_ref()
        .map(|(approved, by, how)| json!({"approved": approved, "by": by, "how": how}));
    let mut value = json!({
        "id": state.id,
        "title": outline.title,
        "section": step.part.word(),
        "phase": outline.phase,
        "kind": outline.kind,
        "effect": effect.word(),
        "summary": summary,
        "target": intent.and_then(|intent| intent.target.clone()),
        "env": intent.map(|intent| plain(&intent.env)),
        "status": state.status.word(),
        "attempts": state.attempts,
        "changed": state.attempted,
        "started_at": state.started_at.map(|at| at.to_string()),
        "ended_at": state.ended_at.map(|at| at.to_string()),
        "elapsed_ms": step.elapsed_ms(),
        "skipped": state.skipped.as_ref().map(plain),
        "why_skipped": state.skipped.as_ref().map(why_skipped),
        "asked": step.asked,
        "approval": approval,
        "before": state.before,
        "inverse": state.inverse,
        "captures": state.captures,
        "adopted": state.adopted,
        "doubt": state.doubt,
        "timed_out": state.timed_out,
        "failure": state.failure.as_ref().map(plain),
    });
    if let Some(members) = value.as_object_mut() {
        members.insert("step".to_owned(), outline.id.clone().into());
        members.insert("within".to_owned(), within(story, step));
        members.insert("turn".to_owned(), turn(&state.role));
        members.insert("runbook".to_owned(), runbook(story, step));
        members.insert("undo".to_owned(), undo(step));
    }
    value
}

/// The id of the step that a step stands within.
fn within(story: &Story<'_>, step: &Step<'_>) -> Value {
    let frame = story.state.frames().get(step.state.frame);
    let owner = frame.and_then(|frame| {
        let course = || story.state.courses().get(frame.course);
        frame.owner.or_else(|| course().and_then(|course| course.owner))
    });
    let owner = owner.and_then(|owner| story.state.steps().get(owner));
    owner.map_or(Value::Null, |owner| owner.id.clone().into())
}

/// Which turn of a loop a step is.
fn turn(role: &Role) -> Value {
    match role {
        Role::Step => Value::Null,
        Role::Item { key, value } => json!({"key": key, "item": value}),
        Role::Round { number } => json!({"round": number}),
    }
}

/// The sub-runbook that is the work of a step.
fn runbook(story: &Story<'_>, step: &Step<'_>) -> Value {
    let Holds::Runbook { runbook, .. } = &step.outline.holds else {
        return Value::Null;
    };
    let course = story.course(step);
    json!({
        "runbook": plain(&**runbook),
        "inputs": course.map(|course| plain(&course.inputs)),
        "stop": course.and_then(|course| course.stop.as_ref()).map(plain),
        "outcome": course.and_then(|course| course.outcome).map(runbook_event::Outcome::word),
    })
}

fn undo(step: &Step<'_>) -> Value {
    let state = step.state;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("status", undo_word(state.undo).into());
    match &step.outline.undo {
        UndoOutline::Rollback { summary, .. } => {
            put("how", "rollback".into());
            let intent = state.undo_intent.as_ref();
            put(
                "summary",
                intent.map_or(summary, |intent| &intent.summary).clone().into(),
            );
        }
        UndoOutline::Steps { steps } => {
            put("how", "steps".into());
            put("steps", steps.iter().map(|step| step.id.as_str()).collect());
        }
        UndoOutline::Within => {
            put("how", "within".into());
        }
        UndoOutline::Irreversible { why } => {
            put("how", "irreversible".into());
            put("why", why.clone().into());
        }
        UndoOutline::NotNeeded => {
            put("how", "not_needed".into());
        }
        UndoOutline::Undeclared => {
            put("how", "undeclared".into());
        }
    }
    if let Some(at) = state.undo_ended_at {
        put("ended_at", at.to_string().into());
        put("elapsed_ms", step.undo_ms.into());
    }
    if let Some(failure) = &state.undo_failure {
        put("failure", plain(failure));
        put(
            "params",
            state
                .undo_intent
                .as_ref()
                .map_or(Value::Null, |intent| intent.params.clone()),
        );
        let env = state.undo_intent.as_ref();
        put("env", env.map_or(Value::Null, |intent| plain(&intent.env)));
    }
    Value::Object(members)
}

fn check(story: &Story<'_>, site: &CheckSite, state: &CheckState) -> Value {
    let readings: Vec<Value> = state
        .readings
        .iter()
        .zip(&state.read_at)
        .map(|(reading, at)| {
            json!({
                "at": at.to_string(),
                "number": reading.number,
                "verdict": reading.verdict.word(),
                "result": verdict_word(reading),
                "streak": reading.streak,
                "value": reading.value,
                "detail": reading.detail,
            })
        })
        .collect();
    json!({
        "within": site.within,
        "role": role_word(site.role),
        "step": site.step,
        "check": site.check,
        "title": check_title(site, &story.state),
        "verdict": state.verdict.map(runbook_event::Verdict::word),
        "asked": state.asked,
        "values": state.values,
        "readings": readings,
    })
}

fn output(step: &str, part: &str, output: &OutputRef) -> Value {
    json!({
        "step": step,
        "part": part,
        "stream": plain(&output.stream),
        "bytes": output.bytes,
        "sha256": output.sha256,
        "file": output.file,
    })
}

/// As the journal writes it. What cannot be written has no place there, so it is nothing here too.
fn plain(value: &impl serde::Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
