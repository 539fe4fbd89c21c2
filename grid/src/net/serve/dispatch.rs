//! Runs the handlers of received calls.
//!
//! The handler of a single request is polled for the first time in the driver's task: most handlers finish in that
//! poll, and their answers are sent in one batch. A handler is spawned only if it has to wait. Handlers whose first
//! poll takes long are spawned at once, because they would delay the link. So are handlers of large requests, which
//! take long to decode.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use super::registry::{HandlerFuture, RawHandler, Registry, RunSingle};
use crate::error::{ErrorCode, Fault};
use crate::net::call::context::Context;
use crate::net::call::ends::ends;
use crate::net::catch::{self, Panic};
use crate::net::link::peer::Peer;
use crate::proto::{Event, Key, RouteIndex, Side};

/// Outcomes of handlers that finished in their first poll.
pub(in crate::net) type Replies = Vec<(Key, Result<Option<Bytes>, Fault>)>;

/// Starts the handler of an [`Event::Serve`].
pub(in crate::net) fn serve(
    peer: &Arc<Peer>,
    registry: &Arc<Registry>,
    event: Event,
    replies: &mut Replies,
) {
    let Event::Serve { key, route, payload, deadline, meta } = event else { return };
    let Some(entry) = registry.entry(route) else { return };
    let context = Context::new(Arc::clone(peer), key, route, deadline, meta);
    match &entry.handler {
        RawHandler::Single { run, inline } => {
            let large = payload.as_ref().is_some_and(|payload| payload.len() > peer.large_bytes);
            if !inline && (large || entry.first_poll.is_heavy()) {
                let run = Arc::clone(run);
                // Large requests are not timed: their times would not apply to small requests of the same method.
                let timed = (!large).then(|| (Arc::clone(registry), route));
                return spawn_single(peer, key, route, apart(timed, run, context, payload));
            }
            let began = entry.first_poll.is_due().then(Instant::now);
            let polled = poll_once(start(|| run(context, payload)));
            if let Some(began) = began {
                entry.first_poll.note(began.elapsed());
            }
            match polled {
                Ok(outcome) => replies.push((key, flatten(peer, route, outcome))),
                Err(future) => spawn_single(peer, key, route, CatchPanic(future)),
            }
        }
        RawHandler::Stream { run, .. } => {
            let (sender, receiver) = ends(Arc::clone(peer), Side::Callee, key, None);
            let future = start(|| run(context, payload, receiver, sender));
            let peer_of_task = Arc::clone(peer);
            spawn(peer, key, async move {
                let outcome = CatchPanic(future).await;
                let outcome = flatten(&peer_of_task, route, outcome);
                peer_of_task.finish_stream(key, outcome);
            });
        }
    }
}

/// Runs a single request's handler in a task of its own.
fn spawn_single(
    peer: &Arc<Peer>,
    key: Key,
    route: RouteIndex,
    handler: impl Future<Output = Outcome<Option<Bytes>>> + Send + 'static,
) {
    let peer_of_task = Arc::clone(peer);
    spawn(peer, key, async move {
        let outcome = flatten(&peer_of_task, route, handler.await);
        peer_of_task.reply(key, outcome);
    });
}

/// Runs a handler outside the driver, after a yield that lets the driver continue. With `timed`, the first poll is
/// timed, to detect that the handler has become fast.
async fn apart(
    timed: Option<(Arc<Registry>, RouteIndex)>,
    run: Arc<RunSingle>,
    context: Context,
    payload: Option<Bytes>,
) -> Outcome<Option<Bytes>> {
    tokio::task::yield_now().await;
    let began = Instant::now();
    let mut handler = CatchPanic(start(|| run(context, payload)));
    let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut handler).poll(cx))).await;
    if let Some(entry) = timed.as_ref().and_then(|(registry, route)| registry.entry(*route)) {
        entry.first_poll.note(began.elapsed());
    }
    match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => handler.await,
    }
}

/// Spawns a handler's task and registers it, so that it can be aborted.
fn spawn(peer: &Arc<Peer>, key: Key, task: impl Future<Output = ()> + Send + 'static) {
    let task = tokio::spawn(task).abort_handle();
    let over = peer.with(|shared, _| {
        if shared.link.is_served(key) {
            shared.waiters.run(key, task);
            None
        } else {
            Some(task)
        }
    });
    if let Some(task) = over {
        task.abort(); // The call was cancelled before this, or the task has finished.
    }
}

/// Calls the user's function. If it panics before it returns a future, returns a future that panics.
fn start<T>(run: impl FnOnce() -> HandlerFuture<T>) -> HandlerFuture<T>
where
    T: Send + 'static,
{
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Box::pin(async move { std::panic::resume_unwind(panic) }))
}

type Outcome<T> = Result<Result<T, Fault>, Panic>;

/// Polls a handler for the first time. Returns the handler as `Err` if it has to wait.
fn poll_once<T>(
    future: HandlerFuture<Result<T, Fault>>,
) -> Result<Outcome<T>, HandlerFuture<Result<T, Fault>>> {
    let mut future = CatchPanic(future);
    // No waker is needed: the handler is polled again as soon as its task starts.
    let mut cx = std::task::Context::from_waker(Waker::noop());
    match Pin::new(&mut future).poll(&mut cx) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(future.0),
    }
}

/// Wraps a handler and returns its panic as an error.
struct CatchPanic<T>(HandlerFuture<Result<T, Fault>>);

impl<T> Future for CatchPanic<T> {
    type Output = Outcome<T>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(cx))) {
            Ok(Poll::Ready(outcome)) => Poll::Ready(Ok(outcome)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

/// Converts a panic to the error that is sent to the caller. The panic message is only logged here.
fn flatten<T>(peer: &Peer, route: RouteIndex, outcome: Outcome<T>) -> Result<T, Fault> {
    outcome.unwrap_or_else(|panic| {
        let method = peer.label(route).map(|label| &*label.method).unwrap_or_default();
        let text = catch::text(&panic);
        tracing::error!(local = %peer.local, peer = %peer.name, method, panic = text, "a handler panicked");
        catch::discard(panic);
        Err(Fault::new(ErrorCode::Panicked, "the handler panicked: panic"))
    })
}
