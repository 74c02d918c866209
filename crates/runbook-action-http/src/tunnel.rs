//! The way to servers that another place reaches.
//!
//! The client takes the host, its name in the handshake and the certificate from the URL, and makes the connection
//! itself only where it is not given a socket: through one, all of that stays as it is, whatever the port, and no
//! resolver of this machine is asked. So a [`Tunnel`] is a socket in a directory that only this user can enter, from
//! which what comes is passed on to the [`Forward`] of the place. It also sees whether anything came back, which tells
//! a server that broke off from one that was never reached.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::Url;
use runbook_action::{Endpoint, ErrorKind, Failure, Forward, Transport};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, sleep};

use crate::connection::Server;
use crate::target;

/// A place may tell why a connection came to nothing a moment after that is noticed here.
const TELLS: Duration = Duration::from_millis(500);
const POLL: Duration = Duration::from_millis(10);

/// The ways that a request and its redirects take, open until this is dropped.
#[derive(Default)]
pub(crate) struct Tunnels(Vec<(Endpoint, Tunnel)>);

impl Tunnels {
    /// The way to this URL: to its proxy, if it has one.
    pub(crate) async fn to(
        &mut self,
        place: &dyn Transport,
        url: &Url,
        server: &Server,
    ) -> Result<&Tunnel, Failure> {
        let (to, is_proxy) = match server.proxy_for(url) {
            Some(proxy) => (proxy.endpoint()?, true),
            None => (target::endpoint(url), false),
        };
        let known = self.0.iter().position(|(known, _)| *known == to);
        let index = if let Some(index) = known {
            index
        } else {
            let tunnel = Tunnel::open(place, &to, is_proxy).await?;
            self.0.push((to, tunnel));
            self.0.len() - 1
        };
        self.0
            .get(index)
            .map(|(_, tunnel)| tunnel)
            .ok_or_else(|| none("it was not kept"))
    }
}

/// A way to one server.
pub(crate) struct Tunnel {
    forward: Arc<dyn Forward>,
    local: SocketAddr,
    socket: PathBuf,
    seen: Arc<Seen>,
    passing: JoinHandle<()>,
    /// Holds the socket.
    _directory: TempDir,
}

/// How far connections have come.
#[derive(Default)]
struct Seen {
    /// The place took one.
    connected: AtomicBool,
    /// Something came back.
    answered: AtomicBool,
}

impl Tunnel {
    async fn open(place: &dyn Transport, to: &Endpoint, is_proxy: bool) -> Result<Self, Failure> {
        let forward: Arc<dyn Forward> = Arc::from(place.forward(to).await?);
        let local = match forward.local() {
            Endpoint::Tcp { host, port } => {
                SocketAddr::new(host.parse().unwrap_or_else(|_| Ipv4Addr::LOCALHOST.into()), *port)
            }
            Endpoint::Socket(_) => return Err(none("the place gave a socket for a port")),
        };
        let directory = TempDir::with_prefix("runbook-").map_err(|error| none(&error.to_string()))?;
        let socket = directory.path().join("http");
        let listener = UnixListener::bind(&socket).map_err(|error| none(&error.to_string()))?;
        let seen = Arc::new(Seen::default());
        // The client connects to a proxy by itself, which nobody sees here.
        seen.connected.store(is_proxy, Ordering::Release);
        let passing = tokio::spawn(serve(listener, local, Arc::clone(&seen)));
        Ok(Self {
            forward,
            local,
            socket,
            seen,
            passing,
            _directory: directory,
        })
    }

    /// The port of this machine that leads there.
    pub(crate) const fn local(&self) -> SocketAddr {
        self.local
    }

    /// The socket that leads there.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// Whether anything that was sent may have left this machine.
    pub(crate) fn was_connected(&self) -> bool {
        self.seen.connected.load(Ordering::Acquire)
    }

    /// Why nothing came back, as far as the place can tell.
    pub(crate) async fn failure(&self) -> Option<Failure> {
        let begin = Instant::now();
        loop {
            if self.seen.answered.load(Ordering::Acquire) {
                return None;
            }
            let known = self.forward.failure();
            if known.is_some() || begin.elapsed() > TELLS {
                return known;
            }
            sleep(POLL).await;
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.passing.abort();
    }
}

fn none(why: &str) -> Failure {
    Failure::new(
        ErrorKind::Other,
        format!("no way to the server could be opened: {why}"),
    )
}

async fn serve(listener: UnixListener, to: SocketAddr, seen: Arc<Seen>) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((near, _)) = accepted else { return };
                open.spawn(pass(near, to, Arc::clone(&seen)));
            }
            Some(_closed) = open.join_next() => {}
        }
    }
}

/// Either side may break off: then both are closed.
async fn pass(mut near: UnixStream, to: SocketAddr, seen: Arc<Seen>) {
    let Ok(mut far) = TcpStream::connect(to).await else {
        return;
    };
    // Small pieces are not held back; a socket that cannot do that passes them on all the same.
    let _prompt = far.set_nodelay(true).is_ok();
    seen.connected.store(true, Ordering::Release);
    let (near_reads, near_writes) = near.split();
    let (far_reads, far_writes) = far.split();
    let there = flow(near_reads, far_writes, || {});
    let back = flow(far_reads, near_writes, || {
        seen.answered.store(true, Ordering::Release);
    });
    let _closed = tokio::try_join!(there, back).is_ok();
}

async fn flow(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    noticed: impl Fn(),
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return to.shutdown().await;
        }
        noticed();
        to.write_all(buffer.get(..count).unwrap_or_default()).await?;
    }
}
