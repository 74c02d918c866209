//! Secrets from programs: what one prints, as long as it ends well, soon and without asking anything.

use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::MOST;
use crate::identity::Environment;

/// How much is kept of what a program says on its error output.
const MOST_SAID: usize = 2048;

/// How long is waited for the rest of an output when its program has ended: what it left running may hold it open.
const REST: Duration = Duration::from_secs(1);

/// A program that prints a secret. It gets no shell and no input, and runs in the project's root.
pub(super) struct Program<'a> {
    pub(super) name: &'a str,
    pub(super) args: &'a [String],
    pub(super) environment: &'a Environment,
    pub(super) root: &'a Path,
}

/// Why a program was ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Its time is over.
    TooLong,
    /// This program got a signal.
    Signal(String),
}

/// Why there is no secret.
#[derive(Debug)]
pub(super) enum Wrong {
    /// There is no such program.
    Missing,
    /// It could not be started or attended to.
    Start(std::io::Error),
    /// It was killed, and all that it had started.
    Stopped(Stopped),
    /// It ended badly. What it printed is kept to itself.
    Failed { how: String, said: String },
    /// It prints more than a secret may have.
    TooMuch,
    /// It prints nothing.
    Nothing,
}

impl Program<'_> {
    /// What it prints, unless something else is over before it has ended.
    pub(super) async fn printed(&self, over: impl Future<Output = Stopped>) -> Result<Vec<u8>, Wrong> {
        let mut child = self.command()?.spawn().map_err(Wrong::Start)?;
        let leader = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        // There is room for all from the beginning, so that no copy of a secret is left in memory.
        let (mut printed, mut said) = (Vec::with_capacity(2 * MOST), Vec::new());
        let ended = {
            let mut reading = pin!(async {
                // If it prints more, nobody reads that, and it ends.
                let output = async { drop(kept(output, MOST + 1, &mut printed).await) };
                tokio::join!(output, async {
                    // What it says further is read and forgotten, so that it can go on.
                    let rest = kept(errors, MOST_SAID, &mut said).await;
                    if let Some(mut rest) = rest {
                        drop(tokio::io::copy(&mut rest, &mut tokio::io::sink()).await);
                    }
                })
            });
            let ended = async {
                let mut is_read = false;
                let status = loop {
                    tokio::select! {
                        status = child.wait() => break status,
                        _ = &mut reading, if !is_read => is_read = true,
                    }
                };
                if !is_read {
                    drop(tokio::time::timeout(REST, reading).await);
                }
                status.map_err(Wrong::Start)
            };
            tokio::select! {
                ended = ended => ended,
                stopped = over => Err(Wrong::Stopped(stopped)),
            }
        };
        match ended {
            Ok(_) if printed.len() > MOST => Err(Wrong::TooMuch),
            Ok(status) if !status.success() => Err(Wrong::Failed {
                how: how(status),
                said: String::from_utf8_lossy(&said).into_owned(),
            }),
            Ok(_) if printed.trim_ascii().is_empty() => Err(Wrong::Nothing),
            Ok(_) => Ok(printed),
            Err(wrong) => {
                if let Some(leader) = leader {
                    // It fails only when nobody is left to receive it.
                    let _received = kill_process_group(leader, Signal::KILL).is_ok();
                }
                drop(child.wait().await);
                Err(wrong)
            }
        }
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a secret may be what a program prints; only a run that begins starts it, without a shell"
    )]
    fn command(&self) -> Result<Command, Wrong> {
        let path = self.path().ok_or(Wrong::Missing)?;
        let mut command = Command::new(path);
        command
            .args(self.args)
            .current_dir(self.root)
            .env_clear()
            .envs(self.environment.vars.iter().map(|(name, value)| (name, value)))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Ok(command)
    }

    /// Where it is: a path begins at the project's root, a name is looked for as everywhere, but not in directories
    /// that depend on where one stands.
    fn path(&self) -> Option<PathBuf> {
        let is_program = |path: &PathBuf| {
            path.metadata()
                .is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
        };
        if self.name.contains('/') {
            return Some(self.root.join(self.name)).filter(|path| path.exists());
        }
        let path = self.environment.get("PATH").unwrap_or_default();
        std::env::split_paths(path)
            .filter(|directory| directory.is_absolute())
            .map(|directory| directory.join(self.name))
            .find(is_program)
    }
}

/// Keeps so many bytes of an output, and gives it back if there is more of it.
async fn kept<T: AsyncRead + Unpin>(output: Option<T>, most: usize, kept: &mut Vec<u8>) -> Option<T> {
    let mut output = output?.take(most as u64);
    // What cannot be read any more has ended.
    drop(output.read_to_end(kept).await);
    Some(output.into_inner()).filter(|_| kept.len() >= most)
}

/// How it ended.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by the signal {signal}"),
        (None, None) => "did not end well".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use rustix::fs::{CWD, FileType, Mode};
    use tempfile::TempDir;

    use super::*;

    /// It does not wait for a time to be over: the program tells that it has begun, and that is when its time is over.
    #[tokio::test]
    async fn a_program_whose_time_is_over_is_killed_with_all_that_it_started() {
        for stopped in [Stopped::TooLong, Stopped::Signal("SIGINT".to_owned())] {
            let folder = TempDir::new().unwrap();
            let line = folder.path().join("line");
            rustix::fs::mknodat(CWD, &line, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            // Both hold the line: it is over when nobody does.
            let script = "exec 3>line; sleep 1000 & trap '' TERM INT; printf x >&3; printf secret; wait";
            let environment = Environment::snapshot();
            let args = ["-c".to_owned(), script.to_owned()];
            let program = Program {
                name: "sh",
                args: &args,
                environment: &environment,
                root: folder.path(),
            };
            let begun = tokio::task::spawn_blocking(move || {
                let mut line = File::open(line).unwrap();
                line.read_exact(&mut [0]).unwrap();
                line
            });
            let mut held = None;
            let over = async {
                held = Some(begun.await.unwrap());
                stopped
            };
            let wrong = program.printed(over).await.unwrap_err();
            assert!(matches!(wrong, Wrong::Stopped(_)), "{wrong:?}");
            let mut line = held.unwrap();
            let rest = tokio::task::spawn_blocking(move || {
                let mut rest = Vec::new();
                line.read_to_end(&mut rest).map(|_| rest)
            });
            assert_eq!(rest.await.unwrap().unwrap(), b"", "nobody holds it any more");
        }
    }
}
