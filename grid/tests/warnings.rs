//! Warnings: what a node tells programs and its log about what is probably a mistake.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

#[path = "support/log.rs"]
mod log;
mod support;

use std::time::Duration;

use grid::testing::{Skew, TestGrid};
use grid::{Builder, Context, Events, Incoming, Outgoing, RemoteError, Warning};
use tokio::time::sleep;
use tracing::Level;

use crate::log::Lines;

#[grid::service]
trait Mill {
    /// Holds its thread.
    async fn grind(&self, time_ms: u64);
    async fn list(&self, count: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    /// Reads nothing for a minute.
    async fn fill(&self, numbers: Incoming<u32>) -> Result<u32, RemoteError>;
    /// Calls `grind` at the caller.
    async fn pass(&self, cx: &Context, is_within: bool) -> Result<(), RemoteError>;
}

struct Stone;

impl Mill for Stone {
    async fn grind(&self, time_ms: u64) {
        std::thread::sleep(Duration::from_millis(time_ms));
    }

    async fn list(&self, count: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..count {
            out.send(number).await?;
        }
        Ok(())
    }

    async fn fill(&self, mut numbers: Incoming<u32>) -> Result<u32, RemoteError> {
        sleep(Duration::from_secs(60)).await;
        let mut count = 0;
        while numbers.next().await.is_some() {
            count += 1;
        }
        Ok(count)
    }

