//! The programs of PostgreSQL: where they are, and as whom they run.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// Where Debian keeps the programs of every major version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// Where other systems keep them.
const PLACES: [&str; 4] = [
    "/usr/bin",
    "/usr/local/bin",
    "/usr/local/pgsql/bin",
    "/opt/homebrew/bin",
];

/// The installed programs.
pub(super) struct Programs {
    directory: PathBuf,
    /// Root runs them as another user.
    root: bool,
}

impl Programs {
    /// Finds the newest version.
    pub(super) fn find() -> Result<Self, Error> {
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir(VERSIONS)
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                Some((
                    entry.file_name().to_str()?.parse().ok()?,
                    entry.path().join("bin"),
                ))
            })
            .collect();
        versions.sort_unstable();
        let directory = versions
            .into_iter()
            .rev()
            .map(|(_, directory)| directory)
            .chain(PLACES.iter().map(PathBuf::from))
            .find(|directory| {
                ["initdb", "postgres"]
                    .iter()
                    .all(|name| directory.join(name).is_file())
            })
            .ok_or(Error::NotInstalled)?;
        Ok(Self {
            directory,
            root: rustix::process::geteuid().is_root(),
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// One of the programs of PostgreSQL.
    pub(super) fn command(&self, name: &str) -> Command {
        self.unprivileged(&self.path(name))
    }

    /// A script whose arguments follow.
    pub(super) fn shell(&self, script: &str) -> Command {
        let mut command = self.unprivileged(Path::new("/bin/sh"));
        command.args(["-c", script, "sh"]);
        command
    }

    /// A directory that belongs to whoever runs the server. The path of a socket in it must stay short.
    pub(super) fn temporary_directory(&self) -> Result<PathBuf, Error> {
        let mut command = self.unprivileged(Path::new("mktemp"));
        let made = run(command.arg("-d").arg("/tmp/runbook-postgres-XXXXXXXX"))?;
        Ok(PathBuf::from(made.trim_end()))
    }

    fn unprivileged(&self, program: &Path) -> Command {
        if self.root {
            let mut command = new("setpriv".as_ref());
            command
                .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
                .arg(program);
            command
        } else {
            new(program.as_os_str())
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the test kit starts real servers")]
fn new(program: &OsStr) -> Command {
    let mut command = Command::new(program);
    // The directory of the test may be closed to the user of the server.
    command.current_dir("/");
    command
}

/// Runs a program to its end and answers what it printed.
pub(super) fn run(command: &mut Command) -> Result<String, Error> {
    let name = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let output = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            Err(Error::Failed {
                program: name,
                output,
            })
        }
        Err(source) => Err(Error::Spawn {
            program: name,
            source,
        }),
    }
}
