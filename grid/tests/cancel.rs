//! Handlers whose caller does not wait any more: for every shape of call and every cause, the handler's future is
//! dropped at once, and the call leaves nothing behind on either node.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _, future, poll, stream};
use grid::{Call, CallError, Incoming, Manager, Outgoing, Reply, Requests, Responses};
use support::{A, B, Network, pair};
use tokio::time::{Instant, sleep};

/// The network has no delay, but timers round up to the next millisecond, once on each node.
const AT_ONCE: Duration = Duration::from_millis(3);
/// More items than a stream has room for. Not endless, because reading takes no virtual time.
const ENOUGH: usize = 5;
const DEADLINE: Duration = Duration::from_millis(200);

#[grid::service]
trait Waits {
    async fn single(&self);
    /// Never returns its stream.
    async fn pulled_late(&self) -> impl Stream<Item = u8>;
    async fn pulled_idle(&self) -> impl Stream<Item = u8>;
    #[handler(outgoing = 2)]
    async fn pulled_full(&self) -> impl Stream<Item = u8>;
    async fn pushed_idle(&self, out: Outgoing<u8>);
    #[handler(outgoing = 2)]
    async fn pushed_full(&self, out: Outgoing<u8>);
    async fn input_awaited(&self, input: Incoming<u8>);
    #[handler(incoming = 2)]
    async fn input_ignored(&self, input: Incoming<u8>);
    async fn two_way_idle(&self, input: Incoming<u8>, out: Outgoing<u8>);
    #[handler(incoming = 2, outgoing = 2)]
    async fn two_way_full(&self, input: Incoming<u8>, out: Outgoing<u8>);
    async fn echo(&self, n: u8) -> u8;
}

/// Records which handlers started, and when their futures were dropped.
#[derive(Clone, Default)]
struct Waiter(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    began: usize,
    dropped: Vec<Instant>,
}

struct Guard(Waiter);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().dropped.push(Instant::now());
    }
}

impl Waiter {
    fn begin(&self) -> Guard {
        self.0.lock().unwrap().began += 1;
        Guard(self.clone())
    }

    /// Takes the time at which the future of the only handler was dropped.
    fn take(&self) -> (usize, Vec<Instant>) {
        let notes = std::mem::take(&mut *self.0.lock().unwrap());
        (notes.began, notes.dropped)
    }
}

impl Waits for Waiter {
    async fn single(&self) {
        let _guard = self.begin();
        future::pending().await
    }

    async fn pulled_late(&self) -> impl Stream<Item = u8> {
        let _guard = self.begin();
        future::pending::<stream::Empty<u8>>().await
    }

    async fn pulled_idle(&self) -> impl Stream<Item = u8> {
        let guard = self.begin();
        stream::pending().inspect(move |_| _ = &guard)
    }

    async fn pulled_full(&self) -> impl Stream<Item = u8> {
        let guard = self.begin();
        let items = stream::repeat(1).take(ENOUGH).chain(stream::pending());
        items.inspect(move |_| _ = &guard)
    }

    async fn pushed_idle(&self, _out: Outgoing<u8>) {
        let _guard = self.begin();
        future::pending().await
    }

    async fn pushed_full(&self, mut out: Outgoing<u8>) {
        let _guard = self.begin();
        for _ in 0..ENOUGH {
            let _ = out.send(1).await;
        }
        future::pending().await
    }

    async fn input_awaited(&self, mut input: Incoming<u8>) {
        let _guard = self.begin();
        while input.next().await.is_some() {}
        // Waits even after the end of the input, so that only the cancellation ends the handler.
        future::pending().await
    }

    async fn input_ignored(&self, _input: Incoming<u8>) {
        let _guard = self.begin();
        future::pending().await
    }

    async fn two_way_idle(&self, mut input: Incoming<u8>, mut out: Outgoing<u8>) {
        let _guard = self.begin();
        while let Some(Ok(item)) = input.next().await {
            let _ = out.send(item).await;
        }
        future::pending().await
    }

