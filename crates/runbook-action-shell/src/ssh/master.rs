//! One connection to another machine, through which everything goes.
//!
//! The client that holds it runs `cat` at the other end, whose input only this program holds: when this program is
//! gone, however that came about, `cat` ends, and with it the connection and all that is run through it.

use std::fmt;
use std::fs::DirBuilder;
use std::hash::{BuildHasher as _, RandomState};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use runbook_action::{Endpoint, ErrorKind, Failure, Forward};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStdin};
use tokio::time::timeout;

use super::settings::Effective;
use super::{Client, reason};

/// How much of what the client says is kept.
const SAID: usize = 16 * 1024;
/// How much a server may print before it answers: some greet even those who do not look.
const GREETING: usize = 256 * 1024;
/// A connection that is made and gives no answer for so long is given up.
const ANSWER: Duration = Duration::from_secs(30);
/// How long the client may take to end.
const ENDS: Duration = Duration::from_secs(2);

/// What a client says that has not found the connection and tries to make one of its own: it is told that the way
/// there is a program that says this and ends.
pub(super) const MISSING: &str = "runbook-not-connected";

/// One connection to another machine.
pub(super) struct Master {
    client: Arc<Client>,
    place: String,
    directory: Directory,
    child: tokio::sync::Mutex<Child>,
    /// While this is open, the connection is.
    input: Mutex<Option<ChildStdin>>,
    said: Arc<Mutex<Said>>,
    ended: Arc<AtomicBool>,
    /// How many ways have been opened through it, and how many of them are still there.
    ways: (AtomicU64, AtomicU64),
    /// Whether a client has looked for the connection and not found it.
    missing: AtomicBool,
    /// The way to it, if it goes through another place.
    way: Option<Box<dyn Forward>>,
}

/// What is run at the other end, as one line for whatever shell the user has there: nothing in it comes from
/// outside but the user's name, which was looked at.
pub(super) fn line(user: Option<&str>, boot: &str) -> Result<String, Failure> {
    let line = format!("exec /bin/sh -c '{boot}'");
    let Some(user) = user else { return Ok(line) };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if user.starts_with('-') || user.is_empty() || !user.chars().all(is_plain) {
        return Err(Failure::new(ErrorKind::Other, "cannot be the name of a user there").about("user"));
    }
    Ok(format!("exec sudo -n -H -u {user} -- /bin/sh -c '{boot}'"))
}

