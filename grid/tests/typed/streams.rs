//! Streams of every shape: items, ends, errors, and senders that wait.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _, stream};
use grid::CallError;

use crate::place::{Place, everywhere};
use crate::service::*;

everywhere!(
    pushed_streams,
    a_caller_that_leaves_ends_the_stream,
    senders_wait_for_room,
    pulled_streams,
    client_streams,
    a_reply_polled_after_its_answer_panics,
    two_way_streams,
);

async fn pushed_streams(place: Place) {
    let disk = place.disk().await;
    let mut entries = disk.walk(vec!["a".into(), "b".into()]).await.unwrap();
    assert_eq!(entries.next().await.unwrap().unwrap().name, "a");
    assert_eq!(entries.next().await.unwrap().unwrap().name, "b");
    assert!(entries.next().await.is_none());

    let entries = disk.walk(vec!["a".into(), "missing".into()]).await.unwrap();
    let entries: Vec<_> = entries.collect().await;
    assert_eq!(entries.len(), 2);
    assert_eq!(entries[1], Err(CallError::Handler(DiskError::NotFound { name: "missing".into() })));

    let numbers: Vec<_> = disk.count_to(100).await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(numbers, (0..100).collect::<Vec<_>>());
}

async fn a_caller_that_leaves_ends_the_stream(place: Place) {
    let fake = Fake::default();
    let dropped = fake.dropped.clone();
    let disk = place.serve_fake(fake).await;
    let mut entries = disk.walk(vec!["a".into(), "for ever".into()]).await.unwrap();
    entries.next().await.unwrap().unwrap();
    drop(entries);
    wait_for(|| *dropped.lock().unwrap() == ["walk"]).await;
}

async fn senders_wait_for_room(place: Place) {
    let fake = Arc::new(Fake::default());
    let disk = place.serve(DiskServer::from_arc(fake.clone()), DiskClient::new).await;
    let mut numbers = disk.flood().await.unwrap();
    let quiet = Duration::from_millis(50);
    tokio::time::sleep(quiet).await;
    // The item that waits for room is counted too.
    assert_eq!(fake.calls.load(Ordering::Relaxed), 5);
    for expected in 0..100 {
        assert_eq!(numbers.next().await, Some(Ok(expected)));
    }

    let (mut input, reply) = disk.ignore().await.unwrap();
    for number in 0..4 {
        input.send(number).await.unwrap();
    }
    tokio::time::timeout(quiet, input.send(4)).await.unwrap_err();
    drop(reply);
    wait_for(|| *fake.dropped.lock().unwrap() == ["ignore"]).await;
    tokio::time::timeout(Duration::from_secs(5), input.closed()).await.unwrap();
}

async fn pulled_streams(place: Place) {
    let disk = place.disk().await;
    let events: Vec<_> = disk.tail(9).await.unwrap().collect().await;
    assert_eq!(events, [Ok(9), Ok(10), Err(CallError::Handler(DiskError::Gone))]);
    let mut events = disk.tail(11).await.unwrap();
    assert_eq!(events.next().await, Some(Err(CallError::Handler(DiskError::Gone))));
    assert_eq!(events.next().await, None);

    let names: Vec<_> = disk.names().await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(names, ["a", "b"]);
    let checked: Vec<_> = disk.checked().await.unwrap().collect().await;
    assert_eq!(checked, [Ok(1), Err(CallError::Handler(DiskError::Gone))]);
    let boxed: Vec<_> = disk.boxed().await.unwrap().map(Result::unwrap).collect().await;
    assert_eq!(boxed, [1, 2, 3]);
    let aliased: Vec<_> = disk.aliased_stream().await.unwrap().collect().await;
    assert_eq!(aliased, [Ok(5), Err(CallError::Handler(DiskError::Gone))]);
}

async fn client_streams(place: Place) {
    let disk = place.disk().await;
    let (mut parts, etag) = disk.upload(volume("v")).await.unwrap();
    for part in ["ab", "cde"] {
        parts.send(part.into()).await.unwrap();
    }
    drop(parts);
    assert_eq!(etag.await.unwrap(), 5);

    let (parts, etag) = disk.upload(volume("v")).await.unwrap();
    drop(parts);
    assert_eq!(
        etag.await.unwrap_err(),
        CallError::Handler(DiskError::NotFound { name: "v".into() })
    );

    let (mut ticks, end) = disk.sink().await.unwrap();
    ticks.send(()).await.unwrap();
    ticks.close().await.unwrap();
    end.await.unwrap();

    let (numbers, total) = disk.total().await.unwrap();
    stream::iter(1..=4).map(Ok).forward(numbers).await.unwrap();
    assert_eq!(total.await.unwrap(), 10);
}

async fn a_reply_polled_after_its_answer_panics(place: Place) {
    let disk = place.disk().await;
    let (mut numbers, mut total) = disk.total().await.unwrap();
    numbers.send(7).await.unwrap();
    drop(numbers);
    assert_eq!((&mut total).await.unwrap(), 7);
    let again = tokio::spawn(total).await.unwrap_err().into_panic();
    let text = again
        .downcast_ref::<String>()
        .map_or_else(|| again.downcast_ref::<&str>().copied().unwrap_or_default(), String::as_str);
    assert_eq!(text, "a `Reply` must not be polled after it has completed");
}

async fn two_way_streams(place: Place) {
    let disk = place.disk().await;
    let (mut ops, mut acks) = disk.sync(100).await.unwrap();
    for number in 1..4 {
        ops.send(number).await.unwrap();
        assert_eq!(acks.next().await.unwrap().unwrap(), 100 + number);
    }
    ops.send(13).await.unwrap();
    assert_eq!(
        acks.next().await,
        Some(Err(CallError::Handler(DiskError::NotFound { name: "13".into() })))
    );
    assert_eq!(acks.next().await, None);
    ops.closed().await;
    assert!(ops.send(1).await.is_err());

    let (mut numbers, tens) = disk.map().await.unwrap();
    for number in 1..4 {
        numbers.send(number).await.unwrap();
    }
    drop(numbers);
    let tens: Vec<_> = pin!(tens).map(Result::unwrap).collect().await;
    assert_eq!(tens, [10, 20, 30]);
}
