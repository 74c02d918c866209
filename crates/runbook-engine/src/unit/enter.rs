//! What stands within a step begins: its items, its first round, its branch, its runbook.

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Param};
use runbook_event::{Event, Into, Item};
use runbook_plan::expression::Val;
use runbook_plan::{Body, ForEach, RunbookCall, Step};
use serde_json::Value;

use super::step::Task;
use super::values::keep;
use super::{Broken, Context, values::Values};
use crate::bounds;

/// How many items a loop may have.
const MAX_ITEMS: usize = 10_000;

/// How long the key of an item may be, in characters.
const MAX_KEY: usize = 60;

pub(super) async fn run(task: &Task<'_>) -> Result<(), Broken> {
    let (into, values) = match &task.step.body {
        Body::Group(_) => match (&task.step.for_each, &task.step.repeat) {
            (Some(each), _) => items(task, each)?,
            (None, Some(_)) => (Into::Round { number: 1 }, Values::default()),
            (None, None) => (Into::Group, Values::default()),
        },
        Body::Choose(branches) => (branch(task, branches)?, Values::default()),
        Body::FirstOf(_) => (Into::Alternatives, Values::default()),
        Body::Undo(ids) => (Into::Undoing { steps: ids.clone() }, Values::default()),
        Body::Runbook(call) => runbook(task, call)?,
        Body::Action(_)
        | Body::Manual(_)
        | Body::Wait(_)
        | Body::Notify(_)
        | Body::Fail(_)
        | Body::Let(_)
        | Body::Checks(_) => {
            return Err(Failure::new(ErrorKind::Other, "nothing stands within the step").into());
        }
    };
    let entered = Event::Entered {
        step: task.id().to_owned(),
        into,
        sealed: task.context.seal(&values.sealed)?,
    };
    if task.context.begin(entered, false).await? {
        Ok(())
    } else {
        Err(Failure::new(ErrorKind::Cancelled, "the run stopped before it began").into())
    }
}

fn wrong_list(each: &ForEach, what: &str) -> Failure {
    Failure::new(ErrorKind::Other, format!("`{}` {what}", each.list.source())).about("for_each.in")
}

/// What a loop goes through.
pub(crate) fn list(context: &Context, each: &ForEach) -> Result<Vec<Val>, Failure> {
    let wrong = |what: String| wrong_list(each, &what);
    let list = match each.list.eval(&context.scope) {
        Ok(Val::List(list)) => list,
        Ok(other) => return Err(wrong(format!("gives {}, and not a list", other.noun()))),
        Err(error) => return Err(wrong(format!("cannot be evaluated: {error}"))),
    };
    if list.len() > MAX_ITEMS {
        return Err(wrong(format!(
            "gives {} items, and {MAX_ITEMS} are the most",
            list.len()
        )));
    }
    for item in list.iter() {
        bounds::check(&item.to_json()).map_err(|reason| wrong(format!("has an item that {reason}")))?;
    }
    Ok(list.iter().cloned().collect())
}

/// The list is evaluated once: what it gave is what is gone through, whatever changes meanwhile.
fn items(task: &Task<'_>, each: &ForEach) -> Result<(Into, Values), Failure> {
    let context = task.context;
    let masker = context.masker();
    let mut named = IndexMap::new();
    for (at, item) in list(context, each)?.iter().enumerate() {
        // A key is shown, so what is secret has none of its own.
        let shown = masker.value(item.to_json());
        let plain = item.to_param().reveal() == shown;
        let key = key_of(&shown).filter(|key| plain && !named.contains_key(key));
        let mut key = key.unwrap_or_else(|| (at + 1).to_string());
        while named.contains_key(&key) {
            key.insert(0, '#');
        }
        named.insert(key, item.clone());
    }
    let values = keep(context, &format!("into {}", task.id()), &named);
    let items = values.shown.iter().map(|(key, value)| Item {
        key: key.clone(),
        value: value.clone(),
    });
    Ok((
        Into::Items {
            items: items.collect(),
        },
        values,
    ))
}

/// What an item is called, if it has a short plain name.
pub(crate) fn key_of(item: &Value) -> Option<String> {
    let text = match item {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Object(map) => ["name", "id"].iter().find_map(|name| key_of(map.get(*name)?))?,
        Value::Null | Value::Bool(_) | Value::Array(_) => return None,
    };
    let plain = |letter: char| letter.is_alphanumeric() || "-_.:@+ ".contains(letter);
    let fine = !text.is_empty() && text.trim() == text && text.chars().all(plain);
    (fine && text.chars().count() <= MAX_KEY).then_some(text)
}

/// The first branch whose `when` holds. One without is for all other cases.
fn branch(task: &Task<'_>, branches: &[Step]) -> Result<Into, Failure> {
    for branch in branches {
        let chosen = match &branch.when {
            None => true,
            Some(when) => when.eval_bool(&task.context.scope).map_err(|error| {
                let message = format!("branch `{}`: `when: {}`: {error}", branch.id, when.source());
                Failure::new(ErrorKind::Other, message)
            })?,
        };
        if chosen {
            return Ok(Into::Branch {
                chosen: Some(branch.id.clone()),
            });
        }
    }
    Ok(Into::Branch { chosen: None })
}

/// What a step gives to the runbook that it calls.
pub(crate) fn inputs(context: &Context, call: &RunbookCall) -> Result<IndexMap<String, Param>, Failure> {
    let inputs = call.inputs.iter().map(|(name, template)| {
        let value = template.render(&context.scope).map_err(|error| {
            Failure::new(
                ErrorKind::Other,
                format!("`{}`: {}", error.expression, error.error),
            )
            .about(format!("inputs.{name}"))
        })?;
        Ok((name.clone(), value))
    });
    inputs.collect()
}

/// Another runbook, with its inputs, its connections, and what it owns while it runs.
fn runbook(task: &Task<'_>, call: &RunbookCall) -> Result<(Into, Values), Failure> {
    let context = task.context;
    let inputs = inputs(context, call)?
        .into_iter()
        .map(|(name, value)| (name, value.reveal()))
        .collect();
    let opened = context
        .run
        .courses
        .open(call, &context.run.id, inputs, &context.run.masks)?;
    let locks = opened.course.locks()?;
    context
        .run
        .locks
        .take(&locks)
        .map_err(|reason| Failure::new(ErrorKind::Conflict, reason))?;
    context.run.courses.keep(task.id(), opened.course);
    let values = keep(context, &format!("into {}", task.id()), &opened.inputs);
    let inputs = values.shown.clone();
    Ok((Into::Runbook { inputs }, values))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::key_of;

    #[test]
    fn items_are_called_by_what_they_are() {
        assert_eq!(key_of(&json!("hub-1")).as_deref(), Some("hub-1"));
        assert_eq!(key_of(&json!(7)).as_deref(), Some("7"));
        assert_eq!(key_of(&json!({"name": "a", "port": 1})).as_deref(), Some("a"));
        for odd in [
            json!(""),
            json!("a/b"),
            json!("a]b"),
            json!("a\nb"),
            json!([1]),
            json!(null),
            json!("x".repeat(61)),
        ] {
            assert_eq!(key_of(&odd), None, "{odd}");
        }
    }
}
