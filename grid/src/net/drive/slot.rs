//! Takes a link away from a driver that is blocked by user code.
//!
//! Handlers are polled in the driver, and wakers and payloads of the user are woken and dropped there. Such code can
//! block its thread, or wait for a call over the same link. So before the driver runs it, it puts its [`Core`] into the
//! [`Slot`] of its link, and takes it back afterwards. If the code does not return soon, the watchdog (watchdog.rs)
//! takes the core out of the slot and spawns a new driver that goes on with it. The old driver finds the slot empty
//! when the code returns: it delivers the outcome of that code, and ends.
//!
//! A runtime with one worker has no other thread for a new driver, so nothing is lent there.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use super::core::{Core, discard};
use super::endpoint::Endpoint;
use super::watchdog::{self, Watched};
use crate::error::LinkError;
use crate::net::serve::dispatch::{self, Started, note_block};
use crate::net::serve::workers::{Blocked, Permit};
use crate::net::transport::Transport;
use crate::proto::{Event, RouteIndex};

/// Ticks of the watchdog without user code, after which it does not look at a link until the link runs some again.
const IDLE_TICKS: u32 = 20;

/// Spawns a driver with this core and generation.
pub(super) type SpawnDriver<T> = Box<dyn Fn(Arc<Slot<T>>, Box<Core<T>>, u64) + Send + Sync>;

/// The place where a driver leaves its core while user code runs.
pub(super) struct Slot<T> {
    endpoint: Endpoint,
    spawn: SpawnDriver<T>,
    /// The connection is no longer wanted.
    is_cut: AtomicBool,
    state: Mutex<State<T>>,
}

struct State<T> {
    /// Present while user code runs.
    lent: Option<Box<Core<T>>>,
    /// The number of the current driver. Earlier ones have lost the core.
    generation: u64,
    /// The method whose handler runs.
    route: Option<RouteIndex>,
    /// Counts the pieces of user code.
    pieces: u64,
    /// The value of `pieces` at the last tick.
    pieces_seen: u64,
    idle_ticks: u32,
    is_watched: bool,
    /// The drivers that have lost the core and are still blocked.
    blocked: Vec<(u64, Blocked)>,
    ended: Option<oneshot::Sender<Ended<T>>>,
}

/// The end of a connection.
pub(super) struct Ended<T> {
    pub(super) reason: LinkError,
    /// `None` if the driver panicked.
    pub(super) transport: Option<T>,
}

/// The link was taken away from this driver.
#[derive(Debug)]
pub(super) struct Taken;

