//! Values of the user's whose code panics or calls back into the link: each harms its own call at most.
//!
//! A link calls such code when it wakes a task, and when it drops a waker, a payload or metadata. None of that may happen
//! under the lock of the link, and none of it may keep the link from going on.

use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Sink;
use grid::{
    Capacities, Connection, Dial, Dialing, LinkError, Manager, Outgoing, RemoteError, State,
};
use tokio::time::{Instant, sleep, timeout};

use crate::row::{Threads, without_deadlock};
use crate::support::{A, B, pair, sides};

const ONE: Capacities = Capacities { incoming: 1, outgoing: 1 };

/// A buffer whose drop locks the link.
struct CallsBack(Connection);

impl AsRef<[u8]> for CallsBack {
    fn as_ref(&self) -> &[u8] {
        b"x"
    }
}

impl Drop for CallsBack {
    fn drop(&mut self) {
        let _ = self.0.stats();
    }
}

/// A waker whose drop locks the link.
struct WakerCallsBack(Connection);

impl Wake for WakerCallsBack {
    fn wake(self: Arc<Self>) {
        let _ = self.0.stats();
    }
}

impl Drop for WakerCallsBack {
    fn drop(&mut self) {
        let _ = self.0.stats();
    }
}

fn poll_with<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A connection to a peer that cannot be reached.
fn unconnected() -> (Manager, Connection) {
    let manager = Manager::builder(A).hosts([A, B]).token(grid::NoAuth).build().unwrap();
    let connection = manager.connection(B).unwrap();
    (manager, connection)
}

#[test]
fn metadata_and_payloads_of_a_queued_call_are_dropped_without_the_lock() {
    without_deadlock(Threads::One, "a call that is queued", None, || async {
        let (_manager, connection) = unconnected();
        let value = || Bytes::from_owner(CallsBack(connection.clone()));
        let mut call = connection
            .request(1, Some(value()))
            .metadata("key", value())
            .wait_connected()
            .timeout(Duration::from_secs(1));
        assert!(poll_with(&mut call, Waker::noop()).is_pending());
        drop(call);
        // The same, ended by its deadline.
        let late = connection.request(1, None).metadata("key", value()).wait_connected();
        assert!(late.timeout(Duration::from_secs(1)).await.is_err());
    });
}

#[test]
fn wakers_are_replaced_woken_and_dropped_without_the_lock() {
    without_deadlock(Threads::One, "wakers", None, || async {
        let (_manager, connection) = unconnected();
        let waker = || Waker::from(Arc::new(WakerCallsBack(connection.clone())));
        let mut call = connection.request(1, None).wait_connected().timeout(Duration::from_secs(1));
        for _ in 0..3 {
            assert!(poll_with(&mut call, &waker()).is_pending());
        }
        let mut states = Box::pin(async {
            let states = connection.states();
            states.wait_for(|state| *state == State::Shutdown).await
        });
        for _ in 0..3 {
            assert!(poll_with(&mut states, &waker()).is_pending());
        }
        sleep(Duration::from_secs(2)).await;
        assert!(poll_with(&mut call, &waker()).is_ready(), "ended by its deadline");
        drop(states);
    });
}

/// A waker with a bug.
struct WakerPanics;

impl Wake for WakerPanics {
    fn wake(self: Arc<Self>) {
        panic!("a bug of the executor");
    }
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_neither_stops_the_link_nor_reaches_its_caller() {
    let cancelled = Arc::new(AtomicUsize::new(0));
    let (_network, a, _b) = pair(|builder| {
        let cancelled = Arc::clone(&cancelled);
        builder.stream_handler(1, None, ONE, move |cx, _, input, _out| {
            let cancelled = Arc::clone(&cancelled);
            tokio::spawn(async move {
                cx.cancelled().await;
                cancelled.fetch_add(1, Ordering::Relaxed);
            });
            async {
                let _unread = input;
                pending().await
            }
        })
    })
    .await;
    let (mut sender, receiver) = a.connection(B).unwrap().stream(1, ONE, None).await.unwrap();
    sender.send("x").await.unwrap();
    let waker = Waker::from(Arc::new(WakerPanics));
    let mut blocked = Box::pin(sender.send("y"));
    assert!(poll_with(&mut blocked, &waker).is_pending());
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    // Cancels the stream, and wakes the blocked sender.
    assert!(catch_unwind(AssertUnwindSafe(|| drop(receiver))).is_ok());
    while cancelled.load(Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(1)).await;
    }
    assert!(began.elapsed() < Duration::from_millis(100), "{:?}", began.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_waker_that_panics_does_not_keep_others_from_the_state() {
    let (network, a, _b) = pair(|builder| builder).await;
    let connection = a.connection(B).unwrap();
    let waker = Waker::from(Arc::new(WakerPanics));
    let down = || async { connection.states().wait_for(|state| !state.is_connected()).await };
    let mut first = Box::pin(down());
    assert!(poll_with(&mut first, &waker).is_pending());
    let second = down();
    let (state, ()) = tokio::join!(second, async { network.cut() });
    assert!(matches!(state, Some(State::Error(_))), "{state:?}");
    connection.wait_connected(Duration::from_secs(5)).await.unwrap();
}

/// An answer with a bug in its drop.
struct DropPanics;

impl AsRef<[u8]> for DropPanics {
    fn as_ref(&self) -> &[u8] {
        b"x"
    }
}

impl Drop for DropPanics {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bug of the buffer");
    }
}

/// A panic whose value has a bug in its drop.
struct PanicValue;

impl Drop for PanicValue {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bug of the panic's value");
    }
}

