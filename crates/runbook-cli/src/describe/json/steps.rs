//! Steps as data.

use runbook_plan::{Approve, Body, Step, Undo};
use serde_json::{Map, Value, json};

use super::{
    action, captures, check, input, on_failure, present, rated, retry, secret_captures, source, template,
};
use crate::describe::words;

/// Steps in the author's order. `offset` is the position of the first where `needs` are counted.
pub(super) fn list(steps: &[&Step], offset: usize) -> Value {
    let id = |need: &usize| Some(steps.get(need.checked_sub(offset)?)?.id.as_str());
    let told = steps.iter().map(|one| {
        let needs: Vec<&str> = one.needs.iter().filter_map(id).collect();
        step(one, &needs)
    });
    told.collect()
}

fn step(step: &Step, needs: &[&str]) -> Value {
    let then: Vec<Value> = step
        .then
        .iter()
        .map(|then| {
            let again = then.retry.as_ref().map(retry);
            present(vec![("action", action(&then.action)), ("retry", json!(again))])
        })
        .collect();
    let before = step.before.as_ref().map(|before| {
        present(vec![
            ("action", action(&before.action)),
            ("capture", captures(&before.capture)),
            ("secret_captures", secret_captures(&before.capture)),
        ])
    });
    let mut facts = vec![
        ("id", json!(step.id)),
        ("title", json!(step.title)),
        ("description", json!(step.description)),
        ("phase", json!(step.phase)),
        ("effect", json!(step.effect.word())),
        ("needs", json!(needs)),
        ("when", json!(step.when.as_ref().map(source))),
        ("within", json!(step.within.map(words::length))),
        ("timeout", json!(step.timeout.map(words::length))),
        ("require", step.require.iter().map(check).collect()),
        ("approve", json!(step.approve.as_ref().map(approve))),
        ("before", json!(before)),
    ];
    facts.extend(rounds(step));
    facts.push(body(&step.body));
    facts.extend(vec![
        ("then", json!(then)),
        ("capture", captures(&step.capture)),
        ("secret_captures", secret_captures(&step.capture)),
        ("idempotent", json!(step.idempotent.then_some(true))),
        ("verify_decides", json!(step.verify_decides.then_some(true))),
        (
            "save",
            step.save
                .iter()
                .map(|(name, path)| (name.clone(), template(path)))
                .collect(),
        ),
        ("retry", json!(step.retry.as_ref().map(retry))),
        (
            "verify",
            (step.verify.iter())
                .filter(|gate| !gate.inherited)
                .map(check)
                .collect(),
        ),
        ("undo", undo(&step.undo)),
        ("on_failure", json!(on_failure(step.on_failure))),
        ("may_fail", json!(step.may_fail)),
        (
            "escalate",
            json!(
                step.escalate
                    .as_ref()
                    .map(|(after, to)| json!({"after": words::length(*after), "to": to}))
            ),
        ),
    ]);
    present(facts)
}

fn approve(approve: &Approve) -> Value {
    present(vec![
        ("message", json!(approve.message.as_ref().map(template))),
        ("by", json!(approve.by)),
        ("count", json!(approve.count)),
        ("within", json!(approve.within.map(words::length))),
        (
            "on_timeout",
            json!(if approve.timeout_skips { "skip" } else { "fail" }),
        ),
        (
            "on_reject",
            json!(if approve.reject_skips { "skip" } else { "fail" }),
        ),
        ("remind", json!(approve.remind.map(words::length))),
        ("separate", json!(approve.separate)),
    ])
}

fn rounds(step: &Step) -> Vec<(&'static str, Value)> {
    let for_each = step.for_each.as_ref().map(|each| {
        json!({
            "item": each.item, "in": each.list.source(), "batch": each.batch, "max_failures": each.max_failures,
        })
    });
    let repeat = step.repeat.as_ref().map(|repeat| {
        json!({
            "until": repeat.until.source(), "every": words::length(repeat.every), "at_most": repeat.at_most,
        })
    });
    vec![("for_each", json!(for_each)), ("repeat", json!(repeat))]
}

fn body(body: &Body) -> (&'static str, Value) {
    match body {
        Body::Action(one) => ("action", action(one)),
        Body::Manual(manual) => (
            "manual",
            present(vec![
                ("instructions", template(&manual.instructions)),
                ("ask", manual.ask.iter().map(input).collect()),
                ("by", json!(manual.by)),
                ("within", json!(manual.within.map(words::length))),
            ]),
        ),
        Body::Wait(wait) => (
            "wait",
            present(vec![
                ("for", wait.length.as_ref().map_or(Value::Null, template)),
                ("why", json!(wait.why)),
            ]),
        ),
        Body::Notify(notify) => (
            "notify",
            json!({"to": notify.to, "message": template(&notify.message)}),
        ),
        Body::Fail(message) => ("fail", template(message)),
        Body::Let(names) => ("let", captures(names)),
        Body::Checks(checks) => ("checks", checks.iter().map(rated).collect()),
        Body::Undo(ids) => ("undo_steps", json!(ids)),
        Body::Runbook(call) => {
            let inputs = call
                .inputs
                .iter()
                .map(|(name, value)| (name.clone(), template(value)));
            let inputs: Map<String, Value> = inputs.collect();
            let does = call.plan.as_ref().map(|plan| super::does(plan));
            (
                "runbook",
                present(vec![
                    ("name", json!(call.name)),
                    ("inputs", json!(inputs)),
                    ("does", json!(does)),
                ]),
            )
        }
        Body::Group(steps) => ("steps", list(&steps.iter().collect::<Vec<_>>(), 0)),
        Body::Choose(steps) => ("choose", list(&steps.iter().collect::<Vec<_>>(), 0)),
        Body::FirstOf(steps) => ("first_of", list(&steps.iter().collect::<Vec<_>>(), 0)),
    }
}

fn undo(undo: &Undo) -> Value {
    match undo {
        Undo::Action(undo) => present(vec![
            ("how", json!("action")),
            ("action", action(&undo.action)),
            ("retry", json!(undo.retry.as_ref().map(retry))),
            ("verify", undo.verify.iter().map(check).collect()),
        ]),
        Undo::Steps(steps) => {
            let steps: Vec<&Step> = steps.iter().collect();
            json!({"how": "steps", "steps": list(&steps, 0)})
        }
        Undo::Auto => json!({"how": "auto"}),
        Undo::Within => json!({"how": "within"}),
        Undo::Irreversible(reason) => json!({"how": "irreversible", "reason": reason}),
        Undo::NotNeeded => json!({"how": "not_needed"}),
        Undo::Undeclared => json!({"how": "undeclared"}),
    }
}
