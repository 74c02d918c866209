//! Conditions in the status of objects.

use serde_json::{Value, json};

use crate::clock;
use crate::object::Fields as _;

/// Sets a condition; its time changes only with its status. Answers whether anything changed.
pub(crate) fn condition(object: &mut Value, kind: &str, status: &str, reason: &str, message: &str) -> bool {
    let now = clock::now_stamp();
    let mut all = object.items("/status/conditions").to_vec();
    let mut new = json!({"type": kind, "status": status, "lastTransitionTime": now});
    if object.text("/kind") == "Deployment" {
        new.put("/lastUpdateTime", json!(now));
    }
    if !reason.is_empty() {
        new.put("/reason", json!(reason));
    }
    if !message.is_empty() {
        new.put("/message", json!(message));
    }
    let known = all.iter_mut().find(|known| known.text("/type") == kind);
    let changed = if let Some(known) = known {
        let same = ["/status", "/reason", "/message"]
            .iter()
            .all(|pointer| known.text(pointer) == new.text(pointer));
        if known.text("/status") == status {
            new.put("/lastTransitionTime", known.at("/lastTransitionTime").clone());
        }
        if !same {
            *known = new;
        }
        !same
    } else {
        all.push(new);
        true
    };
    if changed {
        object.put("/status/conditions", Value::Array(all));
    }
    changed
}

/// Takes a condition away.
pub(crate) fn no_condition(object: &mut Value, kind: &str) {
    let mut all = object.items("/status/conditions").to_vec();
    let before = all.len();
    all.retain(|condition| condition.text("/type") != kind);
    if all.is_empty() && before > 0 {
        object.take_out("/status/conditions");
    } else if all.len() < before {
        object.put("/status/conditions", Value::Array(all));
    }
}

/// Whether a condition of an object is true.
pub(crate) fn holds(object: &Value, kind: &str) -> bool {
    object
        .items("/status/conditions")
        .iter()
        .any(|condition| condition.text("/type") == kind && condition.text("/status") == "True")
}

/// Whether a pod is ready.
pub(crate) fn is_ready(pod: &Value) -> bool {
    holds(pod, "Ready")
}
