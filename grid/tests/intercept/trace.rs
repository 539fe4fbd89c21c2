//! Spans, and traces over several nodes.
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use grid::intercept::{Propagate, Trace};
use grid::{Context, Manager, Outgoing, RemoteError, TraceContext};
use tracing::Level;

use crate::log::Lines;
use crate::support::{A, B, Network};

const C: &str = "http://c:1";

#[grid::service]
trait Relay {
    /// Passes a call on over these nodes. Returns the trace that the last one sees.
    async fn pass(&self, cx: &Context, over: Vec<String>) -> Result<Option<String>, RemoteError>;
    async fn count(&self, to: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn wait(&self);
}

/// Whether calls are made within the context of their handlers.
struct Node {
    is_within: bool,
}

impl Relay for Node {
    async fn pass(&self, cx: &Context, over: Vec<String>) -> Result<Option<String>, RemoteError> {
        let Some((next, rest)) = over.split_first() else {
            return Ok(cx.trace().map(|trace| trace.to_string()));
        };
        let call = RelayClient::of(cx, next)?.pass(rest.to_vec());
        let call = if self.is_within { call.within(cx) } else { call };
        Ok(call.await?)
    }

    async fn count(&self, to: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..to {
            out.send(number).await?;
        }
        if to == 3 { Err(RemoteError::new("three is bad luck")) } else { Ok(()) }
    }

