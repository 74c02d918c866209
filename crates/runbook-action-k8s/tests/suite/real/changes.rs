//! The verbs that change.

use std::collections::BTreeSet;

use runbook_action::ErrorKind;
use serde_json::{Value, json};

use super::{IMAGE, Stage, deployment};

fn main_container(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"][0]
}

#[tokio::test]
async fn replicas_are_set_if_they_are_as_expected() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let scaled = stage
        .done(json!({"scale": "deployment/web", "replicas": 2, "current_replicas": 1}))
        .await;
    assert_eq!(
        (&scaled["changed"], &scaled["replicas"]["desired"]),
        (&json!(true), &json!(2))
    );
    let again = stage.done(json!({"scale": "deploy/web", "replicas": 2})).await;
    assert_eq!(again["changed"], false);
    let failure = stage
        .fails(json!({"scale": "deployment/web", "replicas": 5, "current_replicas": 1}))
        .await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::Conflict, Some("current_replicas"))
    );
}

#[tokio::test]
async fn images_variables_and_resources_are_set() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let set = stage
        .done(json!({"set_env": "deployment/web", "env": {"A": "1", "B": "2"}}))
        .await;
    assert_eq!(
        main_container(&set["object"])["env"],
        json!([{"name": "A", "value": "1"}, {"name": "B", "value": "2"}])
    );
    let set = stage
        .done(json!({"set_env": "deployment/web", "env": {"A": "3"}, "unset": ["B"]}))
        .await;
    assert_eq!(
        main_container(&set["object"])["env"],
        json!([{"name": "A", "value": "3"}])
    );
    let set = stage
        .done(json!({"set_env": "deployment/web", "env": {"A": "3"}}))
        .await;
    assert_eq!(set["changed"], false);
    let limits =
        json!({"set_resources": "deployment/web", "limits": {"memory": "64Mi"}, "requests": {"cpu": "10m"}});
    let set = stage.done(limits).await;
    let resources = &main_container(&set["object"])["resources"];
    assert_eq!(
        (&resources["limits"]["memory"], &resources["requests"]["cpu"]),
        (&json!("64Mi"), &json!("10m"))
    );
    let set = stage
        .done(json!({"set_image": "deployment/web", "image": IMAGE}))
        .await;
    assert_eq!(set["changed"], false);
    let failure = stage
        .fails(json!({"set_image": "deployment/web", "image": "x", "container": "other"}))
        .await;
    assert_eq!(
        (failure.kind, failure.help.as_deref()),
        (ErrorKind::NotFound, Some("it has `main`"))
    );
}

#[tokio::test]
async fn a_patch_is_of_the_form_that_the_author_chose() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let merged = json!({"patch": "deployment/web", "merge": {"metadata": {"labels": {"a": "1"}}}});
    assert_eq!(stage.done(merged).await["object"]["metadata"]["labels"]["a"], "1");
    let strategic = json!({"patch": "deployment/web", "strategic": {"spec": {"template": {"spec": {"containers": [
        {"name": "main", "env": [{"name": "X", "value": "1"}]},
    ]}}}}});
    let patched = stage.done(strategic).await;
    // The container of that name is changed, and the list is not replaced.
    assert_eq!(main_container(&patched["object"])["image"], IMAGE);
    let operations = json!({"patch": "deployment/web", "json": [
        {"op": "test", "path": "/metadata/labels/a", "value": "1"},
        {"op": "remove", "path": "/metadata/labels/a"},
    ]});
    let patched = stage.done(operations.clone()).await;
    assert!(patched["object"]["metadata"]["labels"]["a"].is_null());
    let failure = stage.fails(operations).await;
    assert!(!failure.may_have_applied, "{failure:?}");
}

