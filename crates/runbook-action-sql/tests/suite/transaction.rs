//! Several statements: all or none, or each by itself; in a file, and with values. On every database.

use runbook_action::ErrorKind;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::mariadb::Server;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::{connection, on, one, run, run_with};

const SQLITE: &str = "sqlite:file.db?mode=rwc";

/// A database that has a table.
struct Place {
    root: TempDir,
    sql: Sql,
    url: String,
}

impl Place {
    async fn new(url: &str) -> Self {
        let root = TempDir::new().unwrap();
        let sql = Sql::new(root.path().to_owned());
        let place = Self {
            root,
            sql,
            url: url.to_owned(),
        };
        place.ok(json!("CREATE TABLE t (id int PRIMARY KEY)")).await;
        place
    }

    async fn ok(&self, params: Value) -> Value {
        run(&self.sql, &on(&self.url, params)).await.unwrap().value
    }

    async fn fails(&self, params: Value) -> runbook_action::Failure {
        run(&self.sql, &on(&self.url, params)).await.unwrap_err()
    }

    async fn count(&self) -> Value {
        one(&self.sql, &self.url, json!("SELECT count(*) FROM t")).await
    }

    fn read_only(&self, params: &Value) -> Use {
        Use {
            params: written(params),
            connection: connection(written(&json!({"sql": self.url, "read_only": true}))),
            ..Use::default()
        }
    }
}

async fn several_statements(place: &Place) {
    let insert = "INSERT INTO t VALUES (:a); INSERT INTO t VALUES (:b), (:c);\n-- the end\nSELECT id AS n FROM t WHERE id > :a";
    let bind = json!({"a": 1, "b": 2, "c": 3});
    let all = place
        .ok(json!({"query": insert, "bind": bind, "transaction": true}))
        .await;
    assert_eq!(all["columns"], json!(["n"]));
    assert_eq!(all["rows"], json!([{"n": 2}, {"n": 3}]));
    assert_eq!(all["rows_affected"], 5);
    // None of them.
    let failure = place
        .fails(json!({"query": "INSERT INTO t VALUES (4); INSERT INTO t VALUES (1)", "transaction": true}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.message.starts_with("statement 2 of 2: "), "{failure}");
    assert!(!failure.may_have_applied);
    assert_eq!(place.count().await, 3);
    // A limit holds in a transaction too.
    let failure = place
        .fails(json!({"query": "DELETE FROM t", "transaction": true, "max_rows": 2}))
        .await;
    assert!(failure.message.contains("would have changed 3 rows"), "{failure}");
    assert_eq!(place.count().await, 3);
    // Each by itself: what was done before stays, and that is said.
    let failure = place
        .fails(json!({"query": "INSERT INTO t VALUES (4); INSERT INTO t VALUES (1)", "transaction": false}))
        .await;
    assert_eq!(failure.kind, ErrorKind::Conflict);
    assert!(failure.may_have_applied);
    assert_eq!(place.count().await, 4);
    // The first one fails, so nothing was done.
    let failure = place
        .fails(json!({"query": "SELECT 1; INSERT INTO t VALUES (1); INSERT INTO t VALUES (5)", "transaction": false}))
        .await;
    assert!(!failure.may_have_applied, "{failure}");
    assert_eq!(place.count().await, 4);
}

async fn a_file(place: &Place) {
    let path = place.root.path().join("some.sql");
    std::fs::write(
        &path,
        "\u{feff}INSERT INTO t VALUES (:a);\nDELETE FROM t WHERE id = :a OR id = :b;\n",
    )
    .unwrap();
    let used = |more: Value| {
        let mut params = json!({"file": "some.sql", "bind": {"a": 70, "b": 4}});
        params
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        params
    };
    let value = place.ok(used(json!({"transaction": true}))).await;
    assert_eq!(value["rows_affected"], 3);
    assert_eq!(place.count().await, 3);
    for (params, param, said) in [
        (used(json!({})), "file", "several statements"),
        (
            used(json!({"transaction": true, "bind": {"a": 1}})),
            "file",
            "`:b` has no value",
        ),
        (json!({"file": "missing.sql"}), "file", "cannot be read"),
        (json!({"file": "."}), "file", "cannot be read"),
    ] {
        let failure = place.fails(params).await;
        assert_eq!(failure.param.as_deref(), Some(param), "{failure}");
        assert!(failure.message.contains(said), "{failure}");
        assert!(!failure.may_have_applied);
    }
    std::fs::write(&path, [0xff, 0xfe, 0, 0]).unwrap();
    let failure = place.fails(json!({"file": "some.sql"})).await;
    assert!(failure.message.contains("UTF-8"), "{failure}");
    assert_eq!(place.count().await, 3);
}

/// A statement cannot make the connection write for those after it.
async fn read_only_holds(place: &Place, loosen: &str) {
    for transaction in [true, false] {
        let query = format!("SELECT 1; {loosen}; DELETE FROM t WHERE id > 0");
        let case = place.read_only(&json!({"query": query, "transaction": transaction}));
        let failure = run(&place.sql, &case).await.unwrap_err();
        assert!(
            failure.kind == ErrorKind::Forbidden || failure.message.contains("statement 2"),
            "{failure}"
        );
        assert_eq!(place.count().await, 3, "{loosen}, {transaction}");
    }
}

#[tokio::test]
async fn on_postgres() {
    let cluster = Cluster::start();
    let place = Place::new(&cluster.url()).await;
    several_statements(&place).await;
    a_file(&place).await;
    read_only_holds(&place, "SET TRANSACTION READ WRITE").await;
    read_only_holds(&place, "SET default_transaction_read_only = off").await;
    // What refuses a transaction runs outside of one, by itself and among others.
    for query in [
        "VACUUM t",
        "CREATE INDEX CONCURRENTLY i ON t (id)",
        "DROP INDEX CONCURRENTLY i",
        "ALTER SYSTEM SET work_mem = '8MB'",
        "CREATE DATABASE other",
    ] {
        place.ok(json!(query)).await;
    }
    let several = "VACUUM t; INSERT INTO t VALUES (9); REINDEX TABLE CONCURRENTLY t; DROP DATABASE other";
    place.ok(json!({"query": several, "transaction": false})).await;
    assert_eq!(place.count().await, 4);
    for query in ["VACUUM t", "ALTER SYSTEM SET work_mem = '9MB'"] {
        let failure = run(&place.sql, &place.read_only(&json!(query)))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure}");
        assert!(!failure.may_have_applied);
    }
}

