//! Values of PostgreSQL, in both directions and both protocols.

use runbook_action::ErrorKind;
use runbook_action_sql::Sql;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::{on, one, run};

/// Expressions and what they read as.
fn types() -> Vec<(&'static str, Value)> {
    vec![
        ("1::int2", json!(1)),
        ("-5::int4", json!(-5)),
        ("9223372036854775807::int8", json!(i64::MAX)),
        ("4294967295::oid", json!(4_294_967_295_u32)),
        ("'7'::xid", json!(7)),
        ("1.5::float4", json!(1.5)),
        ("0.1::float4", json!(0.1)),
        ("0.1::float8", json!(0.1)),
        ("'NaN'::float8", json!("NaN")),
        ("'-Infinity'::float8", json!("-Infinity")),
        ("true", json!(true)),
        ("'x'::text", json!("x")),
        ("'x'::varchar(5)", json!("x")),
        ("'x'::char(3)", json!("x  ")),
        ("'x'::\"char\"", json!("x")),
        ("'n'::name", json!("n")),
        ("NULL::int", json!(null)),
        (
            "'7b2f4a0e-0c5c-4a30-8f2a-0123456789ab'::uuid",
            json!("7b2f4a0e-0c5c-4a30-8f2a-0123456789ab"),
        ),
        ("'{\"a\": [1, null]}'::json", json!({"a": [1, null]})),
        ("'{\"a\": [1, null]}'::jsonb", json!({"a": [1, null]})),
        ("'\\x00ff'::bytea", json!("AP8=")),
        ("'2026-11-21'::date", json!("2026-11-21")),
        ("'0044-03-15 BC'::date", json!("0044-03-15 BC")),
        ("'infinity'::date", json!("infinity")),
        ("'12:30:00.25'::time", json!("12:30:00.25")),
        ("'12:30:00+02'::timetz", json!("12:30:00+02:00")),
        (
            "'2026-11-21 12:30:00.5'::timestamp",
            json!("2026-11-21T12:30:00.5"),
        ),
        (
            "'2026-11-21 12:30:00.5+02'::timestamptz",
            json!("2026-11-21T10:30:00.5Z"),
        ),
        ("'infinity'::timestamptz", json!("infinity")),
        ("'-infinity'::timestamp", json!("-infinity")),
        (
            "'0044-03-15 10:00:00+00 BC'::timestamptz",
            json!("0044-03-15T10:00:00Z BC"),
        ),
        (
            "'1 year 2 mons 3 days 04:05:06.7'::interval",
            json!("1 year 2 mons 3 days 04:05:06.7"),
        ),
        ("'-1 day +01:00'::interval", json!("-1 days +01:00:00")),
        ("'0'::interval", json!("00:00:00")),
        ("'192.168.0.1'::inet", json!("192.168.0.1")),
        ("'192.168.0.1/24'::inet", json!("192.168.0.1/24")),
        ("'10.0.0.0/8'::cidr", json!("10.0.0.0/8")),
        ("'::1'::inet", json!("::1")),
        ("'08:00:2b:01:02:03'::macaddr", json!("08:00:2b:01:02:03")),
        ("'16/B374D848'::pg_lsn", json!("16/B374D848")),
        ("ARRAY[1,2,NULL]", json!([1, 2, null])),
        ("ARRAY[[1,2],[3,4]]", json!([[1, 2], [3, 4]])),
        ("'{}'::text[]", json!([])),
        (
            "ARRAY['a,b','c\"d','e\\f','NULL','', NULL]",
            json!(["a,b", "c\"d", "e\\f", "NULL", "", null]),
        ),
        ("ARRAY[1.50, -2]::numeric[]", json!(["1.50", "-2"])),
        ("'[0:1]={7,8}'::int[]", json!([7, 8])),
        ("'happy'::mood", json!("happy")),
        ("5::positive", json!(5)),
    ]
}

#[tokio::test]
async fn every_type_reads_the_same_in_both_protocols() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    for statement in [
        "CREATE TYPE mood AS ENUM ('sad', 'happy')",
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0)",
    ] {
        run(&sql, &on(&url, json!(statement))).await.unwrap();
    }
    for (expression, expected) in types() {
        let text = one(&sql, &url, json!(format!("SELECT {expression} AS v"))).await;
        assert_eq!(text, expected, "as text: {expression}");
        let query = format!("SELECT {expression} AS v, :b::text AS b");
        let binary = one(&sql, &url, json!({"query": query, "bind": {"b": "x"}})).await;
        assert_eq!(binary, expected, "in binary: {expression}");
    }
    for numeric in [
        "0",
        "0.00",
        "1",
        "-1",
        "10000",
        "12345678901234567890.123456789012345678901",
        "0.0001",
        "-0.00000001",
        "1e40",
        "100000000",
        "99999999.9999",
        "NaN",
        "Infinity",
        "-Infinity",
        "0.10",
        "1000000000000",
    ] {
        let text = one(&sql, &url, json!(format!("SELECT '{numeric}'::numeric"))).await;
        let query = json!({"query": format!("SELECT '{numeric}'::numeric, :b::int"), "bind": {"b": 1}});
        assert_eq!(one(&sql, &url, query).await, text, "{numeric}");
        let shown = one(&sql, &url, json!(format!("SELECT '{numeric}'::numeric::text"))).await;
        assert_eq!(text, shown);
    }
}

