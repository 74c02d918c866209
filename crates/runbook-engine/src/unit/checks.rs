//! The checks of a runbook, asked side by side, and the table that a step asks.

use runbook_action::{ErrorKind, Failure, Output};
use runbook_event::{CheckRole, CheckSite, Event, Phase, Reading, Verdict};
use runbook_plan::expression::Scope;
use runbook_plan::{Check, Expression, RatedCheck};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::call::{Caller, call, render};
use super::gate::{items_of, named, untold, uses_cut};
use super::step::Task;
use super::{Broken, Context, Halt, gate};
use crate::brake::Brake;

/// Asks the runbook's own checks of a part of the run, side by side. Those that are decided are not asked again.
pub(super) async fn ask_all(context: &Context, phase: Phase) -> Result<(), Halt> {
    let plan = &context.course.plan;
    let (role, checks) = match phase {
        Phase::Detect => (CheckRole::Detect, plan.detect()),
        Phase::Verify => (CheckRole::Verify, plan.verify()),
        Phase::Baseline | Phase::Steps | Phase::Rollback | Phase::Finally => {
            (CheckRole::Baseline, plan.verify())
        }
    };
    let mut asked = JoinSet::new();
    for check in checks {
        let site = CheckSite {
            within: context.within.clone(),
            role,
            step: None,
            check: check.id.clone(),
        };
        let left_out = role == CheckRole::Baseline && !check.baseline;
        let decided = crate::view::read(&context.run.state, |state| {
            state
                .checks()
                .get(&site)
                .is_some_and(|check| check.verdict.is_some())
        });
        if left_out || decided {
            continue;
        }
        let context = context.clone();
        let check = if role == CheckRole::Baseline {
            single(check)
        } else {
            check.clone()
        };
        asked.spawn(async move {
            let stop = context.stops.reads.clone();
            gate::ask(&context, site, &check, &stop).await
        });
    }
    while let Some(ended) = asked.join_next().await {
        ended.map_err(|_| Halt)??;
    }
    Ok(())
}

/// A check that is read once, whatever it waits for elsewhere.
fn single(check: &Check) -> Check {
    Check {
        within: None,
        consecutive: 1,
        ..check.clone()
    }
}

/// Reads a step's gate once before its action, so that it can tell later whether that has happened.
pub(super) async fn once_for(context: &Context, step: &str, check: &Check, stop: &Brake) -> Result<(), Halt> {
    let site = CheckSite {
        within: None,
        role: CheckRole::Decide,
        step: Some(step.to_owned()),
        check: check.id.clone(),
    };
    gate::ask(context, site, &single(check), stop).await.map(drop)
}

/// The degrees of a row, the worst last.
const DEGREES: [&str; 4] = ["pass", "warn", "fail", "error"];

