//! Gates: a check that is asked until it has passed often enough, or its time is over.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Output};
use runbook_event::{CheckSite, Event, Reading, Verdict};
use runbook_plan::Check;
use runbook_plan::expression::{EvalError, Expression, Scope, Val};
use serde_json::{Value, json};

use super::call::{Caller, call, render, seconds};
use super::values::{Values, capture};
use super::{Context, Halt};
use crate::bounds;
use crate::brake::{Brake, Urgency};

/// Between two readings there is at least this much time, also with `every: 1ms`.
pub(super) const LEAST_PAUSE: Duration = Duration::from_millis(10);

/// How a check was decided.
pub(super) struct Decided {
    pub(super) verdict: Verdict,
    pub(super) readings: u32,
    pub(super) last: Option<Reading>,
    pub(super) cancelled: bool,
}

impl Decided {
    /// Why it did not pass, for people.
    pub(super) fn why(&self, check: &Check) -> String {
        let title = &check.title;
        let detail = self
            .last
            .as_ref()
            .map_or("nothing", |reading| reading.detail.as_str());
        let expected: Vec<String> = check
            .expect
            .iter()
            .map(|expect| format!("`{}`", expect.source()))
            .collect();
        let tries = match (check.within, self.readings) {
            (Some(within), readings) => format!(" within {} ({readings} readings)", seconds(within)),
            (None, _) => String::new(),
        };
        let streak = self.last.as_ref().map_or(0, |reading| reading.streak);
        match self.verdict {
            Verdict::Pass => format!("“{title}” passed"),
            Verdict::Fail | Verdict::Error if self.cancelled => {
                format!("“{title}” was cancelled; last: {detail}")
            }
            Verdict::Error => format!("“{title}” could not be asked{tries}: {detail}"),
            Verdict::Fail if streak > 0 => {
                format!(
                    "“{title}” passed only {streak} of {} times in a row{tries}; last: {detail}",
                    check.consecutive
                )
            }
            Verdict::Fail if expected.is_empty() => format!("“{title}” failed{tries}: {detail}"),
            Verdict::Fail => format!(
                "“{title}” expected {}{tries}, but {detail}",
                expected.join(" and ")
            ),
        }
    }
}

/// Asks a check until it is decided. The first, the last and the verdict-changing readings are events.
pub(super) async fn ask(
    context: &Context,
    site: CheckSite,
    check: &Check,
    stop: &Brake,
) -> Result<Decided, Halt> {
    context
        .record(Event::CheckStarted { site: site.clone() }, false)
        .await?;
    let begun = context.clock().monotonic();
    let deadline = check.within.map(|within| begun + within);
    let mut decided = Decided {
        verdict: Verdict::Error,
        readings: 0,
        last: None,
        cancelled: false,
    };
    let mut values = Values::default();
    // A reading that is no event, and becomes one if it turns out to be the last.
    let mut kept_beside = None;
    loop {
        if stop.is_raised() {
            decided.cancelled = true;
            if let Some(reading) = kept_beside.take() {
                let site = site.clone();
                context.record(Event::CheckRead { site, reading }, false).await?;
            }
            break;
        }
        let (mut reading, captured) = read(context, &site, check, deadline, stop).await?;
        decided.readings += 1;
        reading.number = decided.readings;
        let before = decided.last.take();
        if reading.verdict == Verdict::Pass {
            reading.streak = before.as_ref().map_or(0, |before| before.streak) + 1;
        }
        let enough = reading.streak >= check.consecutive;
        let late = deadline.is_some_and(|deadline| context.clock().monotonic() >= deadline);
        let hopeless = deadline.is_none() && reading.verdict != Verdict::Pass;
        let over = enough || hopeless || late || stop.is_raised();
        decided.cancelled = stop.is_raised() && !enough;
        decided.verdict = if reading.verdict == Verdict::Pass && !enough {
            Verdict::Fail
        } else {
            reading.verdict
        };
        kept_beside = note(context, &site, &reading, before.as_ref(), over).await?;
        decided.last = Some(reading);
        if over {
            values = captured;
            break;
        }
        pause(context, check.every, deadline, stop).await;
    }
    let elapsed = context.clock().monotonic().saturating_sub(begun);
    let ended = Event::CheckEnded {
        site,
        verdict: decided.verdict,
        readings: decided.readings,
        elapsed_ms: u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        values: values.shown,
        // What cannot be encrypted is not kept: then nothing can use it after a crash.
        sealed: context.seal(&values.sealed).unwrap_or_default(),
    };
    context.record(ended, false).await?;
    Ok(decided)
}