impl<T: Transport + 'static> Slot<T> {
    /// Creates the slot of a connection. `spawn` spawns the drivers that take over, and the returned channel receives the
    /// end.
    pub(super) fn new(
        endpoint: &Endpoint,
        spawn: SpawnDriver<T>,
    ) -> (Arc<Self>, oneshot::Receiver<Ended<T>>) {
        let (ended, receiver) = oneshot::channel();
        let state = State {
            lent: None,
            generation: 0,
            route: None,
            pieces: 0,
            pieces_seen: 0,
            idle_ticks: 0,
            is_watched: false,
            blocked: Vec::new(),
            ended: Some(ended),
        };
        let slot = Self {
            endpoint: endpoint.clone(),
            spawn,
            is_cut: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        (Arc::new(slot), receiver)
    }

    /// Reports how the connection has ended, unless another driver has the link.
    pub(super) fn finish(&self, generation: u64, ended: Ended<T>) {
        let mut state = self.lock();
        let sender = if state.generation == generation { state.ended.take() } else { None };
        drop(state);
        if let Some(sender) = sender {
            // If the receiver is gone, so is the link.
            drop(sender.send(ended));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- cutting ----------------------------------------------------------------------------------------------------

    /// Ends the connection. Returns its transport if user code runs; otherwise the driver reports the end soon.
    pub(super) fn cut(&self) -> Option<T> {
        self.is_cut.store(true, Ordering::Relaxed);
        let mut state = self.lock();
        let lent = state.lent.take();
        if lent.is_some() {
            state.generation += 1;
        }
        drop(state);
        // The flag was set before this takes the lock of the link, under which the driver looks at the flag and parks.
        self.endpoint.peer.interrupt_driver();
        lent.and_then(|mut core| core.transport.take())
    }

    /// Whether the connection is no longer wanted.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut.load(Ordering::Relaxed)
    }

    // ---- lending ----------------------------------------------------------------------------------------------------

    /// Asks for permission to run user code. `None`: not now.
    pub(super) fn enter(&self) -> Option<Permit<'_>> {
        self.endpoint.workers.enter()
    }

    /// Starts the handlers that the core has to serve.
    pub(super) fn serve(
        self: &Arc<Self>,
        mut core: Box<Core<T>>,
        generation: u64,
        permit: &Permit<'_>,
    ) -> Result<Box<Core<T>>, Taken> {
        let Some(mut event) = core.next_serve() else { return Ok(core) };
        let Endpoint { peer, registry, workers } = &self.endpoint;
        let mut state = self.lend(core);
        loop {
            let route = route_of(&event);
            state.begin(route);
            drop(state);
            let started = dispatch::serve(peer, registry, workers, event);
            state = self.lock();
            let Some(core) = state.of(generation) else {
                drop(state);
                self.deliver(started, route);
                return Err(self.returned(generation));
            };
            core.add(started);
            if core.is_full_of_replies() {
                core.answer();
                let spent = core.take_spent();
                drop(state);
                permit.run(|| discard(spent));
                state = self.lock();
            }
            let next = state.of(generation).map(|core| core.next_serve());
            match next {
                Some(Some(next)) => event = next,
                Some(None) => return state.lent.take().ok_or(Taken),
                None => {
                    drop(state);
                    return Err(self.returned(generation));
                }
            }
        }
    }

    /// Runs a piece of user code.
    pub(super) fn run(
        self: &Arc<Self>,
        core: Box<Core<T>>,
        generation: u64,
        permit: &Permit<'_>,
        piece: impl FnOnce(),
    ) -> Result<Box<Core<T>>, Taken> {
        let mut state = self.lend(core);
        state.begin(None);
        drop(state);
        permit.run(piece);
        let mut state = self.lock();
        match state.of(generation) {
            Some(_) => state.lent.take().ok_or(Taken),
            None => {
                drop(state);
                Err(self.returned(generation))
            }
        }
    }

    /// Whether a new driver can take the link over while user code runs.
    pub(super) fn can_be_taken(&self) -> bool {
        self.endpoint.workers.are_several()
    }

    fn lend(self: &Arc<Self>, core: Box<Core<T>>) -> MutexGuard<'_, State<T>> {
        let mut state = self.lock();
        state.lent = Some(core);
        if !state.is_watched {
            state.is_watched = true;
            state.idle_ticks = 0;
            watchdog::watch(Arc::clone(self) as Arc<dyn Watched>);
        }
        state
    }

    /// Delivers the result of a handler that has blocked its driver, which does not have the link any more.
    fn deliver(&self, started: Option<Started>, route: Option<RouteIndex>) {
        let Endpoint { peer, registry, workers } = &self.endpoint;
        if let Some(label) = route.and_then(|route| peer.label(route)) {
            tracing::debug!(
                local = %peer.local, peer = %peer.name, method = %label.method,
                "a handler has blocked its thread"
            );
        }
        match started {
            Some(Started::Finished((key, outcome))) => peer.reply(key, &outcome),
            Some(Started::Later(handler)) => handler.spawn(peer, registry, workers),
            None => {}
        }
    }

    /// The user code of a driver without its link has returned.
    fn returned(&self, generation: u64) -> Taken {
        self.lock().blocked.retain(|(blocked, _)| *blocked != generation);
        Taken
    }
}

impl<T> State<T> {
    /// Counts the piece of user code that runs next.
    fn begin(&mut self, route: Option<RouteIndex>) {
        self.pieces += 1;
        self.route = route;
    }

    /// Returns the core that this driver has lent, unless it was taken.
    fn of(&mut self, generation: u64) -> Option<&mut Box<Core<T>>> {
        if self.generation == generation { self.lent.as_mut() } else { None }
    }
}

impl<T: Transport + 'static> Watched for Slot<T> {
    fn tick(self: Arc<Self>) -> bool {
        let Ok(mut state) = self.state.try_lock() else { return true };
        if state.pieces != state.pieces_seen {
            state.pieces_seen = state.pieces;
            state.idle_ticks = 0;
            return true;
        }
        let Some(mut core) = state.lent.take() else {
            state.idle_ticks += 1;
            state.is_watched = state.idle_ticks < IDLE_TICKS;
            return state.is_watched;
        };
        let blocked = state.generation;
        state.blocked.push((blocked, self.endpoint.workers.block()));
        state.generation += 1;
        let (generation, route) = (state.generation, state.route.take());
        drop(state);
        if let Some(route) = route {
            note_block(&self.endpoint.registry, route);
        }
        core.has_output = true;
        (self.spawn)(Arc::clone(&self), core, generation);
        true
    }
}

fn route_of(event: &Event) -> Option<RouteIndex> {
    match event {
        Event::Serve { route, .. } => Some(*route),
        _ => None,
    }
}
