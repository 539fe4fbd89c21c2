//! Snapshots in a cluster. `tests/memory` has what is measured of them.

use std::io::Cursor;
use std::time::Duration;

use openraft::errors::{ReplicationClosed, StreamingError};
use openraft::network::{RPCOption, RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::raft::AppendEntriesRequest;
use openraft::type_config::alias::{LogIdOf, SnapshotMetaOf, SnapshotOf, VoteOf};
use openraft::vote::RaftLeaderIdExt as _;
use openraft::vote::leader_id_adv::LeaderId;
use openraft::{BasicNode, Config, Snapshot};
use tokio::time::Instant;

use super::cluster::{Bytes, Client, cluster, config};
use super::store::Types;

/// A snapshot of this length, which node 0 sends as leader of term 1.
fn snapshot(len: usize) -> SnapshotOf<Types, Bytes> {
    let last = LogIdOf::<Types>::new(LeaderId::new_committed(1, 0), 10);
    let meta = SnapshotMetaOf::<Types> { last_log_id: Some(last), ..Default::default() };
    Snapshot { meta, snapshot: Cursor::new(vec![b'x'; len]) }
}

pub(crate) async fn send(client: &mut Client, len: usize) -> Result<(), StreamingError<Types>> {
    let vote = VoteOf::<Types>::new_committed(1, 0);
    let option = RPCOption::new(Duration::from_secs(20));
    let sent = client.full_snapshot(vote, snapshot(len), std::future::pending(), option).await;
    sent.map(|response| assert_eq!(response.vote, vote))
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_is_far_behind_gets_a_snapshot() {
    let config = Config { max_in_snapshot_log_to_keep: 0, ..config() };
    let (grid, rafts, calls) = cluster(3, config).await;
    let leader = rafts.elect(&grid).await;
    let behind = (leader + 1) % 3;
    grid.isolate(behind);
    for number in 0..100 {
        rafts.write(leader, format!("write {number}")).await;
    }
    let raft = &rafts.rafts[leader];
    raft.trigger().snapshot().await.unwrap();
    let purged = |metrics: &openraft::RaftMetrics<Types>| {
        metrics.purged.is_some_and(|last: LogIdOf<Types>| last.index >= 100)
    };
    raft.wait(super::cluster::PATIENCE).metrics(purged, "a purged log").await.unwrap();

    grid.heal_all();
    grid.all_connected().await;
    rafts.write(leader, "after").await;
    let writes = rafts.applied(&[leader, behind], 101).await;
    assert_eq!((writes.len(), &*writes[99]), (101, "write 99"));
    assert_eq!(rafts.machines[behind].snapshots(), 1);
    let served = calls.served("Raft/install_snapshot");
    assert!(served.iter().any(|call| call.outcome == Some("ok")), "{served:?}");
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn heartbeats_do_not_wait_for_a_snapshot() {
    let (grid, rafts, _) = cluster(2, config()).await;
    // 80 Mbit/s: the snapshot takes more than three seconds.
    grid.bandwidth(0, 1, 10_000_000);
    let node = BasicNode::new(grid.name(1));
    let mut network = rafts.groups[0].network(&grid.node(0), 0);
    let mut snapshots = network.new_snapshot_client(1, &node).await;
    let mut heartbeats = network.new_heartbeat_client(1, &node).await;
    let began = Instant::now();
    let sending = tokio::spawn(async move { send(&mut snapshots, 32 << 20).await });
    let mut longest = Duration::ZERO;
    let mut beats = 0;
    while !sending.is_finished() {
        tokio::time::sleep(Duration::from_millis(50)).await;
        let before = Instant::now();
        let beat = AppendEntriesRequest {
            vote: VoteOf::<Types>::new_committed(1, 0),
            prev_log_id: None,
            entries: vec![],
            leader_commit: None,
        };
        heartbeats.append_entries(beat, RPCOption::new(Duration::from_secs(5))).await.unwrap();
        longest = longest.max(before.elapsed());
        beats += 1;
    }
    sending.await.unwrap().unwrap();
    assert!(began.elapsed() > Duration::from_secs(3) && beats > 15, "{beats} beats");
    // The line holds what it carries in 100 ms, and the pipes at its ends 13 ms. The rest is one part of a chunk, where the
    // window of the stream would be more than a second.
    println!("the longest of {beats} heartbeats took {longest:?}");
    assert!(longest < Duration::from_millis(120), "one took {longest:?}");
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn openraft_can_cancel_a_snapshot() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.bandwidth(0, 1, 10_000_000);
    let mut client = rafts.client(&grid, 0, 1).await;
    let cancel = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        ReplicationClosed::new("enough")
    };
    let option = RPCOption::new(Duration::from_secs(20));
    let vote = VoteOf::<Types>::new_committed(1, 0);
    let began = Instant::now();
    let closed = client.full_snapshot(vote, snapshot(64 << 20), cancel, option).await;
    assert_eq!(closed, Err(StreamingError::Closed(ReplicationClosed::new("enough"))));
    assert_eq!(began.elapsed(), Duration::from_secs(1));
    grid.nothing_in_flight().await;
    assert_eq!(rafts.machines[1].snapshots(), 0);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_hangs_during_a_snapshot_is_noticed() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.bandwidth(0, 1, 10_000_000);
    let mut client = rafts.client(&grid, 0, 1).await;
    let freeze = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        grid.freeze(0, 1);
    };
    let (error, ()) = tokio::join!(send(&mut client, 64 << 20), freeze);
    let error = error.unwrap_err();
    // Within the soft limit of 15 s; the link itself is lost after two pings, about 20 s.
    let StreamingError::Timeout(late) = &error else { panic!("{error}") };
    assert_eq!(late.timeout, Duration::from_secs(15));
    grid.heal_all();
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_may_be_empty() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    send(&mut client, 0).await.unwrap();
    assert_eq!(rafts.machines[1].snapshots(), 1);
    rafts.shut_down().await;
}

/// As the receiver reads it.
#[derive(serde::Serialize)]
struct Header {
    transfer: u64,
    vote: VoteOf<Types>,
    meta: SnapshotMetaOf<Types>,
    len: u64,
    ttl_ms: u64,
}

/// Announces a snapshot of four bytes and sends others; returns the refusal. Whether the input ends is up to the test.
async fn send_bytes(grid: &grid::testing::TestGrid, chunks: &[&[u8]], ends: bool) -> String {
    let node = grid.node(1);
    let mut methods = node.services().iter().flat_map(|service| service.descriptor.methods());
    let install = methods.find(|method| method.name() == "install_snapshot").unwrap();
    let (meta, vote) = (snapshot(0).meta, VoteOf::<Types>::new_committed(1, 0));
    let header = Header { transfer: 1, vote, meta, len: 4, ttl_ms: 1000 };
    let header = rmp_serde::to_vec_named(&header).unwrap();
    let connection = grid.connection(0, 1);
    let opening = connection.stream(install.id(), install.capacities(), Some(header.into()));
    let (mut input, mut progress) = opening.await.unwrap();
    for chunk in chunks {
        // Bytes in msgpack.
        let chunk = [&[0xc4, chunk.len() as u8], *chunk].concat();
        input.send(chunk).await.unwrap();
    }
    let _open = (!ends).then_some(input);
    let refusal = async {
        loop {
            if let Err(error) = progress.next().await.expect("an error") {
                break error.to_string();
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), refusal).await.expect("it is refused")
}

/// A sender that is dropped ends its input before it cancels the call.
#[tokio::test(start_paused = true)]
async fn a_snapshot_whose_input_ends_early_is_not_installed() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let error = send_bytes(&grid, &[b"abc"], true).await;
    assert!(error.contains("incomplete"), "{error}");
    assert_eq!(rafts.machines[1].snapshots(), 0);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn no_more_is_written_than_was_announced() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let error = send_bytes(&grid, &[b"abc", b"def"], false).await;
    assert!(error.contains("longer"), "{error}");
    assert_eq!(rafts.machines[1].snapshots(), 0);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_empty_is_refused() {
    let used = || async { Ok(Cursor::new(b"of an earlier snapshot".to_vec())) };
    let groups = vec![super::cluster::group(""), grid_openraft::RaftGroup::new("", used)];
    let served = groups.clone();
    let configure =
        move |node: usize, builder: grid::Builder| builder.service(served[node].clone());
    let grid = grid::testing::TestGrid::builder(2).configure(configure).start();
    grid.all_connected().await;
    let rafts = super::cluster::Rafts::start(&grid, groups, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let error = send(&mut client, 10).await.unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(rafts.machines[1].snapshots(), 0);
    rafts.shut_down().await;
}
