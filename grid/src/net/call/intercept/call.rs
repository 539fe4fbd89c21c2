//! [`Intercepted`]: what an interceptor sees of a call, and may change.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::observe::{Observe, Observer};
use crate::auth::Identity;
use crate::net::call::context::Context;
use crate::net::call::method::{MethodName, split};
use crate::net::call::options::CallOptions;
use crate::net::link::peer::Peer;
use crate::proto::wire::TraceContext;

/// A call that passes the interceptors of a node: everything but its payload.
///
/// ```
/// use grid::intercept::{Intercepted, Next, Outcome};
///
/// /// Tells the callee for whom a call is made.
/// async fn for_tenant(mut call: Intercepted, next: Next) -> Outcome {
///     call.add_metadata("tenant", "blue");
///     next.run(call).await
/// }
///
/// let builder = grid::Manager::builder("http://node1:9000").intercept_calls(for_tenant);
/// # let _ = builder;
/// ```
pub struct Intercepted {
    pub(in crate::net) of: Of,
    /// The name at the byte level, such as `handler 78`.
    handler: Option<Box<str>>,
    request_bytes: usize,
    is_stream: bool,
    pub(in crate::net) observer: Option<Observer>,
}

/// Who makes the call.
pub(in crate::net) enum Of {
    /// The peer.
    Served {
        context: Context,
        /// An interceptor has set an earlier deadline than the caller.
        is_shortened: bool,
    },
    /// This node.
    Made { peer: Arc<Peer>, method: MethodName, options: CallOptions },
}

impl Intercepted {
    pub(in crate::net) fn served(context: Context, request_bytes: usize, is_stream: bool) -> Self {
        let of = Of::Served { context, is_shortened: false };
        Self { of, handler: None, request_bytes, is_stream, observer: None }
    }

    pub(in crate::net) fn made(
        peer: Arc<Peer>,
        method: MethodName,
        options: CallOptions,
        request_bytes: usize,
        is_stream: bool,
    ) -> Self {
        let handler = matches!(method, MethodName::Id(_)).then(|| method.to_string().into());
        let of = Of::Made { peer, method, options };
        Self { of, handler, request_bytes, is_stream, observer: None }
    }

    /// Whether this node serves the call. Otherwise it makes the call.
    pub fn is_served(&self) -> bool {
        matches!(self.of, Of::Served { .. })
    }

    /// Whether it is a stream, whose outcome is known when it has ended at the node that serves it, and when it is open at
    /// the node that makes it; see [`observe`](Self::observe).
    pub fn is_stream(&self) -> bool {
        self.is_stream
    }

    /// Name of the service; empty at the byte level.
    pub fn service(&self) -> &str {
        match &self.of {
            Of::Served { context, .. } => split(context.method()).0,
            Of::Made { method: MethodName::Typed { service, .. }, .. } => service,
            Of::Made { method: MethodName::Id(_), .. } => "",
        }
    }

    /// Name of the method without its service; at the byte level, `handler` with its id.
    pub fn method(&self) -> &str {
        match &self.of {
            Of::Served { context, .. } => split(context.method()).1,
            Of::Made { method: MethodName::Typed { name, .. }, .. } => name,
            Of::Made { .. } => self.handler.as_deref().unwrap_or_default(),
        }
    }

    /// Name of the method as `Service/method`; at the byte level, `handler` with its id.
    pub fn full_method(&self) -> Cow<'_, str> {
        match &self.of {
            Of::Served { context, .. } => Cow::Borrowed(context.method()),
            Of::Made { method, .. } => Cow::Owned(method.to_string()),
        }
    }

    /// Name of the other node: the one that has made the call, or that serves it.
    pub fn peer(&self) -> &str {
        match &self.of {
            Of::Served { context, .. } => context.peer(),
            Of::Made { peer, .. } => &peer.name,
        }
    }

    /// Name of this node.
    pub fn local(&self) -> &str {
        match &self.of {
            Of::Served { context, .. } => context.local(),
            Of::Made { peer, .. } => &peer.local,
        }
    }

    /// What was proven about the node that has made the call; `None` for a call that this node makes.
    pub fn identity(&self) -> Option<&Identity> {
        self.context().map(Context::identity)
    }

    /// What the handler knows about the call; `None` for a call that this node makes.
    pub fn context(&self) -> Option<&Context> {
        match &self.of {
            Of::Served { context, .. } => Some(context),
            Of::Made { .. } => None,
        }
    }

    /// Bytes of the arguments, in encoded form.
    pub fn request_bytes(&self) -> usize {
        self.request_bytes
    }

    /// When the call fails. `None`: never.
    pub fn deadline(&self) -> Option<Instant> {
        match &self.of {
            Of::Served { context, .. } => context.deadline(),
            Of::Made { options, .. } => {
                options.deadline(Instant::now()).map(|deadline| Instant::from_std(deadline.at))
            }
        }
    }

    /// Ends the call after this time, if its deadline is not earlier. A handler that is still running is dropped then, and
    /// the caller receives [`ErrorCode::DeadlineExceeded`](crate::ErrorCode::DeadlineExceeded).
    pub fn within(&mut self, time: Duration) {
        let Some(at) = Instant::now().checked_add(time) else { return };
        if self.deadline().is_some_and(|deadline| deadline <= at) {
            return;
        }
        match &mut self.of {
            Of::Served { context, is_shortened } => {
                context.set_deadline(at);
                *is_shortened = true;
            }
            Of::Made { options, .. } => options.set_deadline(at),
        }
    }

    /// A value that is sent with the call.
    pub fn metadata(&self, key: &str) -> Option<&Bytes> {
        match &self.of {
            Of::Served { context, .. } => context.metadata(key),
            Of::Made { options, .. } => options.metadata(key),
        }
    }

    /// Adds a value, which the handler reads with [`Context::metadata`]. In a call that this node makes, it is sent, and
    /// fails the call if the peer does not support metadata.
    pub fn add_metadata(&mut self, key: impl Into<String>, value: impl Into<Bytes>) {
        let (key, value) = (key.into(), value.into());
        match &mut self.of {
            Of::Served { context, .. } => context.add_metadata(key, value),
            Of::Made { options, .. } => options.add_metadata(key, value),
        }
    }

    /// The trace that the call is part of.
    pub fn trace(&self) -> Option<TraceContext> {
        match &self.of {
            Of::Served { context, .. } => context.trace(),
            Of::Made { options, .. } => options.trace(),
        }
    }

    /// The W3C `tracestate` of that trace.
    pub fn trace_state(&self) -> Option<&str> {
        match &self.of {
            Of::Served { context, .. } => context.trace_state(),
            Of::Made { options, .. } => options.trace_state(),
        }
    }

    /// Makes the call part of this trace. It is sent with a call that this node makes, if the peer supports metadata; of a
    /// call that this node serves, the handler and the calls that it makes [`within`](crate::RawCall::within) see it.
    pub fn set_trace(&mut self, trace: TraceContext, state: Option<String>) {
        match &mut self.of {
            Of::Served { context, .. } => context.set_trace(trace, state),
            Of::Made { options, .. } => options.set_trace_with(trace, state),
        }
    }

    /// Observes the items of a stream. Several observers of one call all see them. Does nothing for a single request.
    pub fn observe(&mut self, observer: impl Observe) {
        self.observer = Some(Observer::new(self.observer.take(), observer));
    }
}

impl fmt::Debug for Intercepted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Intercepted")
            .field("service", &self.service())
            .field("method", &self.method())
            .field("peer", &self.peer())
            .field("is_served", &self.is_served())
            .finish_non_exhaustive()
    }
}
