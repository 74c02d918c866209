//! Bodies of several parts.

use std::io::Write as _;

use runbook_action::Param;
use runbook_testkit::contract::{value, written};
use serde_json::json;

use crate::server::Server;
use crate::{run, through};

#[tokio::test]
async fn texts_and_files_are_parts() {
    let server = Server::start().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"line one\nline two\n").unwrap();
    let name = file.path().file_name().unwrap().to_str().unwrap();
    // The action's root is the directory for temporary files.
    let case = through(
        &server.base,
        json!({"post": "/x", "multipart": {
            "note": "a text",
            "count": 3,
            "named": {"text": "a,b", "filename": "x.csv", "type": "text/csv"},
            "backup": {"file": name, "type": "application/gzip"},
            "renamed": {"file": file.path(), "filename": "other"},
        }}),
    );
    let told = run(&case).await.unwrap().value["body"].clone();
    let kind = told["headers"]["content-type"].as_str().unwrap();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let body = told["body"].as_str().unwrap();
    let part = |head: &str, content: &str| format!("--{boundary}\r\n{head}\r\n\r\n{content}\r\n");
    let head = |rest: &str| format!("Content-Disposition: form-data; {rest}");
    let expected = [
        part(&head("name=\"note\""), "a text"),
        part(&head("name=\"count\""), "3"),
        part(
            &head("name=\"named\"; filename=\"x.csv\"\r\nContent-Type: text/csv"),
            "a,b",
        ),
        part(
            &head(&format!(
                "name=\"backup\"; filename=\"{name}\"\r\nContent-Type: application/gzip"
            )),
            "line one\nline two\n",
        ),
        part(
            &head("name=\"renamed\"; filename=\"other\""),
            "line one\nline two\n",
        ),
        format!("--{boundary}--\r\n"),
    ];
    assert_eq!(body, expected.concat());
    assert_eq!(told["headers"]["content-length"], body.len().to_string());
}

#[tokio::test]
async fn a_large_file_is_sent_whole_and_again_after_a_redirect() {
    let server = Server::start().await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&vec![b'~'; 1_900_000]).unwrap();
    let case = through(
        &server.base,
        json!({"post": "/to/307?/x", "multipart": {"a": {"file": file.path()}}}),
    );
    let told = run(&case).await.unwrap().value["text"].as_str().unwrap().len();
    assert!(told >= 1024 * 1024, "{told}");
    for seen in server.seen() {
        // No other byte of the request is this one: the name of the file has letters and digits.
        assert_eq!(seen["body"].as_str().unwrap().matches('~').count(), 1_900_000);
    }
    assert_eq!(server.seen().len(), 2);
}

#[tokio::test]
async fn values_stay_in_their_part() {
    let server = Server::start().await;
    let case = |name: &str, filename: &str| {
        let mut case = through(&server.base, json!({"post": "/x"}));
        let part = [
            ("text".to_owned(), written(&json!("fine"))),
            ("filename".to_owned(), value(filename)),
        ];
        if let Param::Map(params) = &mut case.params {
            let parts = [(name.to_owned(), Param::Map(part.into_iter().collect()))];
            params.insert("multipart".to_owned(), Param::Map(parts.into_iter().collect()));
        }
        case
    };
    for (name, filename) in [
        ("a", "x\"; evil=\"1"),
        ("a\"\r\nevil: 1", "x"),
        ("a", "\u{e4} \u{2603}"),
    ] {
        let told = run(&case(name, filename)).await.unwrap().value["body"].clone();
        let body = told["body"].as_str().unwrap();
        let head = body.split("\r\n\r\n").next().unwrap();
        assert_eq!(head.lines().count(), 2, "{body}");
        assert!(!head.contains("; evil=\"1\""), "{body}");
        assert!(body.contains("\r\n\r\nfine\r\n"), "{body}");
    }
    for filename in ["a\"\r\nContent-Type: text/html\r\n\r\nevil", "a\nb", "a\0b"] {
        let failure = run(&case("a", filename)).await.unwrap_err();
        assert_eq!(
            failure.param.as_deref(),
            Some("multipart.a.filename"),
            "{failure}"
        );
    }
    assert_eq!(server.seen().len(), 3);
}
