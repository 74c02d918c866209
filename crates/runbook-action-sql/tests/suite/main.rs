//! `sql` with real databases.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod authority;
mod cluster;
mod contract;
mod effect;
mod encrypted;
mod lack;
mod mysql;
mod mysql_settle;
mod postgres;
mod preview;
mod preview_elsewhere;
mod preview_hostile;
mod server;
mod setting;
mod settle;
mod sqlite;
mod statement;
mod transaction;
mod trouble;
mod types;
mod values;

use runbook_action::{Connection, Failure, Output, Param};
use runbook_action_sql::Sql;
use runbook_testkit::contract::{PATIENCE, Use, written};
use runbook_testkit::host::FakeHost;
use serde_json::{Value, json};

#[expect(clippy::unnecessary_wraps, reason = "a `Use` has it so")]
fn connection(params: Param) -> Option<Connection> {
    let name = "db".to_owned();
    Some(Connection { name, params })
}

/// These parameters on the database at `url`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "a `&` before each `json!` says nothing"
)]
fn on(url: &str, params: Value) -> Use {
    Use {
        params: written(&params),
        connection: connection(written(&json!({"sql": url}))),
        ..Use::default()
    }
}

async fn run(sql: &Sql, case: &Use) -> Result<Output, Failure> {
    run_with(sql, case, &FakeHost::new()).await
}

async fn run_with(sql: &Sql, case: &Use, host: &FakeHost) -> Result<Output, Failure> {
    let work = case.run(sql, host);
    tokio::time::timeout(PATIENCE, work).await.expect("it hangs")
}

/// The first value of the first row.
async fn one(sql: &Sql, url: &str, params: Value) -> Value {
    let output = run(sql, &on(url, params)).await.unwrap();
    let row = output.value["rows"][0].as_object().expect("no row").clone();
    row.into_iter().next().expect("no column").1
}
