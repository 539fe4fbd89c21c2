//! Traces of OpenTelemetry over three nodes, with the bridge that the guide shows.
#![allow(clippy::unwrap_used, reason = "all of it is tests")]

mod bridge;

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;
use std::time::Duration;

use grid::intercept::Trace;
use grid::testing::TestGrid;
use grid::{Builder, Context, Outgoing, RemoteError};
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId,
};
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider, SpanData};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Instrument as _};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::bridge::{OpenTelemetry, layer};

#[grid::service]
trait Relay {
    /// Calls the first of these nodes, which calls the next one. Returns the trace state that the last one sees.
    async fn pass(&self, cx: &Context, over: Vec<String>) -> Result<String, RemoteError>;
    async fn count(&self, to: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct Node;

impl Relay for Node {
    async fn pass(&self, cx: &Context, over: Vec<String>) -> Result<String, RemoteError> {
        match over.split_first() {
            Some((next, rest)) => Ok(RelayClient::of(cx, next)?.pass(rest.to_vec()).await?),
            None => Ok(cx.trace_state().unwrap_or("none").to_owned()),
        }
    }

    async fn count(&self, to: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..to {
            out.send(number).await?;
        }
        Err(RemoteError::new("it cannot count further"))
    }
}

/// What a tracing system receives.
struct Collector {
    exporter: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _guard: DefaultGuard,
}

impl Collector {
    /// Collects the spans of this thread. To be called before any node is built.
    fn install(sampler: Sampler) -> Self {
        // With a single subscriber, `tracing` decides for the whole process by that of the thread that comes to a span first,
        // which may be one of another test.
        static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));
        LazyLock::force(&SECOND);
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_sampler(sampler);
        let provider = provider.with_simple_exporter(exporter.clone()).build();
        // A log has the spans of links, which the bridge leaves out.
        let log = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
        let subscriber = tracing_subscriber::registry().with(layer(&provider)).with(log);
        let guard = tracing::subscriber::set_default(subscriber);
        Self { exporter, _provider: provider, _guard: guard }
    }

    /// The spans that have ended, each after its parent, as far as that has ended.
    fn spans(&self) -> Vec<SpanData> {
        let mut left = self.exporter.get_finished_spans().unwrap();
        let mut spans: Vec<SpanData> = Vec::new();
        while !left.is_empty() {
            let known: HashSet<_> = left.iter().map(|span| span.span_context.span_id()).collect();
            let (later, now) =
                left.into_iter().partition(|span| known.contains(&span.parent_span_id));
            spans.extend::<Vec<_>>(now);
            left = later;
        }
        spans
    }
}

/// Three nodes, and a client of the second one at the first one.
async fn nodes(
    configure: impl Fn(Builder) -> Builder + Send + Sync + 'static,
) -> (TestGrid, RelayClient) {
    let configure = move |_, node: Builder| configure(node.service(RelayServer::new(Node)));
    let grid = TestGrid::builder(3).configure(configure).start();
    grid.all_connected().await;
    let client = RelayClient::new(grid.connection(0, 1));
    (grid, client)
}

fn traced(node: Builder) -> Builder {
    let trace = Trace::carried_by(OpenTelemetry);
    node.intercept(trace.clone()).intercept_calls(trace)
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key)?;
    Some(found.value.to_string())
}

