//! Deployments: a replica set for every template, and one replacing the other.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, count};
use super::rolling::{self, Rollout};
use crate::api::Objects;
use crate::clock;
use crate::object::{Fields as _, escape};
use crate::rules;

pub(super) const ID: &str = "deployments.apps";
pub(super) const SETS: &str = "replicasets.apps";
pub(super) const REVISION: &str = "deployment.kubernetes.io/revision";
const HASH: &str = "pod-template-hash";
/// What kubectl notes for itself.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Does what is missing for every deployment.
pub(super) fn reconcile(objects: &Objects) {
    for deployment in objects.list(ID, None) {
        if deployment.is_deleting() {
            observe(objects, &deployment);
        } else {
            one(objects, &deployment);
        }
    }
}

fn observe(objects: &Objects, deployment: &Value) {
    let generation = deployment.at("/metadata/generation").clone();
    let _told = objects.change_status(ID, deployment, |deployment| {
        deployment.put("/status/observedGeneration", generation.clone());
    });
}

fn one(objects: &Objects, deployment: &Arc<Value>) {
    let sets = owned::of(objects, SETS, deployment);
    let template = bare(deployment.at("/spec/template"));
    let mut sorted = sets;
    sorted.sort_by_key(|set| {
        (
            set.text("/metadata/creationTimestamp").to_owned(),
            set.name().to_owned(),
        )
    });
    let (new, old): (Vec<_>, Vec<_>) = {
        let index = sorted
            .iter()
            .position(|set| !set.is_deleting() && bare(set.at("/spec/template")) == template);
        let new = index.map(|index| sorted.remove(index));
        (new.into_iter().collect(), sorted)
    };
    let paused = deployment.is_true("/spec/paused");
    let mut rollout = Rollout {
        objects,
        deployment,
        new: new.into_iter().next(),
        old,
    };
    let mut note = None;
    if !paused {
        note = revise(&mut rollout);
    }
    if paused {
        rolling::scale_paused(&mut rollout);
    } else if deployment.text("/spec/strategy/type") == "Recreate" {
        rolling::recreate(&mut rollout, &mut note, make);
    } else {
        rolling::step(&mut rollout, &mut note, make);
    }
    status(&rollout, note.as_ref());
    if !paused {
        clean(&rollout);
    }
}

/// A template without the label that tells it from others.
fn bare(template: &Value) -> Value {
    let mut template = template.clone();
    template.take_out(&format!("/metadata/labels/{HASH}"));
    template.take_out("/metadata/creationTimestamp");
    template
}

