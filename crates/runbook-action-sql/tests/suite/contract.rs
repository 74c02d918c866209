//! What every action keeps to.

use runbook_action::Param;
use runbook_action_sql::Sql;
use runbook_testkit::contract::{Subject, Use, check, secret, written};
use runbook_testkit::mariadb::Server;
use serde_json::json;
use tempfile::TempDir;

use crate::cluster::Cluster;
use crate::{connection, on};

fn with_secret(params: &serde_json::Value, bind: &str) -> Param {
    let Param::Map(mut map) = written(params) else {
        panic!("not a mapping")
    };
    let values = [(bind.to_owned(), secret("token", "hunter2-hunter2"))];
    map.insert("bind".to_owned(), Param::Map(values.into_iter().collect()));
    Param::Map(map)
}

fn failing(url: &str) -> Vec<Use> {
    let mut uses: Vec<Use> = [
        json!(""),
        json!("SELECT 1; SELECT 2"),
        json!("SELECT :a"),
        json!({"query": "SELECT 1", "bind": {"a": 1}}),
        json!({"query": "DROP TABLE t", "max_rows": 1}),
        json!({"query": "DELETE FROM missing", "max_rows": -1}),
        json!({"query": "SELECT * FROM missing", "bind": "x"}),
        json!({"query": "SELECT :a", "bind": {"a": [1, "x"]}}),
        json!({"bind": {}}),
        json!(5),
        json!("SELECT * FROM missing"),
    ]
    .into_iter()
    .map(|params| on(url, params))
    .collect();
    let secret_fails = with_secret(&json!({"query": "SELECT CAST(:a AS integer) FROM missing"}), "a");
    let connected = |params: Param| Use {
        params: written(&json!("SELECT * FROM missing")),
        connection: connection(params),
        ..Use::default()
    };
    uses.extend([
        Use {
            params: secret_fails,
            ..on(url, json!(null))
        },
        connected(Param::Map(
            [("sql".to_owned(), secret("url", "hunter2://hunter2"))]
                .into_iter()
                .collect(),
        )),
        connected(written(&json!({"sql": url, "statement_timeout": "5"}))),
        connected(written(&json!({"sql": url, "read_only": "yes"}))),
        connected(written(&json!({"read_only": true}))),
        Use {
            params: written(&json!("SELECT 1")),
            ..Use::default()
        },
    ]);
    uses
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_keeps_to_the_contract_on_postgres() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let sql = Sql::default();
    let mut failing = failing(&url);
    // The server repeats the value in its message.
    failing.push(Use {
        params: with_secret(&json!({"query": "SELECT :a::int"}), "a"),
        ..on(&url, json!(null))
    });
    check(&Subject {
        action: &sql,
        endless: on(
            &url,
            json!("SELECT n FROM generate_series(1, 3) n UNION ALL SELECT count(*) FROM pg_sleep(1000)"),
        ),
        begun: &|_host| cluster.log().contains("statement: SELECT n FROM generate_series"),
        failing,
        // To preview, it asks the server; what is there does not change.
        world: &|| cluster.dump(),
    })
    .await;
}

/// What the server was asked to run, but for what a preview asks before it has a statement prepared, and what one that
/// is cancelled asks so that its own question ends: how late that is told depends on the machine.
fn run_on(server: &Server) -> String {
    const OWN: [&str; 6] = [
        "KILL QUERY",
        "SELECT CONNECTION_ID()",
        "SET time_zone",
        "SET SESSION",
        "ROLLBACK",
        "SHOW WARNINGS",
    ];
    let asked = server.asked();
    let is_run = |line: &&str| {
        ["Execute\t", "Query\t"].iter().any(|verb| {
            let statement = line.split_once(verb).map(|(_, statement)| statement);
            statement.is_some_and(|statement| !OWN.iter().any(|own| statement.starts_with(own)))
        })
    };
    asked.lines().filter(is_run).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn sql_keeps_to_the_contract_on_mariadb() {
    let server = Server::start();
    let url = server.url("test");
    let sql = Sql::default();
    let mut failing = failing(&url);
    // The server repeats the value in its message.
    failing.push(Use {
        params: with_secret(
            &json!({"query": "SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = :a"}),
            "a",
        ),
        ..on(&url, json!(null))
    });
    check(&Subject {
        action: &sql,
        endless: on(&url, json!("SELECT SLEEP(1000)")),
        begun: &|_host| server.asked().contains("Execute\tSELECT SLEEP"),
        failing,
        world: &|| run_on(&server),
    })
    .await;
}

#[tokio::test]
async fn sql_keeps_to_the_contract_on_sqlite() {
    let root = TempDir::new().unwrap();
    let sql = Sql::new(root.path().to_owned());
    let url = "sqlite:file.db?mode=rwc";
    let endless =
        "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n WHERE x < 3";
    check(&Subject {
        action: &sql,
        endless: on(url, json!(endless)),
        begun: &|host| host.total() > 0,
        failing: failing(url),
        world: &|| format!("{}", root.path().join("file.db").exists()),
    })
    .await;
}
