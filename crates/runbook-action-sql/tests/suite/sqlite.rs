//! Statements on SQLite.

use runbook_action::{Effect, ErrorKind};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{connection, on, one, run, run_with};

const URL: &str = "sqlite:file.db?mode=rwc";

struct Place {
    root: TempDir,
    sql: Sql,
}

impl Place {
    async fn new() -> Self {
        let root = TempDir::new().unwrap();
        let sql = Sql::new(root.path().to_owned());
        let place = Self { root, sql };
        place
            .ok(json!("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)"))
            .await;
        place
            .ok(json!("INSERT INTO t (name) VALUES ('a'), ('b'), ('c')"))
            .await;
        place
    }

    async fn ok(&self, params: Value) -> Value {
        run(&self.sql, &on(URL, params)).await.unwrap().value
    }
}

#[tokio::test]
async fn rows_are_read() {
    let place = Place::new().await;
    assert!(place.root.path().join("file.db").exists());
    let value = place
        .ok(json!(
            "SELECT id, name AS n, 1.5 AS id, x'00ff' AS blob, NULL AS none FROM t WHERE id < 3"
        ))
        .await;
    assert_eq!(value["columns"], json!(["id", "n", "id_2", "blob", "none"]));
    assert_eq!(value["rows_affected"], 2);
    assert_eq!(
        value["rows"][1],
        json!({"id": 2, "n": "b", "id_2": 1.5, "blob": "AP8=", "none": null})
    );
    assert_eq!(
        place.ok(json!("SELECT * FROM t WHERE 0")).await["columns"],
        json!(["id", "name"])
    );
    assert_eq!(
        place.ok(json!("UPDATE t SET name = 'x' WHERE id > 1")).await["rows_affected"],
        2
    );
    assert_eq!(place.ok(json!("CREATE TABLE u (a)")).await["rows_affected"], 0);
    assert_eq!(
        place.ok(json!("DELETE FROM t WHERE id = 9")).await["rows_affected"],
        0
    );
}

#[tokio::test]
async fn values_are_bound() {
    let place = Place::new().await;
    for hostile in ["'; DROP TABLE t; --", "\"", "\\", ":b", "$1", "a\nb", "🦀", ""] {
        let params = json!({"query": "SELECT :a, :a AS again", "bind": {"a": hostile}});
        let value = place.ok(params).await;
        assert_eq!(value["rows"][0]["again"], hostile);
    }
    let values = json!({"i": i64::MAX, "f": 0.1, "t": true, "n": null, "m": {"k": [1]}});
    let value = place
        .ok(json!({"query": "SELECT :i AS i, :f AS f, :t AS t, :n AS n, :m AS m", "bind": values}))
        .await;
    assert_eq!(
        value["rows"][0],
        json!({"i": i64::MAX, "f": 0.1, "t": 1, "n": null, "m": "{\"k\":[1]}"})
    );
    let failure = run(
        &place.sql,
        &on(URL, json!({"query": "SELECT :a", "bind": {"a": ["x"]}})),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.to_string(), "`bind.a`: SQLite has no lists");
    for query in ["SELECT ?", "SELECT ?1", "SELECT @a", "SELECT $a"] {
        let failure = run(&place.sql, &on(URL, json!(query))).await.unwrap_err();
        assert!(
            failure.message.contains("is not the name of a value"),
            "{query}: {failure}"
        );
    }
}

#[tokio::test]
async fn too_many_changed_rows_are_rolled_back() {
    let place = Place::new().await;
    let failure = run(
        &place.sql,
        &on(URL, json!({"query": "DELETE FROM t", "max_rows": 2})),
    )
    .await
    .unwrap_err();
    assert_eq!(
        failure.message,
        "would have changed 3 rows where at most 2 were expected; it was rolled back"
    );
    assert!(!failure.may_have_applied);
    assert_eq!(one(&place.sql, URL, json!("SELECT count(*) FROM t")).await, 3);
    place.ok(json!({"query": "DELETE FROM t", "max_rows": 3})).await;
    assert_eq!(one(&place.sql, URL, json!("SELECT count(*) FROM t")).await, 0);
}

