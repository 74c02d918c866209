//! Statements on MariaDB: results, limits, how they are stopped.

use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use runbook_testkit::mariadb::Server;
use serde_json::{Value, json};

use crate::{connection, on, one, run, run_with};

/// Waits until a query gives this.
pub(crate) async fn until(url: &str, query: &str, expected: i64) {
    let sql = Sql::default();
    let waited = tokio::time::timeout(PATIENCE, async {
        while one(&sql, url, json!(query)).await != expected {
            tokio::time::sleep(Duration::from_millis(20)).await; // paced: between two looks at a real server
        }
    });
    assert!(waited.await.is_ok(), "never {expected}: {query}");
}

#[tokio::test]
async fn results_have_all_their_names() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    let ok = |params| {
        let (sql, url) = (&sql, &url);
        async move { run(sql, &on(url, params)).await.unwrap().value }
    };
    ok(json!(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, name text)"
    ))
    .await;
    assert_eq!(
        ok(json!("INSERT INTO t (name) VALUES ('a'), ('b'), ('c')")).await["rows_affected"],
        3
    );
    let value = ok(json!("SELECT id, name, id FROM t ORDER BY id LIMIT 2")).await;
    assert_eq!(value["columns"], json!(["id", "name", "id_2"]));
    assert_eq!(value["rows"][1], json!({"id": 2, "name": "b", "id_2": 2}));
    assert_eq!(value["rows_affected"], 2);
    let none = json!({"rows": [], "rows_affected": 0, "columns": ["id", "name"]});
    assert_eq!(ok(json!("SELECT * FROM t WHERE false")).await, none);
    let query = json!({"query": "SELECT * FROM t WHERE id > :id OR id > :id", "bind": {"id": 9}});
    assert_eq!(ok(query).await, none);
    let query = json!({"query": "DELETE FROM t WHERE id > :id RETURNING id", "bind": {"id": 2}});
    assert_eq!(
        ok(query).await,
        json!({"rows": [{"id": 3}], "rows_affected": 1, "columns": ["id"]})
    );
    let value = ok(json!("SHOW VARIABLES LIKE 'version_comment'")).await;
    assert_eq!(value["rows"][0]["Variable_name"], "version_comment");
    // A procedure gives several results; the last one is read.
    ok(json!(
        "CREATE PROCEDURE p(IN a int) BEGIN IF a > 0 THEN SELECT 1 AS one; END IF; SELECT 2 AS two; END"
    ))
    .await;
    let value = ok(json!({"query": "CALL p(:a)", "bind": {"a": 1}})).await;
    assert_eq!(value["rows"], json!([{"two": 2}]));
    assert_eq!(
        ok(json!("SELECT 3 AS three")).await["rows"],
        json!([{"three": 3}])
    );

    let host = FakeHost::new();
    let many = on(&url, json!("SELECT seq AS n FROM seq_1_to_20000"));
    let output = run_with(&sql, &many, &host).await.unwrap();
    assert_eq!(output.cut, ["rows"]);
    assert_eq!(output.value["rows"].as_array().unwrap().len(), 10_000);
    assert_eq!(output.value["rows_affected"], 20_000);
    assert_eq!(String::from_utf8(host.stdout()).unwrap().lines().count(), 20_000);
}

