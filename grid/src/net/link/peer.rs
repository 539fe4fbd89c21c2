//! One other node, as this node knows it: its link, the tasks that wait on it, and the state of its connection.
//!
//! Callers lock the link briefly and encode straight into its output; the driver is woken only if it sleeps (park.rs).
//! The lock is private to this file and is never held across an await. Values whose methods can run user code are moved
//! out of the critical section (effects.rs).

use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;

use super::blocking::BlockingSlots;
use super::contracts::LinkContracts;
use super::effects::Effects;
use super::labels::{Label, Labels};
use super::lints::Lints;
use super::neighbours::Neighbours;
use super::park::Parked;
use super::state::State;
use super::waiters::{Waiter, Waiters};
use super::waker_set::{Place, WakerSet};
use crate::entropy;
use crate::error::Fault;
use crate::net::catch::catch;
use crate::proto::Body;
use crate::proto::{Event, Key, Limits, Link, Released, RouteIndex, Routes};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// See the module.
pub(in crate::net) struct Peer {
    pub(in crate::net) name: Arc<str>,
    /// The name of this node.
    pub(in crate::net) local: Arc<str>,
    /// All peers of this node, this one included, by name. Empty for a link without a node.
    neighbours: OnceLock<Arc<Neighbours<Self>>>,
    labels: Arc<Labels>,
    pub(in crate::net) contracts: Arc<LinkContracts>,
    pub(in crate::net) lints: Arc<Lints>,
    /// Maximum length of a payload on the last connection. Outside the lock, so that senders of items need not take it.
    payload_bytes_max: AtomicUsize,
    /// Payloads above this take too long to decode in the driver's task.
    pub(in crate::net) large_bytes: usize,
    /// Bounds the blocking handlers that run for this peer, and for all peers of the node.
    pub(in crate::net) blocking: BlockingSlots,
    /// Set when a caller has woken the driver. See park.rs.
    called: AtomicBool,
    /// The runtime on which the link runs.
    runtime: Option<Handle>,
    /// Tasks of handlers. A task counts until it is dropped, so also after its call has been cancelled.
    handlers: Arc<AtomicUsize>,
    shared: Mutex<Shared>,
}

/// A handler's task, counted until this is dropped.
#[derive(Debug)]
pub(in crate::net) struct CountedHandler(Arc<AtomicUsize>);

impl Drop for CountedHandler {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The state under the lock.
#[derive(Debug)]
pub(in crate::net) struct Shared {
    pub(in crate::net) link: Link,
    pub(in crate::net) waiters: Waiters,
    pub(in crate::net) parked: Parked,
    /// The transport holds messages that it has not written to the socket.
    unflushed: bool,
    state: State,
    lints: Arc<Lints>,
    /// Counts the changes of `state`, from 1.
    version: u64,
    watching_state: WakerSet,
    watching_drained: WakerSet,
    watching_quiet: WakerSet,
    watching_draining: WakerSet,
}

/// How long a peer that is told that this node takes no new calls has to confirm it, once no call of it is served.
pub(in crate::net) const CONFIRMATION_TIMEOUT: Duration = Duration::from_secs(2);

/// A condition that any number of tasks can wait for, besides their own calls.
#[derive(Debug, Clone, Copy)]
pub(in crate::net) enum Watched {
    /// This call of the peer has ended.
    Finished(Key),
    /// The state changes.
    State,
    /// While the node shuts down: the calls that a step of the shutdown waits for have ended.
    Drained,
    /// While the node shuts down: no call of the peer can be on its way.
    Quiet,
    /// The node begins to shut down, or has removed the peer.
    Draining,
}

impl Peer {
    /// Creates a peer without a connection.
    pub(in crate::net) fn new(
        local: Arc<str>,
        name: Arc<str>,
        limits: Limits,
        routes: Arc<Routes>,
        labels: Arc<Labels>,
        contracts: LinkContracts,
        blocking: BlockingSlots,
    ) -> Arc<Self> {
        let (payload_bytes_max, large_bytes) = (limits.payload_bytes_max(), limits.large_bytes);
        let contracts = Arc::new(contracts);
        let lints = Lints::new(Arc::clone(&labels), Arc::clone(&contracts));
        let shared = Shared {
            link: Link::new(Arc::clone(&name), limits, routes, first_mux()),
            waiters: Waiters::default(),
            parked: Parked::default(),
            unflushed: false,
            state: State::Unconnected,
            lints: Arc::clone(&lints),
            version: 1,
            watching_state: WakerSet::default(),
            watching_drained: WakerSet::default(),
            watching_quiet: WakerSet::default(),
            watching_draining: WakerSet::default(),
        };
        Arc::new(Self {
            name,
            local,
            neighbours: OnceLock::new(),
            labels,
            contracts,
            lints,
            payload_bytes_max: AtomicUsize::new(payload_bytes_max),
            large_bytes,
            blocking,
            called: AtomicBool::new(false),
            runtime: Handle::try_current().ok(),
            handlers: Arc::default(),
            shared: Mutex::new(shared),
        })
    }

