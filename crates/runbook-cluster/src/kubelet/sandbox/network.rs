//! What the containers of a pod share: network, host name, shared memory.

use std::fs::File;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin};

use super::{Error, Machine};

const HOLD: &str = r#"
/mnt/busybox ip link set lo up && /mnt/busybox ip addr add "$1/32" dev lo && /mnt/busybox hostname "$2" && echo ready
exec /mnt/busybox cat >/dev/null
"#;

/// The namespaces of a pod. They go when it is dropped and the last container has ended.
#[derive(Debug)]
pub(crate) struct Network {
    holder: u32,
    _process: Child,
    _pipe: Option<ChildStdin>,
}

impl Network {
    /// Makes them, with loopback up and an address of their own.
    pub(crate) async fn start(machine: &Machine, address: &str, host: &str) -> Result<Self, Error> {
        let mut command = machine.enter();
        command.arg("--").arg(&machine.programs.unshare);
        command.args([
            "--net",
            "--uts",
            "--ipc",
            "--",
            "/mnt/busybox",
            "sh",
            "-c",
            HOLD,
            "sh",
            address,
            host,
        ]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|source| Error::spawn("unshare", source))?;
        let pipe = process.stdin.take();
        let mut line = String::new();
        if let Some(stdout) = process.stdout.take() {
            let _read = BufReader::new(stdout).read_line(&mut line).await;
        }
        let holder = process.id().filter(|_| line == "ready\n");
        let Some(holder) = holder else {
            drop(pipe);
            let mut output = String::new();
            if let Some(mut stderr) = process.stderr.take() {
                let _read = stderr.read_to_string(&mut output).await;
            }
            return Err(Error::SetUp {
                what: "the network of a pod",
                output,
            });
        };
        Ok(Self {
            holder,
            _process: process,
            _pipe: pipe,
        })
    }

    /// The arguments with which a program is in them.
    pub(super) fn arguments(&self) -> [String; 3] {
        ["net", "uts", "ipc"].map(|kind| format!("--{kind}=/proc/{}/ns/{kind}", self.holder))
    }

    /// Connects to a port in the pod's network. A thread goes there, since a socket stays where it was made.
    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        within: Duration,
    ) -> io::Result<tokio::net::TcpStream> {
        let namespace = format!("/proc/{}/ns/net", self.holder);
        let host = host.parse().map_err(io::Error::other)?;
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("pod-connect".to_owned())
            .spawn(move || {
                let connected = File::open(namespace).and_then(|namespace| {
                    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
                    TcpStream::connect_timeout(&SocketAddr::new(host, port), within)
                });
                let _gone = sender.send(connected);
            })?;
        let stream = receiver.await.map_err(io::Error::other)??;
        stream.set_nonblocking(true)?;
        tokio::net::TcpStream::from_std(stream)
    }
}
