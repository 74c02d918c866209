//! The work that the service is there for.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::Service;
use super::reply::{Body, Refusal};
use crate::codebase_mcp::gate::ACQUIRE_TIMEOUT;
use crate::codebase_mcp::table::{self, Chunk};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    query: String,
}

#[derive(Serialize)]
pub(super) struct Answer {
    results: Vec<Chunk>,
    waited_ms: u64,
}

pub(super) async fn search(
    State(service): State<Arc<Service>>,
    Body(question): Body<Question>,
) -> Result<Json<Answer>, Refusal> {
    let asked = Instant::now();
    let mut connection = service.gate.acquire().await.map_err(|error| refuse(&error))?;
    let waited_ms = u64::try_from(asked.elapsed().as_millis()).unwrap_or(u64::MAX);
    let _lease = service.leases.active("search");
    let results = table::search(&mut connection, &question.query)
        .await
        .map_err(|error| refuse(&error))?;
    Ok(Json(Answer { results, waited_ms }))
}

fn refuse(error: &sqlx::Error) -> Refusal {
    if matches!(error, sqlx::Error::PoolTimedOut) {
        let error = format!("no connection within {} s", ACQUIRE_TIMEOUT.as_secs());
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
    } else {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the database failed: {error}"),
        )
    }
}
