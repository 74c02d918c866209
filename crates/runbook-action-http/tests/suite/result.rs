//! What is made of answers.

use runbook_action::ErrorKind;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

use crate::server::Server;
use crate::{ask, run, run_with, through};

#[tokio::test]
async fn an_answer_has_all_its_names() {
    let server = Server::start().await;
    let host = FakeHost::new();
    let output = run_with(&through(&server.base, json!({"get": "/plain"})), &host)
        .await
        .unwrap();
    assert_eq!(output.value["status"], 200);
    assert_eq!(output.value["headers"]["x-two"], "1, 2");
    assert_eq!(output.value["body"], Value::Null);
    assert_eq!(output.value["text"], "not {json");
    assert!(output.value["elapsed_ms"].is_u64());
    assert_eq!(host.stdout(), b"not {json");

    let output = run(&through(&server.base, json!({"get": "/x"}))).await.unwrap();
    assert_eq!(output.value["body"]["uri"], "/x");
    let output = run(&through(&server.base, json!({"head": "/x"}))).await.unwrap();
    assert_eq!(
        (&output.value["text"], &output.value["body"]),
        (&json!(""), &Value::Null)
    );
}

#[tokio::test]
async fn a_status_is_a_failure_of_its_kind() {
    let server = Server::start().await;
    for (status, kind, maybe) in [
        (400, ErrorKind::Other, false),
        (401, ErrorKind::Auth, false),
        (403, ErrorKind::Forbidden, false),
        (404, ErrorKind::NotFound, false),
        (408, ErrorKind::Timeout, true),
        (409, ErrorKind::Conflict, false),
        (412, ErrorKind::Conflict, false),
        (429, ErrorKind::Unreachable, false),
        (500, ErrorKind::Other, true),
        (502, ErrorKind::Unreachable, true),
        (503, ErrorKind::Unreachable, true),
        (504, ErrorKind::Timeout, true),
    ] {
        let path = format!("/status/{status}");
        let posted = through(&server.base, json!({"post": path, "body": "so"}));
        let failure = run(&posted).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{status}");
        assert_eq!(failure.may_have_applied, maybe, "{status}");
        assert_eq!(failure.result, Some(json!({"status": status, "body": "said so"})));
        let read = run(&through(&server.base, json!({"get": path})))
            .await
            .unwrap_err();
        assert!(!read.may_have_applied);
        assert_eq!(ask(&posted).await.unwrap().value["status"], status);
    }
    let failure = run(&through(
        &server.base,
        json!({"post": "/status/422", "body": "too\nbig."}),
    ))
    .await
    .unwrap_err();
    assert_eq!(
        failure.message,
        "`POST /status/422` answered 422 Unprocessable Entity: said too big"
    );
}

#[tokio::test]
async fn ok_status_says_what_means_success() {
    let server = Server::start().await;
    let asked = |status: u16, ok: Value| {
        through(
            &server.base,
            json!({"get": format!("/status/{status}"), "ok_status": ok}),
        )
    };
    assert_eq!(
        run(&asked(404, json!([200, 404]))).await.unwrap().value["status"],
        404
    );
    assert!(run(&asked(200, json!([204]))).await.is_err());
}

#[tokio::test]
async fn a_big_body_is_cut_for_expressions_and_passed_on() {
    let server = Server::start().await;
    let host = FakeHost::new().keep(0);
    let output = run_with(&through(&server.base, json!({"get": "/size/5000000"})), &host)
        .await
        .unwrap();
    assert_eq!(output.cut, ["text", "body"]);
    assert_eq!(output.value["text"].as_str().unwrap().len(), 1024 * 1024);
    assert_eq!(host.total(), 5_000_000);

    let host = FakeHost::new().keep(0);
    run_with(&through(&server.base, json!({"get": "/size/70000000"})), &host)
        .await
        .unwrap();
    assert_eq!(host.total(), 64 * 1024 * 1024);
}

#[tokio::test]
async fn a_long_error_is_shortened() {
    let server = Server::start().await;
    let failure = run(&through(
        &server.base,
        json!({"post": "/status/500", "body": "x".repeat(100_000)}),
    ))
    .await
    .unwrap_err();
    assert!(failure.message.chars().count() < 300, "{failure}");
    assert_eq!(failure.result.unwrap()["body"].as_str().unwrap().len(), 16 * 1024);
}
