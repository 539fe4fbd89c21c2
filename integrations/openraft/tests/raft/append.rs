//! `stream_append` and `append_entries` by themselves.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use openraft::BasicNode;
use openraft::entry::RaftEntry as _;
use openraft::errors::RPCError;
use openraft::network::{RaftNetworkFactory as _, RaftNetworkV2 as _};
use openraft::raft::{AppendEntriesRequest, StreamAppendError};
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use openraft::vote::RaftLeaderIdExt as _;
use tokio::time::Instant;

use super::cluster::{cluster, config, option};
use super::store::Types;

/// The soft limit, which is three quarters of the hard one.
pub(crate) const TTL: Duration = Duration::from_millis(900);

pub(crate) fn log_id(index: u64) -> LogIdOf<Types> {
    LogIdOf::<Types>::new(openraft::vote::leader_id_adv::LeaderId::new_committed(1, 0), index)
}

/// Appends one entry with this text, by node 0 as leader of term 1.
pub(crate) fn append(index: u64, texts: &[&str]) -> AppendEntriesRequest<Types> {
    let entries = texts.iter().zip(index..);
    let entry = |(text, index): (&&str, u64)| {
        EntryOf::<Types>::new_normal(log_id(index), (*text).to_owned())
    };
    AppendEntriesRequest {
        vote: VoteOf::<Types>::new_committed(1, 0),
        prev_log_id: index.checked_sub(1).map(log_id),
        entries: entries.map(entry).collect(),
        leader_commit: None,
    }
}

/// How long was waited, as the error says.
#[track_caller]
fn timeout(error: &RPCError<Types>) -> Duration {
    match error {
        RPCError::Timeout(late) => late.timeout,
        other => panic!("{other}"),
    }
}

/// When a timer ends.
fn whole_ms(timeout: Duration) -> Duration {
    Duration::from_millis(timeout.as_micros().div_ceil(1000) as u64)
}

#[tokio::test(start_paused = true)]
async fn requests_do_not_wait_for_answers() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.delay(0, 1, Duration::from_millis(100));
    let mut client = rafts.client(&grid, 0, 1).await;
    let requests = stream::iter((0..50).map(|index| append(index, &["a"])));
    let began = Instant::now();
    let answers = client.stream_append(requests, option(TTL)).await.unwrap();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().unwrap()).collect().await;
    // In their order; and the whole took two or three round trips, not fifty.
    let expected: Vec<_> = (0..50).map(|index| Some(log_id(index))).collect();
    assert_eq!(answers, expected);
    assert!(began.elapsed() <= Duration::from_millis(650), "it took {:?}", began.elapsed());
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn short_requests_are_not_asked_for_at_once_while_others_are_unanswered() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.delay(0, 1, Duration::from_millis(100));
    let mut client = rafts.client(&grid, 0, 1).await;
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let requests = [append(0, &["a"; 3])].into_iter().chain((3..23).map(|at| append(at, &["b"])));
    let requests = stream::iter(requests).inspect(move |_| {
        counted.fetch_add(1, Relaxed);
    });
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    let began = Instant::now();
    let next = tokio::time::timeout(Duration::from_millis(45), answers.next()).await;
    next.unwrap_err();
    // The long one, a short one, and one more each 10 ms: what comes in between would be in it.
    assert_eq!(asked.load(Relaxed), 2 + 4);
    let others: Vec<_> = answers.map(|answer| answer.unwrap().unwrap()).collect().await;
    assert_eq!(others.last(), Some(&Some(log_id(22))));
    assert_eq!(asked.load(Relaxed), 21);
    assert!(began.elapsed() <= Duration::from_millis(20 * 10 + 200), "{:?}", began.elapsed());
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_one_request_is_answered_within_a_round_trip() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.delay(0, 1, Duration::from_millis(100));
    let node = BasicNode::new(grid.name(1));
    let mut network = rafts.groups[0].network(&grid.node(0), 0);
    for mut client in
        [network.new_client(1, &node).await, network.new_heartbeat_client(1, &node).await]
    {
        let began = Instant::now();
        let request = stream::iter([append(0, &[])]);
        let mut answers = client.stream_append(request, option(TTL)).await.unwrap();
        answers.next().await.unwrap().unwrap().unwrap();
        assert!(began.elapsed() <= Duration::from_millis(210), "it took {:?}", began.elapsed());
        assert!(answers.next().await.is_none());
    }
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_request_is_split() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    // 24 MiB: more than a message may have.
    let text = "x".repeat(3 << 20);
    let requests = stream::iter([append(0, &[&*text; 8]), append(8, &["last"])]);
    let answers = client.stream_append(requests, option(10 * TTL)).await.unwrap();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().unwrap()).collect().await;
    let expected: Vec<_> = (0..9).map(|index| Some(log_id(index))).collect();
    assert_eq!(answers, expected);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_conflict_ends_the_stream() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    // The log is empty, so that there is no entry before 5.
    let requests = stream::iter([append(5, &["a"])]).chain(stream::pending());
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    let answer = answers.next().await.unwrap().unwrap();
    assert_eq!(answer, Err(StreamAppendError::Conflict(log_id(4))));
    assert!(answers.next().await.is_none());
    drop(answers);
    grid.nothing_in_flight().await;
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_late_but_a_stream_without_requests_is_not() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    let requests = Box::pin(stream::unfold(receiver, |mut receiver| async {
        Some((receiver.recv().await?, receiver))
    }));
    sender.send(append(0, &["a"])).unwrap();
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    // Nothing to send for a minute.
    let idle = tokio::time::timeout(Duration::from_secs(60), answers.next()).await;
    idle.unwrap_err();

    grid.freeze(0, 1);
    let began = Instant::now();
    sender.send(append(1, &["b"])).unwrap();
    let late = answers.next().await.unwrap().unwrap_err();
    let timeout = timeout(&late);
    assert!((TTL..TTL * 11 / 10).contains(&timeout), "{late}");
    assert_eq!(began.elapsed(), whole_ms(timeout));
    assert!(answers.next().await.is_none());
    drop(answers);
    grid.heal_all();
    rafts.shut_down().await;
}

