//! A way to a server that is not reached by its name: one whose certificate has another name, or that another place
//! reaches.
//!
//! sqlx takes the name that a certificate must have from the host to which it connects. Through a socket of this
//! machine it connects to no host, and the name is free. So such a connection is made here, or by the place that
//! reaches the server, and passed on through a socket in a directory that only we may enter, which is gone as soon as
//! both ends have met.

use std::path::Path;
use std::{fmt, io};

use runbook_action::{Endpoint, Failure, Forward, Transport};
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::task::JoinHandle;

/// Where a server really is, and how it is told to go through a socket instead.
#[derive(Debug)]
pub(crate) struct Relay<O> {
    pub(crate) at: Endpoint,
    /// Whether its certificate has another name, so that this is the way from this machine too.
    pub(crate) renamed: bool,
    /// The socket's name in its directory.
    pub(crate) name: String,
    /// The options for the socket in this directory.
    pub(crate) through: fn(&O, &Path) -> O,
}

impl<O: ConnectOptions> Relay<O>
where
    O::Connection: Connection<Options = O> + Sized,
{
    /// Connects with these options, by way of this place if there is one.
    pub(crate) async fn connect(
        &self,
        options: &O,
        place: Option<&dyn Transport>,
    ) -> sqlx::Result<O::Connection> {
        let forward = match place {
            Some(place) => Some(place.forward(&self.at).await.map_err(unreached)?),
            None => None,
        };
        let end = forward.as_ref().map_or(&self.at, |forward| forward.local());
        let server = reach(end).await?;
        let directory = TempDir::with_prefix("runbook-")?;
        let listener = UnixListener::bind(directory.path().join(&self.name))?;
        let way = forward.map(std::sync::Arc::<dyn Forward>::from);
        let kept = way.clone();
        let passing = Passing(Some(tokio::spawn(async move {
            let (mut client, _) = listener.accept().await?;
            drop(listener);
            let mut server = server;
            let passed = copy_bidirectional(&mut client, &mut server).await.map(drop);
            // It is open for as long as the connection.
            drop(kept);
            passed
        })));
        let connected = (self.through)(options, directory.path()).connect().await;
        let connection = connected.map_err(|error| {
            let why = way.as_ref().and_then(|way| way.failure());
            why.map_or(error, unreached)
        })?;
        passing.goes_on();
        Ok(connection)
    }
}

/// What connects to either.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

async fn reach(end: &Endpoint) -> io::Result<Box<dyn Wire>> {
    Ok(match end {
        Endpoint::Tcp { host, port } => {
            let wire = TcpStream::connect((host.as_str(), *port)).await?;
            wire.set_nodelay(true)?;
            Box::new(wire)
        }
        Endpoint::Socket(path) => Box::new(UnixStream::connect(path).await?),
    })
}

/// Why a place does not lead to the server, as far as that place knows.
#[derive(Debug)]
pub(crate) struct Unreached(pub(crate) Failure);

impl fmt::Display for Unreached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.message.fmt(f)
    }
}

impl std::error::Error for Unreached {}

fn unreached(failure: Failure) -> sqlx::Error {
    sqlx::Error::Configuration(Box::new(Unreached(failure)))
}

/// What passes bytes on. It ends with the connection that it serves, and at once if there never was one.
struct Passing(Option<JoinHandle<io::Result<()>>>);

impl Passing {
    fn goes_on(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
