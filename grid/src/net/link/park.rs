//! The wake protocol: who may sleep, who must wake it, and which flag says so.
//!
//! **The driver** sleeps only through [`Parked::park`], under the lock, after it has seen under the same lock that there is
//! nothing it could send and nothing due. Four things wake it:
//!
//! | what | who wakes it |
//! |---|---|
//! | the socket has input, or takes output again | the runtime: the driver registered its waker with the transport |
//! | the time of [`Parked::until`](Parked) has come | the runtime's timer, which is set before the driver parks |
//! | a caller has output for it, and the socket takes output | the caller, through [`Parked::wake`] |
//! | a caller has set an earlier deadline | the caller, through [`Parked::wake`] |
//!
//! A caller changes the link and asks [`Parked::wake`] in one critical section, so either the driver parks later and sees
//! the change, or it is parked and the caller sees `asleep`. The caller that takes the waker clears `asleep`, so of many
//! callers one wakes the driver. While the socket takes no output (`takes_output` is false) callers do not wake it: the
//! socket will. The driver clears `asleep` as well when it handles messages; after it was woken by its socket alone, a
//! caller may wake it once more than necessary.
//!
//! **`Peer::called`** is kept outside the mutex, so that a driver which its socket woke need not lock the link to find that
//! there is no output. The caller sets it before it wakes the driver; the driver reads it at the start of a poll. `Relaxed`
//! suffices: waking a task happens before the poll that it causes, so that poll sees the flag. A poll that runs for another
//! reason at the same moment may miss it, and the wake-up then causes another poll. The driver swaps the flag back only
//! when it was set, so that polls without callers do not write to a line that callers read.
//!
//! **Callers and handlers** sleep through `Peer::poll`: they look at the link and register a waker in one critical section.
//! Whatever changes what a task looks at emits `Event::Wake`, `Finished` or `Cancel` in the critical section of the change;
//! its wakers leave the table there and are woken after the lock is released (effects.rs). A task whose waker was taken
//! registers a new one when it looks again.
//!
//! **Tasks that wait for an empty link** (a shutdown) look at `Shared::is_drained`. It depends on the transport as well, so
//! the driver reports `unflushed` under the lock: it becomes true together with taking a message, and false only when the
//! driver parks with a flushed transport or the link goes down. Each of these, and each call's end, checks the condition.

use std::task::Waker;
use std::time::Instant;

/// Whether the driver sleeps, and what it must be woken for.
#[derive(Debug, Default)]
pub(in crate::net) struct Parked {
    asleep: bool,
    /// Kept while the driver is awake: its next park is mostly by the same task, and a clone costs as much as the lock.
    waker: Option<Waker>,
    /// When it wakes by itself.
    until: Option<Instant>,
    /// Whether it could send something now.
    takes_output: bool,
}

impl Parked {
    /// Puts the driver to sleep. `waker` is tokio's own: the driver runs in a task of the runtime.
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

    /// The driver runs.
    pub(in crate::net) fn unpark(&mut self) {
        self.asleep = false;
    }

    /// Returns the driver's waker if it sleeps and must be woken: `has_output` says whether the link has something to send,
    /// `due` when it wants to look at the time next.
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
