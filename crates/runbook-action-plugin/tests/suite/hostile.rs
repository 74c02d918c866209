//! Programs that do not keep to the protocol, and what is made of each.

use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_testkit::contract::PATIENCE;
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::{Project, used};

#[tokio::test]
async fn what_is_not_of_the_protocol_is_shown() {
    for (script, said) in [
        ("echo hello; sleep 60", "said a line that is no JSON: `hello`"),
        (
            r#"echo '{"finished": 1}'; sleep 60"#,
            "has the key `finished`, which there is not",
        ),
        (r"printf '\001\377\n'", r"is no JSON: `\u{1}"),
        (r#"printf '{"done": {}'"#, r#"is no JSON: `{"done": {}`"#),
        (r#"echo '{"done": 5}'"#, "something else than a mapping"),
        (
            "head -c 2000000 /dev/zero | tr '\\0' x; sleep 60",
            "a line of more than 1 MiB: `xxxx",
        ),
        ("yes x", "is no JSON: `x`"),
        ("exit 3", "ended with exit code 3 before it had answered"),
        ("kill -9 $$", "was killed by a signal before it had answered"),
        (
            "echo one >&2; echo 'the reason' >&2; exit 1",
            "ended with exit code 1 before it had answered: the reason",
        ),
        (
            "exec >&-; sleep 60",
            "was killed, since it did not end before it had answered",
        ),
    ] {
        let project = Project::with_script(script);
        let host = FakeHost::new().grace(Duration::from_millis(200));
        let failure = project
            .run_with(&used("bad", json!({})), &host)
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{script}: {failure}");
        assert!(failure.may_have_applied, "{script}");
        assert!(failure.message.contains(said), "{script}: {failure}");
        assert!(failure.message.len() < 500, "{script}: {failure}");
    }
}

#[tokio::test]
async fn a_reason_is_kept() {
    let project = Project::with_script("echo one >&2; echo two >&2; exit 1");
    let host = FakeHost::new();
    let failure = project
        .run_with(&used("bad", json!({})), &host)
        .await
        .unwrap_err();
    assert_eq!(failure.result, Some(json!({"stderr": "one\ntwo\n"})));
    assert_eq!(host.stderr(), b"one\ntwo\n");
}

#[tokio::test]
async fn output_is_passed_on_as_it_comes() {
    let project = Project::with_script(
        r#"
        printf '%s\n' '{"output": {"text": "one\n"}}'
        echo '{"output": {"base64": "AP8=", "stream": "stdout"}}'
        echo '{"progress": "half"}'
        printf '%s\n' '{"output": {"text": "two\n", "stream": "stderr"}}'
        echo '{"done": {"x": 1}}'"#,
    );
    let host = FakeHost::new();
    let output = project.run_with(&used("bad", json!({})), &host).await.unwrap();
    assert_eq!(output.value, json!({"x": 1}));
    assert_eq!(host.stdout(), b"one\n\0\xff");
    assert_eq!(host.stderr(), b"half\ntwo\n");
}

#[tokio::test]
async fn a_request_that_is_not_read_holds_nothing_up() {
    let mut project = Project::with_script("");
    project.write("bad", "echo '{\"done\": {}}'\n");
    project.lock.plugins["bad"].sha256 = runbook_action_plugin::digest(&project.program("bad")).unwrap();
    let case = used("bad", json!({"x": "x".repeat(500_000)}));
    assert_eq!(project.run(&case).await.unwrap().value, json!({}));
}

#[tokio::test]
async fn a_failure_is_told_as_the_plugin_tells_it() {
    let project = Project::with_script(
        r#"echo '{"failed": {"kind": "conflict", "message": "it is taken.", "param": "x", "help": "wait", "result": {"by": "a"}, "retry_after_ms": 2000}}'"#,
    );
    let failure = project.run(&used("bad", json!({"x": 1}))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert_eq!(failure.message, "it is taken");
    assert_eq!(failure.param.as_deref(), Some("with.x"));
    assert_eq!(failure.help.as_deref(), Some("wait"));
    assert_eq!(failure.result, Some(json!({"by": "a"})));
    assert_eq!(failure.retry_after, Some(Duration::from_secs(2)));
    assert!(!failure.may_have_applied);
}

/// Cancels as soon as it has said something, and gives what is answered.
async fn cancelled(project: &Project, grace: Duration) -> runbook_action::Failure {
    let host = FakeHost::new().grace(grace);
    let (uses, case) = (project.uses(), used("bad", json!({})));
    let run = case.run(&uses, &host);
    let cancel = async {
        while host.stdout().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await; // paced: the program starts in its own time
        }
        host.cancel();
    };
    let both = async { tokio::join!(run, cancel) };
    let (outcome, ()) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("it does not stop");
    outcome.unwrap_err()
}

#[tokio::test]
async fn being_stopped_is_asked_for_first() {
    let project = Project::with_script(
        r#"
        echo '{"output": {"text": "begun"}}'
        read -r cancel
        echo "$cancel" > cancel
        echo '{"failed": {"kind": "cancelled", "message": "nothing was done"}}'"#,
    );
    let failure = cancelled(&project, Duration::from_secs(20)).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert_eq!(failure.message, "nothing was done");
    assert!(!failure.may_have_applied);
    let told = std::fs::read_to_string(project.root().join("cancel")).unwrap();
    assert_eq!(told, "{\"cancel\":{\"grace_ms\":20000}}\n");
}

#[tokio::test]
async fn one_that_does_not_stop_is_killed_with_all_that_it_started() {
    let project = Project::with_script(
        r#"
        trap '' TERM
        sh -c 'echo $$ > child; exec sleep 300' &
        while [ ! -s child ]; do sleep 0.01; done
        echo '{"output": {"text": "begun"}}'
        wait"#,
    );
    let failure = cancelled(&project, Duration::from_millis(50)).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(failure.may_have_applied);
    let child = std::fs::read_to_string(project.root().join("child")).unwrap();
    let status = format!("/proc/{}/stat", child.trim());
    let gone = async {
        // Who is dead and not yet reaped by its new parent is a `Z`.
        while std::fs::read_to_string(&status).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(5)).await; // paced: the system reaps in its own time
        }
    };
    tokio::time::timeout(PATIENCE, gone)
        .await
        .expect("the child lives");
}

#[tokio::test]
async fn one_that_says_it_is_done_when_it_is_stopped_may_have_done_it() {
    let project = Project::with_script(
        r#"
        echo '{"output": {"text": "begun"}}'
        read -r cancel
        echo '{"done": {}}'"#,
    );
    let failure = cancelled(&project, Duration::from_secs(20)).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert!(failure.may_have_applied);
}

#[tokio::test]
async fn a_handle_is_kept_before_it_goes_on() {
    let project = Project::with_script(
        r#"
        echo '{"record": {"what": "job", "data": {"id": 7}}}'
        read -r kept
        printf '{"done": %s}\n' "$kept""#,
    );
    let host = FakeHost::new();
    let output = project.run_with(&used("bad", json!({})), &host).await.unwrap();
    assert_eq!(output.value, json!({"recorded": true}));
    assert_eq!(host.handles()[0].what, "job");
}