/// Why the rollout moves on: the reason and the message of a condition.
pub(super) type Note = Option<(&'static str, String)>;

/// The revision of a replica set.
fn revision(set: &Value) -> i64 {
    let pointer = format!("/metadata/annotations/{}", escape(REVISION));
    set.text(&pointer).parse().unwrap_or(0)
}

/// Gives the present replica set the highest revision.
fn revise(rollout: &mut Rollout<'_>) -> Note {
    let set = rollout.new.clone()?;
    let next = rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let number = revision(&set).max(next);
    let wanted = annotations(rollout.deployment, number);
    let same = wanted
        .as_object()
        .into_iter()
        .flatten()
        .all(|(key, value)| set.at(&format!("/metadata/annotations/{}", escape(key))) == value);
    let again = revision(&set) != number;
    if !same {
        let changed = rollout.objects.change(SETS, &set, |set| {
            for (key, value) in wanted.as_object().into_iter().flatten() {
                set.put(&format!("/metadata/annotations/{}", escape(key)), value.clone());
            }
        });
        rollout.new = changed.ok().flatten().or(Some(set.clone()));
    }
    tell_revision(rollout, number);
    again.then(|| {
        (
            "FoundNewReplicaSet",
            format!("Found new replica set {:?}", set.name()),
        )
    })
}

fn tell_revision(rollout: &Rollout<'_>, number: i64) {
    let pointer = format!("/metadata/annotations/{}", escape(REVISION));
    if rollout.deployment.text(&pointer) != number.to_string() {
        let _told = rollout.objects.change(ID, rollout.deployment, |deployment| {
            deployment.put(&pointer, Value::from(number.to_string()));
        });
    }
}

/// What a replica set notes: what its deployment does, and its own numbers.
fn annotations(deployment: &Value, revision: i64) -> Value {
    let mut all = json!({});
    for (key, value) in deployment.map("/metadata/annotations").into_iter().flatten() {
        if ![LAST_APPLIED, REVISION, "deprecated.deployment.rollback.to"].contains(&key.as_str()) {
            all.put(&format!("/{}", escape(key)), value.clone());
        }
    }
    let replicas = deployment.number("/spec/replicas").unwrap_or(1);
    let most = replicas + rolling::surge(deployment);
    for (key, value) in [
        (REVISION, revision),
        ("deployment.kubernetes.io/desired-replicas", replicas),
        ("deployment.kubernetes.io/max-replicas", most),
    ] {
        all.put(&format!("/{}", escape(key)), Value::from(value.to_string()));
    }
    all
}

/// Makes the replica set of the present template, with so many replicas.
fn make(rollout: &mut Rollout<'_>, replicas: i64) -> Note {
    let deployment = rollout.deployment;
    let mut template = deployment.at("/spec/template").clone();
    let hash = owned::hash(&bare(&template));
    template.put(&format!("/metadata/labels/{HASH}"), Value::from(hash.as_str()));
    let number = rollout.old.iter().map(|set| revision(set)).max().unwrap_or(0) + 1;
    let mut selector = deployment.at("/spec/selector").clone();
    selector.put(&format!("/matchLabels/{HASH}"), Value::from(hash.as_str()));
    let set = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": format!("{}-{hash}", deployment.name()), "namespace": deployment.namespace(),
            "labels": template.at("/metadata/labels"), "annotations": annotations(deployment, number),
            "ownerReferences": [owned::reference(deployment)],
        },
        "spec": {
            "replicas": replicas, "selector": selector, "template": template,
            "minReadySeconds": deployment.number("/spec/minReadySeconds").unwrap_or(0),
        },
    });
    match rollout.objects.create(SETS, &set) {
        Ok(made) => {
            let message = format!("Scaled up replica set {} from 0 to {replicas}", made.name());
            rollout
                .objects
                .note(deployment, "Normal", "ScalingReplicaSet", &message);
            let note = format!("Created new replica set {:?}", made.name());
            rollout.new = Some(made);
            tell_revision(rollout, number);
            Some(("NewReplicaSetCreated", note))
        }
        Err(_) => None,
    }
}

/// Numbers of a deployment's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Numbers {
    all: i64,
    updated: i64,
    ready: i64,
    available: i64,
}

impl Numbers {
    fn of(rollout: &Rollout<'_>) -> Self {
        let sum = |key: &str| {
            let sets = rollout.old.iter().chain(&rollout.new);
            sets.map(|set| set.number(key).unwrap_or(0)).sum()
        };
        let new = rollout.new.as_ref();
        Self {
            all: sum("/status/replicas"),
            updated: new.and_then(|set| set.number("/status/replicas")).unwrap_or(0),
            ready: sum("/status/readyReplicas"),
            available: sum("/status/availableReplicas"),
        }
    }

    fn told(deployment: &Value) -> Self {
        let number = |key: &str| deployment.number(&format!("/status/{key}")).unwrap_or(0);
        Self {
            all: number("replicas"),
            updated: number("updatedReplicas"),
            ready: number("readyReplicas"),
            available: number("availableReplicas"),
        }
    }

    /// Whether there is more of the new, or less of the old, than there was.
    const fn moved(self, before: Self) -> bool {
        self.updated > before.updated
            || self.all - self.updated < before.all - before.updated
            || self.ready > before.ready
            || self.available > before.available
    }
}

fn status(rollout: &Rollout<'_>, note: Option<&(&'static str, String)>) {
    let deployment = rollout.deployment;
    let numbers = Numbers::of(rollout);
    let wanted = deployment.number("/spec/replicas").unwrap_or(1);
    let least = wanted - rolling::unavailable(deployment);
    let generation = deployment.at("/metadata/generation").clone();
    let complete = numbers.updated == wanted && numbers.all == wanted && numbers.available == wanted;
    let name = rollout
        .new
        .as_ref()
        .map(|set| set.name().to_owned())
        .unwrap_or_default();
    let _told = rollout.objects.change_status(ID, deployment, |deployment| {
        let before = Numbers::told(deployment);
        deployment.put("/status/observedGeneration", generation.clone());
        count(deployment, "replicas", numbers.all);
        count(deployment, "updatedReplicas", numbers.updated);
        count(deployment, "readyReplicas", numbers.ready);
        count(deployment, "availableReplicas", numbers.available);
        count(
            deployment,
            "unavailableReplicas",
            (numbers.all.max(wanted) - numbers.available).max(0),
        );
        let (status, reason, message) = if numbers.available >= least {
            (
                "True",
                "MinimumReplicasAvailable",
                "Deployment has minimum availability.",
            )
        } else {
            (
                "False",
                "MinimumReplicasUnavailable",
                "Deployment does not have minimum availability.",
            )
        };
        rules::condition(deployment, "Available", status, reason, message);
        fail(deployment, rollout);
        progress(deployment, &name, note, (complete, numbers.moved(before)));
    });
}

