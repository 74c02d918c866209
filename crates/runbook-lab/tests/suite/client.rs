//! A small HTTP client, and what all tests ask of a system.

use std::time::Duration;

use runbook_lab::Lab;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{self, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

/// Status and body of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Sends one request over a connection of its own.
pub(crate) async fn send(lab: &Lab, method: &str, path: &str, body: &str) -> Answer {
    let address = lab.url().strip_prefix("http://").expect("the URL is one of HTTP");
    let mut stream = TcpStream::connect(address).await.expect("the system listens");
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream
        .write_all(request.as_bytes())
        .await
        .expect("the request is sent");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .await
        .expect("the answer arrives");
    let (head, text) = answer.split_once("\r\n\r\n").expect("the answer has a head");
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("it has a status");
    Answer {
        status,
        head: head.to_ascii_lowercase(),
        text: text.to_owned(),
    }
}

pub(crate) async fn get(lab: &Lab, path: &str) -> Value {
    let answer = send(lab, "GET", path, "").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

pub(crate) async fn post(lab: &Lab, path: &str, body: Value) -> (u16, Value) {
    let answer = send(lab, "POST", path, &body.to_string()).await;
    (answer.status, answer.json())
}

pub(crate) async fn put(lab: &Lab, path: &str, body: Value) -> (u16, Value) {
    let answer = send(lab, "PUT", path, &body.to_string()).await;
    (answer.status, answer.json())
}

pub(crate) async fn search(lab: &Lab) -> (u16, Value) {
    post(lab, "/search", json!({ "query": "test search" })).await
}

pub(crate) async fn health(lab: &Lab) -> Value {
    get(lab, "/health/status").await
}

pub(crate) async fn in_use(lab: &Lab) -> u64 {
    health(lab).await["connection_pool"]["in_use"]
        .as_u64()
        .expect("it is a number")
}

/// Asks until the answer is the one expected.
pub(crate) async fn until<T>(expect: &T, mut ask: impl AsyncFnMut() -> T)
where
    T: PartialEq + std::fmt::Debug,
{
    let started = Instant::now();
    loop {
        let found = ask().await;
        if found == *expect {
            return;
        }
        assert!(started.elapsed() < DEADLINE, "still {found:?}, not {expect:?}");
        time::sleep(Duration::from_millis(20)).await; // paced: between two looks at a real server
    }
}
