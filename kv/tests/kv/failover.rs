//! Clients find the leader, and go on with the next one.

use std::time::Duration;

use grid_kv::client::{Client, ClientError};
use grid_kv::model::Expect;
use grid_kv::service::Consistency;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::cluster::{Cluster, PATIENCE};

/// Counts in a key, step by step. A step that is applied twice or lost lets the next one fail.
fn count(
    client: Client,
    key: &'static str,
    steps: u64,
) -> (watch::Receiver<u64>, JoinHandle<Duration>) {
    let (done, is_done) = watch::channel(0);
    let counting = tokio::spawn(async move {
        let mut longest = Duration::ZERO;
        for step in 1..=steps {
            let expect = match step {
                1 => Expect::Absent,
                _ => Expect::Value((step - 1).to_string().into()),
            };
            let began = Instant::now();
            let swapped = client.compare_and_swap(key, expect, Some(step.to_string().into())).await;
            swapped.unwrap_or_else(|error| panic!("step {step}: {error}"));
            longest = longest.max(began.elapsed());
            done.send_replace(step);
        }
        longest
    });
    (is_done, counting)
}

async fn check(client: &Client, key: &str, steps: u64) {
    let item = client.get(key, Consistency::Linearizable).await.unwrap().unwrap();
    assert_eq!(item.value, steps.to_string());
}

#[tokio::test(start_paused = true)]
async fn writes_go_on_when_the_leader_crashes() {
    let mut cluster = Cluster::start(3).await;
    let client = cluster.client();
    let (mut first, counting) = count(client.clone(), "first", 300);
    let (_, other) = count(client.clone(), "second", 300);
    for steps in [50, 150, 250] {
        first.wait_for(|done| *done >= steps).await.unwrap();
        let leader = cluster.leader().await;
        cluster.crash(leader).await;
        cluster.leader_but(Some(leader)).await;
        cluster.restart(leader).await;
        // Otherwise the next leader may end before the other two have a link to each other.
        cluster.node(leader).wait_linked(PATIENCE).await.unwrap();
    }
    let longest = counting.await.unwrap().max(other.await.unwrap());
    println!("the longest step took {longest:?}");
    assert!(longest < Duration::from_secs(5), "it took {longest:?}");
    check(&client, "first", 300).await;
    check(&client, "second", 300).await;
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn writes_go_on_when_the_leader_is_cut_off() {
    let cluster = Cluster::start(3).await;
    let client = cluster.client();
    let (mut steps, counting) = count(client.clone(), "a", 200);
    for at in [30, 120] {
        steps.wait_for(|done| *done >= at).await.unwrap();
        let leader = cluster.leader().await;
        // The client still reaches it.
        cluster.isolate(leader);
        cluster.leader_but(Some(leader)).await;
        cluster.heal();
    }
    let longest = counting.await.unwrap();
    assert!(longest < Duration::from_secs(6), "it took {longest:?}");
    check(&client, "a", 200).await;
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_shuts_down_passes_the_leadership_on() {
    let mut cluster = Cluster::start(3).await;
    let client = cluster.client();
    let (mut steps, counting) = count(client.clone(), "a", 300);
    for at in [50, 150] {
        steps.wait_for(|done| *done >= at).await.unwrap();
        let leader = cluster.leader().await;
        cluster.shut_down(leader).await;
        cluster.restart(leader).await;
        // As a rolling restart waits until each node is ready.
        cluster.leader_but(Some(leader)).await;
        cluster.wait(leader, |metrics| metrics.current_leader.is_some()).await;
        cluster.node(leader).wait_linked(PATIENCE).await.unwrap();
    }
    let longest = counting.await.unwrap();
    // Less than an election.
    assert!(longest < Duration::from_millis(500), "it took {longest:?}");
    check(&client, "a", 300).await;
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_an_operation_fails_in_time() {
    let mut cluster = Cluster::start(3).await;
    let client = cluster.client().with_timeout(Duration::from_secs(5));
    client.put("a", "1").await.unwrap();
    let leader = cluster.leader().await;
    for other in [(leader + 1) % 3, (leader + 2) % 3] {
        cluster.crash(other).await;
    }
    let began = Instant::now();
    let failed = client.put("a", "2").await.unwrap_err();
    assert!((5.0..5.5).contains(&began.elapsed().as_secs_f64()), "{:?}", began.elapsed());
    // It was in the log of the leader, which may yet find a majority.
    assert!(matches!(failed, ClientError::Deadline { may_have_run: true, .. }), "{failed:?}");
    assert!(failed.to_string().starts_with("not done within 5s, and may have been done: "));
    let failed = client.get("a", Consistency::Linearizable).await.unwrap_err();
    assert!(matches!(failed, ClientError::Deadline { may_have_run: false, .. }), "{failed:?}");
    assert_eq!(client.get("a", Consistency::Stale).await.unwrap().unwrap().value, "1");
    cluster.end().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_waits_for_its_links() {
    let cluster = Cluster::start(3).await;
    let leader = cluster.leader().await;
    let (node, other) = ((leader + 1) % 3, (leader + 2) % 3);
    cluster.node(node).wait_linked(PATIENCE).await.unwrap();
    cluster.network.cut(&cluster.name(node), &cluster.name(other));
    let link = cluster.node(node).manager().connection(&cluster.name(other)).unwrap();
    while link.state().is_connected() {
        sleep(Duration::from_millis(1)).await;
    }
    // It still hears from the leader, and there would be no majority without that.
    let within = Duration::from_secs(5);
    let missing = cluster.node(node).wait_linked(within).await.unwrap_err();
    assert_eq!((missing.names, missing.within), (vec![cluster.name(other)], within));
    cluster.heal();
    cluster.node(node).wait_linked(PATIENCE).await.unwrap();
    cluster.end().await;
}
