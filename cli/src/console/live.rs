//! GET /api/live: the state of each second as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, unfold};

use super::app::Shared;

/// What is sent while nothing happens, as at a recording, so that the connection is known to be up.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The state now, and then each new one. A page that is too slow misses states.
pub(super) async fn live(State(app): State<Shared>) -> Response {
    let Ok(permit) = Arc::clone(&app.pages).try_acquire_owned() else {
        return busy("too many pages are open");
    };
    let mut states = app.origin.states.clone();
    states.mark_changed();
    events(unfold((states, permit), |(mut states, permit)| async {
        states.changed().await.ok()?;
        let event = Event::default().data(&**states.borrow_and_update());
        Some((event, (states, permit)))
    }))
}

/// Sends events to a page.
pub(super) fn events(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;

    let events = events.map(Ok::<_, Infallible>);
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response()
}

pub(super) fn busy(text: &'static str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}
