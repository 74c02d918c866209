//! `rollout_status`: until a rollout is complete, or cannot be.

use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{Failure, Output};
use serde_json::Value;

use super::cause::{self, Waiting};
use super::{Asked, revision};
use crate::object::{self, Target};
use crate::watch::Watch;
use crate::{answer, asked};

/// How long nothing may happen while pods cannot be made. By then the cluster has tried several times.
const QUIET: Duration = Duration::from_secs(3);

/// Where a rollout is.
enum Progress {
    Done,
    /// What it still waits for.
    Waits(String),
}

pub(crate) async fn wait(asked: Asked<'_>) -> Result<Output, Failure> {
    let (target, object) = asked.object().await?;
    can_be_watched(asked, &target, &object)?;
    let wanted = asked::integer(asked.chosen, "revision")?;
    let mut watch = Watch::one(asked.cluster, asked.call, &target).await?;
    let pods = asked.cluster.kind_named("pods").await?;
    let query = [("labelSelector", object::selector(&object).unwrap_or_default())];
    let mut pods = Watch::open(
        asked.cluster,
        asked.call,
        &pods,
        target.namespace.as_deref(),
        &query,
    )
    .await?;
    let mut said = String::new();
    loop {
        let Some(object) = watch.objects.values().next().cloned() else {
            let failure = Failure::new(
                runbook_action::ErrorKind::NotFound,
                format!("{} is gone", target.shown()),
            );
            return Err(failure.about(asked.chosen.value.path()));
        };
        is_of(&target, &object, wanted)?;
        let waits = match progress(&target, &object) {
            Progress::Done => return Ok(answer::one(object)),
            Progress::Waits(waits) => waits,
        };
        if let Some(why) = stuck(&target, &object) {
            return Err(cause::hopeless(
                &format!("the rollout of {}", target.shown()),
                &why,
            ));
        }
        let troubles = troubles(asked, &target, &object, &pods.objects).await?;
        if let Some((waiting, pod)) = troubles.iter().find(|(waiting, _)| waiting.is_hopeless()) {
            let why = waiting.told(asked, pod).await;
            return Err(cause::hopeless(
                &format!("the rollout of {}", target.shown()),
                &why,
            ));
        }
        let mut say = waits;
        for (waiting, _) in &troubles {
            say = format!("{say}; {}", waiting.shown());
        }
        if say != said {
            asked.note.set(&say);
            asked.tell(&say).await?;
            said = say;
        }
        let refused = refused(&target, &object, &pods.objects);
        tokio::select! {
            changed = watch.changed() => changed?,
            changed = pods.changed() => changed?,
            () = tokio::time::sleep(QUIET), if refused.is_some() => {
                let what = format!("the rollout of {}", target.shown());
                return Err(cause::hopeless(&what, &refused.unwrap_or_default()));
            }
        }
    }
}

/// Rollouts that happen only when somebody deletes pods have no end to wait for.
fn can_be_watched(asked: Asked<'_>, target: &Target, object: &Value) -> Result<(), Failure> {
    let strategy = object::text(object, "/spec/updateStrategy/type");
    if strategy == "OnDelete" {
        let message = format!(
            "{} replaces its pods only when somebody deletes them",
            target.shown()
        );
        return Err(crate::change::conflict(message).about(asked.chosen.value.path()));
    }
    Ok(())
}

fn is_of(target: &Target, object: &Value, wanted: Option<i64>) -> Result<(), Failure> {
    let Some(wanted) = wanted.filter(|_| is_seen(object)) else {
        return Ok(());
    };
    let now = object::annotation(object, object::REVISION).and_then(|number| number.parse::<i64>().ok());
    match now {
        Some(now) if now != wanted => {
            let message = format!(
                "{} is at revision {now}, and {wanted} was to be looked at",
                target.shown()
            );
            Err(crate::change::conflict(message).about("revision"))
        }
        Some(_) | None => Ok(()),
    }
}

/// Whether the cluster has seen the last change. Until then its status and its revision are of the one before.
fn is_seen(object: &Value) -> bool {
    let number = |pointer: &str| object::number(object, pointer).unwrap_or(0);
    number("/status/observedGeneration") >= number("/metadata/generation")
}

/// How far it is, as kubectl counts.
fn progress(target: &Target, object: &Value) -> Progress {
    let number = |pointer: &str| object::number(object, pointer).unwrap_or(0);
    let waits = |text: String| Progress::Waits(format!("{}: {text}", target.shown()));
    if !is_seen(object) {
        return waits("the change is not seen yet".to_owned());
    }
    if target.kind.is("apps", "DaemonSet") {
        let desired = number("/status/desiredNumberScheduled");
        let (updated, available) = (
            number("/status/updatedNumberScheduled"),
            number("/status/numberAvailable"),
        );
        return if updated < desired {
            waits(format!("{updated} of {desired} pods updated"))
        } else if available < desired {
            waits(format!("{available} of {desired} updated pods available"))
        } else {
            Progress::Done
        };
    }
    let desired = object::number(object, "/spec/replicas").unwrap_or(1);
    let updated = number("/status/updatedReplicas");
    if target.kind.is("apps", "StatefulSet") {
        let kept = number("/spec/updateStrategy/rollingUpdate/partition");
        let ready = number("/status/readyReplicas");
        let is_partial = kept > 0;
        return if ready < desired {
            waits(format!("{ready} of {desired} pods ready"))
        } else if updated < desired - kept {
            waits(format!("{updated} of {} pods updated", desired - kept))
        } else if !is_partial
            && object::text(object, "/status/updateRevision")
                != object::text(object, "/status/currentRevision")
        {
            waits(format!("{updated} of {desired} pods updated"))
        } else {
            Progress::Done
        };
    }
    let (all, available) = (number("/status/replicas"), number("/status/availableReplicas"));
    if updated < desired {
        waits(format!("{updated} of {desired} replicas updated"))
    } else if all > updated {
        waits(format!("{} old replicas are still to end", all - updated))
    } else if available < updated {
        waits(format!("{available} of {updated} updated replicas available"))
    } else {
        Progress::Done
    }
}

