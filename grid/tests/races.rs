//! Concurrent events and unusual orders: no task waits for ever, and no message is lost.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use grid::{
    Builder, Capacities, Config, Context, Dial, Dialing, Manager, RemoteError, SendError, State,
};
use support::{A, B, Network, pair, sides, without_windows};
use tokio::time::{Instant, sleep, timeout};

const ONE: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// Counts the calls whose watchers were notified of the end.
fn watch(told: &Arc<AtomicUsize>, cx: Context) {
    let told = Arc::clone(told);
    tokio::spawn(async move {
        cx.cancelled().await;
        told.fetch_add(1, Ordering::Relaxed);
    });
}

#[tokio::test(start_paused = true)]
async fn a_sender_without_credit_is_notified_that_its_stream_was_dropped() {
    let (_network, a, _b) = pair(|builder| {
        builder.stream_handler(1, None, ONE, |_cx, _, input, _out| async {
            let _unread = input;
            pending().await
        })
    })
    .await;
    let (mut tx, rx) = a.connection(B).unwrap().stream(1, ONE, None).await.unwrap();
    let sender = tokio::spawn(async move { while tx.send("x").await.is_ok() {} });
    sleep(Duration::from_secs(1)).await;
    drop(rx);
    assert!(timeout(Duration::from_secs(1), sender).await.is_ok(), "the sender hangs");
}

#[tokio::test(start_paused = true)]
async fn watchers_are_notified_of_answers_that_had_to_wait_for_room() {
    let told = Arc::new(AtomicUsize::new(0));
    let (_network, a, _b) = pair(|builder| {
        let told = Arc::clone(&told);
        builder.single_handler(1, None, move |cx, _| {
            watch(&told, cx);
            async {
                sleep(Duration::from_secs(1)).await;
                Ok(Some(Bytes::from(vec![1; 1 << 20])))
            }
        })
    })
    .await;
    let connection = a.connection(B).unwrap();
    let calls: Vec<_> = (0..8).map(|_| tokio::spawn(connection.request(1, None))).collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    sleep(Duration::from_millis(1)).await;
    assert_eq!(told.load(Ordering::Relaxed), 8);
}

#[tokio::test(start_paused = true)]
async fn watchers_are_notified_of_a_stream_whose_error_had_to_wait_for_a_credit() {
    let told = Arc::new(AtomicUsize::new(0));
    // With windows, an error waits for nothing.
    let (_network, a, b) = pair(|builder| {
        let told = Arc::clone(&told);
        builder.extensions(without_windows()).stream_handler(
            1,
            None,
            ONE,
            move |cx, _, _input, mut out| {
                watch(&told, cx);
                async move {
                    out.send("one").await?;
                    Err(RemoteError::new("boom"))
                }
            },
        )
    })
    .await;
    let (_tx, mut rx) = a.connection(B).unwrap().stream(1, ONE, None).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(told.load(Ordering::Relaxed), 0);
    assert!(rx.next().await.unwrap().is_ok());
    assert_eq!(rx.next().await.unwrap().unwrap_err().to_string(), "boom");
    sleep(Duration::from_millis(1)).await;
    assert_eq!((told.load(Ordering::Relaxed), b.stats().connections[0].in_flight_in), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn dropped_watchers_leave_nothing_behind() {
    let (_network, a, _b) = pair(|builder| {
        builder.stream_handler(1, None, ONE, |cx, _, _input, _out| async move {
            let held = Arc::new(());
            for _ in 0..1000 {
                let (cx, held) = (cx.clone(), Arc::clone(&held));
                // A task's waker keeps the task alive, so a leaked waker would be noticed.
                let task = tokio::spawn(async move {
                    let _held = held;
                    tokio::select! { biased; () = cx.cancelled() => {}, () = ready(()) => {} }
                });
                task.await.unwrap();
            }
            if Arc::strong_count(&held) == 1 { Ok(()) } else { Err(RemoteError::new("held")) }
        })
    })
    .await;
    let (_tx, mut rx) = a.connection(B).unwrap().stream(1, ONE, None).await.unwrap();
    assert!(rx.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn shutdown_sends_answers_that_are_in_the_outbox() {
    let (_network, a, b) = pair(|builder| {
        builder.single_handler(1, None, |_cx, _| async {
            sleep(Duration::from_secs(1)).await;
            Ok(Some(Bytes::from(vec![1; 8 << 20])))
        })
    })
    .await;
    let call = tokio::spawn(a.connection(B).unwrap().request(1, None));
    sleep(Duration::from_millis(500)).await;
    b.shutdown(Duration::from_secs(60)).await;
    assert_eq!(call.await.unwrap().unwrap().unwrap().len(), 8 << 20);
}

#[tokio::test(start_paused = true)]
async fn shutdown_notices_that_the_last_call_was_dropped() {
    let (_network, a, _b) =
        pair(|builder| builder.extensions::<&str>([]).single_handler(1, None, |_cx, _| pending()))
            .await;
    let call = tokio::spawn(a.connection(B).unwrap().request(1, None));
    sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    tokio::join!(a.shutdown(Duration::from_secs(40)), async {
        sleep(Duration::from_secs(1)).await;
        call.abort();
    });
    assert!(began.elapsed() < Duration::from_millis(1100), "{:?}", began.elapsed());
}

/// A dialer that panics once.
#[derive(Clone)]
struct PanicOnce(Network, Arc<AtomicBool>);

impl Dial for PanicOnce {
    fn dial<'a>(&'a self, name: &'a str) -> Dialing<'a> {
        assert!(self.1.swap(true, Ordering::Relaxed), "a bug of the dialer");
        self.0.dial(name)
    }
}

#[tokio::test(start_paused = true)]
async fn a_dialer_that_panics_is_called_again() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let listening = network.node(listener, &[A, B]).build().unwrap();
    network.attach(&listening);
    let buggy = PanicOnce(network.clone(), Arc::default());
    let dialing = network.node(dialer, &[A, B]).dial_with(buggy).build().unwrap();
    let connection = dialing.connection(listener).unwrap();
    let states = connection.states();
    let failed = states.wait_for(|state| matches!(state, State::Error(_))).await.unwrap().clone();
    assert!(failed.to_string().contains("panicked: a bug of the dialer"), "{failed}");
    connection.wait_connected(Duration::from_secs(3)).await.unwrap();
}

/// A handler's future that panics when it is dropped after it has completed.
struct BadDrop;

impl Future for BadDrop {
    type Output = Result<Option<Bytes>, RemoteError>;

    fn poll(self: Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(None))
    }
}

impl Drop for BadDrop {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bug of the handler");
    }
}

#[tokio::test(start_paused = true)]
async fn a_future_that_panics_when_dropped_does_not_end_the_peer() {
    let (_network, a, _b) = pair(|builder| {
        builder.single_handler(1, None, |_cx, _| BadDrop).single_handler(
            2,
            None,
            |_cx, payload| async { Ok(payload) },
        )
    })
    .await;
    let connection = a.connection(B).unwrap();
    let _ = connection.request(1, None).await;
    let echo = connection.request(2, Some("still there".into())).wait_connected().await;
    assert_eq!(echo.unwrap(), Some("still there".into()));
}

#[tokio::test(start_paused = true)]
async fn calls_of_a_replaced_connection_end_with_the_reason() {
    let (dialer, listener) = sides();
    let network = Network::default();
    let slow = |builder: Builder| builder.single_handler(1, None, |_cx, _| pending());
    let listening = slow(network.node(listener, &[A, B])).build().unwrap();
    network.attach(&listening);
    let _one = slow(network.node(dialer, &[A, B])).build().unwrap();
    let connection = listening.connection(dialer).unwrap();
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
    let call = tokio::spawn(connection.request(1, None));
    sleep(Duration::from_secs(2)).await;
    let _two = slow(network.node(dialer, &[A, B])).build().unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("another process has connected under the peer's name"),
        "{error}"
    );
}

