//! The duration of a cell.

use std::time::Duration;

use super::mode::Mode;

/// The duration of a cell.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Times {
    /// Warm-up in milliseconds, which is not measured.
    #[arg(long, default_value_t = 200)]
    warm_up_ms: u64,
    /// Duration of the measurement in milliseconds.
    #[arg(long, default_value_t = 1000)]
    time_ms: u64,
}

impl Times {
    pub(crate) fn new(warm_up_ms: u64, time_ms: u64) -> Self {
        Self { warm_up_ms, time_ms }
    }

    /// The times of a cell in this mode. Over a line, windows need round trips to grow.
    pub(crate) fn of(&self, mode: Mode) -> Self {
        let needed = mode.line().map_or(0, |line| 500 + 30 * line.round_trip.as_millis() as u64);
        Self { warm_up_ms: self.warm_up_ms.max(needed), ..*self }
    }

    pub(crate) fn warm_up(&self) -> Duration {
        Duration::from_millis(self.warm_up_ms)
    }

    pub(crate) fn time(&self) -> Duration {
        Duration::from_millis(self.time_ms)
    }

    /// Arguments for a child process.
    pub(crate) fn to_args(&self) -> [String; 4] {
        let Self { warm_up_ms, time_ms } = self;
        ["--warm-up-ms".into(), warm_up_ms.to_string(), "--time-ms".into(), time_ms.to_string()]
    }
}
