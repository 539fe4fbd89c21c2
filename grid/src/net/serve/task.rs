//! Runs handlers in tasks of their own.

use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::registry::{HandlerFuture, Registry};
use super::workers::{Place, Workers, run_in};
use crate::error::{ErrorCode, Fault};
use crate::net::catch::{self, Panic, log};
use crate::net::link::peer::Peer;
use crate::proto::{Body, Handover, Key, RouteIndex};

/// A handler that must be spawned.
pub(in crate::net) struct Later {
    pub(super) key: Key,
    pub(super) route: RouteIndex,
    pub(super) work: Work,
    pub(super) handover: Option<Handover>,
}

/// The handler itself.
pub(super) enum Work {
    Single(Handler<Option<Body>>),
    Stream(Handler<()>),
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later")
            .field("key", &self.key)
            .field("route", &self.route)
            .finish_non_exhaustive()
    }
}

impl Later {
    /// Spawns the handler's task, and registers it so that it can be aborted.
    pub(in crate::net) fn spawn(
        self,
        peer: &Arc<Peer>,
        registry: &Arc<Registry>,
        workers: &Arc<Workers>,
    ) {
        let Self { key, route, work, handover } = self;
        // A handler that is aborted may still use its request.
        let hand_over = move || {
            if let Some(handover) = handover {
                handover.complete();
            }
        };
        let running = peer.count_handler();
        let (peer_of_task, registry) = (Arc::clone(peer), Arc::clone(registry));
        let workers = Arc::clone(workers);
        let task = match work {
            Work::Single(handler) => tokio::spawn(async move {
                if handler.start.is_some() {
                    yield_once().await; // Lets the driver continue.
                }
                let peer = &*peer_of_task;
                let finish = |outcome: &_| {
                    hand_over();
                    peer.reply(key, outcome);
                };
                handler.run(peer, &registry, &workers, route, finish).await;
                drop(running);
            }),
            Work::Stream(handler) => tokio::spawn(async move {
                let peer = &*peer_of_task;
                let finish = |outcome: &_| {
                    hand_over();
                    peer.finish_stream(key, outcome);
                };
                handler.run(peer, &registry, &workers, route, finish).await;
                drop(running);
            }),
        };
        let task = task.abort_handle();
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
}

type Start<T> = Box<dyn FnOnce() -> HandlerFuture<Result<T, Fault>> + Send>;

/// A handler before or after its first poll.
pub(super) struct Handler<T> {
    /// The user's function, until it is called.
    start: Option<Start<T>>,
    future: Option<HandlerFuture<Result<T, Fault>>>,
    kind: Kind,
}

/// What the duration of a handler's first poll says about other calls of the method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Others will take as long.
    Small,
    /// Nothing: it decodes a large request.
    Large,
    /// Nothing: it sends as many items as it can.
    Stream,
}

impl<T: Send + 'static> Handler<T> {
    /// A handler whose function is called in its task.
    pub(super) fn new(start: Start<T>, kind: Kind) -> Self {
        Self { start: Some(start), future: None, kind }
    }

    /// A handler whose function is called now.
    pub(super) fn begun(start: impl FnOnce() -> HandlerFuture<Result<T, Fault>>) -> Self {
        Self { start: None, future: Some(call(start)), kind: Kind::Small }
    }

    /// Polls the handler. Returns `None` if it has to wait.
    pub(super) fn poll_once(&mut self, cx: &mut Context<'_>) -> Option<Outcome<T>> {
        if let Some(start) = self.start.take() {
            self.future = Some(call(start));
        }
        let future = self.future.as_mut()?;
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(Poll::Ready(outcome)) => Some(Ok(outcome)),
            Ok(Poll::Pending) => None,
            Err(panic) => Some(Err(panic)),
        }
    }

    /// Polls the handler until it finishes, and passes the outcome to `finish`. A poll that may block lets the worker's
    /// other tasks move to another thread.
    async fn run(
        mut self,
        peer: &Peer,
        registry: &Registry,
        workers: &Workers,
        route: RouteIndex,
        finish: impl FnOnce(&Result<T, Fault>),
    ) {
        let mut is_first = self.start.is_some();
        // The registry has an entry for each of its routes.
        let Some(pace) = registry.pace(route) else { return };
        loop {
            let place = workers.place(pace, is_first && self.kind == Kind::Small).await;
            let polled = poll_fn(|cx| Poll::Ready(timed(place.as_ref(), || self.poll_once(cx))));
            let (polled, took) = polled.await;
            drop(place);
            if is_first {
                registry.first_poll(route, took);
            }
            peer.lints.polled(route, took);
            match self.kind {
                _ if !is_first => pace.note_later(took),
                Kind::Small => pace.note_first(took),
                Kind::Large => {}
                Kind::Stream => pace.note_later(took),
            }
            if let Some(outcome) = polled {
                let outcome = flatten(peer, route, outcome);
                finish(&outcome);
                // The payload can be a buffer of the user's, whose drop may block as well.
                let place = workers.place(pace, false).await;
                return pace.note_later(timed(place.as_ref(), || drop(outcome)).1);
            }
            is_first = false;
            woken().await;
        }
    }
}

impl<T> Drop for Handler<T> {
    /// Drops what is the user's. It can panic, and this can run in the task of a link.
    fn drop(&mut self) {
        let (start, future) = (self.start.take(), self.future.take());
        if start.is_some() || future.is_some() {
            catch::catch("the drop of a handler", || drop((start, future)));
        }
    }
}

/// Runs user code as [`run_in`] does. Returns how long it took.
fn timed<T>(place: Option<&Place<'_>>, code: impl FnOnce() -> T) -> (T, Duration) {
    run_in(place, || {
        let began = Instant::now();
        let result = code();
        (result, began.elapsed())
    })
}

/// Calls the user's function. If it panics before it returns a future, returns a future that panics.
fn call<T: Send + 'static>(start: impl FnOnce() -> HandlerFuture<T>) -> HandlerFuture<T> {
    catch_unwind(AssertUnwindSafe(start))
        .unwrap_or_else(|panic| Box::pin(async move { std::panic::resume_unwind(panic) }))
}

/// Lets other tasks run. The task goes to the end of the worker's queue, from which other workers can take it. With
/// `tokio::task::yield_now` it would wait until this worker polls its sockets, and a worker that is blocked does not.
async fn yield_once() {
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::Ready(())
    })
    .await;
    woken().await;
}

/// Waits until the task is woken.
async fn woken() {
    let mut is_woken = false;
    poll_fn(
        |_| if std::mem::replace(&mut is_woken, true) { Poll::Ready(()) } else { Poll::Pending },
    )
    .await;
}

/// The result of a handler, or the value of its panic.
pub(super) type Outcome<T> = Result<Result<T, Fault>, Panic>;

/// Converts a panic to the error that is sent to the caller. The panic message is only logged here.
pub(super) fn flatten<T>(peer: &Peer, route: RouteIndex, outcome: Outcome<T>) -> Result<T, Fault> {
    outcome.unwrap_or_else(|panic| {
        let method = peer.label(route).map(|label| &*label.method).unwrap_or_default();
        Err(panicked(&peer.local, &peer.name, method, panic))
    })
}

/// Logs the panic of a handler. Returns what its caller receives.
pub(super) fn panicked(local: &str, peer: &str, method: &str, panic: Panic) -> Fault {
    log!(error, local, peer, method, panic = catch::text(&panic), "a handler panicked");
    catch::discard(panic);
    let text = "the handler panicked; the log of its node has the message";
    Fault::new(ErrorCode::Panicked, text)
}
