//! [`App`]: what all requests share, and how many of them run at once.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::origin::Origin;

/// Pages that follow states at once.
const PAGES_MAX: usize = 16;

/// Taps at once. A node allows sixteen watchers, of all operators together.
const TAPS_MAX: usize = 4;

/// Calls at once.
const CALLS_MAX: usize = 8;

/// What all requests share.
pub(super) type Shared = Arc<App>;

pub(super) struct App {
    pub(super) origin: Origin,
    pub(super) allows_calls: bool,
    pub(super) pages: Arc<Semaphore>,
    pub(super) taps: Arc<Semaphore>,
    pub(super) calls: Semaphore,
}

impl App {
    pub(super) fn new(origin: Origin, allows_calls: bool) -> Self {
        Self {
            origin,
            allows_calls,
            pages: Arc::new(Semaphore::new(PAGES_MAX)),
            taps: Arc::new(Semaphore::new(TAPS_MAX)),
            calls: Semaphore::new(CALLS_MAX),
        }
    }
}