    async fn wait(&self) {
        std::future::pending().await
    }
}

async fn nodes(is_within: bool, trace: Trace) -> (Vec<Manager>, RelayClient) {
    let network = Network::default();
    let names = [A, B, C];
    let nodes = names.map(|name| {
        let node = network.node(name, &names).service(RelayServer::new(Node { is_within }));
        let node = node.intercept(trace.clone()).intercept_calls(trace.clone()).build().unwrap();
        network.attach(&node);
        node
    });
    for node in &nodes {
        for connection in node.connections() {
            connection.wait_connected(Duration::from_secs(5)).await.unwrap();
        }
    }
    let client = RelayClient::new(nodes[0].connection(B).unwrap());
    (nodes.into(), client)
}

/// A span: its name, and its fields with what was recorded later.
fn spans(lines: &Lines) -> Vec<(String, HashMap<String, String>)> {
    let lines = lines.with(Level::INFO, "rpc.method=");
    let fields = |line: &str| {
        let parts = line.split_whitespace().filter_map(|part| part.split_once('='));
        parts.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
    };
    lines.iter().map(|line| (line.split(' ').next().unwrap().to_owned(), fields(line))).collect()
}

async fn one_trace_over_three_nodes(is_within: bool) {
    let (_nodes, client) = nodes(is_within, Trace::new()).await;
    let (lines, _guard) = Lines::collect();
    let seen = client.pass(vec![C.to_owned()]).await.unwrap().unwrap();
    let spans = spans(&lines);
    let names: Vec<_> = spans.iter().map(|(name, _)| &**name).collect();
    assert_eq!(names, ["grid.client", "grid.server", "grid.client", "grid.server"]);
    let of = |field: &str| -> Vec<_> {
        spans.iter().map(|(_, fields)| fields.get(field).cloned()).collect()
    };
    let traces = of("trace_id");
    assert!(traces.iter().all(|trace| *trace == traces[0] && trace.is_some()), "{traces:?}");
    assert_eq!(of("parent_id")[0], None, "the first span has no parent");
    assert_eq!(of("parent_id")[1..], of("span_id")[..3]);
    let seen: TraceContext = seen.parse().unwrap();
    let id: String = seen.parent_id.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(of("span_id")[3], Some(id), "the last handler is in the last span");
    let server = |index: usize| spans[index].1["server.address"].clone();
    assert_eq!([server(0), server(1), server(2), server(3)], ["b", "b", "c", "c"]);
    assert_eq!((&*spans[1].1["client.address"], &*spans[1].1["client.port"]), ("a", "1"));
    assert!(spans.iter().all(|(_, fields)| fields["rpc.method"] == "Relay/pass"
        && fields["rpc.system.name"] == "grid"
        && fields["server.port"] == "1"));
}

#[tokio::test(start_paused = true)]
async fn a_call_within_a_context_is_part_of_its_trace() {
    one_trace_over_three_nodes(true).await;
}

#[tokio::test(start_paused = true)]
async fn so_is_a_call_from_the_task_of_a_handler() {
    one_trace_over_three_nodes(false).await;
}

#[tokio::test(start_paused = true)]
async fn spans_say_how_the_call_ended() {
    let (_nodes, client) = nodes(true, Trace::new()).await;
    let (lines, _guard) = Lines::collect();
    let ended = |lines: &Lines| lines.with(Level::INFO, "rpc.response.status_code=");
    client.pass(vec!["http://d:1".to_owned()]).await.unwrap_err();
    let [served, made] = &ended(&lines)[..] else { panic!("two ends: {:?}", ended(&lines)) };
    for end in [served, made] {
        assert!(end.contains(r#"rpc.response.status_code="handler""#), "{end}");
        assert!(end.contains(r#"error.type="handler""#), "{end}");
    }

    let (lines, _guard) = Lines::collect();
    let mut items = client.count(3).await.unwrap();
    assert!(!ended(&lines).iter().any(|end| end.contains(r#"="ok""#)), "the stream still runs");
    while items.next().await.is_some() {}
    drop(items);
    assert_eq!(ended(&lines).len(), 2, "{:?}", ended(&lines));
    assert!(ended(&lines).iter().all(|end| end.contains(r#"status_code="handler""#)));

    let (lines, _guard) = Lines::collect();
    let late = client.wait().timeout(Duration::from_millis(5)).await;
    assert!(late.is_err());
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(ended(&lines).len(), 2);
    assert!(ended(&lines).iter().all(|end| end.contains(r#"error.type="deadline_exceeded""#)));
}

/// Without a subscriber that wants spans, calls have no trace of their own.
#[tokio::test(start_paused = true)]
async fn without_a_subscriber_nothing_is_sent() {
    let (_nodes, client) = nodes(true, Trace::new()).await;
    assert_eq!(client.pass(vec![C.to_owned()]).await.unwrap(), None);
}

/// A tracing system with one number per span, which counts up.
#[derive(Clone, Default)]
struct Numbers(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    spans: Vec<tracing::Span>,
    /// Child and parent.
    parents: Vec<(u8, u8)>,
}

impl Known {
    fn number(&mut self, span: &tracing::Span) -> u8 {
        let known = self.spans.iter().position(|known| known == span);
        known.unwrap_or_else(|| {
            self.spans.push(span.clone());
            self.spans.len() - 1
        }) as u8
    }
}

impl Propagate for Numbers {
    fn context_of(&self, span: &tracing::Span) -> Option<TraceContext> {
        let number = self.0.lock().unwrap().number(span);
        Some(TraceContext { version: 0, trace_id: [7; 16], parent_id: [number; 8], flags: 1 })
    }

    fn state_of(&self, _: &tracing::Span) -> Option<String> {
        Some("vendor=1".to_owned())
    }

    fn set_parent(&self, span: &tracing::Span, parent: TraceContext, state: Option<&str>) {
        assert_eq!(state, Some("vendor=1"));
        let mut known = self.0.lock().unwrap();
        let number = known.number(span);
        known.parents.push((number, parent.parent_id[0]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tracing_system_gives_the_ids() {
    let numbers = Numbers::default();
    let (_nodes, client) = nodes(false, Trace::carried_by(numbers.clone())).await;
    let (lines, _guard) = Lines::collect();
    let seen = client.pass(vec![C.to_owned()]).await.unwrap().unwrap();
    assert!(seen.ends_with("-0303030303030303-01"), "{seen}");
    // Spans that are made within another one are its children anyway.
    assert_eq!(numbers.0.lock().unwrap().parents, [(1, 0), (3, 2)]);
    assert!(spans(&lines).iter().all(|(_, fields)| !fields.contains_key("trace_id")));
}

/// The node that begins a trace decides for all nodes whether it is recorded.
#[tokio::test(start_paused = true)]
async fn a_trace_that_is_not_recorded_has_no_spans_anywhere() {
    for is_within in [true, false] {
        let (_nodes, client) = nodes(is_within, Trace::new()).await;
        let (lines, _guard) = Lines::collect();
        let unrecorded: TraceContext =
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00".parse().unwrap();
        let seen = client.pass(vec![C.to_owned()]).trace(unrecorded).await.unwrap();
        assert_eq!(spans(&lines), []);
        assert_eq!(seen, Some(unrecorded.to_string()), "the last node knows it");
    }
}

#[grid::service(local)]
trait Corner {
    async fn pass(&self, cx: &Context) -> Result<Option<String>, RemoteError>;
}

struct Local;

impl Corner for Local {
    async fn pass(&self, cx: &Context) -> Result<Option<String>, RemoteError> {
        // Not within the context.
        Ok(RelayClient::of(cx, B)?.pass(Vec::new()).await?)
    }
}

/// A handler of a local service runs in another task than the interceptors.
#[tokio::test(start_paused = true)]
async fn a_handler_that_stays_on_a_thread_inherits_the_trace() {
    let local = tokio::task::LocalSet::new();
    let running = local.run_until(async {
        let network = Network::default();
        let names = [A, B];
        let node = |name: &str| {
            network.node(name, &names).intercept(Trace::new()).intercept_calls(Trace::new())
        };
        let a = node(A).service(CornerServer::local(Local)).build().unwrap();
        let b = node(B).service(RelayServer::new(Node { is_within: false })).build().unwrap();
        [&a, &b].into_iter().for_each(|node| network.attach(node));
        let corner = CornerClient::new(b.connection(A).unwrap());
        corner.connection().wait_connected(Duration::from_secs(5)).await.unwrap();
        let (lines, _guard) = Lines::collect();
        corner.pass().await.unwrap().unwrap();
        let spans = spans(&lines);
        assert_eq!(spans.len(), 4, "{spans:?}");
        assert!(spans.iter().all(|(_, fields)| fields["trace_id"] == spans[0].1["trace_id"]));
    });
    running.await;
}
