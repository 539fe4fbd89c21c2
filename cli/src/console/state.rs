//! [`State`]: a grid at one time, as the page receives it every second and as a recording has it.

use std::time::SystemTime;

use grid::admin::{AdminEvent, StreamStatus, TappedCall};
use serde::{Deserialize, Serialize};

/// A grid at one time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) source: Source,
    /// The node that the console was started with, for the commands that print the same.
    pub(super) entry: String,
    pub(super) at_unix_ms: u64,
    pub(super) allows_calls: bool,
    /// In the order of their names.
    pub(super) nodes: Vec<NodeRow>,
    /// As the nodes that are up see them.
    pub(super) links: Vec<LinkRow>,
    /// Single streams as their ends see them, those that wait first. Recordings of earlier versions have none.
    #[serde(default)]
    pub(super) streams: Vec<StreamRow>,
    /// Methods of all nodes together, counted where they are served.
    pub(super) methods: Vec<MethodRow>,
    /// Who calls what of whom, at both ends.
    pub(super) calls: Vec<CallRow>,
    /// Rows of `calls` that are not here, because there are too many.
    pub(super) calls_left_out: usize,
    /// The latest events of all nodes, the oldest first.
    pub(super) events: Vec<EventRow>,
    /// What `grid check` finds.
    pub(super) findings: Vec<FindingRow>,
}

/// Where the state is from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Source {
    /// From running nodes.
    #[default]
    Live,
    /// From a file.
    Replay,
    /// Made up.
    Demo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum NodeState {
    Connecting,
    Up,
    Lost,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct NodeRow {
    pub(super) name: String,
    pub(super) state: NodeState,
    /// Why it is lost; empty otherwise.
    pub(super) reason: String,
    /// When the console lost it.
    pub(super) lost_unix_ms: Option<u64>,
    pub(super) version: String,
    pub(super) instance: String,
    pub(super) up_ms: u64,
    /// How far its clock is ahead of the console's.
    pub(super) ahead_ms: i64,
    pub(super) guests: u64,
    /// Calls that it serves.
    pub(super) served_per_s: f64,
    pub(super) failed_per_s: f64,
    /// Calls that it makes.
    pub(super) made_per_s: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LinkRow {
    pub(super) node: String,
    pub(super) peer: String,
    /// `node`, `guest` or `self`.
    pub(super) kind: String,
    pub(super) state: String,
    pub(super) text: String,
    pub(super) rtt_us: Option<u64>,
    pub(super) up_ms: Option<u64>,
    pub(super) in_flight_in: u64,
    pub(super) in_flight_out: u64,
    pub(super) queued_bytes: u64,
    pub(super) held_bytes: u64,
    pub(super) bytes_per_s: f64,
    pub(super) stalls: u64,
    /// Stalls within the last minute.
    pub(super) stalls_recent: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct StreamRow {
    pub(super) node: String,
    #[serde(flatten)]
    pub(super) stream: StreamStatus,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct MethodRow {
    pub(super) method: String,
    pub(super) calls_per_s: f64,
    pub(super) failed_per_s: f64,
    pub(super) bytes_per_s: f64,
    pub(super) p50_us: Option<u64>,
    pub(super) p90_us: Option<u64>,
    pub(super) p99_us: Option<u64>,
    /// Calls per second, of up to 120 seconds, the latest last.
    pub(super) calls: Vec<u32>,
    /// The 99th percentile in microseconds, of the same seconds; 0 without calls.
    pub(super) p99s_us: Vec<u32>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct CallRow {
    pub(super) node: String,
    pub(super) peer: String,
    pub(super) method: String,
    pub(super) is_served: bool,
    pub(super) calls_per_s: f64,
    pub(super) failed_per_s: f64,
    pub(super) p50_us: Option<u64>,
    pub(super) p99_us: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) node: String,
    #[serde(flatten)]
    pub(super) event: AdminEvent,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct FindingRow {
    pub(super) severity: String,
    pub(super) node: String,
    pub(super) what: String,
    pub(super) text: String,
}

/// A call, and the node that has reported it.
#[derive(Debug, Serialize)]
pub(super) struct Tapped {
    pub(super) node: String,
    pub(super) call: TappedCall,
}

/// A call, or why a node cannot be tapped.
pub(super) type TapItem = Result<Tapped, String>;

/// A rate that is short as JSON: three digits are enough to look at.
pub(super) fn rounded(rate: f64) -> f64 {
    if rate >= 100.0 { rate.round() } else { (rate * 10.0).round() / 10.0 }
}

/// The time of day here.
pub(super) fn unix_ms() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_millis()).unwrap_or(u64::MAX)
}
