//! Another machine as a place where programs run, through the system's OpenSSH client.
//!
//! The client has the user's own configuration, and never asks anybody anything. The first program that is run
//! there opens one connection, the [`Master`](master::Master), and everything goes through it: it lives until the run
//! ends, or this program does. What a program is, it is told by its standard input, as
//! [`told`](crate::told) describes: no value is part of a command line, here or there.
//!
//! A host that is not known, or whose key has changed, is a failure, whatever the configuration says.

mod forward;
mod master;
mod reason;
mod settings;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use runbook_action::{
    Call, Command, Connection, End, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Process, Settled,
    Transport, TransportKind, async_trait,
};
use runbook_remote::{BOOT, Carrier, Sent, boot_in_terminal, identity, not_as_user, settle};

use self::master::Master;
use self::settings::Target;
use crate::Environment;
use crate::carried;
use crate::environment::search_path;
use crate::program;

/// What a handle of this module is.
const REMOTE: &str = "remote_process_group";

/// Makes places of connections of kind `ssh`.
pub struct Ssh {
    environment: Environment,
}

impl Ssh {
    /// The client will find this environment: its home, its agent.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self { environment }
    }
}

#[async_trait]
impl TransportKind for Ssh {
    fn serves(&self) -> &'static [&'static str] {
        &["ssh"]
    }

    async fn open(&self, opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure> {
        let target = Target::read(opening.connection)?;
        let path = search_path(&self.environment.vars.iter().cloned().collect());
        let client = program::resolve("ssh", &path, &self.environment.root)
            .map_err(|failure| failure.help("install the OpenSSH client"))?;
        let client = Arc::new(Client {
            program: client,
            environment: self.environment.clone(),
            target,
            through: opening.through,
        });
        Ok(Arc::new(Place {
            name: name_of(opening.connection),
            master: Arc::new(tokio::sync::Mutex::new(None)),
            finds: Mutex::new(Vec::new()),
            client,
        }))
    }
}

fn name_of(connection: &Connection) -> String {
    let address = connection.params.get("ssh").map(runbook_action::Param::masked);
    let shown = address.as_ref().and_then(|address| address.as_str());
    format!("`{}`", shown.unwrap_or(&connection.name))
}

/// The client's program, and what it is to reach.
pub(super) struct Client {
    program: std::path::PathBuf,
    environment: Environment,
    target: Target,
    through: Option<Arc<dyn Transport>>,
}

impl Client {
    /// The client with the configuration that the connection names.
    #[expect(clippy::disallowed_methods, reason = "the client is a program")]
    fn command(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        let vars = self.environment.vars.iter().map(|(name, value)| (name, value));
        command
            .env_clear()
            .envs(vars)
            .current_dir(&self.environment.root)
            .kill_on_drop(true);
        if let Some(config) = &self.target.config {
            command.arg("-F").arg(self.environment.root.join(config));
        }
        command
    }
}

/// Another machine.
struct Place {
    name: String,
    client: Arc<Client>,
    master: Arc<tokio::sync::Mutex<Option<Arc<Master>>>>,
    /// Programs that were looked for there.
    finds: Mutex<Vec<(String, bool)>>,
}

