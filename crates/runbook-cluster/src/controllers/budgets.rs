//! Disruption budgets: how many pods may be evicted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::owned::{self, tally};
use crate::api::Objects;
use crate::clock;
use crate::object::Fields as _;
use crate::rules::{self, is_ready};
use crate::store::LabelSelector;

const ID: &str = "poddisruptionbudgets.policy";

/// Counts anew what every budget allows.
pub(super) fn reconcile(objects: &Objects) {
    for budget in objects.list(ID, None) {
        one(objects, &budget);
    }
}

fn one(objects: &Objects, budget: &Arc<Value>) {
    let selector = LabelSelector::of_object(budget.at("/spec/selector"));
    let pods: Vec<Arc<Value>> = objects
        .list("pods", Some(budget.namespace()))
        .into_iter()
        .filter(|pod| selector.as_ref().is_some_and(|selector| selector.matches(pod)))
        .filter(|pod| !matches!(pod.text("/status/phase"), "Succeeded" | "Failed"))
        .collect();
    let generation = budget.at("/metadata/generation").clone();
    let _told = objects.change_status(ID, budget, |budget| {
        // An eviction is noted until the pod is seen to go.
        let mut noted = budget.map("/status/disruptedPods").cloned().unwrap_or_default();
        noted.retain(|name, since| {
            let pod = pods.iter().find(|pod| pod.name() == name);
            pod.is_some_and(|pod| !pod.is_deleting())
                && since
                    .as_str()
                    .and_then(clock::seconds_since)
                    .is_some_and(|since| since < 120)
        });
        let healthy = tally(
            pods.iter()
                .filter(|pod| is_ready(pod) && !pod.is_deleting() && !noted.contains_key(pod.name())),
        );
        let (expected, needed) = numbers(objects, budget, &pods);
        let allowed = if expected > 0 {
            (healthy - needed).max(0)
        } else {
            0
        };
        if noted.is_empty() {
            budget.take_out("/status/disruptedPods");
        } else {
            budget.put("/status/disruptedPods", Value::Object(noted));
        }
        for (key, number) in [
            ("disruptionsAllowed", allowed),
            ("currentHealthy", healthy),
            ("desiredHealthy", needed),
            ("expectedPods", expected),
        ] {
            budget.put(&format!("/status/{key}"), json!(number));
        }
        budget.put("/status/observedGeneration", generation.clone());
        let (status, reason) = if allowed > 0 {
            ("True", "SufficientPods")
        } else {
            ("False", "InsufficientPods")
        };
        rules::condition(budget, "DisruptionAllowed", status, reason, "");
    });
}

/// How many pods there are to be, and how many of them healthy.
fn numbers(objects: &Objects, budget: &Value, pods: &[Arc<Value>]) -> (i64, i64) {
    let (least, most) = (budget.at("/spec/minAvailable"), budget.at("/spec/maxUnavailable"));
    if least.is_number() {
        return (tally(pods.iter()), least.as_i64().unwrap_or(0));
    }
    let expected = expected(objects, pods);
    if !most.is_null() {
        return (expected, (expected - owned::share(most, expected, true)).max(0));
    }
    (expected, owned::share(least, expected, true))
}

/// How many replicas the controllers of these pods are to have.
fn expected(objects: &Objects, pods: &[Arc<Value>]) -> i64 {
    let mut wanted: BTreeMap<String, i64> = BTreeMap::new();
    for pod in pods {
        let Some(reference) = owned::controller(pod) else {
            continue;
        };
        let id = match reference.text("/kind") {
            "ReplicaSet" => "replicasets.apps",
            "StatefulSet" => "statefulsets.apps",
            _ => continue,
        };
        let Some(mut owner) = objects.get(id, pod.namespace(), reference.text("/name")) else {
            continue;
        };
        if let Some(above) = owned::controller(&owner)
            && let Some(deployment) = objects.get("deployments.apps", pod.namespace(), above.text("/name"))
        {
            owner = deployment;
        }
        wanted.insert(
            owner.uid().to_owned(),
            owner.number("/spec/replicas").unwrap_or(1),
        );
    }
    wanted.values().sum()
}
