//! `pods/exec` and `pods/attach`.
//!
//! As with containerd, a program goes on when its client goes away: its input ends, unless it has a terminal, and what
//! it prints is read and forgotten. It ends with its container.

use std::sync::Arc;

use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;
use tokio::sync::mpsc;

use super::socket::{Received, Receiver, Sender, agree, open};
use super::{container, plain};
use crate::failure::Failure;
use crate::kubelet::pod::Pod;
use crate::kubelet::sandbox::{
    Container, Executed, Input, Output, Program, Refused, SharedInput, Side, code_of,
};
use crate::streams::{Asked, Body, Stream};

const PROTOCOLS: &[&str] = &["v5.channel.k8s.io", "v4.channel.k8s.io"];

const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
const RESIZE: u8 = 4;
/// Only in the fifth version: the channel that the message names is closed.
const CLOSE: u8 = 255;

/// How much is read at once.
const PIECE: usize = 32 << 10;

/// What the client asked for.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a parameter of the query")]
struct Wanted {
    input: bool,
    output: bool,
    errors: bool,
    terminal: bool,
}

impl Wanted {
    fn of(asked: &Asked) -> Result<Self, Failure> {
        let terminal = asked.flag("tty");
        let wanted = Self {
            input: asked.flag("stdin"),
            output: asked.flag("stdout"),
            errors: asked.flag("stderr"),
            terminal,
        };
        if !(wanted.input || wanted.output || wanted.errors) {
            return Err(Failure::bad_request(
                "you must specify at least 1 of stdin, stdout, stderr",
            ));
        }
        Ok(Self {
            errors: wanted.errors && !terminal,
            ..wanted
        })
    }

    /// The channel on which the server says that the connection stands.
    const fn first(self) -> u8 {
        if self.output {
            STDOUT
        } else if self.errors {
            STDERR
        } else {
            STATUS
        }
    }
}

/// Upgrades the connection, and goes on in the background.
pub(super) fn serve(pod: Option<&Arc<Pod>>, asked: Asked) -> Result<Response<Body>, Failure> {
    let wanted = Wanted::of(&asked)?;
    let member = container(pod, &asked)?;
    let (protocol, response) = agree(&asked.request, PROTOCOLS)?;
    let running = member.life().running().cloned();
    let Some(running) = running else {
        let why = format!("container not found (\"{}\")", member.spec.name);
        if protocol == "v4.channel.k8s.io" {
            return Ok(plain(500, why));
        }
        // The server itself speaks the fifth version, so it has agreed before the node refuses.
        let status = Failure::internal(&format!("unable to upgrade connection: {why}")).status();
        tokio::spawn(async move {
            if let Some((mut sender, _)) = open(asked.request).await {
                finish(&mut sender, wanted, &status).await;
            }
        });
        return Ok(response);
    };
    let command: Vec<String> = asked
        .query
        .iter()
        .filter(|(name, _)| name == "command")
        .map(|(_, value)| value.clone())
        .collect();
    tokio::spawn(async move {
        let Some((sender, receiver)) = open(asked.request).await else {
            return;
        };
        let mut session = Session {
            wanted,
            sender,
            receiver,
            input: SharedInput::default(),
        };
        match asked.stream {
            Stream::Attach => session.attach(&running).await,
            Stream::Exec | Stream::Log | Stream::PortForward => session.execute(&running, command).await,
        }
    });
    Ok(response)
}

async fn finish(sender: &mut Sender, wanted: Wanted, status: &Value) {
    sender.send(wanted.first(), b"").await;
    sender.send(STATUS, status.to_string().as_bytes()).await;
    sender.close().await;
}

/// A client and a program.
struct Session {
    wanted: Wanted,
    sender: Sender,
    receiver: Receiver,
    input: SharedInput,
}

/// What a program has printed.
type Printed = (u8, Vec<u8>);

