//! `rollback: auto` of `k8s`: what is kept before a verb changes it, and how it is put back.
//!
//! What a change will leave is learned from the cluster, which tries it without any effect; so what webhooks and defaults
//! add is known too. Field by field the undo then tells its own change from those of others.

use http::Method;
use runbook_action::{ErrorKind, Failure, Inverse, Output};
use serde_json::{Map, Value, json};

use crate::change::{self, Written};
use crate::cluster::Ask;
use crate::object::{self, Target};
use crate::trouble::Trouble;
use crate::verbs::{Asked, delete};
use crate::watch::Watch;
use crate::{answer, difference};

/// The form of what is kept.
const VERSION: u32 = 1;

/// Where in what is kept the objects are named. No field of an object has such a path.
const OBJECTS: &str = "objects";

/// How often a state is compared and put back anew, when somebody else changes the same object in between.
const TRIES: usize = 6;

/// Keeps what the verb would change.
pub(crate) async fn prepare(asked: Asked<'_>) -> Result<Option<Inverse>, Failure> {
    if asked.chosen.verb.key == "delete" {
        return kept_objects(asked).await.map(Some);
    }
    let kinds = [
        "scale",
        "set_image",
        "set_env",
        "set_resources",
        "patch",
        "apply",
        "cordon",
        "uncordon",
    ];
    if !kinds.contains(&asked.chosen.verb.key) {
        return Ok(None);
    }
    let written = change::carry_out(asked, true).await?;
    let (mut expects, mut data, mut objects, mut words) = (Map::new(), Map::new(), Vec::new(), Vec::new());
    for one in &written {
        let id = one.write.target.shown();
        let place = described(&one.write.target, one.write.part);
        if one.write.before.is_null() {
            for (path, value) in left(one) {
                expects.insert(format!("{id} {path}"), value);
            }
            objects.push(json!({ "id": id, "at": place, "is_new": true }));
            words.push(format!("delete {id}"));
            continue;
        }
        let found = difference::between(&object::meant(&one.write.before), &object::meant(&one.after));
        let paths: Vec<String> = found.iter().map(|one| format!("`{}`", one.path)).collect();
        for one in found {
            expects.insert(format!("{id} {}", one.path), one.after);
            data.insert(format!("{id} {}", one.path), one.before);
        }
        objects.push(json!({ "id": id, "at": place, "is_new": false }));
        if !paths.is_empty() {
            words.push(format!("put back {} of {id}", paths.join(", ")));
        }
    }
    data.insert(OBJECTS.to_owned(), Value::Array(objects));
    let summary = if words.is_empty() {
        "nothing is to be put back".to_owned()
    } else {
        words.join("; ")
    };
    Ok(Some(Inverse {
        version: VERSION,
        summary,
        expects: Value::Object(expects),
        data: Value::Object(data),
    }))
}

/// The fields that a manifest sets, as the cluster would keep them. What others add to a new object is theirs.
fn left(one: &Written) -> Vec<(String, Value)> {
    let after = object::meant(&one.after);
    let said = object::meant(&one.write.body);
    let fields = difference::leaves(&said).into_iter();
    fields
        .map(|(path, said)| {
            let kept = difference::field(&after, &path);
            (path, if kept.is_null() { said } else { kept })
        })
        .filter(|(_, value)| !value.is_null())
        .collect()
}

fn described(target: &Target, part: Option<&str>) -> Value {
    json!({
        "apiVersion": target.kind.api_version(),
        "kind": target.kind.kind,
        "namespace": target.namespace,
        "name": target.name,
        "part": part,
    })
}

async fn kept_objects(asked: Asked<'_>) -> Result<Inverse, Failure> {
    let (mut expects, mut data, mut objects, mut names) = (Map::new(), Map::new(), Vec::new(), Vec::new());
    for one in delete::doomed(asked).await? {
        // What belongs to something is brought back by it, or is not wanted any more.
        if object::controller(&one.object).is_some() {
            continue;
        }
        let id = one.target.shown();
        expects.insert(id.clone(), Value::Null);
        data.insert(id.clone(), object::again(&one.object));
        let uid = one.object.pointer("/metadata/uid");
        objects.push(json!({ "id": id, "at": described(&one.target, None), "uid": uid }));
        names.push(one.target.shown());
    }
    data.insert(OBJECTS.to_owned(), Value::Array(objects));
    let summary = match names.as_slice() {
        [] => "nothing is to be put back: what is deleted is brought back by what it belongs to".to_owned(),
        names => format!("make {} again", names.join(", ")),
    };
    Ok(Inverse {
        version: VERSION,
        summary,
        expects: Value::Object(expects),
        data: Value::Object(data),
    })
}

