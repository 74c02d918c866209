//! Servers that are not there, or not servers.

use std::time::Duration;

use runbook_action::ErrorKind;
use runbook_testkit::contract::{Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::json;

use crate::server::{answers, answers_anything, nobody, read_head, silent};
use crate::{connection, run, run_with, through};

#[tokio::test]
async fn a_refused_port() {
    let base = nobody().await;
    let failure = run(&through(&base, json!({"post": "/x"}))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(!failure.may_have_applied);
    let host = base.trim_start_matches("http://");
    assert_eq!(failure.message, format!("`POST /x`: nobody listens at `{host}`"));
}

#[tokio::test]
async fn a_name_that_does_not_exist() {
    let failure = run(&through("http://no-such-host.invalid", json!({"get": "/"})))
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Dns);
    assert_eq!(
        failure.message,
        "`GET /`: the name of `no-such-host.invalid:80` cannot be resolved"
    );
}

#[tokio::test]
async fn no_tls_where_some_was_expected() {
    let base = answers_anything(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        .await
        .replace("http:", "https:");
    let failure = run(&through(&base, json!({"post": "/"}))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Tls, "{failure}");
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn answers_that_are_none() {
    for answer in [
        &b""[..],
        b"\0\x01\x02garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
    ] {
        let base = answers(answer).await;
        let failure = run(&through(&base, json!({"get": "/"}))).await.unwrap_err();
        let shown = String::from_utf8_lossy(answer);
        assert!(
            matches!(failure.kind, ErrorKind::Protocol | ErrorKind::Unreachable),
            "{shown:?}: {failure:?}"
        );
        assert!(!failure.may_have_applied);
        let failure = run(&through(&base, json!({"post": "/"}))).await.unwrap_err();
        assert!(failure.may_have_applied, "{shown:?}: {failure:?}");
    }
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let (base, _asked) = silent().await;
    let case = Use {
        params: written(&json!({"put": "/x"})),
        connection: connection(written(&json!({"http": base, "timeout": "50ms"}))),
        ..Use::default()
    };
    let failure = run(&case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert!(failure.may_have_applied);
    assert!(
        failure.message.ends_with("did not answer within 50ms"),
        "{failure}"
    );

    let host = FakeHost::new().remaining(Duration::from_millis(60));
    let failure = run_with(&through(&base, json!({"get": "/x"})), &host)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn a_body_that_never_ends_is_a_timeout() {
    let (listener, address) = crate::server::listen().await;
    tokio::spawn(async move {
        use tokio::io::AsyncWriteExt;
        let (mut stream, _) = listener.accept().await.unwrap();
        read_head(&mut stream).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            .await
            .unwrap();
        while stream.write_all(b"1\r\nx\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await; // paced: the server answers slowly on purpose
        }
    });
    let host = FakeHost::new().remaining(Duration::from_millis(200));
    let case = through(&format!("http://{address}"), json!({"get": "/x"}));
    let failure = run_with(&case, &host).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout);
    assert!(host.stdout().starts_with(b"x"));
}