/// Columns: their types, what is written into them, and what they read as.
fn types() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("tinyint", "-128", json!(-128)),
        ("tinyint(1)", "5", json!(5)),
        ("tinyint(1) unsigned", "200", json!(200)),
        ("smallint unsigned", "65535", json!(65535)),
        ("mediumint", "-8388608", json!(-8_388_608)),
        ("mediumint unsigned", "16777215", json!(16_777_215)),
        ("int unsigned", "4294967295", json!(4_294_967_295_u32)),
        ("bigint", "-9223372036854775808", json!(i64::MIN)),
        ("bigint unsigned", "18446744073709551615", json!(u64::MAX)),
        ("float", "0.1", json!(0.1)),
        ("float", "16777217.5", json!(16_777_218.0)),
        ("double", "0.1", json!(0.1)),
        ("double", "1.7976931348623157e308", json!(f64::MAX)),
        (
            "decimal(65,30)",
            "12345678901234567890123456789012345.123456789012345678901234567891",
            json!("12345678901234567890123456789012345.123456789012345678901234567891"),
        ),
        ("decimal(5,2)", "-0.10", json!("-0.10")),
        ("bit(1)", "1", json!(1)),
        ("bit(64)", "18446744073709551615", json!(u64::MAX)),
        ("bit(9)", "257", json!(257)),
        ("year", "2026", json!(2026)),
        ("date", "'2026-11-21'", json!("2026-11-21")),
        ("date", "'9999-12-31'", json!("9999-12-31")),
        ("time", "'12:30:00'", json!("12:30:00")),
        ("time(6)", "'-838:59:59.25'", json!("-838:59:59.25")),
        ("datetime", "'2026-11-21 12:30:00'", json!("2026-11-21T12:30:00")),
        (
            "datetime(6)",
            "'2026-11-21 12:30:00.000001'",
            json!("2026-11-21T12:30:00.000001"),
        ),
        ("datetime", "'2026-11-21'", json!("2026-11-21T00:00:00")),
        (
            "timestamp(3)",
            "'2026-11-21 12:30:00.5'",
            json!("2026-11-21T12:30:00.5Z"),
        ),
        ("char(5)", "'x'", json!("x")),
        ("varchar(5) CHARACTER SET utf8mb4", "'🦀'", json!("🦀")),
        ("varchar(5) CHARACTER SET latin1", "'ä'", json!("ä")),
        ("varchar(5) COLLATE utf8mb4_bin", "'b'", json!("b")),
        ("text", "'x'", json!("x")),
        ("longtext", "'x'", json!("x")),
        ("json", "'{\"a\": [1, null]}'", json!("{\"a\": [1, null]}")),
        ("binary(3)", "x'00ff'", json!("AP8A")),
        ("varbinary(3)", "x'00ff'", json!("AP8=")),
        ("blob", "x'00ff'", json!("AP8=")),
        ("longblob", "''", json!("")),
        ("enum('sad','happy')", "'happy'", json!("happy")),
        ("set('a','b','c')", "'a,c'", json!("a,c")),
        (
            "uuid",
            "'7b2f4a0e-0c5c-4a30-8f2a-0123456789ab'",
            json!("7b2f4a0e-0c5c-4a30-8f2a-0123456789ab"),
        ),
        ("inet6", "'::1'", json!("::1")),
        ("int", "NULL", json!(null)),
        ("datetime NULL", "NULL", json!(null)),
        ("blob", "NULL", json!(null)),
    ]
}

#[tokio::test]
async fn every_type_is_read_without_loss() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    for (kind, written, expected) in types() {
        run(
            &sql,
            &on(&url, json!(format!("CREATE OR REPLACE TABLE v (v {kind})"))),
        )
        .await
        .unwrap();
        let insert = format!("INSERT INTO v VALUES ({written})");
        run(&sql, &on(&url, json!(insert))).await.unwrap();
        let read = one(&sql, &url, json!("SELECT v FROM v")).await;
        assert_eq!(read, expected, "{kind}: {written}");
    }
    run(&sql, &on(&url, json!("SET sql_mode = ''"))).await.unwrap();
    for (expression, expected) in [
        ("CAST('0000-00-00' AS date)", json!("0000-00-00")),
        (
            "CAST('0000-00-00 00:00:00' AS datetime)",
            json!("0000-00-00T00:00:00"),
        ),
        ("1 = 1", json!(1)),
        ("NULL", json!(null)),
        ("POINT(1, 2)", json!("AAAAAAEBAAAAAAAAAAAA8D8AAAAAAAAAQA==")),
    ] {
        let read = one(&sql, &url, json!(format!("SELECT {expression}"))).await;
        assert_eq!(read, expected, "{expression}");
    }
}

#[tokio::test]
async fn values_arrive_as_they_are() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    for hostile in [
        "'; DROP TABLE t; --",
        "\"",
        "\\",
        "\\'",
        "?",
        ":b",
        "a\nb",
        "🦀",
        "",
    ] {
        let params = json!({"query": "SELECT :a, ':a', :a AS again", "bind": {"a": hostile}});
        let value = run(&sql, &on(&url, params)).await.unwrap().value;
        assert_eq!(value["rows"][0]["again"], hostile);
    }
    let values = json!({"i": i64::MAX, "f": 0.1, "t": true, "n": null, "m": {"k": [1]}, "s": "5"});
    let query =
        "SELECT :i AS i, :f AS f, :t AS t, :n AS n, :m AS m, :s + 1 AS s, JSON_VALUE(:m, '$.k[0]') AS k";
    let value = run(&sql, &on(&url, json!({"query": query, "bind": values})))
        .await
        .unwrap()
        .value;
    assert_eq!(
        value["rows"][0],
        json!({"i": i64::MAX, "f": 0.1, "t": 1, "n": null, "m": "{\"k\":[1]}", "s": 6.0, "k": "1"})
    );
    let list = on(&url, json!({"query": "SELECT :a", "bind": {"a": ["x"]}}));
    let failure = run(&sql, &list).await.unwrap_err();
    assert_eq!(failure.to_string(), "`bind.a`: MySQL and MariaDB have no lists");
}

