//! Speaking with a plugin: one request, what it says meanwhile, and one answer.
//!
//! Four things happen side by side: lines are written, lines are read, its standard error is passed on, and the engine
//! may want it to stop. Reading waits for the engine, so a plugin that says much is slowed down. Nothing that it says
//! can be longer than a bound, and the first line that is none ends it.

use std::ffi::OsString;
use std::path::Path;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{ErrorKind, Failure, Host, Stream, Text};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout};

use crate::message::{self, LONGEST, Said};
use crate::program::{Pipes, Program};

/// How much of its standard error is kept for a failure.
const KEPT: usize = 4 * 1024;

/// How much of a line is shown.
const SHOWN: usize = 200;

/// After the end of its output: how long its standard error is still listened to.
const SILENCE: Duration = Duration::from_millis(250);

/// How often is looked whether the grace is over.
const POLL: Duration = Duration::from_millis(20);

/// What a program finds around it.
pub(crate) struct Setting<'a> {
    /// The project's root, where it runs.
    pub(crate) root: &'a Path,
    /// The environment variables.
    pub(crate) vars: &'a [(OsString, OsString)],
    /// What the step adds to them.
    pub(crate) added: &'a IndexMap<String, Text>,
}

/// What an answer must be.
enum End {
    Done(Value),
    Failed(Box<Failure>),
    /// Its output ended before it had answered.
    Silent,
}

/// Asks, and waits for the answer.
pub(crate) async fn ask(
    file: &Path,
    setting: &Setting<'_>,
    request: &Value,
    host: &dyn Host,
) -> Result<Value, Failure> {
    let (program, pipes) = Program::start(file, setting)?;
    let Pipes {
        stdin,
        stdout,
        stderr,
    } = pipes;
    let (to, lines) = unbounded_channel();
    send(&to, request);
    let kept = Mutex::new(Vec::new());
    let outcome = {
        let mut talking = pin!(talking(stdin, lines, stdout, &to, host));
        let mut passing = pin!(pass_on(stderr, &kept, host));
        let mut is_passed = false;
        let mut cancelled = pin!(host.cancelled());
        loop {
            tokio::select! {
                biased;
                outcome = &mut talking => {
                    if !is_passed {
                        // What it says last is often why.
                        let _late = timeout(SILENCE, &mut passing).await;
                    }
                    break outcome;
                }
                () = &mut passing, if !is_passed => is_passed = true,
                () = &mut cancelled => {
                    send(&to, &message::cancel(host.grace()));
                    let answer = tokio::select! {
                        answer = &mut talking => Some(answer),
                        () = out_of_grace(host) => None,
                    };
                    let failure = stopped(answer);
                    program.end(if failure.may_have_applied { Duration::ZERO } else { host.grace() }).await;
                    return Err(failure);
                }
            }
        }
    };
    match outcome {
        Ok(End::Done(value)) => {
            program.end(host.grace()).await;
            Ok(value)
        }
        Ok(End::Failed(failure)) => {
            program.end(host.grace()).await;
            Err(*failure)
        }
        Ok(End::Silent) => {
            let how = program.end(host.grace()).await;
            Err(silent(&how, &kept.lock().unwrap_or_else(PoisonError::into_inner)))
        }
        // It is killed as it goes out of scope.
        Err(failure) => Err(failure.maybe_applied()),
    }
}

/// What is told of one that was stopped. It alone knows whether it had done something.
fn stopped(answer: Option<Result<End, Failure>>) -> Failure {
    let failure = Failure::new(ErrorKind::Cancelled, "was stopped before it ended");
    match answer {
        Some(Ok(End::Failed(said))) if said.kind == ErrorKind::Cancelled => *said,
        Some(_) | None => failure.maybe_applied(),
    }
}

/// Returns when the grace is over. It is asked for again and again: it shrinks when a person asks a second time.
async fn out_of_grace(host: &dyn Host) {
    let since = Instant::now();
    while since.elapsed() < host.grace() {
        sleep(POLL).await;
    }
}

fn silent(how: &str, stderr: &[u8]) -> Failure {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let message = match last {
        Some(line) => format!(
            "the plugin {how} before it had answered: {}",
            shown(line.as_bytes())
        ),
        None => format!("the plugin {how} before it had answered"),
    };
    Failure::new(ErrorKind::Protocol, message)
        .maybe_applied()
        .with_result(serde_json::json!({ "stderr": text }))
}

fn send(to: &UnboundedSender<String>, message: &Value) {
    // The other end lives as long as the talk.
    let _sent = to.send(format!("{message}\n")).is_ok();
}

/// Writes and reads until there is an answer.
async fn talking(
    stdin: ChildStdin,
    lines: UnboundedReceiver<String>,
    stdout: ChildStdout,
    to: &UnboundedSender<String>,
    host: &dyn Host,
) -> Result<End, Failure> {
    tokio::select! {
        end = read(stdout, to, host) => end,
        never = write(stdin, lines) => match never {},
    }
}

/// Writes what is to be said, and holds the pipe open as long as somebody listens to the answer.
async fn write(mut stdin: ChildStdin, mut lines: UnboundedReceiver<String>) -> std::convert::Infallible {
    while let Some(line) = lines.recv().await {
        // One that does not read what it is told ends by itself, or is stopped.
        if stdin.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    std::future::pending().await
}

async fn read(stdout: ChildStdout, to: &UnboundedSender<String>, host: &dyn Host) -> Result<End, Failure> {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut reader).take(LONGEST as u64 + 1);
        let count = bounded.read_until(b'\n', &mut line).await;
        // A pipe that cannot be read has nothing more to say.
        if count.unwrap_or_default() == 0 {
            return Ok(End::Silent);
        }
        let text = line.strip_suffix(b"\n").unwrap_or(&line);
        if text.len() > LONGEST {
            let message = format!("the plugin said a line of more than 1 MiB: `{}`", shown(text));
            return Err(Failure::new(ErrorKind::Protocol, message));
        }
        match Said::read(text) {
            Ok(Said::Output(stream, bytes)) => host.write(stream, &bytes).await?,
            Ok(Said::Progress(text)) => {
                host.write(Stream::Stderr, format!("{}\n", text.trim_end()).as_bytes())
                    .await?;
            }
            Ok(Said::Record(handle)) => {
                host.record(handle).await?;
                send(to, &message::recorded());
            }
            Ok(Said::Done(value)) => return Ok(End::Done(value)),
            Ok(Said::Failed(failure)) => return Ok(End::Failed(failure)),
            Err(wrong) => {
                let message = format!("the plugin said a line that {wrong}: `{}`", shown(text));
                return Err(Failure::new(ErrorKind::Protocol, message)
                    .help("its standard output is for the protocol alone: let it print anything else to its standard error"));
            }
        }
    }
}

/// Passes its standard error on, and keeps the end.
async fn pass_on(mut stderr: impl AsyncRead + Unpin, kept: &Mutex<Vec<u8>>, host: &dyn Host) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count) = stderr.read(&mut buffer).await {
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else {
            return;
        };
        {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extend_from_slice(bytes);
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus);
        }
        if host.write(Stream::Stderr, bytes).await.is_err() {
            return;
        }
    }
}

/// On one line, with what is not text escaped.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut shown = String::new();
    for (count, c) in text.trim().chars().enumerate() {
        if count == SHOWN {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
