//! What controllers have in common: who belongs to whom, pods from templates, shares of a number.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::Objects;
use crate::clock;
use crate::object::Fields as _;
use crate::rules::is_ready;
use crate::store::LabelSelector;

/// The reference by which an object belongs to its controller.
pub(super) fn reference(owner: &Value) -> Value {
    json!({
        "apiVersion": owner.at("/apiVersion"), "kind": owner.at("/kind"), "name": owner.name(), "uid": owner.uid(),
        "controller": true, "blockOwnerDeletion": true,
    })
}

/// The controller that an object belongs to.
pub(super) fn controller(object: &Value) -> Option<&Value> {
    object
        .items("/metadata/ownerReferences")
        .iter()
        .find(|reference| reference.is_true("/controller"))
}

/// The objects of a kind that belong to a controller. Those that its selector chooses and that belong to nobody become its own.
pub(super) fn of(objects: &Objects, id: &str, owner: &Value) -> Vec<Arc<Value>> {
    let selector = LabelSelector::of_object(owner.at("/spec/selector"));
    let mut found = Vec::new();
    for object in objects.list(id, Some(owner.namespace())) {
        match controller(&object) {
            Some(reference) if reference.text("/uid") == owner.uid() => found.push(object),
            None if !owner.is_deleting()
                && !object.is_deleting()
                && selector
                    .as_ref()
                    .is_some_and(|selector| !selector.is_empty() && selector.matches(&object)) =>
            {
                let mut all = object.items("/metadata/ownerReferences").to_vec();
                all.push(reference(owner));
                let adopted = objects.change(id, &object, |object| {
                    object.put("/metadata/ownerReferences", Value::Array(all.clone()));
                });
                found.extend(adopted.ok().flatten());
            }
            _ => {}
        }
    }
    found
}

/// A pod from a template, without a name.
pub(super) fn pod(owner: &Value, template: &Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"namespace": owner.namespace()}});
    for key in ["labels", "annotations", "finalizers"] {
        if let Some(value) = template
            .pointer(&format!("/metadata/{key}"))
            .filter(|value| !value.is_null())
        {
            pod.put(&format!("/metadata/{key}"), value.clone());
        }
    }
    pod.put("/metadata/ownerReferences", json!([reference(owner)]));
    pod.put("/spec", template.at("/spec").clone());
    pod
}

/// What became of an attempt to make a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    Yes,
    /// It was refused, and why.
    No(String),
    /// It was refused a moment ago, and is tried again later.
    Later,
}

/// Makes a pod, and notes that, or why not; answers whether it was made.
pub(super) fn make(objects: &Objects, owner: &Value, pod: &Value) -> bool {
    try_make(objects, owner, pod) == Made::Yes
}

/// The same, with why not.
pub(super) fn try_make(objects: &Objects, owner: &Value, pod: &Value) -> Made {
    if has_just_failed(objects, owner) {
        return Made::Later;
    }
    match objects.create("pods", pod) {
        Ok(made) => {
            let message = format!("Created pod: {}", made.name());
            objects.note(owner, "Normal", "SuccessfulCreate", &message);
            Made::Yes
        }
        Err(failure) => {
            let why = failure.to_string();
            objects.note(
                owner,
                "Warning",
                "FailedCreate",
                &format!("Error creating: {why}"),
            );
            Made::No(why)
        }
    }
}

/// Whether a pod of it was refused within the last second. Every refusal is noted, and every note wakes the
/// controllers, who would otherwise do nothing else.
fn has_just_failed(objects: &Objects, owner: &Value) -> bool {
    let events = objects.list("events", Some(owner.namespace()));
    events.iter().any(|event| {
        event.text("/reason") == "FailedCreate"
            && event.text("/involvedObject/uid") == owner.uid()
            && clock::seconds_since(event.text("/lastTimestamp")).is_some_and(|seconds| seconds < 1)
    })
}

/// Deletes a pod, and notes that.
pub(super) fn unmake(objects: &Objects, owner: &Value, pod: &Value) {
    if objects.delete("pods", pod, None).is_ok() {
        let message = format!("Deleted pod: {}", pod.name());
        objects.note(owner, "Normal", "SuccessfulDelete", &message);
    }
}

/// Whether a pod has neither ended nor been told to.
pub(super) fn is_active(pod: &Value) -> bool {
    !pod.is_deleting() && !matches!(pod.text("/status/phase"), "Succeeded" | "Failed")
}

/// Whether a pod has been ready for so many seconds.
pub(super) fn is_available(pod: &Value, seconds: i64) -> bool {
    if !is_ready(pod) {
        return false;
    }
    let since = pod
        .items("/status/conditions")
        .iter()
        .find(|condition| condition.text("/type") == "Ready")
        .map(|condition| condition.text("/lastTransitionTime"));
    seconds == 0
        || since
            .and_then(clock::seconds_since)
            .is_some_and(|ready| ready >= seconds)
}

/// The letters that stand for a template in names and labels.
pub(super) fn hash(template: &Value) -> String {
    const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
    let digest = Sha256::digest(template.to_string());
    let letters = digest.iter().take(10);
    letters
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]))
        .collect()
}

/// A number, or a share of another: `25%`.
pub(super) fn share(value: &Value, of: i64, up: bool) -> i64 {
    if let Some(number) = value.as_i64() {
        return number;
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%'));
    let percent: i64 = percent.and_then(|text| text.parse().ok()).unwrap_or(0);
    if up {
        (percent * of + 99) / 100
    } else {
        percent * of / 100
    }
}

/// Sets a number in a status; Kubernetes leaves most out that are 0.
pub(super) fn count(status: &mut Value, key: &str, number: i64) {
    let pointer = format!("/status/{key}");
    if number == 0 {
        status.take_out(&pointer);
    } else {
        status.put(&pointer, json!(number));
    }
}

/// How many of these there are.
pub(super) fn tally<'a>(pods: impl Iterator<Item = &'a Arc<Value>>) -> i64 {
    i64::try_from(pods.count()).unwrap_or(i64::MAX)
}
