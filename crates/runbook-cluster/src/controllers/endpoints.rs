//! Endpoints: where the pods of a service are.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned;
use crate::api::Objects;
use crate::object::Fields as _;
use crate::rules::is_ready;
use crate::store::LabelSelector;

const SLICES: &str = "endpointslices.discovery.k8s.io";

/// Brings the endpoints of every service up to date.
pub(super) fn reconcile(objects: &Objects) {
    for service in objects.list("services", None) {
        if service.is_deleting() {
            continue;
        }
        if let Some(selector) = LabelSelector::of_labels(service.at("/spec/selector")) {
            let mut pods: Vec<Arc<Value>> = objects
                .list("pods", Some(service.namespace()))
                .into_iter()
                .filter(|pod| {
                    selector.matches(pod) && owned::is_active(pod) && !pod.text("/status/podIP").is_empty()
                })
                .collect();
            pods.sort_by_key(|pod| pod.name().to_owned());
            old(objects, &service, &pods);
            slice(objects, &service, &pods);
        }
    }
    for endpoints in objects.list("endpoints", None) {
        // They belong to a service by their name alone.
        let managed = !endpoints
            .at("/metadata/annotations")
            .get("endpoints.kubernetes.io/last-change-trigger-time")
            .unwrap_or(&Value::Null)
            .is_null();
        if managed
            && objects
                .get("services", endpoints.namespace(), endpoints.name())
                .is_none()
        {
            let _gone = objects.delete("endpoints", &endpoints, None);
        }
    }
}

/// The ports of a service as they are in these pods.
fn ports(service: &Value, pods: &[Arc<Value>]) -> Vec<Value> {
    let mut ports = Vec::new();
    for port in service.items("/spec/ports") {
        let target = port.at("/targetPort");
        let number = match target {
            target if target.is_string() => {
                let name = target.as_str().unwrap_or_default();
                pods.iter().find_map(|pod| named(pod, name))
            }
            target => target.as_i64(),
        };
        let Some(number) = number else { continue };
        let mut found = json!({"port": number, "protocol": port.at("/protocol")});
        if !port.text("/name").is_empty() {
            found.put("/name", port.at("/name").clone());
        }
        ports.push(found);
    }
    ports
}

fn named(pod: &Value, name: &str) -> Option<i64> {
    let containers = pod.items("/spec/containers").iter();
    let mut ports = containers.flat_map(|container| container.items("/ports"));
    ports
        .find(|port| port.text("/name") == name)
        .and_then(|port| port.number("/containerPort"))
}

fn target(pod: &Value) -> Value {
    json!({"kind": "Pod", "namespace": pod.namespace(), "name": pod.name(), "uid": pod.uid()})
}

fn old(objects: &Objects, service: &Value, pods: &[Arc<Value>]) {
    let of = |ready: bool| -> Vec<Value> {
        let pods = pods.iter().filter(|pod| is_ready(pod) == ready);
        pods.map(|pod| {
            json!({"ip": pod.at("/status/podIP"), "nodeName": pod.at("/spec/nodeName"), "targetRef": target(pod)})
        })
        .collect()
    };
    let (ready, waiting) = (of(true), of(false));
    let mut subset = json!({"ports": ports(service, pods)});
    if !ready.is_empty() {
        subset.put("/addresses", Value::Array(ready));
    }
    if !waiting.is_empty() {
        subset.put("/notReadyAddresses", Value::Array(waiting));
    }
    let subsets = if pods.is_empty() {
        Value::Null
    } else {
        json!([subset])
    };
    let set = |endpoints: &mut Value| {
        if subsets.is_null() {
            endpoints.take_out("/subsets");
        } else {
            endpoints.put("/subsets", subsets.clone());
        }
    };
    if let Some(known) = objects.get("endpoints", service.namespace(), service.name()) {
        let _changed = objects.change("endpoints", &known, set);
        return;
    }
    let mut made = json!({
        "apiVersion": "v1", "kind": "Endpoints",
        "metadata": {
            "name": service.name(), "namespace": service.namespace(), "labels": service.at("/metadata/labels"),
            "annotations": {"endpoints.kubernetes.io/last-change-trigger-time": crate::clock::now_stamp()},
        },
    });
    set(&mut made);
    let _made = objects.create("endpoints", &made);
}

fn slice(objects: &Objects, service: &Value, pods: &[Arc<Value>]) {
    let endpoints: Vec<Value> = pods
        .iter()
        .map(|pod| {
            let ready = is_ready(pod);
            json!({
                "addresses": [pod.at("/status/podIP")],
                "conditions": {"ready": ready, "serving": ready, "terminating": false},
                "nodeName": pod.at("/spec/nodeName"), "targetRef": target(pod),
            })
        })
        .collect();
    let set = |slice: &mut Value| {
        slice.put("/endpoints", Value::Array(endpoints.clone()));
        slice.put("/ports", Value::Array(ports(service, pods)));
    };
    let known = objects
        .list(SLICES, Some(service.namespace()))
        .into_iter()
        .find(|slice| {
            owned::controller(slice).is_some_and(|reference| reference.text("/uid") == service.uid())
        });
    if let Some(known) = known {
        let _changed = objects.change(SLICES, &known, set);
        return;
    }
    let mut made = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "generateName": format!("{}-", service.name()), "namespace": service.namespace(),
            "labels": {
                "kubernetes.io/service-name": service.name(),
                "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
            },
            "ownerReferences": [owned::reference(service)],
        },
    });
    set(&mut made);
    let _made = objects.create(SLICES, &made);
}
