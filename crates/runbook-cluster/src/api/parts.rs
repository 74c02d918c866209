//! Parts of objects that have paths of their own: scale, binding, eviction, tokens, finalizers.

use serde_json::{Value, json};

use super::delete::{self, Options};
use super::query::Query;
use super::read;
use super::write::{self, Planned};
use crate::clock;
use crate::failure::{Cause, Failure};
use crate::kinds::{Kind, Scale};
use crate::object::{Fields as _, escape};
use crate::patch::{self, Form};
use crate::rules::{self, Wanted};
use crate::shared::Shared;
use crate::store::{LabelSelector, Store};

/// How many replicas an object has, as the kind `Scale` says it.
pub(crate) fn scale(kind: &Kind, object: &Value) -> Result<Value, Failure> {
    let fields = scale_of(kind)?;
    let selector = fields.selector.as_ref().map(|pointer| {
        let selector = object.at(pointer);
        let chosen = || LabelSelector::of_object(selector).map(|selector| selector.text());
        selector
            .as_str()
            .map(str::to_owned)
            .or_else(chosen)
            .unwrap_or_default()
    });
    let mut metadata = json!({"name": object.name(), "namespace": object.namespace()});
    for key in ["uid", "resourceVersion", "creationTimestamp"] {
        metadata.put(&format!("/{key}"), object.at(&format!("/metadata/{key}")).clone());
    }
    let mut status = json!({"replicas": object.number(&fields.actual).unwrap_or(0)});
    if let Some(selector) = selector.filter(|selector| !selector.is_empty()) {
        status.put("/selector", Value::from(selector));
    }
    let wanted = object.number(&fields.wanted).unwrap_or(0);
    Ok(json!({
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": metadata,
        "spec": {"replicas": wanted}, "status": status,
    }))
}

fn scale_of(kind: &Kind) -> Result<&Scale, Failure> {
    kind.scale.as_ref().ok_or_else(Failure::no_resource)
}

/// Plans another number of replicas.
pub(crate) fn rescale(
    store: &Store,
    wanted: &Wanted,
    form: Option<Form>,
    body: &Value,
) -> Result<Planned, Failure> {
    let kind = &*wanted.target.kind;
    let found = write::live(store, wanted)?;
    let old = scale(kind, &found)?;
    let new = match form {
        Some(form) => patch::patched(form, &old, body, kind)?,
        None => body.clone(),
    };
    if new.text("/kind") != "Scale" && !new.text("/kind").is_empty() {
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type Scale): the kind in the data ({}) does not match the expected kind (Scale)",
            new.text("/kind")
        )));
    }
    let version = new.text("/metadata/resourceVersion");
    if !version.is_empty() && version != found.text("/metadata/resourceVersion") {
        return Err(Failure::modified(kind, found.name()));
    }
    let replicas = match new.at("/spec/replicas") {
        value if value.is_null() => 0,
        value => value
            .as_i64()
            .ok_or_else(|| Failure::bad_request(format!("Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal {value} into Go struct field ScaleSpec.spec.replicas of type int32")))?,
    };
    if replicas < 0 {
        let cause = Cause::invalid(
            "spec.replicas",
            &json!(replicas),
            "must be greater than or equal to 0",
        );
        let mut shown = kind.clone();
        "Scale".clone_into(&mut shown.kind);
        "autoscaling".clone_into(&mut shown.group);
        return Err(Failure::invalid(&shown, found.name(), &[cause]));
    }
    let mut object = (*found).clone();
    object.put(&scale_of(kind)?.wanted, json!(replicas));
    let mut whole = wanted.clone();
    whole.target.part = String::new();
    write::replace(store, &whole, &found, object)
}

/// Assigns a pod to a node.
pub(crate) fn bind(store: &Store, wanted: &Wanted, body: &Value) -> Result<Planned, Failure> {
    let found = write::live(store, wanted)?;
    let node = body.text("/target/name");
    if node.is_empty() {
        let cause = Cause::required("target.name", "");
        return Err(Failure::invalid(&wanted.target.kind, found.name(), &[cause]));
    }
    let known = found.text("/spec/nodeName");
    if !known.is_empty() {
        let why = format!("pod {} is already assigned to node {known:?}", found.name());
        return Err(Failure::conflict(&wanted.target.kind, found.name(), &why));
    }
    let mut object = (*found).clone();
    object.put("/spec/nodeName", Value::from(node));
    rules::condition(&mut object, "PodScheduled", "True", "", "");
    Ok(Planned {
        id: wanted.target.kind.id(),
        base: Some(found.text("/metadata/resourceVersion").to_owned()),
        object,
        warnings: Vec::new(),
        removal: false,
    })
}

/// That something is done.
pub(crate) fn success() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})
}

