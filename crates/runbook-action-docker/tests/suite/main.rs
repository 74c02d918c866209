//! What `docker` and `compose` are known to do without an engine, and what they really do with one.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod contract;
mod effect;
mod real;
mod refused;
mod value;

use std::sync::Arc;

use runbook_action::{
    Call, Command, Endpoint, ErrorKind, Failure, Forward, Handle, Process, Settled, Transport, async_trait,
};
use runbook_action_docker::{Compose, Environment};

/// The action `compose` for what asks nobody.
fn compose() -> Compose {
    Compose::new(Environment::default(), Arc::new(Nowhere))
}

/// A place where nothing runs.
#[derive(Debug)]
struct Nowhere;

#[async_trait]
impl Transport for Nowhere {
    fn place(&self) -> String {
        "nowhere".to_owned()
    }

    async fn spawn(&self, _command: &Command) -> Result<Box<dyn Process>, Failure> {
        Err(Failure::new(
            ErrorKind::MissingProgram,
            "nothing is installed here",
        ))
    }

    async fn forward(&self, _to: &Endpoint) -> Result<Box<dyn Forward>, Failure> {
        Err(Failure::new(
            ErrorKind::Unreachable,
            "nothing is reached from here",
        ))
    }

    async fn finds(&self, _program: &str) -> Result<bool, Failure> {
        Ok(false)
    }

    async fn settle(&self, _call: Call<'_>, _handles: &[Handle]) -> Result<Settled, Failure> {
        Ok(Settled::Nothing)
    }
}
