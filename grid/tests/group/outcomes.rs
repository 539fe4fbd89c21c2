//! The outcomes of a group's calls one by one, and what the task of very many of them leaves to others.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_core::{FusedStream, Stream};
use futures_util::StreamExt;
use grid::testing::TestGrid;
use grid::{CallError, Group, GroupCall};
use tokio::time::{Instant, sleep};

use crate::{Shard, disks};

#[grid::service]
trait Echo {
    async fn echo(&self, number: usize) -> usize;
}

struct Same;

impl Echo for Same {
    async fn echo(&self, number: usize) -> usize {
        number
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_come_in_the_order_of_the_answers() {
    let disks = disks(&[Some(30), Some(11), None, Some(10)]).await;
    let mut outcomes = disks.read().outcomes();
    assert_eq!((outcomes.left(), outcomes.size_hint()), (4, (4, Some(4))));
    let began = Instant::now();
    let mut came = Vec::new();
    while let Some(outcome) = outcomes.next().await {
        assert_eq!(Some(&*outcome.peer), disks.group.peers().nth(outcome.index));
        came.push((outcome.index, outcome.result.is_ok(), began.elapsed().as_millis()));
    }
    assert_eq!(came, [(2, false, 0), (3, true, 10), (1, false, 11), (0, true, 30)]);
    assert!(outcomes.is_terminated() && outcomes.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn dropping_the_outcomes_cancels_the_rest() {
    let disks = disks(&[Some(10), Some(5000), Some(6000)]).await;
    let mut outcomes = disks.read().outcomes();
    assert_eq!(outcomes.next().await.unwrap().index, 0);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 2, "a future that is dropped cancels none");
    drop(outcomes);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(disks.running.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn late_outcomes_can_be_taken_after_a_decision() {
    let disks = disks(&[Some(10), Some(20), Some(50)]).await;
    let mut outcomes = disks.read().timeout(Duration::from_millis(40)).outcomes();
    let (first, second) = (outcomes.next().await, outcomes.next().await);
    assert!(first.unwrap().result.is_ok() && second.unwrap().result.is_ok());
    let late = tokio::spawn(async move { outcomes.next().await });
    let late = late.await.unwrap().unwrap();
    assert!(matches!(late.result, Err(CallError::DeadlineExceeded { .. })));
}

const MANY: usize = 1000;

/// A call to one node, very many times.
async fn many() -> (TestGrid, GroupCall<usize, std::convert::Infallible>) {
    let grid =
        TestGrid::builder(2).configure(|_, builder| builder.service(EchoServer::new(Same))).start();
    grid.all_connected().await;
    let (peer, echo): (Arc<str>, _) = (grid.name(1).into(), EchoClient::new(grid.connection(0, 1)));
    let mut calls = GroupCall::new();
    for number in 0..MANY {
        calls.add(Arc::clone(&peer), echo.echo(number));
    }
    (grid, calls)
}

#[tokio::test(start_paused = true)]
async fn very_many_answers_that_are_ready_are_not_taken_at_once() {
    let (_grid, calls) = many().await;
    let mut outcomes = calls.outcomes();
    let mut started = 0;
    while poll_once(&mut outcomes).is_pending() && started < MANY / 128 + 1 {
        started += 1;
    }
    assert_eq!(started, MANY / 128 + 1, "the calls are started in turns");
    sleep(Duration::from_millis(50)).await; // All have answered.
    let (mut taken, mut pauses, mut most) = (0, 0, 0);
    let mut in_turn = 0;
    while taken < MANY {
        match poll_once(&mut outcomes) {
            Poll::Ready(Some(outcome)) => {
                assert!(outcome.result.is_ok());
                (taken, in_turn) = (taken + 1, in_turn + 1);
                most = most.max(in_turn);
            }
            Poll::Ready(None) => break,
            Poll::Pending => (pauses, in_turn) = (pauses + 1, 0),
        }
        assert!(pauses < 100, "{taken} answers were taken");
    }
    assert_eq!((taken, most), (MANY, 128));
    assert!(pauses >= MANY / 128, "{pauses}");
}

#[tokio::test(start_paused = true)]
async fn other_tasks_run_beside_a_group_of_very_many_calls() {
    let (_grid, calls) = many().await;
    let turns = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&turns);
    let other = tokio::spawn(poll_fn(move |cx| {
        counted.fetch_add(1, Ordering::Relaxed);
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }));
    let outcomes = tokio::spawn(calls.all()).await.unwrap();
    other.abort();
    assert!(outcomes.iter().enumerate().all(|(at, outcome)| outcome.result == Ok(at)));
    assert!(turns.load(Ordering::Relaxed) > 2 * (MANY / 128), "{turns:?}");
}

#[tokio::test(start_paused = true)]
async fn the_outcomes_are_a_stream() {
    let disks = disks(&[Some(20), Some(10)]).await;
    let group = Group::new([]);
    let none = group.call(crate::DiskClient::READ, (Shard(1),)).outcomes();
    assert_eq!(none.count().await, 0);
    let places: Vec<_> = disks.read().outcomes().map(|outcome| outcome.index).collect().await;
    assert_eq!(places, [1, 0]);
    let mut outcomes = disks.read().outcomes();
    assert!(poll_fn(|cx| outcomes.poll_next_unpin(cx)).await.is_some());
}

fn poll_once<S: Stream + Unpin>(stream: &mut S) -> Poll<Option<S::Item>> {
    stream.poll_next_unpin(&mut Context::from_waker(Waker::noop()))
}
