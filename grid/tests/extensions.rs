//! Pairs of nodes that know different extensions: the base protocol works, and calls that need a missing extension fail
//! at once.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{join, join_all};
use grid::{
    CallError, Config, Context, ErrorCode, Incoming, Manager, Outgoing, RemoteError, SendError,
};
use serde::{Deserialize, Serialize};
use support::{A, B, EXTENSIONS as ALL, Network};
use tokio::time::{Instant, sleep};

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no {0}")]
struct Missing(String);

#[grid::service]
trait Things {
    /// Needs `ids32`, because its id is derived.
    async fn derived(&self) -> u8;
    #[handler(id = 1)]
    async fn pinned(&self, cx: &Context) -> Option<String>;
    #[handler(id = 2)]
    async fn fails(&self) -> Result<(), Missing>;
    #[handler(id = 3)]
    async fn forever(&self) -> u8;
    #[handler(id = 4, outgoing = 8)]
    async fn count(&self, to: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    #[handler(id = 5)]
    async fn echo(&self, payload: Bytes) -> Bytes;
    #[handler(id = 6, incoming = 4, outgoing = 4)]
    async fn relay(&self, input: Incoming<Bytes>, out: Outgoing<Bytes>) -> Result<(), RemoteError>;
}

#[derive(Default)]
struct Node {
    dropped: Arc<AtomicUsize>,
}

struct Guard(Arc<AtomicUsize>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Things for Node {
    async fn derived(&self) -> u8 {
        7
    }

    async fn pinned(&self, cx: &Context) -> Option<String> {
        if let Some(trace) = cx.trace() {
            return Some(trace.to_string());
        }
        cx.metadata("who").map(|value| String::from_utf8_lossy(value).into_owned())
    }

    async fn fails(&self) -> Result<(), Missing> {
        Err(Missing("thing".into()))
    }

    async fn forever(&self) -> u8 {
        let _guard = Guard(Arc::clone(&self.dropped));
        sleep(Duration::from_secs(30)).await;
        0
    }

    async fn count(&self, to: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..to {
            out.send(number).await?;
        }
        Ok(())
    }

    async fn echo(&self, payload: Bytes) -> Bytes {
        payload
    }

    async fn relay(
        &self,
        mut input: Incoming<Bytes>,
        mut out: Outgoing<Bytes>,
    ) -> Result<(), RemoteError> {
        while let Some(item) = input.next().await {
            out.send(item?).await?;
        }
        Ok(())
    }
}

fn large(len: usize) -> Bytes {
    (0..len).map(|byte| (byte % 251) as u8).collect()
}

/// A caller that knows all extensions, and a callee that knows `names`.
async fn pair(names: &[&str]) -> (Network, [Manager; 2], Arc<AtomicUsize>, ThingsClient) {
    let network = Network::default();
    let node = Node::default();
    let dropped = Arc::clone(&node.dropped);
    let a = network.node(A, &[A, B]).build().unwrap();
    let b =
        network.node(B, &[A, B]).service(ThingsServer::new(node)).extensions(names.iter().copied());
    let b = b.build().unwrap();
    network.attach(&a);
    network.attach(&b);
    let connection = a.connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (network, [a, b], dropped, ThingsClient::new(connection))
}

fn without(name: &str) -> Vec<&'static str> {
    ALL.iter().copied().filter(|known| *known != name).collect()
}

fn is_unsupported<T: std::fmt::Debug>(result: Result<T, CallError>, name: &str) -> bool {
    match result {
        Err(CallError::Unsupported { feature, peer, .. }) => feature == name && &*peer == B,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_base_protocol_works_without_any_extension() {
    let mut pairs: Vec<_> = ALL.iter().map(|name| without(name)).collect();
    pairs.extend([Vec::new(), ALL.to_vec()]);
    for names in pairs {
        let (_network, _nodes, _, things) = pair(&names).await;
        assert_eq!(things.pinned().await.unwrap(), None, "{names:?}");
        let mut numbers = things.count(100).await.unwrap();
        for number in 0..100 {
            assert_eq!(numbers.next().await.unwrap().unwrap(), number, "{names:?}");
        }
        assert!(numbers.next().await.is_none());
        let error = things.fails().await.unwrap_err();
        assert_eq!(error.to_string(), "there is no thing", "{names:?}");
        for len in [0, 64 * 1024, 300_000] {
            assert_eq!(things.echo(large(len)).await.unwrap(), large(len), "{names:?}");
        }
        let (mut up, mut down) = things.relay().await.unwrap();
        let items = [10, 200_000, 0, 70_000, 5];
        let send = async move {
            for len in items {
                up.send(large(len)).await.unwrap();
            }
            drop(up);
        };
        let receive = async {
            for len in items {
                assert_eq!(down.next().await.unwrap().unwrap(), large(len), "{names:?}");
            }
            assert!(down.next().await.is_none());
        };
        tokio::join!(send, receive);
    }
}

#[tokio::test(start_paused = true)]
async fn a_derived_id_needs_ids32() {
    let (_network, _nodes, _, things) = pair(&without("ids32")).await;
    let start = Instant::now();
    let sent = things.count(0).await.is_ok();
    assert!(is_unsupported(things.derived().await, "ids32") && sent);
    assert_eq!(start.elapsed(), Duration::ZERO, "it failed locally");
    let (_network, _nodes, _, things) = pair(&ALL).await;
    assert_eq!(things.derived().await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn metadata_and_typed_errors_need_meta() {
    let (_network, _nodes, _, things) = pair(&without("meta")).await;
    assert!(is_unsupported(things.pinned().metadata("who", "me").await, "meta"));
    assert!(is_unsupported(things.with_metadata("who", "me").pinned().await, "meta"));
    let CallError::Remote(error) = things.fails().await.unwrap_err() else { panic!("a text") };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Text, "there is no thing"));

    let (_network, _nodes, _, things) = pair(&ALL).await;
    assert_eq!(things.pinned().metadata("who", "me").await.unwrap().as_deref(), Some("me"));
    assert_eq!(things.fails().await.unwrap_err(), CallError::Handler(Missing("thing".into())));
}

#[tokio::test(start_paused = true)]
async fn a_trace_context_is_sent_if_the_peer_knows_metadata() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (names, seen) in [(ALL.to_vec(), Some(trace)), (without("meta"), None)] {
        let (_network, _nodes, _, things) = pair(&names).await;
        let answer = things.pinned().trace(trace.parse().unwrap()).await.unwrap();
        assert_eq!(answer.as_deref(), seen, "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_cancelled_with_cancel_only() {
    for (names, dropped_early) in [(ALL.to_vec(), 1), (without("cancel"), 0)] {
        let (_network, _nodes, dropped, things) = pair(&names).await;
        let late = tokio::time::timeout(Duration::from_secs(1), things.forever()).await;
        assert!(late.is_err());
        sleep(Duration::from_millis(5)).await;
        assert_eq!(dropped.load(Ordering::Relaxed), dropped_early, "{names:?}");
        sleep(Duration::from_secs(30)).await;
        assert_eq!(dropped.load(Ordering::Relaxed), 1, "{names:?}");
    }
}

/// The network's pipes and the buffers around them hold 64 KiB each: about 1 MiB passes before a small call, instead of
/// 16.
#[tokio::test(start_paused = true)]
async fn small_calls_overtake_large_ones_with_chunks_only() {
    for (names, past) in [(ALL.to_vec(), true), (without("chunks"), false)] {
        let (_network, _nodes, _, things) = pair(&names).await;
        let larges = (0..4).map(|_| {
            let things = things.clone();
            async move { things.echo(large(4 << 20)).await.unwrap().len() }
        });
        let mut larges = tokio::spawn(join_all(larges));
        // Until they are being sent.
        tokio::task::yield_now().await;
        let mut smalls = 0;
        let lens = loop {
            tokio::select! {
                biased;
                lens = &mut larges => break lens.unwrap(),
                answer = things.pinned() => {
                    assert_eq!(answer.unwrap(), None);
                    smalls += 1;
                }
            }
        };
        assert_eq!(lens, [4 << 20; 4]);
        assert!(if past { smalls >= 8 } else { smalls <= 2 }, "{names:?}: {smalls}");
    }
}

/// 64 MiB in each direction at once: neither end waits until the other stops sending.
#[tokio::test(start_paused = true)]
async fn large_transfers_in_both_directions_do_not_block_each_other() {
    let network = Network::default();
    let nodes = [A, B].map(|name| {
        let service = ThingsServer::new(Node::default());
        let manager = network.node(name, &[A, B]).service(service).build().unwrap();
        network.attach(&manager);
        manager
    });
    let [there, back] = [(&nodes[0], B), (&nodes[1], A)].map(|(node, peer)| {
        let connection = node.connection(peer).unwrap();
        async move {
            connection.wait_connected(Duration::from_secs(5)).await.unwrap();
            let (mut up, mut down) = ThingsClient::new(connection).relay().await.unwrap();
            let send = async move {
                for _ in 0..16 {
                    up.send(large(4 << 20)).await.unwrap();
                }
                drop(up);
            };
            let receive = async {
                let mut len = 0;
                while let Some(item) = down.next().await {
                    len += item.unwrap().len();
                }
                len
            };
            tokio::join!(send, receive).1
        }
    });
    assert_eq!(join(there, back).await, (64 << 20, 64 << 20));
}

/// Dropping a call discards what has not been sent, so that the link is free at once.
#[tokio::test(start_paused = true)]
async fn a_large_request_that_is_dropped_is_not_sent_to_its_end() {
    let (_network, nodes, _, things) = pair(&ALL).await;
    let sent = || nodes[0].stats().connections.iter().map(|link| link.bytes_out).sum::<u64>();
    let before = sent();
    let mut call = Box::pin(things.echo(large(8 << 20)).into_future());
    assert!(futures_util::poll!(&mut call).is_pending());
    tokio::task::yield_now().await;
    drop(call);
    assert_eq!(things.pinned().await.unwrap(), None);
    assert!(sent() - before < 4 << 20, "{}", sent() - before);
}

/// A call that is too large for the peer fails alone, with the peer's limit in its error.
#[tokio::test(start_paused = true)]
async fn what_is_too_large_for_the_peer_is_refused_at_its_sender() {
    let network = Network::default();
    let build = |name, bytes| {
        let config = Config::default().message_bytes_max(bytes);
        let server = ThingsServer::new(Node::default());
        network.node(name, &[A, B]).config(config).service(server).build().unwrap()
    };
    let (a, b) = (build(A, 16 << 20), build(B, 1 << 20));
    network.attach(&a);
    network.attach(&b);
    let (to_b, to_a) = (a.connection(B).unwrap(), b.connection(A).unwrap());
    for connection in [&to_b, &to_a] {
        connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    }
    let things = ThingsClient::new(to_b.clone());
    let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(things.forever().into_future())).collect();
    for call in &mut waiting {
        assert!(futures_util::poll!(call).is_pending());
    }

    let CallError::Encode(error) = things.echo(large(2 << 20)).await.unwrap_err() else { panic!() };
    let limit =
        "exceed the limit of 1048480 bytes (`Config::message_bytes_max` of http://b:1 is 1048576)";
    assert!(error.to_string().contains(limit), "{error}");
    assert!(error.to_string().starts_with("20971"), "{error}");
    let (mut up, _down) = things.relay().await.unwrap();
    let SendError::Encode(error) = up.send(large(2 << 20)).await.unwrap_err() else { panic!() };
    assert!(error.to_string().contains(limit), "{error}");
    up.send(large(1 << 19)).await.unwrap();
    // Towards `a`, the own limit of `b` is the smaller one.
    let error = ThingsClient::new(to_a).echo(large(2 << 20)).await.unwrap_err();
    let CallError::Encode(error) = error else { panic!("{error}") };
    assert!(error.to_string().contains("of this node is 1048576"), "{error}");

    assert_eq!(join_all(waiting).await, vec![Ok(0); 100], "other calls do not notice");
    assert_eq!((network.dialed(), b.stats().connections[0].connects), (1, 1));
}

#[tokio::test]
async fn an_error_names_an_unknown_extension() {
    let error = Manager::builder(A).extensions(["meta", "mate"]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no extension `mate`, only ids32, meta, cancel, credits, chunks, names, limits, crc, contracts, proof, drain, guest, windows"
    );
}
