//! `run` and `exec`: programs, what they print, how they end, and that nothing is left of them.

use runbook_action::{Action as _, ErrorKind, Failure};
use runbook_testkit::docker::{Engine, IMAGE, unique};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::{docker, done, fails, idle, used};

/// What runs in a container, besides what it was made for and what looks.
fn others(container: &str) -> Vec<String> {
    let listed = Engine::shared().docker(&["exec", container, "ps", "-o", "args"]);
    let own = |line: &&str| !line.contains("ps -o") && !line.contains("idle") && !line.contains("sleep 3600");
    listed.lines().skip(1).filter(own).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_program_in_a_container_is_a_program() {
    let web = idle("web", &["-e", "BASE=kept", "-w", "/www"]);
    let script = "pwd; id -u; echo $BASE $MORE >&2; cat; exit 3";
    let host = FakeHost::new();
    let params = json!({
        "exec": web, "argv": ["sh", "-c", script], "stdin": "read\n", "user": "app", "workdir": "/tmp",
        "env": {"MORE": "$(x) 'y'"}, "ok_exit_codes": [3],
    });
    let result = used(params).run(&docker(), &host).await.unwrap().value;
    assert_eq!(result["exit_code"], 3);
    assert_eq!(result["lines"], json!(["/tmp", "1000", "read"]));
    assert_eq!(result["stderr"], "kept $(x) 'y'");
    assert_eq!(host.stdout(), b"/tmp\n1000\nread\n");
    let result = done(json!({"exec": web, "argv": ["echo", "{\"a\": [1]}"]})).await;
    assert_eq!(result["json"], json!({"a": [1]}));

    let failed = fails(json!({"exec": web, "argv": ["sh", "-c", "echo why >&2; exit 4"]})).await;
    assert_eq!(
        (failed.message.as_str(), failed.may_have_applied),
        ("exited with 4: why", true)
    );
    assert_eq!(failed.result.unwrap()["exit_code"], 4);
    let asked = used(json!({"exec": web, "argv": ["false"]}))
        .ask(&docker(), &FakeHost::new())
        .await;
    assert_eq!(
        asked.unwrap().value["exit_code"],
        1,
        "in a question every exit code is an answer"
    );

    let missing = fails(json!({"exec": web, "argv": ["no-such-program"]})).await;
    assert_eq!(
        (missing.kind, missing.param.as_deref()),
        (ErrorKind::MissingProgram, Some("argv")),
        "{missing:?}"
    );
    let nowhere = fails(json!({"exec": web, "argv": ["pwd"], "workdir": "/not/here"})).await;
    assert_eq!(
        (nowhere.kind, nowhere.param.as_deref()),
        (ErrorKind::NotFound, Some("workdir"))
    );
    let nobody = fails(json!({"exec": web, "argv": ["id"], "user": "martha"})).await;
    assert_eq!(
        (nobody.kind, nobody.param.as_deref()),
        (ErrorKind::NotFound, Some("user")),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn much_output_takes_little_memory() {
    let web = idle("web", &[]);
    let host = FakeHost::new().keep(10);
    let params = json!({"exec": web, "argv": ["sh", "-c", "yes 0123456789abcde | head -c 20000000"]});
    let output = used(params).run(&docker(), &host).await.unwrap();
    assert_eq!(host.total(), 20_000_000);
    assert_eq!(output.value["stdout"].as_str().unwrap().len(), 1024 * 1024 - 1);
    assert_eq!(output.cut, ["stdout", "json", "lines"]);
}

#[tokio::test]
async fn what_a_finished_program_leaves_behind_is_not_waited_for() {
    let web = idle("web", &[]);
    let result = done(json!({"exec": web, "argv": ["sh", "-c", "sleep 600 & echo done"]})).await;
    assert_eq!(result["stdout"], "done");
    assert_eq!(others(&web), ["sleep 600"], "it was meant to stay");
}

/// Runs until the program has said `begun`, and cancels.
async fn cancelled(params: Value) -> Failure {
    let (docker, host) = (docker(), FakeHost::new());
    let used = used(params);
    let cancel = async {
        while !host.stdout().starts_with(b"begun") {
            tokio::task::yield_now().await;
        }
        host.cancel();
    };
    let (ended, ()) = tokio::join!(used.run(&docker, &host), cancel);
    ended.unwrap_err()
}

#[tokio::test]
async fn nothing_is_left_of_what_was_cancelled() {
    let engine = Engine::shared();
    let web = idle("web", &[]);
    // It ignores the wish that it end, and so does what it has started in a session of its own.
    let script = "trap '' TERM; setsid sh -c \"trap '' TERM; while :; do sleep 1; done\" & echo begun; while :; do sleep 1; done";
    for user in ["root", "app"] {
        let failure = cancelled(json!({"exec": web, "argv": ["sh", "-c", script], "user": user})).await;
        assert_eq!(
            (failure.kind, failure.may_have_applied),
            (ErrorKind::Cancelled, true)
        );
        assert_eq!(others(&web), Vec::<String>::new());
    }
    let name = unique("job");
    let failure = cancelled(json!({"run": IMAGE, "name": name, "argv": ["sh", "-c", script]})).await;
    assert_eq!(failure.kind, ErrorKind::Cancelled);
    assert_eq!(engine.field(&name, "{{.Id}}"), "", "the container is gone");
}

#[tokio::test]
async fn a_container_is_made_and_ends() {
    let engine = Engine::shared();
    std::fs::write(super::root().join("note"), "written here").unwrap();
    let name = unique("job");
    let host = FakeHost::new();
    let params = json!({
        "run": IMAGE, "name": name, "argv": ["-c", "cat; cat /in/note; echo $WHO >&2; pwd"], "entrypoint": ["sh"],
        "stdin": "read ", "env": {"WHO": "me"}, "workdir": "/tmp", "user": "app", "labels": {"tier": "job"},
        "mounts": ["./:/in:ro"], "memory": "32Mi", "cpus": "0.5", "pids": 20,
    });
    let result = used(params).run(&docker(), &host).await.unwrap().value;
    assert_eq!(result["stdout"], "read written here/tmp");
    assert_eq!(result["stderr"], "me");
    assert_eq!(
        result["container"]["limits"],
        json!({"memory": 32 << 20, "cpus": 0.5, "pids": 20})
    );
    assert_eq!(result["container"]["labels"]["tier"], "job");
    assert_eq!(engine.field(&name, "{{.Id}}"), "", "it is removed");
    let [handle] = host.handles().try_into().unwrap();
    assert_eq!(handle.what, "container");

    let failed =
        fails(json!({"run": IMAGE, "name": name, "keep": true, "argv": ["sh", "-c", "exit 7"]})).await;
    assert_eq!(failed.message, "exited with 7");
    assert_eq!(engine.field(&name, "{{.State.ExitCode}}"), "7", "it is kept");
    let again = fails(json!({"run": IMAGE, "name": name, "argv": ["true"]})).await;
    assert_eq!(
        (again.kind, again.param.as_deref()),
        (ErrorKind::Conflict, Some("name"))
    );
    assert!(!again.may_have_applied);

    let name = unique("web");
    let params = json!({"run": IMAGE, "name": name, "argv": ["serve"], "ports": ["127.0.0.1::8000"], "detach": true, "restart_policy": "always"});
    let result = done(params).await;
    assert_eq!(result["container"]["state"]["status"], "running");
    assert_eq!(
        engine.field(&name, "{{.HostConfig.RestartPolicy.Name}}"),
        "always"
    );
    let name = unique("short");
    let short =
        fails(json!({"run": IMAGE, "name": name, "argv": ["sh", "-c", "exit 5"], "detach": true})).await;
    assert_eq!(
        short.message,
        "container `".to_owned() + &engine.field(&name, "{{.Id}}") + "` has exited with code 5 at once"
    );
    let missing = fails(json!({"run": IMAGE, "argv": ["no-such-program"]})).await;
    assert_eq!(missing.kind, ErrorKind::MissingProgram);
    let unknown = fails(json!({"run": "not-there:1", "pull_policy": "never"})).await;
    assert_eq!(
        (unknown.kind, unknown.param.as_deref()),
        (ErrorKind::NotFound, Some("run"))
    );
    assert!(docker().lacks(&runbook_action::Param::Null, None).is_empty());
}
