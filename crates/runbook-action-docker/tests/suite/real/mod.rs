//! What runs, runs against an engine that the tests start.

mod keeping;
mod limits;
mod podman;
mod program;
mod reading;
mod registry;
mod settle;
mod state;
mod things;
mod tls;
mod trouble;

use std::path::Path;
use std::sync::OnceLock;

use runbook_action::{Action as _, Connection, Failure, Output, Preview};
use runbook_action_docker::{Docker, Environment};
use runbook_testkit::contract::{Use, written};
use runbook_testkit::docker::Engine;
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The directory that stands for the project's root.
fn root() -> &'static Path {
    static ROOT: OnceLock<TempDir> = OnceLock::new();
    ROOT.get_or_init(|| TempDir::with_prefix("runbook-").unwrap())
        .path()
}

fn docker() -> Docker {
    Docker::new(Environment {
        vars: Vec::new(),
        root: root().to_owned(),
        ..Environment::default()
    })
}

/// A connection to this engine.
fn connection(engine: &Engine) -> Connection {
    Connection {
        name: "engine".to_owned(),
        params: written(&json!({"docker": {"socket": engine.socket()}})),
    }
}

/// A use of `docker` with the shared engine.
fn used(params: Value) -> Use {
    with(Engine::shared(), params)
}

fn with(engine: &Engine, params: Value) -> Use {
    let read = written(&params);
    drop(params);
    Use {
        params: read,
        connection: Some(connection(engine)),
        ..Use::default()
    }
}

async fn run(params: Value) -> Result<Output, Failure> {
    used(params).run(&docker(), &FakeHost::new()).await
}

/// The result of what must succeed.
async fn done(params: Value) -> Value {
    match run(params.clone()).await {
        Ok(output) => output.value,
        Err(failure) => panic!("{params}: {failure:?}"),
    }
}

/// The failure of what must fail.
async fn fails(params: Value) -> Failure {
    match run(params.clone()).await {
        Ok(output) => panic!("{params}: {output:?}"),
        Err(failure) => failure,
    }
}

async fn preview(params: Value) -> Preview {
    let seen = used(params).preview(&docker(), &FakeHost::new()).await;
    seen.unwrap().unwrap()
}

/// The engine and a container that lives until it is ended.
fn idle(stem: &str, options: &[&str]) -> String {
    Engine::shared().container(stem, options, &["idle"])
}

fn kind() -> &'static [&'static str] {
    docker().carriers()
}

#[test]
fn an_engine_is_reached_through_another_machine() {
    assert_eq!(kind(), ["ssh"]);
}
