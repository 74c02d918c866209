//! A way to a server whose certificate has another name than the one that it is reached by.
//!
//! sqlx takes the name that a certificate must have from the host to which it connects. Through a socket of this
//! machine it connects to no host, and the name is free. So such a connection is made here, and passed on through a
//! socket in a directory that only we may enter, which is gone as soon as both ends have met.

use std::io;
use std::path::Path;

use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::task::JoinHandle;

/// Where a server really is, and how it is told to go through a socket instead.
#[derive(Debug)]
pub(crate) struct Relay<O> {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The socket's name in its directory.
    pub(crate) name: String,
    /// The options for the socket in this directory.
    pub(crate) through: fn(&O, &Path) -> O,
}

impl<O: ConnectOptions> Relay<O>
where
    O::Connection: Connection<Options = O> + Sized,
{
    /// Connects with these options.
    pub(crate) async fn connect(&self, options: &O) -> sqlx::Result<O::Connection> {
        let mut server = TcpStream::connect((self.host.as_str(), self.port)).await?;
        server.set_nodelay(true)?;
        let directory = TempDir::with_prefix("runbook-")?;
        let listener = UnixListener::bind(directory.path().join(&self.name))?;
        let passing = Passing(Some(tokio::spawn(async move {
            let (mut client, _) = listener.accept().await?;
            drop(listener);
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        })));
        let connection = (self.through)(options, directory.path()).connect().await?;
        passing.goes_on();
        Ok(connection)
    }
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
