//! A leader that was deposed does not know that, and must not answer as one.

use std::time::Duration;

use grid::CallError;
use grid_kv::model::Write;
use grid_kv::service::{Consistency, GetRequest, KvClient, KvError, WatchRequest, put};
use tokio::time::{Instant, sleep};

use super::cluster::Cluster;

fn is_refusal(error: &CallError<KvError>) -> bool {
    let CallError::Handler(error) = error else { return false };
    matches!(error, KvError::NoMajority { .. } | KvError::NotLeader { .. })
}

#[tokio::test(start_paused = true)]
async fn a_deposed_leader_refuses_reads_and_writes() {
    let cluster = Cluster::start(3).await;
    let old = cluster.leader().await;
    let (_guest, connection) = cluster.connect(old).await;
    let kv = KvClient::new(connection);
    let session = kv.open().await.unwrap();
    let write = |sequence, value: &'static str| {
        kv.write(Write { session, sequence, ops: vec![put("a", value)] })
    };
    write(1, "old").await.unwrap();
    let get = |consistency| kv.get(GetRequest { key: "a".to_owned(), consistency });
    let value = get(Consistency::Linearizable).await.unwrap().item.unwrap().value;
    assert_eq!(value, "old");
    let request = WatchRequest { after: Some(1), ..WatchRequest::default() };
    let mut watch = kv.watch(request).await.unwrap();

    // The guest still reaches it, and the other nodes do not.
    cluster.isolate(old);
    let began = Instant::now();
    let refused = get(Consistency::Linearizable).await.unwrap_err();
    assert!(is_refusal(&refused), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(3), "it took {:?}", began.elapsed());

    let new = cluster.leader_but(Some(old)).await;
    let (_other_guest, other) = cluster.connect(new).await;
    let other = KvClient::new(other);
    let session = other.open().await.unwrap();
    other.write(Write { session, sequence: 1, ops: vec![put("a", "new")] }).await.unwrap();
    for consistency in [Consistency::Linearizable, Consistency::Lease] {
        let refused = get(consistency).await.unwrap_err();
        assert!(is_refusal(&refused), "{consistency:?}: {refused}");
    }
    // That is what stale means.
    assert_eq!(get(Consistency::Stale).await.unwrap().item.unwrap().value, "old");
    // Its watch ends with an error instead of waiting for changes that it will not hear of.
    let ended = watch.next().await.expect("an error").unwrap_err();
    assert!(is_refusal(&ended), "{ended}");
    let lost = write(2, "lost").await.unwrap_err();
    assert!(is_refusal(&lost), "{lost}");

    cluster.heal();
    sleep(Duration::from_secs(5)).await;
    let item =
        other.get(GetRequest { key: "a".to_owned(), consistency: Consistency::Linearizable });
    assert_eq!(item.await.unwrap().item.unwrap().value, "new");
    assert_eq!(get(Consistency::Stale).await.unwrap().item.unwrap().value, "new");
    cluster.end().await;
}
