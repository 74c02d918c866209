//! `http` with real servers on the loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod auth;
mod contract;
mod failure;
mod hostile;
mod multipart;
mod prometheus;
mod promql;
mod proxy;
mod redirect;
mod request;
mod result;
mod server;
mod through;
mod tls;
mod wrong;

use runbook_action::{Action, Connection, Failure, Output, Param};
use runbook_action_http::Http;
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

fn http() -> Http {
    Http::new(std::env::temp_dir())
}

#[expect(clippy::unnecessary_wraps, reason = "a `Use` has it so")]
fn connection(params: Param) -> Option<Connection> {
    Some(Connection {
        name: "api".to_owned(),
        params,
    })
}

/// These parameters, through a connection to `base`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn through(base: &str, params: Value) -> Use {
    Use {
        params: written(&params),
        connection: connection(written(&json!({"http": base}))),
        ..Use::default()
    }
}

async fn run(case: &Use) -> Result<Output, Failure> {
    run_with(case, &FakeHost::new()).await
}

async fn run_with(case: &Use, host: &FakeHost) -> Result<Output, Failure> {
    let http = http();
    let work = case.run(&http as &dyn Action, host);
    tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
}

async fn ask(case: &Use) -> Result<Output, Failure> {
    let (http, host) = (http(), FakeHost::new());
    let work = case.ask(&http, &host);
    tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
}
