//! The values that the server sets where none is given.

use serde_json::{Value, json};

use super::pods;
use crate::kinds::Kind;
use crate::object::{Fields as _, escape};
use crate::store::Store;

/// What every change sets.
pub(super) fn set(store: &Store, kind: &Kind, object: &mut Value) {
    if let Some(custom) = &kind.custom {
        of_schema(&custom.schema, object);
        return;
    }
    match kind.id().as_str() {
        "pods" => {
            pods::defaults(object, "/spec");
            object.default_to("/spec/enableServiceLinks", json!(true));
        }
        "deployments.apps" => deployment(object),
        "replicasets.apps" => {
            object.default_to("/spec/replicas", json!(1));
            pods::template(object, "/spec/template");
        }
        "statefulsets.apps" => stateful_set(object),
        "daemonsets.apps" => daemon_set(object),
        "jobs.batch" => job(object, "/spec"),
        "cronjobs.batch" => {
            object.default_to("/spec/concurrencyPolicy", json!("Allow"));
            object.default_to("/spec/suspend", json!(false));
            object.default_to("/spec/successfulJobsHistoryLimit", json!(3));
            object.default_to("/spec/failedJobsHistoryLimit", json!(1));
            pods::template(object, "/spec/jobTemplate/spec/template");
        }
        "services" => service(store, object),
        "secrets" => secret(object),
        "namespaces" => {
            let name = object.name().to_owned();
            let label = escape("kubernetes.io/metadata.name");
            object.put(&format!("/metadata/labels/{label}"), Value::from(name));
        }
        "horizontalpodautoscalers.autoscaling" => {
            object.default_to("/spec/minReplicas", json!(1));
            object.default_to(
                "/spec/metrics",
                json!([{"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}}]),
            );
        }
        "persistentvolumeclaims" => object.default_to("/spec/volumeMode", json!("Filesystem")),
        "networkpolicies.networking.k8s.io" => object.default_to("/spec/policyTypes", json!(["Ingress"])),
        "customresourcedefinitions.apiextensions.k8s.io" => definition(object),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io" => {
            binding(object);
        }
        _ => {}
    }
}

/// What only the making of an object sets.
pub(super) fn set_first(store: &Store, kind: &Kind, object: &mut Value) {
    match kind.id().as_str() {
        "pods" => pods::first(store, object),
        "namespaces" => {
            object.put("/spec/finalizers", json!(["kubernetes"]));
            object.put("/status", json!({"phase": "Active"}));
        }
        "services" | "ingresses.networking.k8s.io" => object.put("/status", json!({"loadBalancer": {}})),
        "deployments.apps" | "poddisruptionbudgets.policy" => {
            object.put("/status", json!({}));
        }
        "replicasets.apps" => object.put("/status", json!({"replicas": 0})),
        "statefulsets.apps" => object.put("/status", json!({"replicas": 0, "availableReplicas": 0})),
        "daemonsets.apps" => object.put(
            "/status",
            json!({"currentNumberScheduled": 0, "numberMisscheduled": 0, "desiredNumberScheduled": 0, "numberReady": 0}),
        ),
        "jobs.batch" => {
            object.put("/status", json!({}));
            job_first(object);
        }
        "cronjobs.batch" => object.put("/status", json!({})),
        "horizontalpodautoscalers.autoscaling" => object.put(
            "/status",
            json!({"desiredReplicas": 0, "currentReplicas": 0, "currentMetrics": null}),
        ),
        "persistentvolumeclaims" => object.put("/status", json!({"phase": "Pending"})),
        _ => {}
    }
}

fn deployment(object: &mut Value) {
    object.default_to("/spec/replicas", json!(1));
    object.default_to("/spec/strategy/type", json!("RollingUpdate"));
    if object.text("/spec/strategy/type") == "RollingUpdate" {
        object.default_to("/spec/strategy/rollingUpdate/maxUnavailable", json!("25%"));
        object.default_to("/spec/strategy/rollingUpdate/maxSurge", json!("25%"));
    }
    object.default_to("/spec/revisionHistoryLimit", json!(10));
    object.default_to("/spec/progressDeadlineSeconds", json!(600));
    pods::template(object, "/spec/template");
}

fn stateful_set(object: &mut Value) {
    object.default_to("/spec/replicas", json!(1));
    object.default_to("/spec/podManagementPolicy", json!("OrderedReady"));
    object.default_to("/spec/updateStrategy/type", json!("RollingUpdate"));
    if object.text("/spec/updateStrategy/type") == "RollingUpdate" {
        object.default_to("/spec/updateStrategy/rollingUpdate/partition", json!(0));
    }
    object.default_to("/spec/revisionHistoryLimit", json!(10));
    object.default_to(
        "/spec/persistentVolumeClaimRetentionPolicy",
        json!({"whenDeleted": "Retain", "whenScaled": "Retain"}),
    );
    pods::template(object, "/spec/template");
}

fn daemon_set(object: &mut Value) {
    object.default_to("/spec/updateStrategy/type", json!("RollingUpdate"));
    if object.text("/spec/updateStrategy/type") == "RollingUpdate" {
        object.default_to("/spec/updateStrategy/rollingUpdate/maxUnavailable", json!(1));
        object.default_to("/spec/updateStrategy/rollingUpdate/maxSurge", json!(0));
    }
    object.default_to("/spec/revisionHistoryLimit", json!(10));
    pods::template(object, "/spec/template");
}

fn job(object: &mut Value, spec: &str) {
    let mut default = |key: &str, value: Value| object.default_to(&format!("{spec}/{key}"), value);
    default("backoffLimit", json!(6));
    default("completionMode", json!("NonIndexed"));
    default("suspend", json!(false));
    default("podReplacementPolicy", json!("TerminatingOrFailed"));
    default("manualSelector", json!(false));
    if object.at(&format!("{spec}/completions")).is_null()
        && object.at(&format!("{spec}/parallelism")).is_null()
    {
        object.put(&format!("{spec}/completions"), json!(1));
    }
    object.default_to(&format!("{spec}/parallelism"), json!(1));
    pods::template(object, &format!("{spec}/template"));
}

/// A job finds its pods by a label that no other job's have.
fn job_first(object: &mut Value) {
    if object.is_true("/spec/manualSelector") {
        return;
    }
    let (uid, name) = (object.uid().to_owned(), object.name().to_owned());
    for (key, value) in [
        ("batch.kubernetes.io/controller-uid", &uid),
        ("batch.kubernetes.io/job-name", &name),
        ("controller-uid", &uid),
        ("job-name", &name),
    ] {
        let label = format!("/spec/template/metadata/labels/{}", escape(key));
        object.put(&label, Value::from(value.as_str()));
    }
    object.put(
        "/spec/selector",
        json!({"matchLabels": {"batch.kubernetes.io/controller-uid": uid}}),
    );
}

fn service(store: &Store, object: &mut Value) {
    object.default_to("/spec/type", json!("ClusterIP"));
    object.default_to("/spec/sessionAffinity", json!("None"));
    if object.text("/spec/type") != "ExternalName" {
        if object.text("/spec/clusterIP").is_empty() {
            let address = free_address(store);
            object.put("/spec/clusterIP", Value::from(address));
        }
        let address = object.at("/spec/clusterIP").clone();
        object.put("/spec/clusterIPs", json!([address]));
        object.default_to("/spec/ipFamilies", json!(["IPv4"]));
        object.default_to("/spec/ipFamilyPolicy", json!("SingleStack"));
        object.default_to("/spec/internalTrafficPolicy", json!("Cluster"));
    }
    let ports = object.items("/spec/ports").len();
    for index in 0..ports {
        let port = format!("/spec/ports/{index}");
        object.default_to(&format!("{port}/protocol"), json!("TCP"));
        let number = object.at(&format!("{port}/port")).clone();
        object.default_to(&format!("{port}/targetPort"), number);
    }
}

/// The first address of 10.96.0.0/16 that no service has.
fn free_address(store: &Store) -> String {
    let taken: Vec<String> = store
        .list("services", None)
        .map(|service| service.text("/spec/clusterIP").to_owned())
        .collect();
    (10_u32..65_000)
        .map(|number| format!("10.96.{}.{}", number / 250, number % 250 + 1))
        .find(|address| !taken.contains(address))
        .unwrap_or_default()
}

fn secret(object: &mut Value) {
    object.default_to("/type", json!("Opaque"));
    let Some(Value::Object(texts)) = object.take_out("/stringData") else {
        return;
    };
    for (key, value) in texts {
        use base64::Engine as _;
        let text = value.as_str().unwrap_or_default();
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        object.put(&format!("/data/{}", escape(&key)), Value::from(encoded));
    }
}

fn definition(object: &mut Value) {
    let kind = object.text("/spec/names/kind").to_owned();
    object.default_to("/spec/names/singular", Value::from(kind.to_lowercase()));
    object.default_to("/spec/names/listKind", Value::from(format!("{kind}List")));
    object.default_to("/spec/conversion", json!({"strategy": "None"}));
    let names = object.at("/spec/names").clone();
    let versions: Vec<Value> = object
        .items("/spec/versions")
        .iter()
        .filter(|version| version.is_true("/storage"))
        .map(|version| version.at("/name").clone())
        .collect();
    let since = object.text("/metadata/creationTimestamp").to_owned();
    let condition = |kind: &str, reason: &str, message: &str| json!({"type": kind, "status": "True", "lastTransitionTime": since, "reason": reason, "message": message});
    let status = json!({
        "conditions": [
            condition("NamesAccepted", "NoConflicts", "no conflicts found"),
            condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
        ],
        "acceptedNames": names,
        "storedVersions": versions,
    });
    object.put("/status", status);
}

fn binding(object: &mut Value) {
    object.default_to("/roleRef/apiGroup", json!("rbac.authorization.k8s.io"));
    for index in 0..object.items("/subjects").len() {
        let subject = format!("/subjects/{index}");
        if matches!(object.text(&format!("{subject}/kind")), "User" | "Group") {
            object.default_to(&format!("{subject}/apiGroup"), json!("rbac.authorization.k8s.io"));
        }
    }
}

/// The defaults that the schema of a custom kind gives.
fn of_schema(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, schema) in schema.map("/properties").into_iter().flatten() {
                if let Some(default) = schema.get("default")
                    && fields.get(key).is_none_or(Value::is_null)
                {
                    fields.insert(key.clone(), default.clone());
                }
                if let Some(field) = fields.get_mut(key) {
                    of_schema(schema, field);
                }
            }
            if let Some(schema) = schema
                .get("additionalProperties")
                .filter(|schema| schema.is_object())
            {
                for (_, field) in fields.iter_mut() {
                    of_schema(schema, field);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                of_schema(schema.at("/items"), item);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
