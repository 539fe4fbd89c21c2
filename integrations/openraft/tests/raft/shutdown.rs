//! Streams that are open when a raft stops or its node shuts down.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use openraft::errors::StreamingError;
use openraft::network::RaftNetworkV2 as _;
use openraft::raft::AppendEntriesRequest;
use tokio::time::Instant;

use super::append::{TTL, append};
use super::cluster::{Rafts, cluster, config, option};
use super::store::Types;

/// Much longer than it takes to end a stream, and much shorter than the grace.
const SOON: Duration = Duration::from_secs(3);
const GRACE: Duration = Duration::from_secs(60);

/// One request, and then no more for ever.
fn idle() -> impl Stream<Item = AppendEntriesRequest<Types>> + Send + Unpin + 'static {
    stream::iter([append(0, &["a"])]).chain(stream::pending())
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_shuts_down_ends_the_streams_of_its_leader() {
    let (grid, rafts, calls) = cluster(3, config()).await;
    let leader = rafts.elect(&grid).await;
    rafts.write(leader, "before").await;
    rafts.applied(&[0, 1, 2], 1).await;
    let [one, other] = [1, 2].map(|more| (leader + more) % 3);

    // In the right order, and the raft is still running.
    rafts.rafts[one].shutdown().await.unwrap();
    for node in [one, other] {
        let began = Instant::now();
        grid.node(node).shutdown(GRACE).await;
        assert!(began.elapsed() < SOON, "node {node} took {:?}", began.elapsed());
    }
    assert!(calls.made("Raft/stream_append").len() >= 2);

    // A leader ends its streams itself, with its raft.
    rafts.shut_down().await;
    let began = Instant::now();
    grid.node(leader).shutdown(GRACE).await;
    assert!(began.elapsed() < SOON, "the leader took {:?}", began.elapsed());
}

/// What ends an idle stream within the time limit of an answer.
async fn ends_an_idle_stream(end: impl AsyncFn(&Rafts)) {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let mut answers = client.stream_append(idle(), option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    end(&rafts).await;
    let ended = tokio::time::timeout(SOON, answers.next()).await.expect("the stream ends");
    assert!(ended.is_none(), "{ended:?}");
    drop(answers);
    grid.nothing_in_flight().await;
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_raft_that_stops_ends_its_idle_streams() {
    ends_an_idle_stream(async |rafts| rafts.rafts[1].shutdown().await.unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_stopped_ends_its_idle_streams() {
    ends_an_idle_stream(async |rafts| rafts.groups[1].stop()).await;
}

#[tokio::test(start_paused = true)]
async fn a_raft_that_is_replaced_serves_no_open_stream() {
    ends_an_idle_stream(async |rafts| rafts.groups[1].start(rafts.rafts[1].clone())).await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_shuts_down_receives_no_more_of_a_snapshot() {
    let (grid, rafts, _) = cluster(2, config()).await;
    // The whole would take 25 s.
    grid.bandwidth(0, 1, 10_000_000);
    let mut client = rafts.client(&grid, 0, 1).await;
    let shutdown = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let began = Instant::now();
        grid.node(1).shutdown(GRACE).await;
        assert!(began.elapsed() < SOON, "it took {:?}", began.elapsed());
    };
    let (sent, ()) = tokio::join!(super::snapshots::send(&mut client, 256 << 20), shutdown);
    let error = sent.unwrap_err();
    assert!(matches!(error, StreamingError::Unreachable(_)), "{error}");
    assert_eq!(rafts.machines[1].snapshots(), 0);
    rafts.shut_down().await;
}
