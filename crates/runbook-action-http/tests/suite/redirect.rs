//! Redirects, and what goes to other origins.

use runbook_testkit::contract::{Use, written};
use serde_json::json;

use crate::server::Server;
use crate::{ask, connection, run, through};

fn with_token(server: &Server, params: &serde_json::Value) -> Use {
    Use {
        params: written(params),
        connection: connection(written(&json!({
            "http": server.base,
            "headers": {"authorization": "Bearer abc"},
        }))),
        ..Use::default()
    }
}

#[tokio::test]
async fn on_the_same_origin_they_are_followed() {
    let server = Server::start().await;
    for (params, method, body) in [
        (json!({"get": "/to/302?/x"}), "GET", ""),
        (json!({"post": "/to/302?/x", "body": "b"}), "GET", ""),
        (json!({"post": "/to/303?/x", "body": "b"}), "GET", ""),
        (json!({"put": "/to/301?/x", "body": "b"}), "PUT", "b"),
        (json!({"post": "/to/307?/x", "body": "b"}), "POST", "b"),
        (json!({"post": "/to/308?../x", "body": "b"}), "POST", "b"),
    ] {
        let told = run(&with_token(&server, &params)).await.unwrap().value["body"].clone();
        assert_eq!(told["uri"], "/x", "{params}");
        assert_eq!(told["method"], method, "{params}");
        assert_eq!(told["body"], body, "{params}");
        assert_eq!(told["headers"]["authorization"], "Bearer abc");
    }
}

#[tokio::test]
async fn to_another_origin_they_are_the_answer() {
    let (server, other) = (Server::start().await, Server::start().await);
    let params = json!({"get": format!("/to/302?{}/steal", other.base)});
    let failure = run(&with_token(&server, &params)).await.unwrap_err();
    assert!(failure.message.contains("answered 302 Found"), "{failure}");
    assert!(failure.help.unwrap().contains("same origin"));
    let output = ask(&with_token(&server, &params)).await.unwrap();
    assert_eq!(output.value["status"], 302);
    assert_eq!(
        output.value["headers"]["location"],
        format!("{}/steal", other.base)
    );
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_circle_ends() {
    let server = Server::start().await;
    let failure = run(&through(&server.base, json!({"get": "/to/302?/to/302?"})))
        .await
        .unwrap_err();
    assert!(failure.message.contains("302"), "{failure}");
    assert!(server.seen().len() <= 11);
}

#[tokio::test]
async fn a_connections_headers_go_to_its_own_origin_only() {
    let (server, other) = (Server::start().await, Server::start().await);
    let params = json!({"get": format!("{}/x", other.base), "headers": {"x-own": "1"}});
    run(&with_token(&server, &params)).await.unwrap();
    let told = other.seen().remove(0);
    assert!(told["headers"].get("authorization").is_none(), "{told}");
    assert_eq!(told["headers"]["x-own"], "1");
}
