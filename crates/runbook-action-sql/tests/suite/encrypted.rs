//! Connections that are encrypted: to servers with certificates of a private authority.

use runbook_action::{ErrorKind, Failure};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::mariadb::{Server, Wishes};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::cluster::Cluster;
use crate::{connection, on, run};

/// The files of a project: its authority, another one, and somebody's certificate.
struct Project {
    authority: Authority,
    root: TempDir,
    sql: Sql,
}

impl Project {
    fn new() -> Self {
        let authority = Authority::new();
        let root = TempDir::new().unwrap();
        let (cert, key) = authority.certify("certified", &[]);
        for (name, contents) in [
            ("ca.pem", authority.pem.as_str()),
            ("other.pem", Authority::new().pem.as_str()),
            ("cert.pem", cert.as_str()),
            ("key.pem", key.as_str()),
            ("text.pem", "no certificate"),
        ] {
            std::fs::write(root.path().join(name), contents).unwrap();
        }
        Self {
            sql: Sql::new(root.path().to_owned()),
            authority,
            root,
        }
    }

    async fn ask(&self, url: &str, tls: Value, query: &str) -> Result<Value, Failure> {
        let case = Use {
            params: written(&json!(query)),
            connection: connection(written(&json!({"sql": url, "tls": tls}))),
            ..Use::default()
        };
        let output = run(&self.sql, &case).await?;
        let row = output.value["rows"][0].as_object().unwrap().clone();
        Ok(row.into_iter().next_back().unwrap().1)
    }

    /// What must not connect, whatever the server.
    async fn keeps_out(&self, url: &str, localhost: &str) {
        for (url, tls, kind) in [
            // An authority that is not trusted: the system's do not know it.
            (url, json!({}), ErrorKind::Tls),
            (url, json!({"ca": "other.pem"}), ErrorKind::Tls),
            // Another name than that of the certificate.
            (localhost, json!({"ca": "ca.pem"}), ErrorKind::Tls),
        ] {
            let failure = self.ask(url, tls.clone(), "SELECT 1").await.unwrap_err();
            assert_eq!(failure.kind, kind, "{tls}: {failure}");
            assert!(!failure.may_have_applied);
            assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
        }
        for (tls, param, said) in [
            (
                json!({"ca": "missing.pem"}),
                "connections.db.tls.ca",
                "cannot be read",
            ),
            (
                json!({"ca": "text.pem"}),
                "connections.db.tls.ca",
                "holds no certificate",
            ),
            (
                json!({"server_name": "no name"}),
                "connections.db.tls.server_name",
                "is not the name",
            ),
            (
                json!({"cert": "cert.pem"}),
                "connections.db.tls.cert",
                "needs `key`",
            ),
            (
                json!({"key": "key.pem"}),
                "connections.db.tls.key",
                "needs `cert`",
            ),
            (
                json!({"cert": "cert.pem", "key": "ca.pem"}),
                "connections.db.tls.key",
                "holds no private key",
            ),
        ] {
            let failure = self.ask(url, tls.clone(), "SELECT 1").await.unwrap_err();
            assert_eq!(failure.param.as_deref(), Some(param), "{tls}: {failure}");
            assert!(failure.message.contains(said), "{tls}: {failure}");
        }
    }
}

