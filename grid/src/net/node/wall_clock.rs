//! [`WallClock`]: the time of day of a node, which its handshakes and tokens state and check.
//!
//! Everything else is timed by tokio's clock. It is read once or twice per attempt to connect, never by calls.

use std::time::SystemTime;

/// The clock of one node.
#[derive(Debug, Clone, Default)]
pub(crate) struct WallClock {}

impl WallClock {
    /// The time of day.
    pub(crate) fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}
