//! What the kinds of Kubernetes demand of their objects.

use serde_json::{Value, json};

use super::metadata::is_dns_label;
use super::pod_rules;
use crate::failure::Cause;
use crate::kinds::Kind;
use crate::object::Fields as _;
use crate::schema;

/// What is wrong with an object; beside the one in whose place it comes, if there is one.
pub(super) fn causes(kind: &Kind, live: Option<&Value>, object: &Value) -> Vec<Cause> {
    let mut found = Vec::new();
    if let Some(custom) = &kind.custom {
        schema::causes(&custom.schema, object, "", &mut found);
        return found;
    }
    match kind.id().as_str() {
        "pods" => {
            pod_rules::spec(object.at("/spec"), "spec", &mut found);
            if let Some(live) = live {
                pod_rules::update(live, object, &mut found);
            }
        }
        "deployments.apps" | "replicasets.apps" | "statefulsets.apps" | "daemonsets.apps" => {
            workload(live, object, &mut found);
            if kind.kind == "StatefulSet" {
                stateful(live, object, &mut found);
            }
        }
        "jobs.batch" => job(live, object, &mut found),
        "cronjobs.batch" => {
            if object.text("/spec/schedule").is_empty() {
                found.push(Cause::required("spec.schedule", ""));
            }
            let template = "spec.jobTemplate.spec.template";
            restarts(object.at("/spec/jobTemplate/spec/template"), template, &mut found);
            pod_rules::spec(
                object.at("/spec/jobTemplate/spec/template/spec"),
                &format!("{template}.spec"),
                &mut found,
            );
        }
        "services" => service(live, object, &mut found),
        "configmaps" | "secrets" => settings(live, object, &mut found),
        "poddisruptionbudgets.policy" => {
            if !object.at("/spec/minAvailable").is_null() && !object.at("/spec/maxUnavailable").is_null() {
                found.push(Cause::invalid(
                    "spec",
                    object.at("/spec"),
                    "minAvailable and maxUnavailable cannot be both set",
                ));
            }
            negative(object, "minAvailable", &mut found);
            negative(object, "maxUnavailable", &mut found);
        }
        "horizontalpodautoscalers.autoscaling" => autoscaler(object, &mut found),
        "rolebindings.rbac.authorization.k8s.io" | "clusterrolebindings.rbac.authorization.k8s.io"
            if live.is_some_and(|live| live.at("/roleRef") != object.at("/roleRef")) =>
        {
            found.push(Cause::invalid(
                "roleRef",
                object.at("/roleRef"),
                "cannot change roleRef",
            ));
        }
        "persistentvolumeclaims" => {
            if let Some(live) = live
                && live.at("/spec/accessModes") != object.at("/spec/accessModes")
            {
                found.push(Cause::forbidden(
                    "spec",
                    "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims",
                ));
            }
        }
        _ => {}
    }
    found
}

/// A number that is less than nothing.
fn negative(object: &Value, key: &str, found: &mut Vec<Cause>) {
    let value = object.at(&format!("/spec/{key}"));
    if value.as_i64().is_some_and(|number| number < 0) {
        found.push(Cause::invalid(
            &format!("spec.{key}"),
            value,
            "must be greater than or equal to 0",
        ));
    }
}

fn immutable(live: Option<&Value>, object: &Value, pointer: &str, found: &mut Vec<Cause>) {
    if let Some(live) = live
        && live.at(pointer) != object.at(pointer)
    {
        let field = pointer.trim_start_matches('/').replace('/', ".");
        found.push(Cause::invalid(&field, object.at(pointer), "field is immutable"));
    }
}

fn workload(live: Option<&Value>, object: &Value, found: &mut Vec<Cause>) {
    for key in [
        "replicas",
        "minReadySeconds",
        "revisionHistoryLimit",
        "progressDeadlineSeconds",
    ] {
        negative(object, key, found);
    }
    let selector = object.at("/spec/selector");
    let labels = object.at("/spec/template/metadata/labels");
    match crate::store::LabelSelector::of_object(selector) {
        None => found.push(Cause::required("spec.selector", "")),
        Some(chosen) if chosen.is_empty() => {
            found.push(Cause::invalid(
                "spec.selector",
                selector,
                "empty selector is invalid for deployment",
            ));
        }
        Some(chosen) if !chosen.matches_labels(labels.as_object()) => {
            found.push(Cause::invalid(
                "spec.template.metadata.labels",
                labels,
                "`selector` does not match template `labels`",
            ));
        }
        Some(_) => {}
    }
    if object.text("/kind") != "StatefulSet" {
        immutable(live, object, "/spec/selector", found);
    }
    let policy = object.at("/spec/template/spec/restartPolicy");
    if policy.is_string() && policy != "Always" {
        found.push(Cause::unsupported(
            "spec.template.spec.restartPolicy",
            policy,
            &["Always"],
        ));
    }
    strategy(object, found);
    pod_rules::spec(object.at("/spec/template/spec"), "spec.template.spec", found);
}

