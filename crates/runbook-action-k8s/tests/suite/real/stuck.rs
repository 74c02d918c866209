//! Rollouts that the cluster itself gives up.

use runbook_action::ErrorKind;
use serde_json::json;

use super::{Stage, deployment};

#[tokio::test]
async fn a_quota_that_leaves_no_room_fails_early_with_its_words() {
    let stage = Stage::new().await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}, "spec": {"hard": {"pods": "1"}},
    });
    stage.done(json!({"apply": quota})).await;
    // Until it has been counted a quota allows nothing at all.
    stage
        .done(json!({"wait": "resourcequota/small", "for": {"field": "status.used.pods", "equals": "0"}}))
        .await;
    stage.done(json!({"apply": deployment("web", 2)})).await;
    let failure = stage.fails(json!({"rollout_status": "deployment/web"})).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    for word in ["FailedCreate", "exceeded quota: small", "limited: pods=1"] {
        assert!(failure.message.contains(word), "{failure}");
    }
    // As soon as there is room the rollout goes on by itself.
    stage
        .done(json!({"patch": "quota/small", "merge": {"spec": {"hard": {"pods": "4"}}}}))
        .await;
    let room = json!({"wait": "deployment/web", "for": {"field": "status.availableReplicas", "equals": 2}});
    stage.done(room).await;
    stage.done(json!({"rollout_status": "deployment/web"})).await;
}

#[tokio::test]
async fn a_quota_that_old_pods_make_room_in_is_no_failure() {
    let stage = Stage::new().await;
    let mut web = deployment("web", 2);
    web["spec"]["strategy"] = json!({"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}});
    stage.done(json!({"apply": web})).await;
    stage.done(json!({"rollout_status": "deployment/web"})).await;
    let quota = json!({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "exact"}, "spec": {"hard": {"pods": "2"}},
    });
    stage.done(json!({"apply": quota})).await;
    stage
        .done(json!({"wait": "quota/exact", "for": {"field": "status.used.pods", "equals": "2"}}))
        .await;
    stage.done(json!({"restart": "deployment/web"})).await;
    let done = stage.done(json!({"rollout_status": "deployment/web"})).await;
    assert_eq!(done["replicas"]["updated"], 2);
}

#[tokio::test]
async fn a_rollout_beyond_its_deadline_fails_with_the_words_of_the_cluster() {
    let stage = Stage::new().await;
    let mut web = deployment("web", 1);
    web["spec"]["progressDeadlineSeconds"] = json!(1);
    web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"exec": {"command": ["false"]}, "periodSeconds": 1});
    stage.done(json!({"apply": web})).await;
    let failure = stage.fails(json!({"rollout_status": "deployment/web"})).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.contains("ProgressDeadlineExceeded"), "{failure}");
    assert!(failure.message.contains("has timed out progressing"), "{failure}");
}
