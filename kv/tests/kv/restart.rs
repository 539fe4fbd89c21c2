//! A leader that was restarted does not know what it had committed.

use std::sync::Arc;

use grid_kv::service::Consistency;
use grid_kv::store::Files;
use grid_kv_oracle::disk::Disk;
use openraft::async_runtime::watch::WatchReceiver as _;

use super::cluster::on_files;
use super::crash::lose_power;

/// The vote on its disk says that it leads, and nobody else has been elected. Its disk has the last write in the log, but not that it
/// was committed: it must not answer before it is elected again.
#[tokio::test(start_paused = true)]
async fn a_leader_that_was_restarted_must_be_elected_again() {
    let files: Vec<_> = (0..3).map(|_| Disk::default()).collect();
    let dynamic = files.iter().map(|files| Arc::new(files.clone()) as Arc<dyn Files>).collect();
    let mut cluster = on_files(3, dynamic).await;
    for round in 0..5 {
        let written = format!("value {round}");
        cluster.client().put("a", written.clone()).await.unwrap();
        let leader = cluster.leader().await;
        for (at, files) in files.iter().enumerate() {
            lose_power(files, round);
            cluster.crash(at).await;
        }
        cluster.restart(leader).await;
        let metrics = cluster.node(leader).raft().metrics().borrow_watched().clone();
        assert!(!metrics.state.is_leader(), "it leads without the others: {metrics}");
        for at in [(leader + 1) % 3, (leader + 2) % 3] {
            cluster.restart(at).await;
        }
        for consistency in [Consistency::Linearizable, Consistency::Lease] {
            let item = cluster.client().get("a", consistency).await.unwrap().unwrap();
            assert_eq!(item.value, written, "{consistency:?}");
        }
    }
    cluster.end().await;
}