    async fn two_way_full(&self, _input: Incoming<u8>, mut out: Outgoing<u8>) {
        let _guard = self.begin();
        for _ in 0..ENOUGH {
            let _ = out.send(1).await;
        }
        future::pending().await
    }

    async fn echo(&self, n: u8) -> u8 {
        n
    }
}

#[derive(Debug, Clone, Copy)]
enum Shape {
    Single,
    PulledLate,
    PulledIdle,
    PulledFull,
    PushedIdle,
    PushedFull,
    InputAwaited,
    InputIgnored,
    TwoWayIdle,
    TwoWayFull,
}

const SHAPES: [Shape; 10] = [
    Shape::Single,
    Shape::PulledLate,
    Shape::PulledIdle,
    Shape::PulledFull,
    Shape::PushedIdle,
    Shape::PushedFull,
    Shape::InputAwaited,
    Shape::InputIgnored,
    Shape::TwoWayIdle,
    Shape::TwoWayFull,
];

/// The caller's handles of a call.
enum Handles {
    Single(Call<(), std::convert::Infallible>),
    Server(Responses<u8, std::convert::Infallible>),
    Client(Requests<u8>, Reply<(), std::convert::Infallible>),
    TwoWay(Requests<u8>, Responses<u8, std::convert::Infallible>),
}

impl Shape {
    /// Starts the call and sends as much as there is room for.
    async fn open(self, client: &WaitsClient, timeout: Option<Duration>) -> Handles {
        // A distant deadline in tests that are not about deadlines.
        let timeout = timeout.unwrap_or(Duration::from_secs(3600));
        let mut handles = match self {
            Self::Single => {
                let mut call = client.single().timeout(timeout);
                assert!(poll!(&mut call).is_pending());
                Handles::Single(call)
            }
            Self::PulledLate => {
                Handles::Server(client.pulled_late().timeout(timeout).await.unwrap())
            }
            Self::PulledIdle => {
                Handles::Server(client.pulled_idle().timeout(timeout).await.unwrap())
            }
            Self::PulledFull => {
                Handles::Server(client.pulled_full().timeout(timeout).await.unwrap())
            }
            Self::PushedIdle => {
                Handles::Server(client.pushed_idle().timeout(timeout).await.unwrap())
            }
            Self::PushedFull => {
                Handles::Server(client.pushed_full().timeout(timeout).await.unwrap())
            }
            Self::InputAwaited => {
                let (input, reply) = client.input_awaited().timeout(timeout).await.unwrap();
                Handles::Client(input, reply)
            }
            Self::InputIgnored => {
                let (input, reply) = client.input_ignored().timeout(timeout).await.unwrap();
                Handles::Client(input, reply)
            }
            Self::TwoWayIdle => {
                let (input, output) = client.two_way_idle().timeout(timeout).await.unwrap();
                Handles::TwoWay(input, output)
            }
            Self::TwoWayFull => {
                let (input, output) = client.two_way_full().timeout(timeout).await.unwrap();
                Handles::TwoWay(input, output)
            }
        };
        if let Handles::Client(input, _) | Handles::TwoWay(input, _) = &mut handles {
            for _ in 0..2 {
                input.send(1).await.unwrap();
            }
        }
        sleep(Duration::from_millis(10)).await;
        handles
    }
}

impl Handles {
    /// Reads everything up to the end of the call and returns the error.
    async fn end(&mut self) -> CallError {
        async fn last(items: &mut Responses<u8, std::convert::Infallible>) -> CallError {
            loop {
                if let Err(error) = items.next().await.expect("the stream ends with an error") {
                    assert_eq!(items.next().await, None);
                    return error;
                }
            }
        }
        match self {
            Self::Single(call) => call.await.unwrap_err(),
            Self::Server(items) => last(items).await,
            Self::Client(input, reply) => {
                input.closed().await;
                reply.await.unwrap_err()
            }
            Self::TwoWay(input, items) => {
                input.closed().await;
                last(items).await
            }
        }
    }
}

