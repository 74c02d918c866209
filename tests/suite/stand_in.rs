//! Services that nobody has on a machine of tests: S3, Route 53, Vault, a gateway with a circuit breaker. Each is a
//! program of `tests/site/outside/` that verifies what it is sent as the real one does.

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::harness::{Project, repository};

/// Who may read and write.
pub(crate) const WRITER: (&str, &str) = ("AKIAWRITER", "wJalrXUtnFEMI/K7MDENG+writer");
/// Who may only read.
pub(crate) const READER: (&str, &str) = ("AKIAREADER", "wJalrXUtnFEMI/K7MDENG+reader");
/// Who may save and restore snapshots of Vault.
pub(crate) const VAULT_TOKEN: &str = "hvs.CAESIbackup0token";

/// Who may write on the status page.
pub(crate) const STATUS_TOKEN: &str = "status-page-0token";

/// A program that serves on a port of its own. It ends when it is dropped, and with the test.
pub(crate) struct StandIn {
    process: Child,
    directory: TempDir,
    port: u16,
}

impl StandIn {
    /// S3 with the buckets `mcp-backups` and `mcp-wal-archive`.
    pub(crate) fn s3() -> Self {
        let directory = TempDir::with_prefix("runbook-s3-").expect("there is room");
        let folder = directory.path().display().to_string();
        let buckets = ["mcp-backups=us-east-1", "mcp-wal-archive=us-east-1"];
        Self::start("s3.py", directory, &[&[folder.as_str()], &buckets[..]].concat())
    }

    /// Route 53 with these zones, in JSON.
    pub(crate) fn route53(zones: &str) -> Self {
        let directory = TempDir::with_prefix("runbook-dns-").expect("there is room");
        let file = directory.path().join("zones.json");
        std::fs::write(&file, zones).expect("there is room");
        Self::start("route53.py", directory, &[&file.display().to_string()])
    }

    /// Vault with these secrets, in JSON.
    pub(crate) fn vault(secrets: &str) -> Self {
        let directory = TempDir::with_prefix("runbook-vault-").expect("there is room");
        let file = directory.path().join("vault.json");
        std::fs::write(&file, secrets).expect("there is room");
        Self::start("vault.py", directory, &[&file.display().to_string()])
    }

    /// The gateway before a service.
    pub(crate) fn gateway(upstream: &str) -> Self {
        let directory = TempDir::with_prefix("runbook-gateway-").expect("there is room");
        Self::start("gateway.py", directory, &[upstream])
    }

    /// The status page, where the public is told.
    pub(crate) fn status() -> Self {
        let directory = TempDir::with_prefix("runbook-status-").expect("there is room");
        let folder = directory.path().display().to_string();
        Self::start("pages.py", directory, &[&folder])
    }

    fn start(script: &str, directory: TempDir, args: &[&str]) -> Self {
        let keys = format!("{}:{}:rw {}:{}:r", WRITER.0, WRITER.1, READER.0, READER.1);
        let mut process = command("setpriv")
            .args(["--pdeathsig", "KILL", "python3"])
            .arg(repository().join("tests/site/outside").join(script))
            .args(args)
            .env("KEYS", keys)
            .env("VAULT_TOKENS", format!("{VAULT_TOKEN}:backup"))
            .env("PAGERDUTY_KEY", "")
            .env("STATUS_PAGE_TOKEN", STATUS_TOKEN)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python3 is there: `cargo xtask setup` says how to get it");
        let stdout = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("it prints its port");
        let port = line.trim().parse().expect("it is a port");
        Self {
            process,
            directory,
            port,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A path below its directory.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// Gives a project the key of somebody of S3 and Route 53.
pub(crate) fn signs(project: &mut Project, (id, secret): (&str, &str)) {
    let taken = std::mem::replace(project, Project::empty());
    *project = taken
        .variable("AWS_ACCESS_KEY_ID", id)
        .variable("AWS_SECRET_ACCESS_KEY", secret);
}

#[expect(clippy::disallowed_methods, reason = "the suite starts real parts")]
fn command(program: &str) -> Command {
    Command::new(program)
}