    /// Lets this peer find the others of its node. Called once, before a handler can run.
    pub(in crate::net) fn introduce(&self, neighbours: &Arc<Neighbours<Self>>) {
        let _ = self.neighbours.set(Arc::clone(neighbours));
    }

    /// Returns this node's peer of this name, as long as the node lives.
    pub(in crate::net) fn neighbour(self: &Arc<Self>, name: &str) -> Option<Arc<Self>> {
        if *self.name == *name {
            return Some(Arc::clone(self));
        }
        self.neighbours.get()?.find(name)
    }

    /// The name among this node's peers that a wrong one most likely stands for.
    pub(in crate::net) fn nearest_neighbour(&self, wrong: &str) -> Option<String> {
        self.neighbours.get()?.nearest(wrong)
    }

    /// Maximum length of a payload on the last connection.
    pub(in crate::net) fn payload_bytes_max(&self) -> usize {
        self.payload_bytes_max.load(Ordering::Relaxed)
    }

    /// Sets what [`payload_bytes_max`](Self::payload_bytes_max) returns. Called when a connection is up.
    pub(in crate::net) fn set_payload_bytes_max(&self, bytes: usize) {
        self.payload_bytes_max.store(bytes, Ordering::Relaxed);
    }

    /// Runs `act` under the lock and collects its effects. The caller applies `effects`.
    ///
    /// For the driver, which reuses its effects. All other code uses [`with`](Self::with), which also wakes the driver.
    pub(in crate::net) fn act<T>(
        &self,
        effects: &mut Effects,
        act: impl FnOnce(&mut Shared, &mut Effects) -> T,
    ) -> T {
        // A panic under the lock is a bug in the core. The poison is ignored, so that other calls continue.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let result = act(&mut shared, effects);
        shared.collect(effects);
        result
    }

    /// Runs `act` under the lock, then applies its effects, which can wake the driver.
    pub(in crate::net) fn with<T>(&self, act: impl FnOnce(&mut Shared, &mut Effects) -> T) -> T {
        let mut effects = Effects::default();
        let result = self.act(&mut effects, |shared, effects| {
            let result = act(shared, effects);
            shared.wake_driver(effects);
            shared.check_drained(effects);
            result
        });
        debug_assert!(!effects.has_serve(), "only the driver handles requests");
        if effects.wakes_driver() {
            self.called.store(true, Ordering::Relaxed);
        }
        drop(effects); // Applies them.
        result
    }

    /// Like [`with`](Self::with), for code that needs only the link.
    pub(in crate::net) fn link<T>(&self, act: impl FnOnce(&mut Link) -> T) -> T {
        self.with(|shared, _| act(&mut shared.link))
    }

    /// Calls `ask` on the link, and registers the task of `cx` in the same critical section if the result is `Pending`.
    ///
    /// `spare` is a clone of the task's waker, if the caller has one; it is taken when it is registered. Without it `ask`
    /// may be called twice, so it must not change the link if it returns `Pending`.
    pub(in crate::net) fn poll<T>(
        &self,
        waiter: Waiter,
        cx: &Context<'_>,
        spare: &mut Option<Waker>,
        mut ask: impl FnMut(&mut Link) -> Poll<T>,
    ) -> Poll<T> {
        self.with_waker(cx, spare, |shared, spare, effects| {
            let polled = ask(&mut shared.link);
            if polled.is_pending() && !shared.waiters.has(waiter, cx.waker()) {
                shared.waiters.register(waiter, spare.take()?, effects);
            }
            Some(polled)
        })
    }

    /// Calls `look` on the shared state, and registers the task of `cx` in the same critical section if it returns
    /// `None`. A task that stops waiting must call [`unwatch`](Self::unwatch) with its place.
    pub(in crate::net) fn poll_watched<T>(
        &self,
        watched: Watched,
        place: &mut Option<Place>,
        cx: &Context<'_>,
        look: impl Fn(&Shared) -> Option<T>,
    ) -> Poll<T> {
        self.with_waker(cx, &mut None, |shared, waker, effects| {
            if let Some(answer) = look(shared) {
                return Some(Poll::Ready(answer));
            }
            let set = shared.watching(watched);
            if !set.has(*place, cx.waker()) {
                set.register(place, waker.take()?, effects);
            }
            Some(Poll::Pending)
        })
    }

