//! Takes a link away from a driver that is blocked by user code.
//!
//! Handlers are polled in the driver, and wakers and payloads of the user are woken and dropped there. Such code can
//! block its thread, or wait for a call over the same link. So before the driver runs it, it puts its [`Core`] into the
//! [`Slot`] of its link, and takes it back afterwards. If the code does not return soon, the watchdog (watchdog.rs)
//! takes the core out of the slot and spawns a new driver that goes on with it. The old driver finds the slot empty
//! when the code returns: it delivers the outcome of that code, and ends.
//!
//! A runtime with one worker has no other thread for a new driver, so nothing is lent there.

use std::sync::{Arc, PoisonError, TryLockError};

use tokio::sync::oneshot;

use super::core::{Core, discard};
use super::endpoint::Endpoint;
use super::watchdog::{Watchdog, Watched};
use crate::error::LinkError;
use crate::net::catch::log;
use crate::net::serve::dispatch::{self, Started, note_block};
use crate::net::serve::workers::{Blocked, Permit, Workers};
use crate::net::transport::Transport;
use crate::proto::{Event, RouteIndex};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Ticks of the watchdog without user code, after which it does not look at a link until the link runs some again.
const IDLE_TICKS: u32 = 20;

/// Spawns a driver with this core and generation.
pub(super) type SpawnDriver<T> = Box<dyn Fn(Arc<Slot<T>>, Box<Core<T>>, u64) + Send + Sync>;

/// The place where a driver leaves its core while user code runs.
pub(super) struct Slot<T> {
    endpoint: Endpoint,
    spawn: SpawnDriver<T>,
    /// Lets a new driver take over while user code runs. `None`: no other thread could run it.
    watchdog: Option<Arc<Watchdog>>,
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
        watchdog: Option<Arc<Watchdog>>,
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
            watchdog,
            is_cut: AtomicBool::new(false),
            state: Mutex::new(state),
        };
        (Arc::new(slot), receiver)
    }

    /// Reports how the connection has ended, unless another driver has the link.
    pub(super) fn finish(&self, generation: u64, ended: Ended<T>) {
        let mut state = self.lock();
        if state.generation != generation {
            return;
        }
        // The driver may have panicked while its core was lent. No other driver may take that.
        state.generation += 1;
        let (sender, lent) = (state.ended.take(), state.lent.take());
        drop(state);
        drop(lent);
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
    pub(super) fn cut(self: &Arc<Self>) -> Option<T> {
        self.is_cut.store(true, Ordering::Relaxed);
        let taken = self.lock().take_from_driver(&self.endpoint.workers);
        // The flag was set before this takes the lock of the link, under which the driver looks at the flag and parks.
        self.endpoint.peer.interrupt_driver();
        let (mut core, generation) = taken?;
        let transport = core.transport.take();
        // The new driver ends at once. Dropping the rest of the core runs user code, which may block its task.
        (self.spawn)(Arc::clone(self), core, generation);
        transport
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
        let Some(mut event) = core.effects.next_serve() else { return Ok(core) };
        let Endpoint { caller, registry, workers, .. } = &self.endpoint;
        let mut state = self.lend(core);
        loop {
            let route = route_of(&event);
            state.begin_piece(route);
            drop(state);
            let started = dispatch::serve(caller, registry, workers, event, permit.is_last());
            state = self.lock();
            let Some(core) = state.lent_by(generation) else {
                drop(state);
                let _returned = Returned { slot: self, generation };
                self.deliver_late(started, route);
                return Err(Taken);
            };
            core.add(started);
            if core.is_full_of_replies() {
                core.answer();
                let mut spent = core.take_spent();
                state.begin_piece(None);
                drop(state);
                permit.run(|| discard(spent.drain(..)));
                state = self.lock();
                if let Some(core) = state.lent_by(generation) {
                    core.reuse_spent(spent);
                }
            }
            let next = state.lent_by(generation).map(|core| core.effects.next_serve());
            match next {
                Some(Some(next)) => event = next,
                Some(None) => return state.lent.take().ok_or(Taken),
                None => {
                    drop(state);
                    drop(Returned { slot: self, generation });
                    return Err(Taken);
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
        state.begin_piece(None);
        drop(state);
        permit.run(piece);
        let mut state = self.lock();
        if state.lent_by(generation).is_some() {
            return state.lent.take().ok_or(Taken);
        }
        drop(state);
        drop(Returned { slot: self, generation });
        Err(Taken)
    }

    /// Whether a new driver can take the link over while user code runs.
    pub(super) fn can_be_taken(&self) -> bool {
        self.watchdog.is_some()
    }

    fn lend(self: &Arc<Self>, core: Box<Core<T>>) -> MutexGuard<'_, State<T>> {
        let mut state = self.lock();
        state.lent = Some(core);
        if !state.is_watched
            && let Some(watchdog) = &self.watchdog
        {
            state.is_watched = true;
            state.idle_ticks = 0;
            let slot: Arc<dyn Watched> = Arc::clone(self) as _;
            watchdog.watch(&slot);
        }
        state
    }

    /// Delivers the result of a handler that has blocked its driver, which does not have the link any more.
    fn deliver_late(&self, started: Option<Started>, route: Option<RouteIndex>) {
        let Endpoint { peer, registry, workers, .. } = &self.endpoint;
        if let Some(label) = route.and_then(|route| peer.label(route)) {
            log!(debug, local = %peer.local, peer = %peer.name, method = %label.method, "a handler has blocked its thread");
        }
        match started {
            Some(Started::Finished((key, outcome))) => {
                peer.reply(key, &outcome);
                discard([(key, outcome)]);
            }
            Some(Started::Later(handler)) => handler.spawn(peer, registry, workers),
            None => {}
        }
    }
}

/// The user code of a driver that has lost the core has returned, and the driver ends when this is dropped.
struct Returned<'a, T> {
    slot: &'a Slot<T>,
    generation: u64,
}

impl<T> Drop for Returned<'_, T> {
    fn drop(&mut self) {
        let mut state = self.slot.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.blocked.retain(|(blocked, _)| *blocked != self.generation);
    }
}

impl<T> State<T> {
    /// Takes the core from the driver that runs user code. That driver counts as blocked until the code returns. Returns
    /// the generation of the next driver as well.
    fn take_from_driver(&mut self, workers: &Arc<Workers>) -> Option<(Box<Core<T>>, u64)> {
        let core = self.lent.take()?;
        self.blocked.push((self.generation, workers.block()));
        self.generation += 1;
        Some((core, self.generation))
    }

    /// Counts the piece of user code that runs next.
    fn begin_piece(&mut self, route: Option<RouteIndex>) {
        self.pieces += 1;
        self.route = route;
    }

    /// Returns the core that this driver has lent, unless it was taken.
    fn lent_by(&mut self, generation: u64) -> Option<&mut Box<Core<T>>> {
        if self.generation == generation { self.lent.as_mut() } else { None }
    }
}

impl<T: Transport + 'static> Watched for Slot<T> {
    fn tick(self: Arc<Self>) -> bool {
        let mut state = match self.state.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return true,
        };
        if state.pieces != state.pieces_seen {
            state.pieces_seen = state.pieces;
            state.idle_ticks = 0;
            return true;
        }
        let Some((mut core, generation)) = state.take_from_driver(&self.endpoint.workers) else {
            state.idle_ticks += 1;
            state.is_watched = state.idle_ticks < IDLE_TICKS;
            return state.is_watched;
        };
        let route = state.route.take();
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