impl Session {
    async fn execute(&mut self, running: &Container, command: Vec<String>) {
        let program = Program {
            arguments: command.clone(),
            has_terminal: self.wanted.terminal,
            has_input: self.wanted.input,
        };
        let executed = match running.execute(&program) {
            Ok(executed) => executed,
            Err(refused) => {
                let why = match refused {
                    Refused::Program(why) => format!(
                        "OCI runtime exec failed: exec failed: unable to start container process: {why}: unknown"
                    ),
                    Refused::Machine(error) => error.to_string(),
                };
                let id = crate::kubelet::member::digest(&command.join(" "));
                let why = format!(
                    "error executing command in container: failed to exec in container: failed to start exec {id:?}: {why}"
                );
                return finish(&mut self.sender, self.wanted, &Failure::internal(&why).status()).await;
            }
        };
        let Executed {
            mut child,
            input,
            output,
            errors,
        } = executed;
        *self.input.lock().await = input;
        self.sender.send(self.wanted.first(), b"").await;
        let (printed, receiver) = mpsc::channel(16);
        for (channel, stream) in [(STDOUT, output), (STDERR, errors)] {
            if let Some(stream) = stream {
                tokio::spawn(read(channel, stream, printed.clone()));
            }
        }
        drop(printed);
        let is_there = self.carry(receiver).await;
        if !is_there && self.wanted.terminal {
            // The terminal stays open as long as the program does.
            let input = Arc::clone(&self.input);
            tokio::spawn(async move {
                let _ended = child.wait().await;
                input.lock().await.take();
            });
            return;
        }
        if !is_there {
            self.input.lock().await.take();
            tokio::spawn(async move { child.wait().await });
            return;
        }
        let status = child.wait().await.map_or(255, code_of);
        let told = outcome(status, &command);
        self.sender.send(STATUS, told.to_string().as_bytes()).await;
        self.sender.close().await;
    }

    async fn attach(&mut self, running: &Container) {
        if self.wanted.input {
            self.input = Arc::clone(&running.input);
        }
        self.sender.send(self.wanted.first(), b"").await;
        let (printed, receiver) = mpsc::channel(16);
        let mut live = running.output.subscribe();
        let ended = running.log.follow();
        tokio::spawn(async move {
            let mut ended = ended;
            loop {
                let piece = tokio::select! {
                    biased;
                    piece = live.recv() => piece,
                    _ = ended.wait_for(|state| state.1) => return,
                };
                let Ok((side, bytes)) = piece else { return };
                let channel = if side == Side::Out { STDOUT } else { STDERR };
                if printed.send((channel, bytes)).await.is_err() {
                    return;
                }
            }
        });
        if self.carry(receiver).await {
            let code = running.ended().await.code;
            let told = outcome(code, &running.program().arguments);
            self.sender.send(STATUS, told.to_string().as_bytes()).await;
            self.sender.close().await;
        }
    }

    /// Carries bytes both ways until the program's streams end; answers whether the client is still there.
    async fn carry(&mut self, mut printed: mpsc::Receiver<Printed>) -> bool {
        loop {
            tokio::select! {
                piece = printed.recv() => {
                    let Some((channel, bytes)) = piece else { return true };
                    let is_wanted = if channel == STDOUT { self.wanted.output } else { self.wanted.errors };
                    if is_wanted && !self.sender.send(channel, &bytes).await {
                        forget(printed);
                        return false;
                    }
                }
                received = self.receiver.next() => match received {
                    Some(Received::Data(channel, bytes)) => self.hear(channel, &bytes).await,
                    Some(Received::Ping(bytes)) => self.sender.pong(bytes).await,
                    None => {
                        forget(printed);
                        return false;
                    }
                },
            }
        }
    }

    async fn hear(&self, channel: u8, bytes: &Bytes) {
        let mut input = self.input.lock().await;
        match channel {
            STDIN if self.wanted.input => {
                if let Some(open) = input.as_mut()
                    && open.write(bytes).await.is_err()
                {
                    input.take();
                }
            }
            RESIZE => {
                let size: Value = serde_json::from_slice(bytes).unwrap_or_default();
                let length = |name: &str| size[name].as_u64().and_then(|length| u16::try_from(length).ok());
                if let (Some(input), Some(width), Some(height)) =
                    (input.as_ref(), length("Width"), length("Height"))
                {
                    Input::resize(input, width, height);
                }
            }
            CLOSE if bytes.first() == Some(&STDIN) && !self.wanted.terminal => drop(input.take()),
            _ => {}
        }
    }
}

/// Reads on, so that the program is not held up.
fn forget(mut printed: mpsc::Receiver<Printed>) {
    tokio::spawn(async move { while printed.recv().await.is_some() {} });
}

async fn read(channel: u8, mut stream: Output, printed: mpsc::Sender<Printed>) {
    let mut buffer = vec![0; PIECE];
    // A terminal whose last program has ended is an error to read.
    while let Ok(count) = stream.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        if printed.send((channel, bytes.to_vec())).await.is_err() {
            return;
        }
    }
}

/// The outcome as the last message says it.
fn outcome(code: i32, command: &[String]) -> Value {
    if code == 0 {
        return json!({"metadata": {}, "status": "Success"});
    }
    let why = format!(
        "error executing command [{}], exit code {code}",
        command.join(" ")
    );
    json!({
        "metadata": {}, "status": "Failure", "reason": "NonZeroExitCode",
        "message": format!("command terminated with non-zero exit code: {why}"),
        "details": {"causes": [{"reason": "ExitCode", "message": code.to_string()}]},
    })
}
