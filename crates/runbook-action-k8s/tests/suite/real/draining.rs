//! Which pods leave a node that is drained, and which stay. Nobody drains a cluster that others use, so these tests have
//! one of their own.

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{Own, Stage, container};

async fn stage(own: &Own) -> Stage {
    Stage::of(own.config("admin")).await
}

impl Stage {
    /// A pod on a node, laid over with more.
    async fn on(&self, node: &str, name: &str, metadata: &Value, spec: &Value) {
        let mut pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 0, "containers": [container("sleep 3600")]},
        });
        for (part, more) in [("metadata", metadata), ("spec", spec)] {
            for (key, value) in more.as_object().unwrap() {
                pod[part][key] = value.clone();
            }
        }
        self.done(json!({"apply": pod})).await;
        self.done(
            json!({"wait": format!("pod/{name}"), "for": {"field": "status.phase", "equals": "Running"}}),
        )
        .await;
    }
}

#[tokio::test]
async fn pods_of_daemon_sets_and_of_the_node_itself_stay() {
    let own = Own::start();
    let stage = stage(&own).await;
    let agent = json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "agent"},
        "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {
                "metadata": {"labels": {"app": "agent"}},
                // It has a directory that goes with it, which is no matter as it stays.
                "spec": {"containers": [container("sleep 3600")], "volumes": [{"name": "scratch", "emptyDir": {}}]},
            },
        },
    });
    stage.done(json!({"apply": agent})).await;
    stage.done(json!({"rollout_status": "ds/agent"})).await;
    let mirror = json!({"annotations": {"kubernetes.io/config.mirror": "1"}});
    stage.on("node-1", "etcd-node-1", &mirror, &json!({})).await;
    stage.on("node-1", "alone", &json!({}), &json!({})).await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"drain": "node-1", "force": true}));
    let drained = used.run(&stage.action, &host).await.unwrap().value;
    assert_eq!(drained["names"], json!(["alone"]));
    let said = String::from_utf8(host.stderr()).unwrap();
    assert!(
        said.contains("/etcd-node-1` stays: the node itself runs it"),
        "{said}"
    );
    assert!(said.contains("stays: it belongs to a daemonset"), "{said}");
    let left = stage
        .done(json!({"list": "pods", "field_selector": "spec.nodeName=node-1"}))
        .await;
    assert_eq!(left["names"].as_array().unwrap().len(), 2, "{left}");
}

#[tokio::test]
async fn scratch_directories_are_lost_only_if_the_author_says_so() {
    let own = Own::start();
    let stage = stage(&own).await;
    let scratch = json!({"volumes": [{"name": "scratch", "emptyDir": {}}]});
    stage.on("node-1", "cache", &json!({}), &scratch).await;
    let ended = json!({
        "restartPolicy": "Never", "volumes": [{"name": "scratch", "emptyDir": {}}], "containers": [container("true")],
        "nodeName": "node-1",
    });
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ended"}, "spec": ended});
    stage.done(json!({"apply": pod})).await;
    stage
        .done(json!({"wait": "pod/ended", "for": {"field": "status.phase", "equals": "Succeeded"}}))
        .await;
    let failure = stage.fails(json!({"drain": "node-1", "force": true})).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(
        failure
            .message
            .contains("/cache` would lose what is in its `emptyDir` volumes"),
        "{failure}"
    );
    assert!(!failure.message.contains("/ended`"), "{failure}");
    assert!(
        failure.help.as_deref().unwrap().contains("delete_emptydir: true"),
        "{failure:?}"
    );
    assert!(stage.object("node/node-1").await["spec"]["unschedulable"].is_null());
    let drained = stage
        .done(json!({"drain": "node-1", "force": true, "delete_emptydir": true}))
        .await;
    assert_eq!(drained["names"], json!(["cache", "ended"]));
}
