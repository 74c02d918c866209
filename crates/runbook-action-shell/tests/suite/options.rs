//! How programs run: as whom, with which variables, with a terminal, with which permissions for new files.

use std::os::unix::fs::PermissionsExt;

use runbook_action::{ErrorKind, Failure, Output, Secret, Segment, Text};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::{Place, in_time, lives, run, until, used, with_env};

/// A user that every system has, and that owns nothing.
const NOBODY: &str = "nobody";

fn stdout(output: &Output) -> &str {
    output.value["stdout"].as_str().unwrap()
}

/// A directory that everybody may enter.
fn open_to_all(place: &Place) {
    let all = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(place.root.path(), all).unwrap();
}

#[tokio::test]
async fn new_files_get_what_the_umask_leaves() {
    let place = Place::new();
    for (umask, mode) in [("077", 0o600), ("027", 0o640), ("0000", 0o666)] {
        place
            .shell(json!({"run": "rm -f made; : >made; echo \"$0\"", "umask": umask}))
            .await
            .unwrap();
        let made = std::fs::metadata(place.path("made")).unwrap();
        assert_eq!(made.permissions().mode() & 0o777, mode, "{umask}");
    }
    let output = place
        .exec(json!({"argv": ["printf", "%s|", "a b", "$(x)", "'", ""], "umask": "022"}))
        .await
        .unwrap();
    assert_eq!(stdout(&output), "a b|$(x)|'||");
    let failure = place
        .exec(json!({"argv": ["pritnf"], "umask": "022"}))
        .await
        .unwrap_err();
    assert_eq!(failure.help.as_deref(), Some("did you mean `printf`?"));
}

#[tokio::test]
async fn only_the_variables_that_are_named_are_passed_on() {
    let place = Place::new();
    for (inherit, expected) in [
        (
            json!("all"),
            vec![
                "ADDED=1",
                "FROM_SNAPSHOT=yes",
                "PATH=/usr/local/bin:/usr/bin:/bin",
            ],
        ),
        (json!("none"), vec!["ADDED=1"]),
        (
            json!(["FROM_SNAPSHOT", "NOT_THERE"]),
            vec!["ADDED=1", "FROM_SNAPSHOT=yes"],
        ),
    ] {
        let case = with_env(
            json!({"argv": ["/usr/bin/env"], "inherit": inherit}),
            &[("ADDED", Text::literal("1"))],
        );
        let output = run(&place.exec, &case, &FakeHost::new()).await.unwrap();
        let mut lines: Vec<&str> = stdout(&output).lines().collect();
        lines.sort_unstable();
        assert_eq!(lines, expected, "{inherit}");
    }
}

#[tokio::test]
async fn a_program_finds_a_terminal() {
    let place = Place::new();
    let script = "test -t 0 && test -t 1 && test -t 2 && tty >/dev/null && echo out && echo err >&2";
    let output = place.shell(json!({"run": script, "tty": true})).await.unwrap();
    assert_eq!(output.value["lines"], json!(["out", "err"]));
    assert_eq!(output.value["stderr"], "");
    // It is the controlling one.
    let output = place
        .shell(json!({"run": "echo there >/dev/tty; stty size", "tty": true}))
        .await
        .unwrap();
    assert_eq!(output.value["lines"], json!(["there", "24 80"]));
}

#[tokio::test]
async fn what_is_typed_ends_and_is_not_shown() {
    let place = Place::new();
    for (stdin, printed) in [
        (json!(null), json!([])),
        (json!("one\ntwo\n"), json!(["one", "two"])),
        (json!("one\ntwo"), json!(["one", "two"])),
    ] {
        let output = in_time(place.exec(json!({"argv": ["cat"], "stdin": stdin, "tty": true})))
            .await
            .unwrap();
        assert_eq!(output.value["lines"], printed, "{stdin}");
    }
}

#[tokio::test]
async fn a_program_with_a_terminal_is_ended_with_all_that_it_started() {
    let place = Place::new();
    let host = FakeHost::new();
    let script = "sleep 1000 & echo $! >child; echo $$ >leader; echo ready; wait";
    let case = used(json!({"run": script, "tty": true}));
    let (outcome, ()) = tokio::join!(run(&place.shell, &case, &host), async {
        until("it runs", || host.stdout().starts_with(b"ready")).await;
        host.cancel();
    });
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    for name in ["leader", "child"] {
        let file = place.path(name);
        until("it is gone", || !lives(&file)).await;
    }
}

