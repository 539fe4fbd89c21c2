//! One other node, as this node knows it: its link, who waits on it, and the state of its connection.
//!
//! Everybody who calls locks the link for the moment of a call and encodes straight into its outbox; the driver
//! (driver.rs) is woken only where it is parked. The lock is never held across an await, a wake-up, or code of the user's:
//! what is spent under it is dropped behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::budget::limits_here;
use super::registry::Registry;
use super::state::State;
use super::waiters::Waiters;
use crate::error::{CodecError, Failure, Fault};
use crate::proto::{CallFailure, Event, Key, Limits, Link, RouteIndex};

/// See the module.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(super) name: Arc<str>,
    /// The name of the node whose peer this is.
    pub(super) local: Arc<str>,
    pub(super) registry: Arc<Registry>,
    /// Largest payload that fits into a message.
    pub(super) payload_bytes_max: usize,
    /// Above this a payload takes so long that it is not for the driver's task.
    pub(super) large_bytes: usize,
    pub(super) state: watch::Sender<State>,
    /// Told when nothing is in flight any more.
    pub(super) drained: Notify,
    /// A caller has woken the driver, for something to send or something that is due earlier. Said beside the lock, so that
    /// a driver that its socket has woken need not lock the link to find that there is no output.
    called: AtomicBool,
    shared: Mutex<Shared>,
}

/// What the lock protects.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) link: Link,
    pub(super) waiters: Waiters,
    pub(super) driver: Parked,
    /// The transport holds messages that it has not given to the socket.
    pub(super) unflushed: bool,
}

/// Whether the driver sleeps, and what it is worth waking for.
#[derive(Debug, Default)]
pub(super) struct Parked {
    /// Said when it parks, and until it is woken by a caller or next handles something: woken by its socket, it may be
    /// woken once more in vain.
    pub(super) asleep: bool,
    /// Kept for the next time where it is not needed: a clone costs as much as the lock.
    waker: Option<Waker>,
    /// When it wakes by itself.
    until: Option<Instant>,
    /// Whether it could send something now; otherwise the socket will wake it.
    takes_output: bool,
}

impl Parked {
    /// The driver goes to sleep.
    pub(super) fn park(&mut self, waker: &Waker, until: Option<Instant>, takes_output: bool) {
        match &mut self.waker {
            Some(kept) => kept.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
        (self.asleep, self.until, self.takes_output) = (true, until, takes_output);
    }
}

impl Peer {
    pub(super) fn new(
        local: Arc<str>,
        name: Arc<str>,
        limits: Limits,
        registry: Arc<Registry>,
    ) -> Arc<Self> {
        let limits = limits_here(limits);
        let (payload_bytes_max, large_bytes) = (limits.payload_bytes_max(), limits.large_bytes);
        let link = Link::new(limits, Arc::clone(registry.routes()));
        let shared = Mutex::new(Shared {
            link,
            waiters: Waiters::default(),
            driver: Parked::default(),
            unflushed: false,
        });
        Arc::new(Self {
            name,
            local,
            registry,
            payload_bytes_max,
            large_bytes,
            state: watch::Sender::new(State::Unconnected),
            drained: Notify::new(),
            called: AtomicBool::new(false),
            shared,
        })
    }

    /// Locks the link. A panic under the lock would be a bug in the core; the link is left as it is then, and the
    /// others go on.
    pub(super) fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the link, and wakes whom it concerns: the driver, and others who wait.
    pub(super) fn with<T>(&self, act: impl FnOnce(&mut Shared) -> T) -> T {
        let mut round = Round::default();
        let mut shared = self.lock();
        let result = act(&mut shared);
        shared.drain(&mut round);
        debug_assert!(round.serve.is_empty(), "only the driver brings calls to serve");
        let driver = shared.wake_driver();
        let drained = shared.link.is_closing() && shared.is_drained();
        drop(shared);
        round.settle();
        if let Some(driver) = driver {
            self.called.store(true, Ordering::Relaxed);
            driver.wake();
        }
        if drained {
            self.drained.notify_waiters();
        }
        result
    }

    /// Whether a caller has woken the driver since it asked last.
    pub(super) fn was_called(&self) -> bool {
        self.called.load(Ordering::Relaxed) && self.called.swap(false, Ordering::Relaxed)
    }

    /// Shows a state, unless the node is shut down, which is the last one.
    pub(super) fn show(&self, state: State) {
        self.state.send_if_modified(|shown| {
            let changes = *shown != State::Shutdown && *shown != state;
            if changes {
                *shown = state;
            }
            changes
        });
    }

    /// The handler of a single request is done.
    pub(super) fn reply(&self, key: Key, outcome: Result<Option<Bytes>, Fault>) {
        self.with(|shared| shared.link.reply(key, &outcome));
    }

    /// The handler of a stream is done.
    pub(super) fn finish_stream(&self, key: Key, outcome: Result<(), Fault>) {
        self.with(|shared| shared.link.finish_stream(key, &outcome));
    }

