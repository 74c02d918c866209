//! Namespaces: what each has from its start, and the end of all that is in one.

use serde_json::{Value, json};

use crate::api::Objects;
use crate::object::Fields as _;

/// Furnishes new namespaces, and empties those that are being deleted.
pub(super) fn reconcile(objects: &Objects) {
    for namespace in objects.list("namespaces", None) {
        if namespace.is_deleting() {
            empty(objects, &namespace);
        } else {
            furnish(objects, namespace.name());
        }
    }
    for claim in objects.list("persistentvolumeclaims", None) {
        if claim.text("/status/phase") == "Pending" {
            bind(objects, &claim);
        }
    }
}

fn furnish(objects: &Objects, name: &str) {
    if objects.get("serviceaccounts", name, "default").is_none() {
        let account = json!({"metadata": {"name": "default", "namespace": name}});
        let _made = objects.create("serviceaccounts", &account);
    }
}

fn empty(objects: &Objects, namespace: &Value) {
    let mut remains = false;
    for id in objects.ids() {
        for object in objects.list(&id, Some(namespace.name())) {
            remains = true;
            if !object.is_deleting() {
                let _begun = objects.delete(&id, &object, None);
            }
        }
    }
    if !remains {
        let _gone = objects.change("namespaces", namespace, |namespace| {
            namespace.put("/spec/finalizers", json!([]));
        });
    }
}

/// There is room for every claim.
fn bind(objects: &Objects, claim: &Value) {
    let volume = format!("pvc-{}", claim.uid());
    let bound = objects.change("persistentvolumeclaims", claim, |claim| {
        claim.put("/spec/volumeName", json!(volume));
    });
    if let Ok(Some(bound)) = bound {
        let _told = objects.change_status("persistentvolumeclaims", &bound, |claim| {
            claim.put("/status/phase", json!("Bound"));
            claim.put("/status/accessModes", claim.at("/spec/accessModes").clone());
            claim.put("/status/capacity", claim.at("/spec/resources/requests").clone());
        });
    }
}
