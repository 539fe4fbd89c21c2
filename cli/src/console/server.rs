//! The routes of the console.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use tokio::net::TcpListener;

use super::app::{App, Shared};
use super::assets::with_files;
use super::call::call;
use super::connections;
use super::guard::{Guard, guarded};
use super::live::live;
use super::origin::Origin;
use super::tap::tap;

/// The largest body of a request, which is that of a call.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Serves the console. Never ends, except with an error of the listener.
pub(crate) async fn serve(
    listener: TcpListener,
    origin: Origin,
    guard: Guard,
    allows_calls: bool,
) -> io::Result<Infallible> {
    let router = router(Arc::new(App::new(origin, allows_calls)), Arc::new(guard));
    connections::serve(listener, router).await
}

fn router(app: Shared, guard: Arc<Guard>) -> Router {
    let api = Router::new()
        .route("/api/state", get(state))
        .route("/api/live", get(live))
        .route("/api/services", get(services))
        .route("/api/tap", get(tap))
        .route("/api/call", post(call));
    with_files(api)
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .fallback(|| async { (StatusCode::NOT_FOUND, "the console has no such page") })
        .layer(from_fn_with_state(guard, guarded))
        .with_state(app)
}

async fn state(State(app): State<Shared>) -> impl IntoResponse {
    let state = app.origin.states.borrow().to_string();
    ([(CONTENT_TYPE, "application/json")], state)
}

async fn services(State(app): State<Shared>) -> impl IntoResponse {
    Json(app.origin.services())
}
