//! `delete`: objects go, and it is waited until they are gone.

use http::Method;
use runbook_action::{Failure, Output, Param};
use serde_json::{Map, Value, json};

use super::Asked;
use crate::asked::{self, About};
use crate::cluster::Ask;
use crate::object::{self, Target};
use crate::watch::Watch;
use crate::{answer, manifest};

/// An object that is to go.
pub(crate) struct Doomed {
    pub(crate) target: Target,
    pub(crate) object: Value,
}

/// The objects that are meant, as they are.
pub(crate) async fn doomed(asked: Asked<'_>) -> Result<Vec<Doomed>, Failure> {
    let mut targets = Vec::new();
    if matches!(asked.chosen.value.param(), Param::Map(_)) {
        let file = asked.chosen.value.require("file")?;
        let mut manifests = manifest::read(asked, &file).await?;
        // What was made last goes first.
        manifests.reverse();
        targets.extend(manifests.into_iter().map(|manifest| manifest.target));
    } else {
        match asked::about(asked.cluster, asked.chosen).await? {
            About::One(target) => targets.push(target),
            About::Some(several) => {
                let items = several
                    .read(asked.cluster, None)
                    .await
                    .map_err(|trouble| asked.failed(trouble))?;
                let kind = &several.kind;
                return Ok(items
                    .into_iter()
                    .map(|object| Doomed {
                        target: Target::of(kind, &object),
                        object,
                    })
                    .collect());
            }
        }
    }
    let mut found = Vec::new();
    for target in targets {
        match target.read(asked.cluster).await {
            Ok(object) => found.push(Doomed {
                object: object::typed(object, &target.kind),
                target,
            }),
            Err(trouble) if trouble.is_missing() && asked.chosen.is_on("missing_ok") => {}
            Err(trouble) => return Err(asked.failed(trouble)),
        }
    }
    Ok(found)
}

/// The request that makes an object go, and no other of the same name.
pub(crate) fn request(asked: Asked<'_>, doomed: &Doomed, dry: bool) -> Result<Ask, Failure> {
    let policy = match asked::text(asked.chosen, "cascade")?.as_deref() {
        Some("foreground") => "Foreground",
        Some("orphan") => "Orphan",
        _ => "Background",
    };
    let mut options = Map::new();
    options.insert("apiVersion".to_owned(), "v1".into());
    options.insert("kind".to_owned(), "DeleteOptions".into());
    options.insert("propagationPolicy".to_owned(), policy.into());
    options.insert(
        "preconditions".to_owned(),
        json!({ "uid": doomed.object.pointer("/metadata/uid") }),
    );
    if let Some(grace) = asked::duration(asked.chosen, "grace")? {
        options.insert("gracePeriodSeconds".to_owned(), grace.as_secs().into());
    }
    let mut ask =
        doomed
            .target
            .ask("delete", None)
            .sends(Method::DELETE, "application/json", Value::Object(options));
    if dry {
        ask = ask.with("dryRun", "All");
    }
    Ok(ask)
}

pub(crate) async fn delete(asked: Asked<'_>) -> Result<Output, Failure> {
    let all = doomed(asked).await?;
    let begun = |failure: Failure, count: usize| {
        if count > 0 {
            failure.maybe_applied()
        } else {
            failure
        }
    };
    for (count, one) in all.iter().enumerate() {
        match asked.cluster.ask(&request(asked, one, false)?).await {
            Ok(_) => {}
            // It went by itself, or another of its name has come: what was meant is gone.
            Err(trouble) if trouble.is_missing() || trouble.code == 409 => {}
            Err(trouble) => return Err(begun(trouble.of_change(), count)),
        }
    }
    for one in &all {
        asked
            .note
            .set(&format!("waiting for {} to be gone", one.target.shown()));
        gone(asked, one).await.map_err(Failure::maybe_applied)?;
    }
    let names: Value = all.iter().map(|one| one.target.name.clone()).collect();
    let is_any = !all.is_empty();
    let items: Vec<Value> = all.into_iter().map(|one| one.object).collect();
    let output = answer::with(answer::with(answer::empty(), "names", names), "items", items);
    Ok(answer::with(output, "changed", is_any))
}

/// Returns when this very object is gone.
pub(crate) async fn gone(asked: Asked<'_>, doomed: &Doomed) -> Result<(), Failure> {
    let uid = doomed.object.pointer("/metadata/uid");
    let mut watch = Watch::one(asked.cluster, asked.call, &doomed.target).await?;
    let mut said = false;
    while let Some(now) = watch
        .objects
        .values()
        .find(|now| now.pointer("/metadata/uid") == uid)
    {
        let held = object::list(now, "/metadata/finalizers");
        if !said && !held.is_empty() {
            said = true;
            let held: Vec<&str> = held.iter().filter_map(Value::as_str).collect();
            asked
                .tell(&format!(
                    "{} is held by {}",
                    doomed.target.shown(),
                    held.join(", ")
                ))
                .await?;
        }
        watch.changed().await?;
    }
    Ok(())
}
