//! The HTTP face of the service: routes, and what all requests have in common.

mod admin;
mod health;
mod reply;
mod search;
pub(super) mod writes;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::Router;
use axum::body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::watch;

use self::reply::Refusal;
use super::Service;

/// Far more than any request of this service needs.
const BODY_MAX: usize = 64 * 1024;

/// Answers requests until it is dropped. Requests that are in flight when `ending` closes are cut short.
pub(crate) async fn serve(service: Arc<Service>, listener: TcpListener, ending: watch::Receiver<()>) {
    let common = Common {
        service: Arc::clone(&service),
        ending,
    };
    let routes = Router::new()
        .route("/health/status", get(health::status))
        .route("/metrics", get(health::metrics))
        .route("/search", post(search::search))
        .route("/admin/pool/connections", get(admin::connections))
        .route("/admin/pool/terminate", post(admin::terminate))
        .route("/admin/pool/resize", post(admin::resize))
        .route(
            "/admin/pool/idle-timeout",
            get(admin::idle_timeout).put(admin::set_idle_timeout),
        )
        .route("/admin/writes", get(writes::list))
        .fallback(reply::unknown_path)
        .method_not_allowed_fallback(reply::wrong_method)
        .layer(middleware::from_fn_with_state(common, observe))
        .with_state(service);
    // `axum` retries what can fail here, so this ends only by being dropped.
    let _never = axum::serve(listener, routes).await;
}

#[derive(Clone)]
struct Common {
    service: Arc<Service>,
    ending: watch::Receiver<()>,
}

/// Counts a request, writes it down if it may change something, and lets it end when the system ends.
async fn observe(State(mut common): State<Common>, request: Request, next: Next) -> Response {
    let service = &common.service;
    service.requests.fetch_add(1, Ordering::Relaxed);
    let (head, body) = request.into_parts();
    let Ok(bytes) = body::to_bytes(body, BODY_MAX).await else {
        return Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large").into_response();
    };
    service.writes.notice(&head, &bytes);
    let request = Request::from_parts(head, bytes.into());
    tokio::select! {
        response = next.run(request) => response,
        _ended = common.ending.changed() => {
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the service is stopping").into_response()
        }
    }
}
