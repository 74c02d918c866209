//! A throw-away SSH server on this machine.
//!
//! ```no_run
//! let server = runbook_testkit::sshd::Server::start();
//! let config = server.config();
//! ```
//!
//! A [`Server`] is Debian's `sshd` with a configuration, host keys and a user key of its own in a temporary
//! directory, on a free port of 127.0.0.1. It lets in the user whose tests run, with that key. [`Server::config`] is a
//! configuration for the client that knows the server as `box`.
//!
//! It ends when it is dropped, with all connections; and also when the process that started it dies, since a
//! watcher beside it reads from a pipe whose other end only that process holds.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// Somebody may take the port between our look and the server's start; then another one is tried.
const STARTS: u32 = 10;
const POLL: Duration = Duration::from_millis(10);
const POLLS: u32 = 3000;

/// Runs the server in a session of its own, and ends that when the standard input closes.
const WATCHED: &str = r#"
setsid "$@" </dev/null & server=$!
read -r _
for child in $(ps -o pid= --ppid "$server"); do kill -KILL "$child" $(ps -o pid= --ppid "$child"); done
kill -KILL "$server"
wait "$server"
"#;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A running server. Dropping it ends it.
#[derive(Debug)]
pub struct Server {
    directory: PathBuf,
    port: u16,
    watcher: Child,
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
        Self::start_with("")
    }

    /// Starts one whose configuration has these lines too.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start_with(more: &str) -> Self {
        Self::try_start(more).unwrap_or_else(|error| panic!("no SSH server for this test: {error}"))
    }

    /// The same for those who want to handle the failure.
    pub fn try_start(more: &str) -> io::Result<Self> {
        let directory = directory()?;
        for name in ["host", "user", "other"] {
            keygen(&directory.join(name))?;
        }
        fs::copy(directory.join("user.pub"), directory.join("authorized"))?;
        // Debian's service makes it when it starts; without it the server refuses to run as root.
        if let Err(error) = fs::create_dir_all("/run/sshd")
            && error.kind() != io::ErrorKind::PermissionDenied
        {
            return Err(error);
        }
        let mut starts = 0;
        loop {
            starts += 1;
            let port = free_port()?;
            let mut watcher = start(&directory, port, more)?;
            let pipe = watcher.stdin.take();
            let mut server = Self {
                directory: directory.clone(),
                port,
                watcher,
                pipe,
            };
            if server.is_ready() {
                server.write_config()?;
                return Ok(server);
            }
            let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
            server.end();
            if starts >= STARTS || !log.contains("Address already in use") {
                return Err(io::Error::other(log));
            }
        }
    }

    /// A file for the client's `-F`, which knows the server as `box`.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.directory.join("config")
    }

    /// The directory of the server's files: `host`, `user` and `other` are keys, `known` holds the known hosts.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The port of 127.0.0.1 that it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Says of a key that it is the server's, for the clients that use [`Server::config`].
    pub fn is_known_by(&self, key: Option<&str>) -> io::Result<()> {
        let line = match key {
            Some(key) => {
                let public = fs::read_to_string(self.path(&format!("{key}.pub")))?;
                format!("[127.0.0.1]:{} {public}", self.port)
            }
            None => String::new(),
        };
        fs::write(self.path("known"), line)
    }

    /// Says with which key clients that use [`Server::config`] come; `other` is one that is not let in.
    pub fn comes_with(&self, key: &str) -> io::Result<()> {
        self.configure(key, "")
    }

    /// Adds lines to the configuration of the client.
    pub fn configure(&self, key: &str, more: &str) -> io::Result<()> {
        let text = format!(
            "Host box\n  HostName 127.0.0.1\n  Port {}\n  IdentityFile {}\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
             UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n{more}\n",
            self.port,
            self.path(key).display(),
            self.path("known").display(),
        );
        fs::write(self.config(), text)
    }

    /// Breaks off every connection that there is, as when a cable is cut. The server goes on.
    pub fn break_connections(&self) -> io::Result<()> {
        let Some(server) = self.pid() else { return Ok(()) };
        let script = "for child in $(ps -o pid= --ppid \"$1\"); do kill -KILL \"$child\" $(ps -o pid= --ppid \"$child\"); done; :";
        run(command("sh").args(["-c", script, "sh", &server]))
    }

    fn write_config(&self) -> io::Result<()> {
        self.is_known_by(Some("host"))?;
        self.comes_with("user")
    }

    fn pid(&self) -> Option<String> {
        let pid = fs::read_to_string(self.path("pid")).ok()?;
        Some(pid.trim().to_owned())
    }

    /// Waits until the server takes connections; false when it ended instead.
    fn is_ready(&mut self) -> bool {
        for _ in 0..POLLS {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            if log.contains("Server listening on 127.0.0.1") {
                return TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            }
            if log.contains("Cannot bind any address")
                || matches!(self.watcher.try_wait(), Ok(Some(_)) | Err(_))
            {
                return false;
            }
            thread::sleep(POLL);
        }
        false
    }

    fn end(&mut self) {
        drop(self.pipe.take());
        let _ended = self.watcher.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
        let _removed = fs::remove_dir_all(&self.directory);
    }
}

fn start(directory: &Path, port: u16, more: &str) -> io::Result<Child> {
    let at = |name: &str| directory.join(name).display().to_string();
    let config = format!(
        "ListenAddress 127.0.0.1\nPort {port}\nHostKey {}\nAuthorizedKeysFile {}\nPidFile {}\nStrictModes no\n\
         UsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPubkeyAuthentication yes\n\
         PermitRootLogin yes\nLogLevel VERBOSE\nAllowTcpForwarding yes\nAllowStreamLocalForwarding yes\n\
         MaxSessions 100\nMaxStartups 100\n{more}\n",
        at("host"),
        at("authorized"),
        at("pid"),
    );
    fs::write(directory.join("server"), config)?;
    fs::write(directory.join("log"), "")?;
    // The server wants to be started by its absolute path.
    command("sh")
        .args([
            "-c",
            WATCHED,
            "sh",
            "/usr/sbin/sshd",
            "-D",
            "-f",
            &at("server"),
            "-E",
            &at("log"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // What ends a test may be a signal to its whole group, and the watcher has to see it dead.
        .process_group(0)
        .spawn()
}

fn keygen(file: &Path) -> io::Result<()> {
    let mut keygen = command("ssh-keygen");
    keygen
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(file);
    run(&mut keygen)
}

fn run(command: &mut Command) -> io::Result<()> {
    let done = command.stdin(Stdio::null()).output()?;
    if done.status.success() {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&done.stderr).into_owned(),
    ))
}

#[expect(clippy::disallowed_methods, reason = "the test kit starts real servers")]
fn command(program: &str) -> Command {
    Command::new(program)
}

fn directory() -> io::Result<PathBuf> {
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("runbook-sshd-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::DirBuilder::new().mode(0o700).create(&directory)?;
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
    Ok(directory)
}

fn free_port() -> io::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok(listener.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_lets_in_who_has_the_key_and_leaves_nothing_behind() {
        let server = Server::start();
        let config = server.config();
        let say = |server: &Server| {
            let mut ssh = command("ssh");
            ssh.arg("-F")
                .arg(server.config())
                .args(["-o", "BatchMode=yes", "box", "echo in"]);
            ssh.output().expect("the client is installed")
        };
        assert_eq!(say(&server).stdout, b"in\n");
        server.comes_with("other").expect("it is written");
        assert!(!say(&server).status.success());
        let port = server.port();
        drop(server);
        assert!(!config.exists());
        assert!(
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(),
            "the server is gone"
        );
    }
}
