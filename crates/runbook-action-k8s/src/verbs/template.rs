//! What changes the template of the pods of something: images, variables, resources, a restart.
//!
//! Each change is a JSON patch that first tests what it was worked out from, so it touches no other field, works for any
//! kind that has such a template, and is worked out anew if somebody came between.

use jiff::Timestamp;
use runbook_action::{ErrorKind, Failure};
use serde_json::{Map, Value, json};

use super::Asked;
use crate::asked::{self, About};
use crate::change::{Form, Write, conflict, replace};
use crate::clock;
use crate::object::{self, Target};

/// By this annotation `kubectl rollout restart` replaces pods too.
const RESTARTED: &str = "kubectl.kubernetes.io/restartedAt";

/// Where the specification of pods is, in the kinds that have one.
const SPECS: &[&str] = &[
    "/spec/template/spec",
    "/spec/jobTemplate/spec/template/spec",
    "/spec",
];

/// Where the containers are in it.
const LISTS: &[&str] = &["containers", "initContainers"];

/// A container, and where it is.
struct Container<'a> {
    pointer: String,
    value: &'a Value,
    name: String,
}

/// The containers of an object; those that prepare come after those that run.
fn containers(object: &Value) -> Vec<Container<'_>> {
    let spec = SPECS
        .iter()
        .find(|spec| object.pointer(&format!("{spec}/containers")).is_some());
    let lists = spec
        .into_iter()
        .flat_map(|spec| LISTS.iter().map(move |list| format!("{spec}/{list}")));
    lists
        .flat_map(|pointer| {
            let items = object::list(object, &pointer).iter().enumerate();
            items
                .map(|(index, value)| Container {
                    pointer: format!("{pointer}/{index}"),
                    name: object::text(value, "/name"),
                    value,
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

/// The container that is named, or all that run.
fn chosen<'a>(
    asked: Asked<'_>,
    target: &Target,
    object: &'a Value,
    needs_one: bool,
) -> Result<Vec<Container<'a>>, Failure> {
    let all = containers(object);
    if all.is_empty() {
        let failure = conflict(format!("{} has no containers", target.shown()));
        return Err(failure.about(asked.chosen.value.path()));
    }
    let names = |all: &[Container<'_>]| {
        let names: Vec<String> = all
            .iter()
            .map(|container| format!("`{}`", container.name))
            .collect();
        names.join(", ")
    };
    if let Some(name) = asked::text(asked.chosen, "container")? {
        let known = names(&all);
        let found: Vec<Container<'_>> = all
            .into_iter()
            .filter(|container| container.name == name)
            .collect();
        if found.is_empty() {
            let failure = Failure::new(
                ErrorKind::NotFound,
                format!("{} has no container `{name}`", target.shown()),
            );
            return Err(failure.about("container").help(format!("it has {known}")));
        }
        return Ok(found);
    }
    let running: Vec<Container<'_>> = all
        .into_iter()
        .filter(|container| container.pointer.contains("/containers/"))
        .collect();
    if needs_one && running.len() > 1 {
        let failure = conflict(format!("{} has several containers", target.shown()));
        return Err(failure.help(format!("say which one as `container`: {}", names(&running))));
    }
    Ok(running)
}

/// The changes of the containers as one change of the object; none if there are none.
fn write(target: Target, object: &Value, containers: &[Container<'_>], operations: Vec<Value>) -> Vec<Write> {
    if operations.is_empty() {
        return Vec::new();
    }
    let mut all: Vec<Value> = containers
        .iter()
        .map(|container| json!({ "op": "test", "path": format!("{}/name", container.pointer), "value": container.name }))
        .collect();
    all.extend(operations);
    vec![Write::new(target, Form::Json, Value::Array(all), object.clone())]
}

pub(crate) async fn image(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let (target, object) = asked.object().await?;
    let image = asked::text(asked.chosen, "image")?.unwrap_or_default();
    let containers = chosen(asked, &target, &object, true)?;
    let mut operations = Vec::new();
    for container in &containers {
        let now = container.value.get("image");
        if now.and_then(Value::as_str) != Some(&image) {
            operations.extend(replace(
                &format!("{}/image", container.pointer),
                now,
                &json!(image),
            ));
        }
    }
    Ok(write(target, &object, &containers, operations))
}

pub(crate) async fn env(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let (target, object) = asked.object().await?;
    let set = asked
        .chosen
        .get("env")
        .map(|env| asked::map(&env))
        .transpose()?
        .unwrap_or_default();
    let unset = asked
        .chosen
        .get("unset")
        .map(|unset| asked::texts(&unset))
        .transpose()?
        .unwrap_or_default();
    if let Some((both, _)) = set.iter().find(|(name, _)| unset.contains(name)) {
        return Err(Failure::new(ErrorKind::Other, format!("`{both}` is both set and unset")).about("unset"));
    }
    let containers = chosen(asked, &target, &object, false)?;
    let mut operations = Vec::new();
    for container in &containers {
        let now = object::list(container.value, "/env");
        let mut after: Vec<Value> = now
            .iter()
            .filter(|item| !unset.iter().any(|name| *name == object::text(item, "/name")))
            .cloned()
            .collect();
        for (name, value) in &set {
            let item = json!({ "name": name, "value": value });
            match after.iter_mut().find(|item| object::text(item, "/name") == *name) {
                Some(known) if known.get("value") == Some(value) => {}
                Some(known) => *known = item,
                None => after.push(item),
            }
        }
        if after != now {
            operations.extend(replace(
                &format!("{}/env", container.pointer),
                container.value.get("env"),
                &after.into(),
            ));
        }
    }
    Ok(write(target, &object, &containers, operations))
}

pub(crate) async fn resources(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let (target, object) = asked.object().await?;
    let containers = chosen(asked, &target, &object, false)?;
    let mut operations = Vec::new();
    for container in &containers {
        let now = container.value.get("resources");
        let mut after = now.and_then(Value::as_object).cloned().unwrap_or_default();
        for key in ["requests", "limits"] {
            let Some(wanted) = asked.chosen.get(key) else {
                continue;
            };
            let mut amounts = after
                .get(key)
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default();
            amounts.extend(asked::map(&wanted)?.into_iter().collect::<Map<String, Value>>());
            after.insert(key.to_owned(), Value::Object(amounts));
        }
        let after = Value::Object(after);
        if now != Some(&after) {
            operations.extend(replace(&format!("{}/resources", container.pointer), now, &after));
        }
    }
    Ok(write(target, &object, &containers, operations))
}

/// Replaces the pods of one, or of several.
pub(crate) async fn restart(asked: Asked<'_>) -> Result<Vec<Write>, Failure> {
    let found = match asked::about(asked.cluster, asked.chosen).await? {
        About::One(target) => {
            let object = target
                .read(asked.cluster)
                .await
                .map_err(|trouble| asked.failed(trouble))?;
            vec![(target, object)]
        }
        About::Some(several) => {
            let items = several
                .read(asked.cluster, None)
                .await
                .map_err(|trouble| asked.failed(trouble))?;
            items
                .into_iter()
                .map(|item| (Target::of(&several.kind, &item), item))
                .collect()
        }
    };
    let now = clock::now();
    let mut writes = Vec::new();
    for (target, object) in found {
        if object.pointer("/spec/paused") == Some(&Value::Bool(true)) {
            let failure = conflict(format!(
                "{} is paused, so its pods would not be replaced",
                target.shown()
            ));
            return Err(failure.help("`kubectl rollout resume` lets it go on"));
        }
        let at = restarted_at(&object, now).to_string();
        let patch = json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED: at } } } } });
        writes.push(Write::new(target, Form::Merge, patch, object));
    }
    Ok(writes)
}

/// What the annotation becomes. It has whole seconds, as that of `kubectl`, so a second restart within one would be none
/// but for this: it takes the second after the last.
fn restarted_at(object: &Value, now: Timestamp) -> Timestamp {
    let last = object.pointer("/spec/template/metadata/annotations");
    let last = last.and_then(|annotations| annotations[RESTARTED].as_str()?.parse::<Timestamp>().ok());
    let now = now.as_second();
    let next = last.map_or(now, |last| last.as_second().saturating_add(1));
    // A time far ahead is that of another clock: it differs from ours as it is.
    let is_close = (now..now.saturating_add(60)).contains(&next);
    Timestamp::from_second(if is_close { next } else { now }).unwrap_or_default()
}
