//! After a crash: the session that still runs a statement is ended on the server, and no other.

use std::time::Duration;

use runbook_action::{ErrorKind, Failure, Handle, Settled};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{PATIENCE, Use};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::postgres::until;
use crate::{on, one, run, run_with};

const RUNNING: &str = "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE '%s) -- ours%' AND state = 'active' AND pid <> pg_backend_pid()";
const GONE: &str =
    "SELECT count(*) = 0 FROM pg_stat_activity WHERE query LIKE '%s) -- ours%' AND pid <> pg_backend_pid()";

/// A statement that changes something and goes on for long after.
fn endless(url: &str) -> Use {
    on(
        url,
        json!("INSERT INTO t SELECT length(pg_sleep(1000)::text) FROM (SELECT 1) s(s) -- ours"),
    )
}

async fn settle(url: &str, handles: &[Handle]) -> Result<Settled, Failure> {
    let (sql, host) = (Sql::default(), FakeHost::new());
    let case = endless(url);
    let settled = case.settle(&sql, &host, handles);
    tokio::time::timeout(PATIENCE, settled).await.expect("it hangs")
}

#[tokio::test]
async fn the_session_that_was_recorded_is_ended_on_the_server() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    run(&sql, &on(&url, json!("CREATE TABLE t (n int)")))
        .await
        .unwrap();
    let (host, case) = (FakeHost::new(), endless(&url));
    let (outcome, handles) = tokio::join!(run_with(&sql, &case, &host), async {
        until(&Sql::default(), &url, RUNNING).await;
        let handles = host.handles();
        for wrong in wrong(&handles[0]) {
            assert_eq!(
                settle(&url, std::slice::from_ref(&wrong)).await,
                Ok(Settled::Nothing),
                "{wrong:?}"
            );
            assert_eq!(
                one(&Sql::default(), &url, json!(RUNNING)).await,
                true,
                "{wrong:?}"
            );
        }
        assert_eq!(settle(&url, &handles).await, Ok(Settled::Ended));
        assert_eq!(one(&Sql::default(), &url, json!(GONE)).await, true);
        handles
    });
    let failure = outcome.unwrap_err();
    assert!(failure.message.contains("SQLSTATE 57P01"), "{failure}");
    assert!(failure.may_have_applied);
    assert_eq!(settle(&url, &handles).await, Ok(Settled::Nothing));
    assert_eq!(one(&sql, &url, json!("SELECT count(*) FROM t")).await, 0);
}

/// Handles that are nearly this one.
fn wrong(handle: &Handle) -> Vec<Handle> {
    let with = |name: &str, value: Value| {
        let mut wrong = handle.clone();
        wrong.data[name] = value;
        wrong
    };
    let pid = handle.data["pid"].as_i64().unwrap();
    let started = handle.data["started"].as_i64().unwrap();
    vec![
        with("started", json!(started + 1)),
        with("pid", json!(pid + 100_000)),
        with("pid", json!(pid.to_string())),
        Handle {
            what: "process_group".to_owned(),
            ..handle.clone()
        },
    ]
}

#[tokio::test]
async fn a_session_that_serves_somebody_else_by_now_is_left_alone() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let host = FakeHost::new();
    run_with(&sql, &on(&url, json!("CREATE TABLE t (n int)")), &host)
        .await
        .unwrap();
    let handles = host.handles();
    let pid = one(&sql, &url, json!("SELECT pg_backend_pid()")).await;
    assert_eq!(handles[0].data["pid"], pid);
    // Idle: what was recorded has ended, and the session is kept.
    assert_eq!(settle(&url, &handles).await, Ok(Settled::Nothing));
    assert_eq!(one(&sql, &url, json!("SELECT pg_backend_pid()")).await, pid);
    // At work for somebody else, as behind a pooler.
    run(&sql, &on(&url, json!("SET application_name = 'somebody else'")))
        .await
        .unwrap();
    let (host, case) = (FakeHost::new(), endless(&url));
    let (outcome, ()) = tokio::join!(run_with(&sql, &case, &host), async {
        until(&Sql::default(), &url, RUNNING).await;
        assert_eq!(settle(&url, &handles).await, Ok(Settled::Nothing));
        host.cancel();
    });
    assert_eq!(outcome.unwrap_err().kind, ErrorKind::Cancelled);
}

#[tokio::test]
async fn what_only_reads_is_not_recorded_and_what_cannot_be_recorded_is_not_sent() {
    let cluster = Cluster::start();
    let (sql, url) = (Sql::default(), cluster.url());
    let host = FakeHost::new();
    run_with(&sql, &on(&url, json!("SELECT 1")), &host).await.unwrap();
    assert_eq!(host.handles(), []);
    let full = Failure::new(ErrorKind::Other, "the disk is full");
    let host = FakeHost::new().refuses_handles(full.clone());
    let create = on(&url, json!("CREATE TABLE never (n int)"));
    assert_eq!(run_with(&sql, &create, &host).await, Err(full));
    assert_eq!(
        one(&sql, &url, json!("SELECT to_regclass('never') IS NULL")).await,
        true
    );
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_settles_nothing() {
    let cluster = Cluster::start();
    let url = cluster.url();
    let handle = Handle {
        what: "postgres_backend".to_owned(),
        data: json!({"pid": 1, "started": 1}),
    };
    let (host, sql) = (FakeHost::new().remaining(Duration::ZERO), Sql::default());
    cluster.stop();
    let failure = settle(&url, std::slice::from_ref(&handle)).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(failure.may_have_applied);
    host.cancel();
    let failure = endless(&url).settle(&sql, &host, &[handle]).await.unwrap_err();
    assert!(failure.may_have_applied, "{failure:?}");
}
