//! [`SnapshotRate`]: how fast snapshots leave a node.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// An eighth of what a line of 1 Gbit/s carries. Heartbeats overtake snapshots on the link, but wait like everything else for CPUs
/// that copy a snapshot between page cache and socket: see `docs/performance/consensus.md`.
const DEFAULT_BYTES_PER_SECOND: u64 = 16 << 20;

/// The burst after a pause, as its time at the rate. Timers are rounded to a millisecond, and threads wait for a CPU: with a burst, a late
/// chunk does not delay the next ones.
const BURST: Duration = Duration::from_millis(5);

/// How many bytes of snapshots are sent in a second; for [`GridNetwork::with_snapshot_rate`](crate::GridNetwork::with_snapshot_rate).
///
/// Each group has a limit of its own, unless several are given clones of one, which share it.
///
/// The default is 16 MiB: a snapshot of 1 GiB takes about a minute. Without a limit it takes what disk, CPUs and line have, and everything
/// else on the two nodes is slower meanwhile.
///
/// The leader must keep the entries that are written meanwhile, or the other node gets one snapshot after another: set
/// [`Config::max_in_snapshot_log_to_keep`](openraft::Config::max_in_snapshot_log_to_keep) to more than *writes a second × bytes of a
/// snapshot / bytes a second*. openraft's default is 1000 entries.
#[derive(Debug, Clone)]
pub struct SnapshotRate {
    bytes_per_second: Option<u64>,
    /// When the next chunk may be sent.
    next: Arc<Mutex<Instant>>,
}

impl SnapshotRate {
    /// At most this many bytes in a second.
    ///
    /// # Panics
    /// If it is 0: no snapshot would ever arrive.
    pub fn bytes_per_second(bytes: u64) -> Self {
        assert!(
            bytes > 0,
            "a snapshot rate of 0 bytes/s: use `SnapshotRate::unlimited`, or at least 1"
        );
        Self { bytes_per_second: Some(bytes), ..Self::unlimited() }
    }

    /// As fast as the disks and the line permit.
    pub fn unlimited() -> Self {
        Self { bytes_per_second: None, next: Arc::new(Mutex::new(Instant::now())) }
    }

    /// Waits until a chunk of this length may be sent.
    pub(crate) async fn wait(&self, len: usize) {
        let Some(rate) = self.bytes_per_second else { return };
        let takes = Duration::from_secs_f64(len as f64 / rate as f64);
        let now = Instant::now();
        let burst_ago = now.checked_sub(BURST).unwrap_or(now);
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*next).max(burst_ago);
            *next = begin + takes;
            begin
        };
        if begin > now {
            sleep_until(begin).await;
        }
    }
}

impl Default for SnapshotRate {
    fn default() -> Self {
        Self::bytes_per_second(DEFAULT_BYTES_PER_SECOND)
    }
}
