//! Places where programs run: this machine, another one, a container, a pod.
//!
//! A [`Transport`] is such a place. It runs a [`Command`] there and gives the [`Process`], and it makes what is
//! reached from there reachable from here, as a [`Forward`]. A [`TransportKind`] makes transports of connections:
//! each crate that knows a kind of place registers one, and the engine opens the place of an action's connection,
//! once a run, and hands it over in [`Call::transport`].
//!
//! An action that runs programs has one path for all places. What differs is behind these traits: how arguments and
//! variables get there without becoming code, how output comes back, how all that was started is ended.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use indexmap::IndexMap;

use crate::{Call, Connection, ErrorKind, Failure, Handle, Settled, Stream};

/// The kinds of connections that are places where programs run.
pub const PLACES: &[&str] = &["local", "ssh", "container", "pod", "deployment"];

/// A place where programs run.
///
/// Futures of a transport may be dropped at any time: what they have begun is then ended. Its failures are of the
/// kind that the place gave reason for: `unreachable`, `refused`, `auth`, `missing_program`, `forbidden`. They hold
/// words of the other side as they came, so an action masks them ([`Call::mask_failure`]).
#[async_trait]
pub trait Transport: Send + Sync + fmt::Debug {
    /// What it is, for people: “`ops@db`”, “container `web`”.
    fn place(&self) -> String;

    /// Starts a program. It returns when the program runs, or cannot. A failure that is about a part of the command
    /// names its field: `argv`, `cwd`, `user`.
    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure>;

    /// Makes reachable from here what is reached from there, until what is returned is dropped.
    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure>;

    /// Whether a program of this name would be found there.
    async fn finds(&self, program: &str) -> Result<bool, Failure> {
        let script = ["sh", "-c", "command -v -- \"$1\" >/dev/null", "sh", program];
        let found = self.output(&Command::new(script), 0).await?;
        Ok(found.end == End::Code(0))
    }

    /// Runs a program to its end, and keeps so many bytes of each output at most. For small questions whose
    /// answers nobody else is to see: what a step prints goes through [`Host::write`](crate::Host::write).
    async fn output(&self, command: &Command, most: usize) -> Result<Ended, Failure> {
        let mut process = self.spawn(command).await?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        while let Some(chunk) = process.next().await? {
            let kept = match chunk.stream {
                Stream::Stdout => &mut stdout,
                Stream::Stderr => &mut stderr,
            };
            let room = most.saturating_sub(kept.len()).min(chunk.bytes.len());
            kept.extend_from_slice(chunk.bytes.get(..room).unwrap_or_default());
        }
        let end = process.wait().await?;
        Ok(Ended { end, stdout, stderr })
    }

    /// Sees to it that nothing runs any more of an attempt that a crash interrupted, as
    /// [`Action::settle`](crate::Action::settle) asks of an action: what was recorded is ended, and what else
    /// carries the attempt's variables is waited for.
    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure>;

    /// Lets go of whatever it holds open. The engine calls it when the run has ended; what is still running there
    /// is ended. A transport that is dropped without this does the same as far as it can without waiting.
    async fn close(&self) {}
}

/// What is to be run. Each text is one argument, one value, one path: none of them is code for a shell.
#[derive(Clone, Default)]
pub struct Command {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// Variables to add to those that are passed on. Their values may be secret.
    pub env: IndexMap<String, String>,
    /// Which variables of the place are passed on.
    pub inherit: Inherit,
    /// The working directory; a relative one starts where programs of this place start.
    pub cwd: Option<String>,
    /// What the program reads; nothing if it is not given.
    pub stdin: Option<Vec<u8>>,
    /// Whether it finds a terminal. Then both its outputs come as [`Stream::Stdout`].
    pub tty: bool,
    /// The permissions that new files do not get.
    pub umask: Option<u32>,
    /// The user as whom it runs, without anybody being asked for a password.
    pub user: Option<String>,
}

impl Command {
    /// A program with its arguments, and nothing else.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// The same, and it reads this.
    #[must_use]
    pub fn reads(mut self, stdin: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(stdin.into());
        self
    }
}

/// Arguments and values may be secret.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Command")
            .field("program", &self.argv.first())
            .finish_non_exhaustive()
    }
}

/// Which variables of a place a program finds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Inherit {
    /// All of them.
    #[default]
    All,
    /// These, as far as they are there.
    Only(Vec<String>),
}

