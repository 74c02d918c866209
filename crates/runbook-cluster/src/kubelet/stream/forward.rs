//! `pods/portforward`: two channels for each port, one for bytes and one for what goes wrong.

use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;

use super::socket::{Received, agree, open};
use crate::failure::Failure;
use crate::kubelet::pod::Pod;
use crate::kubelet::sandbox::Network;
use crate::object::Fields as _;
use crate::streams::{Asked, Body};

const PROTOCOLS: &[&str] = &["v4.channel.k8s.io", "portforward.k8s.io"];

const PIECE: usize = 32 << 10;
/// How long a server in the pod may take to accept a connection.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happens on the way out: bytes on a channel, or the end of a port.
enum Told {
    Bytes(u8, Vec<u8>),
    End,
}

/// Upgrades the connection, and goes on in the background.
pub(super) fn serve(pod: Option<&Arc<Pod>>, asked: Asked) -> Result<Response<Body>, Failure> {
    let mut ports = Vec::new();
    for (_, value) in asked.query.iter().filter(|(name, _)| name == "ports") {
        for port in value.split(',') {
            let number = port.parse::<u16>().ok().filter(|number| *number > 0);
            ports.push(
                number.ok_or_else(|| Failure::bad_request(format!("unable to parse {port:?} as a port")))?,
            );
        }
    }
    if ports.is_empty() {
        return Err(Failure::bad_request("query parameter \"ports\" is required"));
    }
    let phase = asked.pod.text("/status/phase");
    let network = pod.and_then(|pod| pod.network()).filter(|_| phase == "Running");
    let Some(network) = network else {
        let why = format!("unable to forward port because pod is not running. Current status={phase}");
        return Err(Failure::bad_request(why));
    };
    let (_, response) = agree(&asked.request, PROTOCOLS)?;
    tokio::spawn(async move {
        let Some((mut sender, mut receiver)) = open(asked.request).await else {
            return;
        };
        let (told, mut telling) = mpsc::channel(16);
        let mut inputs = Vec::new();
        for (at, port) in ports.into_iter().enumerate() {
            let channel = u8::try_from(at * 2).unwrap_or(u8::MAX - 1);
            for channel in [channel, channel + 1] {
                sender.send(channel, &port.to_le_bytes()).await;
            }
            let (input, bytes) = mpsc::channel(16);
            inputs.push(input);
            tokio::spawn(forward(
                Arc::clone(&network),
                (channel, port),
                bytes,
                told.clone(),
            ));
        }
        drop(told);
        let mut open = inputs.len();
        while open > 0 {
            tokio::select! {
                told = telling.recv() => match told {
                    Some(Told::Bytes(channel, bytes)) => {
                        if !sender.send(channel, &bytes).await {
                            return;
                        }
                    }
                    Some(Told::End) | None => open -= 1,
                },
                heard = receiver.next() => match heard {
                    Some(Received::Data(channel, bytes)) => {
                        if let Some(input) = inputs.get(usize::from(channel / 2)).filter(|_| channel % 2 == 0) {
                            // A port that is closed takes nothing any more.
                            let _closed = input.send(bytes).await;
                        }
                    }
                    Some(Received::Ping(bytes)) => sender.pong(bytes).await,
                    None => return,
                },
            }
        }
        sender.close().await;
    });
    Ok(response)
}

/// One port: connects, and carries bytes until one side ends.
async fn forward(
    network: Arc<Network>,
    (channel, port): (u8, u16),
    input: mpsc::Receiver<hyper::body::Bytes>,
    told: mpsc::Sender<Told>,
) {
    let connected = match network.connect("127.0.0.1", port, PATIENCE).await {
        Ok(stream) => Ok(stream),
        Err(_) => network.connect("::1", port, PATIENCE).await,
    };
    if let Ok(stream) = connected {
        let (mut reader, writer) = stream.into_split();
        let writing = tokio::spawn(write(writer, input));
        let mut buffer = vec![0; PIECE];
        while let Ok(count) = reader.read(&mut buffer).await {
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if told.send(Told::Bytes(channel, bytes.to_vec())).await.is_err() {
                break;
            }
        }
        writing.abort();
    } else {
        let why = format!(
            "error forwarding port {port} to pod, uid : failed to execute portforward in network namespace: failed to \
                 connect to localhost:{port} inside namespace, IPv4: dial tcp4 127.0.0.1:{port}: connect: connection \
                 refused IPv6 dial tcp6: address localhost: no suitable address"
        );
        let _gone = told.send(Told::Bytes(channel + 1, why.into_bytes())).await;
    }
    let _gone = told.send(Told::End).await;
}

async fn write(mut writer: OwnedWriteHalf, mut input: mpsc::Receiver<hyper::body::Bytes>) {
    while let Some(bytes) = input.recv().await {
        if writer.write_all(&bytes).await.is_err() {
            return;
        }
    }
}