impl Master {
    /// Connects, and returns when the other end answers.
    pub(super) async fn open(client: Arc<Client>, place: String) -> Result<Self, Failure> {
        let effective = effective(&client, &place).await?;
        let directory = Directory::new()?;
        let (way, options) = way(&client, &effective).await?;
        let mark = format!("{:016x}", RandomState::new().hash_one(0_u8));
        let mut command = client.command();
        command
            .args(["-T", "-o", "ControlMaster=yes", "-o", "ControlPersist=no"])
            .arg("-S")
            .arg(directory.control())
            .args(["-o", "StrictHostKeyChecking=yes", "-o", "UpdateHostKeys=no"])
            .args(["-o", "ClearAllForwardings=yes", "-o", "RemoteCommand=none"])
            .args(["-o", "ForwardAgent=no", "-o", "ForwardX11=no"])
            // Why something could not be forwarded is no error for the client, only a remark.
            .args(["-o", "LogLevel=INFO"])
            .args(ALWAYS);
        for option in effective.patience().into_iter().map(str::to_owned).chain(options) {
            command.arg("-o").arg(option);
        }
        command
            .args([
                "--",
                &client.target.host,
                &format!("echo {mark}; exec cat >/dev/null"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        let mut child = command.spawn().map_err(|error| {
            Failure::new(
                ErrorKind::MissingProgram,
                format!("`ssh` could not be started: {error}"),
            )
        })?;
        let said: Arc<Mutex<Said>> = Arc::default();
        let ended = Arc::new(AtomicBool::new(false));
        if let Some(stderr) = child.stderr.take() {
            tokio::spawn(listen(stderr, Arc::clone(&said), Arc::clone(&ended)));
        }
        let answered = match child.stdout.as_mut() {
            Some(stdout) => timeout(ANSWER, answers(stdout, mark.as_bytes())).await,
            None => Ok(false),
        };
        let input = Mutex::new(child.stdin.take());
        let master = Self {
            client,
            place,
            directory,
            child: tokio::sync::Mutex::new(child),
            input,
            said,
            ended,
            ways: <(AtomicU64, AtomicU64)>::default(),
            missing: AtomicBool::new(false),
            way,
        };
        match answered {
            Ok(true) => Ok(master),
            Ok(false) => Err(master.not_open().await),
            Err(_too_long) => {
                let what = format!("{} gave no answer in time", master.place);
                Err(Failure::new(ErrorKind::Timeout, what).help("check whether the machine is overloaded"))
            }
        }
    }

    /// Why the client has ended instead of connecting.
    async fn not_open(&self) -> Failure {
        let mut child = self.child.lock().await;
        let _ended = timeout(ENDS, child.wait()).await.is_ok();
        // All that it said comes before its standard error ends, which the listener notices.
        let heard = async {
            while !self.ended.load(Ordering::Acquire) {
                tokio::time::sleep(crate::group::POLL).await;
            }
        };
        let _heard = timeout(ENDS, heard).await.is_ok();
        if let Some(failure) = self.way.as_ref().and_then(|way| way.failure()) {
            return failure;
        }
        reason::failure(&self.place, &self.said())
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// What the client has said of late.
    pub(super) fn said(&self) -> String {
        self.said_since(0)
    }

    /// What it has said since so much was said.
    pub(super) fn said_since(&self, mark: u64) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = usize::try_from(mark.saturating_sub(said.lost)).unwrap_or(usize::MAX);
        said.text.get(gone..).unwrap_or_default().to_owned()
    }

    /// How much it has said.
    pub(super) fn mark(&self) -> u64 {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.lost + said.text.len() as u64
    }

    /// Counts a way that is opened: how many were opened before it, and whether it is the only one.
    pub(super) fn opens_way(&self) -> (u64, bool) {
        let (opened, open) = &self.ways;
        (
            opened.fetch_add(1, Ordering::AcqRel),
            open.fetch_add(1, Ordering::AcqRel) == 0,
        )
    }

    /// Counts a way that is closed.
    pub(super) fn closes_way(&self) {
        self.ways.1.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many ways have been opened.
    pub(super) fn opened(&self) -> u64 {
        self.ways.0.load(Ordering::Acquire)
    }

    pub(super) fn is_alive(&self) -> bool {
        !self.ended.load(Ordering::Acquire)
    }

    /// A client has looked for the connection in vain.
    pub(super) fn is_missing(&self) {
        self.missing.store(true, Ordering::Release);
        self.ended.store(true, Ordering::Release);
    }

    pub(super) fn was_missing(&self) -> bool {
        self.missing.load(Ordering::Acquire)
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// A client that goes through the connection, and never makes one of its own.
    fn through(&self, terminal: &str) -> tokio::process::Command {
        let mut command = self.client.command();
        command
            .args([terminal, "-o", "ControlMaster=no", "-S"])
            .arg(self.directory.control())
            .args(["-o", "RemoteCommand=none"])
            .arg("-o")
            .arg(format!("ProxyCommand=sh -c \"echo {MISSING} >&2; exit 1\""))
            .args(["-o", "ClearAllForwardings=yes"])
            .args(ALWAYS);
        command
    }

    /// A client that has this line run, in a terminal if `tty` says so.
    pub(super) fn session(&self, line: &str, tty: bool) -> tokio::process::Command {
        let mut command = self.through(if tty { "-tt" } else { "-T" });
        command.args(["--", &self.client.target.host, line]);
        command
    }

    /// Asks the client that holds the connection for something: to forward, to stop.
    pub(super) async fn control(&self, words: &[&str]) -> Result<(), Failure> {
        let mut command = self.client.command();
        command
            .arg("-S")
            .arg(self.directory.control())
            .args(ALWAYS)
            .args(words)
            .args(["--", &self.client.target.host])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let done = command.output().await.map_err(|error| {
            Failure::new(ErrorKind::Other, format!("`ssh` could not be started: {error}"))
        })?;
        if done.status.success() {
            return Ok(());
        }
        Err(reason::failure(
            &self.place,
            &String::from_utf8_lossy(&done.stderr),
        ))
    }

    /// Ends the connection, and waits for that.
    pub(super) async fn close(&self) {
        drop(self.input.lock().unwrap_or_else(PoisonError::into_inner).take());
        let mut child = self.child.lock().await;
        if timeout(ENDS, child.wait()).await.is_err() {
            let _killed = child.kill().await.is_ok();
        }
    }
}

/// Nobody is asked anything, and nothing is started here.
const ALWAYS: [&str; 6] = [
    "-o",
    "BatchMode=yes",
    "-o",
    "PermitLocalCommand=no",
    "-o",
    "LogLevel=ERROR",
];

/// What the client makes of its configuration.
async fn effective(client: &Client, place: &str) -> Result<Effective, Failure> {
    let mut command = client.command();
    command
        .args(["-G", "--", &client.target.host])
        .stdin(Stdio::null());
    let printed = command.output().await.map_err(|error| {
        Failure::new(
            ErrorKind::MissingProgram,
            format!("`ssh` could not be started: {error}"),
        )
    })?;
    if !printed.status.success() {
        return Err(reason::failure(place, &String::from_utf8_lossy(&printed.stderr)));
    }
    Ok(Effective::read(&String::from_utf8_lossy(&printed.stdout)))
}

/// The way through another place, and the options by which the client takes it and still knows the host.
async fn way(
    client: &Client,
    effective: &Effective,
) -> Result<(Option<Box<dyn Forward>>, Vec<String>), Failure> {
    let Some(through) = &client.through else {
        return Ok((None, Vec::new()));
    };
    let (host, port) = effective.address()?;
    let known_as = match (effective.get("hostkeyalias"), port) {
        (Some(alias), _) => alias.to_owned(),
        (None, 22) => host.clone(),
        (None, port) => format!("[{host}]:{port}"),
    };
    let way = through.forward(&Endpoint::Tcp { host, port }).await?;
    let Endpoint::Tcp { host, port } = way.local().clone() else {
        return Err(Failure::new(
            ErrorKind::Other,
            "the way through the other place is no port",
        ));
    };
    let options = vec![
        format!("HostName={host}"),
        format!("Port={port}"),
        format!("HostKeyAlias={known_as}"),
        "CheckHostIP=no".to_owned(),
        "ProxyCommand=none".to_owned(),
        "ProxyJump=none".to_owned(),
    ];
    Ok((Some(way), options))
}

/// Whether the other end says the mark before it ends.
async fn answers(stdout: &mut (impl AsyncRead + Unpin), mark: &[u8]) -> bool {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
    while heard.len() < GREETING {
        match stdout.read(&mut buffer).await {
            Ok(count) if count > 0 => heard.extend_from_slice(buffer.get(..count).unwrap_or_default()),
            Ok(_) | Err(_) => return false,
        }
        if heard.windows(mark.len()).any(|window| window == mark) {
            return true;
        }
    }
    false
}

/// The end of what the client says, and how much there was before it.
#[derive(Default)]
struct Said {
    text: String,
    lost: u64,
}

impl Said {
    fn hear(&mut self, more: &str) {
        self.text.push_str(more);
        if self.text.len() > SAID {
            let from = self.text.ceil_char_boundary(self.text.len() - SAID);
            self.text.drain(..from);
            self.lost += from as u64;
        }
    }
}

/// Keeps the end of what the client says, and notes when it has ended.
async fn listen(mut stderr: impl AsyncRead + Unpin, said: Arc<Mutex<Said>>, ended: Arc<AtomicBool>) {
    let mut buffer = [0; 4096];
    while let Ok(count) = stderr.read(&mut buffer).await {
        if count == 0 {
            break;
        }
        let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
        said.hear(&String::from_utf8_lossy(buffer.get(..count).unwrap_or_default()));
    }
    ended.store(true, Ordering::Release);
}

impl fmt::Debug for Master {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Master")
            .field("place", &self.place)
            .finish_non_exhaustive()
    }
}

/// A directory that only this user can enter, for the control socket. Its path is short, since that of a socket must
/// be.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self, Failure> {
        let name = format!("/tmp/runbook-ssh-{:016x}", RandomState::new().hash_one(0_u8));
        let directory = PathBuf::from(name);
        DirBuilder::new()
            .mode(0o700)
            .create(&directory)
            .map_err(|error| {
                Failure::new(
                    ErrorKind::Other,
                    format!("no private directory could be made in `/tmp`: {error}"),
                )
            })?;
        Ok(Self(directory))
    }

    fn control(&self) -> PathBuf {
        self.0.join("control")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _removed = std::fs::remove_dir_all(&self.0).is_ok();
    }
}