    /// The subroute that a handler of this node is registered under.
    pub(super) fn subroute_of(&self, route: RouteIndex) -> Option<&str> {
        self.registry.entry(route)?.subroute.as_deref()
    }

    /// The name that a handler of this node is registered with.
    pub(super) fn method_of(&self, route: RouteIndex) -> &str {
        self.registry.entry(route).map(|entry| &*entry.name).unwrap_or_default()
    }

    /// Waits until nothing is in flight.
    pub(super) async fn drained(&self) {
        loop {
            let notified = self.drained.notified();
            if self.lock().is_drained() {
                return;
            }
            notified.await;
        }
    }

    /// Ready when the peer's call is over, however it ended. `place` is where the caller waits.
    pub(super) fn poll_over(
        &self,
        key: Key,
        place: &mut Option<usize>,
        cx: &Context<'_>,
    ) -> Poll<()> {
        let mut shared = self.lock();
        if !shared.link.is_served(key) {
            *place = None;
            return Poll::Ready(());
        }
        shared.waiters.wait_over(key, place, cx);
        Poll::Pending
    }

    /// Whoever waited at `place` for the end of a call does not any more.
    pub(super) fn forget_over(&self, key: Key, place: usize) {
        let mut shared = self.lock();
        // When the call is over the places are gone, and may be somebody else's.
        let waker = shared.link.is_served(key).then(|| shared.waiters.forget_over(key, place));
        drop(shared);
        drop(waker);
    }

    /// Gives a failure of the core the names that it does not know.
    pub(super) fn failure(&self, failure: CallFailure) -> Failure {
        match failure {
            CallFailure::Fault(fault) => Failure::Remote(fault),
            CallFailure::Lost { sent, reason } => {
                Failure::Disconnected { peer: Arc::clone(&self.name), sent, reason }
            }
            CallFailure::Closing => Failure::ShutDown,
            CallFailure::BadMeta(text) => Failure::Encode(CodecError::new(text)),
            CallFailure::DeadlineExceeded { after } => Failure::DeadlineExceeded { after },
            CallFailure::Unsupported(feature) => {
                Failure::Unsupported { feature, peer: Arc::clone(&self.name) }
            }
            CallFailure::TooLarge { len, max } => Failure::Encode(too_large(len, max)),
        }
    }
}

/// What somebody is told whose payload or item fits into no message.
pub(super) fn too_large(len: usize, max: usize) -> CodecError {
    CodecError::new(format_args!("{len} bytes, and a message may have {max}"))
}

/// What a round of the driver took out of the link, to be acted on without the lock.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub(super) wakers: Vec<Waker>,
    /// `Event::Serve`, all of them.
    pub(super) serve: Vec<Event>,
    pub(super) abort: Vec<tokio::task::AbortHandle>,
    /// To be dropped.
    pub(super) spent: Vec<Bytes>,
}

impl Shared {
    /// Whether nothing is in flight any more and everything that was said has gone to the socket.
    pub(super) fn is_drained(&self) -> bool {
        self.link.is_drained() && !self.unflushed
    }

    /// The driver's waker, if it sleeps and there is something for it to do.
    fn wake_driver(&mut self) -> Option<Waker> {
        let (link, parked) = (&self.link, &mut self.driver);
        if !parked.asleep {
            return None;
        }
        let timeout = link.poll_timeout();
        let earlier =
            timeout.is_some_and(|timeout| parked.until.is_none_or(|until| timeout < until));
        if (parked.takes_output && link.wants_transmit()) || earlier {
            parked.asleep = false;
            return parked.waker.take();
        }
        None
    }

    /// Sorts the link's events into what must be done about them.
    pub(super) fn drain(&mut self, round: &mut Round) {
        while let Some(event) = self.link.poll_event() {
            match event {
                Event::Wake { side, key, half } => {
                    self.waiters.take(side, key, half, &mut round.wakers)
                }
                Event::Cancel { key } => {
                    // Taken back before it was begun: nothing of it need run.
                    round.serve.retain(
                        |serve| !matches!(serve, Event::Serve { key: begun, .. } if *begun == key),
                    );
                    round.abort.extend(self.waiters.over(key, &mut round.wakers))
                }
                Event::Finished { key } => {
                    // Its task, if it had one, is at its end.
                    drop(self.waiters.over(key, &mut round.wakers));
                }
                Event::Serve { .. } => round.serve.push(event),
                Event::Released(payload) => round.spent.push(payload),
            }
        }
    }
}

impl Round {
    /// Wakes, aborts and drops; the calls to serve stay.
    pub(super) fn settle(&mut self) {
        self.abort.drain(..).for_each(|task| task.abort());
        self.wakers.drain(..).for_each(Waker::wake);
        self.spent.clear();
    }
}

/// The clock of everything in this layer: tokio's, so that tests can pause it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
