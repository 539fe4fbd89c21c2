//! What a handler can do about a reader that is slow: not wait, wait for room only, skip, or let it miss items.

use std::time::Duration;

use grid::{Broadcast, Outgoing, TrySendError, Update};
use tokio::sync::watch;
use tokio::time::sleep;

const SECOND: Duration = Duration::from_secs(1);

#[grid::service]
trait Values {
    /// Sends as many numbers as there is room for, without waiting, each second again; then -1.
    #[handler(outgoing = 3)]
    async fn tries(&self, out: Outgoing<i64>);
    /// Makes a number when there is room for it.
    #[handler(outgoing = 2)]
    async fn reserves(&self, out: Outgoing<i64>);
    #[handler(outgoing = 1)]
    async fn latest(&self, out: Outgoing<i64>);
    #[handler(outgoing = 1)]
    async fn all(&self, out: Outgoing<Update<i64>>);
    /// Those of the source, as texts.
    async fn even(&self, out: Outgoing<String>);
}

struct Node {
    made: watch::Sender<i64>,
    source: Broadcast<i64>,
}

impl Node {
    fn new() -> Self {
        Self { made: watch::Sender::new(0), source: Broadcast::new(4) }
    }
}

impl Values for Node {
    async fn tries(&self, mut out: Outgoing<i64>) {
        let mut next = 0;
        for _ in 0..2 {
            let full = loop {
                match out.try_send(next) {
                    Ok(()) => next += 1,
                    Err(full) => break full,
                }
            };
            assert_eq!(full, TrySendError::Full(next), "the item is returned");
            sleep(SECOND).await;
        }
        out.send(-1).await.unwrap();
        out.closed().await;
        assert!(matches!(out.try_send(next), Err(TrySendError::Closed(_))));
    }

    async fn reserves(&self, mut out: Outgoing<i64>) {
        loop {
            drop(out.reserve().await);
            let Ok(permit) = out.reserve().await else { return };
            let mut made = 0;
            self.made.send_modify(|count| {
                *count += 1;
                made = *count;
            });
            permit.send(made).unwrap();
        }
    }

    async fn latest(&self, mut out: Outgoing<i64>) {
        out.send_latest(self.made.subscribe()).await.unwrap();
    }

    async fn all(&self, mut out: Outgoing<Update<i64>>) {
        self.source.forward(&mut out).await;
    }

    async fn even(&self, mut out: Outgoing<String>) {
        let select = |update: Update<i64>| match update {
            Update::Item(number) => (number % 2 == 0).then(|| number.to_string()),
            missed => Some(format!("{missed:?}")),
        };
        self.source.forward_some(&mut out, select).await;
    }
}

#[tokio::test(start_paused = true)]
async fn try_send_returns_the_item_if_there_is_no_room() {
    let client = ValuesClient::in_process(Node::new());
    let mut numbers = client.tries().await.unwrap();
    sleep(SECOND / 2).await;
    for expected in 0..3 {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }
    // The receiver makes room in batches of two.
    for expected in [3, 4, -1] {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }
}

#[tokio::test(start_paused = true)]
async fn reserve_waits_for_room_before_the_item_exists() {
    let node = Node::new();
    let made = node.made.subscribe();
    let client = ValuesClient::in_process(node);
    let mut numbers = client.reserves().await.unwrap();
    sleep(SECOND).await;
    assert_eq!(*made.borrow(), 2, "as many as there is room for");
    for expected in 1..10 {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }
}

#[tokio::test(start_paused = true)]
async fn send_latest_skips_what_a_slow_reader_has_no_room_for() {
    let node = Node::new();
    let made = node.made.clone();
    let client = ValuesClient::in_process(node);
    let mut numbers = client.latest().await.unwrap();
    sleep(SECOND).await;
    for number in 1..=100 {
        made.send_replace(number);
        sleep(SECOND / 100).await;
    }
    // The one that was there first waits in the window.
    assert_eq!(numbers.next().await, Some(Ok(0)));
    assert_eq!(numbers.next().await, Some(Ok(100)));
    made.send_replace(101);
    assert_eq!(numbers.next().await, Some(Ok(101)));
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_of_a_broadcast_misses_items_and_others_do_not() {
    let node = Node::new();
    let source = node.source.clone();
    let client = ValuesClient::in_process(node);
    let (mut fast, mut slow) = (client.all().await.unwrap(), client.all().await.unwrap());
    sleep(SECOND).await;
    assert_eq!(source.readers(), 2);
    for number in 0..100 {
        assert_eq!(source.send(number), 2);
        assert_eq!(fast.next().await, Some(Ok(Update::Item(number))));
    }
    // One waits in the window, and four are kept.
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(slow.next().await.unwrap().unwrap());
    }
    let rest = (96..100).map(Update::Item);
    let expected: Vec<_> = [Update::Item(0), Update::Missed(95)].into_iter().chain(rest).collect();
    assert_eq!(seen, expected);
    drop(slow);
    sleep(SECOND).await;
    assert_eq!(source.send(100), 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_of_a_broadcast_can_receive_a_part_of_it() {
    let node = Node::new();
    let source = node.source.clone();
    let client = ValuesClient::in_process(node);
    let mut even = client.even().await.unwrap();
    sleep(SECOND).await;
    for number in [1, 2, 3, 5, 7, 9, 10] {
        source.send(number);
        sleep(SECOND).await;
    }
    assert_eq!(even.next().await, Some(Ok("2".to_owned())));
    assert_eq!(even.next().await, Some(Ok("10".to_owned())));
    drop(even);
    sleep(SECOND).await;
    assert_eq!(source.readers(), 0, "also one that waits for an item that it wants");
}
