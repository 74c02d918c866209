//! kubectl as a client of a cluster.

use std::io::Write as _;
use std::process::{Child, Command, Stdio};

use runbook_cluster::Cluster;
use serde_json::Value;
use tempfile::TempDir;

/// kubectl for one user.
pub(crate) struct Kubectl {
    directory: TempDir,
}

/// What it answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Kubectl {
    pub(crate) fn new(cluster: &Cluster, user: &str) -> Self {
        let directory = tempfile::tempdir().expect("there is room");
        std::fs::write(directory.path().join("config"), cluster.kubeconfig(user)).expect("it is written");
        Self { directory }
    }

    /// Runs it to its end.
    pub(crate) fn run(&self, arguments: &str, stdin: &str) -> Answer {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        self.run_words(&words, stdin)
    }

    /// Starts it.
    #[expect(clippy::disallowed_methods, reason = "kubectl is the independent client")]
    pub(crate) fn start(&self, words: &[&str]) -> Child {
        Command::new("kubectl")
            .args(words)
            .env("KUBECONFIG", self.directory.path().join("config"))
            .env("HOME", self.directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("kubectl is installed")
    }

    pub(crate) fn run_words(&self, words: &[&str], stdin: &str) -> Answer {
        let mut child = self.start(words);
        let mut pipe = child.stdin.take().expect("its input is a pipe");
        let _closed = pipe.write_all(stdin.as_bytes());
        drop(pipe);
        let output = child.wait_with_output().expect("it ends");
        Answer {
            ok: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Runs it, and it must succeed.
    pub(crate) fn ok(&self, arguments: &str) -> String {
        self.fed(arguments, "")
    }

    /// The same with an input.
    pub(crate) fn fed(&self, arguments: &str, stdin: &str) -> String {
        let answer = self.run(arguments, stdin);
        assert!(
            answer.ok,
            "kubectl {arguments}: {}{}",
            answer.stdout, answer.stderr
        );
        answer.stdout
    }

    /// Runs it, and it must fail: what it said.
    pub(crate) fn refused(&self, arguments: &str, stdin: &str) -> String {
        let answer = self.run(arguments, stdin);
        assert!(!answer.ok, "kubectl {arguments}: {}", answer.stdout);
        answer.stderr
    }

    /// Makes what kubectl makes by itself. It would send that as protobuf, which the cluster does not read.
    pub(crate) fn makes(&self, arguments: &str) {
        let object = self.ok(&format!("{arguments} --dry-run=client -o json"));
        self.fed("create -f -", &object);
    }

    /// An object.
    pub(crate) fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&self.ok(&format!("{arguments} -o json"))).expect("it prints JSON")
    }
}
