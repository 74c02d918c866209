//! Processes: how they end, what they leave behind, and how they are stopped.

use std::path::Path;
use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Place, in_time, lives, run, until, used};

fn has_line(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.ends_with('\n'))
}

/// Runs a script, cancels it when it has written `ready`, and gives how it ended.
async fn cancelled(place: &Place, host: &FakeHost, script: &str) -> Failure {
    let ready = place.path("ready");
    let case = used(json!(script));
    let (outcome, ()) = tokio::join!(run(&place.shell, &case, host), async {
        until("the script is ready", || has_line(&ready)).await;
        host.cancel();
    });
    outcome.unwrap_err()
}

#[tokio::test]
async fn cancelling_ends_the_whole_group() {
    let place = Place::new();
    let host = FakeHost::new().grace(Duration::from_secs(20));
    let script = "sleep 1000 & echo $! >child; (sleep 1001 & echo $! >grandchild; echo >ready; wait); wait";
    let failure = cancelled(&place, &host, script).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(failure.may_have_applied);
    for name in ["child", "grandchild"] {
        let file = place.path(name);
        until("it is gone", || !lives(&file)).await;
    }
}

#[tokio::test]
async fn what_ignores_the_request_is_killed_after_its_grace() {
    let place = Place::new();
    let host = FakeHost::new().grace(Duration::from_millis(50));
    let script = "trap '' TERM; echo $$ >leader; sleep 1000 & echo $! >child; echo >ready; wait; sleep 1000";
    let failure = cancelled(&place, &host, script).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    for name in ["leader", "child"] {
        let file = place.path(name);
        until("it is gone", || !lives(&file)).await;
    }
}

#[tokio::test]
async fn a_child_that_outlives_its_obedient_parent_is_killed_too() {
    let place = Place::new();
    let host = FakeHost::new().grace(Duration::from_millis(200));
    let script = "sh -c 'trap \"\" TERM; echo $$ >child; echo >ready; sleep 1000; sleep 1000' & wait";
    cancelled(&place, &host, script).await;
    let file = place.path("child");
    until("it is gone", || !lives(&file)).await;
}

#[tokio::test]
async fn what_is_said_while_cleaning_up_is_kept() {
    let place = Place::new();
    let host = FakeHost::new().grace(Duration::from_secs(20));
    let script = "trap 'echo cleaned; exit 0' TERM; echo >ready; while :; do sleep 0.01; done";
    let failure = cancelled(&place, &host, script).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert_eq!(host.stdout(), b"cleaned\n");
}

#[tokio::test]
async fn a_dropped_action_leaves_nothing_running() {
    let place = Place::new();
    let (host, case) = (
        FakeHost::new(),
        used(json!("echo $$ >leader; sleep 1000 & echo $! >child; wait")),
    );
    let child = place.path("child");
    tokio::select! {
        _ = case.run(&place.shell, &host) => panic!("it ended"),
        () = until("it runs", || has_line(&child)) => {}
    }
    for name in ["leader", "child"] {
        let file = place.path(name);
        until("it is gone", || !lives(&file)).await;
    }
}

#[tokio::test]
async fn a_process_left_behind_is_not_waited_for() {
    let place = Place::new();
    for noise in ["", "while :; do echo noise; sleep 0.05; done & "] {
        let script = format!("{noise}sleep 1000 & echo $! >left; echo $$ >group; echo done");
        let output = in_time(place.shell(json!(script))).await.unwrap();
        assert!(output.value["stdout"].as_str().unwrap().contains("done"));
        // It was started on purpose, and stays.
        assert!(lives(&place.path("left")));
        place.shell(json!("kill -- -$(cat group)")).await.unwrap();
    }
}

#[tokio::test]
async fn a_signal_is_named() {
    let place = Place::new();
    for (signal, name) in [("KILL", "SIGKILL"), ("SEGV", "SIGSEGV"), ("RTMIN", "signal 34")] {
        let case = used(json!([
            "bash",
            "-c",
            format!("echo last words >&2; kill -{signal} $$; sleep 5")
        ]));
        for asking in [false, true] {
            let host = FakeHost::new();
            let outcome = if asking {
                case.ask(&place.exec, &host).await
            } else {
                case.run(&place.exec, &host).await
            };
            let failure = outcome.unwrap_err();
            assert_eq!(failure.message, format!("killed by {name}: last words"));
            assert!(failure.may_have_applied);
        }
    }
}

#[tokio::test]
async fn standard_input_is_given_or_empty() {
    let place = Place::new();
    let output = place.shell(json!("cat; echo end")).await.unwrap();
    assert_eq!(output.value["stdout"], "end");
    let output = place
        .exec(json!({"argv": ["cat"], "stdin": "a\nb\n\n"}))
        .await
        .unwrap();
    assert_eq!(output.value["stdout"], "a\nb\n");
    let big = "x".repeat(5_000_000);
    let output = place.exec(json!({"argv": ["true"], "stdin": big})).await.unwrap();
    assert_eq!(output.value["exit_code"], 0);
    let output = place
        .exec(json!({"argv": ["wc", "-c"], "stdin": big}))
        .await
        .unwrap();
    assert_eq!(output.value["json"], 5_000_000);
}
