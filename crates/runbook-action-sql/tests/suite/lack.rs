//! What is part of the language and cannot be run yet is told beforehand, and never left out in silence.

use runbook_action::{Action, Effect, Kind, Lack, Undoing};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{declares, written};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{connection, on, run};

fn paths(lacks: &[Lack]) -> Vec<&str> {
    lacks.iter().map(|lack| lack.param.as_str()).collect()
}

/// Uses that cannot be run yet, with the parameter that is why.
fn lacking() -> [(Value, &'static str); 5] {
    [
        (json!({"file": "sql/migrate.sql"}), "file"),
        (json!({"file": "sql/migrate.sql", "bind": {"a": 1}}), "file"),
        (
            json!({"query": "CREATE TABLE a (x int); CREATE TABLE b (x int)", "transaction": true}),
            "transaction",
        ),
        (
            json!({"query": "VACUUM a; VACUUM b;", "transaction": false}),
            "transaction",
        ),
        (json!({"query": "SELECT 1", "transaction": true}), "transaction"),
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

#[tokio::test]
async fn what_cannot_be_run_is_told_and_is_not_run() {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    for (params, param) in lacking() {
        let case = on("sqlite:file.db?mode=rwc", params);
        let through = case.connection.as_ref().map(|it| ("sql", &it.params));
        assert_eq!(paths(&sql.lacks(&case.params, through)), [param]);
        let failure = run(&sql, &case).await.unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param));
    }
    assert!(!root.path().join("file.db").exists(), "something was run");
}

#[tokio::test]
async fn a_connection_may_ask_for_more_than_there_is() {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    let params = written(&json!("SELECT 1"));
    for (given, what) in [
        (json!({"sql": "mysql://u@h/d"}), "MySQL"),
        (json!({"sql": "MariaDB://u@h/d"}), "MySQL"),
        (
            json!({"sql": "sqlite:a.db?mode=rwc", "tls": {"ca": "ca.pem"}}),
            "tls",
        ),
    ] {
        let given = written(&given);
        let lacks = sql.lacks(&params, Some(("sql", &given)));
        assert_eq!(paths(&lacks), [""]);
        assert!(lacks[0].what.contains(what), "{lacks:?}");
        let mut case = on("", json!("SELECT 1"));
        case.connection = connection(given);
        run(&sql, &case).await.unwrap_err();
    }
    for given in [
        json!({"sql": "postgres://u@h/d", "statement_timeout": "5s", "read_only": true}),
        json!({"sql": "sqlite:a.db"}),
    ] {
        assert_eq!(sql.lacks(&params, Some(("sql", &written(&given)))), []);
    }
    assert!(!root.path().join("a.db").exists(), "something was run");
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
    let fine: Vec<_> = lacking().iter().map(|(params, _)| used(params)).collect();
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
