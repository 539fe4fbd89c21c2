//! [`Latch`]: a condition that becomes true once, such as the end of a node.
//!
//! Everything that waits for it is woken in the order in which it began to wait. `tokio::sync::watch` wakes in a random order,
//! so that with it a simulation of several nodes would differ from run to run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// See the module. All clones are one latch.
#[derive(Debug, Clone, Default)]
pub(super) struct Latch(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_set: AtomicBool,
    waiting: Notify,
}

impl Latch {
    pub(super) fn set(&self) {
        self.0.is_set.store(true, Ordering::Release);
        self.0.waiting.notify_waiters();
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::Acquire)
    }

    /// Waits until it is set.
    ///
    /// Cancel safe.
    pub(super) async fn wait(&self) {
        // Before the look at the condition: it is notified from here on, also before it is polled.
        let notified = self.0.waiting.notified();
        if !self.is_set() {
            notified.await;
        }
    }
}
