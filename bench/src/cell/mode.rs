//! Where client and server run.

use std::time::Duration;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Where client and server run.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Mode {
    /// One process, a multi-thread runtime with two workers.
    Threads,
    /// One process, a current-thread runtime.
    Current,
    /// Two processes, each with two workers.
    Pair,
    /// Two processes on one CPU: the cost of a call without waking an idle CPU.
    Pinned,
    /// As `Threads`, over a line of 1 Gbit/s with a round trip of 1 ms.
    #[value(name = "line-1ms")]
    Line1,
    /// The same with 10 ms.
    #[value(name = "line-10ms")]
    Line10,
    /// The same with 100 ms.
    #[value(name = "line-100ms")]
    Line100,
}

/// The bandwidth of lines in bytes per second.
pub(crate) const LINE_BANDWIDTH: u32 = 125_000_000;

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Current => "current",
            Self::Pair => "pair",
            Self::Pinned => "pinned",
            Self::Line1 => "line-1ms",
            Self::Line10 => "line-10ms",
            Self::Line100 => "line-100ms",
        }
    }

    /// The round trip of the line between client and server, if there is one.
    pub(crate) fn round_trip(self) -> Option<Duration> {
        let millis = match self {
            Self::Line1 => 1,
            Self::Line10 => 10,
            Self::Line100 => 100,
            Self::Threads | Self::Current | Self::Pair | Self::Pinned => return None,
        };
        Some(Duration::from_millis(millis))
    }

    pub(crate) fn has_server_process(self) -> bool {
        matches!(self, Self::Pair | Self::Pinned)
    }
}
