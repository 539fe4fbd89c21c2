//! Recorders: told of each call when it is over, and changing nothing. They have no futures of their own, so they cost less
//! than interceptors.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{CallError, CallFailure, Fault};
use crate::net::call::context::Context;
use crate::net::call::method::{MethodName, split};
use crate::net::link::peer::Peer;

/// Records calls that are over: for logs and metrics. Added with [`Builder::record`](crate::Builder::record).
///
/// It sees the calls that a node makes and those whose handlers it runs, once each, when they are over: answered, refused by
/// an interceptor, failed, or cancelled. What the node refuses before that, such as a call beyond a limit or of an unknown
/// handler, is seen by the node that makes the call. A stream is over when it has ended. A function of [`Finished`] is a recorder:
///
/// ```
/// use grid::intercept::Finished;
///
/// let builder = grid::Manager::builder("http://node1:9000").record(|call: &Finished<'_>| {
///     println!("{} at {}: {} after {:?}", call.full_method(), call.peer(), call.label(), call.took());
/// });
/// # let _ = builder;
/// ```
///
/// It runs where calls are sent and answered, so it must be quick. Its panic is caught and logged.
pub trait Record: Send + Sync + 'static {
    /// A call is over.
    fn record(&self, call: &Finished<'_>);

    /// Whether calls of this method are recorded. Default: all.
    ///
    /// Asked for each call, so it must be quick, and always say the same. At the byte level, the service is empty.
    fn applies_to(&self, service: &str, method: &str) -> bool {
        let _ = (service, method);
        true
    }
}

impl<F: Fn(&Finished<'_>) + Send + Sync + 'static> Record for F {
    fn record(&self, call: &Finished<'_>) {
        self(call);
    }
}

/// A call that is over, for [`Record`].
pub struct Finished<'a> {
    pub(super) call: &'a Call,
    pub(super) begun: &'a Begun,
    pub(super) end: End<'a>,
    pub(super) took: Duration,
}

/// How a call ended.
#[derive(Clone, Copy)]
pub(in crate::net) enum End<'a> {
    /// With an answer of this many bytes, or a stream completely.
    Ok(usize),
    /// The call of this node failed.
    Failed(&'a CallFailure),
    /// The stream of this node failed.
    Broken(&'a CallError),
    /// The handler has returned this.
    Fault(&'a Fault),
    /// Nobody waited for it any more.
    Dropped,
    /// The same, because it was too late.
    Late,
}

impl Finished<'_> {
    /// Whether this node has served the call. Otherwise it has made the call.
    pub fn is_served(&self) -> bool {
        matches!(self.call, Call::Served(_))
    }

    /// Whether it was a stream.
    pub fn is_stream(&self) -> bool {
        self.begun.is_stream
    }

    /// Name of the service; empty at the byte level.
    pub fn service(&self) -> &str {
        self.call.names().map_or("", |(service, _)| service)
    }

    /// Name of the method without its service; at the byte level, `handler` with its id.
    pub fn method(&self) -> Cow<'_, str> {
        match self.call.names() {
            Some((_, method)) => Cow::Borrowed(method),
            None => self.full_method(),
        }
    }

    /// Name of the method as `Service/method`; at the byte level, `handler` with its id.
    pub fn full_method(&self) -> Cow<'_, str> {
        match self.call {
            Call::Served(context) => Cow::Borrowed(context.method()),
            Call::Made { method, .. } => Cow::Owned(method.to_string()),
        }
    }

    /// Name of the other node: the one that has made the call, or that has served it.
    pub fn peer(&self) -> &str {
        match self.call {
            Call::Served(context) => context.peer(),
            Call::Made { peer, .. } => &peer.name,
        }
    }

    /// What the handler knew about the call; `None` for a call that this node has made.
    pub fn context(&self) -> Option<&Context> {
        match self.call {
            Call::Served(context) => Some(context),
            Call::Made { .. } => None,
        }
    }

    /// Bytes of the arguments, in encoded form.
    pub fn request_bytes(&self) -> usize {
        self.begun.request_bytes
    }

    /// Bytes of the answer, in encoded form; 0 for streams and errors.
    pub fn answer_bytes(&self) -> usize {
        match self.end {
            End::Ok(bytes) => bytes,
            _ => 0,
        }
    }

    /// For how many calls it stands: more than one if a share of the calls is seen.
    pub(crate) fn weight(&self) -> u32 {
        self.begun.weight
    }

    /// How long it took: until the answer, or until the stream has ended.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Whether it was answered, or the stream was complete.
    pub fn is_ok(&self) -> bool {
        matches!(self.end, End::Ok(_))
    }

    /// One word for what happened, such as `ok`, `handler`, `cancelled` or `deadline_exceeded`. There are few of them, so
    /// they can be labels of metrics.
    pub fn label(&self) -> &'static str {
        match self.end {
            End::Ok(_) => "ok",
            End::Failed(failure) => failure.outcome(),
            End::Broken(error) => error.label(),
            End::Fault(fault) => fault.code.label(),
            End::Dropped => "cancelled",
            End::Late => "deadline_exceeded",
        }
    }

    /// The error. A handler's own error is [`CallError::Remote`] with its text. `None` for a call that was cancelled.
    pub fn error(&self) -> Option<CallError> {
        match self.end {
            End::Failed(failure) => Some(failure.clone().untyped()),
            End::Broken(error) => Some(error.clone()),
            End::Fault(fault) => Some(CallFailure::Handler(fault.clone()).untyped()),
            End::Ok(_) | End::Dropped | End::Late => None,
        }
    }
}

impl fmt::Debug for Finished<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Finished")
            .field("method", &self.full_method())
            .field("peer", &self.peer())
            .field("is_served", &self.is_served())
            .field("label", &self.label())
            .field("took", &self.took)
            .finish_non_exhaustive()
    }
}

/// What is kept of a call until it is over.
pub(super) enum Call {
    Served(Context),
    Made { peer: Arc<Peer>, method: MethodName },
}

impl Call {
    /// Service and method; `None` for a call of this node at the byte level.
    fn names(&self) -> Option<(&str, &str)> {
        match self {
            Self::Served(context) => Some(split(context.method())),
            Self::Made { method: MethodName::Typed { service, name }, .. } => Some((service, name)),
            Self::Made { method: MethodName::Id(_), .. } => None,
        }
    }
}

/// What is known of a call when it begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct Begun {
    pub(in crate::net) at: Instant,
    pub(in crate::net) deadline: Option<Instant>,
    pub(in crate::net) request_bytes: usize,
    pub(in crate::net) is_stream: bool,
    /// See [`Chain::sample`](super::Chain::sample).
    pub(in crate::net) weight: u32,
}
