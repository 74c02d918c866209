//! A throw-away PostgreSQL.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const BIN: &str = "/usr/lib/postgresql/15/bin";

/// A server of PostgreSQL that is stopped and removed when it is dropped.
pub(crate) struct Cluster {
    directory: TempDir,
    pub(crate) port: u16,
}

impl Cluster {
    pub(crate) fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// With files in its directory, and with settings, in which `@` stands for that directory.
    pub(crate) fn start_with(files: &[(&str, &str)], settings: &[&str]) -> Self {
        let directory = TempDir::with_prefix("runbook-pg-").unwrap();
        let path = directory.path();
        std::fs::write(path.join("password"), "hunter2-hunter2\n").unwrap();
        for (name, contents) in files {
            write_private(&path.join(name), contents);
        }
        if is_root() {
            succeed(&mut command("chown", &["-R", "postgres", path.to_str().unwrap()]));
        }
        let data = path.join("data");
        let data = data.to_str().unwrap();
        let password = path.join("password");
        let mut initdb = as_postgres(
            "initdb",
            &[
                "-D",
                data,
                "-U",
                "runbook",
                "-A",
                "scram-sha-256",
                "--no-sync",
                "--no-locale",
                "-E",
                "UTF8",
                "--pwfile",
            ],
        );
        succeed(initdb.arg(password));
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut options = format!(
            "-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={} -c fsync=off \
             -c max_connections=12 -c superuser_reserved_connections=2 -c log_statement=all",
            path.display()
        );
        for setting in settings {
            let setting = setting.replace('@', path.to_str().unwrap());
            options.push_str(" -c ");
            options.push_str(&setting);
        }
        let log = path.join("log");
        succeed(&mut as_postgres(
            "pg_ctl",
            &[
                "-D",
                data,
                "-l",
                log.to_str().unwrap(),
                "-w",
                "-o",
                &options,
                "start",
            ],
        ));
        Self { directory, port }
    }

    pub(crate) fn url(&self) -> String {
        self.url_with("runbook:hunter2-hunter2", "postgres")
    }

    pub(crate) fn url_with(&self, user: &str, database: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// Where all its files are.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// What the server was asked so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// All that is in its database: tables, rows, and where the sequences stand.
    pub(crate) fn dump(&self) -> String {
        let program = Path::new(BIN).join("pg_dump");
        let url = self.url();
        let mut dump = command(program.to_str().unwrap(), &["--inserts", "-d", &url]);
        let output = dump.env("PGPASSWORD", "hunter2-hunter2").output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        // Each dump has a key of its own, against what is in it.
        let is_data = |line: &&str| !line.starts_with("\\restrict") && !line.starts_with("\\unrestrict");
        text.lines().filter(is_data).collect::<Vec<_>>().join("\n")
    }

    /// Stops the server at once, as a crash would.
    pub(crate) fn stop(&self) {
        let data = self.directory.path().join("data");
        succeed(&mut as_postgres(
            "pg_ctl",
            &["-D", data.to_str().unwrap(), "-m", "immediate", "stop"],
        ));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if self.directory.path().join("data/postmaster.pid").exists() {
            self.stop();
        }
    }
}

/// PostgreSQL refuses to run as root.
fn as_postgres(program: &str, arguments: &[&str]) -> Command {
    let program = Path::new(BIN).join(program);
    let program = program.to_str().unwrap();
    if is_root() {
        let mut command = command("runuser", &["-u", "postgres", "--", program]);
        command.args(arguments);
        command
    } else {
        command(program, arguments)
    }
}

/// A key that others may read is refused.
fn write_private(path: &Path, contents: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, contents).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

#[expect(clippy::disallowed_methods, reason = "the server is a program")]
fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir("/")
        .stdin(std::process::Stdio::null());
    command
}

/// The server that it leaves behind must not inherit our outputs.
fn succeed(command: &mut Command) {
    let log = tempfile::tempfile().unwrap();
    command
        .stdout(log.try_clone().unwrap())
        .stderr(log.try_clone().unwrap());
    let status = command.status().unwrap();
    let mut log = log;
    let mut said = String::new();
    std::io::Seek::rewind(&mut log).unwrap();
    std::io::Read::read_to_string(&mut log, &mut said).unwrap();
    assert!(status.success(), "{command:?}: {said}");
}
