//! The verbs that start and end containers, and how they are put back.

use runbook_action::ErrorKind;
use runbook_testkit::docker::{Engine, unique};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{docker, done, fails, idle, used};

#[tokio::test]
async fn containers_are_started_and_ended() {
    let engine = Engine::shared();
    let status = |name: &str| engine.field(name, "{{.State.Status}}");
    let (one, two) = (idle("one", &[]), idle("two", &[]));
    let both = [one.as_str(), two.as_str()];
    let stopped = done(json!({"stop": both, "grace": "500ms"})).await;
    assert_eq!(stopped["changed"], true);
    assert_eq!(stopped["containers"][1]["state"]["exit_code"], 0);
    assert_eq!(
        (status(&one).as_str(), status(&two).as_str()),
        ("exited", "exited")
    );
    assert_eq!(done(json!({"stop": both})).await["changed"], false);
    let started = done(json!({"start": one})).await;
    assert_eq!(
        (&started["changed"], &started["container"]["state"]["status"]),
        (&json!(true), &json!("running"))
    );
    assert_eq!(done(json!({"start": one})).await["changed"], false);

    let began = engine.field(&one, "{{.State.StartedAt}}");
    assert_eq!(
        done(json!({"restart": one, "grace": "1s"})).await["changed"],
        true
    );
    assert_ne!(engine.field(&one, "{{.State.StartedAt}}"), began);

    let running = fails(json!({"rm": one})).await;
    assert_eq!(
        (running.kind, running.may_have_applied),
        (ErrorKind::Conflict, false)
    );
    done(json!({"kill": one, "signal": "TERM"})).await;
    while status(&one) != "exited" {
        tokio::task::yield_now().await;
    }
    let removed = done(json!({"rm": both})).await;
    assert_eq!(removed["removed"], json!(both));
    assert_eq!(status(&one), "");
}

#[tokio::test]
async fn what_was_stopped_is_started_again() {
    let engine = Engine::shared();
    let (one, two) = (idle("one", &[]), idle("two", &[]));
    let _stopped = engine.docker(&["stop", "-t", "1", &two]);
    let runs = |name: &str| engine.field(name, "{{.State.Running}}") == "true";
    let stop = used(json!({"stop": [one, two], "grace": "1s"}));
    let (docker, host) = (docker(), FakeHost::new());
    let kept = stop.prepare(&docker, &host).await.unwrap().unwrap();
    assert_eq!(kept.summary, format!("start `{one}`, stop `{two}`, as it was"));
    stop.run(&docker, &host).await.unwrap();
    assert!(!runs(&one));
    for changed in [true, false] {
        let undone = stop.undo(&docker, &host, &kept).await.unwrap();
        assert_eq!(undone.value["changed"], changed);
        assert_eq!(
            (runs(&one), runs(&two)),
            (true, false),
            "only what ran before runs again"
        );
    }

    // Somebody has made another container under the name since.
    stop.run(&docker, &host).await.unwrap();
    let _removed = engine.docker(&["rm", "-f", &one]);
    let _made = engine.docker(&["create", "--name", &one, runbook_testkit::docker::IMAGE]);
    let conflict = stop.undo(&docker, &host, &kept).await.unwrap_err();
    assert_eq!(
        (conflict.kind, conflict.may_have_applied),
        (ErrorKind::Conflict, false)
    );
    assert!(!runs(&one), "nothing is overwritten");
}

#[tokio::test]
async fn one_that_dies_at_once_is_told() {
    let engine = Engine::shared();
    let name = unique("short");
    let argv = [
        "create",
        "--name",
        &name,
        runbook_testkit::docker::IMAGE,
        "sh",
        "-c",
        "exit 3",
    ];
    let _made = engine.docker(&argv);
    let failure = fails(json!({"start": name})).await;
    assert_eq!(
        failure.message,
        format!("container `{name}` has exited with code 3 at once")
    );
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::Conflict, Some("start"))
    );
    assert!(failure.may_have_applied);
    let name = unique("fine");
    let _made = engine.docker(&["create", "--name", &name, runbook_testkit::docker::IMAGE, "true"]);
    assert_eq!(
        done(json!({"start": name})).await["container"]["state"]["exit_code"],
        0
    );
}
