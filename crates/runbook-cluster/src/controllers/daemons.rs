//! Daemon sets: one pod on every node that they are for.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, count, tally};
use super::{revisions, scheduler};
use crate::api::Objects;
use crate::object::Fields as _;
use crate::rules::is_ready;

const ID: &str = "daemonsets.apps";

/// What the pods of daemon sets tolerate.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];

/// Does what is missing for every daemon set.
pub(super) fn reconcile(objects: &Objects) {
    for set in objects.list(ID, None).iter().filter(|set| !set.is_deleting()) {
        let (_, update) = revisions::of(objects, set);
        if let Some(update) = update {
            one(objects, set, &update);
        }
    }
}

/// The pod for one node.
fn pod(set: &Value, node: &str, hash: &str) -> Value {
    let mut pod = owned::pod(set, set.at("/spec/template"));
    pod.put("/metadata/generateName", json!(format!("{}-", set.name())));
    pod.put("/metadata/labels/controller-revision-hash", json!(hash));
    let generation = set.number("/metadata/generation").unwrap_or(1).to_string();
    pod.put("/metadata/labels/pod-template-generation", json!(generation));
    pod.put(
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution",
        json!({"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": [node]}]}]}),
    );
    let mut tolerations = pod.items("/spec/tolerations").to_vec();
    for (key, effect) in TOLERATED {
        tolerations.push(json!({"key": key, "operator": "Exists", "effect": effect}));
    }
    pod.put("/spec/tolerations", Value::Array(tolerations));
    pod
}

/// The node that a pod of a daemon set is for.
fn place(pod: &Value) -> &str {
    pod.text("/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchFields/0/values/0")
}

fn one(objects: &Objects, set: &Arc<Value>, update: &Arc<Value>) {
    let hash = revisions::hash_of(set, update);
    let pods = owned::of(objects, "pods", set);
    let nodes: Vec<Arc<Value>> = objects.list("nodes", None);
    let fits = |node: &Value| {
        let pod = pod(set, node.name(), &hash);
        scheduler::refusal(&pod, node, &[]).is_none()
    };
    let (meant, other): (Vec<_>, Vec<_>) = nodes.into_iter().partition(|node| fits(node));
    for node in &meant {
        let here: Vec<&Arc<Value>> = pods.iter().filter(|pod| place(pod) == node.name()).collect();
        for pod in here
            .iter()
            .filter(|pod| pod.text("/status/phase") == "Failed" && !pod.is_deleting())
        {
            owned::unmake(objects, set, pod);
        }
        if here.is_empty() {
            owned::make(objects, set, &pod(set, node.name(), &hash));
        }
    }
    for pod in pods
        .iter()
        .filter(|pod| other.iter().any(|node| node.name() == place(pod)))
    {
        if !pod.is_deleting() && !scheduler::stays(pod, &other) {
            owned::unmake(objects, set, pod);
        }
    }
    if set.text("/spec/updateStrategy/type") != "OnDelete" {
        renew(objects, set, &pods, &hash, meant.len());
    }
    status(objects, set, &meant, &hash);
    revisions::clean(objects, set, &pods, &[update.name()]);
}

/// Replaces pods of older templates, as many at once as may be missing.
fn renew(objects: &Objects, set: &Value, pods: &[Arc<Value>], hash: &str, nodes: usize) {
    let nodes = i64::try_from(nodes).unwrap_or(0);
    let most = owned::share(
        set.at("/spec/updateStrategy/rollingUpdate/maxUnavailable"),
        nodes,
        true,
    )
    .max(1);
    let seconds = set.number("/spec/minReadySeconds").unwrap_or(0);
    let works = |pod: &&Arc<Value>| !pod.is_deleting() && owned::is_available(pod, seconds);
    let mut missing = nodes - tally(pods.iter().filter(works));
    let old: Vec<&Arc<Value>> = pods
        .iter()
        .filter(|pod| !pod.is_deleting() && revisions::label_of(pod) != hash)
        .collect();
    for pod in old {
        if !works(&pod) {
            owned::unmake(objects, set, pod);
        } else if missing < most {
            owned::unmake(objects, set, pod);
            missing += 1;
        }
    }
}

fn status(objects: &Objects, set: &Arc<Value>, meant: &[Arc<Value>], hash: &str) {
    let pods = owned::of(objects, "pods", set);
    let seconds = set.number("/spec/minReadySeconds").unwrap_or(0);
    let placed = |pod: &&Arc<Value>| meant.iter().any(|node| node.name() == place(pod));
    let here: Vec<&Arc<Value>> = pods.iter().filter(placed).collect();
    let number = |check: &dyn Fn(&Value) -> bool| tally(here.iter().copied().filter(|pod| check(pod)));
    let wanted = i64::try_from(meant.len()).unwrap_or(0);
    let available = number(&|pod| owned::is_available(pod, seconds));
    let generation = set.at("/metadata/generation").clone();
    let numbers = [
        ("currentNumberScheduled", tally(here.iter().copied())),
        (
            "numberMisscheduled",
            tally(pods.iter()) - tally(here.iter().copied()),
        ),
        ("desiredNumberScheduled", wanted),
        ("numberReady", number(&is_ready)),
    ];
    let updated = number(&|pod| revisions::label_of(pod) == hash);
    let _told = objects.change_status(ID, set, |set| {
        set.put("/status/observedGeneration", generation.clone());
        for (key, number) in numbers {
            set.put(&format!("/status/{key}"), json!(number));
        }
        count(set, "updatedNumberScheduled", updated);
        count(set, "numberAvailable", available);
        count(set, "numberUnavailable", (wanted - available).max(0));
    });
}
