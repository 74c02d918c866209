//! The verbs that look.

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::Stage;

#[tokio::test]
async fn objects_are_read_by_name_by_kind_and_by_label() {
    let stage = Stage::new().await;
    for (name, tier) in [("a", "web"), ("b", "web"), ("c", "db")] {
        let map = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": name, "labels": {"tier": tier}}, "data": {"key": name},
        });
        stage.done(json!({"apply": map})).await;
    }
    for kind in ["configmap", "configmaps", "cm", "ConfigMap"] {
        assert_eq!(
            stage.object(&format!("{kind}/a")).await["data"]["key"],
            "a",
            "{kind}"
        );
    }
    let found = stage
        .done(json!({"list": "cm", "selector": {"tier": "web"}}))
        .await;
    assert_eq!(found["names"], json!(["a", "b"]));
    assert_eq!(found["items"][0]["kind"], "ConfigMap");
    let found = stage
        .done(json!({"get": "configmaps", "selector": "tier notin (web)"}))
        .await;
    assert!(found["names"].as_array().unwrap().contains(&json!("c")));
    assert!(!found["names"].as_array().unwrap().contains(&json!("a")));
    let found = stage.done(json!({"list": "cm", "limit": 1})).await;
    assert_eq!(found["names"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_told() {
    let stage = Stage::new().await;
    let failure = stage.fails(json!({"get": "deployment/none"})).await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("get"))
    );
    let missing = stage
        .done(json!({"get": "deployment/none", "missing_ok": true}))
        .await;
    assert!(missing["object"].is_null());
    let failure = stage.fails(json!({"get": "unicorns"})).await;
    assert_eq!(failure.kind, ErrorKind::NotFound);
    assert!(failure.message.contains("knows no kind `unicorns`"), "{failure}");
}

#[tokio::test]
async fn what_a_container_printed_is_read() {
    let stage = Stage::new().await;
    stage
        .pod("talker", "echo one; echo two; echo three; sleep 3600")
        .await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"logs": "pod/talker", "tail": 2}));
    let read = used.run(&stage.action, &host).await.unwrap().value;
    assert_eq!(read["logs"]["lines"], json!(["two", "three"]));
    assert_eq!(host.stdout(), b"two\nthree\n");
    let failure = stage
        .fails(json!({"logs": "pod/talker", "container": "other"}))
        .await;
    assert_eq!(failure.kind, ErrorKind::NotFound);
    assert_eq!(failure.help.as_deref(), Some("it has `main`"));
}

#[tokio::test]
async fn the_logs_of_several_pods_tell_whose_each_line_is() {
    let stage = Stage::new().await;
    stage.pod("one", "echo hello; sleep 3600").await;
    let pods = json!({"logs": "pods", "selector": {"app": "one"}});
    assert_eq!(stage.done(pods).await["logs"]["text"], "hello");
    stage.pod("two", "echo hello; sleep 3600").await;
    let read = stage
        .done(json!({"logs": "pods", "selector": "app in (one, two)"}))
        .await;
    assert_eq!(
        read["logs"]["lines"],
        json!(["[one/main] hello", "[two/main] hello"])
    );
}

#[tokio::test]
async fn events_tell_what_happened_to_an_object() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let read = stage.done(json!({"events": "deployment/web"})).await;
    let events = read["events"].as_array().unwrap();
    assert!(
        events.iter().any(|event| event["reason"] == "ScalingReplicaSet"),
        "{events:?}"
    );
    assert!(
        events.iter().all(|event| event["object"] == "deployment/web"),
        "{events:?}"
    );
    let all = stage.done(json!({"events": "all"})).await;
    assert!(all["events"].as_array().unwrap().len() > events.len());
}

#[tokio::test]
async fn what_pods_and_nodes_use_is_measured() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let one = stage.done(json!({"top": "pod/a"})).await;
    let usage = &one["usage"][0];
    assert_eq!((&usage["name"], &usage["container"]), (&json!("a"), &json!(null)));
    assert!(
        usage["cpu"].is_number() && usage["memory"].as_u64().is_some(),
        "{usage}"
    );
    let apart = stage.done(json!({"top": "pods", "containers": true})).await;
    assert_eq!(apart["usage"][0]["container"], "main");
    assert_eq!(apart["names"], json!(["a"]));
    let nodes = stage.done(json!({"top": "nodes"})).await;
    let names = stage.done(json!({"list": "nodes"})).await["names"].clone();
    assert_eq!(nodes["names"], names);
    assert!(nodes["usage"][0]["memory"].as_u64().unwrap() > 0, "{nodes}");
}
