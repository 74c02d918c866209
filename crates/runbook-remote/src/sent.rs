//! A program that a carrier (`ssh`, `sudo`, a cluster) has a shell start at its other end, as [`told`](crate::told) describes.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use runbook_action::{Chunk, Command, End, ErrorKind, Failure, Handle, Process, Stream, async_trait};

use crate::end::signal_of;
use crate::told::{Heard, Listener, READY, Said, find, message};
use tokio::time::{sleep, timeout};

/// The signals that a shell can report as an exit code.
const SIGNALS: std::ops::RangeInclusive<i32> = 1..=31;

/// How often is looked whether anything of a group is left at the other end.
const POLL: Duration = Duration::from_millis(200);

/// The end of the input, as a terminal is told.
const END_OF_INPUT: u8 = 4;

/// How much of what a carrier says is kept, to tell why nothing was started.
const SAID: usize = 16 * 1024;

/// What brings a command to where it is run.
#[async_trait]
pub trait Carrier: Send + Sync + fmt::Debug {
    /// Why it did not get through, or was lost on the way; `said` is what it printed.
    async fn lost(&self, said: &str, has_started: bool) -> Failure;

    /// Sends a signal to the group of this number at the other end: `KILL`, or `0` to find out. Whether it got there.
    async fn signal(&self, group: u32, signal: &str) -> bool;

    /// How that group is found again after a crash.
    fn handle(&self, group: u32, started: &str, boot: &str) -> Option<Handle>;

    /// Where that is, for people.
    fn place(&self) -> String;
}

/// The input and the outputs of a shell at the other end. Dropping them is for that shell as if its input ended.
#[async_trait]
pub trait Pipes: Send + fmt::Debug {
    /// The next piece of what comes from there; nothing when no more is to be expected. The future may be dropped, and
    /// nothing is lost.
    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure>;

    /// Adds this to what the shell reads; it is written while [`next`](Self::next) is awaited.
    fn give(&mut self, bytes: &[u8]);

    /// The shell's input ends here, whatever was to be written.
    fn close_input(&mut self);
}

/// A program at the other end of a carrier.
pub struct Sent {
    inner: Box<dyn Pipes>,
    carrier: Arc<dyn Carrier>,
    listeners: [Listener; 2],
    /// Whether the program has begun, as far as each of its outputs tells.
    begins: [bool; 2],
    /// Whether the program has ended, as far as each of its outputs tells: then nothing more of it comes there.
    ends: [bool; 2],
    /// What was printed before, by whoever it was.
    noise: Vec<u8>,
    group: Option<u32>,
    handle: Option<Handle>,
    end: Option<End>,
    ready: VecDeque<(Stream, Vec<u8>)>,
    shown: Vec<u8>,
    is_over: bool,
    /// Whether it has a terminal, by which nothing but the program is reached.
    in_terminal: bool,
}

impl Sent {
    /// Tells the shell at the other end, and returns when that runs the program, or cannot.
    pub async fn start(
        mut inner: Box<dyn Pipes>,
        told: &Command,
        carrier: Arc<dyn Carrier>,
    ) -> Result<Self, Failure> {
        let mark = mark();
        inner.give(&message(told, &mark)?);
        let mut sent = Self::new(inner, &mark, carrier);
        // Why it did not begin is said on one of the outputs, and its end may be heard on the other before that.
        while (sent.group.is_none() || sent.begins != [true; 2]) && !sent.has_said_all() {
            sent.goes_on().await?;
        }
        Ok(sent)
    }

    /// The same where the shell at the other end has a terminal, and says when it can be told.
    pub async fn start_in_terminal(
        mut inner: Box<dyn Pipes>,
        told: &Command,
        carrier: Arc<dyn Carrier>,
    ) -> Result<Self, Failure> {
        let mark = mark();
        let message = message(told, &mark)?;
        let mut heard = Vec::new();
        while find(&heard, READY.as_bytes()).is_none() {
            match inner.next().await? {
                Some(chunk) if heard.len() < SAID => heard.extend_from_slice(chunk.bytes),
                Some(_) | None => return Err(carrier.lost(&String::from_utf8_lossy(&heard), false).await),
            }
        }
        inner.give(&message);
        let mut sent = Self::new(inner, &mark, carrier);
        sent.in_terminal = true;
        while (sent.group.is_none() || !sent.begins[0]) && sent.end.is_none() {
            sent.goes_on().await?;
        }
        sent.inner.give(&typed(told.stdin.as_deref().unwrap_or_default()));
        Ok(sent)
    }

    fn new(inner: Box<dyn Pipes>, mark: &str, carrier: Arc<dyn Carrier>) -> Self {
        Self {
            inner,
            carrier,
            listeners: [Listener::new(mark), Listener::new(mark)],
            begins: [false; 2],
            ends: [false; 2],
            noise: Vec::new(),
            group: None,
            handle: None,
            end: None,
            ready: VecDeque::new(),
            shown: Vec::new(),
            is_over: false,
            in_terminal: false,
        }
    }

    /// Whether all that the program printed is here. What comes on one output says nothing of the other, where much may
    /// be on its way still; a terminal has only one.
    const fn has_said_all(&self) -> bool {
        self.ends[0] && (self.ends[1] || self.in_terminal)
    }

