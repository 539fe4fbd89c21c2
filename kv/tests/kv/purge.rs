//! What is kept of the log, and for whom.

use std::time::Duration;

use futures_util::future::join_all;
use grid_kv::model::Types;
use grid_kv::node::Settings;
use openraft::RaftMetrics;
use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, PATIENCE};

/// Entries that each node keeps at least.
const KEPT: u64 = 1000;
/// A look at the metrics, and what it leads to: openraft purges nothing while it waits to call a member that is gone, for a second.
const LOOK: Duration = Duration::from_secs(2);

fn metrics(cluster: &Cluster, at: usize) -> RaftMetrics<Types> {
    cluster.node(at).raft().metrics().borrow_watched().clone()
}

/// The number of entries in the log of a node.
fn entries(cluster: &Cluster, at: usize) -> u64 {
    let metrics = metrics(cluster, at);
    metrics.last_log_index.unwrap_or(0) - metrics.purged.map_or(0, |purged| purged.index)
}

/// Writes as many entries, some at once.
async fn write(cluster: &Cluster, entries: u64) {
    let client = cluster.client().with_timeout(PATIENCE);
    for begin in (0..entries).step_by(50) {
        let writes = begin..entries.min(begin + 50);
        let writes = writes.map(|number| client.put(format!("key {}", number % 50), "1"));
        for written in join_all(writes).await {
            written.unwrap();
        }
        // Otherwise no time would pass.
        sleep(Duration::from_millis(20)).await;
    }
}

/// During the transfer, the entries of four snapshots and more are written: without the member, those after its snapshot would be gone.
#[tokio::test(start_paused = true)]
async fn a_node_joins_while_more_is_written_than_everybody_keeps() {
    const SNAPSHOT_ENTRIES: u64 = 400;
    let mut cluster = Cluster::configured(3, |settings| Settings {
        snapshot_entries: SNAPSHOT_ENTRIES,
        ..settings
    })
    .await;
    let client = cluster.client().with_timeout(PATIENCE);
    // Twice as much in a snapshot, which has the latest changes as well.
    for key in 0..64 {
        client.put(format!("long {key}"), vec![b'x'; 16 << 10]).await.unwrap();
    }
    let leader = cluster.leader().await;
    cluster.purge(leader).await;

    let at = cluster.join().await;
    for other in 0..3 {
        cluster.network.bandwidth(&cluster.name(at), &cluster.name(other), 128 << 10);
    }
    let (stop, stopped) = watch::channel(false);
    let writing = tokio::spawn(async move {
        while !*stopped.borrow() {
            client.put("short", "1").await.unwrap();
            sleep(Duration::from_millis(8)).await;
        }
    });
    let (operator, name) = (cluster.operator(), cluster.name(at));
    let (began, before) = (Instant::now(), metrics(&cluster, leader).last_log_index.unwrap());
    let added = tokio::spawn(async move { operator.change_member(4, Some(name)).await });
    let matched = |metrics: &RaftMetrics<Types>| {
        metrics.replication.as_ref().and_then(|members| members.get(&4).copied().flatten())
    };
    cluster.wait(leader, |metrics| matched(metrics).is_some()).await;
    let (took, then) = (began.elapsed(), metrics(&cluster, leader));
    let written = then.last_log_index.unwrap() - before;
    assert!(
        written > (KEPT + SNAPSHOT_ENTRIES).max(4 * SNAPSHOT_ENTRIES),
        "only {written} writes in {took:?}"
    );
    // It gets the rest without another snapshot.
    assert!(matched(&then) >= then.purged, "{then}");
    added.await.unwrap().unwrap();
    assert!(began.elapsed() < took * 3 / 2, "{took:?} for the snapshot, {:?}", began.elapsed());
    stop.send_replace(true);
    writing.await.unwrap();
    // Nobody needs it any more.
    sleep(LOOK).await;
    let left = entries(&cluster, leader);
    assert!(left <= KEPT + SNAPSHOT_ENTRIES + 10, "{left} entries");
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_gone_does_not_keep_the_log_for_ever() {
    const SNAPSHOT_ENTRIES: u64 = 100;
    /// Of about 130 bytes.
    const ENTRIES_MAX: u64 = 2000;
    let mut cluster = Cluster::configured(3, |settings| Settings {
        snapshot_entries: SNAPSHOT_ENTRIES,
        log_bytes_max: 130 * ENTRIES_MAX,
        ..settings
    })
    .await;
    let leader = cluster.leader().await;
    let (follower, gone) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.crash(gone).await;
    write(&cluster, 1700).await;
    sleep(LOOK).await;
    // The leader keeps all that the member lacks, and the other one what it would without it.
    let (all, left) = (entries(&cluster, leader), entries(&cluster, follower));
    assert!(all >= 1700, "{all} entries");
    assert!(left <= KEPT + SNAPSHOT_ENTRIES + 10, "{left} entries");
    cluster.restart(gone).await;
    write(&cluster, 10).await;
    cluster.wait(gone, |metrics| metrics.last_applied.is_some_and(|id| id.index > 1700)).await;
    sleep(LOOK).await;
    let left = entries(&cluster, leader);
    assert!(left <= KEPT + SNAPSHOT_ENTRIES + 10, "{left} entries");

    // For longer.
    cluster.crash(gone).await;
    let mut most = 0;
    for _ in 0..15 {
        write(&cluster, 200).await;
        sleep(LOOK).await;
        most = most.max(entries(&cluster, leader));
    }
    assert!((ENTRIES_MAX * 3 / 4..=ENTRIES_MAX * 5 / 4).contains(&most), "{most} entries");
    cluster.restart(gone).await;
    write(&cluster, 10).await;
    cluster.wait(gone, |metrics| metrics.last_applied.is_some_and(|id| id.index > 4700)).await;
    cluster.end().await;
}

/// Only bytes lead to snapshots and purges here: there are too few entries for the other limits.
#[tokio::test(start_paused = true)]
async fn long_entries_do_not_make_the_log_long() {
    const LENGTH: u64 = 64 << 10;
    let cluster = Cluster::configured(3, |settings| Settings {
        snapshot_entries: 1 << 30,
        log_bytes_max: 32 * LENGTH,
        ..settings
    })
    .await;
    let client = cluster.client().with_timeout(PATIENCE);
    for round in 0..10 {
        for key in 0..16 {
            client.put(format!("key {key}"), vec![b'x'; LENGTH as usize]).await.unwrap();
        }
        sleep(LOOK).await;
        for at in 0..3 {
            let left = entries(&cluster, at);
            assert!(left <= 32 + 2 * 16, "{left} entries at {at} in round {round}");
        }
    }
    cluster.end().await;
}
