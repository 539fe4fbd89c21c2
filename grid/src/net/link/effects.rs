//! What must happen after the lock of a link is released: everything that can run the user's code.
//!
//! A waker, a payload and the source of an error belong to the user. Waking, dropping or cloning one can panic, block,
//! or call back into the same link, so it must not happen under the lock. Code that holds the lock moves such values
//! into an [`Effects`], and [`Peer`](super::peer::Peer) applies it once the lock is free. No other code in this crate
//! wakes, drops or aborts anything on behalf of a link.

use std::sync::Arc;
use std::task::Waker;

use bytes::Bytes;
use tokio::task::AbortHandle;

use crate::error::LinkError;
use crate::net::catch::catch;
use crate::proto::{Event, Key};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct Effects {
    /// Applied first, so that the link continues even if user code blocks in another effect.
    driver: Option<Waker>,
    list: Vec<Effect>,
    /// Number of `Wake` effects in `list`.
    wakes: usize,
    /// Every `Event::Serve`. Only the driver handles messages, so this is empty for all other code.
    serve: Vec<Event>,
}

#[derive(Debug)]
enum Effect {
    Wake(Waker),
    /// Drop a waker that was replaced or is no longer needed.
    DropWaker(Waker),
    DropPayload(Bytes),
    /// Drop the reason of a state or failure. Its source can be an error type of the user.
    DropError(Arc<LinkError>),
    /// Abort the task of a handler.
    Abort(AbortHandle),
}

impl Effects {
    pub(super) fn wake_driver(&mut self, driver: Waker) {
        debug_assert!(self.driver.is_none(), "a link has one driver");
        self.driver = Some(driver);
    }

    pub(super) fn wakes_driver(&self) -> bool {
        self.driver.is_some()
    }

    pub(in crate::net) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        for waker in wakers {
            self.list.push(Effect::Wake(waker));
            self.wakes += 1;
        }
    }

    pub(super) fn drop_waker(&mut self, waker: Option<Waker>) {
        self.list.extend(waker.map(Effect::DropWaker));
    }

    pub(super) fn drop_payload(&mut self, payload: Bytes) {
        self.list.push(Effect::DropPayload(payload));
    }

    pub(super) fn drop_error(&mut self, error: Arc<LinkError>) {
        self.list.push(Effect::DropError(error));
    }

    pub(super) fn abort(&mut self, task: Option<AbortHandle>) {
        self.list.extend(task.map(Effect::Abort));
    }

    pub(super) fn serve(&mut self, serve: Event) {
        self.serve.push(serve);
    }

    /// Removes the `Event::Serve` of a call that was cancelled before its handler started.
    pub(super) fn cancel_serve(&mut self, cancelled: Key) {
        self.serve.retain(|serve| !matches!(serve, Event::Serve { key, .. } if *key == cancelled));
    }

    /// The number of tasks to wake and handlers to start.
    pub(in crate::net) fn activations(&self) -> usize {
        self.wakes + self.serve.len()
    }

    /// Takes the handlers to start.
    pub(in crate::net) fn take_serve(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.serve)
    }

    /// Returns the emptied list from [`take_serve`](Self::take_serve), to reuse its memory.
    pub(in crate::net) fn reuse_serve(&mut self, emptied: Vec<Event>) {
        if self.serve.is_empty() {
            self.serve = emptied;
        }
    }

    /// Wakes, drops and aborts. Panics are caught for each value separately, so that a panic does not affect the other
    /// values. Does not touch the handlers to start.
    ///
    /// Must not be called while a link is locked.
    pub(in crate::net) fn apply(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake(); // A waker of the runtime, so no user code runs here.
        }
        self.wakes = 0;
        for effect in self.list.drain(..) {
            match effect {
                Effect::Wake(waker) => catch("a waker", || waker.wake()),
                Effect::DropWaker(waker) => catch("the drop of a waker", || drop(waker)),
                Effect::DropPayload(payload) => catch("the drop of a payload", || drop(payload)),
                Effect::DropError(error) => catch("the drop of an error", || drop(error)),
                Effect::Abort(task) => task.abort(),
            }
        }
    }
}

impl Drop for Effects {
    /// The effects are applied even if their owner panics: the link has already removed these wakers from its tables,
    /// so the tasks would never be woken otherwise.
    fn drop(&mut self) {
        self.apply();
    }
}
