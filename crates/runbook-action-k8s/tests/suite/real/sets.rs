//! Rollouts of stateful sets and daemon sets, and going back in both.

use runbook_action::ErrorKind;
use serde_json::{Value, json};

use super::{Stage, container};

fn set(kind: &str, name: &str, spec: &Value) -> Value {
    let mut set = json!({
        "apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {"terminationGracePeriodSeconds": 0, "containers": [container("sleep 3600")]},
            },
        },
    });
    for (key, value) in spec.as_object().unwrap() {
        set["spec"][key] = value.clone();
    }
    set
}

impl Stage {
    /// Sets a variable, and waits for the rollout.
    async fn rolls(&self, name: &str, value: &str) -> Value {
        self.done(json!({"set_env": name, "env": {"V": value}})).await;
        self.done(json!({"rollout_status": name})).await
    }

    /// The variable `V` in each pod of this application, by the pods' names.
    async fn variables(&self, app: &str) -> Vec<(String, Value)> {
        let pods = self.done(json!({"list": "pods", "selector": {"app": app}})).await;
        let pods = pods["items"].as_array().unwrap().iter();
        let is_there = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
        pods.filter(is_there)
            .map(|pod| {
                let name = pod["metadata"]["name"].as_str().unwrap().to_owned();
                (name, pod["spec"]["containers"][0]["env"][0]["value"].clone())
            })
            .collect()
    }
}

/// The numbers of the revisions that there are.
fn numbers(history: &Value) -> Vec<i64> {
    let revisions = history["revisions"].as_array().unwrap().iter();
    revisions.map(|one| one["revision"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn a_stateful_set_is_rolled_out_as_far_as_its_partition_and_then_all_of_it() {
    let stage = Stage::new().await;
    let strategy =
        |partition: u32| json!({"type": "RollingUpdate", "rollingUpdate": {"partition": partition}});
    let spec = json!({"serviceName": "db", "replicas": 2, "updateStrategy": strategy(1)});
    stage
        .done(json!({"apply": set("StatefulSet", "db", &spec)}))
        .await;
    stage.done(json!({"rollout_status": "statefulset/db"})).await;
    stage.rolls("statefulset/db", "2").await;
    let seen = stage.variables("db").await;
    assert_eq!(
        seen,
        [("db-0".to_owned(), Value::Null), ("db-1".to_owned(), json!("2"))]
    );
    let opened = json!({"patch": "sts/db", "merge": {"spec": {"updateStrategy": strategy(0)}}});
    stage.done(opened).await;
    let done = stage.done(json!({"rollout_status": "sts/db"})).await;
    assert_eq!(done["replicas"]["updated"], 2);
    assert_eq!(stage.variables("db").await[0].1, "2");
}

#[tokio::test]
async fn a_stateful_set_goes_back_to_a_revision_and_its_history_tells_so() {
    let stage = Stage::new().await;
    let spec = json!({"serviceName": "db", "replicas": 1});
    stage
        .done(json!({"apply": set("StatefulSet", "db", &spec)}))
        .await;
    stage.done(json!({"rollout_status": "statefulset/db"})).await;
    stage.rolls("statefulset/db", "2").await;
    stage.rolls("statefulset/db", "3").await;
    let history = stage.done(json!({"rollout_history": "statefulset/db"})).await;
    assert_eq!(numbers(&history), [1, 2, 3]);
    assert_eq!(history["revisions"][0]["images"]["main"], super::IMAGE);
    let undone = stage
        .done(json!({"undo": "statefulset/db", "to_revision": 1}))
        .await;
    assert_eq!(undone["changed"], true);
    stage.done(json!({"rollout_status": "statefulset/db"})).await;
    assert_eq!(stage.variables("db").await, [("db-0".to_owned(), Value::Null)]);
    // The same template is the same revision, which is the latest one now.
    let history = stage.done(json!({"rollout_history": "statefulset/db"})).await;
    assert_eq!(numbers(&history), [2, 3, 4]);
    let again = stage
        .done(json!({"undo": "statefulset/db", "to_revision": 4}))
        .await;
    assert_eq!(again["changed"], false);
    stage.done(json!({"undo": "statefulset/db"})).await;
    stage.done(json!({"rollout_status": "statefulset/db"})).await;
    assert_eq!(stage.variables("db").await[0].1, "3");
    let failure = stage
        .fails(json!({"undo": "statefulset/db", "to_revision": 1}))
        .await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("to_revision"))
    );
}

#[tokio::test]
async fn a_set_whose_pods_somebody_has_to_delete_is_not_waited_for() {
    let stage = Stage::new().await;
    let manual = json!({"type": "OnDelete"});
    let spec = json!({"serviceName": "db", "replicas": 1, "updateStrategy": manual});
    stage
        .done(json!({"apply": set("StatefulSet", "db", &spec)}))
        .await;
    stage
        .done(json!({"apply": set("DaemonSet", "agent", &json!({"updateStrategy": manual}))}))
        .await;
    for name in ["statefulset/db", "daemonset/agent"] {
        let failure = stage.fails(json!({"rollout_status": name})).await;
        assert_eq!(failure.kind, ErrorKind::Conflict, "{name}");
        assert!(
            failure.message.contains("only when somebody deletes them"),
            "{failure}"
        );
    }
}

#[tokio::test]
async fn a_daemon_set_is_rolled_out_on_every_node_and_goes_back() {
    let stage = Stage::new().await;
    stage
        .done(json!({"apply": set("DaemonSet", "agent", &json!({}))}))
        .await;
    let first = stage.done(json!({"rollout_status": "daemonset/agent"})).await;
    let nodes = first["replicas"]["desired"].as_u64().unwrap();
    assert!(nodes > 0);
    let done = stage.rolls("ds/agent", "2").await;
    assert_eq!(done["replicas"]["updated"], nodes);
    assert!(
        stage
            .variables("agent")
            .await
            .iter()
            .all(|(_, value)| value == "2")
    );
    let history = stage
        .done(json!({"rollout_history": "ds/agent", "revision": 2}))
        .await;
    assert_eq!(numbers(&history), [2]);
    stage.done(json!({"undo": "ds/agent", "to_revision": 1})).await;
    stage.done(json!({"rollout_status": "ds/agent"})).await;
    assert!(
        stage
            .variables("agent")
            .await
            .iter()
            .all(|(_, value)| value.is_null())
    );
    let history = stage.done(json!({"rollout_history": "ds/agent"})).await;
    assert_eq!(numbers(&history), [2, 3]);
    let failure = stage
        .fails(json!({"rollout_history": "ds/agent", "revision": 1}))
        .await;
    assert_eq!(failure.kind, ErrorKind::NotFound);
}
