//! What is sent.

use runbook_testkit::contract::{Use, value, written};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{connection, run, through};

/// What the server was asked.
async fn asked(server: &Server, params: Value) -> Value {
    run(&through(&server.base, params)).await.unwrap().value["body"].clone()
}

#[tokio::test]
async fn a_path_is_added_to_the_connections_url() {
    let server = Server::start().await;
    for (base, path, uri) in [
        ("", "/a", "/a"),
        ("/", "/a", "/a"),
        ("/api/v1", "/a?b=1", "/api/v1/a?b=1"),
        ("/api/v1/", "/", "/api/v1/"),
        ("", "//evil.example/x", "//evil.example/x"),
    ] {
        let case = through(&format!("{}{base}", server.base), json!({"get": path}));
        assert_eq!(run(&case).await.unwrap().value["body"]["uri"], uri);
    }
    // Without a connection, and beside one.
    let absolute = json!({"get": format!("{}/x", server.base)});
    let case = Use {
        params: written(&absolute),
        ..Use::default()
    };
    assert_eq!(run(&case).await.unwrap().value["body"]["uri"], "/x");
    assert_eq!(asked(&server, absolute).await["uri"], "/x");
}

#[tokio::test]
async fn a_connections_url_may_be_a_value() {
    let server = Server::start().await;
    let params = [("http".to_owned(), value(&format!("{}/api", server.base)))];
    let case = Use {
        params: written(&json!({"get": "/x"})),
        connection: connection(runbook_action::Param::Map(params.into_iter().collect())),
        ..Use::default()
    };
    assert_eq!(run(&case).await.unwrap().value["body"]["uri"], "/api/x");
}

#[tokio::test]
async fn bodies_have_their_types() {
    let server = Server::start().await;
    for (params, body, kind) in [
        (
            json!({"json": {"b": [1, 2.5, "x"], "a": null}}),
            r#"{"b":[1,2.5,"x"],"a":null}"#,
            "application/json",
        ),
        (json!({"json": null}), "null", "application/json"),
        (
            json!({"form": {"a b": "c&d", "n": [1, true]}}),
            "a%20b=c%26d&n=1&n=true",
            "application/x-www-form-urlencoded",
        ),
        (json!({"body": "text"}), "text", "text/plain; charset=utf-8"),
        (
            json!({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}),
            "<a/>",
            "text/xml",
        ),
    ] {
        let mut params = params;
        params["post"] = json!("/x");
        let told = asked(&server, params).await;
        assert_eq!(told["method"], "POST");
        assert_eq!(told["body"], body);
        assert_eq!(told["headers"]["content-type"], kind);
    }
}

#[tokio::test]
async fn the_query_is_added() {
    let server = Server::start().await;
    let told = asked(
        &server,
        json!({"get": "/x?a=1", "query": {"b": "&=#", "c": [1, 2], "d": null, "e": true}}),
    )
    .await;
    assert_eq!(told["uri"], "/x?a=1&b=%26%3D%23&c=1&c=2&e=true");
    let told = asked(&server, json!({"get": "/x", "query": {}})).await;
    assert_eq!(told["uri"], "/x");
}

#[tokio::test]
async fn headers_of_the_request_take_the_place_of_the_connections() {
    let server = Server::start().await;
    let case = Use {
        params: written(&json!({"get": "/", "headers": {"X-One": "request", "x-list": ["a", "b"]}})),
        connection: connection(written(&json!({
            "http": server.base,
            "headers": {"x-one": "connection", "x-two": "connection"},
        }))),
        ..Use::default()
    };
    let told = run(&case).await.unwrap().value["body"]["headers"].clone();
    assert_eq!(told["x-one"], "request");
    assert_eq!(told["x-two"], "connection");
    assert_eq!(told["x-list"], "a|b");
    assert!(told["user-agent"].as_str().unwrap().starts_with("runbook/"));
}

#[tokio::test]
async fn credentials_in_the_url_are_sent() {
    let server = Server::start().await;
    let base = server.base.replace("http://", "http://user:pass@");
    let told = run(&through(&base, json!({"get": "/to/307?/x"}))).await.unwrap();
    assert_eq!(
        told.value["body"]["headers"]["authorization"],
        "Basic dXNlcjpwYXNz"
    );
}