/// Statements with one value, and what they give.
fn casts() -> Vec<(&'static str, Value, Value)> {
    vec![
        (
            "SELECT (interval '10m' > :a::interval)::text",
            json!("5m"),
            json!("true"),
        ),
        (
            "SELECT extract(epoch FROM :a::interval)::int",
            json!("5m"),
            json!(300),
        ),
        (
            "SELECT extract(epoch FROM :a::interval)::int",
            json!("1s"),
            json!(1),
        ),
        (
            "SELECT extract(epoch FROM :a::interval)::int",
            json!("1h30m"),
            json!(5400),
        ),
        ("SELECT :a::int + 1", json!("41"), json!(42)),
        ("SELECT :a + 1", json!(41), json!(42)),
        ("SELECT :a", json!(5_000_000_000_i64), json!(5_000_000_000_i64)),
        ("SELECT 1.5 < :a", json!(2.5), json!(true)),
        ("SELECT NOT :a", json!(true), json!(false)),
        ("SELECT 5 = ANY(:a)", json!([4, 5]), json!(true)),
        ("SELECT 'b' = ANY(:a)", json!(["a", "b"]), json!(true)),
        ("SELECT :a::int IS NULL", json!(null), json!(true)),
        ("SELECT coalesce(:a, 7)", json!(null), json!(7)),
        ("SELECT :a::jsonb -> 'k' ->> 0", json!({"k": ["x"]}), json!("x")),
        (
            "SELECT count(*) FROM pg_stat_activity WHERE pid = :a",
            json!(0),
            json!(0),
        ),
        ("SELECT pg_cancel_backend(:a)", json!(0), json!(false)),
        (
            "SELECT :a::uuid::text",
            json!("7b2f4a0e-0c5c-4a30-8f2a-0123456789ab"),
            json!("7b2f4a0e-0c5c-4a30-8f2a-0123456789ab"),
        ),
    ]
}

#[tokio::test]
async fn values_arrive_as_they_are() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    for hostile in [
        "'; DROP TABLE t; --",
        "\"",
        "\\",
        "$1",
        ":b",
        "E'\\''",
        "a\nb",
        "🦀",
        "",
    ] {
        assert_eq!(
            one(
                &sql,
                &url,
                json!({"query": "SELECT :a::text", "bind": {"a": hostile}})
            )
            .await,
            hostile
        );
    }
    for (query, bind, expected) in casts() {
        let params = json!({"query": query, "bind": {"a": bind}});
        assert_eq!(one(&sql, &url, params).await, expected, "{query}");
    }
    let failure = run(
        &sql,
        &on(&url, json!({"query": "SELECT :a::text", "bind": {"a": "x\u{0}"}})),
    )
    .await
    .unwrap_err();
    assert_eq!(failure.param.as_deref(), Some("bind.a"));
    let failure = run(
        &sql,
        &on(&url, json!({"query": "SELECT 1 = :a", "bind": {"a": "x"}})),
    )
    .await
    .unwrap_err();
    assert!(failure.message.contains("SQLSTATE 42883"), "{failure}");
}

#[tokio::test]
async fn a_type_that_is_not_known_is_read_as_text_or_refused_before_it_runs() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    for (expression, expected) in [
        ("'(1,2)'::point", "(1,2)"),
        ("'pg_class'::regclass", "pg_class"),
        ("'[1,5)'::int4range", "[1,5)"),
        ("ROW(1, 'x')", "(1,x)"),
        ("'1.50'::money", "$1.50"),
        ("ARRAY['a=r/b']::text", "{a=r/b}"),
    ] {
        assert_eq!(
            one(&sql, &url, json!(format!("SELECT {expression}"))).await,
            expected
        );
    }
    run(&sql, &on(&url, json!("CREATE SEQUENCE s"))).await.unwrap();
    let query = "SELECT nextval('s'), '(1,2)'::point AS place, :a::int";
    let failure = run(&sql, &on(&url, json!({"query": query, "bind": {"a": 1}})))
        .await
        .unwrap_err();
    assert_eq!(
        failure.message,
        "the column `place` has the type `POINT`, which cannot be read"
    );
    assert_eq!(failure.kind, ErrorKind::Other);
    assert_eq!(
        failure.help.as_deref(),
        Some("cast it in the statement: `place::text`")
    );
    assert_eq!(one(&sql, &url, json!("SELECT nextval('s')")).await, 1);
}