#[track_caller]
fn assert_attributes(span: &SpanData, expected: &[(&str, &str)]) {
    for (key, value) in expected {
        assert_eq!(attribute(span, key).as_deref(), Some(*value), "{key} of {span:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_trace_over_three_nodes() {
    let collector = Collector::install(Sampler::AlwaysOn);
    let (grid, client) = nodes(traced).await;
    client.pass(vec![grid.name(2).to_owned()]).await.unwrap();
    grid.nothing_in_flight().await;

    let spans = collector.spans();
    assert!(spans.iter().all(|span| span.name == "Relay/pass"), "{spans:?}");
    let kinds: Vec<_> = spans.iter().map(|span| span.span_kind.clone()).collect();
    assert_eq!(kinds, [SpanKind::Client, SpanKind::Server, SpanKind::Client, SpanKind::Server]);
    let trace = spans[0].span_context.trace_id();
    assert_ne!(trace, TraceId::INVALID);
    assert!(spans.iter().all(|span| span.span_context.trace_id() == trace), "{spans:?}");
    let parents: Vec<_> = spans.iter().map(|span| span.parent_span_id).collect();
    let ids: Vec<_> = spans.iter().map(|span| span.span_context.span_id()).collect();
    assert_eq!(parents, [SpanId::INVALID, ids[0], ids[1], ids[2]]);
    let is_remote: Vec<_> = spans.iter().map(|span| span.parent_span_is_remote).collect();
    assert_eq!(is_remote, [false, true, false, true], "only servers have parents at other nodes");

    for (span, server) in spans.iter().zip(["node2", "node2", "node3", "node3"]) {
        assert_eq!(span.status, Status::Unset);
        assert_attributes(
            span,
            &[
                ("rpc.system.name", "grid"),
                ("rpc.method", "Relay/pass"),
                ("rpc.response.status_code", "ok"),
                ("server.address", server),
                ("server.port", "9000"),
            ],
        );
        // They are fields of spans with ids of their own.
        assert_eq!(attribute(span, "trace_id"), None);
    }
    assert_attributes(&spans[1], &[("client.address", "node1"), ("client.port", "9000")]);
    assert_attributes(&spans[3], &[("client.address", "node2"), ("client.port", "9000")]);
}

#[tokio::test(start_paused = true)]
async fn a_span_of_the_program_is_the_parent_of_its_calls() {
    let collector = Collector::install(Sampler::AlwaysOn);
    let (grid, client) = nodes(traced).await;
    client.pass(Vec::new()).instrument(tracing::info_span!("request")).await.unwrap();
    grid.nothing_in_flight().await;
    let spans = collector.spans();
    let names: Vec<_> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["request", "Relay/pass", "Relay/pass"]);
    assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
    assert_eq!(spans[1].span_context.trace_id(), spans[0].span_context.trace_id());
}

#[tokio::test(start_paused = true)]
async fn the_trace_state_arrives() {
    let _collector = Collector::install(Sampler::AlwaysOn);
    let (_grid, client) = nodes(traced).await;
    let context = SpanContext::new(
        TraceId::from_bytes([1; 16]),
        SpanId::from_bytes([1; 8]),
        TraceFlags::SAMPLED,
        true,
        "vendor=1".parse().unwrap(),
    );
    let request = tracing::info_span!("request");
    let parent = opentelemetry::Context::new().with_remote_span_context(context);
    request.set_parent(parent).unwrap();
    let seen = client.pass(Vec::new()).instrument(request).await.unwrap();
    assert_eq!(seen, "vendor=1");
}

#[tokio::test(start_paused = true)]
async fn failed_calls_have_the_status_of_an_error() {
    let collector = Collector::install(Sampler::AlwaysOn);
    let (grid, client) = nodes(traced).await;
    client.pass(vec!["http://node9:9000".to_owned()]).await.unwrap_err();
    let mut numbers = client.count(2).await.unwrap();
    let is_open =
        |span: &SpanData| span.name == "Relay/count" && span.span_kind == SpanKind::Client;
    assert!(!collector.spans().iter().any(is_open), "its caller has not read it");
    while numbers.next().await.is_some() {}
    drop(numbers);
    grid.nothing_in_flight().await;
    tokio::time::sleep(Duration::from_millis(10)).await;

    let spans = collector.spans();
    let ends = spans.iter().map(|span| (&*span.name, span.span_kind.clone()));
    let ends: HashSet<_> = ends.map(|(name, kind)| format!("{name} {kind:?}")).collect();
    assert_eq!(ends.len(), 4, "{ends:?}");
    for span in &spans {
        assert!(matches!(span.status, Status::Error { .. }), "{span:?}");
        assert_attributes(
            span,
            &[("error.type", "handler"), ("rpc.response.status_code", "handler")],
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_of_the_traces_is_recorded_as_a_whole() {
    let collector = Collector::install(Sampler::AlwaysOn);
    let (grid, client) = nodes(|node| {
        let trace = Trace::carried_by(OpenTelemetry);
        node.intercept_calls(trace.clone().sampled(0.5)).intercept(trace.sampled(0.0))
    })
    .await;
    // The handler of the last node makes no call, so each trace begins at the first one or at the second one.
    for _ in 0..200 {
        client.pass(vec![grid.name(2).to_owned()]).await.unwrap();
    }
    grid.nothing_in_flight().await;
    let mut traces = HashMap::new();
    for span in collector.spans() {
        traces.entry(span.span_context.trace_id()).or_insert_with(Vec::new).push(span);
    }
    let from_the_first = traces.values().filter(|spans| spans.len() == 4).count();
    let from_the_second = traces.values().filter(|spans| spans.len() == 2).count();
    assert_eq!(from_the_first + from_the_second, traces.len(), "some are not complete");
    assert!((60..140).contains(&from_the_first), "{from_the_first} of 200");
    // Half of the hundred that are not recorded at the first one.
    assert!((20..80).contains(&from_the_second), "{from_the_second} of 200");
}

/// Handlers begin in the driver of their link, and so in the span that it has for lines of the log.
#[tokio::test(start_paused = true)]
async fn the_span_of_a_link_records_nothing() {
    let collector = Collector::install(Sampler::AlwaysOn);
    let unsampled = || Trace::carried_by(OpenTelemetry).sampled(0.0);
    let (grid, client) = nodes(move |node| node.intercept_calls(unsampled())).await;
    for _ in 0..200 {
        client.pass(vec![grid.name(2).to_owned()]).await.unwrap();
    }
    assert_eq!(collector.spans().len(), 0);
}

/// What the sampler of the tracing system does not record, no node does.
#[tokio::test(start_paused = true)]
async fn the_sampler_decides_for_all_nodes() {
    let sampler = Sampler::ParentBased(Box::new(Sampler::AlwaysOff));
    let collector = Collector::install(sampler);
    let (grid, client) = nodes(traced).await;
    client.pass(vec![grid.name(2).to_owned()]).await.unwrap();
    grid.nothing_in_flight().await;
    assert_eq!(collector.spans().len(), 0);
}