/// Entries of 4 MiB, with a limit in which the line carries 5 KiB: that of a group which elects a leader after half a second.
#[tokio::test(start_paused = true)]
async fn a_slow_line_carries_any_number_of_entries() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    grid.bandwidth(0, 1, 64 << 10);
    let ttl = Duration::from_millis(75);
    let texts = ["x".repeat(10 << 10), "x".repeat(5 << 19)];
    let requests = stream::iter([append(0, &[&*texts[0]; 150]), append(150, &[&*texts[1]])]);
    let answers = client.stream_append(requests, option(ttl)).await.unwrap();
    let answers: Vec<_> = answers.map(|answer| answer.unwrap().unwrap()).collect().await;
    assert_eq!(answers.last(), Some(&Some(log_id(150))));
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_entry_without_an_answer_is_late() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    // A second of the slowest line.
    let long = "x".repeat(32 << 10);
    let requests = stream::iter([append(0, &[&*long])]).chain(stream::pending());
    grid.freeze(0, 1);
    let began = Instant::now();
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    let late = answers.next().await.unwrap().unwrap_err();
    assert!(answers.next().await.is_none());
    drop(answers);
    let timeout = timeout(&late);
    let sending = timeout - TTL;
    assert!((1000..1020).contains(&sending.as_millis()), "{late}");
    assert_eq!(began.elapsed(), whole_ms(timeout));
    grid.heal_all();
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_was_idle_ends_with_its_input() {
    let (grid, rafts, _) = cluster(2, config()).await;
    grid.delay(0, 1, TTL / 4);
    let mut client = rafts.client(&grid, 0, 1).await;
    let end = stream::once(tokio::time::sleep(Duration::from_secs(60)));
    let end = end.filter_map(|()| std::future::ready(None));
    let requests = Box::pin(stream::iter([append(0, &["a"])]).chain(end));
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    assert!(answers.next().await.is_none());
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_ends_at_the_other_node() {
    let (grid, rafts, calls) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let requests = stream::iter([append(0, &["a"])]).chain(stream::pending());
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    drop(answers);
    grid.nothing_in_flight().await;
    assert_eq!(calls.served("Raft/stream_append").len(), 1);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_ends_its_streams_with_a_network_error() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let requests = stream::iter([append(0, &["a"])]).chain(stream::pending());
    let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
    answers.next().await.unwrap().unwrap().unwrap();
    let began = Instant::now();
    grid.kill(1);
    let error = answers.next().await.unwrap().unwrap_err();
    assert!(matches!(error, RPCError::Network(_)), "{error}");
    assert!(began.elapsed() < TTL / 10, "it took {:?}", began.elapsed());
    assert!(answers.next().await.is_none());
    drop(answers);
    rafts.shut_down().await;
}

#[tokio::test(start_paused = true)]
async fn streams_that_fail_leave_no_tasks() {
    let (grid, rafts, _) = cluster(2, config()).await;
    let mut client = rafts.client(&grid, 0, 1).await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for _ in 0..50 {
        let requests = stream::iter([append(5, &["a"])]).chain(stream::pending());
        let mut answers = client.stream_append(requests, option(TTL)).await.unwrap();
        answers.next().await.unwrap().unwrap().unwrap_err();
    }
    grid.nothing_in_flight().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(tasks() < before + 10, "{before} tasks became {}", tasks());
    rafts.shut_down().await;
}
