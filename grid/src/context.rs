//! What a handler learns about the call it serves.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::net::Peer;
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
        self.peer.name()
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

    pub(crate) fn trace(&self) -> Option<(TraceContext, Option<String>)> {
        let meta = self.meta.as_ref()?;
        Some((meta.trace?, meta.state.clone()))
    }

    /// Ready when the call is over: answered, cancelled by the caller, past its deadline, or its link lost.
    ///
    /// The handler's own future is dropped in all these cases; this is for tasks that it has spawned.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub async fn cancelled(&self) {
        std::future::poll_fn(|cx| self.peer.poll_over(self.key, cx)).await;
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
