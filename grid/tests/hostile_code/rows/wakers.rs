//! Wakers: of calls, of the ends of streams, and of everything else that can be awaited. The library wakes and drops them.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use grid::{Capacities, Connection, RawReceiver, RawSender};
use tokio::sync::Notify;

use crate::hostile::{Hostile, OnDrop};
use crate::neighbours::ECHO;
use crate::row::row;

const STREAM: u8 = 1;
const SINK: u8 = 2;
const TWO_WAY: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// Runs the code when it is woken, and wakes the task of the test.
struct Wakes(Hostile, Arc<Notify>);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.1.notify_one();
        self.0.run();
    }
}

/// Runs the code when it is dropped.
struct Drops(#[expect(dead_code, reason = "dropped")] OnDrop, Arc<Notify>);

impl Wake for Drops {
    fn wake(self: Arc<Self>) {
        self.1.notify_one();
    }
}

type Make = fn(&Hostile, &Arc<Notify>) -> Waker;

fn that_wake(hostile: &Hostile, woken: &Arc<Notify>) -> Waker {
    Arc::new(Wakes(hostile.clone(), Arc::clone(woken))).into()
}

fn that_drop(hostile: &Hostile, woken: &Arc<Notify>) -> Waker {
    Arc::new(Drops(OnDrop(hostile.clone()), Arc::clone(woken))).into()
}

/// Awaits a future with another waker for each poll. A panic of that waker's drop here is the test's own.
async fn await_with<F: Future>(make: Make, hostile: &Hostile, future: F) -> F::Output {
    let woken = Arc::new(Notify::new());
    let mut future = pin!(future);
    loop {
        let waker = make(hostile, &woken);
        let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
        drop(catch_unwind(AssertUnwindSafe(|| drop(waker))));
        match polled {
            Poll::Ready(output) => return output,
            Poll::Pending => woken.notified().await,
        }
    }
}

/// Awaits a single request, the opening of a stream, and both of its ends.
async fn call_and_stream(make: Make, hostile: &Hostile, connection: &Connection) {
    let answer = await_with(make, hostile, connection.request(ECHO, Some("x".into())));
    assert_eq!(answer.await, Ok(Some("x".into())));
    let opening = connection.stream(STREAM, TWO_WAY, None);
    let (mut input, mut output) = await_with(make, hostile, opening).await.unwrap();
    for _ in 0..5 {
        // The handler reads an item when one of its own has been read.
        await_with(make, hostile, input.send("item")).await.unwrap();
        let item = await_with(make, hostile, output.next()).await;
        assert_eq!(item, Some(Ok("item".into())));
    }
    input.close();
    assert_eq!(await_with(make, hostile, output.next()).await, None);
    await_with(make, hostile, input.closed()).await;
    // They keep the last waker, for the next time. A panic here is the test's own.
    drop(catch_unwind(AssertUnwindSafe(|| drop((input, output)))));
}

/// Drops futures that have registered wakers. A panic here is the test's own.
fn leave_behind(
    make: Make,
    hostile: &Hostile,
    connection: &Connection,
    (mut input, mut output): (RawSender, RawReceiver),
) {
    let waker = make(hostile, &Arc::new(Notify::new()));
    let cx = &mut Context::from_waker(&waker);
    let mut states = connection.states();
    assert!(pin!(states.next()).poll(cx).is_ready());
    assert!(pin!(states.next()).poll(cx).is_pending());
    assert!(pin!(output.next()).poll(cx).is_pending());
    let mut closed = Box::pin(input.closed());
    assert!(Pin::new(&mut closed).poll(cx).is_pending());
    drop(closed);
    for left_behind in
        [Box::new((input, output)) as Box<dyn Any>, Box::new(states), Box::new(waker)]
    {
        drop(catch_unwind(AssertUnwindSafe(|| drop(left_behind))));
    }
}

/// Runs a row for wakers of this kind.
fn wakers(make: Make) {
    row(
        |builder, _| {
            builder
                .stream_handler(STREAM, None, TWO_WAY, |_, _, mut input, mut output| async move {
                    while let Some(Ok(item)) = input.next().await {
                        output.send(item).await?;
                    }
                    Ok(())
                })
                .stream_handler(SINK, None, TWO_WAY, |_, _, _input, _| std::future::pending())
        },
        move |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                call_and_stream(make, &hostile, connection).await;
                let stream = connection.stream(SINK, TWO_WAY, None).await.unwrap();
                leave_behind(make, &hostile, connection, stream);
            }
        },
    );
}

#[test]
fn wakers_that_are_woken() {
    wakers(that_wake);
}

#[test]
fn wakers_that_are_dropped() {
    wakers(that_drop);
}
