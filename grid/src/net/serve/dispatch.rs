//! Runs the handlers of calls that came in.
//!
//! A handler of single requests is polled once right here, in the driver's task: most are done then, and the answer leaves
//! with its neighbours'. Only one that has to wait gets a task of its own. Handlers that turn out to burn time before their
//! first await would hold up the link, so they get their task at once; and so does every large request, since to decode it
//! takes as long.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use tokio::time::Instant;

use crate::error::{ErrorCode, Fault};
use crate::net::call::stream::halves;
use crate::net::catch::{self, Panic};
use crate::net::link::peer::Peer;
use crate::net::serve::context::Context;
use crate::net::serve::registry::{HandlerFuture, RawHandler, RunSingle};
use crate::proto::{Event, Key, RouteIndex, Side};

/// Answers of handlers that were done at once.
pub(in crate::net) type Replies = Vec<(Key, Result<Option<Bytes>, Fault>)>;

/// Starts the handler that an [`Event::Serve`] asks for.
pub(in crate::net) fn serve(peer: &Arc<Peer>, event: Event, replies: &mut Replies) {
    let Event::Serve { key, route, payload, deadline, meta } = event else { return };
    let Some(entry) = peer.registry.entry(route) else { return };
    let context = Context::new(Arc::clone(peer), key, route, deadline, meta);
    match &entry.handler {
        RawHandler::Single { run, inline } => {
            let large = payload.as_ref().is_some_and(|payload| payload.len() > peer.large_bytes);
            if !inline && (large || entry.first_poll.is_heavy()) {
                let run = Arc::clone(run);
                // What a large request costs says nothing about the small ones of its method.
                let timed = (!large).then(|| (Arc::clone(peer), route));
                return spawn_single(peer, key, apart(timed, run, context, payload));
            }
            let began = entry.first_poll.is_due().then(Instant::now);
            let polled = poll_once(start(|| run(context, payload)));
            if let Some(began) = began {
                entry.first_poll.note(began.elapsed());
            }
            match polled {
                Ok(outcome) => replies.push((key, flatten(peer, key, outcome))),
                Err(future) => spawn_single(peer, key, CatchPanic(future)),
            }
        }
        RawHandler::Stream { run, .. } => {
            let (sender, receiver) = halves(Arc::clone(peer), Side::Callee, key, None);
            let future = start(|| run(context, payload, receiver, sender));
            let peer_of_task = Arc::clone(peer);
            spawn(peer, key, async move {
                let outcome = CatchPanic(future).await;
                let outcome = flatten(&peer_of_task, key, outcome);
                peer_of_task.finish_stream(key, outcome);
            });
        }
    }
}

/// Gives a single request's handler a task of its own.
fn spawn_single(
    peer: &Arc<Peer>,
    key: Key,
    handler: impl Future<Output = Outcome<Option<Bytes>>> + Send + 'static,
) {
    let peer_of_task = Arc::clone(peer);
    spawn(peer, key, async move {
        let outcome = flatten(&peer_of_task, key, handler.await);
        peer_of_task.reply(key, outcome);
    });
}

/// Runs a handler whose first poll takes long, after the link has had its turn. Where that was found out by `timed` polls,
/// this one is timed as well, so that a handler that has become quick is found out too.
async fn apart(
    timed: Option<(Arc<Peer>, RouteIndex)>,
    run: Arc<RunSingle>,
    context: Context,
    payload: Option<Bytes>,
) -> Outcome<Option<Bytes>> {
    tokio::task::yield_now().await;
    let began = Instant::now();
    let mut handler = CatchPanic(start(|| run(context, payload)));
    let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut handler).poll(cx))).await;
    if let Some(entry) = timed.as_ref().and_then(|(peer, route)| peer.registry.entry(*route)) {
        entry.first_poll.note(began.elapsed());
    }
    match first {
        Poll::Ready(outcome) => outcome,
        Poll::Pending => handler.await,
    }
}

/// Spawns a handler's task and leaves word of it, so that it can be aborted.
fn spawn(peer: &Arc<Peer>, key: Key, task: impl Future<Output = ()> + Send + 'static) {
    let task = tokio::spawn(task).abort_handle();
    let mut shared = peer.lock();
    if shared.link.is_served(key) {
        shared.waiters.running(key, task);
    } else {
        drop(shared);
        task.abort(); // Over before it began, or done already.
    }
}

/// Calls the user's function, which may panic before there is a future.
fn start<T>(run: impl FnOnce() -> HandlerFuture<T>) -> HandlerFuture<T>
where
    T: Send + 'static,
{
    catch_unwind(AssertUnwindSafe(run))
        .unwrap_or_else(|panic| Box::pin(async move { std::panic::resume_unwind(panic) }))
}

type Outcome<T> = Result<Result<T, Fault>, Panic>;

/// Polls a handler for the first time; `Err` gives it back where it has to wait.
fn poll_once<T>(
    future: HandlerFuture<Result<T, Fault>>,
) -> Result<Outcome<T>, HandlerFuture<Result<T, Fault>>> {
    let mut future = CatchPanic(future);
    // Whoever polls it next leaves a waker of its own: a task does that as soon as it starts.
    let mut cx = std::task::Context::from_waker(Waker::noop());
    match Pin::new(&mut future).poll(&mut cx) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(future.0),
    }
}

/// A handler whose panic is a result.
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

/// Turns a panic into the error that the caller sees; the panic's own text stays here.
fn flatten<T>(peer: &Peer, key: Key, outcome: Outcome<T>) -> Result<T, Fault> {
    outcome.unwrap_or_else(|panic| {
        tracing::error!(local = %peer.local, peer = %peer.name, call = ?key, panic = catch::text(&panic), "a handler panicked");
        Err(Fault::new(ErrorCode::Panicked, "the handler panicked: panic"))
    })
}
