//! What the server refuses, and whose fields are whose.

use runbook_cluster::Cluster;
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::rollouts::workload;

#[test]
fn what_breaks_the_rules_is_refused_with_its_causes() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let mut web = workload("Deployment", "web", 1);
    web["spec"]["replicas"] = json!(-1);
    web["spec"]["template"]["spec"]["containers"][0]["image"] = json!("");
    let why = kubectl.refused("create -f -", &web.to_string());
    for part in [
        "The Deployment \"web\" is invalid",
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "spec.template.spec.containers[0].image: Required value",
    ] {
        assert!(why.contains(part), "{part} in {why}");
    }
    let mut web = workload("Deployment", "web", 1);
    web["spec"]["replicaz"] = json!(1);
    let path = "/apis/apps/v1/namespaces/default/deployments?fieldValidation=Strict";
    let why = kubectl.refused(&format!("create --raw {path} -f -"), &web.to_string());
    assert!(
        why.contains("strict decoding error: unknown field \"spec.replicaz\""),
        "{why}"
    );
    let mut web = workload("Deployment", "web", 1);
    kubectl.fed("create -f -", &web.to_string());
    web["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    web["spec"]["template"]["metadata"]["labels"]["app"] = json!("other");
    let why = kubectl.refused("replace -f -", &web.to_string());
    assert!(why.contains("field is immutable"), "{why}");
    let why = kubectl.refused("scale deployment/web --replicas=2 --current-replicas=7", "");
    assert!(why.contains("Expected replicas to be 7, was 1"), "{why}");
}

#[test]
fn a_dry_run_answers_and_keeps_nothing() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let web = workload("Deployment", "web", 1).to_string();
    kubectl.fed("apply --server-side --dry-run=server -f -", &web);
    kubectl.refused("get deployment web", "");
    kubectl.fed("apply --server-side -f -", &web);
    kubectl.ok("scale deployment/web --replicas=5 --dry-run=server");
    assert_eq!(kubectl.json("get deployment web")["spec"]["replicas"], 1);
    kubectl.ok("delete deployment web --dry-run=server");
    kubectl.ok("get deployment web");
}

#[test]
fn fields_belong_to_who_set_them() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let config = |data: serde_json::Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data})
            .to_string()
    };
    kubectl.fed(
        "apply --server-side --field-manager=one -f -",
        &config(json!({"colour": "blue", "size": "1"})),
    );
    kubectl.fed(
        "apply --server-side --field-manager=two -f -",
        &config(json!({"shape": "round"})),
    );
    let why = kubectl.refused(
        "apply --server-side --field-manager=two -f -",
        &config(json!({"colour": "red", "shape": "round"})),
    );
    assert!(
        why.contains("Apply failed with 1 conflict: conflict with \"one\" using v1: .data.colour"),
        "{why}"
    );
    kubectl.fed(
        "apply --server-side --force-conflicts --field-manager=two -f -",
        &config(json!({"colour": "red", "shape": "round"})),
    );
    // What the first no longer wants goes; what the second has taken over stays.
    kubectl.fed("apply --server-side --field-manager=one -f -", &config(json!({})));
    let found = kubectl.json("get configmap settings");
    assert_eq!(found["data"], json!({"colour": "red", "shape": "round"}));
    let seen = kubectl.json("get configmap settings --show-managed-fields");
    assert_eq!(seen["metadata"]["managedFields"][0]["operation"], "Apply");
}

#[test]
fn custom_kinds_are_kinds() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "shortNames": ["wd"]},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "required": ["size"], "properties": {"size": {"type": "integer", "minimum": 1}}},
                }}},
                "subresources": {"status": {}},
            }],
        },
    });
    kubectl.fed("create -f -", &definition.to_string());
    kubectl.ok("wait --for=condition=Established crd/widgets.example.com --timeout=10s");
    let widget = |size: i64| {
        json!({"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": "a"}, "spec": {"size": size}})
            .to_string()
    };
    let why = kubectl.refused("create -f -", &widget(0));
    assert!(
        why.contains("spec.size in body should be greater than or equal to 1"),
        "{why}"
    );
    kubectl.fed("create -f -", &widget(2));
    assert_eq!(kubectl.json("get wd a")["spec"]["size"], 2);
    kubectl.ok("delete crd widgets.example.com --timeout=10s");
    kubectl.refused("get widgets", "");
}
