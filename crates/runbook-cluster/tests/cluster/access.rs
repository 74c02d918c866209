//! Users, what they may do, and what goes wrong on order.

use std::sync::Arc;
use std::time::Duration;

use runbook_cluster::{Cluster, Fault, Faulty, Verdict, Webhook};
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::nodes;
use crate::rollouts::workload;

#[test]
fn users_may_do_what_their_roles_say() {
    let cluster = Cluster::start().unwrap();
    let admin = Kubectl::new(&cluster, "admin");
    let jane = Kubectl::new(&cluster, "jane");
    let why = jane.refused("get pods", "");
    assert_eq!(
        why.trim(),
        "Error from server (Forbidden): pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\""
    );
    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]}],
    });
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": {"name": "jane"},
        "subjects": [{"kind": "User", "name": "jane"}],
        "roleRef": {"kind": "Role", "name": "reader", "apiGroup": "rbac.authorization.k8s.io"},
    });
    admin.fed("create -f -", &role.to_string());
    admin.fed("create -f -", &binding.to_string());
    jane.ok("get pods");
    jane.refused("get pods -A", "");
    jane.refused("get pods -n kube-system", "");
    admin.ok("get pods --as=jane");
    admin.refused("get secrets --as=jane", "");
    cluster.expire("jane");
    let why = jane.refused("get pods", "");
    assert!(why.contains("You must be logged in to the server"), "{why}");
}

#[test]
fn an_eviction_waits_for_the_budget() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    kubectl.fed("create -f -", &workload("Deployment", "web", 2).to_string());
    kubectl.ok("rollout status deployment/web --timeout=30s");
    let budget = json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
        "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "web"}}},
    });
    kubectl.fed("create -f -", &budget.to_string());
    kubectl.ok("wait --for=jsonpath={.status.currentHealthy}=2 pdb/web --timeout=30s");
    let pods = kubectl.json("get pods -l app=web");
    let name = pods["items"][0]["metadata"]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/namespaces/default/pods/{name}/eviction");
    let eviction =
        json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name}}).to_string();
    let why = kubectl.refused(&format!("create --raw {path} -f -"), &eviction);
    assert!(
        why.contains("Cannot evict pod as it would violate the pod's disruption budget"),
        "{why}"
    );
    kubectl.run_words(
        &[
            "patch",
            "pdb",
            "web",
            "--type=merge",
            "-p",
            r#"{"spec":{"minAvailable":1}}"#,
        ],
        "",
    );
    kubectl.ok("wait --for=jsonpath={.status.disruptionsAllowed}=1 pdb/web --timeout=30s");
    kubectl.fed(&format!("create --raw {path} -f -"), &eviction);
    kubectl.ok(&format!("wait --for=delete pod/{name} --timeout=30s"));
    kubectl.ok("cordon node-1");
    assert_eq!(kubectl.json("get node node-1")["spec"]["unschedulable"], true);
    kubectl.ok("uncordon node-1");
}

#[test]
fn what_is_ordered_to_go_wrong_does() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    cluster.fault(
        Faulty::next(Fault::InternalError)
            .verb("list")
            .resource("secrets"),
    );
    assert!(kubectl.refused("get secrets", "").contains("etcdserver"));
    kubectl.ok("get secrets");
    cluster.webhook(Webhook {
        name: "images.example.com".to_owned(),
        delay: Duration::ZERO,
        timeout: Duration::from_secs(10),
        judge: Arc::new(|change| {
            if change.id == "configmaps" {
                Verdict::Deny("no settings today".to_owned())
            } else {
                Verdict::Allow
            }
        }),
    });
    let settings =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}}).to_string();
    let why = kubectl.refused("create -f -", &settings);
    assert!(
        why.contains("admission webhook \"images.example.com\" denied the request: no settings today"),
        "{why}"
    );
    cluster.mend();
    kubectl.fed("create -f -", &settings);
    cluster.go_away();
    kubectl.refused("get configmap settings --request-timeout=2s", "");
    cluster.come_back();
    kubectl.ok("get configmap settings");
}

#[test]
fn a_namespace_goes_with_all_that_is_in_it() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    let space = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "lab"}}).to_string();
    kubectl.fed("create -f -", &space);
    kubectl.fed(
        "create -n lab -f -",
        &workload("Deployment", "web", 2).to_string(),
    );
    kubectl.ok("rollout status -n lab deployment/web --timeout=30s");
    kubectl.ok("delete namespace lab --timeout=30s");
    assert!(cluster.objects().list("pods", Some("lab")).is_empty());
}
