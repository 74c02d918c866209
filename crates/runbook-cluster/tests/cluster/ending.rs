//! Deletion: what depends on an object, and what keeps it from going.

use runbook_cluster::Cluster;
use serde_json::json;

use crate::kubectl::Kubectl;
use crate::nodes;
use crate::rollouts::workload;

fn rolled_out() -> (Cluster, Kubectl) {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    kubectl.fed("create -f -", &workload("Deployment", "web", 2).to_string());
    kubectl.ok("rollout status deployment/web --timeout=30s");
    (cluster, kubectl)
}

#[test]
fn who_deletes_in_the_foreground_sees_the_owner_go_last() {
    let (cluster, kubectl) = rolled_out();
    kubectl.ok("delete deployment web --cascade=foreground --timeout=30s");
    let objects = cluster.objects();
    assert!(objects.list("replicasets.apps", Some("default")).is_empty());
    assert!(objects.list("pods", Some("default")).is_empty());
}

#[test]
fn who_deletes_in_the_background_sees_the_owner_go_first() {
    let (_cluster, kubectl) = rolled_out();
    kubectl.ok("delete deployment web --cascade=background --timeout=30s");
    for kind in ["replicasets", "pods"] {
        let rest = kubectl.run(&format!("wait --for=delete {kind} -l app=web --timeout=30s"), "");
        // There may be nothing left to wait for.
        assert!(
            rest.ok || rest.stderr.contains("no matching resources found"),
            "{}",
            rest.stderr
        );
    }
    assert_eq!(kubectl.ok("get replicasets,pods -o name"), "");
}

#[test]
fn orphans_stay_and_belong_to_nobody() {
    let (cluster, kubectl) = rolled_out();
    kubectl.ok("delete deployment web --cascade=orphan --timeout=30s");
    let sets = cluster.objects().list("replicasets.apps", Some("default"));
    assert_eq!(sets.len(), 1);
    assert!(sets[0]["metadata"]["ownerReferences"].is_null());
    assert_eq!(cluster.objects().list("pods", Some("default")).len(), 2);
}

#[test]
fn an_object_with_a_finalizer_is_only_marked_until_somebody_takes_it_away() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let map = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "held", "finalizers": ["example.com/hold"]},
    });
    kubectl.fed("create -f -", &map.to_string());
    kubectl.ok("delete configmap held --wait=false");
    let held = kubectl.json("get configmap held");
    let marked = held["metadata"]["deletionTimestamp"].clone();
    assert!(marked.is_string());
    assert_eq!(held["metadata"]["deletionGracePeriodSeconds"], 0);
    // A second time changes nothing, and it can neither be brought back nor be held by others.
    kubectl.ok("delete configmap held --wait=false");
    assert_eq!(
        kubectl.json("get configmap held")["metadata"]["deletionTimestamp"],
        marked
    );
    let more = r#"{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}"#;
    let why = kubectl.run_words(&["patch", "configmap", "held", "--type=merge", "-p", more], "");
    assert!(
        why.stderr
            .contains("no new finalizers can be added if the object is being deleted"),
        "{}",
        why.stderr
    );
    let free = r#"{"metadata":{"finalizers":null}}"#;
    let freed = kubectl.run_words(&["patch", "configmap", "held", "--type=merge", "-p", free], "");
    assert!(freed.ok, "{}", freed.stderr);
    kubectl.refused("get configmap held", "");
}

#[test]
fn a_deletion_may_say_which_object_it_means() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    kubectl.makes("create configmap a");
    let path = "/api/v1/namespaces/default/configmaps/a";
    let options = json!({"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": "other"}});
    let why = kubectl.refused(&format!("delete --raw {path} -f -"), &options.to_string());
    assert!(
        why.contains("Operation cannot be fulfilled on configmaps \"a\": Precondition failed: UID in precondition: other, UID in object meta: "),
        "{why}"
    );
    kubectl.ok("get configmap a");
}
