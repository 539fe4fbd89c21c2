//! What must happen after the lock of a link is released: everything that can run the user's code.
//!
//! A waker, a payload and the source of an error belong to the user. Waking, dropping or cloning one can panic, block,
//! or call back into the same link, so it must not happen under the lock. Code that holds the lock moves such values
//! into an [`Effects`]. [`Peer`](super::peer::Peer) applies it after it has released the lock; the driver applies its own
//! in parts. No other code in this crate wakes, drops or aborts anything on behalf of a link.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{RawWakerVTable, Waker};

use bytes::Bytes;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::AbortHandle;

use super::lints::Lints;
use crate::error::LinkError;
use crate::net::catch::catch;
use crate::proto::{Event, Finding, Key};

/// See the module.
#[derive(Debug, Default)]
pub(in crate::net) struct Effects {
    /// Applied first, so that the link continues even if user code blocks in another effect.
    driver: Option<Waker>,
    list: Vec<Effect>,
    /// Effects that [`apply_own`](Self::apply_own) has left for later.
    foreign: VecDeque<Effect>,
    /// Number of `Wake` effects in `list`.
    wakes: usize,
    /// Every `Event::Serve`. Only the driver handles messages, so this is empty for all other code.
    serve: VecDeque<Event>,
}

/// One action. Most of them can run the user's code.
#[derive(Debug)]
pub(in crate::net) enum Effect {
    Wake(Waker),
    /// Drop a waker that was replaced or is no longer needed.
    DropWaker(Waker),
    DropPayload(Bytes),
    /// Drop the reason of a state or failure. Its source can be an error type of the user.
    DropError(Arc<LinkError>),
    /// Abort the task of a handler.
    Abort(AbortHandle),
    /// Warn of something. The subscriber of the log is the user's.
    Warn(Arc<Lints>, Box<Finding>),
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

    pub(in crate::net) fn drop_payload(&mut self, payload: Bytes) {
        self.list.push(Effect::DropPayload(payload));
    }

    pub(super) fn drop_error(&mut self, error: Arc<LinkError>) {
        self.list.push(Effect::DropError(error));
    }

    pub(super) fn warn(&mut self, lints: &Arc<Lints>, finding: Finding) {
        self.list.push(Effect::Warn(Arc::clone(lints), Box::new(finding)));
    }

    pub(super) fn abort(&mut self, task: Option<AbortHandle>) {
        self.list.extend(task.map(Effect::Abort));
    }

    pub(super) fn serve(&mut self, serve: Event) {
        self.serve.push_back(serve);
    }

    /// Removes the `Event::Serve` of a call that was cancelled before its handler started.
    pub(super) fn cancel_serve(&mut self, cancelled: Key) {
        self.serve.retain(|serve| !matches!(serve, Event::Serve { key, .. } if *key == cancelled));
    }

    /// The number of tasks to wake and handlers to start.
    pub(in crate::net) fn activations(&self) -> usize {
        self.wakes + self.serve.len()
    }

    /// Whether a handler is to be started.
    pub(in crate::net) fn has_serve(&self) -> bool {
        !self.serve.is_empty()
    }

    /// Takes the next handler to start.
    pub(in crate::net) fn next_serve(&mut self) -> Option<Event> {
        self.serve.pop_front()
    }

    /// Moves the effects that can run the user's code from the list to those of [`next_foreign`](Self::next_foreign).
    ///
    /// `own` is the table of the runtime's wakers. Wakers with another table are the user's.
    pub(in crate::net) fn set_foreign_aside(&mut self, own: &'static RawWakerVTable) {
        if self.list.iter().all(|effect| effect.is_own(own)) {
            return;
        }
        for effect in std::mem::take(&mut self.list) {
            if effect.is_own(own) {
                self.list.push(effect);
            } else {
                self.foreign.push_back(effect);
            }
        }
    }

    /// Applies the effects that are not set aside. Returns the number of woken tasks.
    pub(in crate::net) fn apply_own(&mut self) -> usize {
        if let Some(driver) = self.driver.take() {
            driver.wake();
        }
        self.wakes = 0;
        let mut woken = 0;
        for effect in self.list.drain(..) {
            woken += usize::from(matches!(effect, Effect::Wake(_)));
            effect.apply();
        }
        woken
    }

    pub(in crate::net) fn has_foreign(&self) -> bool {
        !self.foreign.is_empty()
    }

    /// Takes the next effect that can run the user's code.
    pub(in crate::net) fn next_foreign(&mut self) -> Option<Effect> {
        self.foreign.pop_front()
    }

    /// Wakes, drops and aborts. Panics are caught for each value separately, so that a panic does not affect the other
    /// values. Does not touch the handlers to start.
    ///
    /// Must not be called while a link is locked.
    pub(in crate::net) fn apply(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.wake(); // A waker of the runtime, so no user code runs here.
        }
        if self.foreign.iter().chain(&self.list).any(Effect::may_block) {
            free_lifo_slot();
        }
        self.wakes = 0;
        while let Some(effect) = self.foreign.pop_front() {
            effect.apply();
        }
        if !self.list.is_empty() {
            self.list.drain(..).for_each(Effect::apply);
        }
    }
}

impl Effect {
    /// Whether it runs no code of the user.
    fn is_own(&self, own: &'static RawWakerVTable) -> bool {
        match self {
            Self::Wake(waker) | Self::DropWaker(waker) => std::ptr::eq(waker.vtable(), own),
            Self::Abort(_) => true,
            Self::DropPayload(_) | Self::DropError(_) | Self::Warn(..) => false,
        }
    }

    /// Whether it runs code of the user other than a waker. Wakers are mostly those of the runtime.
    fn may_block(&self) -> bool {
        match self {
            Self::DropPayload(_) | Self::DropError(_) | Self::Warn(..) => true,
            Self::Wake(_) | Self::DropWaker(_) | Self::Abort(_) => false,
        }
    }

    /// Wakes, drops or aborts. A panic is caught.
    ///
    /// Must not be called while a link is locked.
    pub(in crate::net) fn apply(self) {
        match self {
            Self::Wake(waker) => catch("a waker", || waker.wake()),
            Self::DropWaker(waker) => catch("the drop of a waker", || drop(waker)),
            Self::DropPayload(payload) => catch("the drop of a payload", || drop(payload)),
            Self::DropError(error) => catch("the drop of an error", || drop(error)),
            Self::Abort(task) => task.abort(),
            Self::Warn(lints, finding) => catch("a warning", || lints.noticed(&finding)),
        }
    }
}

/// Lets other workers take the task that this one has woken last. Call it before code of the user that may block.
///
/// tokio keeps that task in the LIFO slot of the worker, where no other worker can take it, and runs it when the current task
/// has returned. It can be the driver of this link, woken now or by an earlier call of this task: if code of the user blocks
/// here, the link would wait as long. So another task takes the slot.
pub(in crate::net) fn free_lifo_slot() {
    if let Ok(runtime) = Handle::try_current()
        && runtime.runtime_flavor() != RuntimeFlavor::CurrentThread
    {
        drop(runtime.spawn(async {}));
    }
}

impl Drop for Effects {
    /// The effects are applied even if their owner panics: the link has already removed these wakers from its tables,
    /// so the tasks would never be woken otherwise.
    fn drop(&mut self) {
        self.apply();
    }
}
