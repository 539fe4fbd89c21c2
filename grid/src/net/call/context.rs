//! [`Context`]: what a handler knows about its call.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::caller::Caller;
use crate::auth::Identity;
use crate::certificate::PeerCertificate;
use crate::net::link::peer::{Peer, Watch, Watched};
use crate::proto::wire::{Meta, TraceContext};
use crate::proto::{Key, RouteIndex, is_guest_name};

/// What a handler knows about its call: caller, identity, deadline, metadata and trace.
///
/// Cheap to clone. A clone can move to a task that outlives the handler; [`cancelled`](Self::cancelled) works there as
/// well.
///
/// ```
/// use grid::{Context, RemoteError};
///
/// #[grid::service]
/// trait Files {
///     async fn remove(&self, cx: &Context, path: String) -> Result<(), RemoteError>;
/// }
///
/// struct Disk;
///
/// impl Files for Disk {
///     async fn remove(&self, cx: &Context, path: String) -> Result<(), RemoteError> {
///         if cx.is_guest() {
///             return Err(RemoteError::new("guests may not remove files"));
///         }
///         println!("{} removes {path}, and waits for {:?}", cx.peer(), cx.time_left());
///         // Other nodes are told, with what is left of the deadline.
///         let others = cx.connection(cx.peer())?;
///         FilesClient::new(others).remove(path).within(cx).await?;
///         Ok(())
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Context {
    caller: Arc<Caller>,
    key: Key,
    route: RouteIndex,
    deadline: Option<Instant>,
    meta: Option<Arc<Meta>>,
}

impl Context {
    pub(in crate::net) fn new(
        caller: Arc<Caller>,
        key: Key,
        route: RouteIndex,
        deadline: Option<Instant>,
        meta: Option<Box<Meta>>,
    ) -> Self {
        Self { caller, key, route, deadline, meta: meta.map(Arc::from) }
    }

    /// The link over which the call arrived.
    pub(in crate::net) fn link(&self) -> &Arc<Peer> {
        &self.caller.peer
    }

    /// The handler that was called.
    #[cfg(debug_assertions)]
    pub(super) fn route(&self) -> RouteIndex {
        self.route
    }

    /// The interceptors of the calls that this node makes; see [`Caller`].
    pub(in crate::net) fn calls(&self) -> &(dyn Any + Send + Sync) {
        &*self.caller.calls
    }

    /// Name of the node that calls.
    pub fn peer(&self) -> &str {
        &self.link().name
    }

    /// The certificate with which the calling node has proved who it is, on the connection over which the call arrived.
    ///
    /// `None` without TLS, on the link of a node to itself, and if the caller has dialed this node and was not asked for a
    /// client certificate.
    pub fn certificate(&self) -> Option<&PeerCertificate> {
        self.caller.certificate.as_ref()
    }

    /// Whether the caller is a [`Guest`](crate::Guest): a program that is on no host list.
    pub fn is_guest(&self) -> bool {
        is_guest_name(self.peer())
    }

    /// Name of this node.
    pub fn local(&self) -> &str {
        &self.link().local
    }

    /// What was proven about the node that calls, when the connection was made over which the call has arrived.
    ///
    /// Of a node that this one has dialed, that is what [`Authenticate::verify`](crate::Authenticate::verify) has returned;
    /// of a node that has dialed this one, what [`Authenticate::check`](crate::Authenticate::check) has. Calls of a node to
    /// itself have the identity of this node.
    pub fn identity(&self) -> &Identity {
        &self.caller.identity
    }

    /// The subroute under which the handler was called.
    pub fn subroute(&self) -> Option<&str> {
        self.link().label(self.route)?.subroute.as_deref()
    }

    /// Name of the method that was called, as `Service/method`.
    pub fn method(&self) -> &str {
        self.link().label(self.route).map(|label| &*label.method).unwrap_or_default()
    }

    /// The time at which the call fails at the caller, and the handler's future is dropped.
    pub fn deadline(&self) -> Option<tokio::time::Instant> {
        self.deadline.map(tokio::time::Instant::from_std)
    }

    /// The time until the [`deadline`](Self::deadline); zero when it has passed.
    pub fn time_left(&self) -> Option<Duration> {
        self.deadline()
            .map(|deadline| deadline.saturating_duration_since(tokio::time::Instant::now()))
    }

    /// A value that the caller sent with [`metadata`](crate::RawCall::metadata).
    pub fn metadata(&self, key: &str) -> Option<&Bytes> {
        self.meta.as_ref()?.value(key)
    }

    /// The trace that this call is part of.
    ///
    /// Calls made [`within`](crate::RawCall::within) this context use it unchanged. To add a span, set another trace
    /// context on them with [`trace`](crate::RawCall::trace).
    pub fn trace(&self) -> Option<TraceContext> {
        self.meta.as_ref()?.trace
    }

    /// The W3C `tracestate` of the trace, with the entries of the tracing systems on the way.
    pub fn trace_state(&self) -> Option<&str> {
        self.meta.as_ref()?.state.as_deref()
    }

    /// Sets an earlier deadline than the caller's.
    pub(in crate::net) fn set_deadline(&mut self, deadline: tokio::time::Instant) {
        self.deadline = Some(deadline.into_std());
    }

    /// Sets another trace than the caller's.
    pub(in crate::net) fn set_trace(&mut self, trace: TraceContext, state: Option<String>) {
        let meta = Arc::make_mut(self.meta.get_or_insert_default());
        (meta.trace, meta.state) = (Some(trace), state);
    }

    /// Adds a value as if the caller had sent it.
    pub(in crate::net) fn add_metadata(&mut self, key: String, value: Bytes) {
        Arc::make_mut(self.meta.get_or_insert_default()).user.push((key, value));
    }

    /// Runs `work` on a thread where it may block, once there is a free slot (link/blocking.rs).
    pub(crate) async fn run_blocking<T: Send + 'static>(
        self,
        work: impl FnOnce(Self) -> T + Send + 'static,
    ) -> T {
        let peer = Arc::clone(self.link());
        peer.blocking.run(move || work(self)).await
    }

    /// Waits until the call has ended: it was answered or cancelled, its deadline passed, or its link was lost.
    ///
    /// The handler's own future is dropped in all these cases. Use this in tasks that the handler has spawned.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn cancelled(&self) {
        let mut watch = Watch::new(self.link(), Watched::Finished(self.key));
        watch.until(|shared| (!shared.link.is_served(self.key)).then_some(())).await;
    }

    /// Waits until this node begins to shut down, or has removed the caller from its host list.
    ///
    /// A handler that would never return, such as one that sends what happens from now on, should return then. Otherwise
    /// [`Manager::shutdown`](crate::Manager::shutdown) and [`Members::remove`](crate::Members::remove) wait for it until the
    /// end of their grace, and the caller receives an error in place of the end of the stream.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn draining(&self) {
        let mut watch = Watch::new(self.link(), Watched::Draining);
        watch.until(|shared| shared.link.is_shutting_down().then_some(())).await;
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
