//! The system on SQLite: the leak, and every way out of it.

use std::path::PathBuf;
use std::time::Duration;

use runbook_lab::{Database, Fault, Lab, Settings, start};
use serde_json::json;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{get, health, in_use, post, put, search, until};

async fn healthy() -> Lab {
    start(Settings::new(Database::Sqlite)).await.expect("it starts")
}

async fn leaked(more: &[Fault]) -> Lab {
    let mut settings = Settings::new(Database::Sqlite).with_fault(Fault::ConnectionsLeaked);
    settings.faults.extend(more);
    start(settings).await.expect("it starts")
}

fn directory(lab: &Lab) -> PathBuf {
    let file = PathBuf::from(
        lab.database_url()
            .strip_prefix("sqlite://")
            .expect("it is SQLite"),
    );
    file.parent().expect("it is in a directory").to_owned()
}

#[tokio::test]
async fn a_healthy_system_is_healthy_and_serves() {
    let lab = healthy().await;
    let expect = json!({
        "status": "healthy",
        "database_status": "connected",
        "connection_pool": {
            "max_size": 20, "size": 0, "in_use": 0, "idle": 0, "waiting": 0,
            "pool_utilization": 0.0, "idle_timeout_s": null,
        },
    });
    assert_eq!(health(&lab).await, expect);
    let (status, answer) = search(&lab).await;
    assert_eq!(status, 200);
    let paths: Vec<_> = answer["results"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| &row["path"])
        .collect();
    assert_eq!(
        paths,
        [
            "src/search.rs",
            "src/search/rank.rs",
            "tests/pool.rs",
            "tests/search.rs"
        ]
    );
    assert!(answer["waited_ms"].is_u64());
    let (_, answer) = post(&lab, "/search", json!({ "query": "'/**/OR/**/1=1--" })).await;
    assert_eq!(
        answer["results"].as_array().map(Vec::len),
        Some(0),
        "no text gets into the statement"
    );
    // The second search may have come before the connection of the first was back.
    until(&true, async || {
        let pool = health(&lab).await["connection_pool"].clone();
        pool["in_use"] == 0 && pool["idle"] == pool["size"] && pool["idle"] != 0
    })
    .await;
    lab.stop().await;
}

