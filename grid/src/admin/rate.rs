//! [`Rate`]: which of the calls that fit a tap are shown, if its reader does not want all.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use super::pace::Pace;

/// How many calls are shown in a second, for a reader that does not want all.
pub(super) struct Rate {
    per_second_max: f64,
    left: Mutex<Left>,
    /// Of the calls that fit, no more need be looked at than are shown.
    pace: Pace,
}

struct Left {
    calls: f64,
    at: Instant,
}

impl Rate {
    /// `None`: all.
    pub(super) fn new(per_second_max: u32) -> Option<Self> {
        let most = f64::from(per_second_max);
        let left = Mutex::new(Left { calls: 1.0, at: Instant::now() });
        (per_second_max > 0).then(|| Self { per_second_max: most, left, pace: Pace::new(most) })
    }

    /// How many of the calls are looked at.
    pub(super) fn pace(&self) -> &Pace {
        &self.pace
    }

    /// Whether a call that fits is shown.
    pub(super) fn take(&self) -> bool {
        self.pace.seen();
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
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
}
