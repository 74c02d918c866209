//! `wait`: until objects are as the author says.

use runbook_action::{ErrorKind, Failure, Output, Param};
use serde_json::Value;

use super::{Asked, cause};
use crate::answer;
use crate::asked::{self, About};
use crate::object;
use crate::watch::Watch;

/// What is waited for.
enum Wanted {
    Created,
    Deleted,
    Condition { name: String, status: String },
    Field { path: String, equals: Option<Value> },
}

impl Wanted {
    fn read(asked: Asked<'_>) -> Result<Self, Failure> {
        let Some(args) = asked.chosen.get("for") else {
            return Err(asked.chosen.value.wrong("needs `for` beside it"));
        };
        if !matches!(args.param(), Param::Map(_)) {
            return Ok(if args.literal()? == "deleted" {
                Self::Deleted
            } else {
                Self::Created
            });
        }
        if let Some(condition) = args.get("condition") {
            let status = args.get("status").map(|status| status.text()).transpose()?;
            return Ok(Self::Condition {
                name: condition.literal()?.to_owned(),
                status: status.map_or_else(|| "True".to_owned(), |status| status.reveal()),
            });
        }
        Ok(Self::Field {
            path: args.require("field")?.literal()?.to_owned(),
            equals: args.get("equals").map(|equals| equals.param().reveal()),
        })
    }

    /// Whether the object is so.
    fn holds(&self, object: &Value) -> bool {
        match self {
            Self::Created => true,
            Self::Deleted => false,
            Self::Condition { name, status } => {
                let condition = cause::condition(object, name);
                let seen = condition.and_then(|condition| condition.get("observedGeneration")?.as_i64());
                // What was said of an older state says nothing of this one.
                let is_old =
                    seen.is_some_and(|seen| Some(seen) < object::number(object, "/metadata/generation"));
                let is = condition.and_then(|condition| condition.get("status")?.as_str());
                !is_old && is.is_some_and(|is| is.eq_ignore_ascii_case(status))
            }
            Self::Field { path, equals } => {
                let value = value(object, path);
                match equals {
                    Some(wanted) => value == *wanted || (!value.is_null() && plain(&value) == plain(wanted)),
                    None => !value.is_null(),
                }
            }
        }
    }

    /// What the object is instead.
    fn instead(&self, object: &Value) -> String {
        let name = object::name(object);
        match self {
            Self::Deleted if object.pointer("/metadata/deletionTimestamp").is_some() => {
                format!("`{name}` is ending")
            }
            Self::Created | Self::Deleted => format!("`{name}` is there"),
            Self::Condition { name: condition, .. } => {
                if let Some(waiting) = cause::waiting(object) {
                    return waiting.shown();
                }
                match cause::condition(object, condition) {
                    Some(found) => {
                        let reason = object::text(found, "/reason");
                        let status = object::text(found, "/status");
                        format!("`{name}`: `{condition}` is {status} {reason}")
                            .trim_end()
                            .to_owned()
                    }
                    None => format!("`{name}` has no condition `{condition}` yet"),
                }
            }
            Self::Field { path, .. } => format!("`{name}`: `{path}` is {}", value(object, path)),
        }
    }
}

/// A number and the same number as text are equal: templates give texts.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The field of a path such as `status.phase` or `spec.containers[0].image`.
fn value(object: &Value, path: &str) -> Value {
    let mut pointer = String::new();
    for part in path
        .trim_start_matches(['{', '.'])
        .trim_end_matches('}')
        .split(['.', '['])
    {
        let part = part.trim_end_matches(']').trim_matches(['\'', '"']);
        if !part.is_empty() {
            pointer.push('/');
            pointer.push_str(&part.replace('~', "~0").replace('/', "~1"));
        }
    }
    object.pointer(&pointer).cloned().unwrap_or_default()
}

pub(crate) async fn wait(asked: Asked<'_>) -> Result<Output, Failure> {
    let wanted = Wanted::read(asked)?;
    let about = asked::about(asked.cluster, asked.chosen).await?;
    let (mut watch, shown) = match &about {
        About::One(target) => (
            Watch::one(asked.cluster, asked.call, target).await?,
            target.shown(),
        ),
        About::Some(several) => {
            let namespace = several.namespace.as_deref();
            let watch = Watch::open(
                asked.cluster,
                asked.call,
                &several.kind,
                namespace,
                &several.query,
            )
            .await?;
            (watch, several.kind.plural.clone())
        }
    };
    let is_one = matches!(about, About::One(_));
    // Nothing that is not there can be waited for, but its coming.
    if watch.objects.is_empty() && !matches!(wanted, Wanted::Created | Wanted::Deleted) {
        let failure = Failure::new(ErrorKind::NotFound, format!("there is no such object: {shown}"));
        return Err(failure.about(asked.chosen.value.path()));
    }
    let mut said = String::new();
    loop {
        let objects: Vec<&Value> = watch.objects.values().collect();
        let left: Vec<&&Value> = objects.iter().filter(|object| !wanted.holds(object)).collect();
        let is_there = !objects.is_empty() || matches!(wanted, Wanted::Deleted);
        if left.is_empty() && is_there {
            let objects: Vec<Value> = objects.into_iter().cloned().collect();
            return Ok(answer::about(objects, is_one));
        }
        if objects.is_empty() && !matches!(wanted, Wanted::Created) {
            let failure = Failure::new(
                ErrorKind::NotFound,
                format!("{shown} is gone while it was waited for"),
            );
            return Err(failure.about(asked.chosen.value.path()));
        }
        for object in &left {
            if let Some(why) = hopeless(object, &wanted) {
                return Err(cause::hopeless(&shown, &why));
            }
        }
        let states: Vec<String> = left.iter().map(|object| wanted.instead(object)).collect();
        let say = if states.is_empty() {
            format!("waiting for {shown}")
        } else {
            states.join("; ")
        };
        if say != said {
            asked.note.set(&say);
            asked.tell(&say).await?;
            said = say;
        }
        watch.changed().await?;
    }
}

/// Why what is waited for will not come: a job that has failed does not complete.
fn hopeless(object: &Value, wanted: &Wanted) -> Option<String> {
    let Wanted::Condition { name, status } = wanted else {
        return None;
    };
    let is_true = status.eq_ignore_ascii_case("true");
    if object.get("kind").and_then(Value::as_str) == Some("Job") && name == "Complete" && is_true {
        let failed = cause::condition(object, "Failed")?;
        let has_failed = failed.get("status").and_then(Value::as_str) == Some("True");
        return has_failed.then(|| {
            format!(
                "{}: {}",
                object::text(failed, "/reason"),
                object::text(failed, "/message")
            )
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_path_of_a_field_leads_to_it() {
        let object = json!({"status": {"phase": "Running", "list": [{"a": 1}]}});
        assert_eq!(value(&object, "status.phase"), json!("Running"));
        assert_eq!(value(&object, "{.status.list[0].a}"), json!(1));
        assert_eq!(value(&object, "status.none"), Value::Null);
    }
}
