//! `metrics.k8s.io`: what pods and nodes use, which is asked of whoever runs them.

use std::sync::Arc;

use hyper::Response;
use serde_json::{Value, json};

use super::query::Query;
use super::read::Choice;
use super::route::Target;
use crate::clock;
use crate::failure::{Failure, answer};
use crate::object::Fields as _;
use crate::shared::Shared;
use crate::streams::{Body, Streams};
use crate::usage::Usage;

/// The group that is served here.
pub(crate) const GROUP: &str = "metrics.k8s.io";

/// Over how long it was measured.
const WINDOW: &str = "15s";

/// Answers with the usage of one, or of all that are chosen. What was not measured yet is left out.
pub(crate) async fn serve(
    shared: &Arc<Shared>,
    target: &Target,
    query: &Query,
) -> Result<Response<Body>, Failure> {
    let id = target.kind.plural.as_str();
    let choice = Choice::of(target, query)?;
    let objects: Vec<Arc<Value>> = shared.read(|store| {
        let all = store.list(id, choice.namespace.as_deref());
        all.filter(|object| choice.matches(object)).cloned().collect()
    });
    let mut items = Vec::new();
    for object in &objects {
        if let Some(found) = set(shared, target, object) {
            items.push(found);
        } else if let Some(streams) = shared.streams() {
            items.extend(measured(&*streams, target, object).await);
        }
    }
    if !target.name.is_empty() {
        let found = items.pop();
        let found = found.ok_or_else(|| Failure::not_found(&target.kind, &target.name))?;
        return Ok(answer(200, &found));
    }
    let list = json!({
        "kind": format!("{}List", target.kind.kind), "apiVersion": target.kind.api_version(),
        "metadata": {}, "items": items,
    });
    Ok(answer(200, &list))
}

/// What a pod uses because a test says so. All of it is its first container's.
fn set(shared: &Shared, target: &Target, pod: &Value) -> Option<Value> {
    let usage = shared
        .usages
        .of(pod)
        .filter(|_| target.kind.kind == "PodMetrics")?;
    let names = pod.items("/spec/containers").iter().enumerate();
    let containers = names.map(|(at, container)| {
        let usage = if at == 0 { usage } else { Usage::new(0, 0) };
        json!({"name": container.at("/name"), "usage": usage.shown()})
    });
    let mut found = blank(target, pod);
    found.put("/containers", Value::Array(containers.collect()));
    Some(found)
}

async fn measured(streams: &dyn Streams, target: &Target, object: &Value) -> Option<Value> {
    let mut found = blank(target, object);
    if target.kind.kind == "PodMetrics" {
        found.put("/containers", streams.pod_usage(object).await?);
    } else {
        found.put("/usage", streams.node_usage(object).await?);
    }
    Some(found)
}

fn blank(target: &Target, object: &Value) -> Value {
    let mut metadata = json!({"name": object.name(), "creationTimestamp": clock::now_stamp()});
    for field in ["namespace", "labels"] {
        if let Some(value) = object.pointer(&format!("/metadata/{field}")) {
            metadata.put(&format!("/{field}"), value.clone());
        }
    }
    json!({
        "kind": target.kind.kind, "apiVersion": target.kind.api_version(), "metadata": metadata,
        "timestamp": clock::now_stamp(), "window": WINDOW,
    })
}
