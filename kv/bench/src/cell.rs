//! What is measured: one contender at one work, and the figures of it.

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// `grid-openraft`.
    Grid,
    /// The same without its limit for snapshots, which is the only difference.
    GridUnlimited,
    /// gRPC, entries in a stream in both directions.
    Grpc,
    /// gRPC, a call for each batch of entries.
    GrpcUnary,
    /// HTTP/1.1 and JSON.
    Http,
    /// Function calls in one process.
    Function,
}

impl Contender {
    /// Whether it is measured at this work.
    pub(crate) fn is_measured_at(self, work: Work) -> bool {
        self != Self::GridUnlimited || work == Work::Snapshot
    }
}

/// Where a node has its log and its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// In memory.
    Memory,
    /// In the databases of `kv`, synced.
    Redb,
}

/// A kind of measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// Clients write at the leader.
    Writes,
    /// The leader is lost.
    Failover,
    /// New nodes get a snapshot.
    Snapshot,
}

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, clap::Args)]
// Without this, clap's debug assertions find two groups named `Cell`: this one and that of the subcommand.
#[group(skip)]
pub(crate) struct Cell {
    #[arg(long)]
    pub(crate) work: Work,
    #[arg(long)]
    pub(crate) store: Kind,
    /// Number of clients.
    #[arg(long, default_value_t = 64)]
    pub(crate) clients: usize,
    #[arg(long)]
    pub(crate) contender: Contender,
}

/// How long and how large measurements are.
#[derive(Debug, Clone, Copy, Serialize, clap::Args)]
pub(crate) struct Sizes {
    /// Duration of a measurement of writes, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2000)]
    pub(crate) time_ms: u64,
    /// Length of a written value.
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub(crate) value_bytes: usize,
    /// Leaders that are lost, one after the other.
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) failovers: u32,
    /// Length of a snapshot.
    #[arg(long, value_name = "MIB", default_value_t = 256)]
    pub(crate) snapshot_mib: u64,
}

/// Figures by their names, which end with their unit.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sample(pub(crate) BTreeMap<String, f64>);

impl Sample {
    pub(crate) fn set(&mut self, name: &str, value: f64) {
        self.0.insert(name.to_owned(), value);
    }

    /// Adds quantiles of durations in microseconds, if there are any.
    pub(crate) fn quantiles(&mut self, name: &str, mut micros: Vec<u32>) {
        micros.sort_unstable();
        for (quantile, share) in [("p50", 0.5), ("p99", 0.99), ("p999", 0.999)] {
            let rank = (micros.len() as f64 * share).ceil() as usize;
            if let Some(value) = micros.get(rank.max(1) - 1) {
                self.set(&format!("{name}_{quantile}_us"), f64::from(*value));
            }
        }
        self.set(&format!("{name}_count"), micros.len() as f64);
    }
}