/// Puts it back, unless somebody else has changed it.
pub(crate) async fn undo(asked: Asked<'_>, inverse: &Inverse) -> Result<Output, Failure> {
    if inverse.version != VERSION {
        let message = "what was kept is of another version of this program";
        return Err(Failure::new(ErrorKind::Other, message).help("put it back by hand"));
    }
    let mut changed = false;
    let mut objects = Vec::new();
    let kept = inverse.data.get(OBJECTS).and_then(Value::as_array);
    // What was made last goes first.
    for one in kept.into_iter().flatten().rev() {
        let id = object::text(one, "/id");
        let (target, part) = place(asked, one).await?;
        let (due, now) = if asked.chosen.verb.key == "delete" {
            make_again(asked, &target, one, &part_of(inverse, &id)).await
        } else if one.get("is_new") == Some(&Value::Bool(true)) {
            take_away(asked, &target, &id, &part_of(inverse, &id)).await
        } else {
            put_back(asked, &target, part.as_deref(), &id, &part_of(inverse, &id)).await
        }
        .map_err(|failure| if changed { failure.maybe_applied() } else { failure })?;
        changed |= due;
        objects.extend(now);
    }
    objects.reverse();
    let is_one = objects.len() == 1;
    Ok(answer::with(answer::about(objects, is_one), "changed", changed))
}

/// What was kept of one object.
fn part_of(inverse: &Inverse, id: &str) -> Inverse {
    let own = |all: &Value| -> Value {
        let fields = all.as_object().into_iter().flatten();
        let own = fields.filter(|(name, _)| {
            name.strip_prefix(id)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        });
        own.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    Inverse {
        expects: own(&inverse.expects),
        data: own(&inverse.data),
        ..inverse.clone()
    }
}

async fn place(asked: Asked<'_>, one: &Value) -> Result<(Target, Option<String>), Failure> {
    let text = |key: &str| object::text(one, &format!("/at/{key}"));
    let kind = asked.cluster.kind_of(&text("apiVersion"), &text("kind")).await?;
    let part = Some(text("part")).filter(|part| !part.is_empty());
    Ok((Target::new(kind, &text("namespace"), text("name")), part))
}

type Undone = Result<(bool, Option<Value>), Failure>;

/// Puts fields back.
async fn put_back(asked: Asked<'_>, target: &Target, part: Option<&str>, id: &str, kept: &Inverse) -> Undone {
    let mut tries = 0;
    loop {
        tries += 1;
        let now = target
            .read_part(asked.cluster, part)
            .await
            .map_err(|trouble| asked.failed(trouble))?;
        let mut then = now.clone();
        let mut seen = Map::new();
        for name in kept
            .expects
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, _)| name)
        {
            let path = name.strip_prefix(id).unwrap_or(name).trim_start();
            seen.insert(name.clone(), difference::field(&now, path));
            difference::set(&mut then, path, kept.data.get(name).unwrap_or(&Value::Null));
        }
        if !kept.is_due(&Value::Object(seen))? {
            return Ok((false, whole(asked, target, part, now).await?));
        }
        let mut patch = difference::merge(&now, &then);
        // Whatever else was read stays as it was read: nobody may have written in between.
        let version = now
            .pointer("/metadata/resourceVersion")
            .cloned()
            .unwrap_or_default();
        difference::set(&mut patch, ".metadata.resourceVersion", &version);
        match asked.cluster.ask(&target.merge(part, patch)).await {
            Ok(after) => return Ok((true, whole(asked, target, part, after).await?)),
            Err(trouble) if trouble.is_overtaken() && tries < TRIES => {}
            Err(trouble) => return Err(trouble.of_change()),
        }
    }
}

/// The object, where what was written is only a part of it.
async fn whole(
    asked: Asked<'_>,
    target: &Target,
    part: Option<&str>,
    now: Value,
) -> Result<Option<Value>, Failure> {
    if part.is_none() {
        return Ok(Some(now));
    }
    target
        .look(asked.cluster)
        .await
        .map_err(|trouble| asked.failed(trouble))
}

