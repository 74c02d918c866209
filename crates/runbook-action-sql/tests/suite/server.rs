//! Servers that are not there, or do not let one in.

use runbook_action::ErrorKind;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, secret, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::cluster::Cluster;
use crate::{connection, on, run, run_with};

#[tokio::test]
async fn nobody_is_let_in_with_a_wrong_name_or_password() {
    let cluster = Cluster::start();
    let sql = Sql::default();
    for (url, kind) in [
        (
            cluster.url_with("runbook:wrong-password", "postgres"),
            ErrorKind::Auth,
        ),
        (
            cluster.url_with("nobody:wrong-password", "postgres"),
            ErrorKind::Auth,
        ),
        (
            cluster.url_with("runbook:hunter2-hunter2", "missing"),
            ErrorKind::NotFound,
        ),
    ] {
        let failure = run(&sql, &on(&url, json!("SELECT 1"))).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.may_have_applied);
        let shown = format!("{failure:?}");
        assert!(
            !shown.contains("wrong-password") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(shown.contains(&format!("127.0.0.1:{}", cluster.port)), "{shown}");
    }
    // A password that is a secret, with characters that mean something in a URL.
    let change = "ALTER ROLE runbook PASSWORD 'p@ss:w/rd?#%20'";
    run(&sql, &on(&cluster.url(), json!(change))).await.unwrap();
    let runbook_action::Param::Text(password) = secret("pw", "p@ss:w/rd?#%20") else {
        panic!("not text")
    };
    let segments = [
        runbook_action::Segment::Literal("postgres://runbook:".to_owned()),
        password.segments()[0].clone(),
        runbook_action::Segment::Literal(format!("@127.0.0.1:{}/postgres", cluster.port)),
    ];
    let url = runbook_action::Param::Text(runbook_action::Text::from_segments(segments.to_vec()));
    let case = Use {
        params: written(&json!("SELECT 1 AS one")),
        connection: connection(runbook_action::Param::Map(
            [("sql".to_owned(), url)].into_iter().collect(),
        )),
        ..Use::default()
    };
    assert_eq!(run(&sql, &case).await.unwrap().value["rows"], json!([{"one": 1}]));
}

#[tokio::test]
async fn a_full_server_says_so() {
    let cluster = Cluster::start();
    let setup = Sql::default();
    let role = "CREATE ROLE app LOGIN PASSWORD 'app-password'";
    run(&setup, &on(&cluster.url(), json!(role))).await.unwrap();
    let url = cluster.url_with("app:app-password", "postgres");
    // Each object keeps its connection.
    let mut held = Vec::new();
    let failure = loop {
        let sql = Sql::default();
        match run(&sql, &on(&url, json!("SELECT 1"))).await {
            Ok(_) => held.push(sql),
            Err(failure) => break failure,
        }
        assert!(held.len() < 20, "the server is never full");
    };
    assert_eq!(failure.kind, ErrorKind::Other);
    assert!(failure.message.contains("SQLSTATE 53300"), "{failure}");
    assert!(failure.help.is_some());
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn a_server_that_is_gone_is_refused_and_one_that_goes_is_unreachable() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let (host, case) = (
        FakeHost::new(),
        on(&url, json!("UPDATE pg_am SET amname = amname || pg_sleep(1000)")),
    );
    let watcher = Sql::default();
    let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async {
        let query = "SELECT count(*) AS n FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
        while run(&watcher, &on(&url, json!(query))).await.unwrap().value["rows"] != json!([{"n": 1}]) {
            tokio::task::yield_now().await;
        }
        cluster.stop();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(failure.may_have_applied);
    let failure = run(&sql, &on(&url, json!("SELECT 1"))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert_eq!(
        failure.message,
        format!("nobody listens at `127.0.0.1:{}/postgres`", cluster.port)
    );
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn other_places() {
    let sql = Sql::default();
    let failure = run(
        &sql,
        &on("postgres://u:p@no-such-host.invalid/d", json!("SELECT 1")),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns, "{failure}");
    let failure = run(
        &sql,
        &on("MariaDB://u:p@no-such-host.invalid/d", json!("SELECT 1")),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns, "{failure}");
    for url in [
        "oracle://x",
        "localhost:5432",
        "postgres://u:hunter2@h:99999/d",
        "mysql://u:hunter2@h:99999/d",
        "mysql://u:hunter2@h/d?collation=a;b",
    ] {
        let failure = run(&sql, &on(url, json!("SELECT 1"))).await.unwrap_err();
        assert_eq!(
            failure.param.as_deref(),
            Some("connections.db.sql"),
            "{url}: {failure}"
        );
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
    // Something that listens and is no database.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://u:p@{}/d", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 1024];
        let _read = stream.read(&mut buffer).await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
    });
    let failure = run(&sql, &on(&url, json!("SELECT 1"))).await.unwrap_err();
    assert!(
        matches!(
            failure.kind,
            ErrorKind::Protocol | ErrorKind::Unreachable | ErrorKind::Tls
        ),
        "{failure:?}"
    );
    server.await.unwrap();
}
