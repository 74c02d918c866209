//! What uses of `k8s` are known to do without a cluster, and what they really do with one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod effect;
mod real;
mod refused;
mod value;

use runbook_action::{Failure, Kind, Recognised};
use runbook_action_k8s::Language;
use runbook_testkit::contract::written;
use serde_json::Value;

fn recognise(params: &Value) -> Result<Recognised, Failure> {
    Language.recognise(&written(params))
}
