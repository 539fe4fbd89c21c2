//! Locks over a quorum of nodes in memory and virtual time: exclusion, lost nodes, crashed holders.

mod nodes;
#[path = "../../../grid/tests/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use grid::Manager;
use grid_examples::locks::{QuorumLock, Timing};
use nodes::{Slow, grid, grid_of};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

const HOSTS: [&str; 6] =
    ["http://a:1", "http://b:1", "http://c:1", "http://d:1", "http://e:1", "http://f:1"];
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

fn lock(node: &Manager) -> QuorumLock {
    QuorumLock::on(node, "it", Timing::default())
}

async fn stop(nodes: &[Manager]) {
    for node in nodes {
        node.shutdown(Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_tasks_on_five_nodes_exclude_each_other() {
    let (_network, nodes) = grid_of(5, Slow).await;
    let counter = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    for node in nodes.iter().cycle().take(20) {
        let (lock, counter) = (lock(node), Arc::clone(&counter));
        tasks.spawn(async move {
            for round in 0..5 {
                let guard = lock.write(HOUR).await.unwrap();
                let read = counter.load(Ordering::Relaxed);
                sleep(Duration::from_millis(7)).await;
                counter.store(read + 1, Ordering::Relaxed);
                if round % 2 == 0 {
                    guard.unlock().await.unwrap();
                } // or released in the background
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert_eq!(counter.load(Ordering::Relaxed), 100);
}

#[tokio::test(start_paused = true)]
async fn readers_share_and_writers_do_not_share_with_them() {
    let (_network, nodes) = grid(5).await;
    let readers =
        [lock(&nodes[0]).read(SECOND).await.unwrap(), lock(&nodes[1]).read(SECOND).await.unwrap()];
    assert!(lock(&nodes[2]).write(SECOND).await.is_err());
    let [one, other] = readers;
    one.unlock().await.unwrap();
    assert!(lock(&nodes[2]).write(SECOND).await.is_err());
    other.unlock().await.unwrap();
    let writer = lock(&nodes[2]).write(SECOND).await.unwrap();
    assert!(lock(&nodes[0]).read(SECOND).await.is_err());
    writer.unlock().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn readers_and_writers_under_contention() {
    let (_network, nodes) = grid_of(4, Slow).await;
    // A writer adds 1000, so that the sum shows a writer beside any other holder.
    let (inside, most_readers) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    for (number, node) in nodes.iter().cycle().take(12).enumerate() {
        let (lock, inside, most) = (lock(node), Arc::clone(&inside), Arc::clone(&most_readers));
        tasks.spawn(async move {
            for _ in 0..5 {
                let writes = number % 3 == 0;
                let guard =
                    if writes { lock.write(HOUR).await } else { lock.read(HOUR).await }.unwrap();
                let before = inside.fetch_add(if writes { 1000 } else { 1 }, Ordering::Relaxed);
                assert!(if writes { before == 0 } else { before < 1000 }, "{before} other holders");
                sleep(Duration::from_millis(20)).await;
                let still = inside.fetch_sub(if writes { 1000 } else { 1 }, Ordering::Relaxed);
                most.fetch_max(still % 1000, Ordering::Relaxed);
                guard.unlock().await.unwrap();
            }
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap();
    }
    assert!(most_readers.load(Ordering::Relaxed) > 1, "readers share");
}

#[tokio::test(start_paused = true)]
async fn a_minority_of_nodes_may_be_down() {
    let (_network, nodes) = grid(5).await;
    for down in [1, 2] {
        nodes[5 - down].shutdown(Duration::ZERO).await;
        let guard = lock(&nodes[0]).write(SECOND).await.unwrap();
        assert!(lock(&nodes[1]).write(SECOND).await.is_err(), "{down} down");
        guard.unlock().await.unwrap();
        lock(&nodes[1]).write(SECOND).await.unwrap().unlock().await.unwrap();
    }
    nodes[2].shutdown(Duration::ZERO).await;
    let error = lock(&nodes[0]).write(SECOND).await.unwrap_err();
    assert_eq!((error.needed, error.nodes, error.unreachable), (3, 5, 3));
    assert!(
        lock(&nodes[0]).read(SECOND).await.is_err(),
        "with an odd number, readers and writers need the same quorum"
    );
}

#[tokio::test(start_paused = true)]
async fn half_of_an_even_number_is_enough_for_readers() {
    let (_network, nodes) = grid(6).await;
    stop(&nodes[3..]).await;
    lock(&nodes[0]).read(SECOND).await.unwrap().unlock().await.unwrap();
    assert!(lock(&nodes[0]).write(SECOND).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_refresh_keeps_the_lock_and_a_crashed_holder_loses_it() {
    let (_network, nodes) = grid(5).await;
    let guard = lock(&nodes[0]).write(SECOND).await.unwrap();
    assert!(timeout(10 * Timing::default().expires_after, guard.lost()).await.is_err());
    assert!(lock(&nodes[1]).write(SECOND).await.is_err(), "refreshed all the time");

    stop(&nodes[..1]).await; // Without releasing the lock.
    let vanished = Instant::now();
    let next = lock(&nodes[1]).write(HOUR).await.unwrap();
    let (waited, expiry) = (vanished.elapsed(), Timing::default().expires_after);
    assert!(waited > expiry - Timing::default().refresh_every - SECOND, "{waited:?}");
    assert!(waited < expiry + SECOND, "{waited:?}");
    assert!(guard.is_lost(), "the old holder was notified before");
    assert!(guard.unlock().await.is_err());
    assert!(!next.is_lost());
}

#[tokio::test(start_paused = true)]
async fn losing_the_quorum_is_reported_before_another_holder_can_get_the_lock() {
    let (network, nodes) = grid(5).await;
    let guard = lock(&nodes[0]).write(SECOND).await.unwrap();
    // First calls get no answer, later there is no connection. No node refuses.
    HOSTS.iter().for_each(|host| network.detach(host));
    network.freeze();
    let since = Instant::now();
    timeout(HOUR, guard.lost()).await.expect("it is lost");
    let expiry = Timing::default().expires_after;
    assert!(since.elapsed() <= expiry, "{:?}", since.elapsed());
    assert!(since.elapsed() > expiry - Timing::default().refresh_every, "{:?}", since.elapsed());
    assert!(guard.unlock().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_short_loss_of_links_loses_no_lock() {
    let (network, nodes) = grid(5).await;
    let guard = lock(&nodes[0]).write(SECOND).await.unwrap();
    network.cut();
    sleep(Timing::default().refresh_every / 2).await;
    network.freeze(); // The links are found dead and connected again before the lock expires.
    assert!(timeout(3 * Timing::default().expires_after, guard.lost()).await.is_err());
    guard.unlock().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn force_unlock_is_noticed_by_the_holder() {
    let (_network, nodes) = grid(5).await;
    let guard = lock(&nodes[0]).write(SECOND).await.unwrap();
    sleep(SECOND).await;
    assert_eq!(lock(&nodes[1]).force_unlock().await, 5);
    assert_eq!(lock(&nodes[1]).force_unlock().await, 0);
    let since = Instant::now();
    timeout(HOUR, guard.lost()).await.expect("it is lost");
    assert!(since.elapsed() <= Timing::default().refresh_every, "{:?}", since.elapsed());
    lock(&nodes[1]).write(SECOND).await.unwrap().unlock().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn grants_are_released_when_the_attempt_fails_or_is_dropped() {
    let (_network, nodes) = grid(5).await;
    let holder = lock(&nodes[0]).write(SECOND).await.unwrap();
    assert!(lock(&nodes[1]).write(SECOND).await.is_err());
    holder.unlock().await.unwrap();
    assert_eq!(lock(&nodes[2]).force_unlock().await, 0, "neither attempt has left a lock");

    for granted in [false, true] {
        let wanted = lock(&nodes[3]);
        let mut attempt = Box::pin(wanted.write(HOUR));
        assert!(
            timeout(Duration::ZERO, &mut attempt).await.is_err(),
            "the attempt has only sent its requests"
        );
        if granted {
            sleep(SECOND).await; // All nodes answer, but the attempt is not polled.
        }
        drop(attempt);
        sleep(SECOND).await;
        assert_eq!(lock(&nodes[2]).force_unlock().await, 0, "granted before: {granted}");
    }
}
