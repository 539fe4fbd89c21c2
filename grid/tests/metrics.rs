//! Metrics of a node, as a Prometheus exporter renders them.
#![cfg(feature = "metrics")]
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::time::Duration;

use grid::{Manager, Metrics, Outgoing, RemoteError};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};
use tokio::time::sleep;

use crate::support::{A, B, Network, pair, sides};

#[grid::service]
trait Shop {
    async fn price(&self, of: String) -> Result<u32, RemoteError>;
    async fn list(&self, count: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    async fn wait(&self);
}

struct Stall;

impl Shop for Stall {
    async fn price(&self, of: String) -> Result<u32, RemoteError> {
        if of == "nothing" { Err(RemoteError::new("not sold here")) } else { Ok(3) }
    }

    async fn list(&self, count: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        for number in 0..count {
            out.send(number).await?;
        }
        Ok(())
    }

    async fn wait(&self) {
        std::future::pending().await
    }
}

/// Collects the metrics of this thread.
struct Exporter {
    handle: PrometheusHandle,
    _guard: metrics::LocalRecorderGuard<'static>,
}

impl Exporter {
    fn install() -> Self {
        let recorder = PrometheusBuilder::new().set_buckets(&[0.01, 1.0]).unwrap().build_recorder();
        let recorder: &'static PrometheusRecorder = Box::leak(Box::new(recorder));
        Self { handle: recorder.handle(), _guard: metrics::set_default_local_recorder(recorder) }
    }

    /// The value of the series that has this name and all of these labels.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let text = self.handle.render();
        let is_it = |line: &&str| {
            let (series, _) = line.split_once('{').unwrap_or((line, ""));
            let label =
                |(name, value): &(&str, &str)| line.contains(&format!("{name}=\"{value}\""));
            series.split(' ').next() == Some(name) && labels.iter().all(label)
        };
        let line = text.lines().find(is_it)?;
        line.rsplit(' ').next().unwrap().parse().ok()
    }
}

async fn shop(metrics: Metrics) -> (ShopClient, (Network, Manager, Manager)) {
    let interval = metrics.interval(Duration::from_secs(1));
    let configure =
        |node: grid::Builder| node.service(ShopServer::new(Stall)).metrics(interval.clone());
    let nodes = pair(configure).await;
    (ShopClient::new(nodes.1.connection(B).unwrap()), nodes)
}

