//! Programs as another user of the same machine, through `sudo`, which never asks anybody.

use std::process::Stdio;

use runbook_action::{ErrorKind, Failure, Handle, async_trait};
use runbook_remote::{BOOT, Carrier, as_user, boot_in_terminal, not_as_user};

use crate::child::Running;
use crate::{Environment, process, start};

/// `sudo`, which has a shell started as a user.
#[derive(Clone)]
pub(crate) struct Sudo {
    pub(crate) program: std::path::PathBuf,
    pub(crate) environment: Environment,
    pub(crate) user: String,
}

impl Sudo {
    /// The command that starts that shell.
    pub(crate) fn command(&self) -> tokio::process::Command {
        let mut command = self.bare();
        command.args(as_user(&self.user, BOOT));
        command
    }

    /// Starts that shell in a terminal.
    pub(crate) fn in_terminal(&self) -> Result<Running, Failure> {
        let (terminal, inner) = start::terminal()?;
        let boot = boot_in_terminal();
        let vars = self.environment.vars.iter().map(|(name, value)| (name, value));
        let command = pty_process::Command::new(&self.program)
            .args(as_user(&self.user, &boot))
            .env_clear()
            .envs(vars)
            .env("LC_ALL", "C")
            .current_dir("/");
        let child = command.spawn(inner).map_err(|error| {
            Failure::new(ErrorKind::Other, format!("`sudo` could not be started: {error}"))
        })?;
        Ok(start::attached(child, terminal, Vec::new()))
    }

    #[expect(clippy::disallowed_methods, reason = "this plugin's job is to start programs")]
    fn bare(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        let vars = self.environment.vars.iter().map(|(name, value)| (name, value));
        command.env_clear().envs(vars).env("LC_ALL", "C").current_dir("/");
        command
    }
}

/// Variables may be secret.
impl std::fmt::Debug for Sudo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sudo")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Carrier for Sudo {
    async fn lost(&self, said: &str, has_started: bool) -> Failure {
        if has_started {
            Failure::new(ErrorKind::Other, "`sudo` ended before the program did")
        } else {
            not_as_user(&self.user, said)
        }
    }

    async fn signal(&self, group: u32, signal: &str) -> bool {
        let mut command = self.bare();
        let group = format!("-{group}");
        command
            .args(["-n", "-u", &self.user, "--", "kill", "-s", signal, "--", &group])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // If it is not allowed, the shell at the other end does it within its own grace.
        command.status().await.is_ok_and(|status| status.success())
    }

    fn handle(&self, group: u32, started: &str, boot: &str) -> Option<Handle> {
        process::handle_of(group, started.parse().ok()?, boot)
    }

    fn place(&self) -> String {
        format!("user `{}`", self.user)
    }
}
