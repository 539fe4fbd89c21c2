//! [`Trace`]: a span for each call, and its place in a trace over several nodes.

use std::fmt;
use std::sync::Arc;

use tracing::field::{Empty, display};
use tracing::{Metadata, Span};

use super::{Finished, Intercept, Intercepted, Intercepting, Next, Record};
use crate::TraceContext;
use crate::entropy;
use crate::net::{CaughtSpan, Recording, address_of};

/// The flag of a trace that is recorded.
const RECORDED: u8 = 1;

tokio::task_local! {
    /// The span of the handler that runs in this task, for the calls that it makes.
    static CURRENT: TraceContext;
}

/// Opens a `tracing` span for each call, and carries the trace to the node that serves it.
///
/// Add it on both sides, with [`Builder::intercept`](crate::Builder::intercept) and
/// [`Builder::intercept_calls`](crate::Builder::intercept_calls). The spans are called `grid.client` and `grid.server`, have the
/// level `info`, and carry the attributes of the OpenTelemetry conventions for RPC: `rpc.system.name`, `rpc.method`,
/// `server.address`, `server.port`, and at the end `rpc.response.status_code` and, of a call that failed, `error.type`.
///
/// Without more, spans have ids of their own as the fields `trace_id`, `span_id` and `parent_id`, which are the same on all
/// nodes, so lines of a log can be put together. With [`carried_by`](Self::carried_by), a tracing system gives the ids.
///
/// A call is part of the trace of the handler that makes it: from the same task, or
/// [`within`](crate::RawCall::within) its context.
///
/// ```
/// use grid::intercept::Trace;
///
/// let builder = grid::Manager::builder("http://node1:9000")
///     .intercept(Trace::new())
///     .intercept_calls(Trace::new());
/// # let _ = builder;
/// ```
#[derive(Clone, Default)]
pub struct Trace {
    carrier: Option<Arc<dyn Propagate>>,
    /// `None`: all traces are recorded.
    share: Option<f64>,
}

/// Connects the spans of a tracing system with those of other nodes, for [`Trace::carried_by`].
///
/// The guide's chapter on observing has one for OpenTelemetry, in thirty lines.
pub trait Propagate: Send + Sync + 'static {
    /// The context of a span: what is sent with a call, as the parent of the span at the node that serves it. `None`: nothing.
    fn context_of(&self, span: &Span) -> Option<TraceContext>;

    /// The W3C `tracestate` of a span, which is sent with the context. Default: none.
    fn state_of(&self, span: &Span) -> Option<String> {
        let _ = span;
        None
    }

    /// Makes a new span a child of one at the node that calls, or of the handler that makes the call.
    fn set_parent(&self, span: &Span, parent: TraceContext, state: Option<&str>);
}

impl Trace {
    /// Spans with ids of their own.
    pub fn new() -> Self {
        Self::default()
    }

    /// Spans whose ids are those of a tracing system.
    pub fn carried_by(carrier: impl Propagate) -> Self {
        Self { carrier: Some(Arc::new(carrier)), share: None }
    }

    /// Records only a share of the traces, from 0 to 1. Default: all.
    ///
    /// It is decided for a call that is in no trace yet: this node makes it outside of a recorded handler, or its caller sends
    /// no trace. All calls of a trace that is recorded are recorded, and none of one that its caller does not record. A call
    /// without a span costs next to nothing, and one with a span some microseconds.
    ///
    /// A node that calls without a span sends no trace, so each further node would decide for itself. Where all calls begin at
    /// nodes of the grid, let the nodes that serve them follow, with a share of zero:
    ///
    /// ```
    /// use grid::intercept::Trace;
    ///
    /// let builder = grid::Manager::builder("http://node1:9000")
    ///     .intercept_calls(Trace::new().sampled(0.01))
    ///     .intercept(Trace::new().sampled(0.0));
    /// # let _ = builder;
    /// ```
    pub fn sampled(self, share: f64) -> Self {
        Self { share: Some(share), ..self }
    }

    /// The trace of the call, if it is one that is not recorded: then nothing within it is.
    fn unrecorded(call: &Intercepted) -> Option<TraceContext> {
        trace_of(call).filter(|trace| trace.flags & RECORDED == 0)
    }

    /// Whether the call has a span.
    fn records(&self, call: &Intercepted) -> bool {
        if !tracing::span_enabled!(tracing::Level::INFO) {
            return false;
        }
        match (trace_of(call), self.share) {
            (Some(trace), _) => trace.flags & RECORDED != 0,
            (None, Some(share)) => is_in_span(call) || entropy::random::<f64>() < share,
            (None, None) => true,
        }
    }

    /// Opens the span of a call, and returns what is sent with the call.
    fn open(&self, call: &Intercepted) -> (Span, Option<(TraceContext, Option<String>)>) {
        let Some(carrier) = &self.carrier else {
            let parent = trace_of(call);
            let own = child_of(parent);
            let state = call.trace_state().map(str::to_owned);
            return (span_of(call, Some((own, parent))), Some((own, state)));
        };
        // A span around the call is its parent already.
        let is_first = !is_in_span(call);
        let span = span_of(call, None);
        if let Some(parent) = call.trace().filter(|_| is_first) {
            carrier.set_parent(&span, parent, call.trace_state());
        }
        let context = carrier.context_of(&span);
        let context = context.map(|context| (context, carrier.state_of(&span)));
        (span, context)
    }
}

