//! Logs, programs and files of pods, as kubectl sees them.

use serde_json::json;

use crate::pods::Pods;

use runbook_cluster::Fields as _;

#[test]
fn logs_are_cut_as_they_are_asked_for() {
    let pods = Pods::start();
    pods.run_in(
        "talk",
        "for n in 1 2 3 4 5; do echo line $n; done; echo no >&2",
        &json!({}),
        &json!({"restartPolicy": "Never"}),
    );
    pods.until("talk", |pod| pod.text("/status/phase") == "Succeeded");
    let logs = |more: &str| pods.kubectl.ok(&format!("logs talk {more}"));
    assert!(logs("").starts_with("line 1\nline 2\nline 3\nline 4\nline 5\n") || logs("").contains("no\n"));
    assert_eq!(logs("").lines().count(), 6);
    assert_eq!(logs("--tail=2").lines().count(), 2);
    assert_eq!(logs("--tail=0"), "");
    assert_eq!(logs("--limit-bytes=8").len(), 8);
    assert_eq!(logs("--since=1h").lines().count(), 6);
    assert_eq!(logs("--since-time=2100-01-01T00:00:00Z"), "");
    let stamped = logs("--timestamps --tail=1");
    let time: jiff::Timestamp = stamped.split(' ').next().unwrap().parse().unwrap();
    assert!(time.as_second() > 1_700_000_000);
    assert_eq!(logs("-f").lines().count(), 6, "it ends with its container");
    let why = pods.kubectl.refused("logs talk --previous", "");
    assert!(
        why.contains("previous terminated container \"app\" in pod \"talk\" not found"),
        "{why}"
    );
    let why = pods.kubectl.refused("logs talk -c other", "");
    assert!(why.contains("container other is not valid for pod talk"), "{why}");
}

#[test]
fn a_container_must_be_named_where_there_are_several() {
    let pods = Pods::start();
    let spec = json!({"containers": [
        {"name": "a", "image": "busybox:1.36", "command": ["sleep", "1000"]},
        {"name": "b", "image": "busybox:1.36", "command": ["sleep", "1000"]},
    ]});
    pods.run_in("pair", "", &json!({}), &spec);
    pods.until_ready("pair");
    let why = pods
        .kubectl
        .refused("get --raw /api/v1/namespaces/default/pods/pair/log", "");
    let said = "a container name must be specified for pod pair, choose one of: [a b]";
    assert_eq!(why.trim(), format!("Error from server (BadRequest): {said}"));
}

#[test]
fn a_followed_log_tells_what_is_printed_later() {
    let pods = Pods::start();
    pods.run(
        "slow",
        "echo begin; until [ -e /tmp/go ]; do sleep 0.02; done; echo end",
        &json!({}),
    );
    pods.until_ready("slow");
    let followed = std::thread::scope(|scope| {
        let followed = scope.spawn(|| pods.kubectl.ok("logs -f slow"));
        pods.kubectl.ok("exec slow -- touch /tmp/go");
        followed.join().unwrap()
    });
    assert_eq!(followed, "begin\nend\n");
}

#[test]
fn programs_run_in_containers_with_their_input_their_code_and_their_terminal() {
    let pods = Pods::start();
    pods.run(
        "box",
        "exec sleep 1000",
        &json!({"env": [{"name": "COLOUR", "value": "blue"}]}),
    );
    pods.until_ready("box");
    let words = |words: &[&str], stdin: &str| pods.kubectl.run_words(words, stdin);
    let answer = words(
        &[
            "exec",
            "box",
            "--",
            "sh",
            "-c",
            "echo $COLOUR; echo no >&2; exit 42",
        ],
        "",
    );
    assert_eq!((answer.stdout.as_str(), answer.ok), ("blue\n", false));
    assert!(
        answer.stderr.contains("no\n") && answer.stderr.contains("exit code 42"),
        "{}",
        answer.stderr
    );
    let much = "0123456789".repeat(50_000);
    let answer = words(&["exec", "-i", "box", "--", "cat"], &much);
    assert!(
        answer.ok && answer.stdout == much,
        "{} {}",
        answer.stdout.len(),
        answer.stderr
    );
    let answer = words(&["exec", "box", "--", "no-such"], "");
    assert!(
        answer
            .stderr
            .contains("exec: \"no-such\": executable file not found in $PATH"),
        "{}",
        answer.stderr
    );
    let answer = words(
        &[
            "exec",
            "-it",
            "box",
            "--",
            "sh",
            "-c",
            "[ -t 1 ] || echo none; echo $TERM",
        ],
        "",
    );
    // Without a terminal of its own, kubectl asks for none.
    assert!(answer.stdout.contains("none"), "{}", answer.stdout);
}

#[test]
fn files_are_copied_in_and_out() {
    let pods = Pods::start();
    pods.run("files", "exec sleep 1000", &json!({}));
    pods.until_ready("files");
    let folder = tempfile::tempdir().unwrap();
    let (there, back) = (folder.path().join("a"), folder.path().join("b"));
    std::fs::write(&there, "content\n").unwrap();
    pods.kubectl.ok(&format!("cp {} files:/tmp/a", there.display()));
    assert_eq!(pods.kubectl.ok("exec files -- cat /tmp/a"), "content\n");
    pods.kubectl.ok(&format!("cp files:/tmp/a {}", back.display()));
    assert_eq!(std::fs::read_to_string(back).unwrap(), "content\n");
}

#[test]
fn a_container_that_does_not_run_executes_nothing() {
    let pods = Pods::start();
    pods.run("crash", "exit 1", &json!({}));
    pods.until("crash", |pod| crate::pods::waits_for(pod, "CrashLoopBackOff"));
    let why = pods.kubectl.refused("exec crash -- true", "");
    assert!(why.contains("container not found (\"app\")"), "{why}");
}