/// A program that was started.
///
/// Dropping it ends the program with all that it started and that stayed with it, unless the program has ended by
/// itself: what it left behind then was meant.
#[async_trait]
pub trait Process: Send + fmt::Debug {
    /// How it is found again after a crash of this program, where it can be.
    fn handle(&self) -> Option<Handle>;

    /// The next piece of what it prints, as soon as there is one. `None` when it has ended and nothing more is to be
    /// expected: what others hold its pipes for is not waited for. The future may be dropped, and nothing is lost.
    async fn next(&mut self) -> Result<Option<Chunk<'_>>, Failure>;

    /// How it ended. What it prints from now on is lost, so it is called when [`next`](Self::next) has given `None`.
    async fn wait(&mut self) -> Result<End, Failure>;

    /// Asks it and all that it started to end: SIGTERM, where there are signals.
    async fn terminate(&mut self);

    /// Ends it and all that it started: SIGKILL, where there are signals.
    async fn kill(&mut self);

    /// Returns when nothing that it started and that stayed with it runs any more. Only after it was asked to end.
    async fn gone(&mut self);
}

/// A piece of what a program prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// Of which output.
    pub stream: Stream,
    /// The bytes; never empty, and cut anywhere.
    pub bytes: &'a [u8],
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this exit code.
    Code(i32),
    /// By a signal.
    Signal {
        /// Its number, as the place counts.
        number: i32,
        /// Its name: `SIGKILL`.
        name: String,
    },
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exited with {code}"),
            Self::Signal { name, .. } => write!(f, "killed by {name}"),
        }
    }
}

/// A program that has ended, with the beginning of what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// Of its standard output.
    pub stdout: Vec<u8>,
    /// Of its standard error.
    pub stderr: Vec<u8>,
}

/// Something that takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A port of a host, as the place knows it.
    Tcp {
        /// The host's name or address.
        host: String,
        /// The port.
        port: u16,
    },
    /// A socket in the file system of the place.
    Socket(PathBuf),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A way from here to something that is reached from another place. It is open while this lives.
pub trait Forward: Send + Sync + fmt::Debug {
    /// Where to connect to, on this machine; of the same form as what was asked for.
    fn local(&self) -> &Endpoint;

    /// Why the last connection through it came to nothing, as far as that is known. From here it looks like a
    /// connection that was closed at once. It may have been applied ([`Failure::may_have_applied`]) where the place
    /// cannot tell whether this is about another connection, and what was sent through this one got there.
    fn failure(&self) -> Option<Failure> {
        None
    }
}

/// Makes transports of connections.
#[async_trait]
pub trait TransportKind: Send + Sync {
    /// The kinds of connections that it makes transports of, of those in [`PLACES`].
    fn serves(&self) -> &'static [&'static str];

    /// The place that a connection leads to. The engine calls it once a run and place, in the course of the first
    /// action that needs it.
    async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure>;
}

/// A connection that is to be opened.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Its kind.
    pub kind: &'a str,
    /// The connection.
    pub connection: &'a Connection,
    /// The connection that it goes through: that of a container names the engine, that of a pod the cluster.
    pub via: Option<&'a Connection>,
    /// The connection that `via` goes through in turn: that of a project of compose names its engine.
    pub behind: Option<&'a Connection>,
    /// The nearest place on the way: that of `via`, or of what `via` goes through. This machine if there is none.
    pub through: Option<Arc<dyn Transport>>,
}

impl Call<'_> {
    /// The failure of a transport with every secret of this call shown by its name.
    #[must_use]
    pub fn mask_failure(&self, failure: Failure) -> Failure {
        Failure {
            message: self.mask(&failure.message),
            help: failure.help.map(|help| self.mask(&help)),
            ..failure
        }
    }
}

impl<'a> Call<'a> {
    /// The place where this call is to run programs: that of its connection, or else `here`, which is this machine.
    /// It fails where the connection leads to another place and nobody has opened it.
    pub fn place<'p>(&self, here: &'p dyn Transport) -> Result<&'p dyn Transport, Failure>
    where
        'a: 'p,
    {
        if let Some(transport) = self.transport {
            return Ok(transport);
        }
        let elsewhere = self.connection.and_then(|connection| {
            let mut places = PLACES.iter().filter(|kind| **kind != "local");
            places.find(|kind| connection.params.get(kind).is_some())
        });
        match elsewhere {
            None if self.via.is_none() => Ok(here),
            Some(_) | None => Err(Failure::new(
                ErrorKind::Other,
                "this version cannot run a program through such a connection",
            )),
        }
    }
}
