//! Recorders: told of each call when it is over, and changing nothing. They have no futures of their own, so they cost less
//! than interceptors.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Intercepted, Of};
use super::observe::{Observe, StreamEnd};
use super::outcome::{Outcome, Success};
use super::{Chain, Next};
use crate::error::{CallError, CallFailure, Fault};
use crate::net::call::context::Context;
use crate::net::call::method::{MethodName, split};
use crate::net::catch::catch;
use crate::net::link::peer::Peer;
use crate::proto::Body;

/// Records calls that are over: for logs and metrics. Added with [`Builder::record`](crate::Builder::record).
///
/// It sees the calls that a node serves and those that it makes, once each, when they are over: answered, refused, failed, or
/// cancelled. A stream is over when it has ended. A function of [`Finished`] is a recorder:
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
    call: &'a Recording,
    end: End<'a>,
    took: Duration,
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
        matches!(self.call.of, Call::Served(_))
    }

    /// Whether it was a stream.
    pub fn is_stream(&self) -> bool {
        self.call.begun.is_stream
    }

    /// Name of the service; empty at the byte level.
    pub fn service(&self) -> &str {
        self.call.of.names().map_or("", |(service, _)| service)
    }

    /// Name of the method without its service; at the byte level, `handler` with its id.
    pub fn method(&self) -> Cow<'_, str> {
        match self.call.of.names() {
            Some((_, method)) => Cow::Borrowed(method),
            None => self.full_method(),
        }
    }

    /// Name of the method as `Service/method`; at the byte level, `handler` with its id.
    pub fn full_method(&self) -> Cow<'_, str> {
        match &self.call.of {
            Call::Served(context) => Cow::Borrowed(context.method()),
            Call::Made { method, .. } => Cow::Owned(method.to_string()),
        }
    }

    /// Name of the other node: the one that has made the call, or that has served it.
    pub fn peer(&self) -> &str {
        match &self.call.of {
            Call::Served(context) => context.peer(),
            Call::Made { peer, .. } => &peer.name,
        }
    }

    /// What the handler knew about the call; `None` for a call that this node has made.
    pub fn context(&self) -> Option<&Context> {
        match &self.call.of {
            Call::Served(context) => Some(context),
            Call::Made { .. } => None,
        }
    }

    /// Bytes of the arguments, in encoded form.
    pub fn request_bytes(&self) -> usize {
        self.call.begun.request_bytes
    }

    /// Bytes of the answer, in encoded form; 0 for streams and errors.
    pub fn answer_bytes(&self) -> usize {
        match self.end {
            End::Ok(bytes) => bytes,
            _ => 0,
        }
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
enum Call {
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

/// A call that is not over. Dropping it is an end as well.
pub(crate) struct Recording {
    of: Call,
    begun: Begun,
    to: To,
    is_over: AtomicBool,
}

enum To {
    /// The recorders of the node.
    All(Chain),
    /// An interceptor's own.
    One(Box<dyn Record>),
}

/// What is known of a call when it begins.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) struct Begun {
    pub(in crate::net) at: Instant,
    pub(in crate::net) deadline: Option<Instant>,
    pub(in crate::net) request_bytes: usize,
    pub(in crate::net) is_stream: bool,
}

impl Recording {
    pub(in crate::net) fn served(
        context: Context,
        request_bytes: usize,
        is_stream: bool,
        chain: Chain,
    ) -> Self {
        let (at, deadline) = (Instant::now(), context.deadline());
        let begun = Begun { at, deadline, request_bytes, is_stream };
        Self::new(Call::Served(context), begun, To::All(chain))
    }

    pub(in crate::net) fn made(
        peer: Arc<Peer>,
        method: MethodName,
        begun: Begun,
        chain: Chain,
    ) -> Self {
        Self::new(Call::Made { peer, method }, begun, To::All(chain))
    }

    /// A recording of one call for an interceptor.
    pub(crate) fn of(call: &Intercepted, record: impl Record) -> Self {
        let of = match &call.of {
            Of::Served { context, .. } => Call::Served(context.clone()),
            Of::Made { peer, method, .. } => Call::Made { peer: Arc::clone(peer), method: *method },
        };
        let begun = Begun {
            at: Instant::now(),
            deadline: call.deadline(),
            request_bytes: call.request_bytes(),
            is_stream: call.is_stream(),
        };
        Self::new(of, begun, To::One(Box::new(record)))
    }

    fn new(of: Call, begun: Begun, to: To) -> Self {
        Self { of, begun, to, is_over: AtomicBool::new(false) }
    }

    /// What the handler knows about the call.
    pub(in crate::net) fn context(&self) -> Option<&Context> {
        match &self.of {
            Call::Served(context) => Some(context),
            Call::Made { .. } => None,
        }
    }

    /// Passes an intercepted call on, and reports its end.
    pub(crate) async fn follow(self, mut call: Intercepted, next: Next) -> Outcome {
        let recording = Arc::new(self);
        let is_opened = call.is_stream() && !call.is_served();
        if is_opened {
            // The outcome says only whether it is open.
            call.observe(Arc::clone(&recording));
        }
        let outcome = next.run(call).await;
        recording.outcome(&outcome.0);
        outcome
    }

    /// The call has ended so. Later ends change nothing.
    pub(in crate::net) fn over(&self, end: End<'_>) {
        if self.is_over.swap(true, Ordering::Relaxed) {
            return;
        }
        let call = Finished { call: self, end, took: self.begun.at.elapsed() };
        match &self.to {
            To::One(record) => record.record(&call),
            To::All(chain) => {
                let method = call.method();
                for record in chain.records() {
                    catch("a recorder of calls", || {
                        if record.applies_to(call.service(), &method) {
                            record.record(&call);
                        }
                    });
                }
            }
        }
    }

    /// The call has this outcome. Not for the opening of a stream, which is not over yet.
    pub(in crate::net) fn outcome(&self, outcome: &Result<Success, CallFailure>) {
        match outcome {
            Ok(Success::Answer(answer)) => self.over(End::Ok(answer.as_ref().map_or(0, Body::len))),
            Ok(Success::Served) => self.over(End::Ok(0)),
            Ok(Success::Opened(_)) => {}
            Err(failure) => self.over(End::Failed(failure)),
        }
    }

    fn dropped(&self) {
        let is_late = self.begun.deadline.is_some_and(|at| at <= Instant::now());
        self.over(if is_late { End::Late } else { End::Dropped });
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            self.dropped();
        }
    }
}

/// Waits for the end of a stream that this node has opened.
impl Observe for Arc<Recording> {
    fn ended(&self, end: StreamEnd<'_>) {
        match end {
            StreamEnd::Complete => self.over(End::Ok(0)),
            StreamEnd::Failed(error) => self.over(End::Broken(error)),
            StreamEnd::Dropped => self.dropped(),
        }
    }
}
