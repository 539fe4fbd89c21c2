//! The timer of a link's driver.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use tokio::task::coop;
use tokio::time::Sleep;

use crate::net::link::peer::now;

/// Wakes the driver at a given time or earlier. An earlier setting is kept when the time moves later: waking too early
/// is harmless, and most deadlines are never reached.
#[derive(Debug)]
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    /// The time that `sleep` is set to.
    time: Option<Instant>,
    /// The waker registered with `sleep` for its current setting.
    waker: Option<Waker>,
}

impl Alarm {
    /// Creates an alarm that is not set.
    pub(super) fn new() -> Self {
        let sleep = Box::pin(tokio::time::sleep_until(tokio::time::Instant::now()));
        Self { sleep, time: None, waker: None }
    }

    /// When the alarm wakes the driver.
    pub(super) fn time(&self) -> Option<Instant> {
        self.time
    }

    /// Returns whether the time has passed. If so, the alarm is cleared.
    pub(super) fn take_due(&mut self, now: Instant) -> bool {
        self.time.take_if(|time| *time <= now).is_some()
    }

    /// Sets the alarm to `until`, unless it is set to an earlier time, and registers the task. Ready if the time has
    /// passed.
    pub(super) fn poll_set(&mut self, until: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
        if until != self.time {
            let earlier = match (until, self.time) {
                (Some(until), Some(set)) => until < set || set <= now(),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if let (true, Some(until)) = (earlier, until) {
                self.sleep.as_mut().reset(until.into());
                self.time = Some(until);
                self.waker = None;
            }
        }
        if self.time.is_none() {
            return Poll::Pending;
        }
        // Polling the runtime's timer again costs as much as sending a message.
        if self.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            return if self.sleep.is_elapsed() { Poll::Ready(()) } else { Poll::Pending };
        }
        // Without cooperative budget the poll below registers no waker; it only makes the runtime poll the task again.
        self.waker = coop::has_budget_remaining().then(|| cx.waker().clone());
        self.sleep.as_mut().poll(cx)
    }
}