#[tokio::test]
async fn a_leak_makes_a_search_wait_and_fail_while_health_answers() {
    let lab = leaked(&[]).await;
    let asked = Instant::now();
    let (refused, ()) = tokio::join!(search(&lab), async {
        until(&json!(1), async || {
            health(&lab).await["connection_pool"]["waiting"].clone()
        })
        .await;
        let one = Instant::now();
        let health = health(&lab).await;
        assert!(
            one.elapsed() < Duration::from_millis(500),
            "health waits for nobody"
        );
        assert_eq!(health["status"], "degraded");
        assert_eq!(health["database_status"], "connected");
        assert_eq!(health["connection_pool"]["in_use"], 20);
        assert_eq!(health["connection_pool"]["pool_utilization"], 1.0);
    });
    assert_eq!(refused, (503, json!({ "error": "no connection within 2 s" })));
    assert!(asked.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn terminating_idle_connections_frees_the_pool() {
    let lab = leaked(&[]).await;
    let held = get(&lab, "/admin/pool/connections").await;
    assert_eq!((&held["idle"], &held["active"]), (&json!(20), &json!(0)));
    assert_eq!(held["connections"][0]["holder"], "indexer");
    assert_eq!(held["connections"][0]["state"], "idle");
    let since = held["connections"][0]["since"].as_str().expect("a time");
    assert!(since.ends_with('Z') && since.contains('T'), "{since}");

    let too_long = json!({ "idle_longer_than_ms": 3_600_000 });
    let nothing = post(&lab, "/admin/pool/terminate", too_long).await;
    assert_eq!(nothing, (200, json!({ "terminated": [], "left": 20 })));

    // The search that waits is served as soon as there is room.
    let (served, terminated) = tokio::join!(search(&lab), async {
        until(&json!(1), async || {
            health(&lab).await["connection_pool"]["waiting"].clone()
        })
        .await;
        post(&lab, "/admin/pool/terminate", json!({ "idle_longer_than_ms": 0 })).await
    });
    assert_eq!(served.0, 200, "{served:?}");
    assert_eq!(terminated.1["terminated"].as_array().map(Vec::len), Some(20));
    until(&0, async || in_use(&lab).await).await;
    assert_eq!(health(&lab).await["status"], "healthy");
}

#[tokio::test]
async fn active_connections_are_left_alone() {
    let mut settings = Settings::new(Database::Sqlite).with_fault(Fault::ConnectionsLeaked);
    settings.busy = Some(2);
    let lab = start(settings).await.expect("it starts");
    let (_, answer) = post(&lab, "/admin/pool/terminate", json!({ "idle_longer_than_ms": 0 })).await;
    assert_eq!(answer["terminated"].as_array().map(Vec::len), Some(18));
    assert_eq!(answer["left"], 2);
    let held = get(&lab, "/admin/pool/connections").await;
    assert_eq!((&held["idle"], &held["active"]), (&json!(0), &json!(2)));
}

#[tokio::test]
async fn a_resize_lets_waiting_requests_in_and_keeps_the_leases() {
    let lab = leaked(&[]).await;
    let (served, resized) = tokio::join!(search(&lab), async {
        until(&json!(1), async || {
            health(&lab).await["connection_pool"]["waiting"].clone()
        })
        .await;
        post(&lab, "/admin/pool/resize", json!({ "max_size": 200 })).await
    });
    assert_eq!(
        resized,
        (200, json!({ "max_size": 200, "previous_max_size": 20 }))
    );
    assert_eq!(served.0, 200, "{served:?}");
    until(&json!([200, 20, 0.1]), async || {
        let pool = health(&lab).await["connection_pool"].clone();
        json!([pool["max_size"], pool["in_use"], pool["pool_utilization"]])
    })
    .await;
    assert_eq!(health(&lab).await["status"], "healthy");

    let (_, answer) = post(&lab, "/admin/pool/terminate", json!({ "idle_longer_than_ms": 0 })).await;
    assert_eq!(answer["left"], 0, "leases of the old pool can be ended");
    let (_, answer) = post(&lab, "/admin/pool/resize", json!({ "max_size": 20 })).await;
    assert_eq!(answer["previous_max_size"], 200, "a resize can be undone");
    assert_eq!(search(&lab).await.0, 200);
    lab.stop().await;
}

#[tokio::test]
async fn a_resize_without_effect_answers_as_usual() {
    let lab = leaked(&[Fault::ResizeHasNoEffect]).await;
    let resized = post(&lab, "/admin/pool/resize", json!({ "max_size": 200 })).await;
    assert_eq!(
        resized,
        (200, json!({ "max_size": 200, "previous_max_size": 20 }))
    );
    assert_eq!(health(&lab).await["connection_pool"]["max_size"], 20);
    assert_eq!(search(&lab).await.0, 503);
}

#[tokio::test]
async fn a_resize_that_fails_changes_nothing() {
    let lab = leaked(&[Fault::ResizeFails]).await;
    let resized = post(&lab, "/admin/pool/resize", json!({ "max_size": 200 })).await;
    assert_eq!(resized, (500, json!({ "error": "the pool cannot be resized" })));
    assert_eq!(health(&lab).await["connection_pool"]["max_size"], 20);
}

#[tokio::test]
async fn the_idle_timeout_reaps_and_can_be_put_back() {
    let lab = leaked(&[]).await;
    assert_eq!(
        get(&lab, "/admin/pool/idle-timeout").await,
        json!({ "seconds": null })
    );
    let set = put(&lab, "/admin/pool/idle-timeout", json!({ "seconds": 1 })).await;
    assert_eq!(set, (200, json!({ "seconds": 1 })));
    until(&0, async || in_use(&lab).await).await;
    assert_eq!(health(&lab).await["connection_pool"]["idle_timeout_s"], 1);
    assert_eq!(search(&lab).await.0, 200);
    let set = put(&lab, "/admin/pool/idle-timeout", json!({ "seconds": null })).await;
    assert_eq!(set, (200, json!({ "seconds": null })));
    assert_eq!(
        get(&lab, "/admin/pool/idle-timeout").await,
        json!({ "seconds": null })
    );
}

#[tokio::test]
async fn the_end_removes_the_directory_and_the_listener() {
    for stopped in [true, false] {
        let lab = leaked(&[]).await;
        let (directory, address) = (directory(&lab), lab.url()["http://".len()..].to_owned());
        assert!(directory.join("codebase-mcp.db").is_file());
        if stopped {
            lab.stop().await;
        } else {
            drop(lab);
        }
        assert!(!directory.exists());
        until(&false, async || TcpStream::connect(&address).await.is_ok()).await;
    }
}

#[tokio::test]
async fn a_request_in_flight_ends_with_the_system() {
    let lab = leaked(&[]).await;
    let address = lab.url()["http://".len()..].to_owned();
    let mut waiting = TcpStream::connect(&address).await.expect("it listens");
    let request = "POST /search HTTP/1.1\r\nHost: lab\r\nContent-Type: application/json\r\n\
                   Content-Length: 12\r\n\r\n{\"query\":\"\"}";
    tokio::io::AsyncWriteExt::write_all(&mut waiting, request.as_bytes())
        .await
        .expect("it is sent");
    until(&json!(1), async || {
        health(&lab).await["connection_pool"]["waiting"].clone()
    })
    .await;
    let stopped = Instant::now();
    lab.stop().await;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut waiting, &mut answer)
        .await
        .expect("it is answered");
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(stopped.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_system_may_be_dropped_outside_of_its_runtime() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let lab = runtime.block_on(leaked(&[]));
    let directory = directory(&lab);
    drop(runtime);
    drop(lab);
    assert!(!directory.exists());
}
