//! Servers to ask: one that tells what it was asked, and raw ones that answer what they are told to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A server that answers `/status/N` with that status, `/to?URL` with a redirect there, and all else with what it
/// was asked. It stops when it is dropped.
pub(crate) struct Server {
    pub(crate) base: String,
    seen: Arc<Mutex<Vec<Value>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let (listener, address) = listen().await;
        let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.unwrap();
        });
        Self {
            base: format!("http://{address}"),
            seen,
            task,
        }
    }

    /// What was asked, in order.
    pub(crate) fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State(seen): State<Arc<Mutex<Vec<Value>>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let named: serde_json::Map<String, Value> = headers
        .keys()
        .map(|name| {
            let values: Vec<_> = headers
                .get_all(name)
                .iter()
                .map(|v| v.to_str().unwrap())
                .collect();
            (name.to_string(), json!(values.join("|")))
        })
        .collect();
    let told = json!({
        "method": method.as_str(),
        "uri": uri.to_string(),
        "headers": named,
        "body": String::from_utf8_lossy(&body),
    });
    seen.lock().unwrap().push(told.clone());
    let path = uri.path();
    if let Some(status) = path.strip_prefix("/status/") {
        let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
        return (status, format!("said {}", String::from_utf8_lossy(&body))).into_response();
    }
    if let Some(status) = path.strip_prefix("/to/") {
        let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
        return (status, [("location", uri.query().unwrap().to_owned())]).into_response();
    }
    if path == "/plain" {
        return (AppendHeaders([("x-two", "1"), ("x-two", "2")]), "not {json").into_response();
    }
    if let Some(size) = path.strip_prefix("/size/") {
        return "x".repeat(size.parse().unwrap()).into_response();
    }
    axum::Json(told).into_response()
}

pub(crate) async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A server that reads a request's head, sends these bytes, and closes.
pub(crate) async fn answers(bytes: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            // The client may have gone.
            let _sent = stream.write_all(bytes).await.is_ok();
        }
    });
    format!("http://{address}")
}

/// A server that takes whatever comes first, sends these bytes, and closes.
pub(crate) async fn answers_anything(bytes: &'static [u8]) -> String {
    let (listener, address) = listen().await;
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut buffer = [0; 4096];
            // The client may have gone.
            let _read = stream.read(&mut buffer).await.is_ok();
            let _sent = stream.write_all(bytes).await.is_ok();
        }
    });
    format!("http://{address}")
}

/// A server that reads a request's head and then says nothing, for ever. Tells when it was asked.
pub(crate) async fn silent() -> (String, Arc<Mutex<usize>>) {
    let (listener, address) = listen().await;
    let asked: Arc<Mutex<usize>> = Arc::default();
    let counter = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            *counter.lock().unwrap() += 1;
            held.push(stream);
        }
    });
    (format!("http://{address}"), asked)
}

pub(crate) async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
    }
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> String {
    let (listener, address) = listen().await;
    drop(listener);
    format!("http://{address}")
}