/// A text that means something else on these servers than where its binds and effect were looked for is not sent.
#[tokio::test]
async fn what_has_two_readings_is_not_sent() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    for query in [
        r"SELECT '\'' , ';DROP DATABASE test; -- '",
        "SELECT 1 /*! ; DROP DATABASE test */",
        "SELECT 1 # ; DROP DATABASE test",
        "SELECT ?",
        "SELECT $$ ' $$",
    ] {
        let failure = run(&sql, &on(&url, json!(query))).await.unwrap_err();
        assert!(!failure.may_have_applied, "{query}: {failure}");
    }
    assert!(!server.asked().contains("DROP"), "{}", server.asked());
    // A name that a value gives is a name, whatever the server takes double quotes for.
    let segments = vec![
        runbook_action::Segment::Literal("CREATE TABLE ".to_owned()),
        runbook_action::Segment::Value("\"o\"\"d`d\\\"".to_owned()),
        runbook_action::Segment::Literal(" (a int)".to_owned()),
    ];
    let case = Use {
        params: runbook_action::Param::Text(runbook_action::Text::from_segments(segments)),
        ..on(&url, json!(null))
    };
    run(&sql, &case).await.unwrap();
    let name = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'test'";
    assert_eq!(one(&sql, &url, json!(name)).await, "o\"d`d\\");
}

#[tokio::test]
async fn limits_hold() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    let count = json!("SELECT count(*) FROM t");
    for (engine, stays) in [("InnoDB", 5), ("MyISAM", 0)] {
        let create = format!("CREATE OR REPLACE TABLE t ENGINE={engine} AS SELECT seq AS id FROM seq_1_to_5");
        run(&sql, &on(&url, json!(create))).await.unwrap();
        let case = on(
            &url,
            json!({"query": "DELETE FROM t WHERE id > :a", "bind": {"a": 0}, "max_rows": 4}),
        );
        let failure = run(&sql, &case).await.unwrap_err();
        let told = "would have changed 5 rows where at most 4 were expected; it was rolled back";
        assert!(failure.message.starts_with(told), "{failure}");
        assert_eq!(failure.may_have_applied, stays == 0, "{engine}: {failure}");
        assert_eq!(failure.message.contains("not all of it"), stays == 0, "{failure}");
        assert_eq!(one(&sql, &url, count.clone()).await, stays);
    }
    run(
        &sql,
        &on(
            &url,
            json!("CREATE OR REPLACE TABLE t AS SELECT seq AS id FROM seq_1_to_5"),
        ),
    )
    .await
    .unwrap();
    let within = json!({"query": "DELETE FROM t WHERE id < 3", "max_rows": 4});
    assert_eq!(
        run(&sql, &on(&url, within)).await.unwrap().value["rows_affected"],
        2
    );
    assert_eq!(one(&sql, &url, count.clone()).await, 3);
    let read_only = |query: &str| Use {
        params: written(&json!(query)),
        connection: connection(written(&json!({"sql": url, "read_only": true}))),
        ..Use::default()
    };
    for query in [
        "DELETE FROM t WHERE id = 4",
        "DROP TABLE t",
        "CREATE TABLE u (a int)",
    ] {
        let failure = run(&sql, &read_only(query)).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Forbidden, "{failure}");
        assert!(failure.help.unwrap().contains("`read_only`"));
        assert!(!failure.may_have_applied, "{query}");
    }
    let output = run(&sql, &read_only("SELECT count(*) AS n FROM t"))
        .await
        .unwrap();
    assert_eq!(output.value["rows"], json!([{"n": 3}]));
}