fn strategy(object: &Value, found: &mut Vec<Cause>) {
    if object.text("/kind") != "Deployment" {
        return;
    }
    let kind = object.at("/spec/strategy/type");
    if !matches!(kind.as_str(), Some("Recreate" | "RollingUpdate")) {
        found.push(Cause::unsupported(
            "spec.strategy.type",
            kind,
            &["Recreate", "RollingUpdate"],
        ));
    }
    let rolling = object.at("/spec/strategy/rollingUpdate");
    if kind == "Recreate" && !rolling.is_null() {
        found.push(Cause::forbidden(
            "spec.strategy.rollingUpdate",
            "may not be specified when strategy `type` is 'Recreate'",
        ));
    }
    let none = |pointer: &str| matches!(rolling.at(pointer), value if *value == json!(0) || value == "0%");
    if none("/maxUnavailable") && none("/maxSurge") {
        found.push(Cause::invalid(
            "spec.strategy.rollingUpdate.maxUnavailable",
            rolling.at("/maxUnavailable"),
            "may not be 0 when `maxSurge` is 0",
        ));
    }
}

fn stateful(live: Option<&Value>, object: &Value, found: &mut Vec<Cause>) {
    const FREE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let Some(live) = live else { return };
    let bare = |object: &Value| {
        let mut spec = object.at("/spec").clone();
        for key in FREE {
            spec.take_out(&format!("/{key}"));
        }
        spec
    };
    if bare(live) != bare(object) {
        found.push(Cause::forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        ));
    }
}

fn restarts(template: &Value, field: &str, found: &mut Vec<Cause>) {
    if !matches!(template.text("/spec/restartPolicy"), "OnFailure" | "Never") {
        let field = format!("{field}.spec.restartPolicy");
        found.push(Cause::required(&field, "valid values: \"OnFailure\", \"Never\""));
    }
}

fn job(live: Option<&Value>, object: &Value, found: &mut Vec<Cause>) {
    for key in [
        "parallelism",
        "completions",
        "backoffLimit",
        "activeDeadlineSeconds",
        "ttlSecondsAfterFinished",
    ] {
        negative(object, key, found);
    }
    immutable(live, object, "/spec/selector", found);
    immutable(live, object, "/spec/completions", found);
    if !live.is_some_and(|live| live.is_true("/spec/suspend")) {
        immutable(live, object, "/spec/template", found);
    }
    restarts(object.at("/spec/template"), "spec.template", found);
    pod_rules::spec(object.at("/spec/template/spec"), "spec.template.spec", found);
}

fn service(live: Option<&Value>, object: &Value, found: &mut Vec<Cause>) {
    let kind = object.at("/spec/type");
    let kinds = ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"];
    if !kinds.iter().any(|known| kind == known) {
        found.push(Cause::unsupported("spec.type", kind, &kinds));
    }
    let headless = object.text("/spec/clusterIP") == "None";
    let ports = object.items("/spec/ports");
    if ports.is_empty() && !headless && kind != "ExternalName" {
        found.push(Cause::required("spec.ports", ""));
    }
    for (index, port) in ports.iter().enumerate() {
        let field = format!("spec.ports[{index}]");
        if !port
            .number("/port")
            .is_some_and(|number| (1..=65535).contains(&number))
        {
            let why = "must be between 1 and 65535, inclusive";
            found.push(Cause::invalid(&format!("{field}.port"), port.at("/port"), why));
        }
        if ports.len() > 1 && !is_dns_label(port.text("/name")) {
            found.push(Cause::required(&format!("{field}.name"), ""));
        }
    }
    if let Some(live) = live
        && !live.text("/spec/clusterIP").is_empty()
        && live.at("/spec/clusterIP") != object.at("/spec/clusterIP")
        && kind != "ExternalName"
    {
        found.push(Cause::invalid(
            "spec.clusterIPs[0]",
            object.at("/spec/clusterIPs"),
            "may not change once set",
        ));
    }
}

fn settings(live: Option<&Value>, object: &Value, found: &mut Vec<Cause>) {
    for key in object.map("/data").into_iter().flatten().map(|(key, _)| key) {
        let plain = |character: char| character.is_ascii_alphanumeric() || "-_.".contains(character);
        if key.is_empty() || !key.chars().all(plain) {
            found.push(Cause::invalid(
                &format!("data[{key}]"),
                &json!(key),
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')",
            ));
        }
    }
    immutable(live, object, "/type", found);
    if let Some(live) = live.filter(|live| live.is_true("/immutable")) {
        if live.at("/data") != object.at("/data") {
            found.push(Cause::forbidden(
                "data",
                "field is immutable when `immutable` is set",
            ));
        }
        if !object.is_true("/immutable") {
            found.push(Cause::forbidden(
                "immutable",
                "field is immutable when `immutable` is set",
            ));
        }
    }
}

fn autoscaler(object: &Value, found: &mut Vec<Cause>) {
    let (least, most) = (
        object.number("/spec/minReplicas").unwrap_or(1),
        object.number("/spec/maxReplicas").unwrap_or(0),
    );
    if least < 1 {
        found.push(Cause::invalid(
            "spec.minReplicas",
            &json!(least),
            "must be greater than or equal to 1",
        ));
    }
    if most < 1 {
        found.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than 0",
        ));
    } else if most < least {
        found.push(Cause::invalid(
            "spec.maxReplicas",
            &json!(most),
            "must be greater than or equal to `minReplicas`",
        ));
    }
    if object.text("/spec/scaleTargetRef/name").is_empty() {
        found.push(Cause::required("spec.scaleTargetRef.name", ""));
    }
}
