//! Calls to several nodes at once.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod clients;
mod outcomes;
mod streams;
#[path = "../support/mod.rs"]
mod support;

use std::cell::Cell;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};
use std::time::Duration;

use grid::{CallError, Group, GroupCall, Manager, RemoteError};
use serde::{Deserialize, Serialize, Serializer};
use support::Network;
use tokio::time::{Instant, sleep};

#[grid::service]
trait Disk {
    /// Answers after the delay of its node.
    async fn read(&self, shard: Shard) -> Result<u32, RemoteError>;
}

thread_local! {
    /// How often a shard was encoded in this test, which has a thread of its own.
    static ENCODED: Cell<usize> = const { Cell::new(0) };
}

/// Counts how often it is encoded.
#[derive(Deserialize)]
struct Shard(u32);

impl Serialize for Shard {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        ENCODED.set(ENCODED.get() + 1);
        serializer.serialize_newtype_struct("Shard", &self.0)
    }
}

/// A disk that answers after `delay`, and fails if that is odd.
struct Slow {
    delay: u64,
    running: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Disk for Slow {
    async fn read(&self, shard: Shard) -> Result<u32, RemoteError> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(Arc::clone(&self.running));
        sleep(Duration::from_millis(self.delay)).await;
        if self.delay.is_multiple_of(2) { Ok(shard.0) } else { Err(RemoteError::new("bad sector")) }
    }
}

struct Disks {
    caller: Manager,
    group: Group,
    /// Handlers that run now.
    running: Arc<AtomicUsize>,
    _kept: (Network, Vec<Manager>),
}

/// A node for each delay, and a caller. A delay of `None` is a node that is down.
async fn disks(delays: &[Option<u64>]) -> Disks {
    let (network, running) = (Network::default(), Arc::default());
    let names: Vec<_> = (0..delays.len()).map(|node| format!("http://disk{node}:1")).collect();
    let hosts: Vec<_> = names.iter().map(String::as_str).chain(["http://caller:1"]).collect();
    let mut nodes = Vec::new();
    for (name, delay) in names.iter().zip(delays) {
        let Some(delay) = *delay else { continue };
        let disk = Slow { delay, running: Arc::clone(&running) };
        let node = network.node(name, &hosts).service(DiskServer::new(disk)).build().unwrap();
        network.attach(&node);
        nodes.push(node);
    }
    let caller = network.node("http://caller:1", &hosts).build().unwrap();
    network.attach(&caller);
    let connections: Vec<_> = names.iter().map(|name| caller.connection(name).unwrap()).collect();
    for (connection, delay) in connections.iter().zip(delays) {
        if delay.is_some() {
            connection.wait_connected(Duration::from_secs(60)).await.unwrap();
        }
    }
    Disks { caller, group: Group::new(connections), running, _kept: (network, nodes) }
}

impl Disks {
    fn read(&self) -> GroupCall<u32, RemoteError> {
        self.group.call(DiskClient::READ, (Shard(7),))
    }
}

#[tokio::test(start_paused = true)]
async fn a_quorum_is_as_fast_as_its_slowest_member_and_the_rest_is_cancelled() {
    let disks = disks(&[Some(10), Some(5000), Some(20), None, Some(30)]).await;
    let began = Instant::now();
    let answers = disks.read().quorum().await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 30);
    let peers: Vec<_> = answers.iter().map(|answer| &*answer.peer).collect();
    assert_eq!(peers, ["http://disk0:1", "http://disk2:1", "http://disk4:1"]);
    assert!(answers.iter().all(|answer| answer.value == 7));
    assert_eq!(ENCODED.get(), 1, "the arguments are encoded once");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 0, "the slow handler is dropped");
    let stats = disks.caller.stats();
    assert!(stats.connections.iter().all(|connection| connection.in_flight_out == 0));
}

#[tokio::test(start_paused = true)]
async fn a_quorum_of_five_with_two_dead_and_one_slow_node() {
    let disks = disks(&[None, Some(40), Some(10), None, Some(5000), Some(20)]).await;
    // Six nodes, of which the first is left out.
    let five = DiskClient::group(&disks.caller, disks.group.peers().skip(1)).unwrap();
    let began = Instant::now();
    let answers = five.ask(|disk| disk.read(Shard(7))).first_ok(3).await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 40, "the third fastest");
    let places: Vec<_> = answers.iter().map(|answer| answer.index).collect();
    assert_eq!(places, [1, 4, 0]);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 0, "the slow handler is dropped");
}

