//! Values are data, whatever is in them.

use runbook_action::{Param, Segment, Text};
use runbook_testkit::contract::{Use, value, written};
use serde_json::json;

use crate::server::Server;
use crate::{connection, run};

const HOSTILE: [&str; 9] = [
    "../../admin",
    "x?admin=1",
    "x#y",
    "a/b",
    "a\\b",
    "x HTTP/1.1\r\nevil: 1\r\n\r\n",
    "%2e%2e",
    "@evil.example",
    "ä ☃",
];

/// `/users/{{ … }}/show`
fn around(hostile: &str) -> Param {
    Param::Text(Text::from_segments(vec![
        Segment::Literal("/users/".to_owned()),
        Segment::Value(hostile.to_owned()),
        Segment::Literal("/show".to_owned()),
    ]))
}

fn get(url: Param, more: Option<(&str, Param)>, server: &Server) -> Use {
    let entries = [("get", url)].into_iter().chain(more);
    Use {
        params: Param::Map(entries.map(|(key, param)| (key.to_owned(), param)).collect()),
        connection: connection(written(&json!({"http": server.base}))),
        ..Use::default()
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

#[tokio::test]
async fn values_in_a_path_stay_in_their_place() {
    let server = Server::start().await;
    for hostile in HOSTILE {
        let told = run(&get(around(hostile), None, &server)).await.unwrap().value["body"].clone();
        let uri = told["uri"].as_str().unwrap();
        let places: Vec<&str> = uri.split('/').collect();
        let ["", "users", place, "show"] = places.as_slice() else {
            panic!("{uri}");
        };
        assert_eq!(decoded(place), hostile);
        assert!(told["headers"].get("evil").is_none());
    }
}

#[tokio::test]
async fn values_that_cannot_be_encoded_are_refused() {
    let server = Server::start().await;
    for (hostile, message) in [
        (
            "..",
            "a value in the path is made of dots, so the URL would name something else",
        ),
        (
            ".",
            "a value in the path is made of dots, so the URL would name something else",
        ),
        (
            "",
            "a value in the path is empty, so the URL would name something else",
        ),
    ] {
        let failure = run(&get(around(hostile), None, &server)).await.unwrap_err();
        assert_eq!(failure.message, message);
        assert_eq!(failure.param.as_deref(), Some("get"));
    }
    // A dot of the author's and one of a value.
    let mixed = Param::Text(Text::from_segments(vec![
        Segment::Literal("/a/%2E".to_owned()),
        Segment::Value(".".to_owned()),
    ]));
    assert!(run(&get(mixed, None, &server)).await.is_err());
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn values_cannot_choose_the_host() {
    for hostile in [
        "evil.example/",
        "evil.example:80@",
        "evil.example#",
        "a b",
        "[::1",
    ] {
        let url = Param::Text(Text::from_segments(vec![
            Segment::Literal("http://".to_owned()),
            Segment::Value(hostile.to_owned()),
            Segment::Literal(".internal.invalid/x".to_owned()),
        ]));
        let case = Use {
            params: Param::Map([("get".to_owned(), url)].into_iter().collect()),
            ..Use::default()
        };
        let failure = run(&case).await.unwrap_err();
        assert!(failure.message.starts_with("is not a URL"), "{failure}");
    }
}

#[tokio::test]
async fn values_in_the_query_stay_in_their_place() {
    let server = Server::start().await;
    for hostile in HOSTILE {
        let query = Param::Map([("q".to_owned(), value(hostile))].into_iter().collect());
        let told = run(&get(written(&json!("/x")), Some(("query", query)), &server))
            .await
            .unwrap()
            .value["body"]
            .clone();
        let uri = told["uri"].as_str().unwrap();
        assert_eq!(decoded(uri.strip_prefix("/x?q=").unwrap()), hostile);
        assert_eq!(uri.matches(['&', '#', '?']).count(), 1);
    }
}

#[tokio::test]
async fn values_in_headers_cannot_add_one() {
    let server = Server::start().await;
    for hostile in ["a\r\nevil: 1", "a\nevil: 1", "a\rb", "a\0b", "a\u{1b}b"] {
        let headers = Param::Map([("x".to_owned(), value(hostile))].into_iter().collect());
        let failure = run(&get(written(&json!("/x")), Some(("headers", headers)), &server))
            .await
            .unwrap_err();
        assert_eq!(failure.param.as_deref(), Some("headers.x"));
        assert!(!failure.may_have_applied);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn values_in_json_stay_data() {
    let server = Server::start().await;
    let hostile = "\", \"admin\": true, \"x\": \"";
    let json = Param::Map([("name".to_owned(), value(hostile))].into_iter().collect());
    let mut case = get(Param::Null, Some(("json", json)), &server);
    if let Param::Map(map) = &mut case.params {
        map.insert("post".to_owned(), written(&json!("/x")));
    }
    let told = run(&case).await.unwrap().value["body"]["body"].clone();
    let sent: serde_json::Value = serde_json::from_str(told.as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({"name": hostile}));
}
