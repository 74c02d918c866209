//! The result of `k8s`: every name that it has, with nothing in those that a verb does not speak of.

use runbook_action::Output;
use serde_json::{Value, json};

use crate::object;

/// A result in which nothing is said yet.
pub(crate) fn empty() -> Output {
    Output::from(json!({
        "object": null, "items": [], "names": [], "changed": false, "replicas": null, "revision": 0, "revisions": [],
        "logs": null, "events": [], "usage": [], "exit_code": null, "stdout": "", "stderr": "", "json": null,
        "lines": [], "bytes": 0, "address": null,
    }))
}

/// The same with this.
pub(crate) fn with(mut output: Output, name: &str, value: impl Into<Value>) -> Output {
    if let Value::Object(result) = &mut output.value {
        result.insert(name.to_owned(), value.into());
    }
    output
}

/// A result about objects, which were asked for by kind.
pub(crate) fn objects(items: Vec<Value>) -> Output {
    let names: Value = items.iter().map(object::name).collect();
    with(with(empty(), "names", names), "items", items)
}

/// A result about one object.
pub(crate) fn one(object: Value) -> Output {
    let replicas = replicas(&object);
    let revision = object::annotation(&object, "deployment.kubernetes.io/revision");
    let revision: u64 = revision
        .and_then(|revision| revision.parse().ok())
        .unwrap_or_default();
    let output = with(objects(vec![object.clone()]), "replicas", replicas);
    with(with(output, "revision", revision), "object", object)
}

/// A result about those that were named, one or several.
pub(crate) fn about(mut objects: Vec<Value>, is_one: bool) -> Output {
    match (is_one, objects.pop()) {
        (true, Some(object)) if objects.is_empty() => one(object),
        (_, Some(object)) => {
            objects.push(object);
            self::objects(objects)
        }
        (_, None) => self::objects(objects),
    }
}

/// How many replicas an object wants and has; nothing if it is of no such kind.
pub(crate) fn replicas(object: &Value) -> Value {
    let number = |pointer: &str| object::number(object, pointer);
    if let Some(desired) = number("/status/desiredNumberScheduled") {
        return json!({
            "desired": desired,
            "updated": number("/status/updatedNumberScheduled").unwrap_or(0),
            "ready": number("/status/numberReady").unwrap_or(0),
            "available": number("/status/numberAvailable").unwrap_or(0),
        });
    }
    match number("/spec/replicas") {
        Some(desired) => json!({
            "desired": desired,
            "updated": number("/status/updatedReplicas").unwrap_or(0),
            "ready": number("/status/readyReplicas").unwrap_or(0),
            "available": number("/status/availableReplicas").unwrap_or(0),
        }),
        None => Value::Null,
    }
}
