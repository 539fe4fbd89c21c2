//! Code around calls: interceptors and recorders of both sides, observers of streams, the permission hook, and the hooks
//! that carry traces.

use std::borrow::Cow;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use grid::intercept::{
    Finished, Intercept, Intercepted, Intercepting, Next, Observe, Outcome, Propagate, Record,
    StreamEnd, Trace,
};
use grid::{Builder, CallError, Capacities, Connection, ErrorCode, TraceContext};
use tokio::sync::Notify;
use tracing::Span;

use crate::hostile::{Hostile, OnDrop};
use crate::hostile_log::LogPlace;
use crate::neighbours::Links;
use crate::row::{Row, row};

/// The calls around which the code runs: those of the neighbours are left alone.
const TARGET: u8 = 1;
const STREAM: u8 = 2;
/// The same, and they never end.
const HANGING: u8 = 3;
const HANGING_STREAM: u8 = 4;
const METHODS: [&str; 4] = ["handler 1", "handler 2", "handler 3", "handler 4"];
const TWO_WAY: Capacities = Capacities { incoming: 1, outgoing: 1 };

fn with_targets(builder: Builder) -> Builder {
    builder.single_handler(TARGET, None, |_, payload| async { Ok(payload) }).stream_handler(
        STREAM,
        None,
        TWO_WAY,
        |_, _, mut input, mut output| async move {
            while let Some(Ok(item)) = input.next().await {
                output.send(item).await?;
            }
            Ok(())
        },
    )
}

/// Runs the code in one method of an interceptor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    AppliesTo,
    Wants,
    Before,
    After,
    Drop,
}

struct Interceptor(Hostile, At);

impl Interceptor {
    fn run(&self, at: At, method: &str) {
        if self.1 == at && METHODS.contains(&method) {
            self.0.run();
        }
    }
}

impl Intercept for Interceptor {
    fn intercept(&self, call: Intercepted, next: Next) -> Intercepting {
        self.run(At::Before, call.method());
        let is_target = METHODS.contains(&call.method());
        let after = (is_target && self.1 == At::After).then(|| self.0.clone());
        let held = (is_target && self.1 == At::Drop).then(|| OnDrop(self.0.clone()));
        Box::pin(async move {
            let _held = held;
            let outcome = next.run(call).await;
            after.iter().for_each(Hostile::run);
            outcome
        })
    }

    fn applies_to(&self, _: &str, method: &str) -> bool {
        self.run(At::AppliesTo, method);
        true
    }

    fn wants(&self, call: &Intercepted) -> bool {
        self.run(At::Wants, call.method());
        true
    }
}

/// What a request comes to. `None`: its task has panicked.
async fn request(connection: &Connection) -> Option<Result<(), CallError>> {
    let call = connection.request(TARGET, Some("x".into()));
    let ended = tokio::spawn(call).await.ok()?;
    Some(ended.map(|answer| assert_eq!(answer, Some("x".into()))))
}

/// The same of a stream.
async fn stream(connection: &Connection) -> Option<Result<(), CallError>> {
    let opening = connection.stream(STREAM, TWO_WAY, None);
    let stream = async move {
        let (mut input, mut output) = opening.await?;
        let _ = input.send("item").await;
        drop(input);
        while let Some(item) = output.next().await {
            item?;
        }
        Ok(())
    };
    tokio::spawn(stream).await.ok()
}

#[track_caller]
fn is_panic(ended: Option<Result<(), CallError>>) {
    match ended {
        Some(Err(CallError::Remote(error))) => assert_eq!(error.code, ErrorCode::Panicked),
        ended => panic!("{ended:?}"),
    }
}

/// Interceptors of calls that are served: the caller of one that panics is told so.
fn served(at: At) {
    row(
        move |builder, hostile| with_targets(builder.intercept(Interceptor(hostile.clone(), at))),
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                for ended in [request(connection).await, stream(connection).await] {
                    match hostile.panics() {
                        true => is_panic(ended),
                        false => assert_eq!(ended, Some(Ok(()))),
                    }
                }
            }
        },
    );
}

/// Interceptors of calls that are made: one that panics does so in the task of the caller.
fn made(at: At) {
    row(
        move |builder, hostile| {
            with_targets(builder.intercept_calls(Interceptor(hostile.clone(), at)))
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                for ended in [request(connection).await, stream(connection).await] {
                    assert_eq!(ended, (!hostile.panics()).then_some(Ok(())));
                }
                let call = connection.request(TARGET, None);
                let posted = tokio::spawn(async move { call.post() }).await;
                assert!(hostile.panics() || posted.unwrap().is_ok());
            }
        },
    );
}

