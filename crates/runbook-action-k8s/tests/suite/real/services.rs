//! Services that a cluster looks after.

use runbook_action::{ErrorKind, Failure, Inverse, Output};
use runbook_action_k8s::Services;
use runbook_testkit::contract::{Subject, Use, check};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{IMAGE, Stage, container, deployment};

impl Stage {
    fn services(&self) -> Services {
        Services::new(self.action.clone())
    }

    async fn serve(&self, params: Value) -> Result<Output, Failure> {
        self.used(&params).run(&self.services(), &FakeHost::new()).await
    }

    async fn served(&self, params: Value) -> Value {
        match self.serve(params.clone()).await {
            Ok(output) => output.value,
            Err(failure) => panic!("{params}: {failure:?}"),
        }
    }

    async fn refuses(&self, params: Value) -> Failure {
        match self.serve(params.clone()).await {
            Ok(output) => panic!("{params}: {output:?}"),
            Err(failure) => failure,
        }
    }

    /// Gets ready, does it, and gives what was kept and a use that puts it back.
    async fn done_and_kept(&self, params: Value) -> (Use, Inverse, Value) {
        let used = self.used(&params);
        let kept = used.prepare(&self.services(), &FakeHost::new()).await;
        let kept = kept.unwrap().unwrap();
        let done = self.served(params).await;
        (used, kept, done)
    }

    async fn put_back(&self, (used, kept, _): &(Use, Inverse, Value)) -> Result<Value, Failure> {
        let undone = used.undo(&self.services(), &FakeHost::new(), kept).await;
        undone.map(|output| output.value)
    }

    async fn names(&self) -> Value {
        self.done(json!({"list": "pods"})).await["names"].clone()
    }
}

