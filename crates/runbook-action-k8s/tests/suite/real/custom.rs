//! Kinds that somebody has defined.

use runbook_action::ErrorKind;
use serde_json::{Value, json};

use super::Stage;

const GROUP: &str = "runbook.example.com";

/// The definition of a kind. Definitions belong to the whole cluster, so each test has a kind of its own.
fn definition(kind: &str, short: &str) -> Value {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let spec = json!({"type": "object", "required": ["size"], "properties": {
        "size": {"type": "integer", "minimum": 1}, "replicas": {"type": "integer"},
    }});
    let status = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{GROUP}")},
        "spec": {
            "group": GROUP, "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural, "singular": singular, "shortNames": [short]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
                "subresources": {"scale": {
                    "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
                }},
            }],
        },
    })
}

fn object(kind: &str, name: &str, size: i64) -> Value {
    json!({
        "apiVersion": format!("{GROUP}/v1"), "kind": kind,
        "metadata": {"name": name, "labels": {"tier": "web"}}, "spec": {"size": size},
    })
}

#[tokio::test]
async fn an_object_of_a_defined_kind_is_like_any_other() {
    let stage = Stage::new().await;
    let crd = format!("crd/gauges.{GROUP}");
    stage.done(json!({"apply": definition("Gauge", "gg")})).await;
    stage
        .done(json!({"wait": crd, "for": {"condition": "Established"}}))
        .await;
    let made = stage.done(json!({"apply": object("Gauge", "a", 3)})).await;
    assert_eq!(made["changed"], true);
    for name in [
        "gauge/a",
        "gauges/a",
        "gg/a",
        "gauges.runbook.example.com/a",
        "Gauge/a",
    ] {
        assert_eq!(stage.object(name).await["spec"]["size"], 3, "{name}");
    }
    let listed = stage
        .done(json!({"list": "gauges.runbook.example.com", "selector": {"tier": "web"}}))
        .await;
    assert_eq!(listed["names"], json!(["a"]));
    let patched = stage
        .done(json!({"patch": "gg/a", "merge": {"spec": {"size": 4}}}))
        .await;
    assert_eq!(patched["object"]["spec"]["size"], 4);
    stage.done(json!({"scale": "gg/a", "replicas": 2})).await;
    let wait = json!({"wait": "gg/a", "for": {"field": "spec.replicas", "equals": 2}});
    stage.done(wait).await;
    let failure = stage
        .fails(json!({"patch": "gg/a", "merge": {"spec": {"size": 0}}}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Other, "{failure:?}");
    assert!(failure.message.contains("spec.size"), "{failure}");
    let strategic = stage
        .fails(json!({"patch": "gg/a", "strategic": {"spec": {"size": 5}}}))
        .await;
    assert!(!strategic.may_have_applied, "{strategic:?}");
    stage.done(json!({"delete": "gg/a"})).await;
    assert!(stage.done(json!({"get": "gg/a", "missing_ok": true})).await["object"].is_null());
    stage.done(json!({"delete": crd})).await;
}

#[tokio::test]
async fn what_was_done_to_an_object_of_a_defined_kind_is_put_back() {
    let stage = Stage::new().await;
    let crd = format!("crd/meters.{GROUP}");
    stage.done(json!({"apply": definition("Meter", "mtr")})).await;
    stage
        .done(json!({"wait": crd, "for": {"condition": "Established"}}))
        .await;
    stage.done(json!({"apply": object("Meter", "a", 3)})).await;
    for change in [
        json!({"patch": "meter/a", "merge": {"spec": {"size": 4}}}),
        json!({"apply": object("Meter", "a", 5), "force_conflicts": true}),
        json!({"delete": "meter/a"}),
    ] {
        let kept = stage.keeps(&change).await;
        stage.done(change.clone()).await;
        stage.undoes(&change, &kept).await.unwrap();
        assert_eq!(
            stage.object("meter/a").await["spec"],
            json!({"size": 3}),
            "{change}"
        );
    }
    stage.done(json!({"delete": crd})).await;
}