/// Records a reading if it is the first, the last or another than the one before; else it is kept beside, and
/// given back.
async fn note(
    context: &Context,
    site: &CheckSite,
    reading: &Reading,
    before: Option<&Reading>,
    over: bool,
) -> Result<Option<Reading>, Halt> {
    let changed = before.is_none_or(|before| before.verdict != reading.verdict);
    let (site, reading) = (site.clone(), reading.clone());
    if changed || over {
        context.record(Event::CheckRead { site, reading }, false).await?;
        Ok(None)
    } else {
        context.reading(&site, reading.clone());
        Ok(Some(reading))
    }
}

/// Waits until the next reading is due, at the latest at the deadline; a stop ends the wait.
async fn pause(context: &Context, every: Duration, deadline: Option<Duration>, stop: &Brake) {
    let next = context.clock().monotonic() + every.max(LEAST_PAUSE);
    let until = deadline.map_or(next, |deadline| deadline.min(next));
    tokio::select! {
        biased;
        () = stop.reached(Urgency::Stop) => {}
        () = context.clock().wait_until(until) => {}
    }
}

pub(crate) async fn read(
    context: &Context,
    site: &CheckSite,
    check: &Check,
    deadline: Option<Duration>,
    stop: &Brake,
) -> Result<(Reading, Values), Halt> {
    let error = |detail: String| {
        let reading = Reading {
            number: 0,
            verdict: Verdict::Error,
            streak: 0,
            value: None,
            warned: false,
            detail,
        };
        (reading, Values::default())
    };
    let rendered = match render(context, &check.action, &context.scope) {
        Ok(rendered) => rendered,
        Err(failure) => return Ok(error(failure.to_string())),
    };
    let left = deadline.map(|deadline| deadline.saturating_sub(context.clock().monotonic()));
    // A reading that begins just before the deadline still gets a second to answer.
    let timeout = left.map_or(check.action.timeout, |left| {
        check.action.timeout.min(left.max(Duration::from_secs(1)))
    });
    let hurried = timeout < check.action.timeout;
    let caller = Caller {
        step: site.step.as_deref().unwrap_or(&site.check),
        part: "check".to_owned(),
        // Without `expect` the question is whether the action succeeds.
        asking: !check.expect.is_empty(),
        keeps_output: false,
        timeout,
        stop,
    };
    let called = call(context, &check.action, &rendered, &caller).await?;
    Ok(match called.result {
        Ok(output) => judge(context, check, &output),
        // That it had less time than the author gives is no answer.
        Err(failure) if hurried && failure.kind == ErrorKind::Timeout => {
            error(format!("{failure}, at the end of the gate's time"))
        }
        Err(failure) if check.judges_failure && failure.kind != ErrorKind::Cancelled => {
            judge_failure(context, check, &failure)
        }
        Err(failure) if check.expect.is_empty() && failure.result.is_some() => {
            let (reading, values) = error(failure.to_string());
            (
                Reading {
                    verdict: Verdict::Fail,
                    ..reading
                },
                values,
            )
        }
        Err(failure) => error(failure.to_string()),
    })
}

fn judge(context: &Context, check: &Check, output: &Output) -> (Reading, Values) {
    let mut result = output.value.clone();
    if let Value::Object(map) = &mut result {
        map.insert("ok".to_owned(), Value::Bool(true));
        map.insert("error".to_owned(), Value::Null);
    }
    evaluate(
        context,
        check,
        &context.scope_of(&result).without(&output.absent),
        &output.cut,
    )
}

fn judge_failure(context: &Context, check: &Check, failure: &Failure) -> (Reading, Values) {
    let result = json!({"ok": false, "error": {"kind": failure.kind.word(), "message": failure.message}});
    evaluate(context, check, &context.scope_of(&result), &[])
}