#[tokio::test]
async fn a_service_is_stopped_and_started_with_as_many_as_before() {
    let stage = Stage::new().await;
    stage.deployment("web", 2).await;
    let status = stage.served(json!({"status": "web"})).await;
    let expected = json!({
        "running": true, "state": "available", "replicas": 2, "ready": 2, "lines": [], "changed": false,
    });
    assert_eq!(status, expected);
    let seen = stage
        .used(&json!({"stop": "web"}))
        .preview(&stage.services(), &FakeHost::new())
        .await;
    assert_eq!(seen.unwrap().unwrap().summary, "1 object would change");

    let stopped = stage.done_and_kept(json!({"stop": "web"})).await;
    let expected = json!({
        "running": false, "state": "stopped", "replicas": 0, "ready": 0, "lines": [], "changed": true,
    });
    assert_eq!(stopped.2, expected);
    // It was waited for.
    assert_eq!(stage.names().await, json!([]));
    assert_eq!(stage.served(json!({"stop": "web"})).await["changed"], false);
    let started = stage.served(json!({"start": "web"})).await;
    assert_eq!(
        (&started["ready"], &started["changed"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(stage.served(json!({"start": "web"})).await["changed"], false);

    let again = stage.done_and_kept(json!({"stop": "web"})).await;
    let undone = stage.put_back(&again).await.unwrap();
    assert_eq!((&undone["ready"], &undone["changed"]), (&json!(2), &json!(true)));
    let metadata = stage.object("deployment/web").await["metadata"].clone();
    assert!(!metadata.to_string().contains("before-stop"), "{metadata}");
}

#[tokio::test]
async fn a_service_is_scaled_and_restarted_and_waited_for() {
    let stage = Stage::new().await;
    stage.deployment("web", 1).await;
    let scaled = stage
        .done_and_kept(json!({"scale": "deployment/web", "replicas": 2}))
        .await;
    assert_eq!(
        (&scaled.2["ready"], &scaled.2["changed"]),
        (&json!(2), &json!(true))
    );
    assert_eq!(stage.put_back(&scaled).await.unwrap()["replicas"], 1);
    stage
        .done(json!({"wait": "deployment/web", "for": {"field": "status.replicas", "equals": "1"}}))
        .await;

    // Somebody else's number is not overwritten.
    let scaled = stage.done_and_kept(json!({"scale": "web", "replicas": 2})).await;
    stage
        .done(json!({"scale": "deployment/web", "replicas": 3}))
        .await;
    let failure = stage.put_back(&scaled).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict, "{failure:?}");

    stage.served(json!({"scale": "web", "replicas": 1})).await;
    let before = stage.names().await;
    let restarted = stage.served(json!({"restart": "web"})).await;
    assert_eq!(
        (&restarted["state"], &restarted["changed"]),
        (&json!("available"), &json!(true))
    );
    assert_ne!(stage.names().await, before);
}

#[tokio::test]
async fn images_variables_and_limits_are_set_and_put_back() {
    let stage = Stage::new().await;
    let sidecar = json!({"name": "side", "image": IMAGE, "command": ["sh", "-c", "sleep 3600"]});
    let mut main = container("echo \"I am $ROLE\"; sleep 3600");
    main["name"] = json!("web");
    let mut web = deployment("web", 1);
    web["spec"]["template"]["spec"]["containers"] = json!([sidecar, main]);
    stage.done(json!({"apply": web})).await;
    stage.served(json!({"start": "web"})).await;
    let of = |object: &Value, key: &str| object["spec"]["template"]["spec"]["containers"][1][key].clone();

    // The container is the one of its name.
    let set = stage
        .done_and_kept(json!({"set_env": "web", "env": {"ROLE": "$(x) 'y'"}}))
        .await;
    assert_eq!((&set.2["changed"], &set.2["ready"]), (&json!(true), &json!(1)));
    let now = stage.object("deployment/web").await;
    assert_eq!(of(&now, "env"), json!([{"name": "ROLE", "value": "$(x) 'y'"}]));
    assert_eq!(now["spec"]["template"]["spec"]["containers"][0].get("env"), None);
    let logs = stage.served(json!({"logs": "web", "lines": 5})).await;
    assert!(logs["lines"].to_string().contains("I am $(x) 'y'"), "{logs}");
    stage.put_back(&set).await.unwrap();
    assert_eq!(of(&stage.object("deployment/web").await, "env"), Value::Null);

    let set = stage
        .done_and_kept(json!({"set_limits": "web", "memory": "256m", "cpus": "0.5"}))
        .await;
    assert_eq!(set.2["changed"], true);
    let now = stage.object("deployment/web").await;
    assert_eq!(of(&now, "resources")["limits"]["memory"], "256Mi");
    stage.put_back(&set).await.unwrap();
    assert_eq!(
        of(&stage.object("deployment/web").await, "resources").get("limits"),
        None
    );

    // An image that cannot be had fails early, and the service never went away.
    let broken = json!({"set_image": "web", "image": "busybox:no-such-tag"});
    let used = stage.used(&broken);
    let kept = used
        .prepare(&stage.services(), &FakeHost::new())
        .await
        .unwrap()
        .unwrap();
    let failure = stage.refuses(broken).await;
    assert_eq!(
        (failure.kind, failure.may_have_applied),
        (ErrorKind::Conflict, true),
        "{failure:?}"
    );
    assert!(failure.message.contains("cannot succeed"), "{failure:?}");
    assert_eq!(stage.served(json!({"status": "web"})).await["running"], true);
    used.undo(&stage.services(), &FakeHost::new(), &kept)
        .await
        .unwrap();
    assert_eq!(of(&stage.object("deployment/web").await, "image"), IMAGE);
    assert_eq!(stage.served(json!({"status": "web"})).await["state"], "available");
}

#[tokio::test]
async fn a_stateful_set_is_a_service_too_and_a_daemon_set_is_never_stopped() {
    let stage = Stage::new().await;
    let made = |kind: &str| {
        let mut object = deployment("db", 1);
        object["kind"] = json!(kind);
        object
    };
    let mut set = made("StatefulSet");
    set["spec"]["serviceName"] = json!("db");
    stage.done(json!({"apply": set})).await;
    assert_eq!(stage.served(json!({"restart": "db"})).await["ready"], 1);
    assert_eq!(stage.names().await, json!(["db-0"]));
    let mut daemon = made("DaemonSet");
    daemon["metadata"]["name"] = json!("agent");
    daemon["spec"].as_object_mut().unwrap().remove("replicas");
    daemon["spec"]["selector"]["matchLabels"]["app"] = json!("agent");
    daemon["spec"]["template"]["metadata"]["labels"]["app"] = json!("agent");
    stage.done(json!({"apply": daemon})).await;
    assert_eq!(
        stage.served(json!({"restart": "agent"})).await["state"],
        "available"
    );
    let failure = stage.refuses(json!({"stop": "daemonset/agent"})).await;
    assert!(
        failure.message.contains("neither started nor stopped"),
        "{failure:?}"
    );
    let failure = stage.refuses(json!({"status": "none"})).await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("status"))
    );
    assert_eq!(
        failure.message,
        "there is no deployment, stateful set or daemon set `none`"
    );
    let failure = stage.refuses(json!({"set_limits": "db", "memory": "much"})).await;
    assert_eq!(failure.param.as_deref(), Some("memory"));
    let failure = stage.refuses(json!({"restart": "service/db"})).await;
    assert_eq!(failure.param.as_deref(), Some("restart"));
}

#[tokio::test(flavor = "multi_thread")]
async fn service_keeps_to_the_contract() {
    let stage = Stage::new().await;
    let mut never = deployment("never", 1);
    // It is there and never ready, so whoever waits for it waits on.
    never["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] =
        json!({"exec": {"command": ["false"]}, "periodSeconds": 1});
    stage.done(json!({"apply": never})).await;
    stage.deployment("web", 1).await;
    check(&Subject {
        action: &stage.services(),
        endless: stage.used(&json!({"restart": "never"})),
        begun: &|host| !host.stderr().is_empty(),
        failing: vec![
            stage.used(&json!({"start": "none"})),
            stage.used(&json!({"start": "web", "replicas": 2})),
            stage.used(&json!({"scale": "web"})),
            stage.used(&json!({"set_limits": "web", "cpus": "-1"})),
            stage.used(&json!({"set_env": "web", "env": {}})),
            stage.used(&json!({"stop": "pod/web"})),
        ],
        world: &String::new,
    })
    .await;
}
