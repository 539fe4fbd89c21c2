//! [`SnapshotRate`]: how fast snapshots leave a node.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A quarter of what a line of 1 Gbit/s carries. Heartbeats overtake snapshots on the link, but wait like everything else for CPUs
/// that copy a snapshot between page cache and socket: see `docs/performance/consensus.md`.
const BYTES_PER_SECOND: u64 = 32 << 20;

/// How late a chunk may be without delaying the next ones: timers are rounded to a millisecond, and threads wait for a CPU.
const LATE_MAX: Duration = Duration::from_millis(5);

/// How many bytes of snapshots are sent in a second. Each group has a limit of its own, unless groups are given the same one: clones
/// share it.
///
/// The default is 32 MiB: a snapshot of 1 GiB takes 32 seconds. Without a limit it takes what disk, CPUs and line have, and everything
/// else on the two nodes is slower meanwhile. With a very low rate, the leader may have purged the entries after the snapshot when it
/// has arrived, and sends another one: keep as many entries as are written in that time, see
/// [`Config::max_in_snapshot_log_to_keep`](openraft::Config::max_in_snapshot_log_to_keep).
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
        let begin = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let begin = (*next).max(now - LATE_MAX);
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
        Self::bytes_per_second(BYTES_PER_SECOND)
    }
}