#[test]
fn interceptors_of_served_calls_before_the_handler() {
    served(At::Before);
}

#[test]
fn interceptors_of_served_calls_after_the_handler() {
    served(At::After);
}

#[test]
fn interceptors_of_served_calls_that_are_asked_whether_they_want_a_call() {
    served(At::Wants);
}

/// Calls of handlers that never end are cancelled, so that the futures are dropped before they are ready.
#[test]
fn futures_of_interceptors_of_served_calls_that_are_dropped() {
    let began = Arc::new(Notify::new());
    let handlers = Arc::clone(&began);
    row(
        move |builder, hostile| {
            let builder = builder.intercept(Interceptor(hostile.clone(), At::Drop));
            with_hanging_targets(builder, &handlers)
        },
        move |links, hostile| {
            let began = Arc::clone(&began);
            async move {
                hostile.arm();
                let mut runs = 0;
                for connection in links.all() {
                    let call = tokio::spawn(connection.request(HANGING, None).into_future());
                    began.notified().await;
                    call.abort();
                    runs += 1;
                    hostile.has_returned(runs).await;
                    if hostile.ends_node() {
                        return;
                    }
                    let opening = connection.stream(HANGING_STREAM, TWO_WAY, None);
                    let stream = tokio::spawn(opening.into_future());
                    began.notified().await;
                    stream.abort();
                    drop(stream);
                    runs += 1;
                    hostile.has_returned(runs).await;
                }
            }
        },
    );
}

fn with_hanging_targets(builder: Builder, began: &Arc<Notify>) -> Builder {
    let [of_call, of_stream] = [began, began].map(Arc::clone);
    builder
        .single_handler(HANGING, None, move |_, _| {
            of_call.notify_one();
            std::future::pending()
        })
        .stream_handler(HANGING_STREAM, None, TWO_WAY, move |_, _, input, output| {
            of_stream.notify_one();
            async move {
                let _held = (input, output);
                std::future::pending().await
            }
        })
}

#[test]
fn interceptors_of_made_calls_before_the_call() {
    made(At::Before);
}

#[test]
fn interceptors_of_made_calls_after_the_call() {
    made(At::After);
}

#[test]
fn interceptors_of_made_calls_that_are_asked_whether_they_apply() {
    made(At::AppliesTo);
}

#[test]
fn interceptors_of_made_calls_that_are_asked_whether_they_want_a_call() {
    made(At::Wants);
}

/// Calls are dropped when they are under way. The drop of a call wakes its link, and then comes that of its future: if it
/// blocks, it does so with the woken link behind it.
#[test]
fn futures_of_interceptors_of_made_calls_that_are_dropped() {
    let row = Row::new(
        |builder: Builder, hostile: &Hostile| {
            let builder = builder.intercept_calls(Interceptor(hostile.clone(), At::Drop));
            with_hanging_targets(builder, &Arc::default())
        },
        |links: Links, hostile: Hostile| async move {
            hostile.arm();
            for connection in links.all() {
                let call = connection.request(HANGING, None).into_future();
                let opening = connection.stream(HANGING_STREAM, TWO_WAY, None).into_future();
                for was_pending in [poll_once(call).await, poll_once(opening).await] {
                    assert_eq!(was_pending, (!hostile.panics()).then_some(true));
                }
            }
        },
    );
    row.others_may_wait().run();
}

/// Polls a future and drops it, in a task of its own. Returns whether it was pending. `None`: its drop has panicked.
async fn poll_once<F: Future + Send + 'static>(future: F) -> Option<bool> {
    let polled = tokio::spawn(async move {
        let mut future = pin!(future);
        poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
    });
    polled.await.ok()
}

struct Recorder(Hostile);

impl Record for Recorder {
    fn record(&self, call: &Finished<'_>) {
        if METHODS.contains(&&*call.method()) {
            self.0.run();
        }
    }
}

/// A recorder changes nothing, whatever it does.
#[test]
fn recorders() {
    row(
        |builder, hostile| with_targets(builder.record(Recorder(hostile.clone()))),
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                assert_eq!(request(connection).await, Some(Ok(())));
                assert_eq!(stream(connection).await, Some(Ok(())));
                // One that is cancelled.
                let mut call = Box::pin(connection.request(TARGET, None).into_future());
                let waker = std::task::Waker::noop();
                let polled = call.as_mut().poll(&mut std::task::Context::from_waker(waker));
                assert!(polled.is_pending());
                drop(call);
                connection.request(TARGET, None).post().unwrap();
            }
        },
    );
}

