//! `rollback: auto` of `docker`: what is kept before a verb changes it, and how it is put back.

use runbook_action::{Chosen, ErrorKind, Failure, Inverse, Output};
use serde_json::{Map, Value, json};

use crate::asked;
use crate::engine::Engine;
use crate::verbs::limits::{self, Limits};
use crate::verbs::{image, state};
use crate::{answer, look};

/// The form of what is kept.
const VERSION: u32 = 1;

/// Keeps what the verb would change.
pub(crate) async fn prepare(engine: &Engine, chosen: &Chosen<'_>) -> Result<Option<Inverse>, Failure> {
    let (summary, expects, data) = match chosen.verb.key {
        key @ ("start" | "stop") => {
            let runs = key == "start";
            let (mut expects, mut data, mut words) = (Map::new(), Map::new(), Vec::new());
            for (name, path) in asked::names(&chosen.value)? {
                let now = running(engine, &name).await;
                let now = now.map_err(|failure| crate::verbs::about(failure, &path))?;
                let back = if now.get("running") == Some(&json!(true)) {
                    "start"
                } else {
                    "stop"
                };
                words.push(format!("{back} `{name}`"));
                let mut after = now.clone();
                if let Value::Object(after) = &mut after {
                    after.insert("running".to_owned(), json!(runs));
                }
                expects.insert(name.clone(), after);
                data.insert(name, now);
            }
            (format!("{}, as it was", words.join(", ")), expects, data)
        }
        "update" => {
            let wanted = Limits::read(chosen)?;
            let (mut expects, mut data, mut names) = (Map::new(), Map::new(), Vec::new());
            for (name, path) in asked::names(&chosen.value)? {
                let (_, now) = limits::current(engine, &name)
                    .await
                    .map_err(|failure| crate::verbs::about(failure, &path))?;
                flatten(&name, &wanted.data(&wanted), &mut expects);
                flatten(&name, &now.data(&wanted), &mut data);
                names.push(format!("`{name}`"));
            }
            (
                format!("put back the limits of {}", names.join(", ")),
                expects,
                data,
            )
        }
        "pull" => {
            let name = chosen.value.text()?;
            let before = image::identity(engine, &name.reveal()).await?;
            let mut data = Map::new();
            data.insert("image".to_owned(), json!(before));
            let summary = match before {
                Some(_) => format!("give the name `{name}` back to the image that had it"),
                None => format!("remove the image `{name}`"),
            };
            // What the registry has under the name is known only when it was pulled.
            (summary, Map::new(), data)
        }
        _ => return Ok(None),
    };
    Ok(Some(Inverse {
        version: VERSION,
        summary,
        expects: Value::Object(expects),
        data: Value::Object(data),
    }))
}

/// Each field of each container is one of its own: an interrupted action may have written only some.
fn flatten(name: &str, fields: &Value, into: &mut Map<String, Value>) {
    for (field, value) in fields.as_object().into_iter().flatten() {
        into.insert(format!("{name} {field}"), value.clone());
    }
}

/// Whether a container runs, and which it is.
async fn running(engine: &Engine, name: &str) -> Result<Value, Failure> {
    let container = look::inspect(engine, name).await?;
    let restarts = container.state.as_ref().and_then(|state| state.restarting) == Some(true);
    Ok(json!({ "id": container.id, "running": look::is_running(&container) || restarts }))
}

/// Puts it back, unless somebody else has changed it.
pub(crate) async fn undo(engine: &Engine, chosen: &Chosen<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    if inverse.version != VERSION {
        let message = "what was kept is of another version of this program";
        return Err(Failure::new(ErrorKind::Other, message).help("put it back by hand"));
    }
    match chosen.verb.key {
        "start" | "stop" => undo_running(engine, chosen, inverse).await,
        "update" => undo_limits(engine, chosen, inverse).await,
        "pull" => undo_pull(engine, chosen, inverse).await,
        _ => Err(
            Failure::new(ErrorKind::Other, "this verb cannot be undone by itself").help("undo it by hand"),
        ),
    }
}

async fn undo_running(engine: &Engine, chosen: &Chosen<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    let mut now = Map::new();
    let names = asked::names(&chosen.value)?;
    for (name, path) in &names {
        let running = running(engine, name).await;
        now.insert(
            name.clone(),
            running.map_err(|failure| crate::verbs::about(failure, path))?,
        );
    }
    let due = inverse.is_due(&Value::Object(now.clone()))?;
    let mut containers = Vec::new();
    // What was started last is stopped first.
    for (name, _) in names.iter().rev() {
        let before = inverse.data.get(name);
        if due && now.get(name) != before {
            let ran = before.and_then(|before| before.get("running")) == Some(&json!(true));
            let done = if ran {
                state::begin(engine, name).await
            } else {
                state::end(engine, name, asked::grace(chosen)?).await
            };
            done.map_err(Failure::maybe_applied)?;
        }
        containers.push(look::container(engine, name).await?);
    }
    containers.reverse();
    Ok(answer::with(answer::containers(containers), "changed", due))
}

async fn undo_limits(engine: &Engine, chosen: &Chosen<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    let wanted = Limits::read(chosen)?;
    let names = asked::names(&chosen.value)?;
    let mut now = Map::new();
    for (name, path) in &names {
        let (_, limits) = limits::current(engine, name)
            .await
            .map_err(|failure| crate::verbs::about(failure, path))?;
        flatten(name, &limits.data(&wanted), &mut now);
    }
    let due = inverse.is_due(&Value::Object(now.clone()))?;
    let mut containers = Vec::new();
    for (name, _) in &names {
        let mut before = Map::new();
        let mut differs = false;
        for field in ["memory", "nano_cpus", "pids", "restart_policy"] {
            let flat = format!("{name} {field}");
            if let Some(value) = inverse.data.get(&flat) {
                differs |= now.get(&flat) != Some(value);
                before.insert(field.to_owned(), value.clone());
            }
        }
        if due && differs {
            let set = limits::set(engine, name, &Limits::from_data(&Value::Object(before))).await;
            set.map_err(Failure::maybe_applied)?;
        }
        containers.push(look::container(engine, name).await?);
    }
    Ok(answer::with(answer::containers(containers), "changed", due))
}

async fn undo_pull(engine: &Engine, chosen: &Chosen<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    let name = chosen.value.text()?.reveal();
    let before = inverse.data.get("image").and_then(Value::as_str);
    let now = image::identity(engine, &name).await?;
    let due = now.as_deref() != before;
    if due {
        image::put_back(engine, &name, before)
            .await
            .map_err(Failure::maybe_applied)?;
    }
    Ok(answer::with(
        answer::with(answer::empty(), "image", before),
        "changed",
        due,
    ))
}
