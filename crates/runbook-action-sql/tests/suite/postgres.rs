//! Statements on PostgreSQL: results, limits, how they are stopped.

use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::cluster::Cluster;
use crate::{connection, on, one, run, run_with};

/// Waits until a query gives true.
pub(crate) async fn until(sql: &Sql, url: &str, query: &str) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while one(sql, url, json!(query)).await != true {
            tokio::time::sleep(Duration::from_millis(20)).await; // paced: between two looks at a real server
        }
    });
    assert!(waited.await.is_ok(), "never true: {query}");
}

#[tokio::test]
async fn results_have_all_their_names() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let ok = |params| {
        let (sql, url) = (&sql, &url);
        async move { run(sql, &on(url, params)).await.unwrap().value }
    };
    assert_eq!(
        ok(json!("CREATE TABLE t (id serial, name text)")).await["rows_affected"],
        0
    );
    assert_eq!(
        ok(json!("INSERT INTO t (name) VALUES ('a'), ('b'), ('c')")).await["rows_affected"],
        3
    );
    let value = ok(json!("SELECT id, name, id FROM t ORDER BY id LIMIT 2")).await;
    assert_eq!(value["columns"], json!(["id", "name", "id_2"]));
    assert_eq!(value["rows"][1], json!({"id": 2, "name": "b", "id_2": 2}));
    assert_eq!(value["rows_affected"], 2);
    assert_eq!(
        ok(json!("SELECT * FROM t WHERE false")).await["columns"],
        json!(["id", "name"])
    );
    let value = ok(json!({"query": "SELECT * FROM t WHERE id > :id", "bind": {"id": 9}})).await;
    assert_eq!(
        value,
        json!({"rows": [], "rows_affected": 0, "columns": ["id", "name"]})
    );
    let value = ok(json!({"query": "DELETE FROM t WHERE id > :id RETURNING id", "bind": {"id": 2}})).await;
    assert_eq!(
        value,
        json!({"rows": [{"id": 3}], "rows_affected": 1, "columns": ["id"]})
    );
    assert_eq!(
        ok(json!("SHOW application_name")).await["rows"][0]["application_name"],
        "runbook"
    );
    // What cannot be part of a transaction.
    ok(json!("VACUUM t")).await;

    let host = FakeHost::new();
    let output = run_with(
        &sql,
        &on(&url, json!("SELECT generate_series(1, 20000) AS n")),
        &host,
    )
    .await
    .unwrap();
    assert_eq!(output.cut, ["rows"]);
    assert_eq!(output.value["rows"].as_array().unwrap().len(), 10_000);
    assert_eq!(String::from_utf8(host.stdout()).unwrap().lines().count(), 20_000);
}

#[tokio::test]
async fn limits_hold() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    run(
        &sql,
        &on(
            &url,
            json!("CREATE TABLE t AS SELECT generate_series(1, 5) AS id"),
        ),
    )
    .await
    .unwrap();
    for (query, bind) in [
        ("DELETE FROM t WHERE id > 0", json!({})),
        ("DELETE FROM t WHERE id > :a", json!({"a": 0})),
    ] {
        let case = on(&url, json!({"query": query, "bind": bind, "max_rows": 4}));
        let failure = run(&sql, &case).await.unwrap_err();
        assert_eq!(
            failure.message,
            "would have changed 5 rows where at most 4 were expected; it was rolled back"
        );
        assert!(!failure.may_have_applied);
        assert_eq!(one(&sql, &url, json!("SELECT count(*) FROM t")).await, 5);
    }
    let read_only = |query: &str| Use {
        params: written(&json!(query)),
        connection: connection(written(&json!({"sql": url, "read_only": true}))),
        ..Use::default()
    };
    let failure = run(&sql, &read_only("DELETE FROM t")).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert!(failure.message.contains("SQLSTATE 25006"), "{failure}");
    let output = run(&sql, &read_only("SELECT count(*) AS n FROM t"))
        .await
        .unwrap();
    assert_eq!(output.value["rows"], json!([{"n": 5}]));
    let within = on(
        &url,
        json!({"query": "DELETE FROM t WHERE id < 3", "max_rows": 4}),
    );
    assert_eq!(run(&sql, &within).await.unwrap().value["rows_affected"], 2);
    assert_eq!(one(&sql, &url, json!("SELECT count(*) FROM t")).await, 3);
}

#[tokio::test]
async fn a_long_statement_is_ended_on_the_server() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let (watcher, running) = (
        Sql::default(),
        "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%pg_sleep(1000)%' AND state = 'active' AND pid <> pg_backend_pid()",
    );
    let gone = running.replace("= 1 FROM", "= 0 FROM");
    for params in [
        json!("SELECT pg_sleep(1000)"),
        json!({"query": "SELECT pg_sleep(1000), :a::int", "bind": {"a": 1}}),
        json!("SELECT pg_sleep(1000), nextval('s')"),
    ] {
        let host = FakeHost::new();
        let case = on(&url, params.clone());
        if params == json!("SELECT pg_sleep(1000), nextval('s')") {
            run(&sql, &on(&url, json!("CREATE SEQUENCE s"))).await.unwrap();
        }
        let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async {
            until(&watcher, &url, running).await;
            host.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Cancelled);
        assert_eq!(failure.may_have_applied, params.to_string().contains("nextval"));
        until(&watcher, &url, &gone).await;
    }
    let limited = Use {
        params: written(&json!("SELECT pg_sleep(1000)")),
        connection: connection(written(&json!({"sql": url, "statement_timeout": "50ms"}))),
        ..Use::default()
    };
    let failure = run(&sql, &limited).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    let host = FakeHost::new().remaining(Duration::from_millis(500));
    let failure = run_with(&sql, &on(&url, json!("SELECT pg_sleep(1000)")), &host)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    // A limit of one statement is not that of the next.
    run(&sql, &on(&url, json!("SELECT pg_sleep(0.6)"))).await.unwrap();
}

#[tokio::test]
async fn it_reconnects_when_its_session_was_ended() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let first = one(&sql, &url, json!("SELECT pg_backend_pid()")).await;
    assert_eq!(one(&sql, &url, json!("SELECT pg_backend_pid()")).await, first);
    let other = Sql::default();
    let end = json!({"query": "SELECT pg_terminate_backend(:pid)", "bind": {"pid": first}});
    assert_eq!(one(&other, &url, end).await, true);
    let second = one(&sql, &url, json!("SELECT pg_backend_pid()")).await;
    assert_ne!(second, first);
    // A statement that ends its own session: nobody knows what else it did.
    let own = on(&url, json!("SELECT pg_terminate_backend(pg_backend_pid())"));
    let failure = run(&sql, &own).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(failure.may_have_applied);
}
