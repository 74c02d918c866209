//! The programs of MariaDB: where they are, and as whom they run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Error, io_error};

/// Where systems keep them.
const PLACES: [&str; 5] = [
    "/usr/sbin",
    "/usr/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
];

/// The installed programs.
pub(super) struct Programs {
    server: PathBuf,
    install: PathBuf,
    /// Root runs them as another user.
    root: bool,
}

impl Programs {
    pub(super) fn find() -> Result<Self, Error> {
        let find = |name: &str| {
            let found = PLACES.iter().map(|place| Path::new(place).join(name));
            found
                .into_iter()
                .find(|path| path.is_file())
                .ok_or(Error::NotInstalled)
        };
        Ok(Self {
            server: find("mariadbd")?,
            install: find("mariadb-install-db")?,
            root: rustix::process::geteuid().is_root(),
        })
    }

    pub(super) fn path(&self, name: &str) -> &Path {
        match name {
            "mariadbd" => &self.server,
            _ => &self.install,
        }
    }

    /// One of the programs of MariaDB.
    pub(super) fn command(&self, name: &str) -> Command {
        self.unprivileged(self.path(name))
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
        let made = run(command.arg("-d").arg("/tmp/runbook-mariadb-XXXXXXXX"))?;
        Ok(PathBuf::from(made.trim_end()))
    }

    fn unprivileged(&self, program: &Path) -> Command {
        if self.root {
            let mut command = new("setpriv".as_ref());
            command
                .args(["--reuid=mysql", "--regid=mysql", "--init-groups"])
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
    let program = format!("{command:?}");
    match command.output() {
        Ok(output) if output.status.success() => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let output = String::from_utf8_lossy(&said).trim_end().to_owned();
            Err(Error::Failed { program, output })
        }
        Err(source) => Err(io_error(&program, source)),
    }
}