impl Place {
    /// The connection, which is opened again if it was lost.
    async fn master(&self) -> Result<Arc<Master>, Failure> {
        let mut known = self.master.lock().await;
        if let Some(master) = known.as_ref()
            && master.is_alive()
        {
            return Ok(Arc::clone(master));
        }
        *known = None;
        let opened = Arc::new(Master::open(Arc::clone(&self.client), self.name.clone()).await?);
        *known = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Starts a program through the connection that there is.
    async fn start(&self, command: &Command) -> Started {
        let opened = match self.master().await {
            Ok(master) => {
                let boot = if command.tty {
                    boot_in_terminal()
                } else {
                    BOOT.to_owned()
                };
                master::line(command.user.as_deref(), &boot).map(|line| (master, line))
            }
            Err(failure) => Err(failure),
        };
        let (master, line) = match opened {
            Ok(opened) => opened,
            Err(failure) => return Started::Failed(failure),
        };
        let told = Command {
            user: None,
            ..command.clone()
        };
        let carrier = Arc::new(Session {
            master: Arc::clone(&master),
            user: command.user.clone(),
        });
        let session = master.session(&line, command.tty);
        let sent = if command.tty {
            match carried::piped(session, &*carrier) {
                Ok(inner) => Sent::start_in_terminal(Box::new(inner), &told, carrier).await,
                Err(failure) => Err(failure),
            }
        } else {
            carried::start(session, &told, carrier).await
        };
        match sent {
            Ok(sent) => Started::Runs(Box::new(sent)),
            Err(_) if master.was_missing() => Started::NotConnected,
            Err(failure) => Started::Failed(failure),
        }
    }

    /// A missing program is answered with those that are there.
    async fn with_likeness(&self, command: &Command, failure: Failure) -> Failure {
        if failure.kind != ErrorKind::MissingProgram || failure.param.as_deref() != Some("argv") {
            return failure;
        }
        let name = command.argv.first().map_or("", String::as_str);
        let list = "IFS=:; for d in $PATH; do ls -1 -- \"$d\" 2>/dev/null; done; :";
        let mut asked = Command::new(["sh", "-c", list]);
        asked.env.clone_from(&command.env);
        let listed = match self.output(&asked, 4 * 1024 * 1024).await {
            Ok(ended) => String::from_utf8_lossy(&ended.stdout).into_owned(),
            Err(_) => String::new(),
        };
        program::not_found(
            name,
            &format!("on {}", self.name),
            listed.lines().map(str::to_owned),
        )
        .about("argv")
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ssh")
            .field("place", &self.name)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Place {
    fn place(&self) -> String {
        self.name.clone()
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        match self.start(command).await {
            // The connection had been lost, which nobody had noticed: nothing was begun.
            Started::NotConnected => match self.start(command).await {
                Started::Runs(sent) => Ok(sent),
                Started::Failed(failure) => Err(failure),
                Started::NotConnected => Err(reason::failure(&self.name, "")),
            },
            Started::Runs(sent) => Ok(sent),
            Started::Failed(failure) => Err(self.with_likeness(command, failure).await),
        }
    }

    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        let master = self.master().await?;
        Ok(Box::new(forward::open(master, to).await?))
    }

    async fn finds(&self, program: &str) -> Result<bool, Failure> {
        let known = |finds: &Vec<(String, bool)>| {
            finds
                .iter()
                .find(|(name, _)| name == program)
                .map(|(_, found)| *found)
        };
        let known = known(&self.finds.lock().unwrap_or_else(PoisonError::into_inner));
        if let Some(found) = known {
            return Ok(found);
        }
        let script = ["sh", "-c", "command -v -- \"$1\" >/dev/null", "sh", program];
        let ended = self.output(&Command::new(script), 0).await?;
        let found = ended.end == End::Code(0);
        let mut finds = self.finds.lock().unwrap_or_else(PoisonError::into_inner);
        finds.push((program.to_owned(), found));
        Ok(found)
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        let ours: Vec<&Handle> = handles.iter().filter(|handle| handle.what == REMOTE).collect();
        settle(self, call, &ours).await
    }

    async fn close(&self) {
        if let Some(master) = self.master.lock().await.take() {
            master.close().await;
        }
    }
}

/// What became of a program that was to be started.
enum Started {
    Runs(Box<dyn Process>),
    Failed(Failure),
    NotConnected,
}

/// One program's way through the connection.
#[derive(Debug)]
struct Session {
    master: Arc<Master>,
    user: Option<String>,
}

#[async_trait]
impl Carrier for Session {
    async fn lost(&self, said: &str, has_started: bool) -> Failure {
        let place = self.master.place();
        if has_started {
            return Failure::new(
                ErrorKind::Unreachable,
                format!("the connection to {place} was lost"),
            )
            .help("what ran there is ended as soon as that machine notices");
        }
        if said.contains(master::MISSING) {
            self.master.is_missing();
        }
        match &self.user {
            Some(user) if said.contains("sudo: ") => not_as_user(user, said),
            Some(_) | None => {
                let reason = self.master.said();
                reason::failure(place, if said.trim().is_empty() { &reason } else { said })
            }
        }
    }

    async fn signal(&self, group: u32, signal: &str) -> bool {
        let group = format!("-{group}");
        let mut argv = vec!["kill", "-s", signal, "--", &group];
        if let Some(user) = &self.user {
            argv.splice(0..0, ["sudo", "-n", "-u", user, "--"]);
        }
        // If the connection is lost, the shell at its other end does it within its own grace.
        let Ok(line) = master::line(None, BOOT) else {
            return false;
        };
        let carrier = Arc::new(Self {
            master: Arc::clone(&self.master),
            user: None,
        });
        match carried::start(self.master.session(&line, false), &Command::new(argv), carrier).await {
            Ok(mut sent) => matches!(sent.wait().await, Ok(End::Code(0))),
            Err(_) => false,
        }
    }

    fn handle(&self, group: u32, started: &str, boot: &str) -> Option<Handle> {
        Some(Handle {
            what: REMOTE.to_owned(),
            data: identity(group, started, boot)?,
        })
    }

    fn place(&self) -> String {
        self.master.place().to_owned()
    }
}