/// Asks all rows of a table, whatever each says. The worst decides.
pub(super) async fn table(task: &Task<'_>, rows: &[RatedCheck]) -> Result<Result<Output, Failure>, Broken> {
    let mut asked = JoinSet::new();
    for (at, row) in rows.iter().enumerate() {
        let (context, row, id) = (task.context.clone(), row.clone(), task.id().to_owned());
        let stop = task.early_stop().clone();
        asked.spawn(async move { (at, rate(&context, &id, &row, &stop).await) });
    }
    let mut rated: Vec<(usize, &'static str, Value)> = Vec::new();
    while let Some(ended) = asked.join_next().await {
        let (at, row) = ended.map_err(|_| Halt)?;
        let (degree, result) = row?;
        rated.push((at, degree, result));
    }
    rated.sort_by_key(|(at, ..)| *at);
    let rank = |degree: &str| DEGREES.iter().position(|known| *known == degree);
    let worst = rated
        .iter()
        .map(|(_, degree, _)| *degree)
        .max_by_key(|degree| rank(degree));
    let worst = worst.unwrap_or("pass");
    let results: Vec<Value> = rated.iter().map(|(.., result)| result.clone()).collect();
    let bad: Vec<String> = rated
        .iter()
        .filter(|(_, degree, _)| rank(degree) >= rank("fail"))
        .map(|(.., result)| {
            let text = |name: &str| {
                result
                    .get(name)
                    .and_then(Value::as_str)
                    .unwrap_or_default()
                    .to_owned()
            };
            format!("“{}”: {}", text("title"), text("detail"))
        })
        .collect();
    let result = json!({"worst": worst, "results": results});
    if bad.is_empty() {
        return Ok(Ok(result.into()));
    }
    let failure = Failure::new(ErrorKind::Other, bad.join("; "));
    Ok(Err(failure.with_result(result)))
}

/// A row: what is bad weighs more than what is worth a warning.
async fn rate(
    context: &Context,
    step: &str,
    row: &RatedCheck,
    stop: &Brake,
) -> Result<(&'static str, Value), Halt> {
    let check = &row.check;
    let site = CheckSite {
        within: None,
        role: CheckRole::Row,
        step: Some(step.to_owned()),
        check: check.id.clone(),
    };
    context
        .record(Event::CheckStarted { site: site.clone() }, false)
        .await?;
    let begun = context.clock().monotonic();
    let (degree, detail, value) = read(context, step, row, stop).await?;
    let verdict = match degree {
        "pass" | "warn" => Verdict::Pass,
        "fail" => Verdict::Fail,
        _ => Verdict::Error,
    };
    let reading = Reading {
        number: 1,
        verdict,
        streak: u32::from(verdict == Verdict::Pass),
        value: value.clone().filter(|value| !value.is_null()),
        warned: degree == "warn",
        detail: detail.clone(),
    };
    context
        .record(
            Event::CheckRead {
                site: site.clone(),
                reading,
            },
            false,
        )
        .await?;
    let elapsed = context.clock().monotonic().saturating_sub(begun);
    let ended = Event::CheckEnded {
        site,
        verdict,
        readings: 1,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        values: indexmap::IndexMap::new(),
        sealed: None,
    };
    context.record(ended, false).await?;
    let result = json!({
        "id": check.id, "title": check.title, "result": degree, "detail": detail, "value": value,
    });
    Ok((degree, result))
}

/// The degree of a row, what was found, and the value that is drawn.
pub(crate) type Row = (&'static str, String, Option<Value>);

/// Reads a row once.
pub(crate) async fn read(context: &Context, step: &str, row: &RatedCheck, stop: &Brake) -> Result<Row, Halt> {
    let check = &row.check;
    let error = |detail: String| ("error", detail, None);
    let rendered = match render(context, &check.action, &context.scope) {
        Ok(rendered) => rendered,
        Err(failure) => return Ok(error(failure.to_string())),
    };
    let caller = Caller {
        step,
        part: "check".to_owned(),
        asking: true,
        keeps_output: false,
        timeout: check.action.timeout,
        stop,
    };
    let called = call(context, &check.action, &rendered, &caller).await?;
    let (mut cut, mut absent) = (Vec::new(), Vec::new());
    let mut result = match called.result {
        Ok(output) => {
            (cut, absent) = (output.cut, output.absent);
            output.value
        }
        Err(failure) if check.judges_failure && failure.kind != ErrorKind::Cancelled => {
            json!({"ok": false, "error": {"kind": failure.kind.word(), "message": failure.message}})
        }
        Err(failure) => return Ok(error(failure.to_string())),
    };
    if let Value::Object(map) = &mut result
        && !map.contains_key("ok")
    {
        map.insert("ok".to_owned(), Value::Bool(true));
        map.insert("error".to_owned(), Value::Null);
    }
    Ok(judge(row, context.scope_of(&result).without(&absent), &cut))
}

fn judge(row: &RatedCheck, mut scope: Scope, cut: &[String]) -> Row {
    let (check, mut value) = (&row.check, None);
    let told = check.value.iter().chain(&check.each);
    let mut expressions = told.chain(&row.fail).chain(&row.warn);
    if let Some(name) = expressions.find_map(|expression| uses_cut(expression, cut)) {
        let detail = format!("`{name}` is longer than 1 MiB and was cut, so nothing is decided by it");
        return ("error", detail, None);
    }
    if let Some(expression) = &check.value {
        match expression.eval(&scope) {
            Ok(found) => {
                value = Some(found.to_json());
                scope = scope.with_value(found);
            }
            Err(error) => return ("error", untold(expression, &error), None),
        }
    }
    for (degree, expressions) in [("fail", &row.fail), ("warn", &row.warn)] {
        let bad = match &check.each {
            None => first_that_holds(expressions, &scope),
            Some(each) => offenders(each, expressions, &scope),
        };
        match bad {
            Ok(Some(detail)) => return (degree, detail, value),
            Ok(None) => {}
            Err(detail) => return ("error", detail, value),
        }
    }
    let detail = if let Some(each) = &check.each {
        format!("no item of `{}` is bad", each.source())
    } else if row.fail.is_empty() && row.warn.is_empty() {
        "it answered".to_owned()
    } else {
        let all = row.fail.iter().chain(&row.warn);
        let details: Vec<String> = all.map(|expression| expression.explain(&scope)).collect();
        details.join(", ")
    };
    ("pass", detail, value)
}

fn first_that_holds(expressions: &[Expression], scope: &Scope) -> Result<Option<String>, String> {
    for expression in expressions {
        match expression.eval_bool(scope) {
            Ok(true) => return Ok(Some(expression.explain(scope))),
            Ok(false) => {}
            Err(error) => return Err(untold(expression, &error)),
        }
    }
    Ok(None)
}

/// The items of a list that are bad, by name.
fn offenders(each: &Expression, bad: &[Expression], scope: &Scope) -> Result<Option<String>, String> {
    let mut offenders = Vec::new();
    for item in items_of(each, scope)? {
        let scope = scope.with_root("item", item.clone());
        if let Some(detail) = first_that_holds(bad, &scope)? {
            offenders.push(format!("{}: {detail}", item.show()));
        }
    }
    Ok(named(offenders))
}
