//! Who asks.

use runbook_action::ErrorKind;
use runbook_testkit::contract::{Use, secret, written};
use serde_json::{Value, json};

use crate::server::Server;
use crate::{connection, run};

fn case(server: &Server, params: &Value, more: &Value) -> Use {
    let mut mapping = json!({"http": server.base});
    for (key, value) in more.as_object().unwrap() {
        mapping[key] = value.clone();
    }
    Use {
        params: written(params),
        connection: connection(written(&mapping)),
        ..Use::default()
    }
}

async fn told(server: &Server, params: Value, more: Value) -> Value {
    let output = run(&case(server, &params, &more)).await.unwrap();
    output.value["body"]["headers"]["authorization"].clone()
}

#[tokio::test]
async fn a_token_or_a_name_with_a_password() {
    let server = Server::start().await;
    let bearer = json!({"auth": {"bearer": "abc"}});
    let basic = json!({"auth": {"basic": {"user": "Aladdin", "password": "open sesame"}}});
    let (none, get) = (json!({}), json!({"get": "/"}));
    assert_eq!(told(&server, get.clone(), bearer.clone()).await, "Bearer abc");
    let encoded = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==";
    assert_eq!(told(&server, get.clone(), basic.clone()).await, encoded);
    let own = json!({"get": "/", "auth": {"bearer": "own"}});
    assert_eq!(told(&server, own.clone(), basic).await, "Bearer own");
    assert_eq!(told(&server, own, none.clone()).await, "Bearer own");
    let own = json!({"get": "/", "headers": {"Authorization": "Digest x"}});
    assert_eq!(told(&server, own, bearer).await, "Digest x");
    assert_eq!(told(&server, get, none).await, Value::Null);
}

#[tokio::test]
async fn a_connection_says_who_asks_its_own_origin_only() {
    let (server, other) = (Server::start().await, Server::start().await);
    let bearer = json!({"auth": {"bearer": "abc"}});
    let params = json!({"get": format!("{}/x", other.base)});
    assert_eq!(told(&server, params, bearer).await, Value::Null);
    assert_eq!(other.seen().len(), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_apart_from_one_who_may_not() {
    let server = Server::start().await;
    for (status, kind) in [
        (401, ErrorKind::Auth),
        (403, ErrorKind::Forbidden),
        (407, ErrorKind::Auth),
    ] {
        let mut case = case(&server, &json!({"post": format!("/status/{status}")}), &json!({}));
        if let runbook_action::Param::Map(map) = &mut case.params {
            let auth = [("bearer".to_owned(), secret("token", "hunter2"))];
            let auth = runbook_action::Param::Map(auth.into_iter().collect());
            map.insert("auth".to_owned(), auth);
        }
        let failure = run(&case).await.unwrap_err();
        assert_eq!(failure.kind, kind);
        assert!(!failure.may_have_applied);
        assert_eq!(
            server.seen().last().unwrap()["headers"]["authorization"],
            "Bearer hunter2"
        );
        assert!(!format!("{failure:?}").contains("hunter2"));
    }
}
