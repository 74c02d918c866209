//! What only a cluster shows that does as it is told: a server that goes away, that is busy, that forgets.

use std::sync::Arc;
use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_cluster::{Fault, Faulty, Verdict, Webhook};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{Own, Stage};

async fn stage(own: &Own) -> Stage {
    Stage::of(own.config("admin")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_goes_on_when_the_server_comes_back_or_has_forgotten() {
    let own = Own::start();
    let stage = stage(&own).await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"wait": "configmap/late", "for": "created"}));
    let waiting = used.run(&stage.action, &host);
    let meanwhile = async {
        while host.stderr().is_empty() {
            tokio::task::yield_now().await;
        }
        own.cluster.go_away();
        own.cluster.compact();
        own.cluster.come_back();
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "late"}});
        stage.done(json!({"apply": map})).await;
    };
    let (ended, ()) = tokio::join!(waiting, meanwhile);
    assert_eq!(ended.unwrap().value["names"], json!(["late"]));
}

#[tokio::test]
async fn a_busy_server_is_asked_again_as_late_as_it_says() {
    let own = Own::start();
    let stage = stage(&own).await;
    own.cluster
        .fault(Faulty::next(Fault::TooManyRequests { retry_after: 1 }).verb("patch"));
    let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    stage.done(json!({"apply": map})).await;
    own.cluster.fault(
        Faulty::next(Fault::TooManyRequests { retry_after: 0 })
            .verb("get")
            .times(100),
    );
    let failure = stage.fails(json!({"get": "cm/a"})).await;
    assert!(failure.retry_after.is_some(), "{failure:?}");
    own.cluster.mend();
}

#[tokio::test]
async fn a_change_that_somebody_came_between_is_worked_out_anew() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.deployment("web", 1).await;
    own.cluster.fault(
        Faulty::next(Fault::Conflict)
            .verb("patch")
            .resource("deployments.apps")
            .times(2),
    );
    let set = stage
        .done(json!({"set_env": "deployment/web", "env": {"A": "1"}}))
        .await;
    assert_eq!(set["changed"], true);
}

#[tokio::test]
async fn an_expired_token_is_read_again_and_else_told() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.done(json!({"list": "cm"})).await;
    own.cluster.expire("admin");
    let failure = stage.fails(json!({"list": "cm"})).await;
    assert_eq!((failure.kind, failure.help.is_some()), (ErrorKind::Auth, true));
    // Somebody has logged in again.
    own.user("admin");
    stage.done(json!({"list": "cm"})).await;
}

#[tokio::test]
async fn a_server_that_is_gone_refuses_and_nothing_was_applied() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.deployment("web", 1).await;
    own.cluster.go_away();
    let failure = stage
        .fails(json!({"scale": "deployment/web", "replicas": 2}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure:?}");
    assert!(!failure.may_have_applied);
    own.cluster.come_back();
}

#[tokio::test]
async fn a_cut_change_may_have_been_applied() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.deployment("web", 1).await;
    own.cluster.fault(Faulty::next(Fault::Cut).verb("patch"));
    let failure = stage
        .fails(json!({"scale": "deployment/web", "replicas": 2}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(failure.may_have_applied);
}

#[tokio::test]
async fn a_node_is_closed_and_its_pods_evicted() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.pod("alone", "sleep 3600").await;
    let node = stage.object("pod/alone").await["spec"]["nodeName"]
        .as_str()
        .unwrap()
        .to_owned();
    let failure = stage.fails(json!({"drain": node})).await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(
        failure.help.as_deref().unwrap().contains("force: true"),
        "{failure:?}"
    );
    assert!(stage.object(&format!("node/{node}")).await["spec"]["unschedulable"].is_null());
    let seen = stage.preview(json!({"drain": node, "force": true})).await;
    assert_eq!(seen.summary, "1 pod would be evicted");
    let drained = stage
        .done(json!({"drain": node, "force": true, "grace": "1s"}))
        .await;
    assert_eq!(drained["names"], json!(["alone"]));
    assert_eq!(drained["object"]["spec"]["unschedulable"], true);
    let open = json!({"uncordon": format!("node/{node}")});
    let kept = stage.keeps(&open).await;
    stage.done(open.clone()).await;
    stage.undoes(&open, &kept).await.unwrap();
    assert_eq!(
        stage.object(&format!("node/{node}")).await["spec"]["unschedulable"],
        true
    );
}

#[tokio::test]
async fn a_webhook_that_gives_no_answer_is_named_and_nothing_was_applied() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.deployment("web", 1).await;
    own.cluster.webhook(Webhook {
        name: "slow.example.com".to_owned(),
        delay: Duration::from_secs(30),
        timeout: Duration::from_millis(1),
        judge: Arc::new(|_| Verdict::Allow),
    });
    let failure = stage
        .fails(json!({"scale": "deployment/web", "replicas": 2}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Timeout, "{failure:?}");
    assert!(failure.message.contains("slow.example.com"), "{failure}");
    assert!(!failure.may_have_applied);
    own.cluster.mend();
}

#[tokio::test]
async fn what_a_webhook_refuses_is_met_by_a_preview_already() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.deployment("web", 1).await;
    own.cluster.webhook(Webhook {
        name: "images.example.com".to_owned(),
        delay: Duration::ZERO,
        timeout: Duration::from_secs(10),
        judge: Arc::new(|_| Verdict::Deny("only signed images".to_owned())),
    });
    let change = stage.used(&json!({"set_image": "deployment/web", "image": "other:1"}));
    let failure = change.preview(&stage.action, &FakeHost::new()).await.unwrap_err();
    assert!(failure.message.contains("only signed images"), "{failure}");
    own.cluster.mend();
}

#[tokio::test]
async fn a_disruption_budget_is_waited_for() {
    let own = Own::start();
    let stage = stage(&own).await;
    stage.pod("alone", "sleep 3600").await;
    let node = stage.object("pod/alone").await["spec"]["nodeName"].clone();
    own.cluster.fault(
        Faulty::next(Fault::TooManyRequests { retry_after: 1 })
            .verb("create")
            .resource("pods/eviction")
            .times(2),
    );
    let host = FakeHost::new();
    let used = stage.used(&json!({"drain": node, "force": true, "grace": "1s"}));
    used.run(&stage.action, &host).await.unwrap();
    let said = String::from_utf8(host.stderr()).unwrap();
    assert!(said.contains("pod `alone` is not let go yet"), "{said}");
}
