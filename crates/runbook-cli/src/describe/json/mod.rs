//! A plan as data, for programs: the same facts as the words, under the language's own names.

mod steps;

use std::path::Path;

use runbook_plan::{
    Action, Capture, Check, Connection, Expression, Foreseen, InputDecl, OnFailure, OnInterrupt, Plan,
    RatedCheck, Retry, Section, Step, Template,
};
use serde_json::{Map, Value, json};

use super::{Told, Totals, words};
use crate::error::Error;
use crate::named;

/// All of it. What was not written is not there.
pub(crate) fn json(told: &Told<'_>) -> Value {
    let plan = told.plan;
    let about = plan.about();
    let totals = Totals::of(plan);
    let triggers: Vec<Value> = about
        .triggers
        .iter()
        .map(|trigger| {
            let inputs = trigger
                .inputs
                .iter()
                .map(|(name, value)| (name.clone(), source(value)));
            json!({"on": words::trigger(&trigger.on), "inputs": inputs.collect::<Map<_, _>>()})
        })
        .collect();
    let links: Vec<Value> = about
        .links
        .iter()
        .map(|(title, address)| present(vec![("title", json!(title)), ("url", json!(address))]))
        .collect();
    let mut facts = vec![
        ("name", json!(about.name)),
        ("version", json!(about.version)),
        ("title", json!(about.title)),
        ("path", json!(told.path)),
        ("summary", json!(about.summary)),
        ("severity", json!(about.severity)),
        ("owner", json!(about.owner)),
        ("labels", json!(about.labels)),
        ("links", json!(links)),
        ("environment", json!(plan.environment())),
        ("lab", json!(plan.lab())),
        ("effect", json!(totals.effect().word())),
        (
            "totals",
            json!({
                "steps": totals.steps, "read": totals.reads, "change": totals.changes,
                "destructive": totals.destroys, "approvals": totals.approvals, "cannot_be_undone": totals.for_good,
            }),
        ),
        ("longest", longest(told)),
        ("cannot_run", json!(told.lacking)),
        ("triggers", json!(triggers)),
    ];
    facts.extend(told.foreseen.map(|foreseen| ("given", json!(foreseen.inputs()))));
    facts.extend(declared(plan));
    facts.extend(steps_and_after(plan));
    present(facts)
}

/// The same for a run to be held to: with the sums of the files that it names, and with one number over all of it.
pub(crate) fn planned(told: &Told<'_>, root: &Path) -> Result<Value, Error> {
    let mut plan = json(told);
    let files = named::sums(&plan, root)?;
    if let Some(map) = plan.as_object_mut() {
        if !files.is_empty() {
            map.insert("files".to_owned(), Value::Object(files));
        }
        let digest = runbook_review::digest(&Value::Object(map.clone()));
        map.insert("engine".to_owned(), json!(env!("CARGO_PKG_VERSION")));
        map.insert("digest".to_owned(), json!(digest));
    }
    Ok(plan)
}

/// One number over what a runbook does that is called.
fn does(plan: &Plan) -> String {
    runbook_review::digest(&json(&Told {
        plan,
        path: "",
        lacking: &[],
        foreseen: None,
    }))
}

/// How long it takes at most.
fn longest(told: &Told<'_>) -> Value {
    let longest = told
        .foreseen
        .map_or_else(|| told.plan.longest(), Foreseen::longest);
    present(vec![
        ("time", json!(words::length(longest.time))),
        ("people", json!(longest.people)),
        ("lists", json!(longest.lists)),
        ("pauses", json!(longest.pauses)),
    ])
}

fn declared(plan: &Plan) -> Vec<(&'static str, Value)> {
    let secrets: Vec<Value> = plan
        .secrets()
        .iter()
        .map(|secret| json!({"name": secret.name, "source": words::secret(&secret.from)}))
        .collect();
    vec![
        ("inputs", plan.inputs().iter().map(input).collect()),
        ("vars", expressions(plan.vars())),
        ("secrets", json!(secrets)),
        ("connections", plan.connections().iter().map(connection).collect()),
        ("lock", plan.lock().iter().map(template).collect()),
    ]
}

fn steps_and_after(plan: &Plan) -> Vec<(&'static str, Value)> {
    let of = |section: Section| -> Vec<&Step> {
        let steps = plan.steps().iter();
        steps.filter(|step| step.section == section).collect()
    };
    let (steps, finally) = (of(Section::Steps), of(Section::Finally));
    let offset = steps.len();
    let about = plan.about();
    let notifications: Vec<Value> = about
        .notifications
        .iter()
        .map(|one| {
            let message = one.message.as_ref().map(template);
            present(vec![
                ("on", json!(one.on)),
                ("to", json!(one.to)),
                ("message", json!(message)),
            ])
        })
        .collect();
    vec![
        ("detect", plan.detect().iter().map(check).collect()),
        ("detect_any", json!(plan.detect_any())),
        ("guards", plan.guards().iter().map(check).collect()),
        ("steps", steps::list(&steps, 0)),
        ("verify", plan.verify().iter().map(check).collect()),
        ("finally", steps::list(&finally, offset)),
        ("on_failure", json!(on_failure(plan.on_failure()))),
        (
            "on_interrupt",
            json!(match plan.on_interrupt() {
                OnInterrupt::Rollback => "rollback",
                OnInterrupt::Hold => "hold",
                OnInterrupt::Ask => "ask",
            }),
        ),
        ("timeout", json!(plan.timeout().map(words::length))),
        ("max_parallel", json!(plan.max_parallel())),
        ("outputs", expressions(plan.outputs())),
        ("escalate", json!(about.escalate)),
        ("notifications", json!(notifications)),
        (
            "sections",
            about
                .sections
                .iter()
                .map(|(title, text)| json!({"title": title, "text": template(text)}))
                .collect(),
        ),
    ]
}

