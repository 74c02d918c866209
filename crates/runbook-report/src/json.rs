//! A run for programs.

use runbook_event::{CheckRole, CheckSite, CheckState, OutputRef, Record, UndoOutline};
use serde_json::{Map, Value, json};

use crate::story::{Error, Evidence, Step, Story};
use crate::words::{check_title, undo_word};

/// A run for programs: outcome, times, steps, checks with their readings, evidence.
pub fn json(records: &[Record], evidence: &Evidence<'_>) -> Result<Value, Error> {
    let story = Story::new(records)?;
    let (run, state) = (story.run, &story.state);
    let outcome = state.outcome();
    let checks: Vec<Value> = state
        .checks()
        .iter()
        .map(|(site, known)| check(&story, site, known))
        .collect();
    Ok(json!({
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
        "outcome": outcome.map(runbook_event::Outcome::word),
        "exit_code": outcome.map(runbook_event::Outcome::exit_code),
        "started_at": story.started_at.to_string(),
        "ended_at": state.ended_at().map(|at| at.to_string()),
        "elapsed_ms": state.elapsed_ms(),
        "stop": state.stop().map(plain),
        "steps": story.steps().map(|known| step(&known)).collect::<Vec<_>>(),
        "changed": story.changed().map(|known| known.outline.id.clone()).collect::<Vec<_>>(),
        "undone": story.undone().map(|known| known.outline.id.clone()).collect::<Vec<_>>(),
        "checks": checks,
        "evidence": {
            "head": evidence.head,
            "records": records.len(),
            "output": story.outputs().map(|(step, part, kept)| output(step, &part, kept)).collect::<Vec<_>>(),
        },
    }))
}

fn step(step: &Step<'_>) -> Value {
    let (outline, state) = (step.outline, step.state);
    let effect = state
        .intent
        .as_ref()
        .map_or(outline.effect, |intent| intent.effect);
    let summary = state
        .intent
        .as_ref()
        .map_or(&outline.summary, |intent| &intent.summary);
    let approval = state
        .approval
        .as_ref()
        .map(|(approved, by, how)| json!({"approved": approved, "by": by, "how": how}));
    let mut value = json!({
        "id": outline.id,
        "title": outline.title,
        "section": plain(&outline.section),
        "phase": outline.phase,
        "kind": outline.kind,
        "effect": effect.word(),
        "summary": summary,
        "target": state.intent.as_ref().and_then(|intent| intent.target.clone()),
        "env": state.intent.as_ref().map(|intent| plain(&intent.env)),
        "status": state.status.word(),
        "attempts": state.attempts,
        "changed": state.attempted,
        "started_at": state.started_at.map(|at| at.to_string()),
        "ended_at": state.ended_at.map(|at| at.to_string()),
        "elapsed_ms": step.elapsed_ms(),
        "skipped": state.skipped.as_ref().map(plain),
        "approval": approval,
        "before": state.before,
        "captures": state.captures,
        "failure": state.failure.as_ref().map(plain),
    });
    if let Some(members) = value.as_object_mut() {
        members.insert("undo".to_owned(), undo(step));
    }
    value
}

fn undo(step: &Step<'_>) -> Value {
    let state = step.state;
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("status", undo_word(state.undo).into());
    match &step.outline.undo {
        UndoOutline::Rollback { summary } => {
            put("how", "rollback".into());
            let intent = state.undo_intent.as_ref();
            put(
                "summary",
                intent.map_or(summary, |intent| &intent.summary).clone().into(),
            );
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
    let role = match site.role {
        CheckRole::Detect => "detect",
        CheckRole::Baseline => "baseline",
        CheckRole::Require => "require",
        CheckRole::Gate => "gate",
        CheckRole::Verify => "verify",
    };
    let readings: Vec<Value> = state
        .readings
        .iter()
        .zip(&state.read_at)
        .map(|(reading, at)| {
            json!({
                "at": at.to_string(),
                "number": reading.number,
                "verdict": reading.verdict.word(),
                "streak": reading.streak,
                "value": reading.value,
                "detail": reading.detail,
            })
        })
        .collect();
    json!({
        "role": role,
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
