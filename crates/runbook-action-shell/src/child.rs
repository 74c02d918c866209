//! A program that was started from here: its input is written, its outputs are read, its end is awaited, all side by
//! side.
//!
//! The end of the program is the end of the action. A process that it left behind may hold its pipes open for
//! ever, so what is read after the end is bounded in silence, in waiting and in bytes.

use std::fmt;
use std::io;
use std::process::ExitStatus;
use std::time::Duration;

use runbook_action::{Chunk, End, ErrorKind, Failure, Handle, Process, Stream, async_trait};
use runbook_remote::signal_of;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::Child;
use tokio::time::sleep;

use crate::group::Group;
use crate::process;

/// What a pipe holds, so that one read empties it.
const BUFFER: usize = 64 * 1024;

/// After the end: so long a silence means that nothing more comes.
const SILENCE: Duration = Duration::from_millis(250);
/// After the end: so many waits at most, however often something comes.
const WAITS: u32 = 16;
/// After the end: so many bytes at most, which is more than a pipe holds.
const REST: usize = 1024 * 1024;

/// An end of a pipe or a terminal that is read.
pub(crate) type Source = Box<dyn AsyncRead + Send + Unpin>;
/// An end of a pipe or a terminal that is written.
pub(crate) type Sink = Box<dyn AsyncWrite + Send + Unpin>;

/// What a program is written, and what becomes of its input afterwards.
pub(crate) struct Input {
    pub(crate) to: Sink,
    pub(crate) bytes: Vec<u8>,
    pub(crate) written: usize,
    /// Whether it is closed when all has been written.
    pub(crate) closes: bool,
}

/// A program that was started from here.
pub(crate) struct Running {
    child: Child,
    group: Group,
    input: Option<Input>,
    stdout: Option<Source>,
    stderr: Option<Source>,
    buffer: Vec<u8>,
    end: Option<End>,
    waits: u32,
    rest: usize,
    handle: Option<Handle>,
}

/// What happened next.
enum Step {
    Read(Stream, io::Result<usize>),
    Wrote(io::Result<usize>),
    Ended(io::Result<ExitStatus>),
    Silence,
}

impl Running {
    /// A child that leads a group of its own.
    pub(crate) fn new(child: Child, input: Option<Input>, stdout: Source, stderr: Option<Source>) -> Self {
        let group = Group::led_by(child.id());
        Self {
            child,
            group,
            input: input.filter(|input| !input.bytes.is_empty() || !input.closes),
            stdout: Some(stdout),
            stderr,
            buffer: vec![0; BUFFER],
            end: None,
            waits: WAITS,
            rest: REST,
            handle: None,
        }
    }

    /// A child with pipes.
    pub(crate) fn piped(mut child: Child, input: Option<Vec<u8>>, closes: bool) -> Self {
        let input = child.stdin.take().zip(input).map(|(to, bytes)| Input {
            to: Box::new(to),
            bytes,
            written: 0,
            closes,
        });
        let stdout: Source = match child.stdout.take() {
            Some(stdout) => Box::new(stdout),
            None => Box::new(tokio::io::empty()),
        };
        let stderr = child.stderr.take().map(|stderr| Box::new(stderr) as Source);
        Self::new(child, input, stdout, stderr)
    }

    /// The same, and it is found again after a crash.
    pub(crate) fn recorded(mut self) -> Self {
        self.handle = self.child.id().and_then(process::handle);
        self
    }

    /// Adds this to what it reads.
    pub(crate) fn add_input(&mut self, bytes: &[u8]) {
        if let Some(input) = &mut self.input {
            input.bytes.drain(..input.written);
            input.written = 0;
            input.bytes.extend_from_slice(bytes);
        }
    }

    /// Its input ends here, whatever was to be written.
    pub(crate) fn end_input(&mut self) {
        self.input = None;
    }