    /// Runs `act` under the lock as [`with`](Self::with) does. If it returns `None` because it needs a clone of the task's
    /// waker, runs it again with one: cloning can run user code, so the lock is released first.
    fn with_waker<T>(
        &self,
        cx: &Context<'_>,
        clone: &mut Option<Waker>,
        mut act: impl FnMut(&mut Shared, &mut Option<Waker>, &mut Effects) -> Option<T>,
    ) -> T {
        loop {
            if let Some(result) = self.with(|shared, effects| act(shared, clone, effects)) {
                return result;
            }
            *clone = Some(cx.waker().clone());
        }
    }

    /// Removes the waker of a task that no longer waits.
    pub(in crate::net) fn unwatch(&self, watched: Watched, place: Option<Place>) {
        if let Some(place) = place {
            self.with(|shared, effects| shared.watching(watched).remove(place, effects));
        }
    }

    /// Wakes the driver if it sleeps.
    pub(in crate::net) fn interrupt_driver(&self) {
        self.with(|shared, effects| {
            if let Some(driver) = shared.parked.interrupt() {
                effects.wake_driver(driver);
            }
        });
    }

    /// Returns whether a caller has woken the driver since the last call of this function.
    pub(in crate::net) fn was_called(&self) -> bool {
        self.called.load(Ordering::Relaxed) && self.called.swap(false, Ordering::Relaxed)
    }

    /// The runtime on which the link runs.
    pub(in crate::net) fn runtime(&self) -> Option<Handle> {
        self.runtime.clone()
    }

    /// Counts a handler's task.
    pub(in crate::net) fn count_handler(&self) -> CountedHandler {
        self.handlers.fetch_add(1, Ordering::Relaxed);
        CountedHandler(Arc::clone(&self.handlers))
    }

    /// The number of handlers' tasks.
    pub(in crate::net) fn handlers(&self) -> usize {
        self.handlers.load(Ordering::Relaxed)
    }

    /// The state of the connection.
    pub(in crate::net) fn state(&self) -> State {
        self.with(|shared, _| shared.state.clone())
    }

    /// Changes the state, unless it is a last one. A reason that equals the current one changes nothing.
    pub(in crate::net) fn show(&self, state: State) {
        // Reasons are compared by their texts, which an error of the user's can write, so not under the lock.
        let mut is_same = false;
        catch("the comparison of two errors", || is_same = self.state() == state);
        self.with(|shared, effects| match state {
            State::Error(error) if is_same => effects.drop_error(error),
            state => shared.show(state, effects),
        });
    }

    /// Passes the result of a single request's handler to the link.
    pub(in crate::net) fn reply(&self, key: Key, outcome: &Result<Option<Body>, Fault>) {
        self.link(|link| link.reply(key, outcome));
    }

    /// Passes the result of a stream's handler to the link.
    pub(in crate::net) fn finish_stream(&self, key: Key, outcome: &Result<(), Fault>) {
        self.link(|link| link.finish_stream(key, outcome));
    }

    /// Returns the names of one of this node's handlers.
    pub(in crate::net) fn label(&self, route: RouteIndex) -> Option<&Label> {
        self.labels.get(route)
    }

    /// Waits until no call of the peer is served. The link must be finishing: otherwise waiting tasks are not woken.
    pub(in crate::net) async fn finished(&self) {
        let mut watch = Watch::new(self, Watched::Drained);
        watch.until(|shared| shared.link.serves_nothing().then_some(())).await;
    }

    /// Waits until no call of the peer can be on its way, for up to two seconds: as long as two lost packets take. The link
    /// must be finishing, and serve nothing.
    pub(in crate::net) async fn quiet(&self) {
        let mut watch = Watch::new(self, Watched::Quiet);
        let quiet = watch.until(|shared| (!shared.link.awaits_calls()).then_some(()));
        let _ = tokio::time::timeout(CONFIRMATION_TIMEOUT, quiet).await;
    }

    /// Waits until nothing is in flight. The link must be closing: otherwise waiting tasks are not woken.
    pub(in crate::net) async fn drained(&self) {
        let mut watch = Watch::new(self, Watched::Drained);
        watch.until(|shared| shared.is_drained().then_some(())).await;
    }
}

/// Omits the link, which contains payloads.
impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, local, .. } = self;
        f.debug_struct("Peer").field("name", name).field("local", local).finish_non_exhaustive()
    }
}

impl Shared {
    /// The state, and the number of its last change.
    pub(in crate::net) fn state(&self) -> (&State, u64) {
        (&self.state, self.version)
    }

