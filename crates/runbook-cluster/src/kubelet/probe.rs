//! Probes: is a container up, does it live, may it serve?

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use super::link::Weight;
use super::member::Member;
use super::pod::Pod;
use super::sandbox::{Container, Executed, Log, Program, Refused, code_of};
use crate::object::Fields as _;

/// How much of an answer is shown.
const SHOWN: usize = 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Startup,
    Liveness,
    Readiness,
}

/// One probe of a container.
struct Probe {
    kind: Kind,
    value: Value,
    pod: Arc<Pod>,
    member: Arc<Member>,
    container: Arc<Container>,
}

/// Starts the probes of a container. They end when what is answered is dropped.
pub(super) fn start(pod: &Arc<Pod>, member: &Arc<Member>, container: &Arc<Container>) -> JoinSet<()> {
    let mut probes = JoinSet::new();
    for (kind, pointer) in [
        (Kind::Startup, "/startupProbe"),
        (Kind::Liveness, "/livenessProbe"),
        (Kind::Readiness, "/readinessProbe"),
    ] {
        let value = member.spec.value.at(pointer);
        if !value.is_null() {
            let probe = Probe {
                kind,
                value: value.clone(),
                pod: Arc::clone(pod),
                member: Arc::clone(member),
                container: Arc::clone(container),
            };
            probes.spawn(probe.watch());
        }
    }
    probes
}

impl Probe {
    fn number(&self, field: &str, default: u32) -> u32 {
        let number = self
            .value
            .number(field)
            .and_then(|number| u32::try_from(number).ok());
        number.filter(|number| *number > 0).unwrap_or(default)
    }

    fn seconds(&self, seconds: u32) -> Duration {
        Duration::from_secs_f64(f64::from(seconds) * self.pod.node.pace.probes)
    }

    async fn watch(self) {
        if self.kind != Kind::Startup {
            let mut changes = self.pod.node.link.changes();
            while !self.member.life().is_started {
                let _over = changes.changed().await;
            }
        }
        let delay = self
            .value
            .number("/initialDelaySeconds")
            .and_then(|seconds| u32::try_from(seconds).ok());
        tokio::time::sleep(self.seconds(delay.unwrap_or_default())).await;
        let period = self.seconds(self.number("/periodSeconds", 10));
        let wanted = (
            self.number("/successThreshold", 1),
            self.number("/failureThreshold", 3),
        );
        // Of the same outcome in a row.
        let (mut last, mut count) = (None, 0);
        loop {
            let outcome = self.look().await;
            let is_good = outcome.is_ok();
            if let Err(why) = outcome {
                let message = format!("{} probe failed: {why}", self.name());
                self.pod
                    .event_of(&self.member, Weight::Warning, "Unhealthy", message);
            }
            count = if last == Some(is_good) { count + 1 } else { 1 };
            last = Some(is_good);
            let is_enough = count >= if is_good { wanted.0 } else { wanted.1 };
            if is_enough && self.conclude(is_good) {
                return;
            }
            tokio::time::sleep(period).await;
        }
    }

    /// Acts on what was seen often enough; answers whether there is no more to look for.
    fn conclude(&self, is_good: bool) -> bool {
        match (self.kind, is_good) {
            (Kind::Readiness, _) => {
                let was = std::mem::replace(&mut self.member.life().is_ready, is_good);
                if was != is_good {
                    self.pod.publish();
                }
                false
            }
            (Kind::Startup, true) => {
                {
                    let mut life = self.member.life();
                    life.is_started = true;
                    life.is_ready = self.member.spec.value.at("/readinessProbe").is_null();
                }
                self.pod.publish();
                true
            }
            (Kind::Liveness, true) => false,
            (Kind::Startup | Kind::Liveness, false) => {
                self.member.unhealthy.notify_one();
                true
            }
        }
    }

