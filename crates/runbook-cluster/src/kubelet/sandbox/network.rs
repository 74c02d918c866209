//! What the containers of a pod share: network, host name, shared memory.

use std::io;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

use super::{Error, Machine, Space};

/// Waits in between until it is joined to the router, whose address on every link is 169.254.1.1.
const HOLD: &str = r#"
B=/mnt/busybox
$B ip link set lo up && $B hostname "$2" && echo made && read -r joined &&
$B ip addr add "$1/32" dev eth0 && $B ip link set eth0 up && $B ip route add 169.254.1.1 dev eth0 &&
$B ip route add default via 169.254.1.1 dev eth0 && echo ready
exec $B cat >/dev/null
"#;

/// The namespaces of a pod. They go when it is dropped and the last container has ended.
#[derive(Debug)]
pub(crate) struct Network {
    holder: u32,
    space: Space,
    _process: Child,
    _pipe: Option<ChildStdin>,
}

impl Network {
    /// Makes them, with loopback, an address of their own, and a way to all other pods and services.
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
        let mut pipe = process.stdin.take();
        let mut joined = None;
        if let (Some(stdout), Some(id), Some(pipe)) = (process.stdout.take(), process.id(), &mut pipe) {
            let mut lines = BufReader::new(stdout).lines();
            if next(&mut lines).await == "made" {
                machine.join(machine.number(), address, id).await?;
                let _told = pipe.write_all(b"joined\n").await;
                joined = (next(&mut lines).await == "ready").then_some(id);
            }
        }
        let Some(holder) = joined else {
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
        let space = Space::of(holder).map_err(|source| Error::spawn("unshare", source))?;
        Ok(Self {
            holder,
            space,
            _process: process,
            _pipe: pipe,
        })
    }

    /// The arguments with which a program is in them.
    pub(super) fn arguments(&self) -> [String; 3] {
        ["net", "uts", "ipc"].map(|kind| format!("--{kind}=/proc/{}/ns/{kind}", self.holder))
    }

    /// Connects to a port in the pod's network.
    pub(crate) async fn connect(
        &self,
        host: &str,
        port: u16,
        within: Duration,
    ) -> io::Result<tokio::net::TcpStream> {
        let host = host.parse().map_err(io::Error::other)?;
        self.space.connect(SocketAddr::new(host, port), within).await
    }
}

/// The next line, or none.
async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.next_line().await.ok().flatten().unwrap_or_default()
}