    /// See [`Peer::show`].
    pub(in crate::net) fn show(&mut self, state: State, effects: &mut Effects) {
        let unused = match self.state {
            State::Shutdown | State::Removed => state,
            _ => {
                self.version += 1;
                self.watching_state.wake_all(effects);
                std::mem::replace(&mut self.state, state)
            }
        };
        if let State::Error(error) = unused {
            effects.drop_error(error);
        }
    }

    /// The link is up, and carries no new calls.
    pub(in crate::net) fn show_draining(&mut self, effects: &mut Effects) {
        if let State::Connected { instance } = self.state {
            self.show(State::Draining { instance }, effects);
        }
    }

    /// Called by the driver: whether the transport holds messages that it has not written to the socket.
    pub(in crate::net) fn set_unflushed(&mut self, unflushed: bool, effects: &mut Effects) {
        self.unflushed = unflushed;
        self.check_drained(effects);
    }

    /// Whether nothing is in flight and all output has been written to the socket.
    pub(in crate::net) fn is_drained(&self) -> bool {
        self.link.is_drained() && !self.unflushed
    }

    /// Whether the calls have ended that the current step of a shutdown waits for.
    fn is_step_done(&self) -> bool {
        if self.link.is_closing() { self.is_drained() } else { self.link.serves_nothing() }
    }

    fn check_drained(&mut self, effects: &mut Effects) {
        if !self.link.is_shutting_down() {
            return;
        }
        self.watching_draining.wake_all(effects);
        // Each only if what its tasks wait for is true: they look again at once.
        if self.is_step_done() {
            self.watching_drained.wake_all(effects);
        }
        if !self.link.awaits_calls() {
            self.watching_quiet.wake_all(effects);
        }
    }

    fn wake_driver(&mut self, effects: &mut Effects) {
        let link = &self.link;
        let driver = self.parked.wake(|| link.wants_transmit(), || link.poll_timeout());
        if let Some(driver) = driver {
            effects.wake_driver(driver);
        }
    }

    fn watching(&mut self, watched: Watched) -> &mut WakerSet {
        match watched {
            Watched::Finished(key) => self.waiters.finished(key),
            Watched::State => &mut self.watching_state,
            Watched::Drained => &mut self.watching_drained,
            Watched::Quiet => &mut self.watching_quiet,
            Watched::Draining => &mut self.watching_draining,
        }
    }

    /// Converts the events of the link to effects.
    fn collect(&mut self, effects: &mut Effects) {
        while let Some(event) = self.link.poll_event() {
            match event {
                Event::Wake { side, key, half } => self.waiters.wake(side, key, half, effects),
                Event::Cancel { key } => {
                    effects.cancel_serve(key);
                    let task = self.waiters.finish(key, effects);
                    effects.abort(task);
                }
                Event::Finished { key } => {
                    // The handler has returned, so its task needs no abort.
                    drop(self.waiters.finish(key, effects));
                }
                Event::Draining => self.show_draining(effects),
                Event::Finding(finding) => effects.warn(&self.lints, finding),
                Event::Serve { .. } => effects.serve(event),
                Event::Released(Released::Payload(payload)) => effects.drop_payload(payload),
                Event::Released(Released::Error(error)) => effects.drop_error(error),
            }
        }
    }
}

/// The number of the first call of this run of the node; see [`Link::new`]. A 32-bit number costs four bytes a message.
fn first_mux() -> NonZeroU32 {
    NonZeroU32::new(entropy::random()).unwrap_or(NonZeroU32::MIN)
}

/// A future's registration for a condition of a peer. Dropping it removes the waker.
#[derive(Debug)]
pub(in crate::net) struct Watch<'a> {
    peer: &'a Peer,
    watched: Watched,
    place: Option<Place>,
}

impl<'a> Watch<'a> {
    pub(in crate::net) fn new(peer: &'a Peer, watched: Watched) -> Self {
        Self { peer, watched, place: None }
    }

    /// Waits until `look` returns an answer.
    pub(in crate::net) async fn until<T>(&mut self, look: impl Fn(&Shared) -> Option<T>) -> T {
        std::future::poll_fn(|cx| self.peer.poll_watched(self.watched, &mut self.place, cx, &look))
            .await
    }
}

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        self.peer.unwatch(self.watched, self.place);
    }
}

/// The clock of this layer: tokio's, so that tests can pause it.
pub(in crate::net) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A peer may still answer the calls of an earlier run, see [`Link::new`].
    #[test]
    fn each_run_numbers_its_calls_from_another_number_on() {
        let runs: BTreeSet<_> = (0..8).map(|_| first_mux()).collect();
        assert_eq!(runs.len(), 8);
    }
}