/// Two nodes that both serve, and the records of their handlers.
async fn nodes() -> (Network, Manager, Manager, Waiter) {
    let waiter = Waiter::default();
    let (network, a, b) = pair(|builder| builder.service(WaitsServer::new(waiter.clone()))).await;
    (network, a, b, waiter)
}

/// Calls in flight on a node: made and served.
fn in_flight(manager: &Manager) -> (usize, usize) {
    let stats = manager.stats();
    let all = || stats.connections.iter().chain([&stats.loopback]);
    (all().map(|link| link.in_flight_out).sum(), all().map(|link| link.in_flight_in).sum())
}

/// Calls every shape between all pairs of nodes, and ends each call with `end`.
///
/// `end` returns the time at which the handler must be dropped, with a small tolerance.
async fn each(
    deadline: Option<Duration>,
    routes: &[(&str, &str)],
    mut end: impl AsyncFnMut(&Network, Handles, Instant, &str) -> Instant,
) {
    let (network, a, b, waiter) = nodes().await;
    for (from, to) in routes {
        let node = |name: &str| if name == A { &a } else { &b };
        let connection = node(from).connection(to).unwrap();
        let client = WaitsClient::new(connection.clone());
        for shape in SHAPES {
            let what = format!("{shape:?} from {from} to {to}");
            let opened = Instant::now();
            let handles = shape.open(&client, deadline).await;
            assert_eq!(node(from).stats().connections.len(), 1);
            assert_eq!((in_flight(node(from)).0, in_flight(node(to)).1), (1, 1), "{what}");

            let over = end(&network, handles, opened, &what).await;
            sleep(AT_ONCE).await;
            let (began, dropped) = waiter.take();
            assert_eq!((began, dropped.len()), (1, 1), "{what}: the handler is still running");
            let late = dropped[0].saturating_duration_since(over);
            assert!(dropped[0] + AT_ONCE >= over && late <= AT_ONCE, "{what}: late by {late:?}");
            assert_eq!((in_flight(&a), in_flight(&b)), ((0, 0), (0, 0)), "{what}");

            connection.wait_connected(Duration::from_secs(5)).await.unwrap();
            assert_eq!(client.echo(7).await.unwrap(), 7, "{what}");
        }
    }
}

const BETWEEN: [(&str, &str); 2] = [(A, B), (B, A)];
const EVERYWHERE: [(&str, &str); 3] = [(A, B), (B, A), (A, A)];

#[tokio::test(start_paused = true)]
async fn the_caller_drops_all_handles() {
    each(None, &EVERYWHERE, async |_, handles, _, _| {
        drop(handles);
        Instant::now()
    })
    .await;
}

/// The receiving handle owns the call: keeping only the sending handle does not keep the handler alive.
#[tokio::test(start_paused = true)]
async fn the_caller_drops_the_receiving_handle_only() {
    each(None, &EVERYWHERE, async |_, handles, _, what| {
        let now = Instant::now();
        match handles {
            Handles::Single(_) | Handles::Server(_) => drop(handles),
            Handles::Client(mut input, reply) => {
                drop(reply);
                input.closed().await;
                input.send(1).await.expect_err(what);
            }
            Handles::TwoWay(mut input, items) => {
                drop(items);
                input.closed().await;
                input.send(1).await.expect_err(what);
            }
        }
        assert!(now.elapsed() <= AT_ONCE, "{what}");
        now
    })
    .await;
}

