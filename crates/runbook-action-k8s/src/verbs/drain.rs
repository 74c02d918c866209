//! `drain`: no new pods come to a node, and those that are there are evicted, as disruption budgets allow.

use std::time::Duration;

use http::Method;
use runbook_action::{ErrorKind, Failure, Output};
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use super::delete::{Doomed, gone};
use super::{Asked, node};
use crate::asked::{self, Several};
use crate::cluster::Ask;
use crate::object::{self, Target};
use crate::{answer, change};

/// How long one waits, unless the cluster says so, for a budget that does not allow an eviction yet.
const PAUSE: Duration = Duration::from_secs(5);

/// The annotation of pods that a node runs by itself.
const MIRROR: &str = "kubernetes.io/config.mirror";

/// The pods that are to go, and a word about each that stays.
pub(crate) async fn leaving(asked: Asked<'_>) -> Result<(Vec<Doomed>, Vec<String>), Failure> {
    let node = asked::node(asked.cluster, asked.chosen).await?;
    let kind = asked.cluster.kind_named("pods").await?;
    let mut query = vec![("fieldSelector", format!("spec.nodeName={}", node.name))];
    if let Some(selector) = asked.chosen.get("pod_selector") {
        query.push(("labelSelector", asked::selector_text(&selector)?));
    }
    let several = Several {
        kind,
        namespace: None,
        query,
    };
    let pods = several
        .read(asked.cluster, None)
        .await
        .map_err(|trouble| asked.failed(trouble))?;
    let (mut leaving, mut staying, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for pod in pods {
        let name = format!(
            "`{}/{}`",
            object::text(&pod, "/metadata/namespace"),
            object::name(&pod)
        );
        let has_ended = matches!(
            object::text(&pod, "/status/phase").as_str(),
            "Succeeded" | "Failed"
        );
        let owner = object::controller(&pod).map(|owner| object::text(owner, "/kind"));
        if object::annotation(&pod, MIRROR).is_some() {
            staying.push(format!("{name} stays: the node itself runs it"));
        } else if owner.as_deref() == Some("DaemonSet") && !has_ended {
            staying.push(format!("{name} stays: it belongs to a daemonset"));
        } else {
            let has_scratch = object::list(&pod, "/spec/volumes")
                .iter()
                .any(|volume| volume.get("emptyDir").is_some());
            if has_scratch && !has_ended && !asked.chosen.is_on("delete_emptydir") {
                refused.push((
                    name.clone(),
                    "delete_emptydir",
                    "would lose what is in its `emptyDir` volumes",
                ));
            }
            if owner.is_none() && !has_ended && !asked.chosen.is_on("force") {
                refused.push((name, "force", "belongs to nothing that would bring it back"));
            }
            leaving.push(Doomed {
                target: Target::of(&several.kind, &pod),
                object: pod,
            });
        }
    }
    if let Some((_, key, _)) = refused.first() {
        let words: Vec<String> = refused
            .iter()
            .map(|(name, _, why)| format!("{name} {why}"))
            .collect();
        let failure = change::conflict(words.join("; "));
        return Err(failure.help(format!(
            "evict them all the same with `{key}: true`, or move them before"
        )));
    }
    Ok((leaving, staying))
}

/// The request that evicts a pod. The library has one with a wrong key.
pub(crate) fn eviction(asked: Asked<'_>, pod: &Doomed, dry: bool) -> Result<Ask, Failure> {
    let mut options = Map::new();
    options.insert(
        "preconditions".to_owned(),
        json!({ "uid": pod.object.pointer("/metadata/uid") }),
    );
    if let Some(grace) = asked::duration(asked.chosen, "grace")? {
        options.insert("gracePeriodSeconds".to_owned(), grace.as_secs().into());
    }
    if dry {
        options.insert("dryRun".to_owned(), json!(["All"]));
    }
    let body = json!({
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": { "name": pod.target.name, "namespace": pod.target.namespace },
        "deleteOptions": options,
    });
    let ask = pod
        .target
        .ask("create", Some("eviction"))
        .sends(Method::POST, "application/json", body);
    Ok(if dry { ask.with("dryRun", "All") } else { ask })
}

pub(crate) async fn drain(asked: Asked<'_>) -> Result<Output, Failure> {
    // Nothing is done to a node that cannot be drained.
    let _checked = leaving(asked).await?;
    for write in node::planned(asked, true).await? {
        let closed = asked
            .cluster
            .ask(&write.target.merge(None, write.body.clone()))
            .await;
        closed.map_err(crate::trouble::Trouble::of_change)?;
    }
    let (pods, staying) = leaving(asked).await.map_err(Failure::maybe_applied)?;
    for word in &staying {
        asked.tell(word).await.map_err(Failure::maybe_applied)?;
    }
    let work = pods.iter().map(|pod| evict(asked, pod));
    // Each waits for its own budget, and none for another's.
    futures_util::future::try_join_all(work)
        .await
        .map_err(Failure::maybe_applied)?;
    let target = asked::node(asked.cluster, asked.chosen).await?;
    let node = target
        .read(asked.cluster)
        .await
        .map_err(|trouble| asked.failed(trouble).maybe_applied())?;
    let names: Value = pods.iter().map(|pod| pod.target.name.clone()).collect();
    let output = answer::with(answer::one(node), "names", names);
    Ok(answer::with(output, "changed", true))
}

async fn evict(asked: Asked<'_>, pod: &Doomed) -> Result<(), Failure> {
    let mut said = false;
    loop {
        match asked.cluster.ask(&eviction(asked, pod, false)?).await {
            Ok(_) => break,
            // It is gone, or another of its name has come.
            Err(trouble) if trouble.is_missing() || trouble.code == 409 => break,
            Err(trouble) if trouble.code == 429 => {
                let wait = trouble.retry_after.unwrap_or(PAUSE);
                let word = format!("pod `{}` is not let go yet: {}", pod.target.name, trouble.message);
                asked.note.set(&word);
                if !said {
                    said = true;
                    asked.tell(&word).await?;
                }
                sleep(wait).await;
            }
            // The namespace is on its way out, and the pod with it.
            Err(trouble) if trouble.code == 403 && trouble.message.contains("being terminated") => break,
            Err(trouble) => return Err(trouble.of_change()),
        }
    }
    asked
        .note
        .set(&format!("waiting for pod `{}` to be gone", pod.target.name));
    gone(asked, pod).await?;
    asked.tell(&format!("pod `{}` is gone", pod.target.name)).await
}

/// What a cluster says of an eviction that it was asked to try.
pub(crate) async fn try_eviction(asked: Asked<'_>, pod: &Doomed) -> Result<Option<String>, Failure> {
    match asked.cluster.ask(&eviction(asked, pod, true)?).await {
        Ok(_) => Ok(None),
        Err(trouble) if trouble.code == 429 => Ok(Some(trouble.message)),
        Err(trouble) if trouble.is_missing() => Ok(None),
        Err(trouble) => {
            let failure = trouble.failure();
            Err(if failure.kind == ErrorKind::Conflict {
                failure.about("drain")
            } else {
                failure
            })
        }
    }
}
