//! Making, reading, changing and deleting plain objects.

use runbook_cluster::Cluster;
use serde_json::json;

use crate::kubectl::Kubectl;

#[test]
fn what_is_created_is_read_changed_and_deleted() {
    let cluster = Cluster::start().unwrap();
    let kubectl = Kubectl::new(&cluster, "admin");
    let settings = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"colour": "blue"},
    });
    kubectl.fed("create -f -", &settings.to_string());
    let found = kubectl.json("get configmap settings");
    assert_eq!(found["data"]["colour"], "blue");
    kubectl.run_words(
        &[
            "patch",
            "configmap",
            "settings",
            "--type=merge",
            "-p",
            r#"{"data":{"colour":"red","size":"1"}}"#,
        ],
        "",
    );
    let found = kubectl.json("get cm settings");
    assert_eq!(found["data"], json!({"colour": "red", "size": "1"}));
    assert!(kubectl.ok("get configmaps,namespaces -A").contains("settings"));
    kubectl.ok("delete configmap settings");
    let why = kubectl.refused("get configmap settings", "");
    assert_eq!(
        why.trim(),
        "Error from server (NotFound): configmaps \"settings\" not found"
    );
}
