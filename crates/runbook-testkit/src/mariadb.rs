//! A throw-away MariaDB server.
//!
//! ```no_run
//! let server = runbook_testkit::mariadb::Server::start();
//! let url = server.url("test");
//! ```
//!
//! A [`Server`] is made with `mariadb-install-db` in a temporary directory and listens on a free port of 127.0.0.1.
//! Its user [`USER`] may do everything and has the password [`PASSWORD`], nothing is synced to disk, and the database
//! `test` is there from the start. A server does not like to run as root, so for root it runs as the system's user
//! `mysql`.
//!
//! The server ends when the value is dropped. It also ends when the process that started it dies: a watcher beside
//! it reads from a pipe whose other end only that process holds.

mod programs;

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use self::programs::Programs;

/// Who may do everything on the server.
pub const USER: &str = "runbook";

/// The password of [`USER`].
pub const PASSWORD: &str = "hunter2-hunter2";

/// Somebody may take the port between our look and the server's start; then another one is tried.
const STARTS: u32 = 10;

const POLL: Duration = Duration::from_millis(10);
const POLLS: u32 = 3000;

/// The system bounds how much asynchronous input and output there is, which many servers at once soon exceed.
const NO_AIO: &str = "--innodb-use-native-aio=0";

/// What the server does before it takes connections, a statement on each line.
const INIT: &str = "\
CREATE USER 'runbook'@'127.0.0.1' IDENTIFIED BY 'hunter2-hunter2';
GRANT ALL PRIVILEGES ON *.* TO 'runbook'@'127.0.0.1' WITH GRANT OPTION;
CREATE DATABASE IF NOT EXISTS test;
";

/// Becomes the server (`$1` is the directory), and leaves a watcher that ends it and removes the directory when the
/// pipe on the standard input closes. A line that arrives before lets go of both: there the start failed, and the
/// directory is used again.
const WATCHED: &str = r#"
directory=$1; shift
exec 3<&0
(
    read -r _ <&3 && exit
    kill -KILL $$
    tries=0
    while kill -0 $$ && [ $tries -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
    rm -rf "$directory"
) >/dev/null 2>&1 &
exec "$@" 3<&- </dev/null
"#;

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// MariaDB is not installed.
    #[error("no `mariadbd` and `mariadb-install-db` in the usual places: install `mariadb-server`")]
    NotInstalled,
    /// A program could not be run, or a file not be written.
    #[error("cannot use `{name}`")]
    Io {
        /// Which one.
        name: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A program failed.
    #[error("`{program}` failed: {output}")]
    Failed {
        /// Which one.
        program: String,
        /// What it printed.
        output: String,
    },
    /// The server ended while it started, or never got ready.
    #[error("the server did not start: {log}")]
    NotStarted {
        /// What it logged.
        log: String,
    },
}

/// What a server is to have beside what every one has.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// Files in its directory, by their names.
    pub files: Vec<(String, String)>,
    /// Settings such as `max-connections=5`. A value that begins with `@` is the path of a file in its directory.
    pub settings: Vec<String>,
}

/// A running server with its own data. Dropping it ends the server and removes the data.
pub struct Server {
    directory: PathBuf,
    port: u16,
    process: Child,
    /// While this is open, the server lives.
    pipe: Option<ChildStdin>,
}