/// Why the cluster itself has given up.
fn stuck(target: &Target, object: &Value) -> Option<String> {
    let progressing = told_of(target, object, "Progressing")?;
    let is_late = object::text(progressing, "/reason") == "ProgressDeadlineExceeded";
    is_late.then(|| told(progressing))
}

/// Why pods cannot be made, if nothing is on its way that may change it. What the cluster says may be of a moment ago, so it
/// counts only once nothing has happened for a while.
fn refused(target: &Target, object: &Value, pods: &IndexMap<String, Value>) -> Option<String> {
    let failing = told_of(target, object, "ReplicaFailure")?;
    let is_so = object::text(failing, "/status") == "True" && !makes_room(object, pods);
    is_so.then(|| told(failing))
}

/// A condition of a deployment that is of its last change.
fn told_of<'a>(target: &Target, object: &'a Value, kind: &str) -> Option<&'a Value> {
    let is_told = target.kind.is("apps", "Deployment") && is_seen(object);
    cause::condition(object, kind).filter(|_| is_told)
}

fn told(condition: &Value) -> String {
    let (reason, message) = (
        object::text(condition, "/reason"),
        object::text(condition, "/message"),
    );
    format!("{reason}: {}", crate::trouble::one_line(&message))
}

/// Whether old pods go, or will, in whose place new ones may come that a quota leaves no room for now.
fn makes_room(object: &Value, pods: &IndexMap<String, Value>) -> bool {
    let number = |pointer: &str| object::number(object, pointer).unwrap_or(0);
    let is_old_left = number("/status/replicas") > number("/status/updatedReplicas");
    let may_go = object::text(object, "/spec/strategy/type") == "Recreate" || unavailable(object) > 0;
    let is_ending = |pod: &Value| pod.pointer("/metadata/deletionTimestamp").is_some();
    (is_old_left && may_go) || pods.values().any(is_ending)
}

/// How many pods of a deployment may be missing while it is rolled out.
fn unavailable(object: &Value) -> i64 {
    let desired = object::number(object, "/spec/replicas").unwrap_or(1);
    let share = |key: &str, up: i64| {
        let value = object.pointer(&format!("/spec/strategy/rollingUpdate/{key}"));
        let text = value.and_then(Value::as_str).unwrap_or("25%");
        let percent = text
            .strip_suffix('%')
            .and_then(|number| number.parse::<i64>().ok());
        let of_all = percent.unwrap_or(0).saturating_mul(desired).saturating_add(up) / 100;
        value.and_then(Value::as_i64).unwrap_or(of_all)
    };
    match (share("maxUnavailable", 0), share("maxSurge", 99)) {
        // Neither more nor fewer would be no rollout at all.
        (0, 0) => 1,
        (unavailable, _) => unavailable,
    }
}

/// What the pods of the newest revision wait for.
async fn troubles(
    asked: Asked<'_>,
    target: &Target,
    object: &Value,
    pods: &IndexMap<String, Value>,
) -> Result<Vec<(Waiting, Target)>, Failure> {
    let waiting: Vec<&Value> = pods
        .values()
        .filter(|pod| cause::waiting(pod).is_some())
        .collect();
    if waiting.is_empty() || !is_seen(object) {
        return Ok(Vec::new());
    }
    let Some((label, value)) = newest(asked, target, object).await? else {
        return Ok(Vec::new());
    };
    let is_newest = |pod: &Value| object::label(pod, label) == Some(&value);
    if is_surplus(target, object, pods.values().filter(|pod| is_newest(pod))) {
        return Ok(Vec::new());
    }
    let of_newest = waiting.into_iter().filter(|pod| is_newest(pod));
    let kind = crate::pods::kind();
    Ok(of_newest
        .filter_map(|pod| Some((cause::waiting(pod)?, Target::of(&kind, pod))))
        .collect())
}

/// Whether as many pods as wanted are ready, so that those which are not are too many and about to go: fewer are wanted than
/// before.
fn is_surplus<'a>(target: &Target, object: &Value, pods: impl Iterator<Item = &'a Value>) -> bool {
    let desired = object::number(object, "/spec/replicas").unwrap_or(1);
    let ready = i64::try_from(pods.filter(|pod| cause::is_ready(pod)).count()).unwrap_or(i64::MAX);
    target.kind.is("apps", "Deployment") && ready >= desired
}

/// The label that tells the pods of the newest revision from those of others.
async fn newest(
    asked: Asked<'_>,
    target: &Target,
    object: &Value,
) -> Result<Option<(&'static str, String)>, Failure> {
    const REVISION: &str = "controller-revision-hash";
    if target.kind.is("apps", "StatefulSet") {
        let hash = object::text(object, "/status/updateRevision");
        return Ok((!hash.is_empty()).then_some((REVISION, hash)));
    }
    let is_deployment = target.kind.is("apps", "Deployment");
    let label = if is_deployment { revision::HASH } else { REVISION };
    let revisions = revision::all(asked, target, object).await?;
    let hash = revisions
        .last()
        .and_then(|last| object::label(&last.object, label))
        .map(str::to_owned);
    Ok(hash.map(|hash| (label, hash)))
}
