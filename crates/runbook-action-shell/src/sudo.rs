//! Programs as another user of the same machine, through `sudo`, which never asks anybody.

use std::process::Stdio;

use runbook_action::{ErrorKind, Failure, Handle, async_trait};

use crate::child::Running;
use crate::sent::Carrier;
use crate::told::{BOOT, boot_in_terminal};
use crate::{Environment, process, start};

/// `sudo`, which has a shell started as a user.
#[derive(Clone)]
pub(crate) struct Sudo {
    pub(crate) program: std::path::PathBuf,
    pub(crate) environment: Environment,
    pub(crate) user: String,
}

/// The words by which `sudo` starts the shell that is told the rest.
pub(crate) fn words<'a>(user: &'a str, boot: &'a str) -> [&'a str; 8] {
    ["-n", "-H", "-u", user, "--", "/bin/sh", "-c", boot]
}

impl Sudo {
    /// The command that starts that shell.
    pub(crate) fn command(&self) -> tokio::process::Command {
        let mut command = self.bare();
        command.args(words(&self.user, BOOT));
        command
    }

    /// Starts that shell in a terminal.
    pub(crate) fn in_terminal(&self) -> Result<Running, Failure> {
        let (terminal, inner) = start::terminal()?;
        let boot = boot_in_terminal();
        let vars = self.environment.vars.iter().map(|(name, value)| (name, value));
        let command = pty_process::Command::new(&self.program)
            .args(words(&self.user, &boot))
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

/// Why `sudo` did not start anything, from what it says.
pub(crate) fn refused(user: &str, said: &str) -> Failure {
    let last = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    let reason = last.trim().trim_start_matches("sudo: ").trim_end_matches('.');
    if said.contains("password is required") || said.contains("a terminal is required") {
        return Failure::new(
            ErrorKind::Forbidden,
            format!("`sudo` would ask for a password before it runs anything as `{user}`"),
        )
        .about("user")
        .help("allow it without one: a rule with `NOPASSWD:` in `/etc/sudoers.d`");
    }
    if said.contains("unknown user") {
        return Failure::new(ErrorKind::NotFound, format!("there is no user `{user}`")).about("user");
    }
    if said.contains("sudo: not found") || said.contains("command not found") {
        return Failure::new(
            ErrorKind::MissingProgram,
            "the program `sudo` is not installed there",
        )
        .about("user");
    }
    Failure::new(
        ErrorKind::Forbidden,
        format!("`sudo` starts nothing as `{user}`: {reason}"),
    )
    .about("user")
}

#[async_trait]
impl Carrier for Sudo {
    fn lost(&self, said: &str, has_started: bool) -> Failure {
        if has_started {
            Failure::new(ErrorKind::Other, "`sudo` ended before the program did")
        } else {
            refused(&self.user, said)
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
