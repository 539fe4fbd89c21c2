//! [`Metrics`]: counters, gauges and histograms of a node, through the crate `metrics`.
//!
//! | file | what |
//! |---|---|
//! | `mod.rs` | [`Metrics`], and how it is added to a node |
//! | `calls.rs` | the duration of calls, as a recorder |
//! | `links.rs` | the state of the links, which a task reads at intervals |
//! | `names.rs` | the names of all metrics, and their descriptions |

mod calls;
mod links;
mod names;

use std::time::Duration;

use self::calls::Calls;
use self::links::Links;
use crate::Builder;

/// How often the links are read.
const INTERVAL: Duration = Duration::from_secs(5);
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// The metrics of a node, for [`Builder::metrics`]. They go to the recorder that the program has installed for the crate
/// [`metrics`](https://docs.rs/metrics), for example that of `metrics-exporter-prometheus`.
///
/// Install the recorder before the node is built: what is registered before goes nowhere. The nodes of one process share their
/// series, which have no label for the node.
///
/// | metric | kind | labels |
/// |---|---|---|
/// | `rpc.server.call.duration` | histogram, seconds | `rpc.system.name`, `rpc.method`, `rpc.response.status_code`, and `error.type` if the call failed |
/// | `rpc.client.call.duration` | histogram, seconds | the same, and `server.address`, `server.port` |
/// | `grid.server.first_poll.duration` | histogram, seconds | `rpc.method`; how long a handler holds its thread before it waits. While a method is quick, one in eight is measured |
/// | `grid.calls.in_flight` | gauge | `peer`, `direction` (`in`, `out`) |
/// | `grid.calls` | counter | `peer`, `direction` |
/// | `grid.link.up` | gauge, 0 or 1; NaN when the peer is no member any more | `peer` |
/// | `grid.link.ups` | counter | `peer` |
/// | `grid.link.downs` | counter | `peer`, `reason` |
/// | `grid.link.rtt` | gauge, seconds | `peer` |
/// | `grid.link.bytes`, `grid.link.messages` | counters | `peer`, `direction` |
/// | `grid.link.queue.bytes` | gauge | `peer`; what waits for the socket |
/// | `grid.link.held.bytes` | gauge | `peer`; the memory that the peer makes this node hold |
/// | `grid.stream.stalls` | counter | `peer`; how often a stream has begun to wait for its reader at the peer |
/// | `grid.handshakes.refused` | counter | `reason` |
/// | `grid.guests` | gauge | |
///
/// The first two are those of the OpenTelemetry conventions for RPC. Methods are those that the node has, reasons and status
/// codes are words of a short list, and peers are members of the grid, so the number of series is bounded. A stream counts
/// when it has ended. All but the first three are read every five seconds.
///
/// Exporters change the names: `grid.link.rtt` is `grid_link_rtt_seconds` in Prometheus, and `grid.calls` is
/// `grid_calls_total`, if `PrometheusBuilder::with_recommended_naming` is on.
///
/// ```
/// let builder = grid::Manager::builder("http://node1:9000").metrics(grid::Metrics::new());
/// # let _ = builder;
/// ```
#[derive(Debug, Clone)]
pub struct Metrics {
    has_peers: bool,
    interval: Duration,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// All metrics.
    pub fn new() -> Self {
        Self { has_peers: true, interval: INTERVAL }
    }

    /// Leaves out `server.address` and `server.port` of `rpc.client.call.duration`, which has a series for each method and
    /// node otherwise. Useful in a grid of many nodes.
    pub fn without_peers_of_calls(self) -> Self {
        Self { has_peers: false, ..self }
    }

    /// Sets how often the links are read. Default: 5 seconds; at least 100 ms. Each time costs a lock of each link.
    pub fn interval(self, interval: Duration) -> Self {
        Self { interval: interval.max(INTERVAL_MIN), ..self }
    }
}

impl Builder {
    /// Measures the calls and links of the node, see [`Metrics`]. Default: not measured.
    ///
    /// Calls are measured as by [`record`](Self::record).
    #[cfg_attr(docsrs, doc(cfg(feature = "metrics")))]
    pub fn metrics(self, metrics: Metrics) -> Self {
        names::describe();
        let Metrics { has_peers, interval } = metrics;
        self.record(Calls::new(has_peers)).first_polls(calls::first_poll).at_start(move |node| {
            let mut links = Links::default();
            node.sample(interval, move |stats| links.record(stats));
        })
    }
}
