//! What becomes of objects whose owners go.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::api::Objects;
use crate::object::Fields as _;

const DEFINITIONS: &str = "customresourcedefinitions.apiextensions.k8s.io";
const CLEANUP: &str = "customresourcecleanup.apiextensions.k8s.io";

/// All objects, each with its kind of things.
type All = Vec<(Arc<str>, Arc<Value>)>;

/// Deletes what nobody owns any more, and lets owners go that waited for it.
pub(super) fn reconcile(objects: &Objects) {
    let mut all: All = Vec::new();
    for id in objects.ids() {
        all.extend(
            objects
                .list(&id, None)
                .into_iter()
                .map(|object| (id.clone(), object)),
        );
    }
    let owners: BTreeMap<String, (Arc<str>, Arc<Value>)> = all
        .iter()
        .map(|(id, object)| (object.uid().to_owned(), (id.clone(), object.clone())))
        .collect();
    for (id, object) in &all {
        let references = object.items("/metadata/ownerReferences");
        if references.is_empty() || object.is_deleting() {
            continue;
        }
        let living = |reference: &&Value| {
            let owner = owners.get(reference.text("/uid"));
            owner.is_some_and(|(_, owner)| !has(owner, "foregroundDeletion"))
        };
        if !references.iter().any(|reference| living(&reference)) {
            let orphaned = references.iter().any(|reference| {
                let owner = owners.get(reference.text("/uid"));
                owner.is_some_and(|(_, owner)| has(owner, "orphan"))
            });
            if !orphaned {
                let _gone = objects.delete(id, object, None);
            }
        }
    }
    for (id, object) in &all {
        if object.is_deleting() {
            release(objects, &all, id, object);
        }
    }
}

fn has(object: &Value, finalizer: &str) -> bool {
    object.is_deleting()
        && object
            .items("/metadata/finalizers")
            .iter()
            .any(|known| known == finalizer)
}

fn release(objects: &Objects, all: &All, id: &Arc<str>, object: &Arc<Value>) {
    let belongs = |reference: &Value| reference.text("/uid") == object.uid();
    let dependents = || {
        all.iter()
            .filter(|(_, other)| other.items("/metadata/ownerReferences").iter().any(belongs))
    };
    if has(object, "orphan") {
        for (id, other) in dependents() {
            let _freed = objects.change(id, other, |other| {
                let mut references = other.items("/metadata/ownerReferences").to_vec();
                references.retain(|reference| !belongs(reference));
                if references.is_empty() {
                    other.take_out("/metadata/ownerReferences");
                } else {
                    other.put("/metadata/ownerReferences", Value::Array(references));
                }
            });
        }
        finish(objects, id, object, "orphan");
    } else if has(object, "foregroundDeletion") {
        let blocks = dependents().any(|(_, other)| {
            let mut references = other.items("/metadata/ownerReferences").iter();
            references.any(|reference| belongs(reference) && reference.is_true("/blockOwnerDeletion"))
        });
        if !blocks {
            finish(objects, id, object, "foregroundDeletion");
        }
    } else if &**id == DEFINITIONS && has(object, CLEANUP) {
        let of = format!(
            "{}.{}",
            object.text("/spec/names/plural"),
            object.text("/spec/group")
        );
        let remaining = objects.list(&of, None);
        for other in remaining.iter().filter(|other| !other.is_deleting()) {
            let _gone = objects.delete(&of, other, None);
        }
        if remaining.is_empty() {
            finish(objects, id, object, CLEANUP);
        }
    }
}

/// Takes away what an object waited for.
fn finish(objects: &Objects, id: &str, object: &Value, finalizer: &str) {
    let _gone = objects.change(id, object, |object| {
        let mut finalizers = object.items("/metadata/finalizers").to_vec();
        finalizers.retain(|known| known != finalizer);
        if finalizers.is_empty() {
            object.take_out("/metadata/finalizers");
        } else {
            object.put("/metadata/finalizers", Value::Array(finalizers));
        }
    });
}
