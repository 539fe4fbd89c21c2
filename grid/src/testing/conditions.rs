//! [`Conditions`]: the faults of the connections between two nodes. [`WatchedConditions`] tells the connections when they change.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// The faults between two nodes. The default is none.
///
/// Connections are numbered in the order in which they were opened, so that a fault of those that are open now can be told
/// from one of all.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions {
    /// No connection can be opened.
    pub(super) is_cut: bool,
    /// Connections carry nothing in this direction, by [`Heading`], and opening one never completes.
    pub(super) frozen: [bool; 2],
    /// Connections with lower numbers are closed.
    pub(super) closed_below: u64,
    /// Connections with lower numbers carry nothing.
    pub(super) frozen_below: u64,
    /// How long a byte is on its way, in each direction.
    pub(super) delay: Duration,
    /// How many bytes a connection carries in a second, in each direction; `None`: any number.
    pub(super) bandwidth: Option<NonZeroU32>,
    /// The share of the pieces that are lost, and sent again later.
    pub(super) loss: f64,
}

/// A direction between two nodes, by their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heading {
    /// From the lesser name to the greater one.
    Up,
    /// From the greater name to the lesser one.
    Down,
}

impl Heading {
    pub(super) fn of(from: &str, to: &str) -> Self {
        if from <= to { Self::Up } else { Self::Down }
    }
}

impl Conditions {
    /// The same without faults. What was closed stays closed.
    pub(super) fn healed(self) -> Self {
        Self { closed_below: self.closed_below, ..Self::default() }
    }

    pub(super) fn has_closed(&self, number: u64) -> bool {
        number < self.closed_below
    }

    /// Whether a connection carries nothing in this direction.
    pub(super) fn has_frozen(&self, number: u64, heading: Heading) -> bool {
        self.frozen[heading as usize] || number < self.frozen_below
    }

    /// Whether opening a connection must wait: it needs both directions.
    pub(super) fn blocks_opening(&self) -> bool {
        self.frozen != [false; 2]
    }

    /// The faults as a text, for panics; `None` without faults.
    pub(super) fn faults(&self) -> Option<String> {
        let mut faults = Vec::new();
        if self.is_cut {
            faults.push("cut".to_owned());
        }
        match self.frozen {
            [true, true] => faults.push("frozen".to_owned()),
            [false, false] if self.frozen_below > 0 => faults.push("frozen".to_owned()),
            [false, false] => {}
            _ => faults.push("frozen in one direction".to_owned()),
        }
        if !self.delay.is_zero() {
            faults.push(format!("a delay of {:?}", self.delay));
        }
        if let Some(bytes) = self.bandwidth {
            faults.push(format!("a bandwidth of {bytes} bytes per second"));
        }
        if self.loss > 0.0 {
            faults.push(format!("a loss of {} %", self.loss * 100.0));
        }
        (!faults.is_empty()).then(|| faults.join(", "))
    }
}

/// The conditions between two nodes, which change, and the connections that watch them. All clones are the same.
///
/// Those that wait for a change are woken in the order in which they began to wait: `tokio::sync::watch` wakes in a random
/// order, so that no run would be like another one.
#[derive(Debug, Clone, Default)]
pub(super) struct WatchedConditions(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    now: Mutex<Conditions>,
    changed: Notify,
    /// Connections that are open.
    open: AtomicUsize,
}

impl WatchedConditions {
    pub(super) fn now(&self) -> Conditions {
        *self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Conditions)) {
        change(&mut self.0.now.lock().unwrap_or_else(PoisonError::into_inner));
        self.0.changed.notify_waiters();
    }

    /// Waits for a change that is made after this call.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }

    /// Waits until the conditions are like this.
    ///
    /// Cancel safe.
    pub(super) async fn wait_for(&self, is_met: impl Fn(&Conditions) -> bool) -> Conditions {
        loop {
            let changed = self.changed();
            let now = self.now();
            if is_met(&now) {
                return now;
            }
            changed.await;
        }
    }

    /// Counts a connection as open until the result is dropped.
    pub(super) fn opened(&self) -> Open {
        self.0.open.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    /// Connections that are open.
    pub(super) fn open(&self) -> usize {
        self.0.open.load(Ordering::Relaxed)
    }
}

/// See [`WatchedConditions::opened`].
#[derive(Debug)]
pub(super) struct Open(WatchedConditions);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
