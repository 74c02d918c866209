//! `rollback: auto` of `compose`: what is kept before a verb changes it, and how it is put back.

use runbook_action::{ErrorKind, Failure, Inverse, Output};
use serde_json::{Map, Value, json};

use super::Asked;
use super::changes::{compared, scaled, scaling};
use super::looks::{self, services};
use super::program::{self, Program};
use crate::verbs::{image, state};
use crate::{asked, look};

/// The form of what is kept.
const VERSION: u32 = 1;

/// How many containers each of these services has; what runs counts, and what does not.
async fn counts(asked: Asked<'_>, wanted: &[(String, i64)]) -> Result<Value, Failure> {
    let members = asked.project.members(asked.engine).await?;
    let count = |service: &String| members.iter().filter(|member| member.service == *service).count();
    let counts = wanted
        .iter()
        .map(|(service, _)| (service.clone(), json!(count(service))));
    Ok(Value::Object(counts.collect()))
}

/// Which containers of the services run.
async fn running(asked: Asked<'_>) -> Result<Value, Failure> {
    let mut running = Map::new();
    for member in looks::members(asked, &services(&asked.chosen.value)?).await? {
        let container = look::inspect(asked.engine, &member.id).await?;
        let field = json!({ "id": member.id, "running": look::is_running(&container) });
        running.insert(format!("{} {}", member.service, member.number), field);
    }
    Ok(Value::Object(running))
}

/// The label by which compose knows of which settings a container was made.
const HASH: &str = "com.docker.compose.config-hash";

/// Of which image the containers of each service are, by name and identity, how many there are, and of which settings
/// they were made.
pub(crate) async fn images(asked: Asked<'_>) -> Result<Value, Failure> {
    let mut images: Map<String, Value> = Map::new();
    for member in looks::members(asked, &services(&asked.chosen.value)?).await? {
        let container = look::inspect(asked.engine, &member.id).await?;
        let known = images
            .get(&member.service)
            .and_then(|service| service.get("replicas")?.as_u64());
        let config = container.config.unwrap_or_default();
        let hash = config.labels.and_then(|labels| labels.get(HASH).cloned());
        let service = json!({
            "image": config.image, "id": container.image, "replicas": known.unwrap_or(0) + 1, "settings": hash,
        });
        images.insert(member.service, service);
    }
    Ok(Value::Object(images))
}

pub(crate) async fn prepare(asked: Asked<'_>) -> Result<Option<Inverse>, Failure> {
    let (summary, expects, data) = match asked.chosen.verb.key {
        "scale" => {
            let wanted = scaled(asked)?;
            let before = counts(asked, &wanted).await?;
            let words: Vec<String> = before
                .as_object()
                .into_iter()
                .flatten()
                .map(|(service, count)| format!("{service}={count}"))
                .collect();
            let after = wanted.into_iter().map(|(service, count)| (service, json!(count)));
            (
                format!("scale to {}, as it was", words.join(" ")),
                Value::Object(after.collect()),
                before,
            )
        }
        verb @ ("start" | "stop") => {
            let before = running(asked).await?;
            let mut after = before.clone();
            for field in after.as_object_mut().into_iter().flat_map(Map::values_mut) {
                if let Some(running) = field.get_mut("running") {
                    *running = json!(verb == "start");
                }
            }
            (
                "start and stop the containers, as it was".to_owned(),
                after,
                before,
            )
        }
        // What the files make of it is known only when it was done: then it is told.
        "up" => (
            "go back to the images and numbers of containers that there were".to_owned(),
            json!({}),
            images(asked).await?,
        ),
        _ => return Ok(None),
    };
    Ok(Some(Inverse {
        version: VERSION,
        summary,
        expects,
        data,
    }))
}