    const fn name(&self) -> &'static str {
        match self.kind {
            Kind::Startup => "Startup",
            Kind::Liveness => "Liveness",
            Kind::Readiness => "Readiness",
        }
    }

    async fn look(&self) -> Result<(), String> {
        // A probe of one second takes that long on a busy machine, too, so this is never less than it says.
        let within = Duration::from_secs(u64::from(self.number("/timeoutSeconds", 1)));
        if !self.value.at("/exec").is_null() {
            return self.execute(within).await;
        }
        let http = self.value.at("/httpGet");
        let target = if http.is_null() {
            self.value.at("/tcpSocket")
        } else {
            http
        };
        let port = self.member.spec.port(target.at("/port"));
        let port = port.ok_or_else(|| "couldn't find the port".to_owned())?;
        let host = match target.text("/host") {
            "" => self.pod.address.as_str(),
            host => host,
        };
        let network = self.pod.network().ok_or("no network")?;
        let url = format!("http://{host}:{port}{}", http.text("/path"));
        let prefix = if http.is_null() {
            String::new()
        } else {
            format!("Get {url:?}: ")
        };
        let connected = network.connect(host, port, within).await;
        let mut stream = connected.map_err(|error| {
            let why = if error.kind() == std::io::ErrorKind::ConnectionRefused {
                "connect: connection refused".to_owned()
            } else if error.kind() == std::io::ErrorKind::TimedOut {
                "i/o timeout".to_owned()
            } else {
                error.to_string()
            };
            format!("{prefix}dial tcp {host}:{port}: {why}")
        })?;
        if http.is_null() {
            return Ok(());
        }
        let asked = tokio::time::timeout(within, ask(&mut stream, http, &format!("{host}:{port}"))).await;
        match asked {
            Ok(Ok(code)) if (200..400).contains(&code) => Ok(()),
            Ok(Ok(code)) => Err(format!("HTTP probe failed with statuscode: {code}")),
            Ok(Err(error)) => Err(format!("{prefix}{error}")),
            Err(_) => Err(format!(
                "{prefix}context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
            )),
        }
    }

    async fn execute(&self, within: Duration) -> Result<(), String> {
        let command = self.value.items("/exec/command").iter().filter_map(Value::as_str);
        let program = Program {
            arguments: command.map(str::to_owned).collect(),
            ..Program::default()
        };
        match tokio::time::timeout(within, run(&self.container, &program)).await {
            Ok(Ok((0, _))) => Ok(()),
            Ok(Ok((_, printed))) => Err(printed),
            Ok(Err(why)) => Err(why),
            Err(_) => {
                let command = program.arguments.join(" ");
                Err(format!(
                    "command timed out: {command:?} timed out after {}s",
                    within.as_secs()
                ))
            }
        }
    }
}

/// Runs a program in a container to its end: its code, and what it printed.
pub(super) async fn run(container: &Container, program: &Program) -> Result<(i32, String), String> {
    let executed = container.execute(program).map_err(|refused| match refused {
        Refused::Program(why) => {
            format!("OCI runtime exec failed: exec failed: unable to start container process: {why}: unknown")
        }
        Refused::Machine(error) => error.to_string(),
    })?;
    let Executed {
        mut child,
        output,
        errors,
        ..
    } = executed;
    let log = Log::new();
    let streams = [output, errors].into_iter().flatten();
    let collected = streams.map(|stream| log.clone().collect(stream, |_| {}));
    futures_util::future::join_all(collected).await;
    let status = child.wait().await.map_err(|error| error.to_string())?;
    Ok((code_of(status), log.tail(SHOWN)))
}

async fn ask(stream: &mut tokio::net::TcpStream, http: &Value, authority: &str) -> std::io::Result<u16> {
    let path = match http.text("/path") {
        "" => "/",
        path => path,
    };
    let mut host = authority;
    let mut rest = String::new();
    for header in http.items("/httpHeaders") {
        if header.text("/name").eq_ignore_ascii_case("host") {
            host = header.text("/value");
        } else {
            rest.extend([header.text("/name"), ": ", header.text("/value"), "\r\n"]);
        }
    }
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kube-probe/1.36\r\nAccept: */*\r\n{rest}Connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    let mut buffer = [0; 512];
    while !head.contains(&b'\n') {
        let count = stream.read(&mut buffer).await?;
        if count == 0 {
            return Err(std::io::Error::other("EOF"));
        }
        head.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
    let head = String::from_utf8_lossy(&head);
    let code = head
        .split(' ')
        .nth(1)
        .and_then(|code| code.get(..3)?.parse().ok());
    code.ok_or_else(|| std::io::Error::other("malformed HTTP response"))
}