    async fn step(&mut self) -> Step {
        let after_end = self.end.is_some();
        let silence = if self.waits > 0 { SILENCE } else { Duration::ZERO };
        let (stdout, stderr) = (&mut self.stdout, &mut self.stderr);
        let (first, second) = self.buffer.split_at_mut(BUFFER / 2);
        tokio::select! {
            biased;
            count = read(stdout, first), if stdout.is_some() => Step::Read(Stream::Stdout, count),
            count = read(stderr, second), if stderr.is_some() => Step::Read(Stream::Stderr, count),
            count = write(&mut self.input), if has_more(self.input.as_ref()) => Step::Wrote(count),
            status = self.child.wait(), if !after_end => Step::Ended(status),
            () = sleep(silence), if after_end => Step::Silence,
        }
    }
}

fn has_more(input: Option<&Input>) -> bool {
    input.is_some_and(|input| input.written < input.bytes.len())
}

async fn read(from: &mut Option<Source>, buffer: &mut [u8]) -> io::Result<usize> {
    match from {
        Some(from) => from.read(buffer).await,
        None => Ok(0),
    }
}

async fn write(input: &mut Option<Input>) -> io::Result<usize> {
    match input {
        Some(input) => {
            let rest = input.bytes.get(input.written..).unwrap_or_default();
            let count = input.to.write(rest).await?;
            input.written += count;
            if !has_more(Some(input)) {
                input.to.flush().await?;
            }
            Ok(count)
        }
        None => Ok(0),
    }
}

#[async_trait]
impl Process for Running {
    fn handle(&self) -> Option<Handle> {
        self.handle.clone()
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        let (stream, count) = loop {
            let after_end = self.end.is_some();
            if after_end && (self.rest == 0 || (self.stdout.is_none() && self.stderr.is_none())) {
                return Ok(None);
            }
            match self.step().await {
                Step::Silence => return Ok(None),
                Step::Ended(status) => {
                    let status = status.map_err(|error| {
                        Failure::new(ErrorKind::Other, format!("the program was lost: {error}"))
                            .maybe_applied()
                    })?;
                    self.end = Some(end_of(status));
                }
                Step::Wrote(count) => {
                    // A broken pipe only tells that it read enough.
                    let is_over = self.input.as_ref().is_none_or(|input| input.closes)
                        && !has_more(self.input.as_ref());
                    if count.is_err() || is_over {
                        self.input = None;
                    }
                }
                Step::Read(stream, count) => match count {
                    Ok(count) if count > 0 => {
                        if after_end {
                            self.rest = self.rest.saturating_sub(count);
                            self.waits = self.waits.saturating_sub(1);
                        }
                        break (stream, count);
                    }
                    // A pipe that cannot be read has nothing more to say.
                    Ok(_) | Err(_) => match stream {
                        Stream::Stdout => self.stdout = None,
                        Stream::Stderr => self.stderr = None,
                    },
                },
            }
        };
        let from = match stream {
            Stream::Stdout => 0,
            Stream::Stderr => BUFFER / 2,
        };
        let bytes = self.buffer.get(from..from + count).unwrap_or_default();
        Ok(Some(Chunk { stream, bytes }))
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        let end = match self.end.clone() {
            Some(end) => end,
            None => end_of(self.child.wait().await.map_err(|error| {
                Failure::new(ErrorKind::Other, format!("the program was lost: {error}")).maybe_applied()
            })?),
        };
        self.end = Some(end.clone());
        self.group.release_unless_asked();
        Ok(end)
    }

    async fn terminate(&mut self) {
        self.group.terminate();
    }

    async fn kill(&mut self) {
        self.group.kill();
    }

    async fn gone(&mut self) {
        self.group.gone().await;
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("child", &self.child.id())
            .finish_non_exhaustive()
    }
}

/// How a program ended, from what the system says.
pub(crate) fn end_of(status: ExitStatus) -> End {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Code(code),
        (None, signal) => signal_of(signal.unwrap_or_default()),
    }
}