    async fn pass(&self, cx: &Context, is_within: bool) -> Result<(), RemoteError> {
        let call = MillClient::new(cx.caller()).grind(0);
        Ok(if is_within { call.within(cx) } else { call }.await?)
    }
}

fn mill(_: usize, builder: Builder) -> Builder {
    builder.service(MillServer::new(Stone))
}

async fn mills() -> TestGrid {
    let grid = TestGrid::builder(2).configure(mill).start();
    grid.all_connected().await;
    grid
}

/// What has been told so far.
async fn told(warnings: &mut Events<Warning>) -> Vec<Warning> {
    let mut told = Vec::new();
    while let Ok(Some(warning)) = tokio::time::timeout(Duration::ZERO, warnings.next()).await {
        told.push(warning);
    }
    told
}

/// The real clock runs, as the handler holds a real thread.
#[tokio::test]
async fn a_handler_that_holds_its_thread() {
    let grid = mills().await;
    let (lines, _guard) = Lines::collect();
    let mut warnings = grid.node(1).warnings();
    let client = MillClient::new(grid.connection(0, 1));
    // Calls of a method that has blocked run in tasks, which are timed.
    for _ in 0..8 {
        client.grind(120).await.unwrap();
    }
    let told = told(&mut warnings).await;
    let [Warning::HandlerBlocks { method, peer, took, .. }] = &told[..] else {
        panic!("one warning, however often it happens: {told:?}")
    };
    assert_eq!((&**method, &**peer), ("Mill/grind", grid.name(0)));
    assert!(*took >= Duration::from_millis(120), "{took:?}");
    let lines = lines.with(Level::WARN, "Mill/grind has held its thread");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(lines[0].contains("#[handler(blocking)]"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_whose_reader_takes_nothing() {
    let grid = mills().await;
    let (mut at_callee, mut at_caller) = (grid.node(1).warnings(), grid.node(0).warnings());
    let client = MillClient::new(grid.connection(0, 1));
    let mut items = client.list(1_000_000).await.unwrap();
    sleep(Duration::from_secs(60)).await;
    let warnings = told(&mut at_callee).await;
    let [warning @ Warning::SlowReader { waited, .. }] = &warnings[..] else {
        panic!("{warnings:?}")
    };
    assert_eq!((warning.method(), warning.peer()), (Some("Mill/list"), Some(grid.name(0))));
    assert!((10..30).contains(&waited.as_secs()), "{waited:?}");

    // It is over when the reader goes on.
    assert!(items.next().await.is_some());
    drop(items);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(told(&mut at_callee).await, []);

    // A handler that reads nothing, of a caller that sends.
    let (mut numbers, _reply) = client.fill().await.unwrap();
    tokio::spawn(async move { while numbers.send(1).await.is_ok() {} });
    sleep(Duration::from_secs(50)).await;
    let warnings = told(&mut at_caller).await;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert_eq!(warnings[0].method(), Some("Mill/fill"));
    assert_eq!(warnings[0].peer(), Some(grid.name(1)));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_only_slow() {
    let grid = mills().await;
    let mut warnings = grid.node(1).warnings();
    let mut items = MillClient::new(grid.connection(0, 1)).list(1_000_000).await.unwrap();
    for _ in 0..300 {
        sleep(Duration::from_millis(400)).await;
        for _ in 0..2000 {
            items.next().await.unwrap().unwrap();
        }
    }
    assert_eq!(told(&mut warnings).await, []);
}

/// The window was full once, and the reader has made room since.
#[tokio::test(start_paused = true)]
async fn a_writer_that_has_nothing_to_send() {
    let grid = mills().await;
    let mut warnings = grid.node(0).warnings();
    let (mut numbers, _reply) = MillClient::new(grid.connection(0, 1)).fill().await.unwrap();
    while tokio::time::timeout(Duration::from_secs(1), numbers.send(1)).await.is_ok() {}
    assert_eq!(told(&mut warnings).await, []);
    // The handler reads after a minute.
    sleep(Duration::from_secs(62)).await;
    drop(told(&mut warnings).await);
    sleep(Duration::from_secs(120)).await;
    assert_eq!(told(&mut warnings).await, []);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_calls_what_is_not_there() {
    let grid = mills().await;
    let mut warnings = grid.node(1).warnings();
    for _ in 0..100 {
        grid.connection(0, 1).request(77_u8, None).await.unwrap_err();
    }
    let told = told(&mut warnings).await;
    let [Warning::UnknownHandler { peer, id: 77, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!(&**peer, grid.name(0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_whose_call_has_more_time_than_itself() {
    let grid = mills().await;
    let (lines, _guard) = Lines::collect();
    let mut warnings = grid.node(1).warnings();
    let client = MillClient::new(grid.connection(0, 1));
    client.pass(true).await.unwrap();
    assert_eq!(told(&mut warnings).await, []);
    for _ in 0..3 {
        client.pass(false).timeout(Duration::from_secs(5)).await.unwrap();
        sleep(Duration::from_secs(100)).await;
    }
    let told = told(&mut warnings).await;
    let [Warning::DeadlineNotInherited { method, called, .. }] = &told[..] else {
        panic!("once a method: {told:?}")
    };
    assert_eq!((&**method, &**called), ("Mill/pass", "Mill/grind"));
    assert_eq!(lines.with(Level::WARN, ".within(cx)").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn clocks_that_are_apart() {
    let grid = TestGrid::builder(2).configure(mill).start();
    let mut warnings = [0, 1].map(|node| grid.node(node).warnings());
    grid.skew(0, Skew::Ahead(Duration::from_secs(100)));
    grid.reset(0, 1);
    grid.all_connected().await;
    let told = [told(&mut warnings[0]).await, told(&mut warnings[1]).await].concat();
    let [Warning::ClocksDiffer { difference, max, .. }] = &told[..] else { panic!("{told:?}") };
    assert!((99..=101).contains(&difference.as_secs()), "{difference:?}");
    assert_eq!(max.as_secs(), 300);
}

#[tokio::test(start_paused = true)]
async fn nodes_with_different_host_lists() {
    let network = grid::testing::Network::new();
    let names = ["http://node1:9000", "http://node2:9000"];
    let (dialer, listener) =
        if grid::dials(names[0], names[1]) { (names[0], names[1]) } else { (names[1], names[0]) };
    let node = |name: &str, hosts: &[&str]| {
        let builder = grid::Manager::builder(name).hosts(hosts.iter().copied());
        let node = builder.token(grid::NoAuth).dial_with(network.dialer(name)).build().unwrap();
        network.attach(&node);
        node
    };
    let other = if listener == names[0] { "http://node3:9000" } else { "http://node4:9000" };
    let _listening = node(listener, &[listener, other]);
    let dialing = node(dialer, &names);
    let mut warnings = dialing.warnings();
    sleep(Duration::from_secs(30)).await;
    let told = told(&mut warnings).await;
    let [Warning::HostsDiffer { unlisted, at, .. }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&**unlisted, &**at), (dialer, listener));
}

/// Panics at each warning.
struct Bomb;

impl tracing::Subscriber for Bomb {
    fn enabled(&self, of: &tracing::Metadata<'_>) -> bool {
        of.target().contains("warning")
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        panic!("in the subscriber");
    }

    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[tokio::test]
async fn a_subscriber_that_panics_at_a_warning_harms_nothing() {
    let grid = mills().await;
    let client = MillClient::new(grid.connection(0, 1));
    let _guard = tracing::subscriber::set_default(Bomb);
    grid.connection(0, 1).request(77_u8, None).await.unwrap_err();
    for _ in 0..3 {
        client.grind(120).await.unwrap();
    }
    assert_eq!(grid.connection(0, 1).stats().connects, 1);
}
