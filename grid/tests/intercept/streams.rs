//! Streams: their opening, items and end.

use std::time::Duration;

use futures_util::StreamExt as _;
use grid::intercept::{Deadlines, Intercepted, Next, Observe, Outcome, StreamEnd, only};
use grid::{CallError, ErrorCode};

use crate::support::{A, B, pair};
use crate::{Notes, ShopClient, ShopServer, Stall};

/// Notes what happens on a stream.
struct Items(Notes, &'static str);

impl Observe for Items {
    fn sent(&self, bytes: usize) {
        self.0.add(format!("{} sent {bytes}", self.1));
    }

    fn received(&self, bytes: usize) {
        self.0.add(format!("{} received {bytes}", self.1));
    }

    fn ended(&self, end: StreamEnd<'_>) {
        self.0.add(match end {
            StreamEnd::Failed(error) => format!("{} failed: {error}", self.1),
            end => format!("{} {end:?}", self.1),
        });
    }
}

fn observing(notes: &Notes, name: &'static str) -> impl grid::intercept::Intercept + use<> {
    let notes = notes.clone();
    move |mut call: Intercepted, next: Next| {
        assert!(call.is_stream());
        call.observe(Items(notes.clone(), name));
        next.run(call)
    }
}

#[tokio::test(start_paused = true)]
async fn items_and_the_end_are_observed_on_both_sides() {
    let (made, served) = (Notes::default(), Notes::default());
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept(observing(&served, "callee"))
            .intercept(served.taker("outcome"))
            .intercept_calls(observing(&made, "caller"))
            .intercept_calls(observing(&made, "second"))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let numbers: Vec<_> = shop.list(2).await.unwrap().collect().await;
    assert_eq!(numbers, [Ok(0), Ok(1)]);
    let seen = ["second received 1", "caller received 1"];
    let end = ["second Complete", "caller Complete"];
    assert_eq!(made.take(), [seen, seen, end].concat());
    let expected = [
        &format!("outcome: Shop.list of {A}"),
        "callee sent 1",
        "callee sent 1",
        "outcome: ok, 0 bytes",
    ];
    assert_eq!(served.take(), expected);

    assert_eq!(shop.list(3).await.unwrap().count().await, 4);
    assert_eq!(made.take().last().unwrap(), "caller failed: three is bad luck");
    assert_eq!(served.take().last().unwrap(), "outcome: handler, 0 bytes");

    let (mut input, mut doubled) = shop.double().await.unwrap();
    input.send(300).await.unwrap();
    assert_eq!(doubled.next().await, Some(Ok(600)));
    drop(doubled);
    let seen: Vec<_> = made.take().into_iter().filter(|note| note.starts_with("caller")).collect();
    assert_eq!(seen, ["caller sent 3", "caller received 3", "caller Dropped"]);
    tokio::time::sleep(Duration::from_millis(10)).await;
    let seen = served.take();
    assert_eq!(seen[1..], ["callee received 3", "callee sent 3"], "it was cancelled");
}

#[tokio::test(start_paused = true)]
async fn the_opening_of_a_stream_can_be_refused_on_both_sides() {
    let refuse = |_, _| async { Outcome::refuse(ErrorCode::NotPermitted, "no lists") };
    let answer = |_, _| async { Outcome::answer(None) };
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept(only("Shop/list", refuse))
            .intercept_calls(only("Shop/double", answer))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let mut list = shop.list(2).await.unwrap();
    let refused = list.next().await.unwrap().unwrap_err();
    assert!(matches!(&refused, CallError::Remote(error) if error.code == ErrorCode::NotPermitted));
    assert_eq!(list.next().await, None);
    let odd = shop.double().await.unwrap_err().to_string();
    assert_eq!(
        odd,
        "an interceptor has answered the opening of a stream, which only a handler can"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_items_for_too_long_ends() {
    let (_network, a, _b) = pair(|builder| {
        let deadlines = Deadlines::new().longest_gap(Duration::from_secs(5));
        builder.service(ShopServer::new(Stall)).intercept(deadlines)
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let began = tokio::time::Instant::now();
    let (mut input, mut doubled) = shop.double().await.unwrap();
    for number in 0..4 {
        tokio::time::sleep(Duration::from_secs(4)).await;
        input.send(number).await.unwrap();
        assert_eq!(doubled.next().await, Some(Ok(2 * number)));
    }
    let ended = doubled.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&ended, CallError::Remote(error) if error.code == ErrorCode::DeadlineExceeded)
    );
    assert_eq!(ended.to_string(), format!("no item of Shop/double for 5s (Shop/double at {B})"));
    assert_eq!(began.elapsed(), Duration::from_secs(4 * 4 + 5));
}

#[tokio::test(start_paused = true)]
async fn a_stream_without_a_deadline_gets_one() {
    let (_network, a, _b) = pair(|builder| {
        let deadlines = Deadlines::new().default_time(Duration::from_secs(3));
        builder.service(ShopServer::new(Stall)).intercept(only("Shop/double", deadlines))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let began = tokio::time::Instant::now();
    let (_input, mut doubled) = shop.double().await.unwrap();
    let ended = doubled.next().await.unwrap().unwrap_err();
    assert!(
        matches!(&ended, CallError::Remote(error) if error.code == ErrorCode::DeadlineExceeded)
    );
    assert_eq!(began.elapsed(), Duration::from_secs(3));
    // An own deadline is kept.
    let (_input, mut doubled) = shop.double().timeout(Duration::from_secs(9)).await.unwrap();
    doubled.next().await.unwrap().unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_secs(12));
}