#[tokio::test(start_paused = true)]
async fn calls_are_measured_at_both_ends() {
    let exporter = Exporter::install();
    let (shop, _nodes) = shop(Metrics::new()).await;
    for _ in 0..5 {
        shop.price("fig".into()).await.unwrap();
    }
    shop.price("nothing".into()).await.unwrap_err();
    let _ = shop.wait().timeout(Duration::from_millis(500)).await;
    sleep(Duration::from_millis(100)).await;
    let price = [("rpc_system_name", "grid"), ("rpc_method", "Shop/price")];
    for name in ["rpc_server_call_duration_count", "rpc_client_call_duration_count"] {
        let ok = [&price[..], &[("rpc_response_status_code", "ok")]].concat();
        assert_eq!(exporter.value(name, &ok), Some(5.0), "{name}");
        let failed = [&price[..], &[("rpc_response_status_code", "handler")]].concat();
        assert_eq!(exporter.value(name, &failed), Some(1.0), "{name}");
        let error = [&price[..], &[("error_type", "handler")]].concat();
        assert_eq!(exporter.value(name, &error), Some(1.0), "{name}");
        let late = [("rpc_method", "Shop/wait"), ("error_type", "deadline_exceeded")];
        assert_eq!(exporter.value(name, &late), Some(1.0), "{name}");
    }
    let seconds = exporter.value("rpc_client_call_duration_sum", &[("rpc_method", "Shop/wait")]);
    assert!(seconds.is_some_and(|seconds| (0.5..0.6).contains(&seconds)), "{seconds:?}");
    let to_b = [("server_address", "b"), ("server_port", "1")];
    assert!(exporter.value("rpc_client_call_duration_count", &to_b).is_some());
    let first = exporter.value("grid_server_first_poll_duration_count", &[price[1]]);
    assert!(first.is_some_and(|count| count >= 1.0), "{first:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_measured_when_it_has_ended() {
    let exporter = Exporter::install();
    let (shop, _nodes) = shop(Metrics::new().without_peers_of_calls()).await;
    let count = |exporter: &Exporter| {
        exporter.value("rpc_client_call_duration_count", &[("rpc_method", "Shop/list")])
    };
    let mut items = shop.list(2).await.unwrap();
    assert_eq!(count(&exporter), None);
    while items.next().await.is_some() {}
    assert_eq!(count(&exporter), Some(1.0));
    assert_eq!(exporter.value("rpc_client_call_duration_count", &[("server_address", "b")]), None);
}

/// Two connected nodes, of which the first one is measured.
async fn measured() -> (Network, Manager, Manager) {
    let network = Network::default();
    let metrics = Metrics::new().interval(Duration::from_secs(1));
    let a = network.node(A, &[A, B]).metrics(metrics).build().unwrap();
    let b = network.node(B, &[A, B]).service(ShopServer::new(Stall)).build().unwrap();
    [&a, &b].into_iter().for_each(|node| network.attach(node));
    let connection = a.connection(B).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    (network, a, b)
}

#[tokio::test(start_paused = true)]
async fn links_are_read_at_intervals() {
    let exporter = Exporter::install();
    let (network, a, _b) = measured().await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let _waiting = tokio::spawn(shop.wait().timeout(Duration::from_secs(100)));
    sleep(Duration::from_secs(2)).await;
    let of_b = [("peer", B)];
    assert_eq!(exporter.value("grid_link_up", &of_b), Some(1.0));
    assert_eq!(exporter.value("grid_link_ups", &of_b), Some(1.0));
    let towards = |direction| [("peer", B), ("direction", direction)];
    assert_eq!(exporter.value("grid_calls_in_flight", &towards("out")), Some(1.0));
    assert_eq!(exporter.value("grid_calls_in_flight", &towards("in")), Some(0.0));
    assert!(exporter.value("grid_link_bytes", &towards("out")) > Some(0.0));

    [A, B].iter().for_each(|name| network.detach(name));
    network.cut();
    sleep(Duration::from_secs(2)).await;
    assert_eq!(exporter.value("grid_link_up", &of_b), Some(0.0));
    assert_eq!(a.stats().connections[0].downs.values().sum::<u64>(), 1, "{:?}", a.stats());
    assert_eq!(exporter.value("grid_link_downs", &of_b), Some(1.0));
    assert_eq!(exporter.value("grid_calls_in_flight", &towards("out")), Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_removed_has_no_link() {
    let exporter = Exporter::install();
    let (_network, a, _b) = measured().await;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(exporter.value("grid_link_up", &[("peer", B)]), Some(1.0));
    a.members().remove(B, Duration::ZERO).await.unwrap();
    assert!(a.stats().connections.is_empty());
    sleep(Duration::from_secs(2)).await;
    // No alert on links that are down.
    let up = exporter.value("grid_link_up", &[("peer", B)]);
    assert!(up.is_some_and(f64::is_nan), "{up:?}");

    // Its counters go on when it is added again, although the new link counts from zero.
    let ups = || exporter.value("grid_link_ups", &[("peer", B)]);
    assert_eq!(ups(), Some(1.0));
    a.members().add(B).unwrap();
    sleep(Duration::from_secs(30)).await;
    assert_eq!(exporter.value("grid_link_up", &[("peer", B)]), Some(1.0));
    assert_eq!(ups(), Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn refused_handshakes_are_counted_by_reason() {
    let exporter = Exporter::install();
    let network = Network::default();
    let (dialer, listener) = sides();
    let node = |name, token| network.node(name, &[A, B]).token(grid::StaticToken::new(token));
    let refusing = node(listener, "right").metrics(Metrics::new()).build().unwrap();
    network.attach(&refusing);
    let _refused = node(dialer, "wrong").build().unwrap();
    sleep(Duration::from_secs(20)).await;
    let refused = refusing.stats().refused;
    assert!(refused.get("upgrade").is_some_and(|count| *count > 0), "{refused:?}");
    assert!(exporter.value("grid_handshakes_refused", &[("reason", "upgrade")]) > Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_waits_for_its_reader_is_counted_once() {
    let (_network, a, b) = measured().await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let stalls = || b.stats().connections[0].stalls;
    let mut items = shop.list(100_000).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(stalls(), 1);
    while items.next().await.is_some_and(|item| item.is_ok()) {}
    assert!(stalls() > 1, "the reader has waited several times: {}", stalls());
}
