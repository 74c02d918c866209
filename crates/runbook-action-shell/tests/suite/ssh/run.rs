//! What runs there, and what it finds.

use runbook_action::{Command, End, ErrorKind};
use runbook_testkit::contract::secret;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{There, there, with};
use crate::{in_time, run};

#[tokio::test]
async fn programs_run_there_with_what_they_are_given() {
    let there_is = There::new();
    let open = there_is.open().await;
    let case = |params: Value| there(&open, there_is.connection(), &params);
    let exec = &there_is.place.exec;
    let hostile = [
        "a b",
        "$(id)",
        "`id`",
        "'",
        "''",
        "\"",
        "\\",
        "\n",
        "\r",
        "\t",
        "é€😀",
        "-n",
        "--",
        "",
        "*",
        "~",
        "!",
        "#",
        ";",
        "&",
        "|",
        "<",
        ">",
        "$HOME",
        "%s",
        "a=b",
        "\u{1b}",
        "\u{7f}",
    ];
    let mut argv = vec!["printf", "%s|"];
    argv.extend(hostile);
    let output = run(exec, &case(json!(argv)), &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["stdout"], format!("{}|", hostile.join("|")));

    let bytes = "a\nb\u{1}\u{0}c";
    let read = case(json!({"argv": ["cat"], "stdin": bytes}));
    let output = run(exec, &read, &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["stdout"], bytes);
    let output = run(exec, &case(json!(["cat"])), &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["stdout"], "");
    let big = "x".repeat(3_000_000);
    let read = case(json!({"argv": ["wc", "-c"], "stdin": big}));
    let output = run(exec, &read, &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["json"], 3_000_000);
    let ignored = case(json!({"argv": ["true"], "stdin": big}));
    run(exec, &ignored, &FakeHost::new()).await.unwrap();

    let where_ = case(json!({"argv": ["sh", "-c", "pwd; umask"], "cwd": "/usr", "umask": "027"}));
    let output = run(exec, &where_, &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["lines"], json!(["/usr", "0027"]));
    let other = case(json!({"argv": ["id", "-un"], "user": "nobody"}));
    let output = run(exec, &other, &FakeHost::new()).await.unwrap();
    assert_eq!(output.value["stdout"], "nobody");
    open.close().await;
}

#[tokio::test]
async fn scripts_run_there_in_bash() {
    let there_is = There::new();
    let open = there_is.open().await;
    let script = "test -n \"$BASH_VERSION\"; echo \"$0 $SSH_CONNECTION\"; echo no >&2; false | true";
    let case = there(&open, there_is.connection(), &json!(script));
    let host = FakeHost::new();
    let failure = run(&there_is.place.shell, &case, &host).await.unwrap_err();
    assert_eq!(failure.message, "exited with 1: no");
    assert!(host.stdout().starts_with(b"bash 127.0.0.1 "));
    assert_eq!(host.stderr(), b"no\n");
}

#[tokio::test]
async fn a_secret_gets_there_and_is_on_no_command_line() {
    let there_is = There::new();
    let open = there_is.open().await;
    let script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '; printf %s \"$TOKEN\" >&2";
    let case = there(&open, there_is.connection(), &json!(["sh", "-c", script]));
    let case = with(case, &[("TOKEN", secret("token", "hunter2-'\n$x"))]);
    let host = FakeHost::new();
    run(&there_is.place.exec, &case, &host).await.unwrap();
    assert_eq!(host.stderr(), b"hunter2-'\n$x");
    let lines = host.stdout();
    let lines = String::from_utf8_lossy(&lines);
    assert!(lines.contains("ControlMaster"), "the client is seen");
    assert!(!lines.contains("hunter2"));
}

#[tokio::test]
async fn its_end_is_told_as_it_was() {
    let there_is = There::new();
    let open = there_is.open().await;
    for code in [0, 1, 126, 127, 128, 254, 255] {
        let command = Command::new(["sh", "-c", &format!("exit {code}")]);
        let ended = in_time(open.output(&command, 100)).await.unwrap();
        assert_eq!(ended.end, End::Code(code));
    }
    let command = Command::new(["sh", "-c", "kill -KILL $$"]);
    let ended = in_time(open.output(&command, 100)).await.unwrap();
    assert_eq!(ended.end.to_string(), "killed by SIGKILL");
    let case = there(&open, there_is.connection(), &json!(["sh", "-c", "exit 255"]));
    let failure = run(&there_is.place.exec, &case, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (ErrorKind::Other, "exited with 255")
    );
}

#[tokio::test]
async fn what_is_missing_there_is_named() {
    let there_is = There::new();
    let open = there_is.open().await;
    let case = there(&open, there_is.connection(), &json!(["pritnf", "x"]));
    let failure = run(&there_is.place.exec, &case, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert_eq!(
        failure.to_string(),
        "`[0]`: the program `pritnf` is not installed on `box`"
    );
    assert_eq!(failure.help.as_deref(), Some("did you mean `printf`?"));
    assert!(!failure.may_have_applied);
    let case = there(
        &open,
        there_is.connection(),
        &json!({"argv": ["true"], "cwd": "/not/here"}),
    );
    let failure = run(&there_is.place.exec, &case, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("cwd"))
    );
    let case = there(
        &open,
        there_is.connection(),
        &json!({"argv": ["true"], "user": "no-such-user"}),
    );
    let failure = run(&there_is.place.exec, &case, &FakeHost::new())
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "`user`: there is no user `no-such-user`");
}

/// One connection serves all, side by side.
#[tokio::test]
async fn one_connection_carries_everything() {
    let there_is = There::new();
    let open = there_is.open().await;
    let ask = || async {
        let command = Command::new(["sh", "-c", "echo \"$SSH_CONNECTION\""]);
        in_time(open.output(&command, 1000)).await.unwrap().stdout
    };
    let (one, two, three) = tokio::join!(ask(), ask(), ask());
    assert!(
        !one.is_empty() && one == two && two == three,
        "{one:?} {two:?} {three:?}"
    );
    let log = std::fs::read_to_string(there_is.server.path("log")).unwrap();
    assert_eq!(log.matches("Accepted publickey").count(), 1, "{log}");
}

#[tokio::test]
async fn output_is_streamed() {
    let there_is = There::new();
    let open = there_is.open().await;
    let host = FakeHost::new();
    let gate = there_is.place.path("gate");
    let script = format!(
        "echo first; while ! [ -e {} ]; do sleep 0.01; done; echo second",
        gate.display()
    );
    let case = there(&open, there_is.connection(), &json!(script));
    let (outcome, ()) = tokio::join!(run(&there_is.place.shell, &case, &host), async {
        crate::until("the first line is here", || host.stdout() == b"first\n").await;
        std::fs::write(&gate, "").unwrap();
    });
    assert_eq!(outcome.unwrap().value["lines"], json!(["first", "second"]));
}

/// That a program has ended may be heard on one output while much of the other is still on its way.
#[tokio::test]
async fn all_that_was_printed_gets_here() {
    const MUCH: usize = 8_000_000;
    let there_is = There::new();
    let open = there_is.open().await;
    for _ in 0..5 {
        let printing = Command::new(["head", "-c", &MUCH.to_string(), "/dev/zero"]);
        let ended = in_time(open.output(&printing, usize::MAX)).await.unwrap();
        assert_eq!((ended.end, ended.stdout.len()), (End::Code(0), MUCH));
    }
    open.close().await;
}