#[tokio::test(start_paused = true)]
async fn too_few_are_known_as_early_as_possible() {
    let disks = disks(&[Some(11), Some(5000), None, Some(21), Some(6000)]).await;
    let began = Instant::now();
    let few = disks.read().quorum().await.unwrap_err();
    assert_eq!(began.elapsed().as_millis(), 21, "the third failure decides it");
    assert_eq!((few.needed, few.nodes, few.answers.len()), (3, 5, 0));
    let failed: Vec<_> = few.failed.iter().map(|failed| &*failed.peer).collect();
    assert_eq!(failed, ["http://disk2:1", "http://disk0:1", "http://disk3:1"]);
    let text = few.to_string();
    assert!(text.starts_with("0 of 5 nodes have answered, and 3 are needed; http://disk2:1: "));
    assert!(text.contains("; http://disk0:1: bad sector; http://disk3:1: bad sector"), "{text}");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn all_outcomes_come_in_the_order_of_the_group() {
    let disks = disks(&[Some(30), Some(11), None, Some(10)]).await;
    let outcomes = disks.read().all().await;
    let results: Vec<_> = outcomes.iter().map(|outcome| outcome.result.is_ok()).collect();
    assert_eq!(results, [true, false, false, true]);
    let peers: Vec<_> = outcomes.iter().map(|outcome| &*outcome.peer).collect();
    assert_eq!(peers, disks.group.peers().collect::<Vec<_>>());
    assert!(matches!(outcomes[2].result, Err(CallError::Disconnected { .. })));
}

#[tokio::test(start_paused = true)]
async fn the_whole_has_a_deadline() {
    let disks = disks(&[Some(10), Some(5000), Some(6000)]).await;
    let began = Instant::now();
    let few = disks.read().timeout(Duration::from_millis(50)).first_ok(2).await.unwrap_err();
    assert_eq!(began.elapsed().as_millis(), 50);
    assert_eq!((few.answers.len(), few.failed.len()), (1, 2));
    assert!(matches!(few.failed[0].error, CallError::DeadlineExceeded { .. }));
}

#[tokio::test(start_paused = true)]
async fn groups_of_odd_sizes() {
    let disks = disks(&[Some(10)]).await;
    assert_eq!(disks.read().quorum().await.unwrap().len(), 1);
    assert_eq!(disks.read().first_ok(0).await.unwrap().len(), 0, "nothing is needed");
    let few = disks.read().first_ok(2).await.unwrap_err();
    assert_eq!(few.to_string(), "0 of 1 nodes have answered, and 2 are needed");
    let none = Group::new([]).call(DiskClient::READ, (Shard(1),));
    assert!(none.all().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn dropping_a_group_call_cancels_all_its_calls() {
    let disks = disks(&[Some(5000), Some(6000)]).await;
    let dropped = tokio::time::timeout(Duration::from_millis(5), disks.read().all()).await;
    assert!(dropped.is_err());
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 0);
}

/// Counts how often a task is woken.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn the_task_is_woken_once_per_decision() {
    let disks = disks(&[Some(10), Some(20), Some(30), Some(40), Some(50)]).await;
    let wakes = Arc::new(Wakes::default());
    let waker = Arc::clone(&wakes).into();
    let mut quorum = pin!(disks.read().quorum());
    assert!(quorum.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    sleep(Duration::from_millis(25)).await;
    assert_eq!(wakes.0.load(Ordering::Relaxed), 0, "two answers decide nothing");
    sleep(Duration::from_millis(10)).await;
    assert_eq!(wakes.0.load(Ordering::Relaxed), 1);
    let Poll::Ready(answers) = quorum.as_mut().poll(&mut Context::from_waker(&waker)) else {
        panic!("three have answered");
    };
    assert_eq!(answers.unwrap().len(), 3);
}

/// With interceptors, a call has to be polled before its outcome is there.
#[tokio::test(start_paused = true)]
async fn calls_with_interceptors_work_in_a_group() {
    let network = Network::default();
    let node = network
        .node("http://disk:1", &["http://disk:1"])
        .service(DiskServer::new(Slow { delay: 10, running: Arc::default() }))
        .intercept_calls(grid::intercept::Faults::new().delay(1.0, Duration::from_millis(5)))
        .build()
        .unwrap();
    let connection = node.connection("http://disk:1").unwrap();
    let group = Group::new([connection.clone(), connection.clone(), connection]);
    let began = Instant::now();
    let answers = group.call(DiskClient::READ, (Shard(7),)).first_ok(3).await.unwrap();
    assert_eq!((answers.len(), began.elapsed().as_millis()), (3, 15));
}
