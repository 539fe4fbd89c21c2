//! Calls with a log, metrics and traces.

use std::io;
use std::net::SocketAddr;
use std::sync::Once;
use std::time::Duration;

use ::grid::intercept::{Log, Trace};
use ::grid::{Manager, Metrics};
use metrics_exporter_prometheus::PrometheusBuilder;

use super::{Start, name, start_as};
use crate::error::Result;
use crate::peers::contender::Listener;

/// How often a program lets its recorder sort what it was given.
const UPKEEP: Duration = Duration::from_millis(250);

/// Calls that take longer are logged, as in a program that makes many calls.
const SLOW: Duration = Duration::from_millis(100);

/// The share of calls that have spans, as in a program that has many calls: a span costs more than a call.
const TRACED: f64 = 0.01;

/// Calls through the macro with a log of slow ones, metrics, and traces of a share, at both ends.
pub(crate) struct Observed;

/// What a program installs once: metrics for Prometheus, and lines of text that go nowhere.
fn observe() -> Result<()> {
    static INSTALLED: Once = Once::new();
    let mut failed = None;
    INSTALLED.call_once(|| {
        tracing_subscriber::fmt().with_writer(io::sink).init();
        let buckets = [0.0001, 0.001, 0.01, 0.1, 1.0];
        let recorder = PrometheusBuilder::new().set_buckets(&buckets);
        match recorder.and_then(PrometheusBuilder::install_recorder) {
            // Sorts what was measured into the buckets.
            Ok(handle) => drop(std::thread::spawn(move || {
                loop {
                    handle.run_upkeep();
                    std::thread::sleep(UPKEEP);
                }
            })),
            Err(error) => failed = Some(error),
        }
    });
    failed.map_or(Ok(()), |error| Err(error.into()))
}

impl Start for Observed {
    async fn start(listener: Listener, peer: SocketAddr) -> Result<Manager> {
        observe()?;
        start_as(listener, &[peer], name, |builder| {
            let trace = Trace::new().sampled(TRACED);
            let builder = builder.metrics(Metrics::new()).record(Log::slower_than(SLOW));
            builder.intercept(trace.clone()).intercept_calls(trace)
        })
    }
}
