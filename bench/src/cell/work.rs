//! The kinds of work.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Number of large echoes in flight, alone or beside small calls.
pub(crate) const BULK_WIDTH: u32 = 4;

/// A kind of work.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Work {
    /// An echo of 512 bytes; the width is calls in flight.
    Unary,
    /// An echo of a small struct; the width is calls in flight.
    Struct,
    /// One stream of items of 512 bytes, from server to client.
    Stream,
    /// One stream of items of 512 bytes, to the server and back.
    TwoWay,
    /// An echo of 1 MiB; the width is calls in flight.
    Bulk,
    /// One small caller at a time, beside four echoes of 1 MiB.
    Mixed,
    /// Four small callers, each with a pause of a millisecond, beside sixteen streams and an echo of 1 MiB with pauses.
    Busy,
    /// One node calls many at once and waits for all; the width is nodes.
    Fan,
    /// One node with many links, and 64 calls in flight over all of them; the width is links.
    Links,
}

impl Work {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Unary => "unary",
            Self::Struct => "struct",
            Self::Stream => "stream",
            Self::TwoWay => "two-way",
            Self::Bulk => "bulk",
            Self::Mixed => "mixed",
            Self::Busy => "busy",
            Self::Fan => "fan",
            Self::Links => "links",
        }
    }
}
