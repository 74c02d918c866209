//! The steps from one replica set of a deployment to another.

use std::sync::Arc;

use serde_json::{Value, json};

use super::deployments::{Note, SETS};
use super::owned;
use crate::api::Objects;
use crate::object::Fields as _;

/// A deployment with its replica sets.
pub(super) struct Rollout<'a> {
    pub(super) objects: &'a Objects,
    pub(super) deployment: &'a Arc<Value>,
    /// That of the present template.
    pub(super) new: Option<Arc<Value>>,
    /// All others, the oldest first.
    pub(super) old: Vec<Arc<Value>>,
}

/// Makes the replica set of the present template.
pub(super) type Make = fn(&mut Rollout<'_>, i64) -> Note;

/// How many pods there may be beyond those that are wanted.
pub(super) fn surge(deployment: &Value) -> i64 {
    if deployment.text("/spec/strategy/type") == "Recreate" {
        return 0;
    }
    owned::share(
        deployment.at("/spec/strategy/rollingUpdate/maxSurge"),
        wanted(deployment),
        true,
    )
}

/// How many of the wanted pods may be missing.
pub(super) fn unavailable(deployment: &Value) -> i64 {
    if deployment.text("/spec/strategy/type") == "Recreate" {
        return 0;
    }
    let share = owned::share(
        deployment.at("/spec/strategy/rollingUpdate/maxUnavailable"),
        wanted(deployment),
        false,
    );
    // With neither surge nor absence nothing could ever move.
    if share == 0 && surge(deployment) == 0 {
        1
    } else {
        share.min(wanted(deployment))
    }
}

fn wanted(deployment: &Value) -> i64 {
    deployment.number("/spec/replicas").unwrap_or(1)
}

fn replicas(set: &Value) -> i64 {
    set.number("/spec/replicas").unwrap_or(0)
}

/// How many replicas the new set may have now.
fn room(rollout: &Rollout<'_>) -> i64 {
    let deployment = rollout.deployment;
    let new = rollout.new.as_ref().map_or(0, |set| replicas(set));
    let all: i64 = new + rollout.old.iter().map(|set| replicas(set)).sum::<i64>();
    let most = wanted(deployment) + surge(deployment);
    if all >= most {
        return new;
    }
    new + (most - all).min(wanted(deployment) - new).max(0)
}

fn scale(rollout: &Rollout<'_>, set: &Arc<Value>, to: i64) -> Arc<Value> {
    let from = replicas(set);
    if from == to {
        return set.clone();
    }
    let changed = rollout
        .objects
        .change(SETS, set, |set| set.put("/spec/replicas", json!(to)));
    let direction = if to > from { "up" } else { "down" };
    let message = format!(
        "Scaled {direction} replica set {} from {from} to {to}",
        set.name()
    );
    rollout
        .objects
        .note(rollout.deployment, "Normal", "ScalingReplicaSet", &message);
    changed.ok().flatten().unwrap_or_else(|| set.clone())
}

/// One step of a rolling update: more of the new as far as there is room, then less of the old as far as enough is available.
pub(super) fn step(rollout: &mut Rollout<'_>, note: &mut Note, make: Make) {
    let target = room(rollout);
    match rollout.new.clone() {
        None => {
            *note = make(rollout, target);
            return;
        }
        Some(new) => {
            let to = if replicas(&new) > wanted(rollout.deployment) {
                wanted(rollout.deployment)
            } else {
                target
            };
            if to != replicas(&new) {
                rollout.new = Some(scale(rollout, &new, to));
                return;
            }
        }
    }
    shrink(rollout);
}

fn shrink(rollout: &mut Rollout<'_>) {
    let available = |set: &Value| set.number("/status/availableReplicas").unwrap_or(0);
    let new = rollout.new.clone();
    let new_wanted = new.as_ref().map_or(0, |set| replicas(set));
    let new_available = new.as_ref().map_or(0, |set| available(set));
    let all: i64 = new_wanted + rollout.old.iter().map(|set| replicas(set)).sum::<i64>();
    let least = wanted(rollout.deployment) - unavailable(rollout.deployment);
    let most = all - least - (new_wanted - new_available);
    if most <= 0 {
        return;
    }
    let mut left = most;
    // Pods that do not work are given up first: nobody misses them.
    for index in 0..rollout.old.len() {
        let set = rollout.old[index].clone();
        let broken = (replicas(&set) - available(&set)).min(left);
        if replicas(&set) > 0 && broken > 0 {
            rollout.old[index] = scale(rollout, &set, replicas(&set) - broken);
            left -= broken;
        }
    }
    let working: i64 = new_available
        + rollout
            .old
            .iter()
            .map(|set| available(set).min(replicas(set)))
            .sum::<i64>();
    let mut spare = working - least;
    for index in 0..rollout.old.len() {
        let set = rollout.old[index].clone();
        let less = replicas(&set).min(spare);
        if less > 0 {
            rollout.old[index] = scale(rollout, &set, replicas(&set) - less);
            spare -= less;
        }
    }
}

/// All of the old goes before anything of the new comes.
pub(super) fn recreate(rollout: &mut Rollout<'_>, note: &mut Note, make: Make) {
    for index in 0..rollout.old.len() {
        let set = rollout.old[index].clone();
        rollout.old[index] = scale(rollout, &set, 0);
    }
    let remains = rollout.old.iter().any(|set| {
        owned::of(rollout.objects, "pods", set)
            .iter()
            .any(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"))
    });
    if remains {
        return;
    }
    let to = wanted(rollout.deployment);
    match rollout.new.clone() {
        None => *note = make(rollout, to),
        Some(new) => rollout.new = Some(scale(rollout, &new, to)),
    }
}

/// While a deployment is paused, only the number of its pods changes.
pub(super) fn scale_paused(rollout: &mut Rollout<'_>) {
    let to = wanted(rollout.deployment);
    let active: Vec<Arc<Value>> = rollout
        .old
        .iter()
        .chain(&rollout.new)
        .filter(|set| replicas(set) > 0)
        .cloned()
        .collect();
    if let [only] = active.as_slice() {
        scale(rollout, only, to);
    } else if active.is_empty()
        && let Some(last) = rollout.new.clone().or_else(|| rollout.old.last().cloned())
    {
        scale(rollout, &last, to);
    }
}
