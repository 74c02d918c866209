//! `rollback: auto`.

use runbook_action::ErrorKind;
use serde_json::{Value, json};

use super::{Stage, deployment};

/// What the author meant with an object, which an undo has to bring back.
fn spec(object: &Value) -> Value {
    object["spec"].clone()
}

#[tokio::test]
async fn each_change_is_put_back_field_by_field() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let before = spec(&stage.object("deployment/web").await);
    for change in [
        json!({"scale": "deployment/web", "replicas": 3}),
        json!({"set_image": "deployment/web", "image": "registry.invalid/none:1"}),
        json!({"set_env": "deployment/web", "env": {"A": "1"}}),
        json!({"set_resources": "deployment/web", "limits": {"memory": "64Mi"}}),
        json!({"patch": "deployment/web", "merge": {"spec": {"minReadySeconds": 1}}}),
    ] {
        let kept = stage.keeps(&change).await;
        // Nothing was done yet: there is nothing to put back.
        assert_eq!(
            stage.undoes(&change, &kept).await.unwrap()["changed"],
            false,
            "{change}"
        );
        stage.done(change.clone()).await;
        assert_ne!(spec(&stage.object("deployment/web").await), before, "{change}");
        assert_eq!(
            stage.undoes(&change, &kept).await.unwrap()["changed"],
            true,
            "{change}"
        );
        assert_eq!(spec(&stage.object("deployment/web").await), before, "{change}");
        assert_eq!(
            stage.undoes(&change, &kept).await.unwrap()["changed"],
            false,
            "{change}"
        );
    }
}

#[tokio::test]
async fn an_image_that_does_not_exist_is_rolled_back_without_a_pod_lost() {
    let stage = Stage::new().await;
    stage.deployment("web", 2).await;
    let pods = stage.done(json!({"list": "pods"})).await["names"].clone();
    let change = json!({"set_image": "deployment/web", "image": "registry.invalid/none:1"});
    let kept = stage.keeps(&change).await;
    stage.done(change.clone()).await;
    stage.fails(json!({"rollout_status": "deployment/web"})).await;
    stage.undoes(&change, &kept).await.unwrap();
    stage.done(json!({"rollout_status": "deployment/web"})).await;
    let left = stage
        .done(json!({"list": "pods", "field_selector": "status.phase=Running"}))
        .await;
    for pod in pods.as_array().unwrap().iter().take(1) {
        // At least those that the strategy never takes away are the same ones.
        assert!(left["names"].as_array().unwrap().contains(pod), "{left}");
    }
    assert_eq!(left["names"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn what_somebody_else_has_changed_since_is_never_overwritten() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let change = json!({"scale": "deployment/web", "replicas": 2});
    let kept = stage.keeps(&change).await;
    stage.done(change.clone()).await;
    stage
        .done(json!({"patch": "deployment/web", "merge": {"spec": {"replicas": 4}}}))
        .await;
    let failure = stage.undoes(&change, &kept).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.contains("is 4, and was left as 2"), "{failure}");
    assert_eq!(stage.object("deployment/web").await["spec"]["replicas"], 4);
}

#[tokio::test]
async fn what_was_applied_newly_is_taken_away_and_what_was_there_is_as_before() {
    let stage = Stage::new().await;
    let map = |value: &str| {
        json!({"apply": {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"key": value},
        }})
    };
    let kept = stage.keeps(&map("1")).await;
    stage.done(map("1")).await;
    let second = stage.keeps(&map("2")).await;
    stage.done(map("2")).await;
    assert_eq!(
        stage.undoes(&map("1"), &kept).await.unwrap_err().kind,
        ErrorKind::Conflict
    );
    stage.undoes(&map("2"), &second).await.unwrap();
    assert_eq!(stage.object("cm/a").await["data"]["key"], "1");
    stage.undoes(&map("1"), &kept).await.unwrap();
    assert!(stage.done(json!({"get": "cm/a", "missing_ok": true})).await["object"].is_null());
}

#[tokio::test]
async fn what_was_deleted_is_made_again() {
    let stage = Stage::new().await;
    stage.done(json!({"apply": deployment("web", 1)})).await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "labels": {"a": "1"}},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80}]},
    });
    stage.done(json!({"apply": service})).await;
    let delete = json!({"delete": "service/web"});
    let kept = stage.keeps(&delete).await;
    assert_eq!(kept.summary, "make service/web again");
    stage.done(delete.clone()).await;
    stage.undoes(&delete, &kept).await.unwrap();
    assert_eq!(stage.object("service/web").await["metadata"]["labels"]["a"], "1");
    assert_eq!(stage.undoes(&delete, &kept).await.unwrap()["changed"], false);
}
