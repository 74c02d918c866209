//! What an operator can look at and change.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use super::Service;
use super::reply::{Body, Refusal};
use crate::Fault;
use crate::codebase_mcp::leases::{self, Shown};
use crate::settings::POOL_SIZE_MAX;

/// The longest idle timeout: a day.
const IDLE_TIMEOUT_MAX: u64 = 24 * 60 * 60;

#[derive(Serialize)]
pub(super) struct Holders {
    connections: Vec<Shown>,
    idle: usize,
    active: usize,
}

pub(super) async fn connections(State(service): State<Arc<Service>>) -> Json<Holders> {
    let connections = service.leases.show();
    let idle = connections
        .iter()
        .filter(|shown| shown.state == leases::State::Idle)
        .count();
    let active = connections.len() - idle;
    Json(Holders {
        connections,
        idle,
        active,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Terminate {
    idle_longer_than_ms: u64,
}

#[derive(Serialize)]
pub(super) struct Terminated {
    terminated: Vec<u64>,
    left: usize,
}

pub(super) async fn terminate(
    State(service): State<Arc<Service>>,
    Body(terminate): Body<Terminate>,
) -> Json<Terminated> {
    let taken = service
        .leases
        .take_idle(Duration::from_millis(terminate.idle_longer_than_ms));
    let terminated = leases::close(taken).await;
    Json(Terminated {
        terminated,
        left: service.leases.len(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resize {
    max_size: u32,
}

#[derive(Serialize)]
pub(super) struct Resized {
    max_size: u32,
    previous_max_size: u32,
}

pub(super) async fn resize(
    State(service): State<Arc<Service>>,
    Body(Resize { max_size }): Body<Resize>,
) -> Result<Json<Resized>, Refusal> {
    if !(1..=POOL_SIZE_MAX).contains(&max_size) {
        let error = format!("`max_size` is {max_size}, outside 1 to {POOL_SIZE_MAX}");
        return Err(Refusal::unprocessable(error));
    }
    if service.has(Fault::ResizeFails) {
        return Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the pool cannot be resized",
        ));
    }
    let previous_max_size = if service.has(Fault::ResizeHasNoEffect) {
        service.gate.max_size()
    } else {
        service.gate.resize(&service.source, max_size)
    };
    Ok(Json(Resized {
        max_size,
        previous_max_size,
    }))
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct IdleTimeout {
    /// This has to be given: `null` turns the timeout off.
    #[serde(deserialize_with = "Option::deserialize")]
    seconds: Option<u64>,
}

pub(super) async fn idle_timeout(State(service): State<Arc<Service>>) -> Json<IdleTimeout> {
    Json(IdleTimeout {
        seconds: service.idle_timeout.seconds(),
    })
}

pub(super) async fn set_idle_timeout(
    State(service): State<Arc<Service>>,
    Body(IdleTimeout { seconds }): Body<IdleTimeout>,
) -> Result<Json<IdleTimeout>, Refusal> {
    if let Some(seconds) = seconds.filter(|seconds| !(1..=IDLE_TIMEOUT_MAX).contains(seconds)) {
        let error = format!("`seconds` is {seconds}, outside 1 to {IDLE_TIMEOUT_MAX}");
        return Err(Refusal::unprocessable(error));
    }
    service.idle_timeout.set(seconds);
    Ok(Json(IdleTimeout { seconds }))
}