/// Evicts a pod if its disruption budget allows it.
pub(crate) fn evict(shared: &Shared, wanted: &Wanted, query: &Query, body: &Value) -> Result<(), Failure> {
    if !matches!(body.text("/apiVersion"), "policy/v1" | "policy/v1beta1") || body.text("/kind") != "Eviction"
    {
        return Err(Failure::bad_request(
            "the object provided is unrecognized (must be of type Eviction)",
        ));
    }
    let given = body.name();
    if !given.is_empty() && given != wanted.target.name {
        return Err(Failure::bad_request(
            "name in URL does not match name in Eviction object",
        ));
    }
    let options = Options::of(query, body.at("/deleteOptions"))?;
    let mut wanted = wanted.clone();
    wanted.dry |= options.dry;
    wanted.target.part = String::new();
    shared.write(|store| {
        let pod = write::live(store, &wanted)?;
        options.check(&wanted, &pod)?;
        let budget = allowing(store, &pod)?;
        let planned = delete::delete(store, &wanted, &options)?;
        if wanted.dry {
            return Ok(());
        }
        if let Some(mut budget) = budget {
            let allowed = budget.number("/status/disruptionsAllowed").unwrap_or(0) - 1;
            budget.put("/status/disruptionsAllowed", json!(allowed));
            let noted = format!("/status/disruptedPods/{}", escape(pod.name()));
            budget.put(&noted, Value::from(clock::now_stamp()));
            store.put("poddisruptionbudgets.policy", budget);
        }
        write::settle(store, planned, false)
            .map(drop)
            .ok_or_else(|| Failure::modified(&wanted.target.kind, pod.name()))
    })
}

/// The budget from which an eviction is taken; none if it needs none.
fn allowing(store: &Store, pod: &Value) -> Result<Option<Value>, Failure> {
    if pod.is_deleting() || matches!(pod.text("/status/phase"), "Succeeded" | "Failed" | "Pending") {
        return Ok(None);
    }
    let budgets: Vec<Value> = store
        .list("poddisruptionbudgets.policy", Some(pod.namespace()))
        .filter(|budget| {
            LabelSelector::of_object(budget.at("/spec/selector"))
                .is_some_and(|selector| selector.matches(pod))
        })
        .map(|budget| (**budget).clone())
        .collect();
    let budget = match budgets.as_slice() {
        [] => return Ok(None),
        [budget] => budget.clone(),
        _ => {
            let message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
            return Err(Failure::internal(message));
        }
    };
    let number = |pointer: &str| budget.number(pointer).unwrap_or(0);
    let (healthy, needed) = (number("/status/currentHealthy"), number("/status/desiredHealthy"));
    if !rules::is_ready(pod) {
        let always = budget.text("/spec/unhealthyPodEvictionPolicy") == "AlwaysAllow";
        if always || (needed > 0 && healthy >= needed) {
            return Ok(None);
        }
    }
    let refused = |why: String, after: Option<u32>| {
        let message = "Cannot evict pod as it would violate the pod's disruption budget.";
        Failure::too_many_requests(message, after)
            .caused(json!({"reason": "DisruptionBudget", "message": why}))
    };
    let name = budget.name();
    if number("/status/observedGeneration") < number("/metadata/generation") {
        let why = format!("The disruption budget {name} is still being processed by the server.");
        return Err(refused(why, Some(10)));
    }
    if number("/status/disruptionsAllowed") <= 0 {
        let why =
            format!("The disruption budget {name} needs {needed} healthy pods and has {healthy} currently");
        return Err(refused(why, None));
    }
    Ok(Some(budget))
}

/// A token for a service account.
pub(crate) fn token(shared: &Shared, wanted: &Wanted, body: &Value) -> Result<Value, Failure> {
    let account = shared.read(|store| read::get(store, &wanted.target))?;
    let name = format!("system:serviceaccount:{}:{}", account.namespace(), account.name());
    let token: String = (0..6).map(|_| rules::suffix()).collect();
    shared.users.add(token.clone(), &name, &[]);
    let seconds = body.number("/spec/expirationSeconds").unwrap_or(3600);
    let end = clock::now()
        .checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or_else(|_| clock::now());
    let mut answer = body.clone();
    answer.put("/kind", json!("TokenRequest"));
    answer.put("/apiVersion", json!("authentication.k8s.io/v1"));
    answer.put("/spec/expirationSeconds", json!(seconds));
    answer.put(
        "/status",
        json!({"token": token, "expirationTimestamp": clock::stamp(end)}),
    );
    Ok(answer)
}

/// Plans other finalizers of a namespace.
pub(crate) fn finalize(store: &Store, wanted: &Wanted, body: &Value) -> Result<Planned, Failure> {
    let found = write::live(store, wanted)?;
    let mut object = (*found).clone();
    object.put(
        "/spec/finalizers",
        Value::Array(body.items("/spec/finalizers").to_vec()),
    );
    Ok(Planned {
        id: wanted.target.kind.id(),
        base: Some(found.text("/metadata/resourceVersion").to_owned()),
        object,
        warnings: Vec::new(),
        removal: false,
    })
}
