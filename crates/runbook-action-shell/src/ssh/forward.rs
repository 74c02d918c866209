//! What is reached from another machine, made reachable from here.
//!
//! The client listens on a socket in its private directory, which no other user can enter, and nobody has to guess a
//! free port for it. For what talks to ports, connections to a port of this machine are passed on to that socket.

use std::fmt;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runbook_action::{Endpoint, ErrorKind, Failure, Forward};
use tokio::net::{TcpListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};

use super::master::Master;

/// Tells the sockets of one connection from each other.
static NUMBER: AtomicU64 = AtomicU64::new(0);

/// An open way.
struct Way {
    local: Endpoint,
    master: Arc<Master>,
    to: Endpoint,
    socket: PathBuf,
    relay: Option<JoinHandle<()>>,
    /// How much the client had said when this was opened: what it said before is about others.
    mark: u64,
    /// Which of its ways this is, if there was no other at that time.
    alone: Option<u64>,
}

/// Opens a way.
pub(super) async fn open(master: Arc<Master>, to: &Endpoint) -> Result<impl Forward + use<>, Failure> {
    let mark = master.mark();
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let socket = master.directory().join(format!("f{number}"));
    let forward = format!("{}:{}", socket.display(), target(to)?);
    master.control(&["-O", "forward", "-L", &forward]).await?;
    let (local, relay) = match to {
        Endpoint::Socket(_) => (Endpoint::Socket(socket.clone()), None),
        Endpoint::Tcp { .. } => {
            let no_port = |error: std::io::Error| {
                Failure::new(
                    ErrorKind::Other,
                    format!("no port of this machine is free: {error}"),
                )
            };
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
                .await
                .map_err(no_port)?;
            let port = listener.local_addr().map_err(no_port)?.port();
            let relay = tokio::spawn(relay(listener, socket.clone()));
            let host = Ipv4Addr::LOCALHOST.to_string();
            (Endpoint::Tcp { host, port }, Some(relay))
        }
    };
    let (own, is_alone) = master.opens_way();
    Ok(Way {
        local,
        master,
        to: to.clone(),
        socket,
        relay,
        mark,
        alone: is_alone.then_some(own),
    })
}

/// What the client is told to connect to; it reads colons and brackets in it.
fn target(to: &Endpoint) -> Result<String, Failure> {
    let text = to.to_string();
    let is_sound = match to {
        Endpoint::Tcp { host, .. } => {
            !host.is_empty()
                && host
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-:".contains(c))
        }
        Endpoint::Socket(path) => path.is_absolute() && !text.contains([':', '\n']),
    };
    if is_sound {
        return Ok(text);
    }
    Err(Failure::new(
        ErrorKind::Other,
        format!("`{}` cannot be forwarded", text.escape_default()),
    ))
}

async fn relay(listener: TcpListener, socket: PathBuf) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((mut near, _)) = accepted else { return };
                let socket = socket.clone();
                open.spawn(async move {
                    if let Ok(mut far) = UnixStream::connect(&socket).await {
                        // Either side may break off: then both are closed.
                        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                    }
                });
            }
            Some(_closed) = open.join_next() => {}
        }
    }
}

impl Forward for Way {
    fn local(&self) -> &Endpoint {
        &self.local
    }

    fn failure(&self) -> Option<Failure> {
        let said = self.master.said_since(self.mark);
        let line = said.lines().rev().find(|line| line.contains("open failed"))?;
        let (kind, what) = if line.contains("Connection refused") {
            (ErrorKind::Refused, "refuses connections")
        } else if line.contains("administratively prohibited") {
            (ErrorKind::Forbidden, "may not be forwarded")
        } else if line.contains("resolve") || line.contains("Name or service") {
            (ErrorKind::Dns, "has a name that cannot be resolved there")
        } else if line.contains("timed out") {
            (ErrorKind::Timeout, "gives no answer")
        } else {
            (ErrorKind::Unreachable, "cannot be reached")
        };
        let failure = Failure::new(
            kind,
            format!("`{}`, as seen from {}, {what}", self.to, self.master.place()),
        );
        // The client does not say which way it means. Where it may be another one, ours may have led somewhere.
        let is_ours = self.alone.is_some_and(|own| self.master.opened() == own + 1);
        Some(if is_ours { failure } else { failure.maybe_applied() })
    }
}

impl fmt::Debug for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Way")
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        if let Some(relay) = &self.relay {
            relay.abort();
        }
        self.master.closes_way();
        // Nobody can connect to it any more; the client forgets it with the connection.
        let _removed = std::fs::remove_file(&self.socket).is_ok();
    }
}
