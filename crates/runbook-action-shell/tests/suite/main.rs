//! `shell` and `exec` with real programs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod changed;
mod contract;
mod examples;
mod file;
mod hostile;
mod options;
mod place;
mod preview;
mod process;
mod refused;
mod result;
mod service;
mod settle;
mod ssh;
mod unit;

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use indexmap::IndexMap;
use runbook_action::{Action, Failure, Output, Text};
use runbook_action_shell::{Environment, Exec, Shell};
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::Value;
use tempfile::TempDir;

/// A project's root and both actions in it.
struct Place {
    root: TempDir,
    shell: Shell,
    exec: Exec,
}

impl Place {
    fn new() -> Self {
        let root = TempDir::new().unwrap();
        let environment = environment(root.path(), "/usr/local/bin:/usr/bin:/bin");
        Self {
            root,
            shell: Shell::new(environment.clone()),
            exec: Exec::new(environment),
        }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.root.path().join(name)
    }

    async fn shell(&self, params: Value) -> Result<Output, Failure> {
        run(&self.shell, &used(params), &FakeHost::new()).await
    }

    async fn exec(&self, params: Value) -> Result<Output, Failure> {
        run(&self.exec, &used(params), &FakeHost::new()).await
    }
}

fn environment(root: &Path, path: &str) -> Environment {
    Environment {
        vars: vec![
            ("PATH".into(), path.into()),
            ("FROM_SNAPSHOT".into(), "yes".into()),
        ],
        root: root.to_owned(),
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn used(params: Value) -> Use {
    Use {
        params: written(&params),
        ..Use::default()
    }
}

fn with_env(params: Value, env: &[(&str, Text)]) -> Use {
    let env: IndexMap<String, Text> = env
        .iter()
        .map(|(name, text)| ((*name).to_owned(), text.clone()))
        .collect();
    Use { env, ..used(params) }
}

async fn run(action: &dyn Action, case: &Use, host: &FakeHost) -> Result<Output, Failure> {
    in_time(case.run(action, host)).await
}

async fn in_time<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
}

/// The process whose id is in this file, if it is there and not only waiting to be collected.
fn lives(pid_file: &Path) -> bool {
    let pid = std::fs::read_to_string(pid_file).unwrap();
    std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()))
        .is_ok_and(|stat| !stat.rsplit(") ").next().unwrap().starts_with('Z'))
}

/// Waits until `happened` is true.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !happened() {
            tokio::time::sleep(Duration::from_millis(5)).await; // paced: between two looks at a real process
        }
    });
    assert!(waited.await.is_ok(), "never happened: {what}");
}
