//! Machines lose their power: what was acknowledged is there after that.

use std::sync::Arc;

use futures_util::future::join_all;
use grid_kv::model::{Command, Outcome, Write};
use grid_kv::service::{Consistency, put};
use grid_kv::store::Files;
use grid_kv_oracle::disk::Disk;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use super::cluster::{Cluster, on_files};

/// The seed decides which of the writes that were not synced are on the disk. Returns how many are lost.
pub(crate) fn lose_power(disk: &Disk, seed: u64) -> usize {
    let mut random = StdRng::seed_from_u64(seed);
    disk.lose_power(|| random.random())
}

async fn check(cluster: &Cluster, writes: usize) {
    let client = cluster.client();
    let mut scan = client.scan(Default::default());
    let mut found = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        found.push(entry.key);
    }
    let expected: Vec<_> = (0..writes).map(|number| format!("key {number:05}")).collect();
    assert_eq!(found, expected);
}

/// Three nodes lose their power at once, again and again, in the middle of writes.
#[tokio::test(start_paused = true)]
async fn what_was_acknowledged_is_there_after_a_loss_of_power() {
    let files: Vec<_> = (0..3).map(|_| Disk::default()).collect();
    let dynamic = files.iter().map(|files| Arc::new(files.clone()) as Arc<dyn Files>).collect();
    let mut cluster = on_files(3, dynamic).await;
    let (mut writes, mut lost) = (0, 0);
    let Outcome::Opened { session } = cluster.apply(Command::Open).await else { panic!() };
    for round in 0..6 {
        let client = cluster.client();
        let batch = (writes..writes + 200).map(|number| {
            let client = client.clone();
            async move { client.put(format!("key {number:05}"), "1").await.unwrap() }
        });
        join_all(batch).await;
        writes += 200;
        let write = Write { session, sequence: round + 1, ops: vec![put("key 00000", "1")] };
        let outcome = cluster.apply(Command::Write(write.clone())).await;
        for (at, files) in files.iter().enumerate() {
            lost += lose_power(files, round * 10 + at as u64);
            cluster.crash(at).await;
        }
        for at in 0..3 {
            cluster.restart(at).await;
        }
        check(&cluster, writes).await;
        // Its session survives as well.
        assert_eq!(cluster.apply(Command::Write(write)).await, outcome);
    }
    // Otherwise the test has shown nothing: states are not synced with each write.
    assert!(lost > 100, "only {lost} pages were lost");
    cluster.end().await;
}

/// One node, and a snapshot between the checkpoint and the crash.
#[tokio::test(start_paused = true)]
async fn the_log_is_applied_again_after_a_snapshot() {
    let files = Disk::default();
    let mut cluster = on_files(1, vec![Arc::new(files.clone())]).await;
    let client = cluster.client();
    for number in 0..50 {
        client.put(format!("key {number:05}"), "1").await.unwrap();
    }
    cluster.purge(0).await;
    for number in 50..100 {
        client.put(format!("key {number:05}"), "1").await.unwrap();
    }
    lose_power(&files, 7);
    cluster.crash(0).await;
    cluster.restart(0).await;
    check(&cluster, 100).await;
    let item = cluster.client().get("key 00099", Consistency::Linearizable).await.unwrap();
    assert_eq!(item.unwrap().modified, 100);
    cluster.end().await;
}