#[tokio::test]
async fn on_mariadb() {
    let server = Server::start();
    let place = Place::new(&server.url("test")).await;
    several_statements(&place).await;
    a_file(&place).await;
    read_only_holds(&place, "SET SESSION TRANSACTION READ WRITE").await;
    for query in [
        "INSERT INTO t VALUES (8); CREATE TABLE u (a int)",
        "LOCK TABLES t WRITE; DELETE FROM t",
    ] {
        let failure = place.fails(json!({"query": query, "transaction": true})).await;
        assert_eq!(failure.param.as_deref(), Some("transaction"));
        assert!(!failure.may_have_applied, "{failure}");
    }
    place
        .ok(json!({"query": "CREATE TEMPORARY TABLE u (a int); INSERT INTO u VALUES (1)", "transaction": true}))
        .await;
    assert_eq!(place.count().await, 3);
}

#[tokio::test]
async fn on_sqlite() {
    let place = Place::new(SQLITE).await;
    several_statements(&place).await;
    a_file(&place).await;
    read_only_holds(&place, "PRAGMA query_only = OFF").await;
    let several = "VACUUM; INSERT INTO t VALUES (9); VACUUM";
    place.ok(json!({"query": several, "transaction": false})).await;
    assert_eq!(place.count().await, 4);
}

#[tokio::test]
async fn what_postgres_remarks_is_kept() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let host = FakeHost::new();
    let raise = "DO $$ BEGIN RAISE NOTICE 'hello'; RAISE WARNING 'careful'; RAISE INFO 'by the way'; END $$";
    let query = format!("DROP TABLE IF EXISTS missing; {raise}; SELECT 1 AS one");
    let case = on(&url, json!({"query": query, "transaction": true}));
    let output = run_with(&sql, &case, &host).await.unwrap();
    assert_eq!(output.value["rows"], json!([{"one": 1}]));
    assert_eq!(
        String::from_utf8(host.stderr()).unwrap(),
        "notice: table \"missing\" does not exist, skipping\nnotice: hello\nwarning: careful\ninfo: by the way\n"
    );
    assert_eq!(String::from_utf8(host.stdout()).unwrap(), "{\"one\":1}\n");
    // Also those of one that fails, and no more than can be kept of very many.
    let host = FakeHost::new();
    let fails = "DO $$ BEGIN RAISE NOTICE 'so far'; RAISE EXCEPTION 'no further'; END $$";
    run_with(&sql, &on(&url, json!(fails)), &host).await.unwrap_err();
    assert_eq!(String::from_utf8(host.stderr()).unwrap(), "notice: so far\n");
    let host = FakeHost::new().keep(1024);
    let many = "DO $$ BEGIN FOR i IN 1..50000 LOOP RAISE NOTICE '%', repeat('x', 100); END LOOP; END $$";
    run_with(&sql, &on(&url, json!(many)), &host).await.unwrap();
    assert_eq!(host.stderr().len(), 1024);
}

/// A notice is there as soon as the server makes it.
#[tokio::test]
async fn a_remark_does_not_wait_for_the_end() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let host = FakeHost::new();
    let slow = on(
        &url,
        json!("DO $$ BEGIN RAISE NOTICE 'begun'; PERFORM pg_sleep(1000); END $$"),
    );
    let (outcome, ()) = tokio::join!(run_with(&sql, &slow, &host), async {
        while host.stderr() != b"notice: begun\n" {
            tokio::task::yield_now().await;
        }
        host.cancel();
    });
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
}
