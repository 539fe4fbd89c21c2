//! Two versions of a service: each node logs in which methods its version differs from the peer's.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/log.rs"]
mod log;
mod support;

use std::time::Duration;

use bytes::Bytes;
use grid::{
    Builder, Capacities, Guest, Guests, Incoming, Manager, Outgoing, RawReceiver, RawSender,
    Warning,
};
use log::Lines;
use support::{A, B, Network, without_windows};
use tokio::time::sleep;
use tracing::Level;

/// The same service twice. The methods differ in what their names say, `fine` in nothing that is sent.
#[grid::service(name = "Disk")]
trait Old {
    async fn id(&self) -> u8;
    async fn kind(&self) -> u8;
    #[handler(incoming = 64, outgoing = 4)]
    async fn capacities(&self, input: Incoming<u8>, out: Outgoing<u8>);
    async fn layout(&self, a: u8, b: u8) -> u8;
    async fn arguments(&self, a: u8) -> u8;
    #[handler(request_bytes_max = 512)]
    async fn limit(&self, data: Bytes) -> u8;
    async fn fine(&self, a: u8) -> u8;
    #[handler(id = 200)]
    async fn renamed(&self, a: u8) -> u8;
    async fn removed(&self);
}

#[grid::service(name = "Disk")]
trait New {
    #[handler(id = 7)]
    async fn id(&self) -> u8;
    async fn kind(&self, out: Outgoing<u8>);
    #[handler(incoming = 4, outgoing = 64)]
    async fn capacities(&self, input: Incoming<u8>, out: Outgoing<u8>);
    #[handler(compact)]
    async fn layout(&self, a: u8, b: u8) -> u8;
    async fn arguments(&self, a: u8, #[default] b: u8) -> u8;
    async fn limit(&self, data: Bytes) -> u8;
    #[handler(timeout = "5s", inline)]
    async fn fine(&self, b: u8) -> u8;
    #[handler(id = 200)]
    async fn renamed_since(&self, a: u8) -> u8;
}

struct Node;

impl Old for Node {
    async fn id(&self) -> u8 {
        1
    }
    async fn kind(&self) -> u8 {
        1
    }
    async fn capacities(&self, _: Incoming<u8>, _: Outgoing<u8>) {}
    async fn layout(&self, a: u8, b: u8) -> u8 {
        a + b
    }
    async fn arguments(&self, a: u8) -> u8 {
        a
    }
    async fn limit(&self, _: Bytes) -> u8 {
        1
    }
    async fn fine(&self, a: u8) -> u8 {
        a
    }
    async fn renamed(&self, a: u8) -> u8 {
        a
    }
    async fn removed(&self) {}
}

/// Each method that differs, and what the node with the old version says about it.
const DIFFERENT: [(&str, &str); 6] = [
    ("arguments", "arguments: one here, several at the peer"),
    (
        "capacities",
        "capacity of incoming: 64 here, 4 at the peer; capacity of outgoing: 4 here, 64 at the peer",
    ),
    ("id", "handler id: 1446681412 here, 7 at the peer"),
    ("kind", "kind: single request here, stream of answers at the peer"),
    ("layout", "layout: named here, compact at the peer"),
    ("limit", "request_bytes_max: 512 here, none at the peer"),
];

/// Two nodes that do not know about each other yet.
fn nodes(
    a: impl FnOnce(Builder) -> Builder,
    b: impl FnOnce(Builder) -> Builder,
) -> (Network, Manager, Manager) {
    let network = Network::default();
    let a = a(network.node(A, &[A, B])).build().unwrap();
    let b = b(network.node(B, &[A, B])).build().unwrap();
    (network, a, b)
}

async fn connect(network: &Network, a: &Manager, b: &Manager) {
    network.attach(a);
    network.attach(b);
    for (node, peer) in [(a, B), (b, A)] {
        let connection = node.connection(peer).unwrap();
        connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    }
    // The lines are logged when the links begin to run.
    sleep(Duration::from_millis(10)).await;
}

/// The old version, on a node that does not know the extension `windows`.
fn old(node: Builder) -> Builder {
    node.extensions(without_windows()).service(OldServer::new(Node).subroute("disk0"))
}

/// Asserts that the node with the old version has one warning for each method that differs.
fn assert_warned(lines: &Lines, node: &str) {
    let warnings = lines.with(Level::WARN, &format!("local={node}"));
    assert_eq!(warnings.len(), DIFFERENT.len(), "{warnings:#?}");
    for (warning, (method, what)) in warnings.iter().zip(DIFFERENT) {
        assert!(warning.contains(&format!("method=Disk/{method} what={what}")), "{warning}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_method_that_differs_is_a_warning_at_both_ends() {
    let (lines, _guard) = Lines::collect();
    // The caller only calls, and the callee only serves.
    let (network, a, b) = nodes(|a| a, old);
    let mut warnings = b.warnings();
    let _client = NewClient::new(a.connection(B).unwrap()).subroute("disk0");
    connect(&network, &a, &b).await;
    assert_warned(&lines, B);
    for (name, text) in DIFFERENT {
        let Some(Warning::MethodDiffers { method, what, .. }) = warnings.next().await else {
            panic!("programs are told the same");
        };
        assert_eq!((&*method, &*what), (&*format!("Disk/{name}"), text));
    }
    let at_a = lines.with(Level::WARN, &format!("local={A}"));
    assert_eq!(at_a.len(), DIFFERENT.len(), "{at_a:#?}");
    assert!(at_a.iter().any(|line| line.contains("handler id: 7 here, 1446681412 at the peer")));
    // A method that only one version has is no reason to warn: nodes are updated one after another.
    let missing = lines.with(Level::INFO, "does not know some methods");
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing[0].contains(B) && missing[0].contains("methods=removed"), "{missing:?}");

    let before = lines.with(Level::INFO, "at the peer").len();
    network.cut();
    let connection = b.connection(A).unwrap();
    sleep(Duration::from_secs(5)).await;
    assert!(connection.state().is_connected() && connection.stats().connects > 1);
    assert_eq!(lines.with(Level::INFO, "at the peer").len(), before, "each is logged once");
}

#[tokio::test(start_paused = true)]
async fn equal_services_and_nodes_without_the_extension_do_not_warn() {
    let (lines, _guard) = Lines::collect();
    let (network, a, b) = nodes(old, old);
    connect(&network, &a, &b).await;
    let _equal = OldClient::new(a.connection(B).unwrap());

    let (network, a, b) = nodes(old, |b| b.extensions(["ids32"]));
    let _unknown = NewClient::new(b.connection(A).unwrap());
    connect(&network, &a, &b).await;

    // A node that knows both versions knows what it does.
    let (network, a, b) = nodes(|a| a, old);
    let connection = a.connection(B).unwrap();
    let _both = (NewClient::new(connection.clone()), OldClient::new(connection));
    connect(&network, &a, &b).await;
    assert_eq!(lines.with(Level::WARN, ""), Vec::<String>::new());
    assert_eq!(lines.with(Level::INFO, "does not know"), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_created_later_is_compared_at_once_and_at_the_peer_with_the_next_connection()
 {
    let (lines, _guard) = Lines::collect();
    let (network, a, b) = nodes(old, |b| b);
    connect(&network, &a, &b).await;
    assert_eq!(lines.with(Level::WARN, ""), Vec::<String>::new());
    for _ in 0..100 {
        let _client = NewClient::new(b.connection(A).unwrap());
    }
    assert_eq!(lines.with(Level::WARN, &format!("local={B}")).len(), DIFFERENT.len());
    assert_eq!(lines.with(Level::WARN, &format!("local={A}")), Vec::<String>::new());
    network.cut();
    sleep(Duration::from_secs(5)).await;
    assert_warned(&lines, A);
    assert_eq!(lines.with(Level::WARN, &format!("local={B}")).len(), DIFFERENT.len());
}

/// With these capacities the caller would wait for credits that the handler does not return.
#[tokio::test(start_paused = true)]
async fn a_stream_whose_capacities_would_stall_is_refused_with_both() {
    let handler = Capacities { incoming: 4, outgoing: 64 };
    let run = |_, _, _: RawReceiver, _: RawSender| async { Ok(()) };
    let serve = |b: Builder| b.stream_handler(9, None, handler, run);
    let (network, a, b) = nodes(|a| a.extensions(without_windows()), serve);
    connect(&network, &a, &b).await;
    let caller = Capacities { incoming: 64, outgoing: 4 };
    let connection = a.connection(B).unwrap();
    let refused = connection.stream(9, caller, None).await.map(|_| ()).unwrap_err().to_string();
    for figures in
        ["the caller has incoming = 64, outgoing = 4", "the handler incoming = 4, outgoing = 64"]
    {
        assert!(refused.contains(figures), "{refused}");
    }
    assert!(connection.stream(9, handler, None).await.is_ok());

    // With windows, each end has capacities of its own.
    let (network, a, b) = nodes(|a| a, serve);
    connect(&network, &a, &b).await;
    assert!(a.connection(B).unwrap().stream(9, caller, None).await.is_ok());
}

/// What differs in capacities only is the same, where windows make them unimportant.
#[tokio::test(start_paused = true)]
async fn with_windows_capacities_are_not_compared() {
    let (lines, _guard) = Lines::collect();
    let (network, a, b) = nodes(|a| a, |b| b.service(OldServer::new(Node)));
    let _client = NewClient::new(a.connection(B).unwrap());
    connect(&network, &a, &b).await;
    let warned = |node: &str| lines.with(Level::WARN, &format!("local={node}"));
    assert_eq!((warned(A).len(), warned(B).len()), (DIFFERENT.len() - 1, DIFFERENT.len() - 1));
    assert_eq!(lines.with(Level::WARN, "capacity"), Vec::<String>::new());
}

/// Names of services are told to a guest only if every guest may call them.
#[tokio::test(start_paused = true)]
async fn a_guest_whose_calls_are_to_be_permitted_is_told_no_services() {
    let (lines, _guard) = Lines::collect();
    for (permit, is_told) in [(false, true), (true, false)] {
        let network = Network::default();
        let guests = Guests::up_to(1);
        let guests = if permit { guests.permit(|_| Ok(())) } else { guests };
        let node = old(network.node(A, &[A])).guests(guests).build().unwrap();
        network.attach(&node);
        let guest = Guest::builder(A).configure(|builder| builder.dial_with(network.clone()));
        let guest = guest.connect().await.unwrap();
        let mut warnings = node.warnings();
        let _client = NewClient::new(guest.connection()).subroute("disk0");
        let warned = lines.with(Level::WARN, &format!("local={}", guest.name())).len();
        assert_eq!(warned > 0, is_told);
        // What the guest has clients of is stated by the guest.
        network.cut();
        assert!(matches!(warnings.next().await, Some(Warning::MethodDiffers { .. })));
    }
}
