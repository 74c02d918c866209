//! Replica sets: as many pods as they say.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, Made, count, tally};
use crate::api::Objects;
use crate::object::Fields as _;
use crate::rules::{self, is_ready};

const ID: &str = "replicasets.apps";

/// Does what is missing for every replica set.
pub(super) fn reconcile(objects: &Objects) {
    for set in objects.list(ID, None) {
        one(objects, &set);
    }
}

fn one(objects: &Objects, set: &Arc<Value>) {
    let pods = owned::of(objects, "pods", set);
    let mut active: Vec<Arc<Value>> = pods.into_iter().filter(|pod| owned::is_active(pod)).collect();
    let mut made = Made::Yes;
    if !set.is_deleting() {
        let wanted = set.number("/spec/replicas").unwrap_or(1);
        let there = tally(active.iter());
        for _ in there..wanted {
            let mut pod = owned::pod(set, set.at("/spec/template"));
            pod.put("/metadata/generateName", Value::from(format!("{}-", set.name())));
            made = owned::try_make(objects, set, &pod);
            if made != Made::Yes {
                break;
            }
        }
        if there > wanted {
            active.sort_by_key(|pod| worth(pod));
            let spare = usize::try_from(there - wanted).unwrap_or(0);
            for pod in active.iter().take(spare) {
                owned::unmake(objects, set, pod);
            }
        }
    }
    status(objects, set, &made);
}

/// The order in which pods are given up: those that do least come first, the younger before the older.
fn worth(pod: &Value) -> (bool, bool, bool, std::cmp::Reverse<String>) {
    (
        !pod.text("/spec/nodeName").is_empty(),
        pod.text("/status/phase") == "Running",
        is_ready(pod),
        std::cmp::Reverse(pod.text("/metadata/creationTimestamp").to_owned()),
    )
}

fn status(objects: &Objects, set: &Arc<Value>, made: &Made) {
    let pods = owned::of(objects, "pods", set);
    let active: Vec<Arc<Value>> = pods.into_iter().filter(|pod| owned::is_active(pod)).collect();
    let seconds = set.number("/spec/minReadySeconds").unwrap_or(0);
    let ready = tally(active.iter().filter(|pod| is_ready(pod)));
    let available = tally(active.iter().filter(|pod| owned::is_available(pod, seconds)));
    let all = tally(active.iter());
    let generation = set.at("/metadata/generation").clone();
    let _told = objects.change_status(ID, set, |set| {
        set.put("/status/replicas", json!(all));
        count(set, "fullyLabeledReplicas", all);
        count(set, "readyReplicas", ready);
        count(set, "availableReplicas", available);
        set.put("/status/observedGeneration", generation.clone());
        match made {
            Made::Yes => rules::no_condition(set, "ReplicaFailure"),
            // The first refusal is told until there is none.
            Made::No(why) if !rules::holds(set, "ReplicaFailure") => {
                rules::condition(set, "ReplicaFailure", "True", "FailedCreate", why);
            }
            Made::No(_) | Made::Later => {}
        }
    });
}