#[tokio::test]
async fn postgres_shows_who_it_is() {
    let project = Project::new();
    let (cert, key) = project.authority.certify("server", &["127.0.0.1"]);
    let hba = "hostssl all certified 127.0.0.1/32 cert\nhostssl all all 127.0.0.1/32 scram-sha-256\n";
    let cluster = Cluster::start_with(
        &[
            ("server.crt", &cert),
            ("server.key", &key),
            ("ca.crt", &project.authority.pem),
            ("hba", hba),
        ],
        &[
            "ssl=on",
            "ssl_cert_file=@/server.crt",
            "ssl_key_file=@/server.key",
            "ssl_ca_file=@/ca.crt",
            "hba_file=@/hba",
        ],
    );
    let url = cluster.url();
    let is_encrypted = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let ask = |url: &str, tls: Value| {
        let (project, url) = (&project, url.to_owned());
        async move { project.ask(&url, tls, is_encrypted).await }
    };
    assert_eq!(ask(&url, json!({"ca": "ca.pem"})).await, Ok(json!(true)));
    // What the URL says of it is not less than what `tls` says.
    let lax = format!("{url}?sslmode=disable");
    assert_eq!(ask(&lax, json!({"ca": "ca.pem"})).await, Ok(json!(true)));
    let unknown = ask(&lax, json!({"ca": "other.pem"})).await.unwrap_err();
    assert_eq!(unknown.kind, ErrorKind::Tls, "{unknown}");
    project
        .keeps_out(&url, &url.replace("127.0.0.1", "localhost"))
        .await;
    // By another name than the one in the certificate, which is asked for.
    let named = json!({"ca": "ca.pem", "server_name": "127.0.0.1"});
    let other = url.replace("127.0.0.1", "localhost");
    assert_eq!(ask(&other, named).await, Ok(json!(true)));
    let named = json!({"ca": "ca.pem", "server_name": "db.internal"});
    let failure = ask(&url, named).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    // One's own certificate in place of a password.
    run(
        &project.sql,
        &on(
            &format!("{url}?sslmode=require"),
            json!("CREATE ROLE certified LOGIN"),
        ),
    )
    .await
    .unwrap();
    let certified = cluster.url_with("certified", "postgres");
    let own = json!({"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"});
    assert_eq!(ask(&certified, own).await, Ok(json!(true)));
    let failure = ask(&certified, json!({"ca": "ca.pem"})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Auth, "{failure}");
    // A server that does not encrypt.
    let plain = Cluster::start();
    let failure = ask(&plain.url(), json!({"ca": "ca.pem"})).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert!(
        failure.message.contains("server does not support TLS"),
        "{failure}"
    );
    assert!(!plain.log().contains("connection authorized"));
    // And one that does, for somebody who does not want it.
    let refused = run(&project.sql, &on(&lax, json!("SELECT 1"))).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Auth, "{refused}");
    drop(project.root);
}

#[tokio::test]
async fn mariadb_shows_who_it_is() {
    let project = Project::new();
    let (cert, key) = project.authority.certify("server", &["127.0.0.1"]);
    let server = Server::start_with(&Wishes {
        files: vec![
            ("server.crt".to_owned(), cert),
            ("server.key".to_owned(), key),
            ("ca.crt".to_owned(), project.authority.pem.clone()),
        ],
        settings: ["ssl-cert=@server.crt", "ssl-key=@server.key", "ssl-ca=@ca.crt"]
            .map(str::to_owned)
            .to_vec(),
    });
    let url = server.url("test");
    let cipher = "SHOW STATUS LIKE 'Ssl_cipher'";
    let said = project.ask(&url, json!({"ca": "ca.pem"}), cipher).await.unwrap();
    assert!(said.as_str().is_some_and(|cipher| !cipher.is_empty()), "{said}");
    project
        .keeps_out(&url, &url.replace("127.0.0.1", "localhost"))
        .await;
    let other = url.replace("127.0.0.1", "localhost");
    let named = json!({"ca": "ca.pem", "server_name": "127.0.0.1"});
    assert!(project.ask(&other, named, cipher).await.is_ok());
    let named = json!({"ca": "ca.pem", "server_name": "db.internal"});
    let failure = project.ask(&url, named, cipher).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    let create = "CREATE USER certified@'127.0.0.1' REQUIRE SUBJECT '/CN=certified'";
    run(&project.sql, &on(&url, json!(create))).await.unwrap();
    let certified = server.url_for("certified", "");
    let own = json!({"ca": "ca.pem", "cert": "cert.pem", "key": "key.pem"});
    assert!(project.ask(&certified, own, cipher).await.is_ok());
    let failure = project
        .ask(&certified, json!({"ca": "ca.pem"}), cipher)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Auth, "{failure}");
    let plain = Server::start();
    let failure = project
        .ask(&plain.url("test"), json!({"ca": "ca.pem"}), "SELECT 1")
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
}

#[tokio::test]
async fn a_file_is_not_encrypted() {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    let case = Use {
        params: written(&json!("SELECT 1")),
        connection: connection(written(&json!({"sql": "sqlite:a.db?mode=rwc", "tls": {}}))),
        ..Use::default()
    };
    let failure = run(&sql, &case).await.unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("connections.db.tls"));
    assert!(!root.path().join("a.db").exists(), "something was run");
}
