//! What every action keeps to.

use runbook_action::{Effect, Kind, Param};
use runbook_testkit::contract::{Subject, Use, check, secret, value, written};
use serde_json::{Value, json};

use crate::server::{Server, nobody, silent};
use crate::{connection, through};

/// A mapping with one more entry.
fn with(params: &Value, key: &str, entry: Param) -> Param {
    let Param::Map(mut map) = written(params) else {
        panic!("not a mapping")
    };
    map.insert(key.to_owned(), entry);
    Param::Map(map)
}

fn token() -> Param {
    secret("token", "hunter2-hunter2")
}

/// Parameters that cannot be sent, and one that the server refuses.
fn wrong() -> [Value; 24] {
    [
        json!({}),
        json!({"get": "/", "post": "/"}),
        json!({"get": "/", "method": "GET"}),
        json!({"method": "BREW", "url": "/"}),
        json!({"method": "GET"}),
        json!({"url": "/"}),
        json!({"get": "no-slash"}),
        json!({"get": "ftp://x/"}),
        json!({"get": "http://user:hunter@:0/"}),
        json!({"get": "/status/500", "headers": {"a b": "x"}}),
        json!({"get": "/", "headers": {"x": "a\r\nb"}}),
        json!({"get": "/", "headers": {"x": ["a", "b\u{0}"]}}),
        json!({"get": "/", "headers": {"content-length": "5"}}),
        json!({"get": "/", "query": {"x": {"y": 1}}}),
        json!({"get": "/", "query": 5}),
        json!({"post": "/", "json": 1, "body": "x"}),
        json!({"post": "/", "form": {"x": [[1]]}}),
        json!({"get": "/status/500", "ok_status": ["x"]}),
        json!({"get": 5.5, "body": []}),
        json!({"post": "/status/422"}),
        json!({"post": "/", "multipart": {"a": {"file": "/no/such/file"}}}),
        json!({"post": "/", "multipart": {"a": {"text": "x", "type": "no type"}}}),
        json!({"get": "/", "auth": {"basic": {"user": "a:b", "password": "p"}}}),
        json!({"get": "/", "auth": {"bearer": "a b"}}),
    ]
}

/// Uses that fail, at a server, through connections of all kinds, and at one where nobody listens.
fn failing_uses(base: &str, nobody: &str) -> Vec<Use> {
    let failing = |params: Param| Use {
        params,
        connection: connection(with(
            &json!({"http": base}),
            "headers",
            with(&json!({}), "authorization", token()),
        )),
        ..Use::default()
    };
    let connected = |connection_params: Param| Use {
        params: written(&json!({"get": "/"})),
        connection: connection(connection_params),
        ..Use::default()
    };
    let secretly = |key: &str, inner: &str, entry: Param| {
        connected(with(&json!({"http": base}), key, with(&json!({}), inner, entry)))
    };
    let posting = |key: &str, inner: &str| {
        failing(with(
            &json!({"post": "/status/500"}),
            key,
            with(&json!({}), inner, token()),
        ))
    };
    let mut uses: Vec<Use> = wrong().iter().map(|params| failing(written(params))).collect();
    uses.extend([
        failing(with(&json!({"post": "/status/500"}), "body", token())),
        posting("json", "password"),
        posting("multipart", "password"),
        posting("auth", "bearer"),
        failing(Param::Map(
            [("get".to_owned(), value("/x"))].into_iter().collect(),
        )),
        failing(Param::Map([("get".to_owned(), token())].into_iter().collect())),
        through(nobody, json!({"get": "/"})),
        connected(with(&json!({}), "http", token())),
        connected(written(&json!({"http": "localhost:1"}))),
        connected(written(&json!({"http": "http://user:hunter@localhost:1?x"}))),
        connected(written(&json!({"http": base, "timeout": "5"}))),
        connected(written(&json!({"http": base, "timeout": "0s"}))),
        secretly("headers", "x", secret("token", "a\nhunter")),
        connected(written(&json!({"headers": {}}))),
        connected(with(
            &json!({"http": nobody}),
            "auth",
            with(&json!({}), "bearer", token()),
        )),
        secretly("auth", "bearer", secret("token", "hunter two")),
        secretly("tls", "ca", token()),
        connected(with(&json!({"http": base}), "proxy", token())),
        connected(written(&json!({"http": base, "no_proxy": ["x"]}))),
        connected(written(&json!({"http": base, "connect_timeout": "x"}))),
    ]);
    uses
}

#[tokio::test]
async fn http_keeps_to_the_contract() {
    let server = Server::start().await;
    let (silent, asked) = silent().await;
    let http = crate::http();
    check(&Subject {
        action: &http,
        endless: through(&silent, json!({"post": "/"})),
        begun: &|_host| *asked.lock().unwrap() > 0,
        failing: failing_uses(&server.base, &nobody().await),
        world: &|| format!("{:?}", server.seen()),
    })
    .await;
}

#[test]
fn the_method_tells_the_effect() {
    let http = crate::http();
    for (params, effect, certain, summary) in [
        (
            json!({"get": "/health/status"}),
            Effect::Read,
            true,
            "GET /health/status",
        ),
        (json!({"head": "/"}), Effect::Read, true, "HEAD /"),
        (
            json!({"method": "OPTIONS", "url": "http://u:p@h/x"}),
            Effect::Read,
            true,
            "OPTIONS http://h/x",
        ),
        (json!({"put": "/"}), Effect::Change, true, "PUT /"),
        (json!({"patch": "/"}), Effect::Change, true, "PATCH /"),
        (json!({"post": "/"}), Effect::Change, false, "POST /"),
        (json!({"delete": "/"}), Effect::Destructive, true, "DELETE /"),
        (
            json!({"method": "DELETE", "url": "/"}),
            Effect::Destructive,
            true,
            "DELETE /",
        ),
    ] {
        let recognised = http.recognise(&written(&params)).unwrap();
        assert_eq!(
            (recognised.effect, recognised.certain),
            (effect, certain),
            "{params}"
        );
        assert_eq!(recognised.summary, summary);
    }
}