#[test]
fn the_users_buffers_are_dropped_without_the_lock() {
    /// A buffer that locks the link when it is dropped.
    struct Owner(grid::Connection);
    impl AsRef<[u8]> for Owner {
        fn as_ref(&self) -> &[u8] {
            b"x"
        }
    }
    impl Drop for Owner {
        fn drop(&mut self) {
            let _ = self.0.stats();
        }
    }
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let echo = |_cx, payload| async { Ok(payload) };
            let manager = Manager::builder(A).single_handler(1, None, echo).build().unwrap();
            let connection = manager.connection(A).unwrap();
            let payload = Bytes::from_owner(Owner(connection.clone()));
            connection.request(1, Some(payload)).await.unwrap();
            done.send(()).unwrap();
        });
    });
    assert!(wait.recv_timeout(Duration::from_secs(20)).is_ok(), "deadlock");
}

#[test]
fn the_state_does_not_change_after_shutdown() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let (dialer, listener) = sides();
        for round in 0..300_u32 {
            let network = Network::default();
            let listening = network.node(listener, &[A, B]).build().unwrap();
            network.attach(&listening);
            let dialing = network.node(dialer, &[A, B]).build().unwrap();
            let connection = dialing.connection(listener).unwrap();
            // At a different point of the handshake each time.
            for _ in 0..round % 30 {
                tokio::task::yield_now().await;
            }
            dialing.shutdown(Duration::ZERO).await;
            let error = connection.wait_connected(Duration::from_secs(1)).await.unwrap_err();
            assert_eq!(error.state, State::Shutdown);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn an_oversized_item_is_refused_at_its_sender_and_the_stream_continues() {
    let small = Config::default().message_bytes_max(2048);
    let (_network, a, _b) = pair(|builder| {
        builder.config(small.clone()).stream_handler(
            1,
            None,
            ONE,
            |_cx, _, mut input, mut output| async move {
                assert!(matches!(output.send(vec![0; 4096]).await, Err(SendError::Encode(_))));
                while let Some(item) = input.next().await {
                    output.send(item.map_err(|error| RemoteError::new(error.to_string()))?).await?;
                }
                Ok(())
            },
        )
    })
    .await;
    let (mut tx, mut rx) = a.connection(B).unwrap().stream(1, ONE, None).await.unwrap();
    let Err(SendError::Encode(error)) = tx.send(vec![0; 4096]).await else { panic!("too large") };
    assert!(error.to_string().contains("4096 bytes"), "{error}");
    tx.send("small").await.unwrap();
    assert_eq!(rx.next().await.unwrap().unwrap(), "small");
    tx.close();
    assert!(rx.next().await.is_none());
}

#[tokio::test]
async fn an_empty_subroute_equals_no_subroute() {
    let echo = |_cx, payload| async { Ok(payload) };
    let manager = Manager::builder(A).single_handler(1, Some(""), echo).build().unwrap();
    let connection = manager.connection(A).unwrap();
    for connection in [connection.subroute(""), connection] {
        assert_eq!(connection.request(1, Some("x".into())).await.unwrap(), Some("x".into()));
    }
}
