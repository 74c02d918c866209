//! `WebSocket` connections with the channels of Kubernetes: the first byte of a message says which one it is of.

use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::BodyExt as _;
use hyper::body::Bytes;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Message, Role};

use crate::failure::Failure;
use crate::streams::Body;

type Connection = WebSocketStream<TokioIo<hyper::upgrade::Upgraded>>;

/// Where messages to the client are written.
pub(super) struct Sender(futures_util::stream::SplitSink<Connection, Message>);

/// Where messages of the client come from.
pub(super) struct Receiver(futures_util::stream::SplitStream<Connection>);

/// The first protocol of ours that the client offers too, and the answer that agrees to it.
pub(super) fn agree<T>(
    request: &Request<T>,
    known: &'static [&'static str],
) -> Result<(&'static str, Response<Body>), Failure> {
    let header = |name| {
        request
            .headers()
            .get(name)
            .and_then(|value: &HeaderValue| value.to_str().ok())
    };
    let is_upgrade = header(UPGRADE).is_some_and(|value| value.eq_ignore_ascii_case("websocket"));
    let Some(key) = header(SEC_WEBSOCKET_KEY).filter(|_| is_upgrade) else {
        return Err(Failure::bad_request("Upgrade request required"));
    };
    let offered: Vec<&str> = header(SEC_WEBSOCKET_PROTOCOL)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .collect();
    let Some(protocol) = known.iter().copied().find(|known| offered.contains(known)) else {
        let message = format!(
            "unable to upgrade: none of the protocols is known: {}",
            offered.join(", ")
        );
        return Err(Failure::new(403, "Forbidden", message));
    };
    let mut response = Response::new(http_body_util::Empty::<Bytes>::new().boxed_unsync());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(protocol));
    if let Ok(accepted) = HeaderValue::from_str(&derive_accept_key(key.as_bytes())) {
        headers.insert(SEC_WEBSOCKET_ACCEPT, accepted);
    }
    Ok((protocol, response))
}

/// The connection after the answer.
pub(super) async fn open<T>(request: Request<T>) -> Option<(Sender, Receiver)> {
    let upgraded = hyper::upgrade::on(request).await.ok()?;
    let connection = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
    let (sink, stream) = connection.split();
    Some((Sender(sink), Receiver(stream)))
}

impl Sender {
    /// Sends a message; answers whether the client is still there.
    pub(super) async fn send(&mut self, channel: u8, bytes: &[u8]) -> bool {
        let mut message = Vec::with_capacity(bytes.len() + 1);
        message.push(channel);
        message.extend_from_slice(bytes);
        self.0.send(Message::binary(message)).await.is_ok()
    }

    /// Answers a ping.
    pub(super) async fn pong(&mut self, bytes: Bytes) {
        let _gone = self.0.send(Message::Pong(bytes)).await;
    }

    /// Says that all is well and over.
    pub(super) async fn close(&mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        let _gone = self.0.send(Message::Close(Some(frame))).await;
    }
}

/// What a client sends.
pub(super) enum Received {
    /// Bytes on a channel.
    Data(u8, Bytes),
    /// A question whether the server is there.
    Ping(Bytes),
}

impl Receiver {
    /// The next message; `None` when the client is gone.
    pub(super) async fn next(&mut self) -> Option<Received> {
        loop {
            match self.0.next().await?.ok()? {
                Message::Binary(bytes) if !bytes.is_empty() => {
                    let channel = bytes.first().copied()?;
                    return Some(Received::Data(channel, bytes.slice(1..)));
                }
                Message::Ping(bytes) => return Some(Received::Ping(bytes)),
                Message::Close(_) => return None,
                Message::Text(_) | Message::Binary(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
    }
}
