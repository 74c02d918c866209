//! A throw-away PostgreSQL server.
//!
//! ```no_run
//! let cluster = runbook_testkit::postgres::Cluster::start();
//! let url = cluster.url("postgres");
//! ```
//!
//! A [`Cluster`] is made with `initdb` in a temporary directory and listens on a free port of 127.0.0.1 and on a
//! socket in its directory. Every connection from there is trusted, the superuser is `postgres`, and nothing is
//! synced to disk. Root must not run a server, so for root it runs as the system's user `postgres`.
//!
//! The server ends when the cluster is dropped. It also ends when the process that started it dies: a watcher
//! beside it reads from a pipe whose other end only that process holds.

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

/// Somebody may take the port between our look and the server's start; then another one is tried.
const STARTS: u32 = 10;

const POLL: Duration = Duration::from_millis(10);
const POLLS: u32 = 3000;

/// Becomes the server (`$1` is the directory), and leaves a watcher that ends it and removes the directory when
/// the pipe on the standard input closes. A line that arrives before lets go of both: there the start failed, and
/// the directory is used again. The watcher gives up on a server that does not end within ten seconds.
const WATCHED: &str = r#"
directory=$1; shift
exec 3<&0
(
    read -r _ <&3 && exit
    [ -f "$directory/data/postmaster.pid" ] && kill -QUIT $$
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
    /// PostgreSQL is not installed.
    #[error(
        "no `initdb` and `postgres` under `/usr/lib/postgresql/*/bin` or on the path: install `postgresql`"
    )]
    NotInstalled,
    /// A program could not be run.
    #[error("cannot run `{program}`")]
    Spawn {
        /// Which one.
        program: String,
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
    /// No port is free.
    #[error("no free port")]
    Port(#[source] io::Error),
    /// The server ended while it started, or never got ready.
    #[error("the server did not start: {log}")]
    NotStarted {
        /// What it logged.
        log: String,
    },
}

/// A running server with its own data. Dropping it ends the server and removes the data.
pub struct Cluster {
    programs: Programs,
    directory: PathBuf,
    port: u16,
    server: Child,
    /// While this is open, the server lives.
    pipe: Option<ChildStdin>,
}

impl Cluster {
    /// Starts a server, and returns when it takes connections.
    ///
    /// # Panics
    ///
    /// When it does not start: a test that needs a server must not pass without one.
    #[must_use]
    pub fn start() -> Self {
        match Self::try_start() {
            Ok(cluster) => cluster,
            Err(error) => panic!("no PostgreSQL for this test: {}", Chain(&error)),
        }
    }

    /// The same for those who want to handle the failure.
    pub fn try_start() -> Result<Self, Error> {
        let programs = Programs::find()?;
        let directory = programs.temporary_directory()?;
        let started = Self::start_in(programs, directory.clone(), free_port);
        if started.is_err() {
            remove(&directory);
        }
        started
    }

    /// The URL of a database of this cluster, for the superuser. `postgres` exists from the start.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The same by the socket in the cluster's directory.
    #[must_use]
    pub fn socket_url(&self, database: &str) -> String {
        let (directory, port) = (self.directory.display(), self.port);
        format!("postgres://postgres@localhost:{port}/{database}?host={directory}")
    }

    /// Makes a database and answers its URL.
    pub fn create_database(&self, name: &str) -> Result<String, Error> {
        let port = self.port.to_string();
        let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", name];
        programs::run(self.programs.command("createdb").args(arguments))?;
        Ok(self.url(name))
    }

    /// The port of 127.0.0.1 that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    fn start_in(
        programs: Programs,
        directory: PathBuf,
        mut free_port: impl FnMut() -> Result<u16, Error>,
    ) -> Result<Self, Error> {
        let initdb = [
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ];
        programs::run(
            programs
                .command("initdb")
                .args(initdb)
                .arg("-D")
                .arg(directory.join("data")),
        )?;
        let mut starts = 0;
        loop {
            starts += 1;
            let port = free_port()?;
            let mut server = spawn(&mut server(&programs, &directory, port)?)?;
            let mut pipe = server.stdin.take();
            if ready(&mut server, &directory) {
                return Ok(Self {
                    programs,
                    directory,
                    port,
                    server,
                    pipe,
                });
            }
            let _released = pipe.as_mut().map(|pipe| pipe.write_all(b"release\n"));
            let _ended = server.kill().and_then(|()| server.wait());
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            if starts >= STARTS || !log.contains("Address already in use") {
                return Err(Error::NotStarted { log });
            }
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.pipe.take());
        let _ended = self.server.wait();
        remove(&self.directory);
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn server(programs: &Programs, directory: &Path, port: u16) -> Result<Command, Error> {
    let log = directory.join("log");
    let log = fs::File::create(&log).map_err(|source| Error::Spawn {
        program: "postgres".to_owned(),
        source,
    })?;
    let mut command = programs.shell(WATCHED);
    command.arg(directory).arg(programs.path("postgres"));
    command
        .arg("-D")
        .arg(directory.join("data"))
        .arg("-p")
        .arg(port.to_string());
    command.arg("-k").arg(directory);
    for setting in [
        "listen_addresses=127.0.0.1",
        "fsync=off",
        "synchronous_commit=off",
        "full_page_writes=off",
        "max_connections=100",
        "superuser_reserved_connections=3",
    ] {
        command.arg("-c").arg(setting);
    }
    // What ends a test may be a signal to its whole group, and the watcher has to see it dead.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(log);
    Ok(command)
}

fn spawn(command: &mut Command) -> Result<Child, Error> {
    command.spawn().map_err(|source| Error::Spawn {
        program: "postgres".to_owned(),
        source,
    })
}

/// Waits until the server takes connections; false when it ended instead.
fn ready(server: &mut Child, directory: &Path) -> bool {
    for _ in 0..POLLS {
        if matches!(server.try_wait(), Ok(Some(_)) | Err(_)) {
            return false;
        }
        // The eighth line of this file is the state of the server; `pg_ctl` reads it there too.
        let state = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap_or_default();
        if state.lines().nth(7).is_some_and(|line| line.trim() == "ready") {
            return true;
        }
        thread::sleep(POLL);
    }
    false
}

fn free_port() -> Result<u16, Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::Port)?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(Error::Port)
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

/// An error with its causes.
struct Chain<'a>(&'a dyn std::error::Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(formatter, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_cluster_listens_and_leaves_nothing_behind() {
        let cluster = Cluster::start();
        TcpStream::connect((Ipv4Addr::LOCALHOST, cluster.port())).expect("the server listens");
        let url = cluster.create_database("lab").expect("the database is made");
        assert_eq!(
            url,
            format!("postgres://postgres@127.0.0.1:{}/lab", cluster.port())
        );
        let (directory, port) = (cluster.directory.clone(), cluster.port());
        assert!(directory.is_dir());
        drop(cluster);
        assert!(!directory.exists());
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
            "the server is gone"
        );
    }

    #[test]
    fn a_port_that_was_taken_meanwhile_is_given_up() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let taken = || taken.local_addr().expect("it has an address").port();
        let mut ports = vec![free_port().expect("a port is free"), taken(), taken()];
        let programs = Programs::find().expect("PostgreSQL is installed");
        let directory = programs.temporary_directory().expect("there is room");
        let cluster = Cluster::start_in(programs, directory, || Ok(ports.pop().expect("enough ports")));
        let cluster = cluster.expect("the third port is free");
        assert!(ports.is_empty());
        assert!(cluster.create_database("lab").is_ok());
    }

    #[test]
    fn clusters_do_not_meet() {
        let clusters = thread::scope(|scope| {
            let starts: Vec<_> = (0..2).map(|_| scope.spawn(Cluster::start)).collect();
            starts
                .into_iter()
                .map(|start| start.join().expect("it starts"))
                .collect::<Vec<_>>()
        });
        assert_ne!(clusters[0].port(), clusters[1].port());
        assert_ne!(clusters[0].directory, clusters[1].directory);
    }
}
