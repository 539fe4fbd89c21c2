//! Keeps the log short, but not too short for other members. `Node::build` starts it.
//!
//! openraft could purge by itself, after each snapshot, but it counts entries, not bytes, and it keeps nothing back for a member that
//! is getting a snapshot. If more was written during the transfer than it keeps, the entries after the snapshot would be gone when that
//! has arrived, and the member would get one snapshot after the other for as long as clients write.

use std::sync::Arc;
use std::time::Duration;

use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::Fatal;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::raft::KvRaft;
use crate::model::Types;
use crate::store::{Log, Measured};

/// Entries before the snapshot that are kept, so that a member that was away for a moment needs no snapshot.
const RETAINED_ENTRIES: u64 = 1000;

/// Entries that are purged at once. It is one transaction, and writes to the log wait for it.
const BATCH_ENTRIES: u64 = 10_000;

/// From one look at the metrics to the next, at least: they change with each write.
const PAUSE: Duration = Duration::from_millis(250);

/// The task that purges.
#[derive(Debug, Clone)]
pub(super) struct Purging {
    stop: watch::Sender<bool>,
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Purging {
    /// `bytes_max` is what the log may have, and half of it what it may have after the last snapshot.
    pub(super) fn start(raft: KvRaft, log: Log, bytes_max: u64) -> Self {
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(purge(raft, log, bytes_max, stopped));
        Self { stop, task: Arc::new(Mutex::new(Some(task))) }
    }

    /// Returns when the task has dropped the log.
    pub(super) async fn stop(&self) {
        self.stop.send_replace(true);
        let mut task = self.task.lock().await;
        if let Some(running) = &mut *task {
            if let Err(error) = running.await {
                tracing::warn!("the log was not purged any more: {error}");
            }
            *task = None;
        }
    }
}

/// Runs until it is stopped, or the raft ends.
async fn purge(raft: KvRaft, log: Log, bytes_max: u64, mut stopped: watch::Receiver<bool>) {
    let mut metrics = raft.metrics();
    loop {
        let changed = async {
            sleep(PAUSE).await;
            metrics.changed().await
        };
        // Not during a look at the log, which would still have it open in a thread.
        let is_over = tokio::select! {
            // Not if the node is dropped, because its raft goes on.
            Ok(_) = stopped.wait_for(|is_stopped| *is_stopped) => true,
            changed = changed => changed.is_err(),
        };
        let now = metrics.borrow_watched().clone();
        if is_over || shorten(&raft, &log, bytes_max, &now).await.is_err() {
            return;
        }
    }
}

/// Only asks openraft: it purges nothing that no snapshot has, and postpones a purge of entries that it is sending to a member.
async fn shorten(
    raft: &KvRaft,
    log: &Log,
    bytes_max: u64,
    metrics: &RaftMetrics<Types>,
) -> Result<(), Fatal<Types>> {
    let snapshot = metrics.snapshot.map_or(0, |snapshot| snapshot.index);
    let applied = metrics.last_applied.map_or(0, |applied| applied.index);
    let measured = match log.measure(bytes_max, snapshot, applied).await {
        Ok(measured) => measured,
        // The raft ends when it reads or writes there itself.
        Err(error) => {
            tracing::warn!("cannot look how long the log is: {error}");
            Measured::default()
        }
    };
    if measured.between > bytes_max / 2 {
        raft.trigger().snapshot().await?;
    }
    match purge_upto(metrics, measured.too_long) {
        Some(upto) => raft.trigger().purge_log(upto).await,
        None => Ok(()),
    }
}

/// The last entry to purge, if there is one. The log is too long for those up to `too_long`.
fn purge_upto(metrics: &RaftMetrics<Types>, too_long: Option<u64>) -> Option<u64> {
    let snapshot = metrics.snapshot?.index;
    let retained = snapshot.saturating_sub(RETAINED_ENTRIES);
    let matched = min_matched(metrics).unwrap_or(u64::MAX);
    let upto = retained.min(matched).max(too_long.unwrap_or(0)).min(snapshot);
    let purged = metrics.purged.map_or(0, |purged| purged.index);
    let upto = upto.min(purged.saturating_add(BATCH_ENTRIES));
    (upto > purged).then_some(upto)
}

/// The last entry that all members are known to have, on the leader. 0 if nothing is known of one: it is getting a snapshot, or the
/// leader is new.
fn min_matched(metrics: &RaftMetrics<Types>) -> Option<u64> {
    let members = metrics.replication.as_ref()?.values();
    members.map(|matched| matched.map_or(0, |matched| matched.index)).min()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use openraft::type_config::alias::LogIdOf;
    use openraft::vote::RaftLeaderIdExt as _;
    use openraft::vote::leader_id_adv::LeaderId;

    use super::*;

    fn id(index: u64) -> LogIdOf<Types> {
        LogIdOf::<Types>::new(LeaderId::new_committed(1, 1), index)
    }

    /// A node that has purged this much and has this snapshot. If it leads, its members have what `matched` says.
    fn metrics(
        purged: Option<u64>,
        snapshot: Option<u64>,
        matched: Option<&[Option<u64>]>,
    ) -> RaftMetrics<Types> {
        let members = |all: &[Option<u64>]| {
            let all = all.iter().zip(1..);
            all.map(|(index, node)| (node, index.map(id))).collect::<BTreeMap<_, _>>()
        };
        RaftMetrics {
            purged: purged.map(id),
            snapshot: snapshot.map(id),
            replication: matched.map(members),
            ..RaftMetrics::new_initial(1)
        }
    }

    #[test]
    fn a_follower_keeps_some_entries_before_its_snapshot() {
        assert_eq!(purge_upto(&metrics(None, None, None), Some(50)), None);
        assert_eq!(purge_upto(&metrics(None, Some(900), None), None), None);
        assert_eq!(purge_upto(&metrics(None, Some(1000), None), None), None);
        assert_eq!(purge_upto(&metrics(None, Some(1100), None), None), Some(100));
        assert_eq!(purge_upto(&metrics(Some(100), Some(1100), None), None), None);
    }

    #[test]
    fn a_leader_keeps_what_a_member_lacks() {
        let lacks = |matched| purge_upto(&metrics(Some(100), Some(5000), Some(matched)), None);
        assert_eq!(lacks(&[Some(5000), Some(5100)]), Some(4000));
        assert_eq!(lacks(&[Some(5000), Some(300)]), Some(300));
        assert_eq!(lacks(&[Some(5000), Some(50)]), None);
        // A snapshot is being sent to it.
        assert_eq!(lacks(&[Some(5000), None]), None);
    }

    #[test]
    fn a_log_that_is_too_long_is_purged_up_to_its_snapshot() {
        let of = |matched, too_long| {
            purge_upto(&metrics(Some(100), Some(5000), matched), Some(too_long))
        };
        assert_eq!(of(Some(&[Some(300), None]), 2000), Some(2000));
        assert_eq!(of(Some(&[Some(300), None]), 6000), Some(5000));
        assert_eq!(of(Some(&[Some(5000)]), 200), Some(4000));
        // Also of the entries that are kept otherwise.
        assert_eq!(of(None, 4500), Some(4500));
    }

    #[test]
    fn a_long_log_is_purged_in_steps() {
        let all = metrics(Some(100), Some(50_000), Some(&[Some(50_000)]));
        assert_eq!(purge_upto(&all, None), Some(10_100));
        let none = metrics(None, Some(u64::MAX), None);
        assert_eq!(purge_upto(&none, Some(u64::MAX)), Some(10_000));
    }
}
