//! A server that speaks HTTP over TLS, with whatever certificate it is given, and that tells what it was asked.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{NoClientAuth, WebPkiClientVerifier};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;

use crate::authority::Signed;

/// A server that answers what it was asked, as JSON: `method`, `uri`, `headers`, the name `server_name` that it was
/// called in the handshake, and whether the client showed a certificate, as `known`. To `/to?URL` it answers with a
/// redirect there. It stops when it is dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Listens on a free port of 127.0.0.1. With `clients`, the certificate of an authority in PEM form, only who
    /// shows a certificate of that authority gets an answer.
    ///
    /// # Panics
    ///
    /// When it does not start.
    pub async fn start(shown: &Signed, clients: Option<&str>) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(shown, clients)));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let kept = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(acceptor.clone(), stream, Arc::clone(&kept)));
            }
        });
        Self { address, seen, task }
    }

    /// The port that it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its URL, under this name or address.
    #[must_use]
    pub fn url(&self, host: &str) -> String {
        format!("https://{host}:{}", self.port())
    }

    /// What it was asked, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn config(shown: &Signed, clients: Option<&str>) -> ServerConfig {
    let provider = Arc::new(ring::default_provider());
    let verifier = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("a certificate");
            roots.add(authority).expect("an authority");
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
                .build()
                .expect("clients can be told apart")
        }
        None => Arc::new(NoClientAuth),
    };
    let cert = CertificateDer::from_pem_slice(shown.cert.as_bytes()).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(shown.key.as_bytes()).expect("a key");
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are versions")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![cert], key)
        .expect("certificate and key belong together")
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, seen: Arc<Mutex<Vec<Value>>>) {
    match acceptor.accept(stream).into_fallible().await {
        Ok(stream) => answer(stream, &seen).await,
        // The alert was sent. What else comes is read, since to close now could make the client lose it.
        Err((_refused, mut stream)) => drain(&mut stream).await,
    }
}

async fn drain(stream: &mut TcpStream) {
    let _said = stream.shutdown().await.is_ok();
    let mut buffer = [0; 1024];
    while matches!(stream.read(&mut buffer).await, Ok(count) if count > 0) {}
}

async fn answer(mut stream: TlsStream<TcpStream>, seen: &Mutex<Vec<Value>>) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    let told = told(&String::from_utf8_lossy(&head), &stream);
    let uri = told["uri"].as_str().unwrap_or_default();
    let (status, location) = match uri.strip_prefix("/to?") {
        Some(location) => ("302 Found", format!("location: {location}\r\n")),
        None => ("200 OK", String::new()),
    };
    let body = told.to_string();
    let length = body.len();
    let answer =
        format!("HTTP/1.1 {status}\r\n{location}connection: close\r\ncontent-length: {length}\r\n\r\n{body}");
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(told);
    // The client may have gone.
    let _sent = stream.write_all(answer.as_bytes()).await.is_ok();
    let _closed = stream.shutdown().await.is_ok();
}

fn told(head: &str, stream: &TlsStream<TcpStream>) -> Value {
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, uri) = (words.next(), words.next());
    let headers: Map<String, Value> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), json!(value)))
        .collect();
    let (_, connection) = stream.get_ref();
    json!({
        "method": method,
        "uri": uri,
        "headers": headers,
        "server_name": connection.server_name(),
        "known": connection.peer_certificates().is_some(),
    })
}