    /// Reads a piece before the program has begun.
    async fn goes_on(&mut self) -> Result<(), Failure> {
        if self.read().await?.is_some() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&self.noise).into_owned();
        let has_begun = self.group.is_some() || self.begins != [false; 2];
        let failure = self.carrier.lost(&said, has_begun).await;
        Err(if has_begun {
            failure.maybe_applied()
        } else {
            failure
        })
    }

    /// Reads a piece, and takes what the shell says out of it. Nothing: nothing more comes.
    async fn read(&mut self) -> Result<Option<()>, Failure> {
        let Some(chunk) = self.inner.next().await? else {
            return Ok(None);
        };
        let stream = chunk.stream;
        let of = match stream {
            Stream::Stdout => 0,
            Stream::Stderr => 1,
        };
        let [stdout, stderr] = &mut self.listeners;
        let listener = if of == 0 { stdout } else { stderr };
        for heard in listener.push(chunk.bytes) {
            match heard {
                // Whom the program left behind is not listened to.
                Heard::Printed(_) if self.ends.get(of) == Some(&true) => {}
                Heard::Printed(bytes) if self.begins.get(of) == Some(&true) => {
                    self.ready.push_back((stream, bytes));
                }
                // What a login shell says on the way is none of the program's, and may tell why it never began.
                Heard::Printed(bytes) => {
                    let room = SAID.saturating_sub(self.noise.len()).min(bytes.len());
                    self.noise
                        .extend_from_slice(bytes.get(..room).unwrap_or_default());
                }
                Heard::Said(Said::Begins) => {
                    if let Some(begins) = self.begins.get_mut(of) {
                        *begins = true;
                    }
                }
                Heard::Said(Said::Runs { group, started, boot }) => {
                    self.group = Some(group);
                    self.handle = self.carrier.handle(group, &started, &boot);
                }
                Heard::Said(Said::Failed(what)) => return Err(not_started(&what)),
                Heard::Said(Said::Ended(code)) => {
                    let end = match code.checked_sub(128) {
                        Some(number) if SIGNALS.contains(&number) => signal_of(number),
                        Some(_) | None => End::Code(code),
                    };
                    if let Some(ends) = self.ends.get_mut(of) {
                        *ends = true;
                    }
                    self.end.get_or_insert(end);
                }
            }
        }
        Ok(Some(()))
    }
}

/// Why the shell did not start the program.
fn not_started(what: &str) -> Failure {
    match what {
        "directory" => {
            Failure::new(ErrorKind::NotFound, "the working directory does not exist there").about("cwd")
        }
        "program" => {
            Failure::new(ErrorKind::MissingProgram, "the program is not installed there").about("argv")
        }
        "input" => Failure::new(ErrorKind::Other, "what the program reads could not be kept there")
            .help("free some space in `/dev/shm` or `/tmp` there"),
        _ => Failure::new(
            ErrorKind::MissingProgram,
            "neither `setsid` nor `perl` is installed there",
        )
        .help("install `util-linux` there"),
    }
}

/// A word that nobody can guess.
fn mark() -> String {
    let part = || RandomState::new().hash_one(0_u8);
    format!("runbook-{:016x}{:016x}", part(), part())
}

#[async_trait]
impl Process for Sent {
    fn handle(&self) -> Option<Handle> {
        self.handle.clone()
    }

    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure> {
        while self.ready.is_empty() && !self.is_over {
            if self.has_said_all() {
                self.is_over = true;
            } else if self.read().await?.is_none() {
                self.is_over = true;
                for (listener, stream) in self.listeners.iter_mut().zip([Stream::Stdout, Stream::Stderr]) {
                    let rest = listener.rest();
                    if !rest.is_empty() {
                        self.ready.push_back((stream, rest));
                    }
                }
            }
        }
        Ok(match self.ready.pop_front() {
            Some((stream, bytes)) => {
                self.shown = bytes;
                Some(Chunk {
                    stream,
                    bytes: &self.shown,
                })
            }
            None => None,
        })
    }

    async fn wait(&mut self) -> Result<End, Failure> {
        while self.end.is_none() && self.read().await?.is_some() {}
        if let Some(end) = self.end.clone() {
            return Ok(end);
        }
        let said = String::from_utf8_lossy(&self.shown).into_owned();
        Err(self.carrier.lost(&said, true).await.maybe_applied())
    }

    async fn terminate(&mut self) {
        if !self.in_terminal {
            self.inner.close_input();
        } else if let Some(group) = self.group {
            let _sent = self.carrier.signal(group, "TERM").await;
        }
    }

    async fn kill(&mut self) {
        if !self.in_terminal {
            self.inner.close_input();
        }
        if let Some(group) = self.group
            && (self.in_terminal || self.end.is_none())
        {
            let _sent = self.carrier.signal(group, "KILL").await;
        }
    }

    async fn gone(&mut self) {
        // What it left behind in its group is ended too, and what it prints meanwhile does not hold it up.
        if let Some(group) = self.group.filter(|_| self.in_terminal) {
            let carrier = Arc::clone(&self.carrier);
            while carrier.signal(group, "0").await {
                let pause = sleep(POLL);
                if self.end.is_none() {
                    let _read = timeout(POLL, self.read()).await.is_ok();
                }
                pause.await;
            }
        }
        while self.end.is_none() {
            match self.read().await {
                Ok(Some(())) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent")
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// A text as it is typed, with the end of the input after it: alone on a line it ends the input, behind other text
/// it only hands that over.
#[must_use]
pub fn typed(text: &[u8]) -> Vec<u8> {
    let mut typed = text.to_vec();
    if text.last().is_some_and(|last| *last != b'\n') {
        typed.push(END_OF_INPUT);
    }
    typed.push(END_OF_INPUT);
    typed
}