/// As with `tokio::time::timeout` around a loop over a stream.
#[tokio::test(start_paused = true)]
async fn the_task_that_waits_for_the_call_is_aborted() {
    each(None, &EVERYWHERE, async |_, mut handles, _, what| {
        let task = tokio::spawn(async move { handles.end().await });
        sleep(Duration::from_millis(1)).await;
        task.abort();
        assert!(task.await.expect_err(what).is_cancelled());
        Instant::now()
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_deadline_passes() {
    each(Some(DEADLINE), &EVERYWHERE, async |_, mut handles, opened, what| {
        let error = handles.end().await;
        assert!(
            matches!(error, CallError::DeadlineExceeded { after, .. } if after == DEADLINE),
            "{what}: {error:?}"
        );
        let late = opened.elapsed() - DEADLINE;
        assert!(late <= AT_ONCE, "{what}: late by {late:?}");
        opened + DEADLINE
    })
    .await;
}

/// The callee ends a call at its deadline without a message of the caller.
#[tokio::test(start_paused = true)]
async fn the_deadline_passes_on_a_frozen_link() {
    let (network, a, b, waiter) = nodes().await;
    let client = WaitsClient::new(a.connection(B).unwrap());
    for shape in SHAPES {
        let opened = Instant::now();
        let mut handles = shape.open(&client, Some(DEADLINE)).await;
        network.freeze();
        let error = handles.end().await;
        assert!(matches!(error, CallError::DeadlineExceeded { .. }), "{shape:?}: {error:?}");
        drop(handles);
        sleep(AT_ONCE).await;
        let (began, dropped) = waiter.take();
        assert_eq!((began, dropped.len()), (1, 1), "{shape:?}");
        let late = dropped[0].saturating_duration_since(opened + DEADLINE);
        assert!(late <= AT_ONCE, "{shape:?}: late by {late:?}");
        assert_eq!((in_flight(&a), in_flight(&b)), ((0, 0), (0, 0)), "{shape:?}");
        // A new link for the next shape.
        network.cut();
        sleep(Duration::from_secs(5)).await;
        a.connection(B).unwrap().wait_connected(Duration::from_secs(5)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn the_link_is_cut() {
    each(None, &BETWEEN, async |network, mut handles, _, what| {
        network.cut();
        let cut = Instant::now();
        let error = handles.end().await;
        assert!(
            matches!(error, CallError::Disconnected { sent: grid::Sent::Maybe, .. }),
            "{what}: {error:?}"
        );
        assert!(error.may_have_run() && !error.is_retryable(), "{what}");
        assert!(cut.elapsed() <= AT_ONCE, "{what}: {:?}", cut.elapsed());
        cut
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn the_callee_is_shut_down_without_grace() {
    for shape in SHAPES {
        let (_network, a, b, waiter) = nodes().await;
        let client = WaitsClient::new(a.connection(B).unwrap());
        let mut handles = shape.open(&client, None).await;
        let now = Instant::now();
        b.shutdown(Duration::ZERO).await;
        let error = handles.end().await;
        assert!(matches!(error, CallError::Disconnected { .. }), "{shape:?}: {error:?}");
        drop(handles);
        let (began, dropped) = waiter.take();
        assert_eq!((began, dropped.len()), (1, 1), "{shape:?}");
        assert!(dropped[0] - now <= AT_ONCE, "{shape:?}");
        assert_eq!((in_flight(&a), in_flight(&b)), ((0, 0), (0, 0)), "{shape:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_are_cancelled_at_once() {
    let (_network, a, b, waiter) = nodes().await;
    let client = WaitsClient::new(a.connection(B).unwrap());
    let mut all = Vec::new();
    for shape in SHAPES {
        let opening = (0..100).map(|_| shape.open(&client, None));
        all.extend(future::join_all(opening).await);
    }
    assert_eq!((in_flight(&a), in_flight(&b)), ((1000, 0), (0, 1000)));
    let now = Instant::now();
    drop(all);
    sleep(AT_ONCE).await;
    let (began, dropped) = waiter.take();
    assert_eq!((began, dropped.len()), (1000, 1000));
    assert!(dropped.iter().all(|dropped| *dropped - now <= AT_ONCE));
    assert_eq!((in_flight(&a), in_flight(&b)), ((0, 0), (0, 0)));
    assert_eq!(client.echo(7).await.unwrap(), 7);
}
