//! What becomes of an object that somebody wants to make or to change: what the server adds, keeps and refuses.

mod conditions;
mod defaults;
mod hooks;
mod metadata;
mod pod_rules;
mod pods;
mod quantity;
mod quota;
mod validate;

use serde_json::Value;

pub(crate) use self::conditions::{condition, holds, is_ready, no_condition};
pub(crate) use self::hooks::Hooks;
pub use self::hooks::{Admission, Verdict, Webhook};
pub(crate) use self::metadata::suffix;
pub(crate) use self::quantity::quantity;
pub(crate) use self::quota::usage as quota_usage;
use crate::api::{Target, Validation};
use crate::failure::Failure;
use crate::kinds::Kind;
use crate::object::Fields as _;
use crate::patch;
use crate::schema;
use crate::store::Store;

/// A request to make or change an object, without its body.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Which object, and which part of it.
    pub(crate) target: Target,
    /// Who asks.
    pub(crate) user: String,
    /// To whom the fields belong that it sets.
    pub(crate) manager: String,
    /// Whether nothing is to be kept.
    pub(crate) dry: bool,
    /// What becomes of fields that nobody knows.
    pub(crate) validation: Validation,
    /// Whether fields are taken over that belong to others.
    pub(crate) force: bool,
    /// Whether it is what a manager applies.
    pub(crate) apply: bool,
}

/// The object that a request makes, with what is to be warned of.
pub(crate) type Made = Result<(Value, Vec<String>), Failure>;

/// A new object.
pub(crate) fn create(store: &Store, wanted: &Wanted, body: Value) -> Made {
    let kind = &*wanted.target.kind;
    let mut object = typed(kind, body)?;
    let warnings = known(kind, wanted, &mut object)?;
    let config = wanted.apply.then(|| object.clone());
    object.take_out("/metadata/managedFields");
    metadata::create(store, wanted, &mut object)?;
    if kind.status {
        object.take_out("/status");
    }
    defaults::set(store, kind, &mut object);
    match config {
        Some(config) => patch::track_first(kind, &wanted.manager, &config, &mut object),
        None => patch::track(kind, &wanted.manager, "", None, &mut object),
    }
    defaults::set_first(store, kind, &mut object);
    if has_generation(kind) {
        object.put("/metadata/generation", Value::from(1));
    }
    valid(kind, None, &object)?;
    if store.get(&kind.id(), object.namespace(), object.name()).is_some() {
        return Err(Failure::already_exists(kind, object.name()));
    }
    quota::check(store, kind, &object)?;
    Ok((object, warnings))
}

/// An object in place of one that is there.
pub(crate) fn update(store: &Store, wanted: &Wanted, live: &Value, body: Value) -> Made {
    let kind = &*wanted.target.kind;
    let mut object = typed(kind, body)?;
    let warnings = known(kind, wanted, &mut object)?;
    metadata::update(wanted, live, &mut object)?;
    let managed = object.at("/metadata/managedFields").clone();
    if wanted.target.part == "status" {
        let status = object.take_out("/status");
        object = live.clone();
        match status {
            Some(status) => object.put("/status", status),
            None => drop(object.take_out("/status")),
        }
    } else {
        if kind.status {
            match live.get("status") {
                Some(status) => object.put("/status", status.clone()),
                None => drop(object.take_out("/status")),
            }
        }
        defaults::set(store, kind, &mut object);
        valid(kind, Some(live), &object)?;
        if has_generation(kind) && differs(live, &object) {
            let generation = live.number("/metadata/generation").unwrap_or(0) + 1;
            object.put("/metadata/generation", Value::from(generation));
        }
    }
    if wanted.apply {
        object.put("/metadata/managedFields", managed);
    } else {
        patch::track(
            kind,
            &wanted.manager,
            &wanted.target.part,
            Some(live),
            &mut object,
        );
    }
    Ok((object, warnings))
}

/// Fields that the kind does not have are dropped, warned of or refused.
fn known(kind: &Kind, wanted: &Wanted, object: &mut Value) -> Result<Vec<String>, Failure> {
    let unknown = schema::prune(kind, object)?;
    // What is applied must be known whatever the client says.
    if unknown.is_empty() || (wanted.validation == Validation::Ignore && !wanted.apply) {
        return Ok(Vec::new());
    }
    if wanted.apply {
        let why = format!(
            "failed to create typed patch object ({}/{}; {}, Kind={}): .{}: field not declared in schema",
            wanted.target.namespace,
            wanted.target.name,
            kind.api_version(),
            kind.kind,
            unknown.join(", .")
        );
        return Err(Failure::new(500, "", why));
    }
    let told: Vec<String> = unknown
        .iter()
        .map(|field| format!("unknown field {field:?}"))
        .collect();
    if wanted.validation == Validation::Strict {
        return Err(schema::refused(
            kind,
            &format!("strict decoding error: {}", told.join(", ")),
        ));
    }
    Ok(told)
}

fn valid(kind: &Kind, live: Option<&Value>, object: &Value) -> Result<(), Failure> {
    let causes = validate::causes(kind, live, object);
    if causes.is_empty() {
        Ok(())
    } else {
        Err(Failure::invalid(kind, object.name(), &causes))
    }
}

/// Whether two objects differ in more than metadata and status.
fn differs(old: &Value, new: &Value) -> bool {
    let (Some(old), Some(new)) = (old.as_object(), new.as_object()) else {
        return true;
    };
    let skipped = |key: &str| matches!(key, "metadata" | "status");
    let missing = |from: &serde_json::Map<String, Value>, key: &str| !skipped(key) && !from.contains_key(key);
    old.iter()
        .any(|(key, value)| !skipped(key) && new.get(key) != Some(value))
        || new.keys().any(|key| missing(old, key))
}

/// Whether a kind counts the changes of what is wanted of its objects.
fn has_generation(kind: &Kind) -> bool {
    if kind.custom.is_some() {
        return true;
    }
    matches!(
        kind.id().as_str(),
        "pods"
            | "deployments.apps"
            | "replicasets.apps"
            | "statefulsets.apps"
            | "daemonsets.apps"
            | "jobs.batch"
            | "cronjobs.batch"
            | "ingresses.networking.k8s.io"
            | "networkpolicies.networking.k8s.io"
            | "poddisruptionbudgets.policy"
            | "customresourcedefinitions.apiextensions.k8s.io"
            | "endpointslices.discovery.k8s.io"
    )
}

/// The body as an object of the kind that the path says.
fn typed(kind: &Kind, mut body: Value) -> Result<Value, Failure> {
    if !body.is_object() {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): the body is not an object",
            kind.kind
        )));
    }
    let (version, name) = (kind.api_version(), kind.kind.clone());
    if body.text("/kind").is_empty() && body.text("/apiVersion").is_empty() {
        body.put("/kind", Value::from(name.clone()));
        body.put("/apiVersion", Value::from(version.clone()));
    }
    let given = body.text("/apiVersion");
    if body.text("/kind") != name {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {name}): the kind in the data ({}) does not match the expected kind ({name})",
            body.text("/kind")
        )));
    }
    if given != version {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({given}) does not match the expected API version ({version})"
        )));
    }
    if !body.at("/metadata").is_object() {
        body.put("/metadata", serde_json::json!({}));
    }
    Ok(body)
}