impl Server {
    /// Starts a server, and returns when it takes connections.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs a server must not pass without one.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&Wishes::default())
    }

    /// The same with files and settings.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with(wishes: &Wishes) -> Self {
        match Self::try_start(wishes) {
            Ok(server) => server,
            Err(error) => panic!("no MariaDB for this test: {error}: {error:?}"),
        }
    }

    /// The same for those who want to handle the failure.
    pub fn try_start(wishes: &Wishes) -> Result<Self, Error> {
        let programs = Programs::find()?;
        let directory = programs.temporary_directory()?;
        let started = Self::start_in(&programs, &directory, wishes, free_port);
        if started.is_err() {
            remove(&directory);
        }
        started
    }

    /// The URL of a database of this server, for [`USER`]. `test` exists from the start.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        self.url_for(&format!("{USER}:{PASSWORD}"), database)
    }

    /// The same for somebody else: `name:password`.
    #[must_use]
    pub fn url_for(&self, who: &str, database: &str) -> String {
        format!("mysql://{who}@127.0.0.1:{}/{database}", self.port)
    }

    /// The port of 127.0.0.1 that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Every statement that the server was asked for so far.
    #[must_use]
    pub fn asked(&self) -> String {
        let bytes = fs::read(self.directory.join("asked")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Ends the server at once, as a crash would.
    pub fn stop(&mut self) {
        drop(self.pipe.take());
        let _ended = self.process.wait();
    }

    fn start_in(
        programs: &Programs,
        directory: &Path,
        wishes: &Wishes,
        mut free_port: impl FnMut() -> io::Result<u16>,
    ) -> Result<Self, Error> {
        install(programs, directory)?;
        write(&directory.join("init"), INIT)?;
        for (name, contents) in &wishes.files {
            write(&directory.join(name), contents)?;
        }
        let mut starts = 0;
        loop {
            starts += 1;
            let port = free_port().map_err(|source| io_error("a port", source))?;
            let mut process = server(programs, directory, wishes, port)?
                .spawn()
                .map_err(|source| io_error("mariadbd", source))?;
            let mut pipe = process.stdin.take();
            if ready(&mut process, directory) {
                return Ok(Self {
                    directory: directory.to_owned(),
                    port,
                    process,
                    pipe,
                });
            }
            let _released = pipe.as_mut().map(|pipe| pipe.write_all(b"release\n"));
            let _ended = process.kill().and_then(|()| process.wait());
            let log = log(directory);
            if starts >= STARTS || !log.contains("Address already in use") {
                return Err(Error::NotStarted { log });
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        remove(&self.directory);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Server")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

/// Makes the tables that every server has. A server that starts removes what others have in a directory for temporary
/// tables, so each has its own.
fn install(programs: &Programs, directory: &Path) -> Result<(), Error> {
    let mut command = programs.command("mariadb-install-db");
    command
        .arg("--no-defaults")
        .arg("--auth-root-authentication-method=normal");
    command.args([
        "--skip-test-db",
        "--skip-name-resolve",
        "--innodb-log-file-size=8M",
    ]);
    command.arg(NO_AIO);
    command.arg(format!("--datadir={}", directory.join("data").display()));
    command.arg(format!("--tmpdir={}", directory.display()));
    programs::run(&mut command).map(drop)
}

fn server(programs: &Programs, directory: &Path, wishes: &Wishes, port: u16) -> Result<Command, Error> {
    let log = directory.join("log");
    let log = fs::File::create(&log).map_err(|source| io_error("log", source))?;
    let mut command = programs.shell(WATCHED);
    command.arg(directory).arg(programs.path("mariadbd"));
    command.arg("--no-defaults");
    for (name, file) in [
        ("datadir", "data"),
        ("socket", "socket"),
        ("pid-file", "pid"),
        ("init-file", "init"),
        ("general-log-file", "asked"),
    ] {
        command.arg(format!("--{name}={}", directory.join(file).display()));
    }
    for setting in [
        "bind-address=127.0.0.1",
        "general-log=1",
        "skip-name-resolve",
        "character-set-server=utf8mb4",
        "innodb-flush-log-at-trx-commit=0",
        "innodb-buffer-pool-size=16M",
        "innodb-log-file-size=8M",
        "innodb-fast-shutdown=2",
        "max-connections=40",
    ] {
        command.arg(format!("--{setting}"));
    }
    command.arg(NO_AIO).arg(format!("--port={port}"));
    command.arg(format!("--tmpdir={}", directory.display()));
    for setting in &wishes.settings {
        command.arg(match setting.split_once("=@") {
            Some((name, file)) => format!("--{name}={}", directory.join(file).display()),
            None => format!("--{setting}"),
        });
    }
    // What ends a test may be a signal to its whole group, and the watcher has to see it dead.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    Ok(command)
}

/// Waits until the server says that it takes connections; false when it ended instead.
fn ready(process: &mut Child, directory: &Path) -> bool {
    for _ in 0..POLLS {
        if matches!(process.try_wait(), Ok(Some(_)) | Err(_)) {
            return false;
        }
        if log(directory).contains("ready for connections") {
            return true;
        }
        thread::sleep(POLL);
    }
    false
}

fn log(directory: &Path) -> String {
    let bytes = fs::read(directory.join("log")).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn write(path: &Path, contents: &str) -> Result<(), Error> {
    fs::write(path, contents).map_err(|source| io_error(&path.display().to_string(), source))
}

fn io_error(name: &str, source: io::Error) -> Error {
    Error::Io {
        name: name.to_owned(),
        source,
    }
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.local_addr().map(|address| address.port())
}

/// The watcher may be removing it at the same time, which can make one removal fail.
fn remove(directory: &Path) {
    for _ in 0..POLLS {
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => thread::sleep(POLL),
            Ok(()) | Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_server_listens_and_leaves_nothing_behind() {
        let server = Server::start();
        TcpStream::connect((Ipv4Addr::LOCALHOST, server.port())).expect("the server listens");
        let (directory, port) = (server.directory.clone(), server.port());
        assert_eq!(
            server.url("test"),
            format!("mysql://runbook:hunter2-hunter2@127.0.0.1:{port}/test")
        );
        assert!(directory.is_dir());
        drop(server);
        assert!(!directory.exists());
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
            "the server is gone"
        );
    }

    #[test]
    fn a_port_that_was_taken_meanwhile_is_given_up() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let taken = taken.local_addr().expect("it has an address").port();
        let mut ports = vec![free_port().expect("a port is free"), taken];
        let programs = Programs::find().expect("MariaDB is installed");
        let directory = programs.temporary_directory().expect("there is room");
        let server = Server::start_in(&programs, &directory, &Wishes::default(), || {
            Ok(ports.pop().expect("enough ports"))
        });
        let server = server.expect("the second port is free");
        assert!(ports.is_empty());
        assert_ne!(server.port(), taken);
    }
}
