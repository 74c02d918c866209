//! Rollouts: waiting for them, their history, going back.

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::Stage;

#[tokio::test]
async fn a_rollout_is_waited_for_and_told() {
    let stage = Stage::new().await;
    stage.done(json!({"apply": super::deployment("web", 2)})).await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"rollout_status": "deployment/web"}));
    let done = used.run(&stage.action, &host).await.unwrap().value;
    assert_eq!(
        done["replicas"],
        json!({"desired": 2, "updated": 2, "ready": 2, "available": 2})
    );
    assert_eq!(done["revision"], 1);
}

#[tokio::test]
async fn an_image_that_is_not_there_fails_early_and_says_so() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    stage
        .done(json!({"set_image": "deployment/web", "image": "registry.invalid/none:1"}))
        .await;
    let failure = stage.fails(json!({"rollout_status": "deployment/web"})).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.contains("ImagePullBackOff"), "{failure}");
}

#[tokio::test]
async fn a_container_that_keeps_dying_fails_early_with_its_last_words() {
    let stage = Stage::new().await;
    let mut broken = super::deployment("web", 1);
    broken["spec"]["template"]["spec"]["containers"][0] = super::container("echo the key is missing; exit 3");
    // Without it a container that lives for a moment is available for that moment, and the rollout complete.
    broken["spec"]["minReadySeconds"] = json!(30);
    stage.done(json!({"apply": broken})).await;
    let failure = stage.fails(json!({"rollout_status": "deployment/web"})).await;
    assert!(failure.message.contains("CrashLoopBackOff"), "{failure}");
    assert!(failure.message.contains("the key is missing"), "{failure}");
}

#[tokio::test]
async fn one_goes_back_to_the_revision_that_is_named() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    for value in ["2", "3"] {
        stage
            .done(json!({"set_env": "deployment/web", "env": {"V": value}}))
            .await;
        stage.done(json!({"rollout_status": "deployment/web"})).await;
    }
    let history = stage.done(json!({"rollout_history": "deployment/web"})).await;
    let numbers: Vec<i64> = history["revisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["revision"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(history["revisions"][0]["images"]["main"], super::IMAGE);
    let undone = stage
        .done(json!({"undo": "deployment/web", "to_revision": 1}))
        .await;
    assert_eq!(undone["changed"], true);
    assert!(undone["object"]["spec"]["template"]["spec"]["containers"][0]["env"].is_null());
    stage
        .done(json!({"rollout_status": "deployment/web", "revision": 4}))
        .await;
    let undone = stage.done(json!({"undo": "deployment/web"})).await;
    assert_eq!(
        undone["object"]["spec"]["template"]["spec"]["containers"][0]["env"][0]["value"],
        "3"
    );
    let failure = stage
        .fails(json!({"undo": "deployment/web", "to_revision": 77}))
        .await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("to_revision"))
    );
}

#[tokio::test]
async fn what_is_waited_for_is_said_when_the_waiting_is_ended() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"wait": "pod/a", "for": {"field": "status.phase", "equals": "Failed"}}));
    let waiting = used.run(&stage.action, &host);
    let cancel = async {
        // It has said what it waits for.
        while host.stderr().is_empty() {
            tokio::task::yield_now().await;
        }
        host.cancel();
    };
    let (ended, ()) = tokio::join!(waiting, cancel);
    let failure = ended.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(
        failure.message.contains("`status.phase` is \"Running\""),
        "{failure}"
    );
}

#[tokio::test]
async fn the_end_of_an_object_is_waited_for() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let delete = stage.done(json!({"delete": "pod/a", "grace": "1s"}));
    let wait = stage.done(json!({"wait": "pod/a", "for": "deleted"}));
    tokio::join!(delete, wait);
}