struct Asked(Hostile);

impl Record for Asked {
    fn record(&self, _: &Finished<'_>) {}

    fn applies_to(&self, _: &str, method: &str) -> bool {
        if METHODS.contains(&method) {
            self.0.run();
        }
        true
    }
}

/// Asked in the task of the caller before the call, and when it is over.
#[test]
fn recorders_that_are_asked_whether_they_apply() {
    row(
        |builder, hostile| with_targets(builder.record(Asked(hostile.clone()))),
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                for ended in [request(connection).await, stream(connection).await] {
                    assert_eq!(ended, (!hostile.panics()).then_some(Ok(())));
                }
            }
        },
    );
}

struct Observer(Hostile);

impl Observe for Observer {
    fn sent(&self, _: usize) {
        self.0.run();
    }

    fn received(&self, _: usize) {
        self.0.run();
    }

    fn ended(&self, _: StreamEnd<'_>) {
        self.0.run();
    }
}

/// They run right after the item has woken the link.
#[test]
fn observers_of_streams() {
    let observing = |hostile: &Hostile| {
        let hostile = hostile.clone();
        move |mut call: Intercepted, next: Next| {
            if METHODS.contains(&call.method()) {
                call.observe(Observer(hostile.clone()));
            }
            async move { next.run(call).await }
        }
    };
    let row = Row::new(
        move |builder, hostile| {
            with_targets(builder.intercept(observing(hostile)).intercept_calls(observing(hostile)))
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                assert_eq!(stream(connection).await, Some(Ok(())));
                // One that is dropped.
                drop(connection.stream(STREAM, TWO_WAY, None).await.unwrap());
            }
        },
    );
    row.others_may_wait().run();
}

#[test]
fn the_permission_hook() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            with_targets(builder.permit(move |call| {
                if METHODS.contains(&call.method()) {
                    hostile.run();
                }
                Ok(())
            }))
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                for ended in [request(connection).await, stream(connection).await] {
                    let Some(Err(CallError::Remote(error))) = ended else {
                        assert_eq!(ended, Some(Ok(())));
                        assert!(!hostile.panics());
                        continue;
                    };
                    assert_eq!(error.code, ErrorCode::NotPermitted);
                    assert!(error.message.contains("hook panicked"), "{error}");
                }
            }
        },
    );
}

/// Connects spans with a tracing system.
struct Carrier(Hostile);

impl Propagate for Carrier {
    fn context_of(&self, _: &Span) -> Option<TraceContext> {
        self.0.run();
        "00-00000000000000000000000000000001-0000000000000001-01".parse().ok()
    }

    fn set_parent(&self, _: &Span, _: TraceContext, _: Option<&str>) {
        self.0.run();
    }
}

fn with_traces(builder: Builder, hostile: &Hostile) -> Builder {
    let traces =
        || grid::intercept::only("/handler 1", Trace::carried_by(Carrier(hostile.clone())));
    with_targets(builder.intercept(traces()).intercept_calls(traces()))
}

#[test]
fn what_carries_traces() {
    let calls = |links: Links, hostile: Hostile| async move {
        hostile.arm();
        for connection in links.all() {
            let ended = request(connection).await;
            assert_eq!(ended, (!hostile.panics()).then_some(Ok(())));
        }
    };
    Row::new(with_traces, calls).in_the_log(LogPlace::None).run();
}

/// What an interceptor answers with, and refuses.
#[test]
fn interceptors_that_answer_for_the_handler() {
    row(
        |builder, hostile| {
            let hostile = hostile.clone();
            with_targets(builder.intercept(grid::intercept::only("/handler 1", move |_, _| {
                let hostile = hostile.clone();
                async move {
                    hostile.run();
                    Outcome::refuse(ErrorCode::NotPermitted, Cow::Borrowed("by the test"))
                }
            })))
        },
        |links, hostile| async move {
            hostile.arm();
            for connection in links.all() {
                let Some(Err(CallError::Remote(error))) = request(connection).await else {
                    panic!("another outcome")
                };
                let panicked = error.code == ErrorCode::Panicked;
                assert_eq!(panicked, hostile.panics(), "{error}");
            }
        },
    );
}
