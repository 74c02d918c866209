//! An engine at a port, which lets nobody in whom its authority does not know.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use runbook_action::{Connection, ErrorKind};
use runbook_testkit::authority::{Authority, Purpose};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::docker::Engine;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::docker;

fn keep(directory: &Path, name: &str, authority: &Authority, purpose: Purpose) {
    let names: &[&str] = match purpose {
        Purpose::Client => &["client"],
        Purpose::Server | Purpose::ExpiredServer => &["localhost", "127.0.0.1"],
    };
    let signed = authority.sign(names, purpose);
    fs::write(directory.join(format!("{name}.pem")), signed.cert).unwrap();
    fs::write(directory.join(format!("{name}-key.pem")), signed.key).unwrap();
}

/// An engine at a port that was free a moment ago.
fn engine(directory: &Path) -> (Engine, u16) {
    let mut said = None;
    for _ in 0..5 {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let file = |option: &str, name: &str| format!("--{option}={}", directory.join(name).display());
        let options = [
            "--tlsverify".to_owned(),
            file("tlscacert", "ca.pem"),
            file("tlscert", "server.pem"),
            file("tlskey", "server-key.pem"),
            format!("--host=tcp://127.0.0.1:{port}"),
        ];
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        match Engine::try_start(&options) {
            Ok(engine) => return (engine, port),
            Err(error) => said = Some(error),
        }
    }
    panic!("{said:?}")
}

#[tokio::test]
async fn an_engine_at_a_port_and_its_client_know_each_other() {
    let (directory, authority, stranger) = (TempDir::new().unwrap(), Authority::new(), Authority::new());
    let path = directory.path();
    fs::write(path.join("ca.pem"), authority.pem()).unwrap();
    fs::write(path.join("other-ca.pem"), stranger.pem()).unwrap();
    keep(path, "server", &authority, Purpose::Server);
    keep(path, "client", &authority, Purpose::Client);
    keep(path, "stranger", &stranger, Purpose::Client);
    let (engine, port) = engine(path);
    let web = engine.container("web", &[], &["idle"]);
    let file = |name: &str| path.join(name).display().to_string();
    let ask = async |tls: Value| {
        let host = format!("tcp://localhost:{port}");
        let connection = Connection {
            name: "engine".to_owned(),
            params: written(&json!({"docker": {"host": host, "tls": tls}})),
        };
        let used = Use {
            params: written(&json!({"exec": web, "argv": ["echo", "inside"]})),
            connection: Some(connection),
            ..Use::default()
        };
        used.run(&docker(), &FakeHost::new()).await
    };
    let known = json!({"ca": file("ca.pem"), "cert": file("client.pem"), "key": file("client-key.pem")});
    assert_eq!(ask(known).await.unwrap().value["stdout"], "inside");
    for wrong in [
        json!({"ca": file("other-ca.pem"), "cert": file("client.pem"), "key": file("client-key.pem")}),
        json!({"ca": file("ca.pem"), "cert": file("stranger.pem"), "key": file("stranger-key.pem")}),
    ] {
        let failure = ask(wrong).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Tls, "{failure:?}");
        assert!(!failure.may_have_applied);
    }
}
