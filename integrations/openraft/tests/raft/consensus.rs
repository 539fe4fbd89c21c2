//! What a cluster does as a whole: elections, replication, losses of links, and the transfer of the leadership.

use std::time::Duration;

use futures_util::future::join_all;
use grid::testing::TestGrid;
use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::network::RaftNetworkV2 as _;
use openraft::raft::VoteRequest;
use openraft::type_config::alias::VoteOf;
use openraft::{Config, ServerState};
use tokio::time::Instant;

use super::cluster::{PATIENCE, cluster, cluster_of, config, option};
use super::store::Types;

#[tokio::test(start_paused = true)]
async fn three_nodes_elect_a_leader_and_replicate() {
    let (grid, rafts, calls) = cluster(3, config()).await;
    let leader = rafts.elect(&grid).await;
    let expected: Vec<_> = (0..200).map(|number| format!("write {number}")).collect();
    for text in &expected {
        rafts.write(leader, text).await;
    }
    assert_eq!(rafts.applied(&[0, 1, 2], 200).await, expected);

    // Writes are replicated over streams that stay open, not by a call for each.
    let streams = calls.made("Raft/stream_append").len();
    assert!((2..20).contains(&streams), "{streams} streams");
    // A leader that nobody writes to sends heartbeats, as single requests, and remains the leader.
    let before = calls.made("Raft/append").len();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(calls.made("Raft/append").len() > before + 100);
    assert_eq!(rafts.leader(0).await, leader);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_loses_its_links_is_replaced_and_catches_up() {
    let (grid, rafts, _) = cluster(3, config()).await;
    let old = rafts.elect(&grid).await;
    rafts.write(old, "before").await;
    let rest: Vec<_> = (0..3).filter(|node| *node != old).collect();
    rafts.applied(&[0, 1, 2], 1).await;

    grid.isolate(old);
    let began = Instant::now();
    let changed = |metrics: &openraft::RaftMetrics<_>| {
        metrics.current_leader.is_some_and(|leader| leader != old as u64)
    };
    let waiting = rafts.rafts[rest[0]].wait(PATIENCE);
    let new = waiting.metrics(changed, "another leader").await.unwrap().current_leader.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    // The old one cannot commit: nothing is answered that could be lost.
    let lost = rafts.rafts[old].client_write("lost".into());
    let lost = tokio::time::timeout(Duration::from_secs(1), lost).await;
    assert!(!matches!(lost, Ok(Ok(_))), "{lost:?}");
    assert_eq!(rafts.leader(rest[0]).await, new as usize);
    for number in 0..50 {
        rafts.write(new as usize, format!("during {number}")).await;
    }
    rafts.applied(&rest, 51).await;

    grid.heal_all();
    grid.all_connected().await;
    let writes = rafts.applied(&[rest[0], rest[1], old], 51).await;
    assert_eq!((writes.len(), &*writes[1]), (51, "during 0"));
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_follower_that_was_reset_again_and_again_is_up_to_date() {
    let (grid, rafts, _) = cluster(3, config()).await;
    let leader = rafts.elect(&grid).await;
    let follower = (leader + 1) % 3;
    for number in 0..100 {
        if number % 10 == 0 {
            grid.reset(leader, follower);
        }
        rafts.write(leader, format!("write {number}")).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(rafts.applied(&[0, 1, 2], 100).await.len(), 100);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn the_leadership_is_transferred() {
    let (grid, rafts, calls) = cluster(3, config()).await;
    let old = rafts.elect(&grid).await;
    rafts.write(old, "before").await;
    let new = (old + 1) % 3;
    rafts.rafts[old].trigger().transfer_leader(new as u64).await.unwrap();
    let leads = rafts.rafts[new].wait(PATIENCE).state(ServerState::Leader, "the new leader").await;
    leads.unwrap();
    assert_eq!(rafts.leader(new).await, new);
    assert!(!calls.served("Raft/transfer_leader").is_empty());
    rafts.write(new, "after").await;
    assert_eq!(rafts.applied(&[0, 1, 2], 2).await, ["before", "after"]);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_away_asks_before_it_raises_the_term() {
    let (grid, rafts, calls) = cluster(3, config()).await;
    let leader = rafts.elect(&grid).await;
    rafts.write(leader, "before").await;
    let away = (leader + 1) % 3;
    let term = rafts.rafts[leader].metrics().borrow_watched().current_term;

    grid.isolate(away);
    tokio::time::sleep(Duration::from_secs(10)).await;
    grid.heal_all();
    grid.all_connected().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(rafts.leader(away).await, leader);
    assert_eq!(rafts.rafts[leader].metrics().borrow_watched().current_term, term);
    assert!(!calls.made("Raft/pre_vote").is_empty());
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_vote_is_kept_and_a_pre_vote_is_not() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let ttl = option(Duration::from_secs(3));
    let vote = VoteOf::<Types>::new(5, 0);
    let vote_of = || rafts.rafts[1].metrics().borrow_watched().vote;
    let before = vote_of();
    let asked = client.pre_vote(VoteRequest::new(vote, None), ttl.clone()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((asked.vote_granted, vote_of()), (true, before));
    let given = client.vote(VoteRequest::new(vote, None), ttl).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!((given.vote_granted, given.vote, vote_of()), (true, vote, vote));
    rafts.shut_down().await;
}

/// On a busy machine a node may not run for a second.
fn patient() -> Config {
    let (election_timeout_min, election_timeout_max) = (3000, 6000);
    Config { heartbeat_interval: 1000, election_timeout_min, election_timeout_max, ..config() }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_works_on_sockets_and_threads() {
    let builder = TestGrid::builder(3).on_loopback();
    let (grid, rafts, _) = cluster_of(builder, 3, patient()).await;
    let leader = rafts.elect(&grid).await;
    let began = std::time::SystemTime::now();
    let writes = (0..1000).map(|number| rafts.write(leader, format!("write {number}")));
    join_all(writes).await;
    println!("1000 writes took {:?}", began.elapsed().unwrap());
    assert_eq!(rafts.applied(&[0, 1, 2], 1000).await.len(), 1000);
    rafts.shut_down().await;
}
