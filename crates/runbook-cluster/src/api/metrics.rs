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
    if let Some(streams) = shared.streams() {
        for object in &objects {
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

async fn measured(streams: &dyn Streams, target: &Target, object: &Value) -> Option<Value> {
    let mut metadata = json!({"name": object.name(), "creationTimestamp": clock::now_stamp()});
    for field in ["namespace", "labels"] {
        if let Some(value) = object.pointer(&format!("/metadata/{field}")) {
            metadata.put(&format!("/{field}"), value.clone());
        }
    }
    let mut found = json!({
        "kind": target.kind.kind, "apiVersion": target.kind.api_version(), "metadata": metadata,
        "timestamp": clock::now_stamp(), "window": WINDOW,
    });
    if target.kind.kind == "PodMetrics" {
        found.put("/containers", streams.pod_usage(object).await?);
    } else {
        found.put("/usage", streams.node_usage(object).await?);
    }
    Some(found)
}
