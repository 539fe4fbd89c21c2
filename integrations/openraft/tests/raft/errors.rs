//! Each row of the table of errors.

use std::io::Cursor;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use grid::{CallError, RemoteError};
use grid_openraft::rpc_error;
use openraft::RPCTypes;
use openraft::Snapshot;
use openraft::errors::{RPCError, StreamingError};
use openraft::network::{RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::raft::{AppendEntriesRequest, VoteRequest};
use openraft::type_config::alias::{SnapshotMetaOf, VoteOf};
use tokio::time::Instant;

use super::cluster::{Client, cluster, config, option};
use super::store::Types;

const TTL: Duration = Duration::from_millis(300);

async fn vote(client: &mut Client) -> RPCError<Types> {
    let request = VoteRequest::new(VoteOf::<Types>::new(1, 0), None);
    client.vote(request, option(TTL)).await.unwrap_err()
}

/// Opens a stream with a heartbeat.
async fn append(client: &mut Client) -> RPCError<Types> {
    let request = AppendEntriesRequest {
        vote: VoteOf::<Types>::new_committed(1, 0),
        prev_log_id: None,
        entries: vec![],
        leader_commit: None,
    };
    match client.stream_append(stream::iter([request]), option(TTL)).await {
        Ok(mut answers) => answers.next().await.unwrap().unwrap_err(),
        Err(error) => error,
    }
}

async fn install(client: &mut Client) -> StreamingError<Types> {
    let snapshot =
        Snapshot { meta: SnapshotMetaOf::<Types>::default(), snapshot: Cursor::default() };
    let vote = VoteOf::<Types>::new_committed(1, 0);
    client.full_snapshot(vote, snapshot, std::future::pending(), option(TTL)).await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn what_was_not_sent_is_unreachable() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    grid.cut(0, 1);
    grid.disconnected(0, 1).await;
    let began = Instant::now();
    let error = vote(&mut client).await;
    assert!(matches!(error, RPCError::Unreachable(_)), "{error}");
    let error = append(&mut client).await;
    assert!(matches!(error, RPCError::Unreachable(_)), "{error}");
    let error = install(&mut client).await;
    assert!(matches!(error, StreamingError::Unreachable(_)), "{error}");
    assert_eq!(began.elapsed(), Duration::ZERO);

    grid.node(0).members().remove(grid.name(1), Duration::ZERO).await.unwrap();
    let error = vote(&mut client).await;
    assert!(matches!(error, RPCError::Unreachable(_)), "{error}");
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn what_may_have_been_received_is_a_network_error() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    grid.delay(0, 1, TTL / 4);
    let cut = async {
        tokio::time::sleep(TTL / 8).await;
        grid.cut(0, 1);
    };
    let (error, ()) = tokio::join!(vote(&mut client), cut);
    assert!(matches!(error, RPCError::Network(_)), "{error}");

    grid.heal(0, 1);
    grid.all_connected().await;
    grid.delay(0, 1, TTL / 4);
    let cut = async {
        tokio::time::sleep(TTL / 8).await;
        grid.cut(0, 1);
    };
    let (error, ()) = tokio::join!(append(&mut client), cut);
    assert!(matches!(error, RPCError::Network(_)), "{error}");
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn the_soft_limit_is_the_deadline() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    grid.freeze(0, 1);
    let began = Instant::now();
    let error = vote(&mut client).await;
    let RPCError::Timeout(late) = &error else { panic!("{error}") };
    assert_eq!((late.action, late.id, late.target, late.timeout), (RPCTypes::Vote, 0, 1, TTL));
    assert_eq!(began.elapsed(), TTL);
    let error = install(&mut client).await;
    assert!(matches!(&error, StreamingError::Timeout(late) if late.timeout == TTL), "{error}");
    assert_eq!(began.elapsed(), 2 * TTL);
    // The slowest line needs a few milliseconds to carry the request.
    let began = Instant::now();
    let error = append(&mut client).await;
    assert!(matches!(&error, RPCError::Timeout(late) if late.timeout > TTL), "{error}");
    assert!((TTL..TTL + Duration::from_millis(20)).contains(&began.elapsed()), "{error}");
    grid.heal_all();
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_raft_that_has_stopped_or_not_started_is_unreachable() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    rafts.rafts[1].shutdown().await.unwrap();
    let error = vote(&mut client).await;
    assert!(matches!(&error, RPCError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("stopped"), "{error}");
    let error = append(&mut client).await;
    assert!(matches!(&error, RPCError::Unreachable(_)), "{error}");
    let error = install(&mut client).await;
    assert!(matches!(&error, StreamingError::Unreachable(_)), "{error}");

    // Another group, which the node does not have.
    let mut unknown = super::cluster::group("other").network(&grid.node(0), 0);
    let node = openraft::BasicNode::new(grid.name(1));
    let error = vote(&mut unknown.new_client(1, &node).await).await;
    assert!(matches!(&error, RPCError::Unreachable(_)), "{error}");

    rafts.groups[1].stop();
    let error = vote(&mut client).await;
    assert!(matches!(&error, RPCError::Unreachable(_)), "{error}");
    assert!(error.to_string().contains("not started"), "{error}");
    rafts.rafts[0].shutdown().await.unwrap();
}

#[test]
fn the_error_of_a_handler_is_that_of_the_other_node() {
    let error = CallError::Handler(RemoteError::new("not the leader"));
    let error = rpc_error::<Types, _>(error, RPCTypes::AppendEntries, 0, 1);
    let RPCError::RemoteError(error) = error else { panic!("{error}") };
    assert_eq!((error.target, error.source), (1, RemoteError::new("not the leader")));
}

#[tokio::test(start_paused = true)]
async fn pauses_grow_to_a_second() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let client = rafts.client(&grid, 0, 1).await;
    let pauses: Vec<_> = client.backoff().unwrap().take(8).map(|pause| pause.as_millis()).collect();
    assert_eq!(pauses, [25, 50, 100, 200, 400, 800, 1000, 1000]);
    rafts.shut_down().await;
}
