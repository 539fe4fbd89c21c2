//! Pairs in which one node knows less than the other: the base protocol works, and what needs more says so at once.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use grid::{CallError, Context, ErrorCode, Manager, Outgoing, RemoteError};
use serde::{Deserialize, Serialize};
use support::{A, B, Network};
use tokio::time::{Instant, sleep};

const ALL: [&str; 4] = ["ids32", "meta", "cancel", "credits"];

#[derive(Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("there is no {0}")]
struct Missing(String);

#[grid::service]
trait Things {
    /// Its id is derived, so it needs `ids32`.
    async fn derived(&self) -> u8;
    #[handler(id = 1)]
    async fn pinned(&self, cx: &Context) -> Option<String>;
    #[handler(id = 2)]
    async fn fails(&self) -> Result<(), Missing>;
    #[handler(id = 3)]
    async fn forever(&self) -> u8;
    #[handler(id = 4, outgoing = 8)]
    async fn count(&self, to: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
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
}

/// A caller that knows everything, and a callee that knows `names`.
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
    ALL.into_iter().filter(|known| *known != name).collect()
}

fn is_unsupported<T: std::fmt::Debug>(result: Result<T, CallError>, name: &str) -> bool {
    match result {
        Err(CallError::Unsupported { feature, peer, .. }) => feature == name && &*peer == B,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_off_the_base_protocol_works() {
    let mut pairs: Vec<_> = ALL.map(without).into();
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
    }
}

#[tokio::test(start_paused = true)]
async fn a_derived_id_needs_ids32() {
    let (_network, _nodes, _, things) = pair(&without("ids32")).await;
    let start = Instant::now();
    let sent = things.count(0).await.is_ok();
    assert!(is_unsupported(things.derived().await, "ids32") && sent);
    assert_eq!(start.elapsed(), Duration::ZERO, "nobody was asked");
    let (_network, _nodes, _, things) = pair(&ALL).await;
    assert_eq!(things.derived().await.unwrap(), 7);
}

#[tokio::test(start_paused = true)]
async fn metadata_and_typed_errors_need_meta() {
    let (_network, _nodes, _, things) = pair(&without("meta")).await;
    assert!(is_unsupported(things.pinned().metadata("who", "me").await, "meta"));
    let CallError::Remote(error) = things.fails().await.unwrap_err() else { panic!("a text") };
    assert_eq!((error.code, error.message.as_str()), (ErrorCode::Text, "there is no thing"));

    let (_network, _nodes, _, things) = pair(&ALL).await;
    assert_eq!(things.pinned().metadata("who", "me").await.unwrap().as_deref(), Some("me"));
    assert_eq!(things.fails().await.unwrap_err(), CallError::Handler(Missing("thing".into())));
}

#[tokio::test(start_paused = true)]
async fn a_trace_travels_where_the_peer_knows_metadata() {
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for (names, seen) in [(ALL.to_vec(), Some(trace)), (without("meta"), None)] {
        let (_network, _nodes, _, things) = pair(&names).await;
        let answer = things.pinned().trace(trace.parse().unwrap()).await.unwrap();
        assert_eq!(answer.as_deref(), seen, "{names:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_can_be_taken_back_with_cancel_only() {
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

#[tokio::test]
async fn an_extension_that_nobody_knows_is_named() {
    let error = Manager::builder(A).extensions(["meta", "mate"]).build().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no extension `mate`, only ids32, meta, cancel, credits"
    );
}
