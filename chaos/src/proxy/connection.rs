//! What is known of one connection between two nodes: what was done to it, and what is to be done. `carry.rs` has its bytes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::hit::{Damage, Hit};

/// What is to be done to a connection, and whom to tell.
#[derive(Debug)]
pub(super) struct Armed {
    pub(super) hit: Hit,
    pub(super) done: oneshot::Sender<Damage>,
}

/// How the proxy ends a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both ends are closed: they read the end of the stream.
    Cut,
    /// Both ends are reset.
    Reset,
}

/// One connection. Directions are numbered; 0 is that of the dialer.
#[derive(Debug)]
pub(super) struct Connection {
    ending: watch::Sender<Option<Ending>>,
    armed: Mutex<Option<Armed>>,
    /// Whether bytes of a direction have vanished. It never carries any again.
    swallowed: [AtomicBool; 2],
    /// The damage after the handshake, which an end must notice.
    damage: Mutex<Option<Damage>>,
}

impl Connection {
    pub(super) fn new(armed: Option<Armed>) -> Self {
        Self {
            ending: watch::Sender::default(),
            armed: Mutex::new(armed),
            swallowed: Default::default(),
            damage: Mutex::default(),
        }
    }

    pub(super) fn cut(&self) {
        self.end(Ending::Cut);
    }

    pub(super) fn reset(&self) {
        self.end(Ending::Reset);
    }

    /// Waits until the proxy ends it.
    pub(super) async fn ending(&self) -> Option<Ending> {
        let mut ending = self.ending.subscribe();
        ending.wait_for(Option::is_some).await.ok().and_then(|ending| *ending)
    }

    fn end(&self, ending: Ending) {
        self.ending.send_if_modified(|now| now.is_none() && now.replace(ending).is_none());
    }

    /// Whether bytes of this direction have vanished.
    pub(super) fn has_swallowed(&self, way: usize) -> bool {
        self.swallowed[way].load(Ordering::Relaxed)
    }

    pub(super) fn swallow(&self, way: usize) {
        self.swallowed[way].store(true, Ordering::Relaxed);
    }

    /// Does this to the next bytes that it fits; `None` if the connection is damaged already.
    pub(super) fn arm(&self, hit: Hit) -> Option<oneshot::Receiver<Damage>> {
        let is_whole = self.ending.borrow().is_none()
            && lock(&self.damage).is_none()
            && ![0, 1].iter().any(|way| self.has_swallowed(*way));
        let mut armed = lock(&self.armed);
        if !is_whole || armed.is_some() {
            return None;
        }
        let (done, receiver) = oneshot::channel();
        *armed = Some(Armed { hit, done });
        Some(receiver)
    }

    /// What is to be done to this direction.
    pub(super) fn hit(&self, way: usize) -> Option<Hit> {
        let mut armed = lock(&self.armed);
        if armed.as_ref().is_some_and(|armed| armed.done.is_closed()) {
            // It has found no place in time, and must not happen when nobody expects it any more.
            *armed = None;
        }
        armed.as_ref().map(|armed| armed.hit).filter(|hit| hit.way() == way)
    }

    /// It was done.
    pub(super) fn done(&self, damage: Damage) {
        if let Some(Armed { hit, done }) = lock(&self.armed).take() {
            if matches!(hit, Hit::Corrupt { .. }) {
                *lock(&self.damage) = Some(damage.clone());
            }
            // Nobody waits any more if it took too long.
            let _ = done.send(damage);
        }
    }

    /// The damage after the handshake.
    pub(super) fn damage(&self) -> Option<Damage> {
        lock(&self.damage).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
