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

/// Takes connections into its queue until that is full; then nothing of what comes is answered, as behind a firewall
/// that drops packets.
fn black_hole() -> (std::net::TcpListener, Vec<std::net::TcpStream>, String) {
    use std::net::{SocketAddr, TcpListener, TcpStream};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    rustix::net::listen(&listener, 0).unwrap();
    let mut queue = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        queue.push(stream);
        assert!(queue.len() < 5000, "the queue has no end");
    }
    (listener, queue, format!("http://{address}"))
}

#[tokio::test]
async fn a_connection_that_nobody_takes_is_a_timeout_before_anything_is_sent() {
    let (_listener, _queue, base) = black_hole();
    let case = Use {
        params: written(&json!({"post": "/x"})),
        connection: connection(written(&json!({"http": base, "connect_timeout": "100ms"}))),
        ..Use::default()
    };
    let failure = run(&case).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Timeout, "{failure:?}");
    assert!(!failure.may_have_applied);
    let host = base.trim_start_matches("http://");
    assert_eq!(
        failure.message,
        format!("`POST /x`: `{host}` did not take the connection in time")
    );
}

#[tokio::test]
async fn a_server_that_closes_its_half_may_have_done_it() {
    use tokio::io::AsyncWriteExt as _;
    let (listener, address) = crate::server::listen().await;
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            stream.shutdown().await.unwrap();
            held.push(stream);
        }
    });
    for (params, maybe) in [(json!({"get": "/"}), false), (json!({"post": "/"}), true)] {
        let failure = run(&through(&format!("http://{address}"), params))
            .await
            .unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{failure:?}");
        assert_eq!(failure.may_have_applied, maybe);
    }
}

#[tokio::test]
async fn heads_that_are_too_large_are_no_answer() {
    let long: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(2_000_000)).into_boxed_str());
    let many: &'static str =
        Box::leak(format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5000)).into_boxed_str());
    for answer in [long, many] {
        let base = answers(answer.as_bytes()).await;
        let failure = run(&through(&base, json!({"get": "/"}))).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Protocol, "{failure:?}");
        assert!(failure.message.len() < 300, "{failure}");
    }
}

#[tokio::test]
async fn a_server_may_want_to_be_left_alone() {
    for (head, expected) in [
        ("429 Too Many Requests\r\nretry-after: 7", Some(7)),
        ("503 Service Unavailable\r\nretry-after: 120", Some(120)),
        (
            "503 Service Unavailable\r\ndate: Wed, 21 Oct 2015 07:28:00 GMT\r\nretry-after: Wed, 21 Oct 2015 07:28:09 GMT",
            Some(9),
        ),
        ("503 Service Unavailable\r\nretry-after: soon", None),
        ("503 Service Unavailable", None),
    ] {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 0\r\n\r\n");
        let base = answers(Box::leak(answer.into_boxed_str()).as_bytes()).await;
        let failure = run(&through(&base, json!({"get": "/"}))).await.unwrap_err();
        assert_eq!(failure.retry_after, expected.map(Duration::from_secs), "{head}");
    }
}

#[tokio::test]
async fn what_is_compressed_unasked_is_passed_on_as_it_came() {
    let base =
        answers(b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 7\r\n\r\n\x1f\x8bwrong").await;
    let host = FakeHost::new();
    let output = run_with(&through(&base, json!({"get": "/"})), &host)
        .await
        .unwrap();
    assert_eq!(host.stdout(), b"\x1f\x8bwrong");
    assert_eq!(output.value["body"], serde_json::Value::Null);
}
