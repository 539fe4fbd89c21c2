//! One stream from each node of a group, merged.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_core::FusedStream;
use grid::testing::TestGrid;
use grid::{CallError, Group, GroupStream, Outgoing, RemoteError};
use tokio::time::{Instant, sleep, timeout};

use crate::Running;

#[grid::service]
trait Feed {
    /// As many numbers as the node has.
    async fn follow(&self, from: u32, out: Outgoing<u32>) -> Result<(), RemoteError>;
    /// Items of a KiB, as fast as they are read.
    async fn flood(&self, out: Outgoing<Vec<u8>>) -> Result<(), RemoteError>;
}

/// What a node does with its stream.
#[derive(Clone, Copy)]
enum Plan {
    /// Sends this many items, one each time, and ends.
    Items(u32, Duration),
    /// Fails after this many items.
    Fails(u32),
    /// Sends nothing, for ever.
    Silent,
}

struct Source {
    plan: Plan,
    running: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

impl Feed for Source {
    async fn follow(&self, from: u32, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        self.running.fetch_add(1, Ordering::Relaxed);
        let _running = Running(Arc::clone(&self.running));
        match self.plan {
            Plan::Items(count, every) => {
                for number in 0..count {
                    sleep(every).await;
                    out.send(from + number).await?;
                }
                Ok(())
            }
            Plan::Fails(count) => {
                for number in 0..count {
                    out.send(from + number).await?;
                }
                Err(RemoteError::new("bad sector"))
            }
            Plan::Silent => std::future::pending().await,
        }
    }

    async fn flood(&self, mut out: Outgoing<Vec<u8>>) -> Result<(), RemoteError> {
        loop {
            out.send(vec![7; 1024]).await?;
            self.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}

struct Feeds {
    grid: TestGrid,
    group: Group<FeedClient>,
    running: Arc<AtomicUsize>,
    sent: Arc<AtomicUsize>,
}

/// A caller, which is node 0, and a node for each plan.
async fn feeds(plans: &'static [Plan]) -> Feeds {
    let (running, sent) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
    let of_handlers = (Arc::clone(&running), Arc::clone(&sent));
    let grid = TestGrid::builder(plans.len() + 1)
        .configure(move |node, builder| match plans.get(node.wrapping_sub(1)) {
            Some(plan) => {
                let (running, sent) = of_handlers.clone();
                builder.service(FeedServer::new(Source { plan: *plan, running, sent }))
            }
            None => builder,
        })
        .start();
    grid.all_connected().await;
    let caller = grid.node(0);
    let names: Vec<_> = (1..=plans.len()).map(|node| grid.name(node).to_owned()).collect();
    let group = FeedClient::group(&caller, names).unwrap();
    Feeds { grid, group, running, sent }
}

impl Feeds {
    fn follow(&self) -> GroupStream<u32, RemoteError> {
        self.group.open(|node| node.follow(100))
    }
}

const SOON: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn items_of_all_nodes_are_merged_in_the_order_in_which_they_come() {
    let ten = Duration::from_millis(10);
    let feeds = feeds(Box::leak(Box::new([
        Plan::Items(3, ten),
        Plan::Items(2, ten * 2 - SOON),
        Plan::Items(0, ten),
    ])))
    .await;
    let mut items = feeds.follow();
    assert_eq!(items.left(), 3);
    let (mut came, mut ends) = (Vec::new(), Vec::new());
    while let Some(item) = items.next().await {
        assert_eq!(&*item.peer, feeds.grid.name(item.index + 1));
        match item.item {
            Some(number) => came.push((item.index, number.unwrap())),
            None => ends.push(item.index),
        }
    }
    assert_eq!(came, [(0, 100), (1, 100), (0, 101), (0, 102), (1, 101)]);
    assert_eq!(ends, [2, 0, 1], "each node ends once");
    assert!(items.is_terminated() && items.next().await.is_none());
    feeds.grid.nothing_in_flight().await;
}

#[tokio::test(start_paused = true)]
async fn one_node_fails_and_the_others_go_on() {
    let feeds = feeds(&[Plan::Items(3, SOON), Plan::Fails(1), Plan::Items(1, SOON)]).await;
    feeds.grid.isolate(3);
    feeds.grid.disconnected(0, 3).await;
    let mut items = feeds.follow();
    let (mut ok, mut failed, mut ended) = ([0; 3], Vec::new(), Vec::new());
    while let Some(item) = items.next().await {
        match item.item {
            Some(Ok(_)) => ok[item.index] += 1,
            Some(Err(error)) => failed.push((item.index, error)),
            None => ended.push(item.index),
        }
    }
    assert_eq!((ok, &*ended), ([3, 1, 0], &[0][..]));
    assert!(matches!(&failed[0], (2, CallError::Disconnected { .. })), "{failed:?}");
    assert!(matches!(&failed[1], (1, CallError::Handler(error)) if error.message == "bad sector"));
    assert_eq!(failed.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_never_answers_does_not_hold_up_the_others() {
    let feeds = feeds(&[Plan::Silent, Plan::Items(2, SOON)]).await;
    let deadline = Duration::from_millis(500);
    let mut items = feeds.group.open(|node| node.follow(0).timeout(deadline));
    let began = Instant::now();
    for number in 0..2 {
        let item = items.next().await.unwrap();
        assert_eq!((item.index, item.item), (1, Some(Ok(number))));
    }
    assert_eq!(items.next().await.unwrap().item, None);
    assert!(began.elapsed() < deadline / 2);
    let late = items.next().await.unwrap();
    assert!(matches!(late.item, Some(Err(CallError::DeadlineExceeded { .. }))));
    assert_eq!((late.index, began.elapsed()), (0, deadline), "the deadline of the whole");
    assert!(items.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_stream_cancels_the_handlers_of_all_nodes() {
    let feeds = feeds(&[Plan::Silent, Plan::Items(1000, SOON), Plan::Silent]).await;
    let mut items = feeds.follow();
    assert!(items.next().await.is_some());
    assert!(timeout(SOON / 2, items.next()).await.is_err(), "this cancels nothing");
    assert!(items.next().await.is_some());
    assert_eq!(feeds.running.load(Ordering::Relaxed), 3);
    drop(items);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(feeds.running.load(Ordering::Relaxed), 0);
    feeds.grid.nothing_in_flight().await;
}

#[tokio::test(start_paused = true)]
async fn nodes_that_always_have_items_take_turns_and_wait_for_the_reader() {
    let feeds = feeds(&[Plan::Silent, Plan::Silent]).await;
    let mut items = feeds.group.open(|node| node.flood());
    let mut taken = [0_usize; 2];
    for _ in 0..1000 {
        let item = items.next().await.unwrap();
        assert!(matches!(item.item, Some(Ok(_))));
        taken[item.index] += 1;
    }
    assert!(taken.iter().all(|taken| *taken >= 300), "{taken:?}");
    // The reader sleeps: each node sends what its window permits, and no more.
    sleep(Duration::from_secs(1)).await;
    let sent = feeds.sent.load(Ordering::Relaxed);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(feeds.sent.load(Ordering::Relaxed), sent);
    drop(items);
    feeds.grid.nothing_in_flight().await;
}