#[tokio::test]
async fn a_read_only_connection_changes_nothing() {
    let place = Place::new().await;
    let case = |query: &str| Use {
        params: written(&json!(query)),
        connection: connection(written(&json!({"sql": URL, "read_only": true}))),
        ..Use::default()
    };
    run(&place.sql, &case("PRAGMA query_only = OFF")).await.unwrap();
    let failure = run(&place.sql, &case("DELETE FROM t")).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Forbidden);
    assert_eq!(failure.help.as_deref(), Some("the connection is `read_only`"));
    assert_eq!(
        run(&place.sql, &case("SELECT * FROM t")).await.unwrap().value["rows_affected"],
        3
    );
}

#[tokio::test]
async fn a_long_statement_is_stopped() {
    let place = Place::new().await;
    let query = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n";
    let case = Use {
        params: written(&json!(query)),
        connection: connection(written(&json!({"sql": URL, "statement_timeout": "50ms"}))),
        ..Use::default()
    };
    let failure = run(&place.sql, &case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    let host = FakeHost::new();
    let case = on(URL, json!(query));
    let (outcome, ()) = tokio::join!(run_with(&place.sql, &case, &host), async { host.cancel() });
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
    // Nothing of it holds the database.
    place.ok(json!("DELETE FROM t")).await;
}

#[tokio::test]
async fn many_rows_are_cut_for_expressions_and_passed_on() {
    let place = Place::new().await;
    let host = FakeHost::new();
    let query =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 20000) SELECT x FROM n";
    let output = run_with(&place.sql, &on(URL, json!(query)), &host).await.unwrap();
    assert_eq!(output.cut, ["rows"]);
    assert_eq!(output.value["rows"].as_array().unwrap().len(), 10_000);
    assert_eq!(output.value["rows_affected"], 20_000);
    let lines = String::from_utf8(host.stdout()).unwrap();
    assert_eq!(lines.lines().count(), 20_000);
    assert_eq!(lines.lines().last(), Some("{\"x\":20000}"));
    let big =
        "SELECT value, hex(zeroblob(50000)) AS big FROM json_each('[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]')";
    let output = run(&place.sql, &on(URL, json!(big))).await.unwrap();
    assert_eq!(output.cut, ["rows"]);
    assert_eq!(output.value["rows"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn errors_have_their_kinds() {
    let place = Place::new().await;
    let failure = |url: &'static str, query: &'static str| {
        let place = &place;
        async move { run(&place.sql, &on(url, json!(query))).await.unwrap_err() }
    };
    let missing = failure("sqlite:missing.db", "SELECT 1").await;
    assert_eq!(missing.kind, ErrorKind::NotFound, "{missing}");
    assert!(missing.message.contains("missing.db"), "{missing}");
    let table = failure(URL, "SELECT * FROM missing").await;
    assert_eq!(table.message, "no such table: missing");
    assert!(!table.may_have_applied);
    let conflict = failure(URL, "INSERT INTO t VALUES (1, 'x')").await;
    assert_eq!(conflict.kind, ErrorKind::Conflict);
    std::fs::write(
        place.root.path().join("text.db"),
        "not a database, but long enough to look like one".repeat(9),
    )
    .unwrap();
    let garbage = failure("sqlite:text.db", "SELECT * FROM t").await;
    assert_eq!(garbage.kind, ErrorKind::Protocol, "{garbage}");
}

#[tokio::test]
async fn a_database_in_memory_stays_between_statements() {
    let sql = Sql::default();
    let url = "sqlite::memory:";
    run(&sql, &on(url, json!("CREATE TABLE t (a)"))).await.unwrap();
    run(&sql, &on(url, json!("INSERT INTO t VALUES (5)")))
        .await
        .unwrap();
    assert_eq!(one(&sql, url, json!("SELECT a FROM t")).await, 5);
    assert!(Effect::Read < Effect::Change);
}
