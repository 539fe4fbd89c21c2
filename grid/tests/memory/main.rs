//! How much memory a node uses: with slow readers, and with peers that make it hold as much as they can.
//!
//! The counting allocator is global, so the tests run one after another. It counts the node, the network and the peers.
#![allow(clippy::unwrap_used, reason = "a test that panics has done its work")]

mod honest;
mod hostile;
#[allow(dead_code, reason = "shared with another test binary")]
#[path = "../hostile_peer/raw.rs"]
mod raw;
mod slow_consumer;
#[path = "../support/mod.rs"]
mod support;

use peak_alloc::PeakAlloc;
use tokio::sync::{Mutex, MutexGuard};

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

/// Only one test may allocate memory at a time.
async fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::const_new(());
    ALONE.lock().await
}

/// Measures the peak of the memory that is used from now on.
struct Meter {
    before: usize,
}

impl Meter {
    fn start() -> Self {
        HEAP.reset_peak_usage();
        Self { before: HEAP.current_usage() }
    }

    fn held(&self) -> usize {
        HEAP.current_usage().saturating_sub(self.before)
    }

    fn peak(&self) -> usize {
        HEAP.peak_usage().saturating_sub(self.before)
    }
}
