//! [`Rate`]: which of the calls that fit a tap are shown, if its reader does not want all.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::pace::Pace;
use crate::sync::atomic::{AtomicU32, Ordering};

/// How many calls are shown in a second, for a reader that does not want all.
pub(super) struct Rate {
    per_second_max: f64,
    left: Mutex<Left>,
    /// As [`Pace::one_in`], without the lock.
    one_in: AtomicU32,
}

struct Left {
    calls: f64,
    at: Instant,
    /// Of the calls that fit, no more need be looked at than are shown.
    pace: Pace,
}

impl Rate {
    /// `None`: all.
    pub(super) fn new(per_second_max: u32) -> Option<Self> {
        let most = f64::from(per_second_max);
        let left = Left { calls: 1.0, at: Instant::now(), pace: Pace::new(most) };
        let one_in = AtomicU32::new(1);
        (per_second_max > 0).then(|| Self { per_second_max: most, left: Mutex::new(left), one_in })
    }

    fn left(&self) -> MutexGuard<'_, Left> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call in this many is to be looked at.
    pub(super) fn one_in(&self) -> u32 {
        self.one_in.load(Ordering::Relaxed)
    }

    /// Whether a call that fits is shown.
    pub(super) fn take(&self) -> bool {
        let mut left = self.left();
        left.pace.seen();
        self.one_in.store(left.pace.one_in(), Ordering::Relaxed);
        let now = Instant::now();
        let since = now.saturating_duration_since(left.at).as_secs_f64();
        // What is not used within a tenth of a second is lost, so that a burst does not take the place of later calls.
        let most = (self.per_second_max / 10.0).max(1.0);
        (left.calls, left.at) = ((left.calls + since * self.per_second_max).min(most), now);
        let is_allowed = left.calls >= 1.0;
        if is_allowed {
            left.calls -= 1.0;
        }
        is_allowed
    }

    /// Looks at more calls if there were few.
    pub(super) fn choose(&self) {
        let mut left = self.left();
        left.pace.choose();
        self.one_in.store(left.pace.one_in(), Ordering::Relaxed);
    }
}
