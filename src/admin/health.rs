//! What machines ask without credentials: alive, ready, metrics. Tells nothing of any tenant that
//! the metrics do not.

use axum::http::{StatusCode, header};
use axum::response::IntoResponse;

use super::State;

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/-/healthy", tag = "health", security(()),
    responses((status = 200, description = "It is.", body = String, content_type = "text/plain"))
)]
pub(super) async fn healthy() -> &'static str {
    "healthy\n"
}

/// Whether this node takes requests: it has loaded its records and is not stopping.
#[utoipa::path(
    get, path = "/-/ready", tag = "health", security(()),
    responses(
        (status = 200, description = "It does.", body = String, content_type = "text/plain"),
        (status = 503, description = "Not yet, or no longer.", body = String, content_type = "text/plain"),
    )
)]
pub(super) async fn ready(state: State) -> impl IntoResponse {
    match (state.wiring.ready)() {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n"),
    }
}

/// Metrics of this node, in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", tag = "health", security(()),
    responses((status = 200, description = "All metric families.", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics(state: State) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], (state.wiring.metrics)())
}
