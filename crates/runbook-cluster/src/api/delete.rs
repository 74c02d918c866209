//! Deleting: at once, after a grace period, or when what depends on the object has been seen to.

use serde_json::{Value, json};

use super::query::Query;
use super::write::{Planned, live};
use crate::clock;
use crate::failure::{Cause, Failure};
use crate::object::Fields as _;
use crate::rules::Wanted;
use crate::store::Store;

/// What a client says about a deletion.
#[derive(Debug, Clone, Default)]
pub(crate) struct Options {
    grace: Option<i64>,
    propagation: Option<String>,
    uid: Option<String>,
    version: Option<String>,
    pub(crate) dry: bool,
}

impl Options {
    /// In the body, or else in the query.
    pub(crate) fn of(query: &Query, body: &Value) -> Result<Self, Failure> {
        let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let orphan = body.at("/orphanDependents").as_bool();
        let orphan = orphan.map(|orphan| if orphan { "Orphan" } else { "Background" }.to_owned());
        let propagation = text("/propagationPolicy")
            .or(orphan)
            .or_else(|| query.get("propagationPolicy").map(str::to_owned));
        if let Some(given) = &propagation
            && !matches!(given.as_str(), "Orphan" | "Background" | "Foreground")
        {
            let cause = Cause::unsupported(
                "propagationPolicy",
                &json!(given),
                &["Foreground", "Background", "Orphan", "nil"],
            );
            let why = format!("{}: {}", cause.field, cause.message);
            return Err(Failure::of_options("DeleteOptions", &why));
        }
        let dry = match body.items("/dryRun") {
            [] => query.dry_run()?,
            [all] if all == "All" => true,
            _ => {
                return Err(Failure::new(
                    422,
                    "Invalid",
                    " \"\" is invalid: dryRun: Unsupported value",
                ));
            }
        };
        Ok(Self {
            grace: match body.number("/gracePeriodSeconds") {
                Some(seconds) => Some(seconds),
                None => query.number("gracePeriodSeconds")?,
            },
            propagation,
            uid: text("/preconditions/uid"),
            version: text("/preconditions/resourceVersion"),
            dry,
        })
    }

    /// A deletion by the cluster itself.
    pub(crate) fn of_cluster(grace: Option<i64>, uid: Option<&str>) -> Self {
        Self {
            grace,
            uid: uid.map(str::to_owned),
            ..Self::default()
        }
    }

    /// The same for an object that was read.
    pub(crate) fn check(&self, wanted: &Wanted, found: &Value) -> Result<(), Failure> {
        let conflict = |what: &str, given: &str, is: &str| {
            let why =
                format!("Precondition failed: {what} in precondition: {given}, {what} in object meta: {is}");
            Failure::conflict(&wanted.target.kind, found.name(), &why)
        };
        if let Some(given) = self.uid.as_deref().filter(|given| *given != found.uid()) {
            return Err(conflict("UID", given, found.uid()));
        }
        let version = found.text("/metadata/resourceVersion");
        if let Some(given) = self.version.as_deref().filter(|given| *given != version) {
            return Err(conflict("ResourceVersion", given, version));
        }
        Ok(())
    }
}

/// Plans the deletion of one object.
pub(crate) fn delete(store: &Store, wanted: &Wanted, options: &Options) -> Result<Planned, Failure> {
    let found = live(store, wanted)?;
    options.check(wanted, &found)?;
    let id = wanted.target.kind.id();
    if id == "namespaces" && matches!(found.name(), "default" | "kube-system" | "kube-public") {
        let why = "this namespace may not be deleted";
        return Err(Failure::forbidden(&wanted.target.kind, found.name(), why));
    }
    let mut object = (*found).clone();
    let base = Some(found.text("/metadata/resourceVersion").to_owned());
    finalize(&mut object, options, &id);
    let grace = grace(&object, options, &id);
    let waits = !object.items("/metadata/finalizers").is_empty()
        || grace > 0
        || (id == "namespaces" && !object.items("/spec/finalizers").is_empty());
    if waits {
        mark(&mut object, grace, &id);
    }
    Ok(Planned {
        id,
        base,
        object,
        warnings: Vec::new(),
        removal: !waits,
    })
}

/// What becomes of those that depend on an object is up to finalizers.
fn finalize(object: &mut Value, options: &Options, id: &str) {
    let mut finalizers: Vec<Value> = object.items("/metadata/finalizers").to_vec();
    let propagation = options.propagation.as_deref();
    let wanted = match propagation {
        Some("Foreground") => Some("foregroundDeletion"),
        Some("Orphan") => Some("orphan"),
        _ => None,
    };
    if propagation.is_some() {
        finalizers.retain(|finalizer| {
            !matches!(finalizer.as_str(), Some("foregroundDeletion" | "orphan"))
                || finalizer.as_str() == wanted
        });
    }
    if let Some(wanted) = wanted.filter(|wanted| !finalizers.iter().any(|known| known == wanted)) {
        finalizers.push(json!(wanted));
    }
    if id == "customresourcedefinitions.apiextensions.k8s.io" {
        let cleanup = "customresourcecleanup.apiextensions.k8s.io";
        if !object.is_deleting() && !finalizers.iter().any(|known| known == cleanup) {
            finalizers.push(json!(cleanup));
        }
    }
    if finalizers.is_empty() {
        object.take_out("/metadata/finalizers");
    } else {
        object.put("/metadata/finalizers", Value::Array(finalizers));
    }
}

/// How long the object may take to end.
fn grace(object: &Value, options: &Options, id: &str) -> i64 {
    if id != "pods" {
        return 0;
    }
    let ended = matches!(object.text("/status/phase"), "Succeeded" | "Failed");
    if object.text("/spec/nodeName").is_empty() || ended {
        return 0;
    }
    let own = object.number("/spec/terminationGracePeriodSeconds").unwrap_or(30);
    let asked = match options.grace {
        // Less than nothing is as good as at once, with a second for the pod to notice.
        Some(seconds) if seconds < 0 => 1,
        Some(seconds) => seconds,
        None => own.max(0),
    };
    match object.number("/metadata/deletionGracePeriodSeconds") {
        // A deletion can be made shorter, never longer.
        Some(known) if object.is_deleting() => asked.min(known),
        _ => asked,
    }
}

fn mark(object: &mut Value, grace: i64, id: &str) {
    let now = clock::now();
    if id == "namespaces" {
        object.put("/status/phase", json!("Terminating"));
    }
    if object.is_deleting() {
        let known = object.number("/metadata/deletionGracePeriodSeconds").unwrap_or(0);
        if id != "pods" || grace >= known {
            return;
        }
    }
    let end = now
        .checked_add(jiff::SignedDuration::from_secs(grace))
        .unwrap_or(now);
    object.put("/metadata/deletionTimestamp", Value::from(clock::stamp(end)));
    object.put("/metadata/deletionGracePeriodSeconds", Value::from(grace));
    if let Some(generation) = object.number("/metadata/generation") {
        object.put("/metadata/generation", Value::from(generation + 1));
    }
}
