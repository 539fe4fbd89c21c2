//! [`Log`]: a line for each call.

use std::time::Duration;

use tracing::Level;

use super::{Finished, Record};

/// Writes a line for each call that is over, through `tracing`: method, peer, outcome, time, and bytes.
///
/// Calls that fail, those that are late included, are written at the level `info`, and others at `debug`. A stream is
/// written when it has ended.
///
/// ```
/// use std::time::Duration;
/// use grid::intercept::{Log, only};
///
/// let builder = grid::Manager::builder("http://node1:9000")
///     .record(Log::slower_than(Duration::from_millis(200)))
///     .record(only("Admin", Log::new()));
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Default)]
pub struct Log {
    slower_than: Option<Duration>,
}

impl Log {
    /// Writes all calls.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes only calls that take longer, at the level `info`, and those that fail.
    pub fn slower_than(time: Duration) -> Self {
        Self { slower_than: Some(time) }
    }

    /// At which level a call is written, if it is.
    fn level(&self, call: &Finished<'_>) -> Option<Level> {
        let is_slow = self.slower_than.is_some_and(|limit| call.took() > limit);
        if is_slow || !matches!(call.label(), "ok" | "cancelled") {
            return Some(Level::INFO);
        }
        self.slower_than.is_none().then_some(Level::DEBUG)
    }
}

impl Record for Log {
    fn record(&self, call: &Finished<'_>) {
        macro_rules! write {
            ($level:ident) => {
                tracing::$level!(
                    method = %call.full_method(),
                    peer = call.peer(),
                    is_served = call.is_served(),
                    outcome = call.label(),
                    took = ?call.took(),
                    request_bytes = call.request_bytes(),
                    answer_bytes = call.answer_bytes(),
                    error = call.error().map(tracing::field::display),
                    "a call"
                )
            };
        }
        match self.level(call) {
            Some(Level::INFO) => write!(info),
            Some(_) => write!(debug),
            None => {}
        }
    }
}
