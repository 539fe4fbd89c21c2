//! Drops the entries of the log that no member needs any more. `Node::build` starts it.
//!
//! openraft could do that by itself, after each snapshot, but it keeps nothing back for a member that is getting a snapshot. If more
//! was written during the transfer than it keeps, the entries after the snapshot would be gone when that has arrived, and the member
//! would get one snapshot after the other for as long as clients write.

use std::time::Duration;

use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::time::sleep;

use super::raft::KvRaft;
use crate::model::Types;

/// Entries that are kept although the snapshot has them, so that a member that was away for a moment needs no snapshot.
const KEPT: u64 = 1000;

/// A leader keeps the entries of as many snapshots for a member that needs them. With 10 000 entries to a snapshot and 1000 writes in
/// a second, that is a transfer of 90 s at least, and of 2.8 GiB at the default rate. A member that is gone for good holds back no
/// more than that on the disks.
///
/// Bytes would be the better measure, but the log does not count them, and redb would have to read all of it.
const SNAPSHOTS_MAX: u64 = 10;

/// Entries that are dropped at once. It is one transaction, and writes to the log wait for it.
const DROPPED_MAX: u64 = 10_000;

/// From one look at the metrics to the next, at least: they change with each write.
const PAUSE: Duration = Duration::from_millis(250);

/// Runs until the raft ends. It only asks openraft, which drops nothing that a snapshot does not have, or that is being sent.
pub(super) async fn purge(raft: KvRaft, snapshot_entries: u64) {
    let mut metrics = raft.metrics();
    while metrics.changed().await.is_ok() {
        // By itself, so that the metrics are not locked while openraft is asked.
        let upto = droppable(&metrics.borrow_watched(), snapshot_entries);
        if let Some(upto) = upto
            && raft.trigger().purge_log(upto).await.is_err()
        {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// The last entry to drop, if there is one.
fn droppable(metrics: &RaftMetrics<Types>, snapshot_entries: u64) -> Option<u64> {
    let mut upto = metrics.snapshot?.index.checked_sub(KEPT)?;
    if let Some(needed_after) = needed_after(metrics) {
        let entries_max = snapshot_entries.saturating_mul(SNAPSHOTS_MAX).saturating_add(KEPT);
        let too_old = metrics.last_log_index?.saturating_sub(entries_max);
        upto = upto.min(needed_after.max(too_old));
    }
    let dropped = metrics.purged.map_or(0, |purged| purged.index);
    let upto = upto.min(dropped.saturating_add(DROPPED_MAX));
    (upto > dropped).then_some(upto)
}

/// The last entry that all members are known to have, on the leader. It is before those that are dropped already, or 0, while a member
/// is getting a snapshot or the leader does not know yet what it has: nothing is dropped then.
fn needed_after(metrics: &RaftMetrics<Types>) -> Option<u64> {
    let members = metrics.replication.as_ref()?.values();
    members.map(|matched| matched.map_or(0, |matched| matched.index)).min()
}
