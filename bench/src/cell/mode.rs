//! Where client and server run.

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
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Threads => "threads",
            Self::Current => "current",
            Self::Pair => "pair",
            Self::Pinned => "pinned",
        }
    }

    pub(crate) fn has_server_process(self) -> bool {
        matches!(self, Self::Pair | Self::Pinned)
    }
}
