//! Parameters that make no sense together are refused before anything is sent.

use runbook_action::{Action, Kind};
use runbook_testkit::contract::{declares, written};
use serde_json::{Value, json};

use crate::{http, run, through};

fn post(key: &str, given: &Value) -> Value {
    json!({"post": "/echo", key: given})
}

#[test]
fn all_of_the_language_is_recognised_and_can_be_run() {
    let http = http();
    let fine: Vec<_> = [
        (
            "multipart",
            json!({"note": "x", "backup": {"file": "a.tar.gz", "type": "application/gzip"}}),
        ),
        ("multipart", json!({"a": {"text": "x", "filename": "a.txt"}})),
        ("auth", json!({"bearer": "t"})),
        ("auth", json!({"basic": {"user": "u", "password": "p"}})),
        ("redirects", json!("any")),
        ("redirects", json!("none")),
        ("redirects", json!("same_origin")),
    ]
    .iter()
    .map(|(key, given)| through("http://localhost", post(key, given)))
    .collect();
    declares(&http, &fine, &[]);
    for case in &fine {
        assert_eq!(http.lacks(&case.params, None), []);
    }
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
        let failure = http().recognise(&written(&post(key, &given))).unwrap_err();
        assert_eq!(failure.param.as_deref(), param, "{failure}");
    }
    let two = json!({"post": "/", "multipart": {"a": "x"}, "json": null});
    let failure = http().recognise(&written(&two)).unwrap_err();
    assert_eq!(failure.message, "has more than one body");
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_where_it_stands() {
    for (params, param) in [
        (
            json!({"post": "/", "multipart": {"a": "x"}, "headers": {"content-type": "text/plain"}}),
            "headers",
        ),
        (
            json!({"get": "/", "auth": {"bearer": "t"}, "headers": {"authorization": "x"}}),
            "auth",
        ),
        (json!({"get": "/", "auth": {"bearer": "a\nb"}}), "auth.bearer"),
        (json!({"get": "/", "auth": {"bearer": ""}}), "auth.bearer"),
        (
            json!({"get": "/", "auth": {"basic": {"user": "a:b", "password": "p"}}}),
            "auth.basic.user",
        ),
        (
            json!({"post": "/", "multipart": {"a": {"file": "no/such/file"}}}),
            "multipart.a.file",
        ),
        (
            json!({"post": "/", "multipart": {"a": {"file": "."}}}),
            "multipart.a.file",
        ),
        (
            json!({"post": "/", "multipart": {"a": {"text": "x", "type": "a b"}}}),
            "multipart.a.type",
        ),
    ] {
        // Nobody is asked, so the address does not matter.
        let failure = run(&through("http://127.0.0.1:9", params)).await.unwrap_err();
        assert_eq!(failure.param.as_deref(), Some(param), "{failure}");
        assert!(!failure.may_have_applied);
    }
}
