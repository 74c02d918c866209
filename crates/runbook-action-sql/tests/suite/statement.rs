//! What is refused before any database is asked.

use runbook_action::Kind;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{value, written};
use serde_json::{Value, json};

fn refused(params: &Value) -> String {
    let failure = Sql::default().recognise(&written(params)).unwrap_err();
    assert!(!failure.may_have_applied);
    failure.to_string()
}

#[test]
fn binds_and_values_match() {
    for (params, message) in [
        (json!("SELECT :a"), "`:a` has no value"),
        (
            json!({"query": "SELECT :a, :b", "bind": {"a": 1}}),
            "`query`: `:b` has no value",
        ),
        (
            json!({"query": "SELECT 1", "bind": {"a": 1}}),
            "`bind.a`: `:a` is not in the statement",
        ),
        (
            json!({"query": "SELECT ':a'", "bind": {"a": 1}}),
            "`bind.a`: `:a` is not in the statement",
        ),
        (json!("SELECT $1"), "`$1` is not the name of a value"),
    ] {
        assert_eq!(refused(&params), message);
    }
}

#[test]
fn it_is_one_statement() {
    for (query, message) in [
        ("SELECT 1; SELECT 2", "there are several statements"),
        ("SELECT 1;; DROP TABLE t;", "there are several statements"),
        ("", "there is no statement"),
        (" -- nothing\n ; /* */", "there is no statement"),
        (
            "BEGIN",
            "`BEGIN` is not for a step to say: each statement is a transaction",
        ),
        (
            "commit",
            "`COMMIT` is not for a step to say: each statement is a transaction",
        ),
        (
            "START TRANSACTION READ ONLY",
            "`START` is not for a step to say: each statement is a transaction",
        ),
        (
            "SET SESSION autocommit = 0",
            "`SET` is not for a step to say: each statement is a transaction",
        ),
    ] {
        assert_eq!(refused(&json!(query)), message, "{query}");
    }
    for query in [
        "SELECT 1;",
        "SELECT ';' ; -- ;\n",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN UPDATE b SET x = CASE WHEN 1 THEN 2 END; DELETE FROM c; END;",
    ] {
        assert!(
            Sql::default().recognise(&written(&json!(query))).is_ok(),
            "{query}"
        );
    }
}

#[test]
fn a_limit_needs_rows_that_are_counted() {
    for (query, message) in [
        (
            "SELECT pg_terminate_backend(1)",
            "`max_rows`: `pg_terminate_backend` acts at once, so it cannot be rolled back",
        ),
        (
            "DROP TABLE t",
            "`max_rows`: only the rows of one INSERT, UPDATE, DELETE or MERGE can be counted",
        ),
        (
            "WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x",
            "`max_rows`: only the rows of one INSERT, UPDATE, DELETE or MERGE can be counted",
        ),
        (
            "WITH x AS (DELETE FROM t RETURNING a) UPDATE u SET b = 1 WHERE a IN (SELECT a FROM x)",
            "`max_rows`: only the rows of one INSERT, UPDATE, DELETE or MERGE can be counted",
        ),
    ] {
        assert_eq!(
            refused(&json!({"query": query, "max_rows": 1})),
            message,
            "{query}"
        );
    }
    for query in [
        "DELETE FROM t WHERE a = 1",
        "WITH x AS (SELECT 1) DELETE FROM t WHERE a = 1 RETURNING a",
    ] {
        let params = written(&json!({"query": query, "max_rows": 1}));
        assert!(Sql::default().recognise(&params).is_ok(), "{query}");
    }
}

#[test]
fn a_value_is_never_the_statement() {
    let failure = Sql::default().recognise(&value("DROP TABLE t")).unwrap_err();
    assert!(failure.message.starts_with("must be written out"), "{failure}");
}

#[test]
fn the_summary_is_one_short_line() {
    let params = written(&json!(format!("SELECT\n  1,\t'{}'", "x".repeat(200))));
    let summary = Sql::default().recognise(&params).unwrap().summary;
    assert!(summary.starts_with("SELECT 1, 'xxx"), "{summary}");
    assert_eq!(summary.chars().count(), 81);
}