/// That a replica set cannot make its pods is said of its deployment, too.
fn fail(deployment: &mut Value, rollout: &Rollout<'_>) {
    let sets = rollout.new.iter().chain(&rollout.old);
    let mut failures = sets.flat_map(|set| set.items("/status/conditions"));
    match failures.find(|condition| condition.text("/type") == "ReplicaFailure") {
        Some(failure) => {
            let (status, reason) = (failure.text("/status"), failure.text("/reason"));
            rules::condition(
                deployment,
                "ReplicaFailure",
                status,
                reason,
                failure.text("/message"),
            );
        }
        None => rules::no_condition(deployment, "ReplicaFailure"),
    }
}

/// The condition that tells how the rollout goes on.
fn progress(
    deployment: &mut Value,
    name: &str,
    note: Option<&(&'static str, String)>,
    (complete, moved): (bool, bool),
) {
    let known = deployment
        .items("/status/conditions")
        .iter()
        .find(|condition| condition.text("/type") == "Progressing")
        .cloned()
        .unwrap_or(Value::Null);
    let reason = known.text("/reason");
    let paused = deployment.is_true("/spec/paused");
    let mut set = |status: &str, reason: &str, message: &str| {
        rules::condition(deployment, "Progressing", status, reason, message);
    };
    if paused {
        set("Unknown", "DeploymentPaused", "Deployment is paused");
        return;
    }
    if reason == "DeploymentPaused" {
        set("Unknown", "DeploymentResumed", "Deployment is resumed");
        return;
    }
    if name.is_empty() {
        return;
    }
    if let Some((reason, message)) = note {
        set("True", reason, message);
    } else if complete {
        if reason != "NewReplicaSetAvailable" {
            set(
                "True",
                "NewReplicaSetAvailable",
                &format!("ReplicaSet {name:?} has successfully progressed."),
            );
        }
    } else if moved {
        set(
            "True",
            "ReplicaSetUpdated",
            &format!("ReplicaSet {name:?} is progressing."),
        );
        touch(deployment);
    } else if !matches!(reason, "NewReplicaSetAvailable" | "ProgressDeadlineExceeded") {
        let limit = deployment.number("/spec/progressDeadlineSeconds").unwrap_or(600);
        let since = clock::seconds_since(known.text("/lastUpdateTime")).unwrap_or(0);
        if since > limit {
            rules::condition(
                deployment,
                "Progressing",
                "False",
                "ProgressDeadlineExceeded",
                &format!("ReplicaSet {name:?} has timed out progressing."),
            );
        }
    }
}

/// The rollout has moved on just now, although its reason is the same.
fn touch(deployment: &mut Value) {
    let index = deployment
        .items("/status/conditions")
        .iter()
        .position(|condition| condition.text("/type") == "Progressing");
    if let Some(index) = index {
        deployment.put(
            &format!("/status/conditions/{index}/lastUpdateTime"),
            json!(clock::now_stamp()),
        );
    }
}

/// Old replica sets beyond the length of the history go.
fn clean(rollout: &Rollout<'_>) {
    let deployment = rollout.deployment;
    let limit = deployment.number("/spec/revisionHistoryLimit").unwrap_or(10);
    let mut spare: Vec<&Arc<Value>> = rollout
        .old
        .iter()
        .filter(|set| {
            !set.is_deleting()
                && set.number("/spec/replicas") == Some(0)
                && set.number("/status/replicas") == Some(0)
        })
        .collect();
    spare.sort_by_key(|set| revision(set));
    let keep = usize::try_from(limit).unwrap_or(0);
    let gone = spare.len().saturating_sub(keep);
    for set in spare.into_iter().take(gone) {
        let _gone = rollout.objects.delete(SETS, set, None);
    }
}
