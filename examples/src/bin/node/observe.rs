//! What the program shows of itself: metrics for Prometheus, and which calls it logs and traces.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use grid::intercept::{Log, Trace};
use grid::{Builder, Metrics};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

use crate::tls::Failure;

/// The upper ends of the buckets of all durations, in seconds.
///
/// A small call between two machines takes about 100 µs, and calls of this program fail after 5 s: so from 20 µs to 10 s. A
/// quantile is somewhere within its bucket; with the steps 1, 2 and 5 it is off by a factor of 2.5 at most. One of the ends is
/// 1 ms, from which on a handler counts as one that holds its thread. More buckets cost more series: each method has them for
/// each node that it is called at, and for each outcome.
const BUCKETS: [f64; 18] = [
    2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0,
    10.0,
];

/// How often measured durations are sorted into their buckets, also if nobody asks for the metrics. Until then each needs 8
/// bytes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Calls that take longer are logged.
const SLOW: Duration = Duration::from_millis(200);

/// All metrics of the process.
#[derive(Clone)]
pub(crate) struct Exporter(PrometheusHandle);

impl Exporter {
    /// Metrics of nodes that are built before go nowhere.
    pub(crate) fn install() -> Result<Self, Failure> {
        // With the unit and `_total` at the end of the names, as Prometheus recommends and OpenTelemetry prescribes.
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

    /// The answer to a scrape, in the text format of Prometheus.
    pub(crate) fn scraped(&self) -> Response {
        let text = [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
        (text, self.0.render()).into_response()
    }
}

/// Adds metrics, logs and traces to a node that will be built.
pub(crate) fn observed(node: Builder, trace_share: f64) -> Builder {
    node.metrics(Metrics::new())
        .record(Log::slower_than(SLOW))
        // The node that a user has asked decides whether a trace is recorded. The others follow it: if each of them chose by
        // itself, most traces would have holes.
        .intercept_calls(Trace::new().sampled(trace_share))
        .intercept(Trace::new().sampled(0.0))
}
