//! What HTTP asks of any service: statuses, errors as JSON, metrics as text, and the list of writes.

use runbook_lab::{Database, Fault, Lab, Settings, start};
use serde_json::{Value, json};

use crate::client::{get, post, put, search, send};

async fn lab() -> Lab {
    start(Settings::new(Database::Sqlite).with_fault(Fault::ConnectionsLeaked))
        .await
        .expect("it starts")
}

#[tokio::test]
async fn bad_requests_are_refused_in_json() {
    let lab = lab().await;
    for (method, path, body, status) in [
        ("GET", "/", "", 404),
        ("GET", "/admin", "", 404),
        ("POST", "/health/status", "{}", 405),
        ("GET", "/admin/pool/resize", "", 405),
        ("DELETE", "/admin/pool/idle-timeout", "", 405),
        ("POST", "/admin/pool/resize", "{", 400),
        ("POST", "/admin/pool/resize", "{}", 422),
        ("POST", "/admin/pool/resize", r#"{"max_size": "200"}"#, 422),
        (
            "POST",
            "/admin/pool/resize",
            r#"{"max_size": 200, "force": true}"#,
            422,
        ),
        ("POST", "/admin/pool/resize", r#"{"max_size": 0}"#, 422),
        ("POST", "/admin/pool/resize", r#"{"max_size": 501}"#, 422),
        (
            "POST",
            "/admin/pool/terminate",
            r#"{"idle_longer_than_ms": -1}"#,
            422,
        ),
        ("PUT", "/admin/pool/idle-timeout", r#"{"seconds": 0}"#, 422),
        ("PUT", "/admin/pool/idle-timeout", "{}", 422),
        ("POST", "/search", "[]", 422),
    ] {
        let answer = send(&lab, method, path, body).await;
        assert_eq!(answer.status, status, "{method} {path} {body}: {answer:?}");
        assert!(answer.json()["error"].is_string(), "{answer:?}");
        assert!(
            answer.head.contains("content-type: application/json"),
            "{answer:?}"
        );
    }
    let answer = send(&lab, "GET", "/admin/pool/resize", "").await;
    assert!(answer.head.contains("allow: post"), "{answer:?}");
    let answer = send(&lab, "POST", "/admin/pool/resize", r#"{"max_size": 501}"#).await;
    assert_eq!(
        answer.json(),
        json!({ "error": "`max_size` is 501, outside 1 to 500" })
    );
}

#[tokio::test]
async fn writes_are_recorded_in_order_and_reads_are_not() {
    let lab = lab().await;
    get(&lab, "/health/status").await;
    assert_eq!(get(&lab, "/admin/writes").await, json!({ "writes": [] }));
    post(&lab, "/admin/pool/resize", json!({ "max_size": 0 })).await;
    put(&lab, "/admin/pool/idle-timeout", json!({ "seconds": 60 })).await;
    post(&lab, "/admin/pool/terminate", json!({ "idle_longer_than_ms": 0 })).await;
    search(&lab).await;
    send(&lab, "DELETE", "/admin/pool", "").await;
    send(&lab, "POST", "/admin/pool/resize", "not json").await;
    let writes = get(&lab, "/admin/writes").await;
    let writes: Vec<Value> = writes["writes"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|write| {
            assert!(write["at"].as_str().expect("a time").ends_with('Z'));
            json!([write["method"], write["path"], write["body"]])
        })
        .collect();
    let expect = [
        json!(["POST", "/admin/pool/resize", { "max_size": 0 }]),
        json!(["PUT", "/admin/pool/idle-timeout", { "seconds": 60 }]),
        json!(["POST", "/admin/pool/terminate", { "idle_longer_than_ms": 0 }]),
        json!(["DELETE", "/admin/pool", null]),
        json!(["POST", "/admin/pool/resize", "not json"]),
    ];
    assert_eq!(writes, expect);
}

#[tokio::test]
async fn metrics_are_text_for_prometheus() {
    let lab = lab().await;
    let answer = send(&lab, "GET", "/metrics", "").await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("content-type: text/plain; version=0.0.4"),
        "{answer:?}"
    );
    let values: Vec<_> = answer
        .text
        .lines()
        .filter(|line| !line.starts_with('#'))
        .collect();
    let expect = [
        "pool_utilization 1",
        "pool_in_use 20",
        "pool_max_size 20",
        "http_requests_total 1",
    ];
    assert_eq!(values, expect);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let lab = lab().await;
    let body = json!({ "query": "x".repeat(100_000) }).to_string();
    assert_eq!(send(&lab, "POST", "/search", &body).await.status, 413);
}
