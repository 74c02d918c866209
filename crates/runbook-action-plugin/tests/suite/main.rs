//! `uses` with real programs: the example in Python, and small ones that break each rule of the protocol.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod contract;
mod crashed;
mod descriptor;
mod hostile;
mod one;
mod pinned;
mod preview;
mod undo;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use runbook_action::{Failure, Output};
use runbook_action_plugin::{Lock, Pin, Places, Uses, describe, digest};
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A project with a folder of plugins, and with a lock.
struct Project {
    directory: TempDir,
    lock: Lock,
}

impl Project {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::create_dir(directory.path().join("plugins")).unwrap();
        Self {
            directory,
            lock: Lock::default(),
        }
    }

    /// With the example, pinned.
    async fn with_ledger() -> Self {
        let mut project = Self::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../../examples/plugins/plugins/runbook-action-ledger");
        fs::copy(example, project.program("ledger")).unwrap();
        project.pin("ledger").await;
        project
    }

    /// With a shell script that reads its request into `request` and then does this, pinned as one that changes.
    fn with_script(script: &str) -> Self {
        let mut project = Self::new();
        project.write("bad", &format!("read -r request\n{script}\n"));
        let descriptor = json!({
            "protocol": 1, "doc": "Breaks a rule.", "effect": "change",
            "params": {"x": {"type": "any", "doc": "Anything."}},
            "effects": [{"param": "x", "is": "auto", "effect": "change", "undo": "automatic"}],
        });
        let pin = Pin {
            sha256: digest(&project.program("bad")).unwrap(),
            descriptor: serde_json::from_value(descriptor).unwrap(),
        };
        project.lock.plugins.insert("bad".to_owned(), pin);
        project
    }

    fn root(&self) -> &Path {
        self.directory.path()
    }

    fn program(&self, name: &str) -> PathBuf {
        self.root().join(format!("plugins/runbook-action-{name}"))
    }

    fn write(&self, name: &str, script: &str) {
        let file = self.program(name);
        fs::write(&file, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the programs need a `PATH`, as those of the test have"
    )]
    fn places(&self) -> Places {
        Places {
            root: self.root().to_owned(),
            vars: std::env::vars_os().collect(),
        }
    }

    async fn pin(&mut self, name: &str) {
        let place = self.places().find(name).expect("it is there");
        let descriptor = describe(&self.places(), &place)
            .await
            .expect("it describes itself");
        let pin = Pin {
            sha256: digest(&place.file).unwrap(),
            descriptor,
        };
        self.lock.plugins.insert(name.to_owned(), pin);
    }

    fn uses(&self) -> Uses {
        Uses::new(self.places(), Some(&self.lock.text()))
    }

    async fn run(&self, case: &Use) -> Result<Output, Failure> {
        self.run_with(case, &FakeHost::new()).await
    }

    async fn run_with(&self, case: &Use, host: &FakeHost) -> Result<Output, Failure> {
        let uses = self.uses();
        let work = case.run(&uses, host);
        tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn used(name: &str, with: Value) -> Use {
    Use {
        params: written(&json!({"uses": name, "with": with})),
        ..Use::default()
    }
}