async fn as_nobody(place: &Place, mut params: Value) -> Result<Output, Failure> {
    open_to_all(place);
    params["user"] = json!(NOBODY);
    place.exec(params).await
}

#[tokio::test]
async fn a_program_runs_as_another_user() {
    let place = Place::new();
    let output = as_nobody(&place, json!({"argv": ["id", "-un"]})).await.unwrap();
    assert_eq!(stdout(&output), NOBODY);
    let hostile = [
        "a b",
        "$(id)",
        "`id`",
        "'",
        "\"",
        "\\",
        "\n",
        "é€😀",
        "-n",
        "",
        "*",
        "!",
    ];
    let mut argv = vec!["printf", "%s|"];
    argv.extend(hostile);
    let output = as_nobody(&place, json!({"argv": argv})).await.unwrap();
    assert_eq!(stdout(&output), format!("{}|", hostile.join("|")));

    let output = as_nobody(&place, json!({"argv": ["cat"], "stdin": "a\nb\u{1}\u{0}c"}))
        .await
        .unwrap();
    assert_eq!(stdout(&output), "a\nb\u{1}\u{0}c");
    let big = "x".repeat(3_000_000);
    let output = as_nobody(&place, json!({"argv": ["wc", "-c"], "stdin": big}))
        .await
        .unwrap();
    assert_eq!(output.value["json"], 3_000_000);
    let output = as_nobody(&place, json!({"argv": ["true"], "stdin": big}))
        .await
        .unwrap();
    assert_eq!(output.value["exit_code"], 0);

    std::fs::create_dir(place.path("-sub dir")).unwrap();
    let output = as_nobody(&place, json!({"argv": ["pwd"], "cwd": "-sub dir"}))
        .await
        .unwrap();
    assert!(stdout(&output).ends_with("/-sub dir"), "{output:?}");
    let output = as_nobody(&place, json!({"argv": ["sh", "-c", "umask"], "umask": "027"}))
        .await
        .unwrap();
    assert_eq!(stdout(&output), "0027");
}

#[tokio::test]
async fn what_another_user_runs_ends_as_it_does_here() {
    let place = Place::new();
    for code in [0, 1, 3, 255] {
        let exits = format!("exit {code}");
        let output = as_nobody(
            &place,
            json!({"argv": ["sh", "-c", exits], "ok_exit_codes": [code]}),
        )
        .await;
        assert_eq!(output.unwrap().value["exit_code"], code);
    }
    let failure = as_nobody(&place, json!({"argv": ["sh", "-c", "echo no >&2; kill -9 $$"]}))
        .await
        .unwrap_err();
    assert_eq!(failure.message, "killed by SIGKILL: no");
    let failure = as_nobody(&place, json!({"argv": ["no-such-program"]}))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram);
    assert_eq!(failure.param.as_deref(), Some("argv[0]"));
    assert!(!failure.may_have_applied);
    // What it leaves running on purpose stays, and is not waited for.
    let script = "sleep 1000 & echo $! >left; echo $$ >group; echo done";
    let output = as_nobody(&place, json!({"argv": ["sh", "-c", script]}))
        .await
        .unwrap();
    assert_eq!(stdout(&output), "done");
    assert!(lives(&place.path("left")));
    place.shell(json!("kill -- -$(cat group)")).await.unwrap();
}

#[tokio::test]
async fn variables_reach_another_user_and_are_on_no_command_line() {
    let place = Place::new();
    open_to_all(&place);
    let secret = Secret::new("token", "hunter2-'\n$x".to_owned());
    let text = Text::from_segments(vec![Segment::Secret(secret)]);
    let script = "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' ' >lines; printf %s \"$TOKEN\"";
    let case = with_env(
        json!({"argv": ["sh", "-c", script], "user": NOBODY}),
        &[("TOKEN", text)],
    );
    let output = run(&place.exec, &case, &FakeHost::new()).await.unwrap();
    assert_eq!(stdout(&output), "hunter2-'\n$x");
    let lines = std::fs::read(place.path("lines")).unwrap();
    assert!(!String::from_utf8_lossy(&lines).contains("hunter2"));
    let only = json!({"argv": ["env"], "user": NOBODY, "inherit": ["HOME"]});
    let case = with_env(only, &[("ADDED", Text::literal("1"))]);
    let output = run(&place.exec, &case, &FakeHost::new()).await.unwrap();
    let mut lines: Vec<&str> = stdout(&output)
        .lines()
        .filter(|line| !["PWD", "PATH", "_"].contains(&line.split('=').next().unwrap()))
        .collect();
    lines.sort_unstable();
    assert_eq!(lines, ["ADDED=1", "HOME=/nonexistent"]);
}

