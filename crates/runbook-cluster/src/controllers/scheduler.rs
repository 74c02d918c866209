//! The scheduler: which node a pod goes to.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::api::Objects;
use crate::clock;
use crate::object::Fields as _;
use crate::rules::{self, quantity};

/// Assigns every pod that waits, or says why it has to wait on.
pub(super) fn reconcile(objects: &Objects) {
    taint(objects);
    let waiting: Vec<Arc<Value>> = objects
        .list("pods", None)
        .into_iter()
        .filter(|pod| {
            pod.text("/spec/nodeName").is_empty()
                && !pod.is_deleting()
                && pod.text("/spec/schedulerName") == "default-scheduler"
        })
        .collect();
    for pod in waiting {
        one(objects, &pod);
    }
}

/// A node that takes no new pods says so by a taint too.
fn taint(objects: &Objects) {
    const TAINT: &str = "node.kubernetes.io/unschedulable";
    for node in objects.list("nodes", None) {
        let mut taints = node.items("/spec/taints").to_vec();
        let has = taints.iter().any(|taint| taint.text("/key") == TAINT);
        if has == node.is_true("/spec/unschedulable") {
            continue;
        }
        if has {
            taints.retain(|taint| taint.text("/key") != TAINT);
        } else {
            taints.push(
                serde_json::json!({"key": TAINT, "effect": "NoSchedule", "timeAdded": clock::now_stamp()}),
            );
        }
        let _tainted = objects.change("nodes", &node, |node| {
            if taints.is_empty() {
                node.take_out("/spec/taints");
            } else {
                node.put("/spec/taints", Value::Array(taints.clone()));
            }
        });
    }
}

fn one(objects: &Objects, pod: &Arc<Value>) {
    let nodes = objects.list("nodes", None);
    let pods = objects.list("pods", None);
    let mut best: Option<(usize, &Arc<Value>)> = None;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for node in &nodes {
        let here: Vec<Arc<Value>> = pods
            .iter()
            .filter(|other| other.text("/spec/nodeName") == node.name() && super::owned::is_active(other))
            .cloned()
            .collect();
        match refusal(pod, node, &here) {
            Some(reason) => *reasons.entry(reason).or_default() += 1,
            None if best.is_none_or(|(fewest, _)| here.len() < fewest) => best = Some((here.len(), node)),
            None => {}
        }
    }
    if let Some((_, node)) = best {
        let assigned = objects.change("pods", pod, |pod| {
            pod.put("/spec/nodeName", Value::from(node.name()));
        });
        if let Ok(Some(assigned)) = assigned {
            let _told = objects.change_status("pods", &assigned, |pod| {
                rules::condition(pod, "PodScheduled", "True", "", "");
            });
            let message = format!(
                "Successfully assigned {}/{} to {}",
                pod.namespace(),
                pod.name(),
                node.name()
            );
            objects.note(pod, "Normal", "Scheduled", &message);
        }
        return;
    }
    let told: Vec<String> = reasons
        .iter()
        .map(|(reason, count)| format!("{count} {reason}"))
        .collect();
    let message = format!("0/{} nodes are available: {}.", nodes.len(), told.join(", "));
    let known = pod
        .items("/status/conditions")
        .iter()
        .any(|condition| condition.text("/type") == "PodScheduled" && condition.text("/message") == message);
    if !known {
        let _told = objects.change_status("pods", pod, |pod| {
            rules::condition(pod, "PodScheduled", "False", "Unschedulable", &message);
        });
        objects.note(pod, "Warning", "FailedScheduling", &message);
    }
}

/// Why a pod cannot go to a node on which these pods are.
pub(super) fn refusal(pod: &Value, node: &Value, here: &[Arc<Value>]) -> Option<String> {
    let schedulable = !node.is_true("/spec/unschedulable")
        || tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule");
    if !schedulable {
        return Some("node(s) were unschedulable".to_owned());
    }
    if !chosen(pod, node) {
        return Some("node(s) didn't match Pod's node affinity/selector".to_owned());
    }
    for taint in node.items("/spec/taints") {
        let (key, value, effect) = (taint.text("/key"), taint.text("/value"), taint.text("/effect"));
        if effect != "PreferNoSchedule" && !tolerates(pod, key, value, effect) {
            return Some(format!("node(s) had untolerated taint {{{key}: {value}}}"));
        }
    }
    if !rules::holds(node, "Ready") && !tolerates(pod, "node.kubernetes.io/not-ready", "", "NoSchedule") {
        return Some("node(s) had untolerated taint {node.kubernetes.io/not-ready: }".to_owned());
    }
    let room = |name: &str| quantity(node.text(&format!("/status/allocatable/{name}")));
    let most = room("pods").unwrap_or(110.0);
    #[expect(clippy::cast_precision_loss, reason = "no node has so many pods")]
    if here.len() as f64 >= most {
        return Some("Too many pods".to_owned());
    }
    for name in ["cpu", "memory"] {
        let used: f64 = here.iter().map(|pod| requested(pod, name)).sum();
        if room(name).is_some_and(|room| used + requested(pod, name) > room) {
            return Some(format!("Insufficient {name}"));
        }
    }
    None
}

fn requested(pod: &Value, name: &str) -> f64 {
    let containers = pod.items("/spec/containers").iter();
    let requests =
        containers.filter_map(|container| quantity(container.text(&format!("/resources/requests/{name}"))));
    requests.sum()
}

/// Whether a pod of a daemon set may stay where it is although none would come there anew.
pub(super) fn stays(pod: &Value, nodes: &[Arc<Value>]) -> bool {
    let node = nodes
        .iter()
        .find(|node| node.name() == pod.text("/spec/nodeName"));
    node.is_none_or(|node| chosen(pod, node))
}

fn chosen(pod: &Value, node: &Value) -> bool {
    let labels = pod.map("/spec/nodeSelector").into_iter().flatten();
    let mut labels = labels.map(|(key, value)| node.at("/metadata/labels").get(key) == Some(value));
    if !labels.all(|found| found) {
        return false;
    }
    let terms = pod.items(
        "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms",
    );
    terms.is_empty() || terms.iter().any(|term| meets(term, node))
}

fn meets(term: &Value, node: &Value) -> bool {
    let fields = term.items("/matchFields").iter().all(|field| {
        let named = field.items("/values").iter().any(|value| value == node.name());
        named == (field.text("/operator") == "In")
    });
    let labels = term.items("/matchExpressions").iter().all(|expression| {
        let value = node.at("/metadata/labels").get(expression.text("/key"));
        let listed = value.is_some_and(|value| expression.items("/values").contains(value));
        match expression.text("/operator") {
            "In" => listed,
            "NotIn" => !listed,
            "DoesNotExist" => value.is_none(),
            _ => value.is_some(),
        }
    });
    fields && labels
}

fn tolerates(pod: &Value, key: &str, value: &str, effect: &str) -> bool {
    pod.items("/spec/tolerations").iter().any(|toleration| {
        let keys = toleration.text("/key");
        let effects = toleration.text("/effect");
        (keys == key || (keys.is_empty() && toleration.text("/operator") == "Exists"))
            && (effects.is_empty() || effects == effect)
            && (toleration.text("/operator") == "Exists" || toleration.text("/value") == value)
    })
}