/// A mapping without what is not there.
fn present(entries: Vec<(&'static str, Value)>) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    };
    let entries = entries.into_iter().filter(|(_, value)| !is_empty(value));
    entries.map(|(key, value)| (key.to_owned(), value)).collect()
}

fn source(expression: &Expression) -> Value {
    json!(expression.source())
}

fn sources(expressions: &[Expression]) -> Value {
    expressions.iter().map(source).collect()
}

fn expressions(named: &[(String, Expression)]) -> Value {
    named
        .iter()
        .map(|(name, value)| (name.clone(), source(value)))
        .collect()
}

fn captures(capture: &Capture) -> Value {
    let named = capture.iter();
    named
        .map(|captured| (captured.name.clone(), source(&captured.value)))
        .collect()
}

/// The names of values that are secrets from then on.
fn secret_captures(capture: &Capture) -> Value {
    let secret = capture.iter().filter(|captured| captured.secret);
    secret.map(|captured| captured.name.clone()).collect()
}

fn named(templates: &[(String, Template)]) -> Value {
    templates
        .iter()
        .map(|(name, value)| (name.clone(), template(value)))
        .collect()
}

fn template(template: &Template) -> Value {
    template.sketch().masked()
}

fn input(input: &InputDecl) -> Value {
    let default = input.default.as_ref().filter(|_| !input.secret);
    present(vec![
        ("name", json!(input.name)),
        ("takes", json!(super::inputs::kind(input))),
        ("default", json!(default)),
        ("required", json!(input.default.is_none())),
        ("secret", json!(input.secret)),
        ("minimum", json!(input.minimum())),
        ("maximum", json!(input.maximum())),
        ("pattern", json!(input.pattern())),
        ("values", json!(input.values())),
        ("help", json!(input.help)),
    ])
}

fn connection(connection: &Connection) -> Value {
    present(vec![
        ("name", json!(connection.name)),
        ("kind", json!(connection.kind)),
        (
            "address",
            json!(super::head::address(&connection.params, connection.kind)),
        ),
        ("params", template(&connection.params)),
        ("via", json!(connection.via)),
    ])
}

fn action(action: &Action) -> Value {
    present(vec![
        ("kind", json!(action.kind)),
        ("summary", json!(action.summary)),
        ("params", template(&action.params)),
        ("env", named(&action.env)),
        ("connection", json!(action.connection)),
        ("means", json!(action.means)),
        ("uses_connections", json!(action.uses_connections)),
        ("effect", json!(action.effect.word())),
        ("timeout", json!(words::length(action.timeout))),
    ])
}

fn retry(retry: &Retry) -> Value {
    present(vec![
        ("attempts", json!(retry.attempts)),
        ("delay", json!(words::length(retry.delay))),
        ("backoff", json!(retry.backoff)),
        ("max_delay", json!(words::length(retry.max_delay))),
        ("jitter", json!(retry.jitter)),
        ("on", json!(retry.on)),
    ])
}

fn check(check: &Check) -> Value {
    present(vec![
        ("id", json!(check.id)),
        ("title", json!(check.title)),
        ("action", action(&check.action)),
        ("each", json!(check.each.as_ref().map(source))),
        ("expect", sources(&check.expect)),
        ("value", json!(check.value.as_ref().map(source))),
        ("every", json!(words::length(check.every))),
        ("within", json!(check.within.map(words::length))),
        ("consecutive", json!(check.consecutive)),
        ("fails", json!(check.fails)),
        ("capture", captures(&check.capture)),
        ("secret_captures", secret_captures(&check.capture)),
        ("baseline", json!(check.baseline.then_some(true))),
    ])
}

fn rated(rated: &RatedCheck) -> Value {
    let mut value = check(&rated.check);
    for (key, expressions) in [("warn", &rated.warn), ("fail", &rated.fail)] {
        if let Some(map) = value.as_object_mut().filter(|_| !expressions.is_empty()) {
            map.insert(key.to_owned(), sources(expressions));
        }
    }
    value
}

const fn on_failure(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Rollback => "rollback",
        OnFailure::Hold => "hold",
        OnFailure::Continue => "continue",
    }
}
