//! [`WallClock`]: the time of day of a node, which its handshakes and tokens state and check.
//!
//! Everything else is timed by tokio's clock. It is read once or twice per attempt to connect, never by calls. A test can set
//! it apart from the system's clock (feature `testing`).

use std::time::SystemTime;

use crate::entropy;

#[cfg(feature = "testing")]
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(feature = "testing")]
use std::time::Duration;

/// The clock of one node. Clones show the same time.
#[derive(Debug, Clone, Default)]
pub(crate) struct WallClock {
    #[cfg(feature = "testing")]
    skew: Arc<Mutex<Skew>>,
}

impl WallClock {
    /// The time of day.
    pub(crate) fn now(&self) -> SystemTime {
        let now = entropy::time_of_day();
        #[cfg(feature = "testing")]
        let now = self.skew.lock().unwrap_or_else(PoisonError::into_inner).of(now);
        now
    }

    /// Sets how far it differs from the system's clock from now on.
    #[cfg(feature = "testing")]
    pub(crate) fn set(&self, skew: Skew) {
        *self.skew.lock().unwrap_or_else(PoisonError::into_inner) = skew;
    }
}

/// How far the clock of a node differs from that of the computer, for
/// [`TestGrid::skew`](crate::testing::TestGrid::skew).
#[cfg(feature = "testing")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Skew {
    /// Both clocks show the same time.
    #[default]
    None,
    /// The clock of the node shows a later time.
    Ahead(Duration),
    /// The clock of the node shows an earlier time.
    Behind(Duration),
}

#[cfg(feature = "testing")]
impl Skew {
    /// A time that the clock cannot express is left as it is.
    fn of(self, now: SystemTime) -> SystemTime {
        let skewed = match self {
            Self::None => Some(now),
            Self::Ahead(time) => now.checked_add(time),
            Self::Behind(time) => now.checked_sub(time),
        };
        skewed.unwrap_or(now)
    }
}
