//! The runbook that ships, against a real PostgreSQL server whose connections another process has leaked.

use runbook_testkit::postgres::Cluster;
use serde_json::json;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};
use tokio::runtime::Runtime;

use crate::harness::{Ended, Lab, Project, until};

const PASSWORD: &str = "s3cr3t-pw";
const CONNECTIONS: i64 = 95;

/// A connection and the little runtime that drives it.
struct Sql {
    runtime: Runtime,
    connection: PgConnection,
}

impl Sql {
    fn connect(url: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("it starts");
        let connection = runtime
            .block_on(PgConnection::connect(url))
            .expect("there is room");
        Self { runtime, connection }
    }

    fn rows<T>(&mut self, query: &'static str) -> Vec<T>
    where
        T: for<'row> sqlx::Decode<'row, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let rows = self
            .runtime
            .block_on(sqlx::query(query).fetch_all(&mut self.connection))
            .expect("it answers");
        rows.iter().map(|row| row.get(0)).collect()
    }

    fn count(&mut self, query: &'static str) -> i64 {
        self.rows(query)[0]
    }

    fn pid(&mut self) -> i32 {
        self.rows("SELECT pg_backend_pid()")[0]
    }

    fn close(self) {
        self.runtime
            .block_on(self.connection.close())
            .expect("it is still there");
    }
}

/// Sessions that have sat idle for longer than the runbook is told to wait.
const IDLE: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'lab' AND backend_type = 'client backend' \
    AND state = 'idle' AND state_change < now() - interval '1.2s'";
const IDLE_AT_ALL: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = 'lab' \
    AND backend_type = 'client backend' AND state = 'idle'";
const BUSY: &str = "SELECT pid FROM pg_stat_activity WHERE datname = 'lab' AND state = 'active' ORDER BY pid";

/// A practice system that holds 95 connections for nothing and lets two sessions work.
fn leaking(project: &Project) -> Lab {
    project.lab(&[
        "--postgres-from",
        "DATABASE_URL",
        "--fault",
        "connections-leaked",
        "--leaked",
        "95",
        "--busy",
        "2",
        "--pool-size",
        "97",
    ])
}

#[track_caller]
fn not_shown(password: &str, ended: &Ended) {
    assert!(
        !ended.all().contains(password),
        "the password is shown\n{}",
        ended.all()
    );
}

/// The server has 100 connections. 95 are leaked, two work, one is the practice system's monitor, one is ours, idle
/// in another database. So one is left for the run. The pool has 97, so that a search finds none there and does not
/// take the server's last one.
#[test]
fn postgres_sessions_that_sit_idle_are_ended_and_no_others() {
    let cluster = Cluster::start();
    cluster.create_database("lab").expect("it is made");
    cluster.create_database("elsewhere").expect("it is made");
    let port = cluster.port();
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:{port}/lab");
    let project = Project::shipped().variable("DATABASE_URL", &url);
    let mut elsewhere = Sql::connect(&cluster.url("elsewhere"));
    let bystander = elsewhere.pid();

    let lab = leaking(&project);
    until("95 sessions sit idle for a while", || {
        (elsewhere.count(IDLE) >= CONNECTIONS).then_some(())
    });
    let busy: Vec<i32> = until("two sessions are at work", || {
        let busy = elsewhere.rows(BUSY);
        (busy.len() == 2).then_some(busy)
    });

    let api = format!("api_url={}", lab.url());
    let ended = project.run(&[
        "exec",
        "incident/pool-exhaustion.yaml",
        "--env",
        "postgres",
        "-i",
        &api,
        "-i",
        "idle_for=1s",
        "--yes",
        "--output",
    ]);
    let ended = ended.expect(0).says(&["resolved"]);

    let run = project.only_run();
    assert_eq!(run.outcome(), "resolved");
    let turned_away: Vec<_> = run
        .events("check_read")
        .into_iter()
        .filter(|read| read["check"] == "served")
        .collect();
    assert_eq!(
        (
            &turned_away[0]["reading"]["verdict"],
            &turned_away[1]["reading"]["verdict"]
        ),
        (&json!("fail"), &json!("pass"))
    );
    assert_eq!(run.captured("end_sessions"), json!({"ended": CONNECTIONS}));
    assert_eq!(run.steps("step_skipped"), ["holders", "end_idle", "load"]);
    project.run(&["verify"]).expect(0);

    assert_eq!(
        elsewhere.rows::<i32>(BUSY),
        busy,
        "those at work are the same as before"
    );
    assert!(elsewhere.count(IDLE_AT_ALL) < 10, "the leaked ones are gone");
    assert_eq!(
        elsewhere.pid(),
        bystander,
        "the session in the other database lives"
    );
    elsewhere.close();

    not_shown(PASSWORD, &ended);
    run.nowhere(PASSWORD);
    not_shown(PASSWORD, &lab.stop().expect(0));
}

#[test]
fn a_server_that_is_not_there_is_an_ordinary_failure_that_keeps_the_postgres_password() {
    let project = Project::shipped();
    let lab = project.lab(&["--fault", "connections-leaked"]);
    // Nothing listens on port 1.
    let url = format!("postgres://postgres:{PASSWORD}@127.0.0.1:1/lab");
    let project = project.variable("DATABASE_URL", &url);
    let api = format!("api_url={}", lab.url());
    let exec = [
        "exec",
        "incident/pool-exhaustion.yaml",
        "--env",
        "postgres",
        "-i",
        &api,
        "--yes",
    ];
    // Nothing had been changed, so there is nothing to undo.
    let ended = project.run(&exec).expect(4).says(&["failed", "database"]);
    not_shown(PASSWORD, &ended);
    let run = project.only_run();
    assert_eq!(run.steps("step_failed"), ["sessions"]);
    assert_eq!(lab.get("/admin/writes"), json!({"writes": []}));
    run.nowhere(PASSWORD);
    lab.stop().expect(0);
}
