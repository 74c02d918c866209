//! This machine, as a place where programs run.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use runbook_action::{
    Call, Command, Endpoint, ErrorKind, Failure, Forward, Handle, Opening, Process, Settled, Transport,
    TransportKind, async_trait,
};
use runbook_remote::Sent;

use crate::carried;
use crate::environment::search_path;
use crate::start::Start;
use crate::sudo::Sudo;
use crate::{Environment, program};

/// This machine, as a place where programs run.
#[derive(Clone)]
pub struct Local {
    environment: Environment,
}

impl Local {
    /// Programs will find this environment.
    #[must_use]
    pub const fn new(environment: Environment) -> Self {
        Self { environment }
    }

    /// Where a program starts.
    fn directory(&self, command: &Command) -> Result<PathBuf, Failure> {
        let Some(cwd) = &command.cwd else {
            return Ok(self.environment.root.clone());
        };
        let directory = self.environment.root.join(cwd);
        if directory.is_dir() {
            return Ok(directory);
        }
        let what = if directory.exists() {
            "is not a directory"
        } else {
            "does not exist"
        };
        Err(Failure::new(ErrorKind::NotFound, format!("the working directory {what}")).about("cwd"))
    }

    /// A program as another user: `sudo` starts a shell as that user, which is told the rest.
    async fn spawn_as(&self, user: &str, command: &Command) -> Result<Box<dyn Process>, Failure> {
        let directory = self.directory(command)?;
        let path = search_path(&self.environment.vars.iter().cloned().collect());
        let program = program::resolve("sudo", &path, &directory)
            .map_err(|failure| failure.about("user").help("install `sudo`, or leave `user` out"))?;
        let sudo = Sudo {
            program,
            environment: self.environment.clone(),
            user: user.to_owned(),
        };
        let told = Command {
            cwd: Some(directory.to_string_lossy().into_owned()),
            user: None,
            ..command.clone()
        };
        let sent = if told.tty {
            Sent::start_in_terminal(Box::new(sudo.in_terminal()?), &told, Arc::new(sudo)).await?
        } else {
            carried::start(sudo.command(), &told, Arc::new(sudo)).await?
        };
        Ok(Box::new(sent))
    }
}

/// Variables may be secret.
impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Local {
    fn place(&self) -> String {
        "this machine".to_owned()
    }

    async fn spawn(&self, command: &Command) -> Result<Box<dyn Process>, Failure> {
        if let Some(user) = &command.user {
            return self.spawn_as(user, command).await;
        }
        let vars = self.environment.for_program(command)?;
        let directory = self.directory(command)?;
        let Some(name) = command.argv.first() else {
            return Err(Failure::new(ErrorKind::Other, "names no program"));
        };
        let file = program::resolve(name, &search_path(&vars), &directory)
            .map_err(|failure| failure.about("argv"))?;
        let start = Start {
            command,
            file,
            vars,
            directory: &directory,
        };
        Ok(Box::new(start.now()?))
    }

    async fn forward(&self, to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        Ok(Box::new(Open(to.clone())))
    }

    async fn finds(&self, name: &str) -> Result<bool, Failure> {
        let vars = self.environment.vars.iter().cloned().collect();
        Ok(program::is_in(name, &search_path(&vars)))
    }

    async fn settle(&self, call: Call<'_>, handles: &[Handle]) -> Result<Settled, Failure> {
        crate::settle::settle(call, handles).await
    }
}

/// What is reached from this machine is reached from here.
#[derive(Debug)]
struct Open(Endpoint);

impl Forward for Open {
    fn local(&self) -> &Endpoint {
        &self.0
    }
}

#[async_trait]
impl TransportKind for Local {
    fn serves(&self) -> &'static [&'static str] {
        &["local"]
    }

    async fn open(&self, _opening: Opening<'_>) -> Result<Arc<dyn Transport>, Failure> {
        Ok(Arc::new(self.clone()))
    }
}
