//! Redirects, and what goes to other origins.

use runbook_testkit::contract::{Use, secret, written};
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

#[tokio::test]
async fn none_are_followed_where_none_are_wanted() {
    let server = Server::start().await;
    let params = json!({"get": "/to/302?/x", "redirects": "none", "ok_status": [302]});
    let output = run(&with_token(&server, &params)).await.unwrap();
    assert_eq!(output.value["headers"]["location"], "/x");
    let params = json!({"get": "/to/302?/x", "redirects": "none"});
    let failure = run(&with_token(&server, &params)).await.unwrap_err();
    assert!(failure.help.unwrap().contains("`redirects`"));
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn anywhere_they_are_followed_without_what_is_secret() {
    let (server, other) = (Server::start().await, Server::start().await);
    let params = json!({
        "get": format!("/to/302?{}/x", other.base), "redirects": "any",
        "headers": {"x-own": "1", "cookie": "c", "host": "own.invalid"},
    });
    let mut case = with_token(&server, &params);
    if let runbook_action::Param::Map(map) = &mut case.params
        && let Some(runbook_action::Param::Map(headers)) = map.get_mut("headers")
    {
        headers.insert("x-secret".to_owned(), secret("token", "hunter2"));
    }
    run(&case).await.unwrap();
    let (first, told) = (server.seen().remove(0), other.seen().remove(0));
    assert_eq!(told["uri"], "/x");
    assert_eq!(told["headers"]["x-own"], "1");
    assert_eq!(told["headers"]["host"], other.base.trim_start_matches("http://"));
    for name in ["authorization", "cookie", "x-secret"] {
        assert!(told["headers"].get(name).is_none(), "{told}");
        assert!(first["headers"].get(name).is_some(), "{first}");
    }
}

#[tokio::test]
async fn whoever_was_led_away_and_back_has_no_credentials() {
    let (server, other) = (Server::start().await, Server::start().await);
    let back = format!("{}/to/302?{}/x", other.base, server.base);
    let params = json!({"get": format!("/to/302?{back}"), "redirects": "any", "auth": {"bearer": "own"}});
    let told = run(&with_token(&server, &params)).await.unwrap().value["body"].clone();
    assert_eq!(told["uri"], "/x");
    assert!(told["headers"].get("authorization").is_none(), "{told}");
}

#[tokio::test]
async fn a_secret_body_goes_to_no_other_origin() {
    let (server, other) = (Server::start().await, Server::start().await);
    let to = format!("/to/307?{}/x", other.base);
    let params = json!({"post": to, "body": "plain", "redirects": "any"});
    run(&with_token(&server, &params)).await.unwrap();
    assert_eq!(other.seen()[0]["body"], "plain");
    for (key, body) in [
        ("body", secret("token", "hunter2")),
        ("multipart", written(&json!({"a": {"file": "/dev/null"}}))),
    ] {
        let mut case = with_token(&server, &json!({"post": to, "redirects": "any"}));
        if let runbook_action::Param::Map(map) = &mut case.params {
            map.insert(key.to_owned(), body);
        }
        run(&case).await.unwrap_err();
    }
    assert_eq!(other.seen().len(), 1);
}
