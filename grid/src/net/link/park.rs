//! The wake protocol: when a task may sleep, which code must wake it, and which flags they use.
//!
//! **The driver** sleeps only through [`Parked::park`], under the lock, after it has checked under the same lock that
//! it has nothing to send and no timer is due. Five things wake it:
//!
//! | what | who wakes it |
//! |---|---|
//! | the socket has input, or takes output again | the runtime: the driver registered its waker with the transport |
//! | the time of [`Parked::until`](Parked) has come | the runtime's timer, which is set before the driver parks |
//! | a caller has output for it, and the socket takes output | the caller, through [`Parked::wake`] |
//! | a caller has set an earlier deadline | the caller, through [`Parked::wake`] |
//! | its connection is to end | `Slot::cut`, which sets a flag and then calls [`Parked::interrupt`] |
//!
//! A caller changes the link and calls [`Parked::wake`] in one critical section. So either the driver parks later and
//! sees the change, or it is parked already and the caller sees `asleep`. The caller that takes the waker clears
//! `asleep`, so only one of many callers wakes the driver. While the socket accepts no output (`takes_output` is
//! false), callers do not wake the driver: the socket will. The driver also clears `asleep` when it handles messages.
//! If its socket woke it and it has no messages to handle, a caller may wake it once more than necessary.
//!
//! **`Peer::called`** is kept outside the mutex, so that a driver woken by its socket can skip the lock when there is
//! no output. The caller sets it before it wakes the driver; the driver reads it at the start of a poll. `Relaxed` is
//! sufficient: waking a task happens before the poll that it causes, so that poll sees the flag. A concurrent poll with
//! another cause may miss the flag; the wake-up then causes another poll. The driver swaps the flag back only when it
//! was set, so that polls without callers do not write to a cache line that callers use.
//!
//! **Callers and handlers** sleep through `Peer::poll`: they look at the link and register a waker in one critical
//! section. Code that changes the state a task waits for emits `Event::Wake`, `Finished` or `Cancel` in the same
//! critical section. The wakers are removed from the table there, and woken after the lock is released (effects.rs). A
//! task whose waker was taken registers a new one when it looks again.
//!
//! **Tasks that wait for an empty link** (during a shutdown) check `Shared::is_step_done`. Its last step also depends on the
//! transport, so the driver sets `unflushed` under the lock: to true when it takes a message, and to false only when it
//! parks with a flushed transport or the link goes down. Each of these changes, and the end of each call, checks the
//! condition.

use std::task::Waker;
use std::time::Instant;

/// Whether the driver sleeps, and what must wake it.
#[derive(Debug, Default)]
pub(in crate::net) struct Parked {
    asleep: bool,
    /// Kept while the driver is awake: the next park is usually by the same task, and cloning a waker costs as much as
    /// the lock.
    waker: Option<Waker>,
    /// When the driver's timer wakes it.
    until: Option<Instant>,
    /// Whether the socket accepts output.
    takes_output: bool,
}

impl Parked {
    /// Records that the driver sleeps. `waker` is not user code: the driver runs in a task of the runtime.
    pub(in crate::net) fn park(
        &mut self,
        waker: &Waker,
        until: Option<Instant>,
        takes_output: bool,
    ) {
        match &mut self.waker {
            Some(kept) => kept.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
        (self.asleep, self.until, self.takes_output) = (true, until, takes_output);
    }

    /// Records that the driver runs.
    pub(in crate::net) fn unpark(&mut self) {
        self.asleep = false;
    }

    /// Returns the driver's waker if it sleeps: its connection is to end.
    pub(super) fn interrupt(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.asleep) { self.waker.take() } else { None }
    }

    /// Returns the driver's waker if it sleeps and must be woken: `has_output` is whether the link has something to
    /// send, `due` is when its next timer expires.
    pub(super) fn wake(
        &mut self,
        has_output: impl FnOnce() -> bool,
        due: impl FnOnce() -> Option<Instant>,
    ) -> Option<Waker> {
        if !self.asleep {
            return None;
        }
        let earlier = due().is_some_and(|due| self.until.is_none_or(|until| due < until));
        if earlier || (self.takes_output && has_output()) {
            self.asleep = false;
            return self.waker.take();
        }
        None
    }
}
