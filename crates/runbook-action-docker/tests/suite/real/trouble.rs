//! Engines and containers in trouble: each is told in its own words.

use std::io::Write as _;

use runbook_action::{Connection, ErrorKind};
use runbook_action_docker::{Docker, Environment};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::docker::{Engine, IMAGE, NEWER, Registry};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{docker, fails, idle, with};

#[tokio::test]
async fn an_engine_that_goes_away_is_told() {
    let engine = Engine::start();
    let web = engine.container("web", &[], &["idle"]);
    let (docker, host) = (docker(), FakeHost::new());
    let exec = with(
        &engine,
        json!({"exec": web, "argv": ["sh", "-c", "echo begun; sleep 1000"]}),
    );
    let gone = async {
        while host.stdout() != b"begun\n" {
            tokio::task::yield_now().await;
        }
        engine.kill();
    };
    let (ended, ()) = tokio::join!(exec.run(&docker, &host), gone);
    let failure = ended.unwrap_err();
    assert!(
        matches!(failure.kind, ErrorKind::Unreachable | ErrorKind::Refused),
        "{failure:?}"
    );
    assert!(failure.may_have_applied);
    let failure = with(&engine, json!({"ps": "all"}))
        .run(&docker, &host)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused, "{failure}");
    assert!(failure.message.contains("refuses connections"), "{failure}");
}

#[tokio::test]
async fn an_engine_is_found_as_its_own_client_finds_it() {
    let engine = Engine::shared();
    let uses = |docker: Value, vars: &[(&str, &str)]| {
        let around = Environment {
            vars: vars
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            root: "/".into(),
            ..Environment::default()
        };
        let connection = Connection {
            name: "engine".to_owned(),
            params: written(&json!({ "docker": docker })),
        };
        let used = Use {
            params: written(&json!({"ps": "running"})),
            connection: Some(connection),
            ..Use::default()
        };
        async move { used.run(&Docker::new(around), &FakeHost::new()).await }
    };
    let url = engine.url();
    assert!(uses(json!("default"), &[("DOCKER_HOST", &url)]).await.is_ok());
    assert!(uses(json!({ "host": url }), &[]).await.is_ok());
    for (docker, kind, path) in [
        (json!({"socket": "/not/here"}), ErrorKind::Unreachable, None),
        (json!({"host": "tcp://127.0.0.1:1"}), ErrorKind::Refused, None),
        (
            json!({"host": "ftp://x"}),
            ErrorKind::Other,
            Some("connections.engine.docker.host"),
        ),
        (
            json!("no-such-context"),
            ErrorKind::NotFound,
            Some("connections.engine.docker"),
        ),
    ] {
        let failure = uses(docker, &[]).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (kind, path),
            "{failure}"
        );
        assert!(!failure.may_have_applied);
    }
}

#[tokio::test]
async fn a_full_disk_is_told() {
    // A small file system of the container's own stands for a disk that is full.
    let web = idle("web", &["--tmpfs", "/small:size=64k"]);
    let failure = fails(json!({"exec": web, "argv": ["sh", "-c", "cp /bin/busybox /small/x"]})).await;
    assert!(failure.message.contains("No space left on device"), "{failure}");
}

/// A file system of its own, so small that it is soon full.
struct Small(TempDir);

impl Small {
    fn new() -> Self {
        let small = Self(TempDir::with_prefix("runbook-").unwrap());
        system(&["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", &small.path()]);
        small
    }

    fn path(&self) -> String {
        self.0.path().display().to_string()
    }

    /// Leaves no room in it.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.0.path().join("full")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        system(&["umount", "-l", &self.path()]);
    }
}

#[expect(clippy::disallowed_methods, reason = "the test makes a file system")]
fn system(argv: &[&str]) {
    let mut command = std::process::Command::new(argv[0]);
    assert!(command.args(&argv[1..]).status().unwrap().success(), "{argv:?}");
}

#[tokio::test]
async fn an_engine_that_has_no_room_is_told() {
    let (small, registry) = (Small::new(), Registry::start());
    let shared = Engine::shared();
    let image = registry.push(shared, NEWER, "lab/big:1");
    let engine = Engine::start_with(&[&format!("--data-root={}", small.path())]);
    let _forgotten = engine.docker(&["rmi", NEWER]);
    let web = engine.container("web", &[], &["idle"]);
    std::fs::write(super::root().join("much"), vec![b'x'; 1 << 20]).unwrap();
    small.fill();
    for params in [
        json!({"run": IMAGE, "argv": ["true"]}),
        json!({"cp": web, "path": "/tmp/much", "from": "much"}),
        json!({ "pull": image }),
    ] {
        let ran = with(&engine, params.clone())
            .run(&docker(), &FakeHost::new())
            .await;
        let failure = ran.unwrap_err();
        assert!(
            failure.message.contains("no space left on device"),
            "{params}: {failure}"
        );
        assert!(
            failure.help.as_ref().is_some_and(|help| help.contains("`prune`")),
            "{params}: {failure:?}"
        );
    }
    drop(engine);
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    for (params, path) in [
        (json!({"start": "not-there"}), "start"),
        (json!({"stop": ["not-there"]}), "stop[0]"),
        (json!({"exec": "not-there", "argv": ["true"]}), "exec"),
        (json!({"logs": "not-there"}), "logs"),
    ] {
        let failure = fails(params).await;
        assert_eq!(
            (failure.kind, failure.param.as_deref()),
            (ErrorKind::NotFound, Some(path)),
            "{failure}"
        );
        assert_eq!(failure.message, "No such container: not-there");
        assert!(!failure.may_have_applied);
    }
}
