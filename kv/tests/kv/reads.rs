//! Scans, and reads of other nodes than the leader.

use grid::CallError;
use grid_kv::client::Client;
use grid_kv::service::{Consistency, GetRequest, KvClient, KvError, ScanRequest};

use super::cluster::Cluster;

async fn keys(client: &Client, request: ScanRequest) -> Vec<String> {
    let mut scan = client.scan(request);
    let mut keys = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        keys.push(entry.key);
    }
    keys
}

fn scan(prefix: &str, after: Option<&str>, limit: Option<u64>) -> ScanRequest {
    let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
    ScanRequest { prefix, after, limit, ..ScanRequest::default() }
}

#[tokio::test(start_paused = true)]
async fn a_scan_has_the_keys_of_its_prefix_up_to_its_limit() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    for key in ["b/2", "a", "b/1", "c", "b/3", "b"] {
        client.put(key, key.to_owned()).await.unwrap();
    }
    let cases: [(ScanRequest, &[&str]); 8] = [
        (scan("", None, None), &["a", "b", "b/1", "b/2", "b/3", "c"]),
        (scan("b/", None, None), &["b/1", "b/2", "b/3"]),
        (scan("b/", None, Some(2)), &["b/1", "b/2"]),
        (scan("b/", None, Some(0)), &[]),
        (scan("b/", Some("b/1"), Some(5)), &["b/2", "b/3"]),
        // Before the prefix, and after it.
        (scan("b/", Some("a"), None), &["b/1", "b/2", "b/3"]),
        (scan("b/", Some("c"), None), &[]),
        (scan("d", None, None), &[]),
    ];
    for (request, expected) in cases {
        assert_eq!(keys(&client, request.clone()).await, expected, "{request:?}");
    }
    cluster.end().await;
}

/// More than a node reads at once, and a leader that is lost on the way.
#[tokio::test(start_paused = true)]
async fn a_long_scan_goes_on_at_the_next_leader() {
    let mut cluster = Cluster::start(3).await;
    let client = cluster.client();
    let expected: Vec<_> = (0..80).map(|number| format!("key {number:03}")).collect();
    for key in &expected {
        client.put(key, vec![7; 128 << 10]).await.unwrap();
    }
    let mut scan = client.scan(ScanRequest::default());
    let mut found = Vec::new();
    while let Some(entry) = scan.next().await.unwrap() {
        assert_eq!(entry.item.value.len(), 128 << 10);
        found.push(entry.key);
        if found.len() == 20 {
            let leader = cluster.leader().await;
            cluster.crash(leader).await;
        }
    }
    assert_eq!(found, expected);
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn only_stale_reads_are_served_by_followers() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let written = client.put("a", "1").await.unwrap();
    for consistency in [Consistency::Lease, Consistency::Linearizable, Consistency::Stale] {
        let item = client.get("a", consistency).await.unwrap().unwrap();
        assert_eq!(item.modified, written.revision);
    }
    let leader = cluster.leader().await;
    let follower = (leader + 1) % 3;
    let log = written.revision;
    let node = cluster.node(follower);
    node.state().revisions().wait_for(|revision| *revision >= log).await.unwrap();
    let (_guest, connection) = cluster.connect(follower).await;
    let kv = KvClient::new(connection);
    let get = |consistency| kv.get(GetRequest { key: "a".to_owned(), consistency });
    for consistency in [Consistency::Lease, Consistency::Linearizable] {
        let refused = get(consistency).await.unwrap_err();
        let expected = KvError::NotLeader { leader: Some(cluster.name(leader)) };
        assert_eq!(refused, CallError::Handler(expected));
    }
    assert_eq!(get(Consistency::Stale).await.unwrap().item.unwrap().value, "1");
    cluster.end().await;
}