/// Takes away an object that was not there before.
async fn take_away(asked: Asked<'_>, target: &Target, id: &str, kept: &Inverse) -> Undone {
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(now) = target
            .look(asked.cluster)
            .await
            .map_err(|trouble| asked.failed(trouble))?
        else {
            return Ok((false, None));
        };
        if now.pointer("/metadata/deletionTimestamp").is_none() {
            let meant = object::meant(&now);
            let names = kept
                .expects
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, _)| name);
            let seen: Map<String, Value> = names
                .map(|name| {
                    let path = name.strip_prefix(id).unwrap_or(name).trim_start();
                    (name.clone(), difference::field(&meant, path))
                })
                .collect();
            kept.is_due(&Value::Object(seen))?;
            let version = now.pointer("/metadata/resourceVersion");
            let options = json!({
                "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
                "preconditions": { "uid": now.pointer("/metadata/uid"), "resourceVersion": version },
            });
            let ask = target
                .ask("delete", None)
                .sends(Method::DELETE, "application/json", options);
            match asked.cluster.ask(&ask).await {
                Ok(_) => {}
                Err(trouble) if trouble.is_missing() => return Ok((true, None)),
                Err(trouble) if trouble.is_overtaken() && tries < TRIES => continue,
                Err(trouble) => return Err(trouble.of_change()),
            }
        }
        let doomed = delete::Doomed {
            target: target.clone(),
            object: now,
        };
        delete::gone(asked, &doomed)
            .await
            .map_err(Failure::maybe_applied)?;
        return Ok((true, None));
    }
}

/// Makes an object again that was deleted.
async fn make_again(asked: Asked<'_>, target: &Target, one: &Value, kept: &Inverse) -> Undone {
    let id = target.shown();
    let before = kept.data.get(&id).cloned().unwrap_or_default();
    let mut now = target
        .look(asked.cluster)
        .await
        .map_err(|trouble| asked.failed(trouble))?;
    let uid = one.get("uid");
    let is_ending = |now: &Value| now.pointer("/metadata/deletionTimestamp").is_some();
    if now
        .as_ref()
        .is_some_and(|now| now.pointer("/metadata/uid") == uid && is_ending(now))
    {
        // What is on its way out cannot be kept back, only made again.
        let mut watch = Watch::one(asked.cluster, asked.call, target).await?;
        while watch
            .objects
            .values()
            .any(|now| now.pointer("/metadata/uid") == uid)
        {
            watch.changed().await?;
        }
        now = watch.objects.values().next().cloned();
    }
    if let Some(now) = now {
        let is_same = now.pointer("/metadata/uid") == uid;
        let seen = if is_same {
            before.clone()
        } else {
            object::again(&object::typed(now.clone(), &target.kind))
        };
        kept.is_due(&json!({ id: comparable(&seen, &before) }))?;
        return Ok((false, Some(now)));
    }
    match create(asked, target, &before).await {
        Ok(made) => Ok((true, Some(made))),
        // An address that it had may be another's by now.
        Err(trouble) if trouble.code == 422 && before.pointer("/spec/clusterIP").is_some() => {
            let mut without = before.clone();
            for field in ["clusterIP", "clusterIPs"] {
                difference::set(&mut without, &format!(".spec.{field}"), &Value::Null);
            }
            let made = create(asked, target, &without).await;
            Ok((true, Some(made.map_err(Trouble::of_change)?)))
        }
        Err(trouble) => Err(trouble.of_change()),
    }
}

/// An object that says the same as another is as good as that one.
fn comparable(now: &Value, before: &Value) -> Value {
    let same = difference::leaves(before.get("spec").unwrap_or(before))
        .into_iter()
        .all(|(path, value)| difference::field(now.get("spec").unwrap_or(now), &path) == value);
    if same { before.clone() } else { now.clone() }
}

async fn create(asked: Asked<'_>, target: &Target, object: &Value) -> Result<Value, Trouble> {
    let right = target.ask("create", None).right;
    let mut ask = Ask::get(target.kind.path(target.namespace.as_deref()))
        .sends(Method::POST, "application/json", object.clone())
        .with("fieldManager", object::MANAGER);
    ask.right = right;
    asked.cluster.ask(&ask).await
}
