//! The input and the outputs of a program in a container, as a cluster carries them.
//!
//! A cluster tells how a program ended when all that it printed has been sent. Where the connection breaks nothing is told,
//! and what has come by then is all that there is.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use futures_util::FutureExt as _;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Status;
use kube::api::AttachedProcess;
use runbook_action::{Chunk, Failure, Stream, async_trait};
use runbook_remote::Pipes;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::unconstrained;

/// How much is read at a time.
pub(crate) const PIECE: usize = 16 * 1024;

/// What a cluster tells of the end of a program: nothing yet, that it cannot tell, or how.
pub(crate) type Told = Arc<OnceLock<Option<Status>>>;

type Source = Pin<Box<dyn AsyncRead + Send>>;
type Sink = Pin<Box<dyn AsyncWrite + Send>>;
type Telling = Pin<Box<dyn Future<Output = Option<Status>> + Send>>;

/// What a program is written.
struct Input {
    to: Sink,
    bytes: Vec<u8>,
    /// Whether it is closed when all has been written.
    closes: bool,
}

/// A program in a container, which is listened to. Dropping it ends the connection.
pub(crate) struct Attached {
    inner: AttachedProcess,
    input: Option<Input>,
    stdout: Option<Source>,
    stderr: Option<Source>,
    telling: Option<Telling>,
    told: Told,
    buffer: Vec<u8>,
}

/// What happened next.
enum Step {
    Read(Stream, usize),
    Wrote(bool),
    Told(Option<Box<Status>>),
    AllIsSaid,
}

impl Attached {
    /// With an input that stays open, if the program has one.
    pub(crate) fn new(mut inner: AttachedProcess) -> Self {
        let input = inner.stdin().map(|to| Input {
            to: Box::pin(to),
            bytes: Vec::new(),
            closes: false,
        });
        let telling = inner.take_status().map(|told| Box::pin(told) as Telling);
        Self {
            input,
            stdout: inner.stdout().map(|output| Box::pin(output) as Source),
            stderr: inner.stderr().map(|output| Box::pin(output) as Source),
            telling,
            inner,
            told: Told::default(),
            buffer: vec![0; 2 * PIECE],
        }
    }

    /// The program reads this and no more.
    pub(crate) fn reads(&mut self, bytes: &[u8]) {
        self.give(bytes);
        if let Some(input) = &mut self.input {
            input.closes = true;
        }
    }

    /// How it ended, when that is known.
    pub(crate) fn told(&self) -> Told {
        Arc::clone(&self.told)
    }

    /// Nothing more is wanted of it.
    pub(crate) fn abort(&self) {
        self.inner.abort();
    }

    async fn step(&mut self) -> Step {
        let (first, second) = self.buffer.split_at_mut(PIECE);
        let has_more = self.input.as_ref().is_some_and(|input| !input.bytes.is_empty());
        let listens = self.telling.is_some();
        tokio::select! {
            biased;
            // What is there is read, however much this task has done already.
            count = unconstrained(read(&mut self.stdout, first)) => Step::Read(Stream::Stdout, count),
            count = unconstrained(read(&mut self.stderr, second)) => Step::Read(Stream::Stderr, count),
            wrote = write(&mut self.input), if has_more => Step::Wrote(wrote),
            told = tell(&mut self.telling), if listens => Step::Told(told.map(Box::new)),
            // All that was sent is here when the end is told.
            () = std::future::ready(()), if !listens => Step::AllIsSaid,
        }
    }
}

async fn read(from: &mut Option<Source>, buffer: &mut [u8]) -> usize {
    match from {
        // What cannot be read has nothing more to say.
        Some(from) => from.read(buffer).await.unwrap_or(0),
        None => std::future::pending().await,
    }
}

/// Whether something could be written.
async fn write(input: &mut Option<Input>) -> bool {
    let Some(input) = input else { return false };
    match input.to.write(&input.bytes).await {
        Ok(count) if count > 0 => {
            input.bytes.drain(..count);
            true
        }
        Ok(_) | Err(_) => false,
    }
}

async fn tell(telling: &mut Option<Telling>) -> Option<Status> {
    match telling {
        Some(telling) => telling.await,
        None => None,
    }
}

#[async_trait]
impl Pipes for Attached {
    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        let (stream, count) = loop {
            match self.step().await {
                Step::AllIsSaid => return Ok(None),
                Step::Told(status) => {
                    self.telling = None;
                    // It is told once.
                    let _set = self.told.set(status.map(|status| *status)).is_ok();
                }
                Step::Wrote(went) => {
                    let is_over = self
                        .input
                        .as_ref()
                        .is_some_and(|input| input.closes && input.bytes.is_empty());
                    // A program may end without having read all.
                    if is_over || !went {
                        self.close_input();
                    }
                }
                Step::Read(Stream::Stdout, 0) => self.stdout = None,
                Step::Read(Stream::Stderr, 0) => self.stderr = None,
                Step::Read(stream, count) => break (stream, count),
            }
        };
        let from = match stream {
            Stream::Stdout => 0,
            Stream::Stderr => PIECE,
        };
        let bytes = self.buffer.get(from..from + count).unwrap_or_default();
        Ok(Some(Chunk { stream, bytes }))
    }

    fn give(&mut self, bytes: &[u8]) {
        if let Some(input) = &mut self.input {
            input.bytes.extend_from_slice(bytes);
        }
    }

    fn close_input(&mut self) {
        if let Some(mut input) = self.input.take() {
            // This only leaves a mark for whoever carries it, and waits for nobody.
            let _closed = input.to.shutdown().now_or_never();
        }
    }
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached")
            .field("told", &self.told.get().is_some())
            .finish_non_exhaustive()
    }
}