#[tokio::test(start_paused = true)]
async fn answers_and_panics_that_panic_when_dropped_end_their_own_call_only() {
    let (_network, a, _b) = pair(|builder| {
        builder
            .single_handler(1, None, |_cx, _| async { Ok(Some(Bytes::from_owner(DropPanics))) })
            .single_handler(2, None, |_cx, _| async {
                sleep(Duration::from_secs(1)).await;
                Ok(None)
            })
            .single_handler(3, None, |_cx, _| async { panic_any(PanicValue) })
    })
    .await;
    for connection in [a.connection(B).unwrap(), a.connection(A).unwrap()] {
        let other = tokio::spawn(connection.request(2, None));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(connection.request(1, None).await.unwrap(), Some("x".into()));
        let panicked = connection.request(3, None).await.unwrap_err();
        assert!(panicked.to_string().contains("panicked"), "{panicked}");
        let other = other.await.unwrap();
        assert!(other.is_ok(), "{other:?}");
    }
}

/// A large buffer with a bug in its drop.
struct LargeDropPanics(Vec<u8>);

impl AsRef<[u8]> for LargeDropPanics {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for LargeDropPanics {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a bug of the buffer");
    }
}

fn large() -> Bytes {
    Bytes::from_owner(LargeDropPanics(vec![7; 1 << 20]))
}

/// Large buffers are sent from where they lie, so the link drops the last slice of them.
#[tokio::test(start_paused = true)]
async fn large_buffers_that_panic_when_dropped_end_nothing() {
    for extensions in [true, false] {
        let (network, a, b) = pair(|builder| {
            let builder = if extensions { builder } else { builder.extensions(Vec::<&str>::new()) };
            builder.single_handler(1, None, |_cx, _| async { Ok(Some(large())) }).single_handler(
                2,
                None,
                |_cx, _| async {
                    sleep(Duration::from_secs(1)).await;
                    Ok(None)
                },
            )
        })
        .await;
        // One of them listens, and sends without a mask.
        for connection in [a.connection(B).unwrap(), b.connection(A).unwrap()] {
            let other = tokio::spawn(connection.request(2, None));
            sleep(Duration::from_millis(100)).await;
            let answer = connection.request(1, None).await.unwrap().unwrap();
            assert_eq!(answer, vec![7; 1 << 20]);
            connection.request(2, Some(large())).await.unwrap();
            let other = other.await.unwrap();
            assert!(other.is_ok(), "{other:?}");
            // A connection that is lost holds what has not been written.
            let mut cut = Box::pin(connection.request(2, Some(large())).into_future());
            let waker = Waker::noop();
            assert!(poll_with(&mut cut, waker).is_pending());
            network.cut();
            assert!(cut.await.is_err());
            connection.wait_connected(Duration::from_secs(5)).await.unwrap();
        }
    }
}

#[grid::service]
trait Ticks {
    #[handler(outgoing = 1)]
    async fn ticks(&self, out: Outgoing<u32>) -> Result<(), RemoteError>;
}

struct Clock;

impl Ticks for Clock {
    async fn ticks(&self, mut out: Outgoing<u32>) -> Result<(), RemoteError> {
        let mut next = 0;
        poll_fn(|cx| {
            while next < 3 {
                match Pin::new(&mut out).poll_ready(cx)? {
                    Poll::Ready(()) => {
                        Pin::new(&mut out).start_send(next)?;
                        next += 1;
                    }
                    Poll::Pending if out.is_closed() => break,
                    Poll::Pending => return Poll::Pending,
                }
            }
            Poll::Ready(Ok(()))
        })
        .await
    }
}

#[tokio::test(start_paused = true)]
async fn asking_whether_a_stream_is_closed_keeps_the_waker() {
    let ticks = TicksClient::in_process(Clock);
    let mut items = ticks.ticks().await.unwrap();
    for want in 0..3 {
        let item = timeout(Duration::from_secs(5), items.next()).await.expect("it hangs");
        assert_eq!(item.unwrap().unwrap(), want);
    }
}

/// An error of a dialer whose text calls back into the link, and sometimes panics.
#[derive(Debug)]
struct Reason(Connection, usize);

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let _ = self.0.state();
        assert!(!self.1.is_multiple_of(3), "a bug of the error");
        f.write_str("no way")
    }
}

impl std::error::Error for Reason {}

impl Drop for Reason {
    fn drop(&mut self) {
        let _ = self.0.stats();
    }
}

#[derive(Clone, Default)]
struct BadDialer(Arc<(OnceLock<Connection>, AtomicUsize)>);

impl Dial for BadDialer {
    fn dial<'a>(&'a self, _: &'a str) -> Dialing<'a> {
        Box::pin(async {
            let attempt = self.0.1.fetch_add(1, Ordering::Relaxed);
            let connection = self.0.0.get().ok_or_else(|| std::io::Error::other("not yet"))?;
            Err(LinkError::connect(Reason(connection.clone(), attempt)))
        })
    }
}

#[test]
fn errors_of_a_dialer_are_compared_shown_and_dropped_without_the_lock() {
    without_deadlock(Threads::One, "errors of a dialer", None, || async {
        let dialer = BadDialer::default();
        let (local, peer) = sides();
        let manager = Manager::builder(local)
            .hosts([A, B])
            .token(grid::NoAuth)
            .dial_with(dialer.clone())
            .build()
            .unwrap();
        let connection = manager.connection(peer).unwrap();
        dialer.0.0.set(connection.clone()).unwrap();
        let waiting = connection.request(1, None).wait_connected();
        assert!(waiting.timeout(Duration::from_secs(10)).await.is_err());
        sleep(Duration::from_secs(20)).await;
        let attempts = dialer.0.1.load(Ordering::Relaxed);
        assert!(
            attempts > 10,
            "dialed again after each failure, whatever its error does: {attempts}"
        );
        assert!(matches!(connection.state(), State::Error(_)));
    });
}
