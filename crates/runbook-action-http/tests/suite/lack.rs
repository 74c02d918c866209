//! What is part of the language and cannot be run yet is told beforehand, and never left out in silence.

use runbook_action::{Action, Kind, Lack};
use runbook_action_http::Http;
use runbook_testkit::contract::{declares, written};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{connection, run, through};

fn paths(lacks: &[Lack]) -> Vec<&str> {
    lacks.iter().map(|lack| lack.param.as_str()).collect()
}

fn post(key: &str, given: &Value) -> Value {
    json!({"post": "/echo", key: given})
}

/// Parameters that cannot be run yet.
fn lacking() -> [(&'static str, Value); 6] {
    [
        (
            "multipart",
            json!({"note": "x", "backup": {"file": "a.tar.gz", "type": "application/gzip"}}),
        ),
        ("multipart", json!({"a": {"text": "x", "filename": "a.txt"}})),
        ("auth", json!({"bearer": "t"})),
        ("auth", json!({"basic": {"user": "u", "password": "p"}})),
        ("redirects", json!("any")),
        ("redirects", json!("none")),
    ]
}

#[tokio::test]
async fn what_cannot_be_run_is_told_and_is_not_sent() {
    let server = Server::start().await;
    let http = Http::new();
    let fine: Vec<_> = lacking()
        .iter()
        .map(|(key, given)| through(&server.base, post(key, given)))
        .collect();
    declares(&http, &fine, &[]);
    for (case, (key, _)) in fine.iter().zip(lacking()) {
        assert_eq!(paths(&http.lacks(&case.params, None)), [key]);
        let failure = run(case).await.unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(key));
    }
    for (key, given) in [
        ("auth", json!({"bearer": "t"})),
        ("tls", json!({"ca": "ca.pem", "server_name": "db"})),
        ("proxy", json!("http://proxy:3128")),
        ("connect_timeout", json!("5s")),
    ] {
        let params = written(&json!({"http": server.base, key: given}));
        let lacks = http.lacks(&written(&json!({"get": "/"})), Some(("http", &params)));
        assert_eq!(paths(&lacks), [""]);
        assert!(lacks[0].what.contains(key), "{lacks:?}");
        let mut case = through(&server.base, json!({"get": "/echo"}));
        case.connection = connection(params);
        run(&case).await.unwrap_err();
    }
    assert!(server.seen().is_empty(), "{:?}", server.seen());
}

#[test]
fn what_is_usual_lacks_nothing() {
    let http = Http::new();
    let params =
        written(&json!({"post": "/", "json": {}, "redirects": "same_origin", "headers": {"a": "b"}}));
    let server = written(&json!({"http": "http://x", "headers": {"a": "b"}, "timeout": "5s"}));
    assert_eq!(http.lacks(&params, Some(("http", &server))), []);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (key, given, param) in [
        ("multipart", json!({"a": {}}), Some("multipart.a")),
        (
            "multipart",
            json!({"a": {"file": "x", "text": "y"}}),
            Some("multipart.a.text"),
        ),
        ("multipart", json!({"a": [1]}), Some("multipart.a")),
        ("auth", json!({}), Some("auth")),
        (
            "auth",
            json!({"bearer": "t", "basic": {"user": "u", "password": "p"}}),
            Some("auth.basic"),
        ),
        ("redirects", json!("some"), Some("redirects")),
    ] {
        let failure = Http::new().recognise(&written(&post(key, &given))).unwrap_err();
        assert_eq!(failure.param.as_deref(), param, "{failure}");
    }
    let two = json!({"post": "/", "multipart": {"a": "x"}, "json": null});
    let failure = Http::new().recognise(&written(&two)).unwrap_err();
    assert_eq!(failure.message, "has more than one body");
}
