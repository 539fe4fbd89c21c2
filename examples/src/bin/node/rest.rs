//! REST for users, load balancers and Prometheus, and the route of the grid.

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use grid::{CallError, Manager};
use tokio::sync::watch;

use crate::items::{ItemsClient, KEY_BYTES_MAX, PutError, VALUE_BYTES_MAX, owner};
use crate::observe::Exporter;
use crate::settings::ReadyWhen;

#[derive(Clone)]
pub(crate) struct App {
    pub(crate) manager: Manager,
    pub(crate) ready_when: ReadyWhen,
    pub(crate) is_stopping: watch::Receiver<bool>,
    pub(crate) exporter: Exporter,
}

/// All routes of the port.
pub(crate) fn router(app: App) -> Router {
    let grid = app.manager.http_service();
    Router::new()
        .route("/items/{key}", get(read).put(write))
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(|State(app): State<App>| async move { app.exporter.scraped() }))
        .layer(DefaultBodyLimit::max(VALUE_BYTES_MAX))
        .with_state(app)
        .route_service(grid::ROUTE, grid)
}

async fn read(State(app): State<App>, Path(key): Path<String>) -> Response {
    let (owner, items) = match app.items(&key) {
        Ok(found) => found,
        Err(refused) => return refused.into_response(),
    };
    let owner = [("x-owner", owner)];
    match items.get(key).await {
        Ok(Some(value)) => (owner, value).into_response(),
        Ok(None) => (StatusCode::NOT_FOUND, owner, "there is no such item\n").into_response(),
        Err(error) => failed(&error, StatusCode::BAD_GATEWAY),
    }
}

async fn write(State(app): State<App>, Path(key): Path<String>, value: Bytes) -> Response {
    let items = match app.items(&key) {
        Ok((_, items)) => items,
        Err(refused) => return refused.into_response(),
    };
    match items.put(key, value).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error @ CallError::Handler(PutError::Full)) => {
            failed(&error, StatusCode::INSUFFICIENT_STORAGE)
        }
        Err(error) => failed(&error, StatusCode::BAD_GATEWAY),
    }
}

/// 503 if the item was not touched and another attempt may succeed.
fn failed<E: std::fmt::Display>(error: &CallError<E>, otherwise: StatusCode) -> Response {
    let text = format!("{error}\n");
    match error {
        error if error.is_retryable() || matches!(error, CallError::ShutDown) => {
            (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "1")], text).into_response()
        }
        CallError::DeadlineExceeded { .. } => (StatusCode::GATEWAY_TIMEOUT, text).into_response(),
        _ => (otherwise, text).into_response(),
    }
}

/// Whether the load balancer should send requests here. The body names the peers that are missing, also if it is 200.
async fn ready(State(app): State<App>) -> (StatusCode, String) {
    if *app.is_stopping.borrow() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".into());
    }
    let (mut nodes, mut missing) = (1, Vec::new());
    for peer in app.manager.connections() {
        nodes += 1;
        let state = peer.state();
        if !state.is_connected() {
            missing.push(format!("{}: {state}\n", peer.peer()));
        }
    }
    missing.sort();
    let is_ready = match app.ready_when {
        ReadyWhen::All => missing.is_empty(),
        ReadyWhen::Majority => 2 * (nodes - missing.len()) > nodes,
    };
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, format!("{} of {nodes} nodes\n{}", nodes - missing.len(), missing.concat()))
}

impl App {
    /// The owner of a key, and a client for it: this node calls itself in the same way.
    fn items(&self, key: &str) -> Result<(String, ItemsClient), (StatusCode, String)> {
        if key.len() > KEY_BYTES_MAX {
            let text = format!("a key has at most {KEY_BYTES_MAX} bytes\n");
            return Err((StatusCode::URI_TOO_LONG, text));
        }
        let owner = owner(self.manager.hosts().map(|host| host.to_string()), key);
        let owner = owner.expect("a node is a host itself");
        match self.manager.connection(&owner) {
            Ok(connection) => Ok((owner, ItemsClient::new(connection))),
            // It was removed just now.
            Err(error) => Err((StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n"))),
        }
    }
}
