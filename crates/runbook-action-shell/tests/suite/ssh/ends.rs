//! Nothing stays behind there, whoever goes first.

use std::sync::Arc;
use std::time::Duration;

use runbook_action::{Action, ErrorKind, Text, Transport};
use runbook_testkit::contract::Use;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use super::{There, there};
use crate::{in_time, lives, run, until};

/// A script that says who it and its child are, and then goes on for ever.
fn endless(there_is: &There, open: &Arc<dyn Transport>, trap: &str) -> Use {
    let root = there_is.place.root.path().display().to_string();
    let script = format!(
        "{trap}cd '{root}'; sleep 1000 & echo $! >child; echo $$ >leader; echo ready; while :; do sleep 1; done"
    );
    there(open, there_is.connection(), &json!(["sh", "-c", script]))
}

async fn all_gone(there_is: &There) {
    for name in ["leader", "child"] {
        let file = there_is.place.path(name);
        until("it is gone", || !lives(&file)).await;
    }
}

async fn is_ready(host: &FakeHost) {
    until("it runs", || host.stdout() == b"ready\n").await;
}

#[tokio::test]
async fn cancelling_ends_all_of_it() {
    for trap in ["", "trap '' TERM; "] {
        let there_is = There::new();
        let open = there_is.open().await;
        let host = FakeHost::new().grace(Duration::from_millis(300));
        let case = endless(&there_is, &open, trap);
        let (outcome, ()) = tokio::join!(run(&there_is.place.exec, &case, &host), async {
            is_ready(&host).await;
            host.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Cancelled);
        assert!(failure.may_have_applied);
        all_gone(&there_is).await;
        open.close().await;
    }
}

#[tokio::test]
async fn what_is_said_while_cleaning_up_is_kept() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new().grace(Duration::from_secs(20));
    let script = "trap 'echo cleaned; exit 0' TERM; echo ready; while :; do sleep 0.01; done";
    let case = there(&open, there_is.connection(), &json!(["sh", "-c", script]));
    let (outcome, ()) = tokio::join!(run(&there_is.place.exec, &case, &host), async {
        is_ready(&host).await;
        host.cancel();
    });
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    assert_eq!(host.stdout(), b"ready\ncleaned\n");
}

#[tokio::test]
async fn a_dropped_action_leaves_nothing_running() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new();
    let case = endless(&there_is, &open, "");
    tokio::select! {
        _ = case.run(&there_is.place.exec, &host) => panic!("it ended"),
        () = is_ready(&host) => {}
    }
    all_gone(&there_is).await;
}

/// As when somebody kills the clients, or this program, which is the only one that holds their inputs.
#[tokio::test]
async fn killed_clients_leave_nothing_running() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new();
    let case = endless(&there_is, &open, "");
    let config = there_is.server.config().display().to_string();
    let (outcome, ()) = tokio::join!(run(&there_is.place.exec, &case, &host), async {
        is_ready(&host).await;
        let script = "for f in /proc/[0-9]*/cmdline; do if tr '\\0' '\\n' <$f 2>/dev/null | grep -qxF -- \"$CONFIG\"; \
                      then p=${f%/cmdline}; kill -KILL ${p#/proc/}; fi; done";
        let kill = crate::with_env(json!(["sh", "-c", script]), &[("CONFIG", Text::literal(config))]);
        run(&there_is.place.exec, &kill, &FakeHost::new()).await.unwrap();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable);
    assert_eq!(failure.message, "the connection to `box` was lost");
    assert!(failure.may_have_applied);
    all_gone(&there_is).await;
    // The next program opens another connection.
    let again = there(&open, there_is.connection(), &json!(["true"]));
    run(&there_is.place.exec, &again, &FakeHost::new()).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_dies_in_the_middle_is_told_as_such() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new();
    let case = endless(&there_is, &open, "");
    let (outcome, ()) = tokio::join!(run(&there_is.place.exec, &case, &host), async {
        is_ready(&host).await;
        there_is.server.break_connections().unwrap();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable);
    assert!(failure.may_have_applied);
    all_gone(&there_is).await;
    let again = there(&open, there_is.connection(), &json!(["true"]));
    let again = run(&there_is.place.exec, &again, &FakeHost::new()).await;
    let log = std::fs::read_to_string(there_is.server.path("log")).unwrap();
    again.unwrap_or_else(|failure| panic!("{failure}: {log}"));
}

#[tokio::test]
async fn what_was_left_behind_on_purpose_is_not_waited_for() {
    let there_is = There::new();
    let open = there_is.open().await;
    let root = there_is.place.root.path().display().to_string();
    let script = format!("cd '{root}'; sleep 1000 & echo $! >left; echo $$ >group; echo done");
    let case = there(&open, there_is.connection(), &json!(["sh", "-c", script]));
    let output = in_time(run(&there_is.place.exec, &case, &FakeHost::new()))
        .await
        .unwrap();
    assert_eq!(output.value["stdout"], "done");
    open.close().await;
    assert!(lives(&there_is.place.path("left")));
    there_is
        .place
        .shell(json!("kill -- -$(cat group)"))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_run_s_end_ends_the_connection() {
    let there_is = There::new();
    let open = there_is.open().await;
    let case = there(&open, there_is.connection(), &json!(["true"]));
    run(&there_is.place.exec, &case, &FakeHost::new()).await.unwrap();
    open.close().await;
    let log = || std::fs::read_to_string(there_is.server.path("log")).unwrap();
    until("the server says so", || {
        log().contains("Disconnected from user") || log().contains("Close session")
    })
    .await;
}

#[tokio::test]
async fn a_resumed_run_settles_what_is_there() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new();
    let case = endless(&there_is, &open, "");
    let exec = &there_is.place.exec;
    let (outcome, settled) = in_time(async {
        tokio::join!(case.run(exec, &host), async {
            is_ready(&host).await;
            let handles = host.has_recorded().await;
            assert_eq!(handles[0].what, "remote_process_group");
            case.settle(exec, &FakeHost::new(), &handles).await
        })
    })
    .await;
    outcome.unwrap_err();
    assert_eq!(settled.unwrap().word(), "ended");
    all_gone(&there_is).await;
    let handles = host.handles();
    let again = case
        .settle(exec as &dyn Action, &FakeHost::new(), &handles)
        .await
        .unwrap();
    assert_eq!(again.word(), "nothing");
}