pub(crate) async fn undo(asked: Asked<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    if inverse.version != VERSION {
        let message = "what was kept is of another version of this program";
        return Err(Failure::new(ErrorKind::Other, message).help("put it back by hand"));
    }
    match asked.chosen.verb.key {
        "scale" => {
            let now = counts(asked, &scaled(asked)?).await?;
            if !inverse.is_due(&now)? {
                return Ok(looks::empty());
            }
            let before = inverse.data.as_object().into_iter().flatten();
            let before: Vec<(String, i64)> = before
                .filter_map(|(service, count)| Some((service.clone(), count.as_i64()?)))
                .collect();
            by_program(asked, scaling(&before, true)).await
        }
        "start" | "stop" => undo_running(asked, inverse).await,
        "up" => undo_up(asked, inverse).await,
        _ => Err(
            Failure::new(ErrorKind::Other, "this verb cannot be undone by itself").help("undo it by hand"),
        ),
    }
}

async fn by_program(asked: Asked<'_>, words: Vec<String>) -> Result<Output, Failure> {
    let before = looks::state(asked, &[]).await?;
    let program = Program::said(asked).await?;
    let command = program::command(asked, program, words)?;
    let output = program::run(asked, &command, looks::empty()).await?;
    let after = looks::state(asked, &[]).await.map_err(Failure::maybe_applied)?;
    Ok(compared(output, &before, &after))
}

async fn undo_running(asked: Asked<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    let now = running(asked).await?;
    let before = looks::state(asked, &[]).await?;
    if inverse.is_due(&now)? {
        for (name, field) in inverse.data.as_object().into_iter().flatten() {
            let Some(id) = field
                .get("id")
                .and_then(Value::as_str)
                .filter(|_| now.get(name) != Some(field))
            else {
                continue;
            };
            let done = if field.get("running") == Some(&json!(true)) {
                state::begin(asked.engine, id).await
            } else {
                state::end(asked.engine, id, asked::grace(asked.chosen).unwrap_or_default()).await
            };
            done.map_err(Failure::maybe_applied)?;
        }
    }
    let after = looks::state(asked, &[]).await.map_err(Failure::maybe_applied)?;
    Ok(compared(looks::empty(), &before, &after))
}

/// Whether an `up` is to be undone, to which nobody has done anything since.
fn is_due(inverse: &Inverse, now: &Value) -> Result<bool, Failure> {
    let mut before = inverse.data.clone();
    for (service, now) in now.as_object().into_iter().flatten() {
        let Some(before) = before.get_mut(service).and_then(Value::as_object_mut) else {
            continue;
        };
        // The settings tell who has made a container. They are not put back: the files are not ours.
        let own = before.insert("settings".to_owned(), json!(now.get("settings")));
        if Some(&*before) != now.as_object() {
            before.insert("settings".to_owned(), json!(own));
        }
    }
    if *now == before {
        return Ok(false);
    }
    // An `up` that failed could not tell what it left.
    if inverse.expects.as_object().is_none_or(Map::is_empty) {
        return Ok(true);
    }
    let (before, mut left, now) = (fields(&before), fields(&inverse.expects), fields(now));
    for field in now.keys() {
        // What was not there, and was not left there, came from somebody else.
        left.entry(field).or_insert(Value::Null);
    }
    let inverse = Inverse {
        expects: Value::Object(left),
        data: Value::Object(before),
        ..inverse.clone()
    };
    inverse.is_due(&Value::Object(now))
}

/// What is known of services, each field by its name, so that a difference is told in few words.
fn fields(services: &Value) -> Map<String, Value> {
    let services = services.as_object().into_iter().flatten();
    let of_service = |(service, known): (&String, &Value)| -> Vec<(String, Value)> {
        let fields = known.as_object().into_iter().flatten();
        fields
            .map(|(field, value)| (format!("{field} of {service}"), value.clone()))
            .collect()
    };
    services.flat_map(of_service).collect()
}

