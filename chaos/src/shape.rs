//! The shapes of calls.

use serde::{Deserialize, Serialize};

/// What a call is like. The names are those of the table at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Shape {
    /// A small call every few milliseconds, by which the end of a recovery is noticed.
    Probe,
    Small,
    Kib64,
    Mib1,
    /// The handler blocks a thread.
    Blocking,
    /// The handler takes longer than some of the deadlines.
    Slow,
    /// The handler returns its own error.
    Failing,
    /// With `wait_connected`.
    Waiting,
    /// With a retry policy; its handler must not run twice nevertheless.
    Retried,
    /// A post, whose end nobody is told.
    Post,
    ServerStream,
    ClientStream,
    TwoWay,
    /// A two-way stream without a deadline that stays open for many seconds, through faults.
    LongTalk,
}

impl Shape {
    pub(crate) const ALL: [Self; 14] = [
        Self::Probe,
        Self::Small,
        Self::Kib64,
        Self::Mib1,
        Self::Blocking,
        Self::Slow,
        Self::Failing,
        Self::Waiting,
        Self::Retried,
        Self::Post,
        Self::ServerStream,
        Self::ClientStream,
        Self::TwoWay,
        Self::LongTalk,
    ];

    pub(crate) fn is_stream(self) -> bool {
        matches!(self, Self::ServerStream | Self::ClientStream | Self::TwoWay | Self::LongTalk)
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Probe => "probe",
            Self::Small => "small",
            Self::Kib64 => "64 KiB",
            Self::Mib1 => "1 MiB",
            Self::Blocking => "blocking",
            Self::Slow => "slow",
            Self::Failing => "failing",
            Self::Waiting => "waiting",
            Self::Retried => "retried",
            Self::Post => "post",
            Self::ServerStream => "server stream",
            Self::ClientStream => "client stream",
            Self::TwoWay => "two-way stream",
            Self::LongTalk => "long stream",
        }
    }
}