#[tokio::test]
async fn a_long_statement_is_ended_on_the_server() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    run(&sql, &on(&url, json!("CREATE TABLE t (a int)")))
        .await
        .unwrap();
    let running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE '%SLEEP(1000)%' AND id <> CONNECTION_ID()";
    for (params, may) in [
        (json!("SELECT SLEEP(1000)"), false),
        (
            json!({"query": "SELECT SLEEP(1000), :a", "bind": {"a": 1}}),
            false,
        ),
        (json!("INSERT INTO t SELECT SLEEP(1000)"), true),
    ] {
        let host = FakeHost::new();
        let case = on(&url, params);
        let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async {
            until(&url, running, 1).await;
            let list = run(&Sql::default(), &on(&url, json!("SHOW PROCESSLIST")))
                .await
                .unwrap();
            assert!(list.value["rows"].to_string().contains("SLEEP(1000)"), "{list:?}");
            host.cancel();
        });
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Cancelled);
        assert_eq!(failure.may_have_applied, may);
        until(&url, running, 0).await;
        let list = run(&Sql::default(), &on(&url, json!("SHOW PROCESSLIST")))
            .await
            .unwrap();
        assert!(
            !list.value["rows"].to_string().contains("SLEEP(1000)"),
            "{list:?}"
        );
    }
    assert_eq!(one(&sql, &url, json!("SELECT count(*) FROM t")).await, 0);
    let limited = Use {
        params: written(&json!("SELECT SLEEP(1000)")),
        connection: connection(written(&json!({"sql": url, "statement_timeout": "50ms"}))),
        ..Use::default()
    };
    let failure = run(&sql, &limited).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout, "{failure}");
    assert!(failure.message.contains("error 1969"), "{failure}");
    let host = FakeHost::new().remaining(Duration::from_millis(500));
    let failure = run_with(&sql, &on(&url, json!("SELECT SLEEP(1000)")), &host)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    // A limit of one statement is not that of the next.
    assert_eq!(one(&sql, &url, json!("SELECT SLEEP(0.6)")).await, 0);
}

#[tokio::test]
async fn what_the_server_remarks_is_kept() {
    let server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    let host = FakeHost::new();
    let drop = on(&url, json!("DROP TABLE IF EXISTS missing"));
    run_with(&sql, &drop, &host).await.unwrap();
    assert_eq!(
        String::from_utf8(host.stderr()).unwrap(),
        "note 1051: Unknown table 'test.missing'\n"
    );
    let host = FakeHost::new();
    run_with(&sql, &on(&url, json!("SELECT 1 / 0, CAST('5x' AS int)")), &host)
        .await
        .unwrap();
    let said = String::from_utf8(host.stderr()).unwrap();
    assert!(said.contains("warning 1365: Division by 0\n"), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}

#[tokio::test]
async fn errors_have_their_kinds() {
    let mut server = Server::start();
    let (sql, url) = (Sql::default(), server.url("test"));
    for query in [
        "CREATE TABLE t (a int PRIMARY KEY)",
        "INSERT INTO t VALUES (1)",
        "CREATE USER app@'127.0.0.1' IDENTIFIED BY 'app-password'",
        "CREATE TABLE m (a int PRIMARY KEY) ENGINE=MyISAM",
    ] {
        run(&sql, &on(&url, json!(query))).await.unwrap();
    }
    for (query, kind, may) in [
        ("SELECT * FROM missing", ErrorKind::NotFound, false),
        ("SELECT missing FROM t", ErrorKind::NotFound, false),
        ("INSERT INTO t VALUES (1)", ErrorKind::Conflict, false),
        ("INSERT INTO m VALUES (5), (6), (5)", ErrorKind::Other, true),
        ("SELEC 1", ErrorKind::Other, false),
        ("CREATE TABLE t (a int)", ErrorKind::Other, false),
        ("DROP TABLE m, missing", ErrorKind::NotFound, true),
    ] {
        let failure = run(&sql, &on(&url, json!(query))).await.unwrap_err();
        assert_eq!(
            (failure.kind, failure.may_have_applied),
            (kind, may),
            "{query}: {failure}"
        );
    }
    for (who, database, kind) in [
        ("runbook:wrong-password", "test", ErrorKind::Auth),
        ("nobody:wrong-password", "test", ErrorKind::Auth),
        ("runbook:hunter2-hunter2", "missing", ErrorKind::NotFound),
        ("app:app-password", "test", ErrorKind::Forbidden),
    ] {
        let failure = run(&sql, &on(&server.url_for(who, database), json!("SELECT 1")))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, kind, "{failure}");
        assert!(!failure.may_have_applied);
        let shown = format!("{failure:?}");
        assert!(
            !shown.contains("-password") && !shown.contains("hunter2"),
            "{shown}"
        );
        assert!(shown.contains(&format!("127.0.0.1:{}", server.port())), "{shown}");
    }
    // The server goes while a statement runs.
    let (host, case) = (
        FakeHost::new(),
        on(&url, json!("INSERT INTO t SELECT SLEEP(1000)")),
    );
    let running = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'INSERT%'";
    let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async {
        until(&url, running, 1).await;
        server.stop();
    });
    let failure = outcome.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(failure.may_have_applied);
    let failure = run(&sql, &on(&url, json!("SELECT 1"))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    let place = format!("127.0.0.1:{}/test", server.port());
    assert_eq!(failure.message, format!("nobody listens at `{place}`"));
}
