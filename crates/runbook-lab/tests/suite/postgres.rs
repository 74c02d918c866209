//! The system on PostgreSQL: sessions that are ended from outside, and a server with little room.

use runbook_lab::{Database, Error, Fault, Lab, Settings, start};
use runbook_testkit::postgres::Cluster;
use serde_json::json;
use sqlx::{Connection as _, PgConnection};

use crate::client::{get, health, in_use, post, search, until};

fn settings(url: &str) -> Settings {
    Settings::new(Database::Postgres(url.to_owned()))
}

async fn leaked(url: &str) -> Lab {
    start(settings(url).with_fault(Fault::ConnectionsLeaked))
        .await
        .expect("it starts")
}

async fn outside(cluster: &Cluster) -> PgConnection {
    PgConnection::connect(&cluster.url("postgres"))
        .await
        .expect("an operator comes in")
}

/// Counts of the pool's sessions: all, and those that work.
async fn sessions(outside: &mut PgConnection) -> (i64, i64) {
    sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE state = 'active' AND query LIKE '%pg_sleep%')
         FROM pg_stat_activity WHERE application_name = 'codebase-mcp'",
    )
    .fetch_one(outside)
    .await
    .expect("the server answers")
}

async fn monitor(outside: &mut PgConnection) -> Option<i32> {
    sqlx::query_scalar("SELECT pid FROM pg_stat_activity WHERE application_name = 'codebase-mcp-monitor'")
        .fetch_optional(outside)
        .await
        .expect("the server answers")
}

#[tokio::test]
async fn ending_idle_sessions_from_outside_frees_the_pool_and_spares_the_rest() {
    let cluster = Cluster::start();
    let url = cluster
        .create_database("codebase_mcp")
        .expect("the database is made");
    let lab = leaked(&url).await;
    assert_eq!(lab.database_url(), url);
    let pool = health(&lab).await["connection_pool"].clone();
    assert_eq!((&pool["in_use"], &pool["max_size"]), (&json!(97), &json!(100)));
    assert_eq!(pool["pool_utilization"], 0.97);
    assert_eq!(health(&lab).await["status"], "degraded");
    let mut outside = outside(&cluster).await;
    until(&(97, 2), async || sessions(&mut outside).await).await;
    let monitor_before = monitor(&mut outside).await;
    assert!(monitor_before.is_some());

    // As an operator does it, with a shorter interval: asked again until all of the leak is old enough.
    until(&2, async || {
        sqlx::query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = 'codebase_mcp' AND state = 'idle' AND state_change < now() - interval '1 second'",
        )
        .execute(&mut outside)
        .await
        .expect("the server answers");
        in_use(&lab).await
    })
    .await;
    until(&(2, 2), async || sessions(&mut outside).await).await;
    assert_eq!(
        monitor(&mut outside).await,
        monitor_before,
        "the monitor is left alone"
    );
    assert_eq!(health(&lab).await["status"], "healthy");
    let held = get(&lab, "/admin/pool/connections").await;
    assert_eq!((&held["idle"], &held["active"]), (&json!(0), &json!(2)));
    let (status, answer) = search(&lab).await;
    assert_eq!(
        (status, answer["results"].as_array().map(Vec::len)),
        (200, Some(4))
    );
    let writes = get(&lab, "/admin/writes").await;
    assert_eq!(writes, json!({ "writes": [] }), "the service was not touched");
}

#[tokio::test]
async fn the_monitor_survives_its_own_end() {
    let cluster = Cluster::start();
    let url = cluster.url("postgres");
    let lab = leaked(&url).await;
    let mut outside = outside(&cluster).await;
    let before = monitor(&mut outside).await;
    sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'codebase-mcp%'",
    )
    .execute(&mut outside)
    .await
    .expect("the server answers");
    until(&0, async || in_use(&lab).await).await;
    until(&json!("healthy"), async || health(&lab).await["status"].clone()).await;
    let after = monitor(&mut outside).await;
    assert!(after.is_some() && after != before);
    assert_eq!(search(&lab).await.0, 200);
}

