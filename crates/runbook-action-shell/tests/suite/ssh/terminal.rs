//! Programs with a terminal on another machine.

use std::sync::Arc;
use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{There, there};
use crate::{in_time, lives, run, until};

/// What a script prints and how it ends, with a terminal there.
async fn prints(there_is: &There, params: Value) -> Value {
    let open = there_is.open().await;
    let case = there(&open, there_is.connection(), &params);
    let output = in_time(run(&there_is.place.shell, &case, &FakeHost::new()))
        .await
        .unwrap();
    open.close().await;
    output.value
}

#[tokio::test]
async fn a_program_finds_a_terminal_there() {
    let there_is = There::new();
    let script = "test -t 0 && test -t 1 && test -t 2 && tty >/dev/null && echo out && echo err >&2; \
                  echo there >/dev/tty; stty size; stty -a | grep -o -e ' -echo '; ps -o stat= -p $$ | grep -o +";
    let told = prints(&there_is, json!({"run": script, "tty": true})).await;
    assert_eq!(
        told["lines"],
        json!(["out", "err", "there", "24 80", " -echo ", "+"])
    );
    assert_eq!((&told["stderr"], &told["exit_code"]), (&json!(""), &json!(0)));
    // As another user too, and all that belongs to a program comes along.
    let script = "id -un; test -t 0 && pwd; umask; printf '%s|' \"$@\"; exit 7";
    let open = there_is.open().await;
    let exec = json!({
        "argv": ["sh", "-c", script, "sh", "a b", "'\"$x"], "tty": true, "user": "nobody", "cwd": "/tmp",
        "umask": "027", "ok_exit_codes": [7],
    });
    let case = there(&open, there_is.connection(), &exec);
    let output = in_time(run(&there_is.place.exec, &case, &FakeHost::new()))
        .await
        .unwrap();
    assert_eq!(
        output.value["lines"],
        json!(["nobody", "/tmp", "0027", "a b|'\"$x|"])
    );
    assert_eq!(output.value["exit_code"], 7);
    open.close().await;
}

#[tokio::test]
async fn what_is_typed_there_ends_and_is_not_shown() {
    let there_is = There::new();
    for (stdin, printed) in [
        (json!(null), json!([])),
        (json!("one\ntwo\n"), json!(["one", "two"])),
        (json!("one\ntwo"), json!(["one", "two"])),
    ] {
        let told = prints(&there_is, json!({"run": "cat", "stdin": stdin, "tty": true})).await;
        assert_eq!(told["lines"], printed, "{stdin}");
    }
}

#[tokio::test]
async fn how_it_ends_there_is_told() {
    let there_is = There::new();
    let open = there_is.open().await;
    for (argv, kind, message) in [
        (json!(["sh", "-c", "exit 3"]), ErrorKind::Other, "exited with 3"),
        (
            json!(["sh", "-c", "kill -s KILL $$"]),
            ErrorKind::Other,
            "killed by SIGKILL",
        ),
        (
            json!(["no-such-program"]),
            ErrorKind::MissingProgram,
            "no-such-program",
        ),
    ] {
        let case = there(&open, there_is.connection(), &json!({"argv": argv, "tty": true}));
        let failure = in_time(run(&there_is.place.exec, &case, &FakeHost::new()))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.message.contains(message), "{failure:?}");
    }
    let case = there(
        &open,
        there_is.connection(),
        &json!({"argv": ["true"], "tty": true, "cwd": "/no/such"}),
    );
    let failure = in_time(run(&there_is.place.exec, &case, &FakeHost::new()))
        .await
        .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("cwd"), "{failure:?}");
    let case = there(
        &open,
        there_is.connection(),
        &json!({"argv": ["true"], "tty": true, "user": "no-such-user"}),
    );
    let failure = in_time(run(&there_is.place.exec, &case, &FakeHost::new()))
        .await
        .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("user"), "{failure:?}");
    open.close().await;
}

#[tokio::test]
async fn cancelling_and_losing_the_connection_leave_nothing_behind() {
    for (trap, breaks) in [
        ("", false),
        ("trap '' TERM HUP; ", false),
        ("", true),
        ("trap '' HUP; ", true),
    ] {
        let there_is = There::new();
        let open = there_is.open().await;
        let host = FakeHost::new().grace(Duration::from_millis(300));
        let root = there_is.place.root.path().display().to_string();
        let script = format!(
            "{trap}cd '{root}'; sleep 1000 & echo $! >child; echo $$ >leader; echo ready; while :; do sleep 1; done"
        );
        let case = there(
            &open,
            there_is.connection(),
            &json!({"argv": ["sh", "-c", script], "tty": true}),
        );
        let ends = async {
            until("it runs", || host.stdout().starts_with(b"ready")).await;
            if breaks {
                there_is.server.break_connections().unwrap();
            } else {
                host.cancel();
            }
        };
        let work = case.run(&there_is.place.exec, &host);
        let (outcome, ()) = in_time(async { tokio::join!(work, ends) }).await;
        let kind = if breaks {
            ErrorKind::Unreachable
        } else {
            ErrorKind::Cancelled
        };
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure:?}");
        assert!(failure.may_have_applied);
        for name in ["leader", "child"] {
            let file = there_is.place.path(name);
            until("it is gone", || !lives(&file)).await;
        }
        let open: Arc<_> = open;
        open.close().await;
    }
}
