//! [`Stall`]: whether the writer of a stream waits for its reader at the peer, and for how long.

use std::time::Duration;

use crate::proto::ticks::Ticks;

/// A writer that waits for its reader for longer than this is reported.
const SLOW_READER: Duration = Duration::from_secs(10);

/// How long the writer has waited for the reader. Writers are not told the time, so it counts from the first regular look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::proto) enum Stall {
    None,
    Begun,
    SeenAt(Ticks),
    ReportedSince(Ticks),
}

impl Stall {
    /// The writer has to wait for the reader. Returns whether the wait begins.
    pub(super) fn note(&mut self) -> bool {
        let begins = *self == Self::None;
        if begins {
            *self = Self::Begun;
        }
        begins
    }

    /// Called at intervals. Returns how long the writer has waited, once for each wait that is too long.
    pub(super) fn slow_reader(&mut self, now: Ticks) -> Option<Duration> {
        match *self {
            Self::Begun => *self = Self::SeenAt(now),
            Self::SeenAt(seen) => {
                let waited = now.since(seen);
                if waited >= SLOW_READER {
                    *self = Self::ReportedSince(seen);
                    return Some(waited);
                }
            }
            Self::None | Self::ReportedSince(_) => {}
        }
        None
    }

    /// How long the writer has waited at least, if that is known.
    pub(super) fn waited(self, now: Ticks) -> Option<Duration> {
        match self {
            Self::None | Self::Begun => None,
            Self::SeenAt(seen) | Self::ReportedSince(seen) => Some(now.since(seen)),
        }
    }
}
