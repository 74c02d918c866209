//! What stands in for the nodes of a cluster: pods run as soon as they have a place, unless their image is `missing`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use runbook_cluster::{Cluster, Fields as _, Objects};
use serde_json::{Value, json};

static ADDRESSES: AtomicU16 = AtomicU16::new(1);

/// Runs the pods until the cluster ends.
pub(crate) fn run(cluster: &Cluster) {
    let objects = cluster.objects().named("kubelet");
    cluster.handle().spawn(async move {
        let mut changes = objects.changes("pods");
        for pod in objects.list("pods", None) {
            step(&objects, &pod);
        }
        while let Some(changed) = changes.next().await {
            for (pod, removed) in changed {
                if !removed {
                    step(&objects, &pod);
                }
            }
        }
    });
}

fn step(objects: &Objects, pod: &Arc<Value>) {
    if pod.text("/spec/nodeName").is_empty() {
        return;
    }
    if pod.is_deleting() {
        objects.delete("pods", pod, Some(0)).unwrap();
        return;
    }
    if !pod.items("/status/containerStatuses").is_empty()
        && pod.text("/status/containerStatuses/0/image") == pod.text("/spec/containers/0/image")
    {
        return;
    }
    let image = pod.text("/spec/containers/0/image");
    let works = !image.contains("missing");
    let job = pod.text("/spec/restartPolicy") != "Always";
    let phase = match (works, job) {
        (true, true) => "Succeeded",
        (true, false) => "Running",
        (false, _) => "Pending",
    };
    let now = "2026-01-01T00:00:00Z";
    let ready = if phase == "Running" { "True" } else { "False" };
    let number = ADDRESSES.fetch_add(1, Ordering::SeqCst);
    let state = if works {
        json!({"running": {"startedAt": now}})
    } else {
        json!({"waiting": {"reason": "ImagePullBackOff"}})
    };
    objects
        .change_status("pods", pod, |pod| {
            let image = pod.at("/spec/containers/0/image").clone();
            let mut conditions = pod.items("/status/conditions").to_vec();
            conditions.retain(|condition| condition.text("/type") == "PodScheduled");
            for kind in ["Initialized", "Ready", "ContainersReady"] {
                conditions.push(json!({"type": kind, "status": ready, "lastTransitionTime": now}));
            }
            pod.put("/status/phase", json!(phase));
            pod.put("/status/conditions", Value::Array(conditions));
            pod.put("/status/podIP", json!(format!("10.0.{}.{}", number / 250, number % 250 + 1)));
            pod.put(
                "/status/containerStatuses",
                json!([{"name": pod.at("/spec/containers/0/name"), "image": image, "ready": works, "restartCount": 0, "imageID": "", "state": state}]),
            );
        })
        .unwrap();
}
