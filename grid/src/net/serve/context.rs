//! What a handler learns about the call it serves.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::net::link::peer::Peer;
use crate::proto::wire::{Meta, TraceContext};
use crate::proto::{Key, RouteIndex};

/// The circumstances of a call, for its handler.
///
/// Cheap to clone; a clone may go to a task that outlives the handler, where [`cancelled`](Self::cancelled) still tells
/// when the call is over.
#[derive(Clone)]
pub struct Context {
    peer: Arc<Peer>,
    key: Key,
    route: RouteIndex,
    deadline: Option<Instant>,
    meta: Option<Arc<Meta>>,
}

impl Context {
    pub(crate) fn new(
        peer: Arc<Peer>,
        key: Key,
        route: RouteIndex,
        deadline: Option<Instant>,
        meta: Option<Box<Meta>>,
    ) -> Self {
        Self { peer, key, route, deadline, meta: meta.map(Arc::from) }
    }

    /// Name of the node that calls.
    pub fn peer(&self) -> &str {
        &self.peer.name
    }

    /// Name of this node.
    pub fn local(&self) -> &str {
        &self.peer.local
    }

    /// The subroute under which the handler was called.
    pub fn subroute(&self) -> Option<&str> {
        self.peer.subroute_of(self.route)
    }

    /// Name of the method that was called, as `Service/method`.
    pub fn method(&self) -> &str {
        self.peer.method_of(self.route)
    }

    /// When the caller stops waiting. The handler's future is dropped then.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        self.deadline.map(tokio::time::Instant::from_std)
    }

    /// The time until the [`deadline`](Self::deadline); zero when it has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline()
            .map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()))
    }

    /// A value that the caller sent along with [`metadata`](crate::RawCall::metadata).
    pub fn metadata(&self, key: &str) -> Option<&Bytes> {
        self.meta.as_ref()?.user.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// The trace that the caller made this call part of.
    ///
    /// Calls that are made [`within`](crate::RawCall::within) this context carry it on as it is. To add a span of one's
    /// own, give them another one with [`trace`](crate::RawCall::trace).
    pub fn trace(&self) -> Option<TraceContext> {
        self.meta.as_ref()?.trace
    }

    /// What the tracing systems on the way have added to the trace: a W3C `tracestate`.
    pub fn trace_state(&self) -> Option<&str> {
        self.meta.as_ref()?.state.as_deref()
    }

    /// Ready when the call is over: answered, cancelled by the caller, past its deadline, or its link lost.
    ///
    /// The handler's own future is dropped in all these cases; this is for tasks that it has spawned.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn cancelled(&self) {
        let mut watch = Watch { context: self, place: None };
        std::future::poll_fn(|cx| {
            let Watch { context, place } = &mut watch;
            context.peer.poll_over(context.key, place, cx)
        })
        .await;
    }
}

/// Somebody who waits for the end of a call; dropped, it leaves its place.
struct Watch<'a> {
    context: &'a Context,
    place: Option<usize>,
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.context.peer.forget_over(self.context.key, place);
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("peer", &self.peer())
            .field("method", &self.method())
            .field("subroute", &self.subroute())
            .field("time_left", &self.time_left())
            .finish_non_exhaustive()
    }
}
