//! Programs, files and ports of pods.

use runbook_action::{ErrorKind, Settled};
use runbook_testkit::host::FakeHost;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Stage;

#[tokio::test]
async fn a_program_runs_in_a_container_with_its_output_and_its_code() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let argv = json!(["sh", "-c", "cat; echo bad >&2; exit 3"]);
    let ran = json!({"exec": "pod/a", "argv": argv, "stdin": "{\"x\": 1}", "ok_exit_codes": [3]});
    let ran = stage.done(ran).await;
    assert_eq!((&ran["exit_code"], &ran["stderr"]), (&json!(3), &json!("bad")));
    assert_eq!(ran["json"], json!({"x": 1}));
    // As a template that is a whole list gives it.
    let several = json!({"exec": "pod/a", "argv": [["echo", "a b"], "c"]});
    assert_eq!(stage.done(several).await["stdout"], "a b c");
    let failure = stage.fails(json!({"exec": "pod/a", "argv": argv})).await;
    assert_eq!(failure.message, "exited with 3: bad");
    let failure = stage.fails(json!({"exec": "pod/a", "argv": ["nowhere"]})).await;
    assert_eq!(failure.kind, ErrorKind::MissingProgram, "{failure:?}");
}

#[tokio::test]
async fn a_program_that_is_stopped_ends() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let host = FakeHost::new();
    let used = stage.used(&json!({"exec": "pod/a", "argv": ["sh", "-c", "echo up; sleep 777; echo no"]}));
    let running = used.run(&stage.action, &host);
    let cancel = async {
        while host.stdout().is_empty() {
            tokio::task::yield_now().await;
        }
        host.cancel();
    };
    let (ended, ()) = tokio::join!(running, cancel);
    assert_eq!(ended.unwrap_err().kind, ErrorKind::Cancelled);
    let listed = stage.done(json!({"exec": "pod/a", "argv": ["ps"]})).await;
    assert!(
        !listed["stdout"].as_str().unwrap().contains("sleep 777"),
        "{listed}"
    );
    // What a crash would have left is looked for by the same handle, and is not there.
    let settled = used
        .settle(&stage.action, &FakeHost::new(), &host.handles())
        .await;
    assert_eq!(settled.unwrap(), Settled::Nothing);
}

#[tokio::test]
async fn files_and_directories_are_copied_both_ways() {
    let stage = Stage::new().await;
    stage.pod("a", "sleep 3600").await;
    let here = |name: &str| stage.root.path().join(name);
    std::fs::create_dir(here("tree")).unwrap();
    std::fs::write(here("tree/file"), "inside").unwrap();
    let put = json!({"cp": "pod/a", "from": "tree/file", "path": "/tmp/copied"});
    assert_eq!(stage.done(put).await["bytes"], 6);
    stage
        .done(json!({"cp": "pod/a", "from": "tree", "path": "/tmp/whole"}))
        .await;
    stage
        .done(json!({"cp": "pod/a", "path": "/tmp/copied", "to": "back"}))
        .await;
    assert_eq!(std::fs::read_to_string(here("back")).unwrap(), "inside");
    stage
        .done(json!({"cp": "pod/a", "path": "/tmp/whole", "to": "again"}))
        .await;
    assert_eq!(std::fs::read_to_string(here("again/file")).unwrap(), "inside");
    let failure = stage
        .fails(json!({"cp": "pod/a", "path": "/tmp/none", "to": "x"}))
        .await;
    assert_eq!(
        (failure.kind, failure.param.as_deref()),
        (ErrorKind::NotFound, Some("path"))
    );
}

#[tokio::test]
async fn a_port_of_a_pod_is_reached_from_here() {
    let stage = Stage::new().await;
    let mut main =
        super::container("mkdir /tmp/w; echo hello >/tmp/w/index.html; exec httpd -f -p 7000 -h /tmp/w");
    main["readinessProbe"] = json!({"tcpSocket": {"port": 7000}, "periodSeconds": 1});
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"terminationGracePeriodSeconds": 1, "containers": [main]},
    });
    stage.done(json!({"apply": pod})).await;
    stage
        .done(json!({"wait": "pod/a", "for": {"condition": "Ready"}}))
        .await;
    let opened = stage.done(json!({"port_forward": "pod/a", "port": 7000})).await;
    let mut socket = tokio::net::TcpStream::connect(opened["address"].as_str().unwrap())
        .await
        .unwrap();
    socket.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    let mut said = String::new();
    socket.read_to_string(&mut said).await.unwrap();
    assert!(said.ends_with("hello\n"), "{said}");
}
