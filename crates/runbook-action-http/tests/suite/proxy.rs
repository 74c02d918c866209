//! Proxies: one that passes plain requests on, one that opens tunnels, and one that wants a password.

use std::sync::{Arc, Mutex};

use runbook_action::{ErrorKind, Failure, Output, Param, Secret, Segment, Text};
use runbook_testkit::authority::{Authority, Purpose};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::https;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use crate::server::{Server, answers, listen, nobody};
use crate::{connection, run};

/// A proxy that keeps the heads of what it was asked, opens tunnels, and answers everything else by itself.
pub(crate) struct Proxy {
    pub(crate) address: String,
    heads: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Proxy {
    pub(crate) async fn start() -> Self {
        let (listener, address) = listen().await;
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, Arc::clone(&kept)));
            }
        });
        Self {
            address: address.to_string(),
            heads,
            task,
        }
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn pass(mut stream: TcpStream, heads: Arc<Mutex<Vec<String>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let target = head
        .strip_prefix("CONNECT ")
        .and_then(|rest| rest.split(' ').next())
        .map(str::to_owned);
    heads.lock().unwrap().push(head);
    // Who asked may have gone at any point.
    let Some(target) = target else {
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n\"proxy\"";
        let _sent = stream.write_all(answer).await.is_ok();
        return;
    };
    let mut server = TcpStream::connect(target).await.unwrap();
    let opened = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.is_ok();
    let _passed = opened && copy_bidirectional(&mut stream, &mut server).await.is_ok();
}

async fn through(params: Value, mapping: Value) -> Result<Output, Failure> {
    let case = Use {
        params: written(&params),
        connection: connection(written(&mapping)),
        ..Use::default()
    };
    run(&case).await
}

#[tokio::test]
async fn plain_requests_are_passed_on() {
    let proxy = Proxy::start().await;
    let mapping = json!({"http": "http://app.invalid/api", "proxy": format!("http://{}", proxy.address)});
    let output = through(json!({"get": "/x"}), mapping).await.unwrap();
    assert_eq!(output.value["body"], "proxy");
    assert!(
        proxy.heads()[0].starts_with("GET http://app.invalid/api/x HTTP/1.1\r\n"),
        "{:?}",
        proxy.heads()
    );
}

#[tokio::test]
async fn encrypted_requests_go_through_a_tunnel_and_keep_their_secrets() {
    let authority = Authority::new();
    let directory = tempfile::TempDir::new().unwrap();
    let ca = directory.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let server = https::Server::start(&authority.sign(&["127.0.0.1"], Purpose::Server), None).await;
    let proxy = Proxy::start().await;
    let mapping = json!({
        "http": server.url("127.0.0.1"), "proxy": format!("http://{}", proxy.address),
        "tls": {"ca": ca}, "auth": {"bearer": "abc"},
    });
    let output = through(json!({"get": "/x"}), mapping).await.unwrap();
    assert_eq!(output.value["body"]["headers"]["authorization"], "Bearer abc");
    let heads = proxy.heads();
    assert!(
        heads[0].starts_with(&format!("CONNECT 127.0.0.1:{} ", server.port())),
        "{heads:?}"
    );
    assert!(!heads[0].contains("abc"), "{heads:?}");
}

#[tokio::test]
async fn a_proxys_password_goes_to_the_proxy_and_is_never_shown() {
    let proxy = Proxy::start().await;
    let url = Param::Text(Text::from_segments(vec![
        Segment::Literal("http://us%65r:".to_owned()),
        Segment::Secret(Secret::new("password", "hunter@2/".to_owned())),
        Segment::Literal(format!("@{}", proxy.address)),
    ]));
    let with = |url: Param| {
        let mut mapping = written(&json!({"http": "http://app.invalid"}));
        if let Param::Map(mapping) = &mut mapping {
            mapping.insert("proxy".to_owned(), url);
        }
        Use {
            params: written(&json!({"get": "/x"})),
            connection: connection(mapping),
            ..Use::default()
        }
    };
    run(&with(url)).await.unwrap();
    let told = &proxy.heads()[0];
    // `user:hunter@2/`
    let expected = "proxy-authorization: Basic dXNlcjpodW50ZXJAMi8=";
    assert!(
        told.to_ascii_lowercase().contains(&expected.to_ascii_lowercase()),
        "{told}"
    );

    let gone = nobody().await.replace("http://", "http://user:hunter2@");
    let failure = run(&with(written(&json!(gone)))).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Refused);
    assert!(
        failure
            .message
            .contains("nobody listens at the proxy `127.0.0.1:"),
        "{failure}"
    );
    assert!(!format!("{failure:?}").contains("hunter2"));
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_or_gives_no_tunnel() {
    let demanding = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
    for scheme in ["http", "https"] {
        let mapping = json!({"http": format!("{scheme}://app.invalid"), "proxy": answers(demanding).await});
        let failure = through(json!({"get": "/"}), mapping).await.unwrap_err();
        assert_eq!(failure.kind, ErrorKind::Auth, "{failure:?}");
    }
    let refusing = b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n";
    let mapping = json!({"http": "https://app.invalid", "proxy": answers(refusing).await});
    let failure = through(json!({"post": "/"}), mapping).await.unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unreachable, "{failure:?}");
    assert!(
        failure
            .message
            .contains("`app.invalid:443` through the proxy `127.0.0.1:"),
        "{failure}"
    );
    assert!(!failure.may_have_applied);
}

#[tokio::test]
async fn some_hosts_are_reached_without_it() {
    let server = Server::start().await;
    let proxy = Proxy::start().await;
    for (no_proxy, is_direct) in [
        (json!(["127.0.0.1"]), true),
        (json!(["example.org", "127.0.0.1"]), true),
        (json!(["0.0.1"]), false),
        (json!(["7.0.0.1"]), false),
        (json!([]), false),
    ] {
        let mapping = json!({
            "http": server.base, "proxy": format!("http://{}", proxy.address), "no_proxy": no_proxy,
        });
        let before = proxy.heads().len();
        through(json!({"get": "/x"}), mapping).await.unwrap();
        assert_eq!(proxy.heads().len() == before, is_direct, "{no_proxy}");
    }
    for (mapping, param) in [
        (json!({"http": server.base, "no_proxy": ["x"]}), "no_proxy"),
        (
            json!({"http": server.base, "proxy": "http://p", "no_proxy": ["*.x"]}),
            "no_proxy[0]",
        ),
        (json!({"http": server.base, "proxy": "socks5://p"}), "proxy"),
        (
            json!({"http": server.base, "proxy": "http://p", "tls": {"server_name": "x"}}),
            "tls.server_name",
        ),
    ] {
        let failure = through(json!({"get": "/x"}), mapping).await.unwrap_err();
        assert_eq!(
            failure.param,
            Some(format!("connections.api.{param}")),
            "{failure}"
        );
    }
}
