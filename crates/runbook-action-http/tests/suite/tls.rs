//! Encrypted connections, with an authority that only the test knows.

use std::path::PathBuf;

use runbook_action::{ErrorKind, Failure, Output};
use runbook_testkit::authority::{Authority, Purpose, Signed};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::https::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server as Plain, listen};
use crate::{connection, run};

/// An authority, and a place for its files.
struct World {
    authority: Authority,
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let world = Self {
            authority: Authority::new(),
            directory: TempDir::new().unwrap(),
        };
        world.write("ca.pem", &world.authority.pem());
        world
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn ca(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    fn shown(&self) -> Signed {
        self.authority
            .sign(&["127.0.0.1", "db.internal"], Purpose::Server)
    }
}

async fn get(url: &str, params: Value, tls: Value) -> Result<Output, Failure> {
    let case = Use {
        params: written(&params),
        connection: connection(written(&json!({"http": url, "tls": tls}))),
        ..Use::default()
    };
    run(&case).await
}

fn post() -> Value {
    json!({"post": "/x", "body": "b"})
}

#[tokio::test]
async fn an_own_authority_is_trusted_where_the_connection_says_so() {
    let world = World::new();
    let server = Server::start(&world.shown(), None).await;
    let url = server.url("127.0.0.1");
    let told = get(&url, post(), json!({"ca": world.ca()})).await.unwrap();
    assert_eq!(told.value["body"]["method"], "POST");
    assert_eq!(told.value["body"]["known"], false);

    for tls in [json!({}), json!({"server_name": "db.internal"})] {
        let failure = get(&url, post(), tls).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
        assert!(!failure.may_have_applied);
        assert!(failure.message.contains("UnknownIssuer"), "{failure}");
        assert!(failure.help.unwrap().contains("tls.ca"));
    }
    // One that signed nothing of it.
    let other = world.write("other.pem", &Authority::new().pem());
    let failure = get(&url, post(), json!({"ca": other})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn the_certificate_must_have_the_name() {
    let world = World::new();
    let named = world.authority.sign(&["db.internal"], Purpose::Server);
    let server = Server::start(&named, None).await;
    let failure = get(&server.url("127.0.0.1"), post(), json!({"ca": world.ca()}))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert!(failure.help.unwrap().contains("tls.server_name"));

    let tls = json!({"ca": world.ca(), "server_name": "db.internal"});
    for host in ["127.0.0.1", "localhost"] {
        let told = get(&server.url(host), post(), tls.clone()).await.unwrap().value["body"].clone();
        assert_eq!(told["server_name"], "db.internal");
        assert_eq!(told["headers"]["host"], format!("{host}:{}", server.port()));
    }
    let tls = json!({"ca": world.ca(), "server_name": "other.internal"});
    let failure = get(&server.url("127.0.0.1"), post(), tls).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn a_certificate_of_the_past_is_not_trusted() {
    let world = World::new();
    let expired = world.authority.sign(&["127.0.0.1"], Purpose::ExpiredServer);
    let server = Server::start(&expired, None).await;
    let failure = get(&server.url("127.0.0.1"), post(), json!({"ca": world.ca()}))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls);
    assert!(failure.message.contains("certificate expired"), "{failure}");
    // Nor is that of a client.
    let client = world.authority.sign(&["127.0.0.1"], Purpose::Client);
    let server = Server::start(&client, None).await;
    let failure = get(&server.url("127.0.0.1"), post(), json!({"ca": world.ca()}))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
}

#[tokio::test]
async fn a_server_may_want_to_know_the_client() {
    let world = World::new();
    let server = Server::start(&world.shown(), Some(&world.authority.pem())).await;
    let url = server.url("127.0.0.1");
    let own = world.authority.sign(&["client"], Purpose::Client);
    let (cert, key) = (
        world.write("cert.pem", &own.cert),
        world.write("key.pem", &own.key),
    );
    let tls = json!({"ca": world.ca(), "cert": cert, "key": key});
    let told = get(&url, post(), tls).await.unwrap();
    assert_eq!(told.value["body"]["known"], true);

    let stranger = Authority::new().sign(&["client"], Purpose::Client);
    let cert = world.write("stranger.pem", &stranger.cert);
    let key = world.write("stranger.key", &stranger.key);
    for tls in [
        json!({"ca": world.ca()}),
        json!({"ca": world.ca(), "cert": cert, "key": key}),
    ] {
        let failure = get(&url, post(), tls).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
        assert!(!failure.may_have_applied, "{failure}");
        assert!(failure.help.unwrap().contains("tls.cert"));
    }
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn files_that_are_no_certificates_are_told_by_their_place() {
    let world = World::new();
    let garbage = world.write("garbage.pem", "garbage");
    let own = world.authority.sign(&["client"], Purpose::Client);
    let cert = world.write("cert.pem", &own.cert);
    for (tls, param, kind) in [
        (json!({"ca": "no/such/file"}), "ca", ErrorKind::NotFound),
        (json!({"ca": garbage}), "ca", ErrorKind::Other),
        (json!({"cert": cert}), "cert", ErrorKind::Other),
        (json!({"key": cert}), "key", ErrorKind::Other),
        (json!({"cert": cert, "key": garbage}), "cert", ErrorKind::Other),
        (json!({"cert": cert, "key": cert}), "cert", ErrorKind::Other),
        (
            json!({"server_name": "127.0.0.1"}),
            "server_name",
            ErrorKind::Other,
        ),
        (json!({"server_name": "a/b"}), "server_name", ErrorKind::Other),
    ] {
        let failure = get("https://127.0.0.1:9", post(), tls.clone()).await.unwrap_err();
        let param = format!("connections.api.tls.{param}");
        assert_eq!(failure.param, Some(param), "{tls}: {failure}");
        assert_eq!(failure.kind, kind, "{tls}: {failure}");
    }
}

#[tokio::test]
async fn http_and_https_are_not_mixed_up() {
    let world = World::new();
    let server = Server::start(&world.shown(), None).await;
    let url = format!("http://127.0.0.1:{}", server.port());
    let failure = get(&url, json!({"get": "/"}), json!({})).await.unwrap_err();
    assert!(
        matches!(failure.kind, ErrorKind::Protocol | ErrorKind::Unreachable),
        "{failure:?}"
    );
    let plain = Plain::start().await;
    let failure = get(&plain.base.replace("http:", "https:"), post(), json!({}))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure:?}");
    assert!(!failure.may_have_applied);
    assert!(failure.help.unwrap().contains("http://"));
    assert!(plain.seen().is_empty() && server.seen().is_empty());
}

#[tokio::test]
async fn a_handshake_that_is_cut_off_has_sent_nothing() {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            drop(stream);
        }
    });
    let failure = get(&format!("https://{address}"), post(), json!({}))
        .await
        .unwrap_err();
    assert!(
        matches!(failure.kind, ErrorKind::Tls | ErrorKind::Unreachable),
        "{failure:?}"
    );
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn nothing_secret_goes_from_https_to_http_or_to_another_host() {
    let world = World::new();
    let server = Server::start(&world.shown(), None).await;
    let plain = Plain::start().await;
    let own = world.authority.sign(&["client"], Purpose::Client);
    let (cert, key) = (
        world.write("cert.pem", &own.cert),
        world.write("key.pem", &own.key),
    );
    // It asks for a certificate, and gets none.
    let curious = Server::start(&world.shown(), Some(&world.authority.pem())).await;
    let tls = json!({"ca": world.ca(), "cert": cert, "key": key});
    let ask = async |to: String, tls: &Value| {
        let params =
            json!({"get": format!("/to?{to}"), "redirects": "any", "headers": {"cookie": "c", "x-own": "1"}});
        let case = Use {
            params: written(&params),
            connection: connection(written(&json!({
                "http": server.url("127.0.0.1"), "tls": tls, "auth": {"bearer": "abc"},
                "headers": {"x-key": "k"},
            }))),
            ..Use::default()
        };
        run(&case).await
    };
    ask(format!("{}/x", plain.base), &tls).await.unwrap();
    let told = plain.seen().remove(0)["headers"].clone();
    assert_eq!(told["x-own"], "1");
    for name in ["authorization", "cookie", "x-key"] {
        assert_eq!(told[name], Value::Null, "{name}");
        assert_ne!(server.seen()[0]["headers"][name], Value::Null, "{name}");
    }
    // The private authority counts for the connection's own origin only, and so does the certificate.
    let failure = ask(curious.url("127.0.0.1"), &tls).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls);
    assert!(failure.message.contains(&curious.port().to_string()), "{failure}");
    assert!(curious.seen().is_empty());
}
