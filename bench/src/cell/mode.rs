//! Where client and server run, and what is between them.

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
    /// As `Threads`, over a line of 1 Gbit/s with a round trip of 0.1 ms.
    #[value(name = "line-100us")]
    Line01,
    /// The same with 1 ms.
    #[value(name = "line-1ms")]
    Line1,
    /// The same with 10 ms.
    #[value(name = "line-10ms")]
    Line10,
    /// The same with 50 ms.
    #[value(name = "line-50ms")]
    Line50,
    /// The same with 100 ms.
    #[value(name = "line-100ms")]
    Line100,
    /// 100 Mbit/s with a round trip of 10 ms.
    #[value(name = "line-100mbit")]
    LineSlow,
    /// 10 Gbit/s with a round trip of 10 ms.
    #[value(name = "line-10gbit")]
    LineFast,
    /// 1 Gbit/s with a round trip of 10 ms, of which a packet in each MiB is lost.
    #[value(name = "line-loss")]
    LineLoss,
}

/// What a line is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub(crate) round_trip: Duration,
    pub(crate) bytes_per_second: u32,
    /// After this many bytes, those that follow wait for a round trip, as behind a packet that is sent again.
    pub(crate) bytes_per_loss: Option<usize>,
}

const GBIT: u32 = 125_000_000;

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Current => "current",
            Self::Pair => "pair",
            Self::Pinned => "pinned",
            Self::Line01 => "line-100us",
            Self::Line1 => "line-1ms",
            Self::Line10 => "line-10ms",
            Self::Line50 => "line-50ms",
            Self::Line100 => "line-100ms",
            Self::LineSlow => "line-100mbit",
            Self::LineFast => "line-10gbit",
            Self::LineLoss => "line-loss",
        }
    }

    /// The line between client and server, if there is one.
    pub(crate) fn line(self) -> Option<Line> {
        let (micros, bytes_per_second) = match self {
            Self::Line01 => (100, GBIT),
            Self::Line1 => (1000, GBIT),
            Self::Line10 | Self::LineLoss => (10_000, GBIT),
            Self::Line50 => (50_000, GBIT),
            Self::Line100 => (100_000, GBIT),
            Self::LineSlow => (10_000, GBIT / 10),
            Self::LineFast => (10_000, 10 * GBIT),
            Self::Threads | Self::Current | Self::Pair | Self::Pinned => return None,
        };
        let round_trip = Duration::from_micros(micros);
        let bytes_per_loss = (self == Self::LineLoss).then_some(1 << 20);
        Some(Line { round_trip, bytes_per_second, bytes_per_loss })
    }

    pub(crate) fn has_server_process(self) -> bool {
        matches!(self, Self::Pair | Self::Pinned)
    }
}
