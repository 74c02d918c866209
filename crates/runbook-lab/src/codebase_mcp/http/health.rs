//! How the service is. Neither page needs a connection of the pool, so both answer when it is exhausted.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde::Serialize;

use super::Service;

/// The service is degraded above this; alerts watch for the same.
const UTILIZATION_MAX: f64 = 0.95;

#[derive(Serialize)]
pub(super) struct Health {
    status: &'static str,
    database_status: &'static str,
    connection_pool: ConnectionPool,
}

#[derive(Serialize)]
struct ConnectionPool {
    max_size: u32,
    size: u32,
    in_use: u32,
    idle: u32,
    waiting: u32,
    pool_utilization: f64,
    idle_timeout_s: Option<u64>,
}

pub(super) async fn status(State(service): State<Arc<Service>>) -> Json<Health> {
    let pool = pool(&service);
    let connected = service.connected().await;
    let healthy = connected && pool.pool_utilization <= UTILIZATION_MAX;
    Json(Health {
        status: if healthy { "healthy" } else { "degraded" },
        database_status: if connected { "connected" } else { "disconnected" },
        connection_pool: pool,
    })
}

pub(super) async fn metrics(State(service): State<Arc<Service>>) -> impl IntoResponse {
    let ConnectionPool {
        pool_utilization,
        in_use,
        max_size,
        ..
    } = pool(&service);
    let requests = service.requests.load(Ordering::Relaxed);
    let text = format!(
        "# HELP pool_utilization Connections in use, as a share of the pool's limit.\n\
         # TYPE pool_utilization gauge\n\
         pool_utilization {pool_utilization}\n\
         # HELP pool_in_use Connections in use.\n\
         # TYPE pool_in_use gauge\n\
         pool_in_use {in_use}\n\
         # HELP pool_max_size Limit of the pool.\n\
         # TYPE pool_max_size gauge\n\
         pool_max_size {max_size}\n\
         # HELP http_requests_total Requests that arrived.\n\
         # TYPE http_requests_total counter\n\
         http_requests_total {requests}\n"
    );
    (
        [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        text,
    )
}

fn pool(service: &Service) -> ConnectionPool {
    let extent = service.gate.extent();
    let in_use = u32::try_from(service.leases.len()).unwrap_or(u32::MAX);
    let share = f64::from(in_use) / f64::from(extent.max_size);
    ConnectionPool {
        max_size: extent.max_size,
        size: extent.size,
        in_use,
        idle: extent.idle,
        waiting: extent.waiting,
        pool_utilization: (share * 10_000.0).round() / 10_000.0,
        idle_timeout_s: service.idle_timeout.seconds(),
    }
}
