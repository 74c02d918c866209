//! Network namespaces, in which this process makes sockets without being there.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// One network namespace. It stays while this is kept.
#[derive(Debug, Clone)]
pub(crate) struct Space(Arc<File>);

impl Space {
    /// That of a process.
    pub(super) fn of(process: u32) -> io::Result<Self> {
        let namespace = File::open(format!("/proc/{process}/ns/net"))?;
        Ok(Self(Arc::new(namespace)))
    }

    /// Does something there. A thread goes there, since a socket stays where it was made and the thread does not.
    async fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let namespace = Arc::clone(&self.0);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("pod-network".to_owned())
            .spawn(move || {
                let kind = Some(LinkNameSpaceType::Network);
                let moved = move_into_link_name_space(namespace.as_fd(), kind).map_err(io::Error::from);
                let _gone = sender.send(moved.and_then(|()| work()));
            })?;
        receiver.await.map_err(io::Error::other)?
    }

    /// Connects to a port.
    pub(crate) async fn connect(
        &self,
        to: SocketAddr,
        patience: Duration,
    ) -> io::Result<tokio::net::TcpStream> {
        let stream = self
            .within(move || TcpStream::connect_timeout(&to, patience))
            .await?;
        stream.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(stream)
    }

    /// Listens at a port.
    pub(crate) async fn listen(&self, at: SocketAddr) -> io::Result<tokio::net::TcpListener> {
        let listener = self.within(move || TcpListener::bind(at)).await?;
        listener.set_nonblocking(true)?;
        tokio::net::TcpListener::from_std(listener)
    }

    /// Receives datagrams at a port.
    pub(crate) async fn receive(&self, at: SocketAddr) -> io::Result<tokio::net::UdpSocket> {
        let socket = self.within(move || UdpSocket::bind(at)).await?;
        socket.set_nonblocking(true)?;
        tokio::net::UdpSocket::from_std(socket)
    }
}
