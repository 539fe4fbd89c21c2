//! What a node shows of itself: metrics for Prometheus, and probes.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use grid::intercept::{Finished, Log, Record};
use grid::{Builder, Metrics};
use grid_kv::client::Client;
use grid_kv::node::Node;
use grid_openraft::SERVICE;
use metrics::gauge;
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::sleep;

/// The upper ends of the buckets of all durations, in seconds. A small call takes about 100 µs, a write waits for a disk.
const BUCKETS: [f64; 18] = [
    2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    10.0,
];

/// How often measured durations are sorted into their buckets, also if nobody asks for the metrics.
const UPKEEP: Duration = Duration::from_secs(5);

/// How long a node that starts is not ready without links to all others: longer than they take to dial it again, and not for ever,
/// because one of them may be down.
const LINKS_MAX: Duration = Duration::from_secs(4);

/// Why it is not.
const NOT_CONNECTED: &str = "it is not connected to all others yet";

/// The pause before a node that starts asks again how far the others are.
const AGAIN: Duration = Duration::from_millis(100);

/// Calls that take longer are logged.
const SLOW: Duration = Duration::from_secs(1);

/// All metrics of the process.
#[derive(Clone)]
pub(crate) struct Exporter(PrometheusHandle);

impl Exporter {
    /// Metrics of nodes that are built before go nowhere.
    pub(crate) fn install() -> Result<Self, BuildError> {
        let builder = PrometheusBuilder::new().with_recommended_naming(true);
        let handle = builder.set_buckets(&BUCKETS)?.install_recorder()?;
        let upkept = handle.clone();
        tokio::spawn(async move {
            let mut times = tokio::time::interval(UPKEEP);
            loop {
                times.tick().await;
                upkept.run_upkeep();
            }
        });
        Ok(Self(handle))
    }
}

/// Adds metrics and a log of slow calls to a node that will be built.
pub(crate) fn observed(node: Builder) -> Builder {
    node.metrics(Metrics::new()).record(OfClients(Log::slower_than(SLOW)))
}

/// All calls but those of the raft, which fails at each heartbeat to a node that is down: too much for operators, who see from the links
/// which nodes are down.
struct OfClients(Log);

impl Record for OfClients {
    fn record(&self, call: &Finished<'_>) {
        self.0.record(call);
    }

    fn applies_to(&self, service: &str, method: &str) -> bool {
        service != SERVICE && self.0.applies_to(service, method)
    }
}

/// The HTTP server of a node.
#[derive(Clone)]
pub(crate) struct Probes {
    node: Node,
    exporter: Exporter,
    is_stopping: watch::Receiver<bool>,
    /// Why the node has not caught up since its start.
    not_ready: watch::Receiver<Option<&'static str>>,
}

impl Probes {
    pub(crate) fn new(node: Node, exporter: Exporter, is_stopping: watch::Receiver<bool>) -> Self {
        let (reason, not_ready) = watch::channel(Some(NOT_CONNECTED));
        let (catching_up, mut stopping) = (catch_up(node.clone(), reason), is_stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = catching_up => {}
                _ = stopping.wait_for(|is_stopping| *is_stopping) => {}
            }
        });
        Self { node, exporter, is_stopping, not_ready }
    }

    /// Serves in the background, as long as the process runs: also while the node stops.
    pub(crate) fn serve(self, listener: TcpListener) {
        let router = Router::new()
            .route("/livez", get(|| async { "alive\n" }))
            .route("/readyz", get(ready))
            .route("/metrics", get(metrics))
            .with_state(self);
        tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!("the server of the probes has ended: {error}");
            }
        });
    }
}

/// Waits until the node is connected to the others, and has all that was acknowledged when it was started. A rolling restart must
/// wait for that at each node: a node without the latest writes, or without a link, helps no majority to have them.
async fn catch_up(node: Node, reason: watch::Sender<Option<&'static str>>) {
    if let Err(missing) = node.wait_linked(LINKS_MAX).await {
        tracing::warn!("{missing}: the node will be ready without");
    }
    reason.send_replace(Some("it has not received all writes yet"));
    let mut revisions = node.state().revisions();
    loop {
        let client = Client::of_node(node.manager(), node.manager().members().list());
        match client.revision().await {
            Ok(revision) => {
                // It never fails: this task has the node.
                let _ = revisions.wait_for(|known| *known >= revision).await;
                break;
            }
            Err(_) => sleep(AGAIN).await,
        }
    }
    reason.send_replace(None);
}

/// Ready: the node has caught up since its start, reaches the leader, and does not stop.
async fn ready(State(probes): State<Probes>) -> (StatusCode, String) {
    let no = |text: &str| (StatusCode::SERVICE_UNAVAILABLE, format!("{text}\n"));
    if *probes.is_stopping.borrow() {
        return no("stopping");
    }
    let not_ready = *probes.not_ready.borrow();
    match (probes.node.leader(), not_ready) {
        (_, Some(NOT_CONNECTED)) => no(NOT_CONNECTED),
        (Err(reason), _) => no(&reason.to_string()),
        (Ok(_), Some(reason)) => no(reason),
        (Ok(leader), None) => (StatusCode::OK, format!("the leader is {leader}\n")),
    }
}

/// The answer to a scrape, in the text format of Prometheus.
async fn metrics(State(probes): State<Probes>) -> Response {
    let metrics = probes.node.raft().metrics().borrow_watched().clone();
    gauge!("kv_is_leader").set(if metrics.state.is_leader() { 1.0 } else { 0.0 });
    gauge!("kv_term").set(metrics.current_term as f64);
    gauge!("kv_log_index").set(metrics.last_log_index.unwrap_or(0) as f64);
    gauge!("kv_applied_index").set(metrics.last_applied.map_or(0, |id| id.index) as f64);
    gauge!("kv_snapshot_index").set(metrics.snapshot.map_or(0, |id| id.index) as f64);
    gauge!("kv_revision").set(probes.node.state().revision() as f64);
    let members = metrics.membership_config.membership();
    gauge!("kv_voters").set(members.voter_ids().count() as f64);
    let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (text, probes.exporter.0.render()).into_response()
}