fn evaluate(context: &Context, check: &Check, scope: &Scope, cut: &[String]) -> (Reading, Values) {
    let mut reading = Reading {
        number: 0,
        verdict: Verdict::Pass,
        streak: 0,
        value: None,
        warned: false,
        detail: String::new(),
    };
    let expressions = check
        .expect
        .iter()
        .chain(&check.value)
        .chain(&check.each)
        .chain(check.capture.iter().map(|captured| &captured.value));
    if let Some(name) = expressions
        .clone()
        .find_map(|expression| uses_cut(expression, cut))
    {
        reading.verdict = Verdict::Error;
        reading.detail = format!("`{name}` is longer than 1 MiB and was cut, so nothing is decided by it");
        return (reading, Values::default());
    }
    let wrong = |mut reading: Reading, detail: String| {
        reading.verdict = Verdict::Error;
        reading.detail = detail;
        (reading, Values::default())
    };
    let mut scope = scope.clone();
    if let Some(value) = &check.value {
        match value.eval(&scope) {
            Ok(found) => {
                // Null is nothing to draw.
                reading.value =
                    Some(found.to_json()).filter(|found| !found.is_null() && bounds::check(found).is_ok());
                scope = scope.with_value(found);
            }
            Err(error) => return wrong(reading, untold(value, &error)),
        }
    }
    let judged = match &check.each {
        None => judge_one(check, &scope),
        Some(each) => judge_each(check, each, &scope),
    };
    match judged {
        Ok(Ok(detail)) => reading.detail = detail,
        Ok(Err(detail)) => {
            reading.verdict = Verdict::Fail;
            reading.detail = detail;
            return (reading, Values::default());
        }
        Err(detail) => return wrong(reading, detail),
    }
    let owner = format!(
        "check {} {}",
        context.within.as_deref().unwrap_or_default(),
        check.id
    );
    match capture(context, &owner, &check.capture, &scope, cut) {
        Ok(values) => (reading, values),
        Err(failure) => {
            reading.verdict = Verdict::Error;
            reading.detail = failure.to_string();
            (reading, Values::default())
        }
    }
}

/// What was found, as text: good, or bad; or why it cannot be told.
type Judged = Result<Result<String, String>, String>;

/// An expression that gives no answer.
pub(super) fn untold(expression: &Expression, error: &EvalError) -> String {
    format!("`{}`: {error}", expression.source())
}

fn judge_one(check: &Check, scope: &Scope) -> Judged {
    let mut details = Vec::new();
    for expect in &check.expect {
        match expect.eval_bool(scope) {
            Ok(true) => details.push(expect.explain(scope)),
            Ok(false) => return Ok(Err(expect.explain(scope))),
            Err(error) => return Err(untold(expect, &error)),
        }
    }
    Ok(Ok(if details.is_empty() {
        "it succeeded".to_owned()
    } else {
        details.join(", ")
    }))
}

/// The expectations must hold for each item. Those for which they do not are named.
fn judge_each(check: &Check, each: &Expression, scope: &Scope) -> Judged {
    let mut offenders = Vec::new();
    let items = items_of(each, scope)?;
    for item in &items {
        let scope = scope.with_root("item", item.clone());
        if let Err(detail) = judge_one(check, &scope)? {
            offenders.push(format!("{}: {detail}", item.show()));
        }
    }
    Ok(match named(offenders) {
        Some(offenders) => Err(offenders),
        None => Ok(format!(
            "all {} items of `{}` are as expected",
            items.len(),
            each.source()
        )),
    })
}

/// What a check is about, one by one. What is no list is no answer.
pub(super) fn items_of(each: &Expression, scope: &Scope) -> Result<Vec<Val>, String> {
    let found = each.eval(scope).map_err(|error| untold(each, &error))?;
    let Val::List(items) = found else {
        let (source, noun) = (each.source(), found.noun());
        return Err(format!("`{source}` gives {noun}, and not a list"));
    };
    Ok(items.iter().cloned().collect())
}

/// How many offenders are named.
const NAMED: usize = 5;

/// The offenders as text, if there are any: the first few, and how many more.
pub(super) fn named(mut offenders: Vec<String>) -> Option<String> {
    let more = offenders.len().saturating_sub(NAMED);
    offenders.truncate(NAMED);
    if more > 0 {
        offenders.push(format!("{more} more"));
    }
    (!offenders.is_empty()).then(|| offenders.join("; "))
}

/// A name that the expression uses and of which only a part is there.
pub(super) fn uses_cut<'c>(expression: &Expression, cut: &'c [String]) -> Option<&'c str> {
    let references = expression.references();
    cut.iter()
        .find(|cut| {
            references
                .iter()
                .any(|reference| reference.path.first() == Some(cut))
        })
        .map(String::as_str)
}