#[tokio::test]
async fn what_another_has_set_is_taken_over_only_if_the_author_says_so() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    // Whoever patches owns what was patched, by the way it was done, even under the same name.
    stage
        .done(json!({"scale": "deployment/web", "replicas": 2}))
        .await;
    let again = json!({"apply": deployment("web", 1)});
    let failure = stage.fails(again).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.contains("spec.replicas"), "{failure}");
    let forced = json!({"apply": deployment("web", 1), "force_conflicts": true});
    assert_eq!(stage.done(forced).await["object"]["spec"]["replicas"], 1);
}

#[tokio::test]
async fn what_is_wrong_with_a_manifest_is_told_field_by_field() {
    let stage = Stage::new().await;
    let mut wrong = deployment("web", 1);
    wrong["spec"]["template"]["metadata"]["labels"] = json!({"app": "other"});
    let failure = stage.fails(json!({"apply": wrong})).await;
    assert!(
        failure.message.contains("spec.template.metadata.labels"),
        "{failure}"
    );
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn a_file_of_manifests_is_applied_and_deleted() {
    let stage = Stage::new().await;
    let text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n---\napiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n";
    std::fs::write(stage.root.path().join("all.yaml"), text).unwrap();
    let applied = stage.done(json!({"apply": "all.yaml"})).await;
    assert_eq!(applied["names"], json!(["a", "b"]));
    let deleted = stage.done(json!({"delete": {"file": "all.yaml"}})).await;
    assert_eq!(deleted["names"], json!(["b", "a"]));
    let failure = stage.fails(json!({"delete": {"file": "all.yaml"}})).await;
    assert_eq!(failure.kind, ErrorKind::NotFound);
    let fine = stage
        .done(json!({"delete": {"file": "all.yaml"}, "missing_ok": true}))
        .await;
    assert_eq!(fine["changed"], false);
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    stage
        .done(json!({"delete": "pods", "selector": {"app": "a"}, "grace": "1s"}))
        .await;
    assert!(stage.done(json!({"get": "pod/a", "missing_ok": true})).await["object"].is_null());
}

#[tokio::test]
async fn a_restart_replaces_pods_with_the_annotation_that_kubectl_uses() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let before = stage.done(json!({"list": "pods"})).await["names"].clone();
    let restarted = stage.done(json!({"restart": "deployment/web"})).await;
    let annotations = &restarted["object"]["spec"]["template"]["metadata"]["annotations"];
    assert!(
        annotations["kubectl.kubernetes.io/restartedAt"].is_string(),
        "{annotations}"
    );
    stage.done(json!({"rollout_status": "deployment/web"})).await;
    assert_ne!(
        stage
            .done(json!({"list": "pods", "field_selector": "status.phase=Running"}))
            .await["names"],
        before
    );
}

#[tokio::test]
async fn restarts_within_a_second_are_a_restart_each() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let mut revisions = Vec::new();
    for _ in 0..3 {
        let restarted = stage.done(json!({"restart": "deployment/web"})).await;
        let annotations = &restarted["object"]["spec"]["template"]["metadata"]["annotations"];
        revisions.push(annotations["kubectl.kubernetes.io/restartedAt"].to_string());
    }
    let unlike: BTreeSet<String> = revisions.into_iter().collect();
    assert_eq!(unlike.len(), 3, "{unlike:?}");
}

#[tokio::test]
async fn a_preview_changes_nothing_and_shows_each_field() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let before = stage.object("deployment/web").await["metadata"]["generation"].clone();
    let seen = stage
        .preview(json!({"set_image": "deployment/web", "image": "other:1"}))
        .await;
    assert_eq!(seen.summary, "1 object would change");
    assert!(
        seen.lines.iter().any(|line| line.text.contains("other:1")),
        "{seen:?}"
    );
    let seen = stage.preview(json!({"delete": "deployment/web"})).await;
    assert_eq!(seen.summary, "1 object would be deleted");
    let seen = stage
        .preview(json!({"scale": "deployment/web", "replicas": 1}))
        .await;
    assert_eq!(seen.summary, "nothing would change");
    assert_eq!(
        stage.object("deployment/web").await["metadata"]["generation"],
        before
    );
}
