//! The process of a plugin, in a group of its own.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use runbook_action::{ErrorKind, Failure};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use crate::talk::Setting;

/// A running program. It and all that it started is killed when this is dropped, unless it was let go.
pub(crate) struct Program {
    child: Child,
    leader: Option<Pid>,
}

/// What is spoken through.
pub(crate) struct Pipes {
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) stderr: ChildStderr,
}

impl Program {
    /// Starts it.
    pub(crate) fn start(file: &Path, setting: &Setting<'_>) -> Result<(Self, Pipes), Failure> {
        #[expect(clippy::disallowed_methods, reason = "a plugin is a program")]
        let mut command = Command::new(file);
        command
            .env_clear()
            .envs(setting.vars.iter().map(|(name, value)| (name, value)))
            .envs(setting.added.iter().map(|(name, text)| (name, text.reveal())))
            .current_dir(setting.root)
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let shown = file.file_name().unwrap_or_default().to_string_lossy();
        let not_started = |error: std::io::Error| {
            Failure::new(
                ErrorKind::MissingProgram,
                format!("`{shown}` could not be started: {error}"),
            )
        };
        let mut child = command.spawn().map_err(not_started)?;
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Failure::new(ErrorKind::Other, "the program has no pipes"));
        };
        let pipes = Pipes {
            stdin,
            stdout,
            stderr,
        };
        Ok((Self { child, leader }, pipes))
    }

    /// Waits for its end, and kills it and its group if that does not come in time. How it ended, in words.
    pub(crate) async fn end(mut self, patience: Duration) -> String {
        let ended = timeout(patience, self.child.wait()).await;
        let Ok(Ok(status)) = ended else {
            self.kill();
            let _reaped = self.child.wait().await.is_ok();
            return "was killed, since it did not end".to_owned();
        };
        // What it left behind, it meant to.
        self.leader = None;
        match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => "was killed by a signal".to_owned(),
        }
    }

    fn kill(&self) {
        if let Some(leader) = self.leader {
            // It fails only when nobody is left to receive it.
            let _received = kill_process_group(leader, Signal::KILL).is_ok();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
