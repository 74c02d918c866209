//! Controller revisions: the templates that stateful sets and daemon sets had.

use std::sync::Arc;

use serde_json::{Value, json};

use super::owned;
use crate::api::Objects;
use crate::object::Fields as _;

const ID: &str = "controllerrevisions.apps";

/// The revisions of an owner, the oldest first, and the one of its present template, which is made if it is missing.
pub(super) fn of(objects: &Objects, owner: &Value) -> (Vec<Arc<Value>>, Option<Arc<Value>>) {
    let mut all = sorted(objects, owner);
    let data = data(owner);
    let next = all.last().and_then(|last| last.number("/revision")).unwrap_or(0) + 1;
    let known = all.iter().rposition(|revision| *revision.at("/data") == data);
    let current = match known {
        Some(index) if index + 1 == all.len() => all.get(index).cloned(),
        Some(index) => {
            // What was there before and is so again is now the latest.
            let known = all.remove(index);
            let changed = objects.change(ID, &known, |revision| revision.put("/revision", json!(next)));
            let changed = changed.ok().flatten();
            all.extend(changed.clone());
            changed
        }
        None => {
            let made = make(objects, owner, &data, next);
            all.extend(made.clone());
            made
        }
    };
    (all, current)
}

fn sorted(objects: &Objects, owner: &Value) -> Vec<Arc<Value>> {
    let mut all = owned::of(objects, ID, owner);
    all.retain(|revision| !revision.is_deleting());
    all.sort_by_key(|revision| revision.number("/revision"));
    all
}

fn data(owner: &Value) -> Value {
    let mut template = owner.at("/spec/template").clone();
    template.put("/$patch", json!("replace"));
    json!({"spec": {"template": template}})
}

fn make(objects: &Objects, owner: &Value, data: &Value, number: i64) -> Option<Arc<Value>> {
    let hash = owned::hash(data);
    let label = if owner.text("/kind") == "DaemonSet" {
        "controller-revision-hash"
    } else {
        "controller.kubernetes.io/hash"
    };
    let mut labels = owner.at("/spec/template/metadata/labels").clone();
    labels.put(&format!("/{}", crate::object::escape(label)), json!(hash));
    let mut revision = json!({
        "apiVersion": "apps/v1", "kind": "ControllerRevision",
        "metadata": {
            "name": format!("{}-{hash}", owner.name()), "namespace": owner.namespace(), "labels": labels,
            "ownerReferences": [owned::reference(owner)],
        },
        "data": data, "revision": number,
    });
    if let Some(annotations) = owner.map("/metadata/annotations") {
        let mut annotations = annotations.clone();
        annotations.shift_remove("kubectl.kubernetes.io/last-applied-configuration");
        revision.put("/metadata/annotations", Value::Object(annotations));
    }
    objects.create(ID, &revision).ok()
}

/// Revisions that no pod is of go when there are more than the history may have.
pub(super) fn clean(objects: &Objects, owner: &Value, pods: &[Arc<Value>], keep: &[&str]) {
    let limit = owner.number("/spec/revisionHistoryLimit").unwrap_or(10);
    let all = sorted(objects, owner);
    let spare: Vec<&Arc<Value>> = all
        .iter()
        .filter(|revision| {
            let live = |pod: &Arc<Value>| label_of(pod) == hash_of(owner, revision);
            !keep.contains(&revision.name()) && !pods.iter().any(live)
        })
        .collect();
    let gone = spare.len().saturating_sub(usize::try_from(limit).unwrap_or(0));
    for revision in spare.into_iter().take(gone) {
        let _gone = objects.delete(ID, revision, None);
    }
}

/// What the pods of a revision are labelled with.
pub(super) fn hash_of(owner: &Value, revision: &Value) -> String {
    if owner.text("/kind") == "DaemonSet" {
        revision
            .text("/metadata/labels/controller-revision-hash")
            .to_owned()
    } else {
        revision.name().to_owned()
    }
}

/// The revision that a pod is of.
pub(super) fn label_of(pod: &Value) -> String {
    pod.text("/metadata/labels/controller-revision-hash").to_owned()
}

/// The template of a revision.
pub(super) fn template(revision: &Value) -> Value {
    let mut template = revision.at("/data/spec/template").clone();
    template.take_out("/$patch");
    template
}
