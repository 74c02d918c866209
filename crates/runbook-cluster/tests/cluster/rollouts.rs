//! Deployments, stateful sets and daemon sets, as kubectl sees them.

use runbook_cluster::Cluster;
use serde_json::{Value, json};

use crate::kubectl::Kubectl;
use crate::nodes;

pub(crate) fn workload(kind: &str, name: &str, replicas: u32) -> Value {
    let mut object = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"containers": [{"name": "main", "image": "web:1", "ports": [{"containerPort": 80}]}]},
            },
        },
    });
    match kind {
        "StatefulSet" => object["spec"]["serviceName"] = json!(name),
        "DaemonSet" => {
            object["spec"].as_object_mut().unwrap().remove("replicas");
        }
        _ => {}
    }
    object
}

#[test]
fn a_deployment_is_rolled_out_scaled_updated_and_undone() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    kubectl.fed("apply -f -", &workload("Deployment", "web", 3).to_string());
    kubectl.ok("rollout status deployment/web --timeout=30s");
    let found = kubectl.json("get deployment web");
    assert_eq!(found["status"]["availableReplicas"], 3);
    assert_eq!(
        found["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "1"
    );
    kubectl.ok("scale deployment/web --replicas=4");
    kubectl.ok("rollout status deployment/web --timeout=30s");
    kubectl.ok("set image deployment/web main=web:2");
    kubectl.ok("rollout status deployment/web --timeout=30s");
    let pods = kubectl.json("get pods -l app=web");
    let images: Vec<&Value> = pods["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| &pod["spec"]["containers"][0]["image"])
        .collect();
    assert_eq!(images, ["web:2"; 4]);
    let history = kubectl.ok("rollout history deployment/web");
    assert!(history.contains("\n1 ") && history.contains("\n2 "), "{history}");
    kubectl.ok("rollout undo deployment/web --to-revision=1");
    kubectl.ok("rollout status deployment/web --timeout=30s");
    let found = kubectl.json("get deployment web");
    assert_eq!(
        found["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
    assert_eq!(
        found["metadata"]["annotations"]["deployment.kubernetes.io/revision"],
        "3"
    );
    assert!(
        kubectl
            .ok("describe deployment web")
            .contains("ScalingReplicaSet")
    );
    kubectl.ok("delete deployment web --timeout=30s");
    kubectl.ok("wait --for=delete pods -l app=web --timeout=30s");
}

#[test]
fn an_image_that_is_not_there_takes_nothing_away() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    let mut web = workload("Deployment", "web", 3);
    web["spec"]["progressDeadlineSeconds"] = json!(1);
    kubectl.fed("apply -f -", &web.to_string());
    kubectl.ok("rollout status deployment/web --timeout=30s");
    kubectl.ok("set image deployment/web main=missing:1");
    let why = kubectl.refused("rollout status deployment/web --timeout=30s", "");
    assert!(why.contains("exceeded its progress deadline"), "{why}");
    let found = kubectl.json("get deployment web");
    assert_eq!(found["status"]["availableReplicas"], 3);
    assert_eq!(found["status"]["updatedReplicas"], 1);
}

#[test]
fn stateful_and_daemon_sets_have_revisions() {
    let cluster = Cluster::start().unwrap();
    nodes::run(&cluster);
    let kubectl = Kubectl::new(&cluster, "admin");
    for (kind, name, pods) in [("StatefulSet", "db", 3), ("DaemonSet", "agent", 2)] {
        kubectl.fed("apply -f -", &workload(kind, name, 3).to_string());
        let about = format!("{kind}/{name}").to_lowercase();
        kubectl.ok(&format!("rollout status {about} --timeout=30s"));
        kubectl.ok(&format!("set image {about} main=web:2"));
        kubectl.ok(&format!("rollout status {about} --timeout=30s"));
        let found = kubectl.json(&format!("get pods -l app={name}"));
        let images: Vec<&Value> = found["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|pod| &pod["spec"]["containers"][0]["image"])
            .collect();
        assert_eq!(images, vec!["web:2"; pods], "{name}");
        kubectl.ok(&format!("rollout undo {about}"));
        kubectl.ok(&format!("rollout status {about} --timeout=30s"));
        let found = kubectl.json(&format!("get {about}"));
        assert_eq!(
            found["spec"]["template"]["spec"]["containers"][0]["image"],
            "web:1"
        );
        kubectl.ok(&format!("rollout restart {about}"));
        kubectl.ok(&format!("rollout status {about} --timeout=30s"));
    }
}
