//! Podman speaks the interface of engines too: what runs with the one runs with the other.

use runbook_action::{Command, Connection, End, ErrorKind, Failure, Opening, Output, TransportKind as _};
use runbook_action_docker::{Containers, Environment};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::docker::{IMAGE, Podman};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use super::docker;

fn connection(podman: &Podman) -> Connection {
    Connection {
        name: "engine".to_owned(),
        params: written(&json!({"docker": {"socket": podman.socket()}})),
    }
}

fn used(podman: &Podman, params: &Value) -> Use {
    Use {
        params: written(params),
        connection: Some(connection(podman)),
        ..Use::default()
    }
}

async fn run(podman: &Podman, params: Value) -> Result<Output, Failure> {
    used(podman, &params).run(&docker(), &FakeHost::new()).await
}

async fn done(podman: &Podman, params: Value) -> Value {
    match run(podman, params.clone()).await {
        Ok(output) => output.value,
        Err(failure) => panic!("{params}: {failure:?}"),
    }
}

/// A container that lives until it is ended, and has no network that others could see.
async fn idle(podman: &Podman, name: &str) -> Value {
    let argv = ["sh", "-c", "echo out; echo err >&2; exec idle"];
    let params = json!({"run": IMAGE, "name": name, "network": "none", "argv": argv, "detach": true, "labels": {"tier": "web"}});
    done(podman, params).await
}

#[tokio::test]
async fn the_verbs_are_the_same() {
    let podman = Podman::start();
    let made = idle(&podman, "web").await;
    assert_eq!(made["container"]["state"]["status"], "running");
    let listed = done(&podman, json!({"ps": "running", "labels": {"tier": "web"}})).await;
    assert_eq!(listed["containers"][0]["name"], "web");
    let seen = done(&podman, json!({"inspect": "web"})).await;
    assert_eq!(
        (&seen["container"]["name"], &seen["container"]["state"]["health"]),
        (&json!("web"), &json!("none"))
    );
    let logs = done(&podman, json!({"logs": "web", "tail": 5})).await;
    let mut lines: Vec<String> = serde_json::from_value(logs["logs"]["lines"].clone()).unwrap();
    lines.sort();
    assert_eq!(lines, ["err", "out"]);

    let job = json!({"run": IMAGE, "network": "none", "argv": ["sh", "-c", "cat; echo why >&2; exit 3"], "stdin": "read", "ok_exit_codes": [3]});
    let job = done(&podman, job).await;
    assert_eq!(
        (&job["stdout"], &job["stderr"], &job["exit_code"]),
        (&json!("read"), &json!("why"), &json!(3))
    );
    assert_eq!(podman.podman(&["ps", "-a", "--format", "{{.Names}}"]), "web");

    let stopped = done(&podman, json!({"stop": "web", "grace": "2s"})).await;
    assert_eq!(
        (&stopped["changed"], &stopped["container"]["state"]["status"]),
        (&json!(true), &json!("exited"))
    );
    assert_eq!(done(&podman, json!({"stop": "web"})).await["changed"], false);
    assert_eq!(done(&podman, json!({"start": "web"})).await["changed"], true);
    let running = run(&podman, json!({"rm": "web"})).await.unwrap_err();
    assert_eq!(
        (running.kind, running.param.as_deref()),
        (ErrorKind::Conflict, Some("rm")),
        "{running:?}"
    );
    let removed = done(&podman, json!({"rm": "web", "force": true})).await;
    assert_eq!(removed["removed"], json!(["web"]));
    let missing = run(&podman, json!({"inspect": "web"})).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound, "{missing:?}");
}

#[tokio::test]
async fn programs_are_the_same() {
    let podman = Podman::start();
    idle(&podman, "web").await;
    let script = "pwd; id -u; cat; echo $MORE >&2; exit 3";
    let params = json!({"exec": "web", "argv": ["sh", "-c", script], "stdin": "read\n", "user": "app", "workdir": "/tmp", "env": {"MORE": "$(x)"}, "ok_exit_codes": [3]});
    let result = done(&podman, params).await;
    assert_eq!(
        (&result["lines"], &result["stderr"], &result["exit_code"]),
        (&json!(["/tmp", "1000", "read"]), &json!("$(x)"), &json!(3))
    );
    let missing = run(&podman, json!({"exec": "web", "argv": ["no-such-program"]})).await;
    assert_eq!(missing.unwrap_err().kind, ErrorKind::MissingProgram);

    let (action, host) = (docker(), FakeHost::new());
    let endless = used(
        &podman,
        &json!({"exec": "web", "argv": ["sh", "-c", "trap '' TERM; echo begun; while :; do sleep 1; done"]}),
    );
    let cancel = async {
        while host.stdout() != b"begun\n" {
            tokio::task::yield_now().await;
        }
        host.cancel();
    };
    let (ended, ()) = tokio::join!(endless.run(&action, &host), cancel);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    let left = podman.podman(&["exec", "web", "ps", "-o", "args"]);
    assert!(!left.contains("begun"), "{left}");
}

#[tokio::test]
async fn a_container_of_it_is_a_place() {
    let podman = Podman::start();
    idle(&podman, "web").await;
    let inside = Connection {
        name: "web".to_owned(),
        params: written(&json!({"container": "web"})),
    };
    let engine = connection(&podman);
    let opening = Opening {
        kind: "container",
        connection: &inside,
        via: Some(&engine),
        behind: None,
        through: None,
    };
    let place = Containers::new(Environment::default()).open(opening).await;
    let place = place.unwrap();
    let ended = place
        .output(&Command::new(["sh", "-c", "id -u; exit 4"]), 100)
        .await
        .unwrap();
    assert_eq!((ended.end, ended.stdout.as_slice()), (End::Code(4), &b"0\n"[..]));
    assert!(place.finds("sh").await.unwrap());
    assert!(!place.finds("no-such-program").await.unwrap());
}