#[tokio::test]
async fn an_exhausted_pool_waits_and_terminate_and_resize_help() {
    let cluster = Cluster::start();
    let mut settings = settings(&cluster.url("postgres")).with_fault(Fault::ConnectionsLeaked);
    settings.pool_size = Some(10);
    let lab = start(settings).await.expect("it starts");
    assert_eq!(in_use(&lab).await, 10);
    assert_eq!(
        search(&lab).await,
        (503, json!({ "error": "no connection within 2 s" }))
    );
    let (_, resized) = post(&lab, "/admin/pool/resize", json!({ "max_size": 50 })).await;
    assert_eq!(resized["previous_max_size"], 10);
    assert_eq!(search(&lab).await.0, 200);
    let held = get(&lab, "/admin/pool/connections").await;
    let pid = held["connections"]
        .as_array()
        .expect("a list")
        .iter()
        .find(|one| one["state"] == "idle");
    assert!(pid.expect("one is idle")["pid"].is_i64());
    let (_, answer) = post(&lab, "/admin/pool/terminate", json!({ "idle_longer_than_ms": 0 })).await;
    assert_eq!(answer["terminated"].as_array().map(Vec::len), Some(8));
    let mut outside = outside(&cluster).await;
    // Two work, and one is idle in the pool since the search.
    until(&(3, 2), async || sessions(&mut outside).await).await;
}

#[tokio::test]
async fn no_session_outlives_the_system() {
    let cluster = Cluster::start();
    let mut outside = outside(&cluster).await;
    for stopped in [true, false] {
        let lab = leaked(&cluster.url("postgres")).await;
        until(&(97, 2), async || sessions(&mut outside).await).await;
        if stopped {
            lab.stop().await;
        } else {
            drop(lab);
        }
        until(&((0, 0), None), async || {
            (sessions(&mut outside).await, monitor(&mut outside).await)
        })
        .await;
    }
}

#[tokio::test]
async fn a_server_that_goes_is_noticed() {
    let cluster = Cluster::start();
    let lab = leaked(&cluster.url("postgres")).await;
    assert_eq!(health(&lab).await["database_status"], "connected");
    drop(cluster);
    until(&json!("disconnected"), async || {
        health(&lab).await["database_status"].clone()
    })
    .await;
    assert_eq!(health(&lab).await["status"], "degraded");
}

#[tokio::test]
async fn an_ordinary_user_has_less_room() {
    let cluster = Cluster::start();
    let mut outside = outside(&cluster).await;
    for statement in ["CREATE ROLE lab LOGIN", "CREATE DATABASE lab OWNER lab"] {
        sqlx::query(statement)
            .execute(&mut outside)
            .await
            .expect("the server obeys");
    }
    outside.close().await.expect("the operator leaves");
    let url = cluster.url("lab").replace("postgres@", "lab@");
    let lab = leaked(&url).await;
    let pool = health(&lab).await["connection_pool"].clone();
    assert!(
        pool["pool_utilization"].as_f64().expect("a number") > 0.95,
        "{pool}"
    );
    let operator = PgConnection::connect(&url).await;
    assert!(operator.is_ok(), "one session is left for an ordinary operator");
    lab.stop().await;

    let mut settings = settings(&url).with_fault(Fault::ConnectionsLeaked);
    settings.leaked = Some(98);
    let error = start(settings).await.expect_err("so many do not fit");
    assert!(
        matches!(error, Error::ServerTooFull { wanted: 100, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_table_that_is_there_is_left_as_it_is() {
    let cluster = Cluster::start();
    let mut outside = outside(&cluster).await;
    let statement = "CREATE TABLE code_chunks AS SELECT 1 AS id, 'mine' AS path, 'my search' AS content";
    sqlx::query(statement)
        .execute(&mut outside)
        .await
        .expect("the server obeys");
    for _ in 0..2 {
        let lab = start(settings(&cluster.url("postgres")))
            .await
            .expect("it starts");
        let (_, answer) = search(&lab).await;
        assert_eq!(
            answer["results"],
            json!([{ "path": "mine", "content": "my search" }])
        );
        let pool = health(&lab).await["connection_pool"].clone();
        assert!(
            pool["pool_utilization"].as_f64().expect("a number") < 0.05,
            "{pool}"
        );
        lab.stop().await;
    }
}