#[tokio::test]
async fn what_another_user_runs_is_ended_with_all_that_it_started() {
    for stubborn in [false, true] {
        let place = Place::new();
        open_to_all(&place);
        let host = FakeHost::new().grace(std::time::Duration::from_millis(300));
        let trap = if stubborn { "trap '' TERM; " } else { "" };
        let script =
            format!("{trap}echo $$ >leader; sleep 1000 & echo $! >child; echo ready; wait; sleep 1000");
        let case = used(json!({"argv": ["sh", "-c", script], "user": NOBODY}));
        let (outcome, ()) = tokio::join!(run(&place.exec, &case, &host), async {
            until("it runs", || host.stdout() == b"ready\n").await;
            host.cancel();
        });
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
        for name in ["leader", "child"] {
            let file = place.path(name);
            until("it is gone", || !lives(&file)).await;
        }
    }
}

#[tokio::test]
async fn another_user_has_a_terminal_too() {
    let place = Place::new();
    let script = "id -un; test -t 0 && test -t 1 && stty size; echo there >/dev/tty; cat; exit 3";
    let params = json!({"argv": ["sh", "-c", script], "tty": true, "stdin": "typed\n", "ok_exit_codes": [3]});
    let output = in_time(as_nobody(&place, params)).await.unwrap();
    assert_eq!(
        output.value["lines"],
        json!([NOBODY, "24 80", "there", "typed"]),
        "{output:?}"
    );
    assert_eq!(output.value["exit_code"], 3);
    let failure = in_time(as_nobody(
        &place,
        json!({"argv": ["no-such-program"], "tty": true}),
    ))
    .await
    .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::MissingProgram, "{failure:?}");
    let failure = in_time(place.exec(json!({"argv": ["true"], "user": "no-such-user", "tty": true})))
        .await
        .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("user"), "{failure:?}");
}

#[tokio::test]
async fn what_another_user_runs_in_a_terminal_is_ended_with_all_that_it_started() {
    for trap in ["", "trap '' TERM HUP; "] {
        let place = Place::new();
        open_to_all(&place);
        let host = FakeHost::new().grace(std::time::Duration::from_millis(300));
        let script =
            format!("{trap}echo $$ >leader; sleep 1000 & echo $! >child; echo ready; wait; sleep 1000");
        let case = used(json!({"argv": ["sh", "-c", script], "user": NOBODY, "tty": true}));
        let (outcome, ()) = tokio::join!(run(&place.exec, &case, &host), async {
            until("it runs", || host.stdout().starts_with(b"ready")).await;
            host.cancel();
        });
        assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
        for name in ["leader", "child"] {
            let file = place.path(name);
            until("it is gone", || !lives(&file)).await;
        }
    }
}

#[tokio::test]
async fn an_unknown_user_is_refused() {
    let place = Place::new();
    let failure = place
        .exec(json!({"argv": ["true"], "user": "no-such-user"}))
        .await
        .unwrap_err();
    assert_eq!(failure.to_string(), "`user`: there is no user `no-such-user`");
    for user in ["", "-u", "a b"] {
        let failure = place
            .exec(json!({"argv": ["true"], "user": user}))
            .await
            .unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("user"));
    }
}

/// As somebody who may not do so without a password.
#[tokio::test]
async fn sudo_that_would_ask_is_a_failure_with_a_way_out() {
    let place = Place::new();
    let asks = place.path("sudo");
    std::fs::write(
        &asks,
        "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n",
    )
    .unwrap();
    std::fs::set_permissions(&asks, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/bin:/bin", place.root.path().display());
    let exec = runbook_action_shell::Exec::new(crate::environment(place.root.path(), &path));
    let case = used(json!({"argv": ["touch", "ran"], "user": "root"}));
    let failure = run(&exec, &case, &FakeHost::new()).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert_eq!(
        failure.to_string(),
        "`user`: `sudo` would ask for a password before it runs anything as `root`"
    );
    assert!(failure.help.unwrap().contains("NOPASSWD"));
    assert!(!failure.may_have_applied && !place.path("ran").exists());
}
