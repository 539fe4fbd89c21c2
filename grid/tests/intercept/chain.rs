//! Order, outcomes, and what an interceptor may change, on both sides.

use std::time::Duration;

use bytes::Bytes;
use grid::intercept::{Faults, Intercepted, Next, Outcome, only};
use grid::{CallError, Denied, ErrorCode};
use tokio::time::{Instant, sleep, timeout};

use crate::support::{A, B, pair};
use crate::{Notes, ShopClient, ShopServer, Stall};

#[tokio::test(start_paused = true)]
async fn calls_pass_both_sides_in_order() {
    let (made, served) = (Notes::default(), Notes::default());
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept(served.taker("outer"))
            .intercept(served.taker("inner"))
            .intercept_calls(made.taker("caller"))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    assert_eq!(shop.price("apple".into()).await, Ok(5));
    assert_eq!(
        served.take(),
        [
            format!("outer: Shop.price of {A}"),
            format!("inner: Shop.price of {A}"),
            "inner: ok, 1 bytes".to_owned(),
            "outer: ok, 1 bytes".to_owned()
        ]
    );
    assert_eq!(
        made.take(),
        [format!("caller: Shop.price to {B}"), "caller: ok, 1 bytes".to_owned()]
    );
}

#[tokio::test(start_paused = true)]
async fn every_outcome_is_seen() {
    let (made, served) = (Notes::default(), Notes::default());
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .permit(|call| match call.method() {
                "seen" => Err(Denied::new("not today")),
                _ => Ok(()),
            })
            .intercept(served.taker("callee"))
            .intercept_calls(made.taker("caller"))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let failed = shop.price("nothing".into()).await;
    assert!(matches!(failed, Err(CallError::Handler(_))), "its type is kept: {failed:?}");
    let panicked = shop.price("panic".into()).await;
    assert!(panicked.unwrap_err().to_string().contains("the handler panicked"));
    assert!(shop.seen().await.unwrap_err().to_string().contains("not today"));
    let late = shop.wait().timeout(Duration::from_millis(50)).await;
    assert!(late.unwrap_err().to_string().starts_with("no answer from Shop/wait"));
    let unknown = a.connection(B).unwrap().request(99, None).await;
    assert!(unknown.unwrap_err().to_string().starts_with("Invalid Handler"));
    let labels = |notes: Notes| {
        let notes = notes.take().into_iter().filter(|note| note.contains("bytes"));
        notes.map(|note| note.split([' ', ',']).nth(1).unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        labels(made),
        ["handler", "panicked", "not_permitted", "deadline_exceeded", "unknown_handler"]
    );
    // The call that was too late is cancelled; an unknown method has no handler.
    assert_eq!(labels(served), ["handler", "panicked", "not_permitted"]);
}

#[tokio::test(start_paused = true)]
async fn an_interceptor_can_refuse_and_answer() {
    let (_network, a, _b) = pair(|builder| {
        let door = |call: Intercepted, next: Next| async move {
            match call.request_bytes() {
                // `1` in msgpack.
                0..=5 => Outcome::answer(Some(Bytes::from_static(&[1]))),
                6..=10 => next.run(call).await,
                bytes => Outcome::refuse(ErrorCode::Overloaded, format!("{bytes} are too many")),
            }
        };
        builder.service(ShopServer::new(Stall)).intercept(only("Shop/price", door)).intercept_calls(
            only("Shop/wait", |_, _| async {
                Outcome::refuse(ErrorCode::ShuttingDown, "closed today")
            }),
        )
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    assert_eq!(shop.price("fig".into()).await, Ok(1), "answered");
    assert_eq!(shop.price("cherry".into()).await, Ok(6), "passed on");
    let refused = shop.price("pomegranate".into()).await.unwrap_err();
    assert!(refused.is_retryable() && !refused.may_have_run(), "{refused:?}");
    assert_eq!(refused.to_string(), format!("12 are too many (Shop/price at {B})"));
    let unsent = shop.wait().await.unwrap_err();
    assert!(unsent.is_retryable(), "{unsent:?}");
    assert_eq!(unsent.to_string(), "closed today");
    assert_eq!(shop.seen().await.unwrap().0, None, "other methods do not pass them");
}

#[tokio::test(start_paused = true)]
async fn metadata_and_deadlines_can_be_changed() {
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept_calls(|mut call: Intercepted, next: Next| {
                if call.metadata("tenant").is_none() {
                    call.add_metadata("tenant", "blue");
                }
                assert!(call.deadline().is_some());
                next.run(call)
            })
            .intercept(|mut call: Intercepted, next: Next| {
                call.within(Duration::from_millis(500));
                next.run(call)
            })
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    assert_eq!(shop.seen().await, Ok((Some("blue".into()), Some(500))));
    let own = shop.seen().metadata("tenant", "red").timeout(Duration::from_millis(100)).await;
    assert_eq!(own, Ok((Some("red".into()), Some(100))), "an earlier deadline is kept");
    let began = tokio::time::Instant::now();
    let late = shop.wait().await.unwrap_err();
    assert!(matches!(&late, CallError::Remote(error) if error.code == ErrorCode::DeadlineExceeded));
    assert_eq!(began.elapsed(), Duration::from_millis(500));
    let text = format!(
        "the handler did not finish in the time that an interceptor has set (Shop/wait at {B})"
    );
    assert_eq!(late.to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn calls_of_handlers_pass_too() {
    let made = Notes::default();
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept_calls(only("Shop/price", made.taker("call")))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    assert_eq!(shop.ask_both("fig".into()).await, Ok(6));
    let to = |peer| [format!("call: Shop.price to {peer}"), "call: ok, 1 bytes".to_owned()];
    assert_eq!(made.take(), [to(A), to(B)].concat());
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_call_begins_before_its_interceptors() {
    let (_network, a, _b) = pair(|builder| {
        builder
            .service(ShopServer::new(Stall))
            .intercept_calls(only("Shop/price", |_, _| std::future::pending()))
            .intercept_calls(Faults::new().delay(1.0, Duration::from_millis(300)))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let began = tokio::time::Instant::now();
    let left = shop.seen().timeout(Duration::from_secs(1)).await.unwrap().1;
    assert_eq!(left, Some(700));
    let late = shop.price("fig".into()).timeout(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(late.to_string(), format!("no answer from Shop/price at {B} within 1s"));
    assert_eq!(began.elapsed(), Duration::from_millis(300 + 1020));
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_an_interceptor_fails_its_call_only() {
    let (_network, a, _b) = pair(|builder| {
        builder.service(ShopServer::new(Stall)).intercept(only(
            "Shop/price",
            |call, next: Next| async {
                let outcome = next.run(call).await;
                assert!(!outcome.is_ok(), "of the interceptor");
                outcome
            },
        ))
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let failed = shop.price("apple".into()).await.unwrap_err();
    assert!(matches!(&failed, CallError::Remote(error) if error.code == ErrorCode::Panicked));
    assert_eq!(shop.price("nothing".into()).await.unwrap_err().to_string(), "not sold here");
    assert!(shop.seen().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn dropping_an_intercepted_call_cancels_it() {
    let served = Notes::default();
    let dropped = Notes::default();
    let (_network, a, b) = pair(|builder| {
        let dropped = dropped.clone();
        builder.service(ShopServer::new(Stall)).intercept(served.taker("callee")).intercept_calls(
            move |call: Intercepted, next: Next| {
                let dropped = dropped.clone();
                async move {
                    let _guard = Guard(dropped);
                    next.run(call).await
                }
            },
        )
    })
    .await;
    let shop = ShopClient::new(a.connection(B).unwrap());
    let waiting = tokio::time::timeout(Duration::from_millis(10), shop.wait()).await;
    assert!(waiting.is_err());
    assert_eq!(dropped.take(), ["dropped"]);
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(served.take().len(), 1, "it began, and has no outcome");
    for node in [&a, &b] {
        let stats = &node.stats().connections[0];
        assert_eq!((stats.in_flight_out, stats.in_flight_in), (0, 0));
    }
}

struct Guard(Notes);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.add("dropped".to_owned());
    }
}

/// An interceptor that makes the future of the call, and waits before it awaits it; and one that gives the call up.
#[tokio::test(start_paused = true)]
async fn an_interceptor_that_waits_does_not_outlive_the_deadline() {
    async fn late(call: Intercepted, next: Next) -> Outcome {
        let running = next.run(call);
        sleep(Duration::from_secs(3600)).await;
        running.await
    }
    async fn gives_up(call: Intercepted, next: Next) -> Outcome {
        let running = next.run(call);
        let _ = timeout(Duration::from_millis(1), running).await;
        sleep(Duration::from_secs(3600)).await;
        Outcome::refuse(ErrorCode::Overloaded, "much too late")
    }
    async fn keeps_it(call: Intercepted, next: Next) -> Outcome {
        let mut running = next.run(call);
        let _ = timeout(Duration::from_millis(1), &mut running).await;
        sleep(Duration::from_secs(3600)).await;
        running.await
    }
    for way in 0..3 {
        let network = crate::support::Network::default();
        let node = network.node(A, &[A]).service(ShopServer::new(Stall));
        let node = match way {
            0 => node.intercept_calls(late),
            1 => node.intercept_calls(gives_up),
            _ => node.intercept_calls(keeps_it),
        };
        let node = node.build().unwrap();
        let began = Instant::now();
        let call =
            ShopClient::new(node.connection(A).unwrap()).wait().timeout(Duration::from_secs(5));
        assert!(matches!(call.await, Err(CallError::DeadlineExceeded { .. })));
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
    }
}
