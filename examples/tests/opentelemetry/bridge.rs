//! The bridge to OpenTelemetry, as the guide's chapter on observing shows it.

use grid::TraceContext;
use grid::intercept::Propagate;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TracerProvider as _,
};
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::{Span, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// The ids of spans are those of OpenTelemetry.
pub(crate) struct OpenTelemetry;

impl Propagate for OpenTelemetry {
    fn context_of(&self, span: &Span) -> Option<TraceContext> {
        let context = span.context().span().span_context().clone();
        context.is_valid().then(|| TraceContext {
            version: 0,
            trace_id: context.trace_id().to_bytes(),
            parent_id: context.span_id().to_bytes(),
            flags: context.trace_flags().to_u8(),
        })
    }

    fn state_of(&self, span: &Span) -> Option<String> {
        let state = span.context().span().span_context().trace_state().header();
        (!state.is_empty()).then_some(state)
    }

    fn set_parent(&self, span: &Span, parent: TraceContext, state: Option<&str>) {
        let trace = TraceId::from_bytes(parent.trace_id);
        let id = SpanId::from_bytes(parent.parent_id);
        let state = state.and_then(|state| state.parse().ok()).unwrap_or_default();
        // It is a span of another node.
        let parent = SpanContext::new(trace, id, TraceFlags::new(parent.flags), true, state);
        // Fails if the layer below is not installed. Then there are no ids either.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
}

/// Gives spans to OpenTelemetry. The exporter is part of the provider.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    // Links have spans as well, for the log. They last as long as the link, and are no part of any trace.
    let links = "grid::net";
    let wanted =
        Targets::new().with_default(LevelFilter::INFO).with_target(links, LevelFilter::OFF);
    tracing_opentelemetry::layer().with_tracer(provider.tracer("grid")).with_filter(wanted)
}
