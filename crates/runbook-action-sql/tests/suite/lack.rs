//! All of the language can be run, and what makes no sense is refused beforehand.

use runbook_action::{Action, Effect, Kind, Undoing};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{declares, written};
use serde_json::{Value, json};

use crate::on;

/// Uses of every part of the language.
fn fine() -> [Value; 5] {
    [
        json!({"file": "sql/migrate.sql"}),
        json!({"file": "sql/migrate.sql", "bind": {"a": 1}, "transaction": true}),
        json!({"query": "CREATE TABLE a (x int); CREATE TABLE b (x int)", "transaction": true}),
        json!({"query": "VACUUM a; VACUUM b;", "transaction": false}),
        json!({"query": "SELECT 1", "transaction": true}),
    ]
}

/// Wrong uses, the parameter that is named, and what is said of it.
fn wrong() -> [(Value, &'static str, &'static str); 9] {
    [
        (
            json!({"query": "SELECT 1", "file": "a.sql"}),
            "file",
            "stands beside `query`",
        ),
        (json!({"file": ""}), "file", "names no file"),
        (json!({"file": 5}), "file", "expected text"),
        (
            json!({"file": "a.sql", "max_rows": 1}),
            "max_rows",
            "a file may hold more",
        ),
        (json!({"file": "a.sql", "bind": 1}), "bind", "expected a mapping"),
        (
            json!({"query": "SELECT 1; SELECT 2"}),
            "query",
            "several statements",
        ),
        (
            json!({"query": "DELETE FROM a; VACUUM a", "transaction": true}),
            "transaction",
            "`VACUUM` cannot be part of a transaction",
        ),
        (
            json!({"query": "CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "transaction": true}),
            "transaction",
            "`CONCURRENTLY` cannot be part",
        ),
        (
            json!({"query": "DELETE FROM a WHERE b = 1", "transaction": false, "max_rows": 5}),
            "transaction",
            "must be in a transaction",
        ),
    ]
}

#[test]
fn nothing_of_the_language_is_lacking() {
    let sql = Sql::default();
    for given in [
        json!({"sql": "postgres://u@h/d", "statement_timeout": "5s", "read_only": true, "tls": {"ca": "ca.pem"}}),
        json!({"sql": "mysql://u@h/d", "tls": {"cert": "cert.pem", "key": "key.pem", "server_name": "db"}}),
        json!({"sql": "mariadb://u@h/d"}),
        json!({"sql": "sqlite:a.db"}),
    ] {
        for params in fine() {
            let given = written(&given);
            assert_eq!(sql.lacks(&written(&params), Some(("sql", &given))), []);
        }
    }
}

#[test]
fn what_makes_no_sense_is_refused_where_it_stands() {
    let sql = Sql::default();
    for (params, param, said) in wrong() {
        let failure = sql.recognise(&written(&params)).unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{params}: {failure}");
        assert!(failure.message.contains(said), "{params}: {failure}");
    }
}

#[test]
fn sql_declares_what_it_says() {
    let used = |params: &Value| on("sqlite:a.db", params.clone());
    let fine: Vec<_> = fine().iter().map(used).collect();
    let refused: Vec<_> = wrong().iter().map(|(params, ..)| used(params)).collect();
    declares(&Sql::default(), &fine, &refused);
}

#[test]
fn the_worst_statement_decides() {
    for (query, effect, certain) in [
        ("SELECT 1; SELECT 2", Effect::Read, true),
        ("SELECT 1; INSERT INTO a VALUES (1);", Effect::Change, true),
        (
            "INSERT INTO a VALUES (1); DELETE FROM b",
            Effect::Destructive,
            true,
        ),
        ("SELECT 1; SELEC 2", Effect::Destructive, false),
    ] {
        let params = written(&json!({"query": query, "transaction": true}));
        let known = Sql::default().recognise(&params).unwrap();
        assert_eq!((known.effect, known.certain), (effect, certain), "{query}");
    }
}

/// What a file holds is not looked at, and so taken for the worst.
#[test]
fn a_file_may_do_anything() {
    let known = Sql::default()
        .recognise(&written(&json!({"file": "a.sql"})))
        .unwrap();
    assert_eq!((known.effect, known.certain), (Effect::Destructive, false));
    assert_eq!(known.summary, "the statements in a.sql");
}

#[test]
fn a_setting_of_the_server_can_be_put_back() {
    for (query, undoing) in [
        ("ALTER SYSTEM SET max_connections = 200", Undoing::Automatic),
        ("-- more\nalter system set work_mem to '8MB';", Undoing::Automatic),
        ("ALTER SYSTEM RESET ALL", Undoing::ByAuthor),
        ("SET work_mem = '8MB'", Undoing::ByAuthor),
        ("SELECT 'ALTER SYSTEM SET x = 1'", Undoing::ByAuthor),
    ] {
        let known = Sql::default().recognise(&written(&json!(query))).unwrap();
        assert_eq!(known.undoing, undoing, "{query}");
    }
    for query in ["ALTER SYSTEM SET max_connections = 200", "ALTER SYSTEM RESET ALL"] {
        let known = Sql::default().recognise(&written(&json!(query))).unwrap();
        assert_eq!((known.effect, known.certain), (Effect::Change, true), "{query}");
    }
}