/// Whether the call is made in a span of the program, such as that of a handler.
fn is_in_span(call: &Intercepted) -> bool {
    !call.is_served() && Span::current().metadata().is_some_and(|span| !is_of_link(span))
}

/// Whether a span is that of a link, in which its driver runs, and with it handlers that have none of their own.
fn is_of_link(span: &Metadata<'_>) -> bool {
    span.name() == "link" && span.target().starts_with("grid::net::")
}

/// The trace that the call belongs to: its own, or that of the handler that makes it.
fn trace_of(call: &Intercepted) -> Option<TraceContext> {
    let of_handler = || CURRENT.try_get().ok().filter(|_| !call.is_served());
    call.trace().or_else(of_handler)
}

/// Runs a handler in another task than that in which its call has passed the interceptors: lets it inherit the trace.
pub(crate) async fn in_trace<T>(
    trace: Option<TraceContext>,
    running: impl Future<Output = T>,
) -> T {
    match trace {
        Some(trace) => CURRENT.scope(trace, running).await,
        None => running.await,
    }
}

/// A new span in the trace of its parent, or in a new one.
fn child_of(parent: Option<TraceContext>) -> TraceContext {
    let first = || TraceContext {
        version: 0,
        trace_id: entropy::random(),
        parent_id: [0; 8],
        flags: RECORDED,
    };
    TraceContext { parent_id: entropy::random(), ..parent.unwrap_or_else(first) }
}

impl Intercept for Trace {
    fn wants(&self, call: &Intercepted) -> bool {
        self.records(call) || Self::unrecorded(call).is_some()
    }

    fn intercept(&self, mut call: Intercepted, next: Next) -> Intercepting {
        if let Some(trace) = Self::unrecorded(&call) {
            return pass_unrecorded(trace, call, next);
        }
        let (span, context) = self.open(&call);
        let of_handler = context.as_ref().map(|(context, _)| *context);
        let of_handler = of_handler.filter(|_| call.is_served() && self.carrier.is_none());
        if let Some((context, state)) = context {
            call.set_trace(context, state);
        }
        let recording = Recording::of(&call, Ends(span.clone()));
        let running = CaughtSpan::new(|| span).enclose(recording.follow(call, next));
        match of_handler {
            Some(own) => Box::pin(CURRENT.scope(own, running)),
            None => Box::pin(running),
        }
    }
}

/// Passes on a call of a trace that is not recorded, without a span. Calls within it must know that.
fn pass_unrecorded(trace: TraceContext, mut call: Intercepted, next: Next) -> Intercepting {
    if call.is_served() {
        return Box::pin(CURRENT.scope(trace, next.run(call)));
    }
    if call.trace().is_none() {
        call.set_trace(trace, None);
    }
    next.run(call)
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("is_carried", &self.carrier.is_some()).finish()
    }
}

/// The context of the new span, and its parent's.
type Ids = (TraceContext, Option<TraceContext>);

/// The names of the fields are those of the OpenTelemetry conventions. Those with `otel.` are for the crate
/// `tracing-opentelemetry`.
fn span_of(call: &Intercepted, ids: Option<Ids>) -> Span {
    let method = &*call.full_method();
    let server = if call.is_served() { call.local() } else { call.peer() };
    let (address, port) = address_of(server);
    let trace_id = ids.map(|(own, _)| display(Hex(own.trace_id)));
    let span_id = ids.map(|(own, _)| display(Hex(own.parent_id)));
    let parent_id = ids.and_then(|(_, parent)| Some(display(Hex(parent?.parent_id))));
    macro_rules! span {
        ($($of:tt)*) => {
            tracing::info_span!(
                $($of)*,
                "otel.name" = method,
                "otel.status_code" = Empty,
                "rpc.system.name" = "grid",
                "rpc.method" = method,
                "rpc.response.status_code" = Empty,
                "error.type" = Empty,
                "server.address" = address,
                "server.port" = port,
                trace_id,
                span_id,
                parent_id,
            )
        };
    }
    if call.is_served() {
        // Not a child of the span in which the node runs.
        let (client, port) = address_of(call.peer());
        span!(
            parent: None,
            "grid.server",
            "otel.kind" = "server",
            "client.address" = client,
            "client.port" = port
        )
    } else if Span::current().metadata().is_some_and(is_of_link) {
        span!(parent: None, "grid.client", "otel.kind" = "client")
    } else {
        span!("grid.client", "otel.kind" = "client")
    }
}

/// Records how the call ended.
struct Ends(Span);

impl Record for Ends {
    fn record(&self, call: &Finished<'_>) {
        let Self(span) = self;
        match call.label() {
            // Nobody waited for the answer any more, which is no failure.
            ended @ ("ok" | "cancelled") => {
                tracing::record_all!(span, "rpc.response.status_code" = ended);
            }
            failed => tracing::record_all!(
                span,
                "rpc.response.status_code" = failed,
                "error.type" = failed,
                "otel.status_code" = "ERROR"
            ),
        }
    }
}

/// Bytes as hex digits.
struct Hex<const N: usize>([u8; N]);

impl<const N: usize> fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