/// Gives the names back to the images that had them, and has compose make the containers of those.
async fn undo_up(asked: Asked<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    let now = images(asked).await?;
    if !is_due(inverse, &now)? {
        return Ok(looks::empty());
    }
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut words: Vec<String> = ["up", "-d", "--no-deps", "--no-build"]
        .map(str::to_owned)
        .to_vec();
    let mut names = Vec::new();
    let mut retagged = Vec::new();
    for (service, before) in inverse.data.as_object().into_iter().flatten() {
        let (Some(image), Some(id)) = (text(before, "image"), text(before, "id")) else {
            continue;
        };
        let is = now.get(service).cloned().unwrap_or_default();
        if text(&is, "image").is_some_and(|name| name != image) {
            let message =
                format!("the files name another image of `{service}` than `{image}`, which there was");
            let failure = Failure::new(ErrorKind::Conflict, message);
            return Err(failure
                .help("put the files back, and run `up` again: a step on the file with `then` does both"));
        }
        if text(&is, "id") != Some(id.clone()) {
            retagged.push((image, id));
        }
        let count = before.get("replicas").and_then(Value::as_u64).unwrap_or(1);
        words.extend(["--scale".to_owned(), format!("{service}={count}")]);
        names.push(service.clone());
    }
    for (image, id) in retagged {
        image::put_back(asked.engine, &image, Some(&id))
            .await
            .map_err(Failure::maybe_applied)?;
    }
    let fresh: Vec<String> = now
        .as_object()
        .into_iter()
        .flatten()
        .map(|(service, _)| service.clone())
        .filter(|service| !names.contains(service))
        .collect();
    if !fresh.is_empty() {
        let mut words: Vec<String> = ["rm", "-s", "-f"].map(str::to_owned).to_vec();
        words.extend(fresh);
        by_program(asked, words).await.map_err(Failure::maybe_applied)?;
    }
    if names.is_empty() {
        return looks::state(asked, &[]).await;
    }
    words.extend(names);
    by_program(asked, words).await.map_err(Failure::maybe_applied)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(image: &str, replicas: u32, settings: &str) -> Value {
        json!({"image": "shop:1", "id": image, "replicas": replicas, "settings": settings})
    }

    #[test]
    fn an_up_is_undone_unless_somebody_was_there_since() {
        let before = json!({"web": of("one", 1, "a"), "db": of("db", 1, "d")});
        let left = json!({"web": of("two", 2, "b"), "db": of("db", 1, "d")});
        let known = Inverse {
            version: VERSION,
            summary: String::new(),
            expects: left.clone(),
            data: before.clone(),
        };
        let with = |web: Value| json!({"web": web, "db": of("db", 1, "d")});
        let undone = "somebody else has changed it since: ";
        for (now, expected) in [
            (left.clone(), Ok(true)),
            (before, Ok(false)),
            // It was undone, and the files are not as they were.
            (with(of("one", 1, "c")), Ok(false)),
            (
                with(of("two", 3, "b")),
                Err("`replicas of web` is 3, and was left as 2"),
            ),
            (
                with(of("three", 2, "b")),
                Err("`id of web` is \"three\", and was left as \"two\""),
            ),
            // Somebody has brought it up with other files.
            (
                with(of("two", 2, "c")),
                Err("`settings of web` is \"c\", and was left as \"b\""),
            ),
            (
                json!({"db": of("db", 1, "d")}),
                Err("`image of web` is null, and was left as \"shop:1\""),
            ),
            (
                json!({"web": of("two", 2, "b"), "db": of("db", 1, "d"), "new": of("x", 1, "x")}),
                Err("`image of new` is \"shop:1\", and was left as null"),
            ),
        ] {
            let expected = expected.map_err(|message| format!("{undone}{message}"));
            assert_eq!(
                is_due(&known, &now).map_err(|failure| failure.message),
                expected,
                "{now}"
            );
        }
        let failed = Inverse {
            expects: json!({}),
            ..known
        };
        assert_eq!(is_due(&failed, &with(of("two", 3, "b"))), Ok(true));
    }
}
