//! What is measured: a [`Cell`] is one contender at one work, in one mode and at one width.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use crate::peers::Name;

/// Bytes of a small payload and of a stream's item.
pub(crate) const SMALL_BYTES: usize = 512;

/// Bytes of a large payload.
pub(crate) const BULK_BYTES: usize = 1024 * 1024;

/// Large echoes in flight where large ones run, alone or beside small calls.
pub(crate) const BULK_WIDTH: u32 = 4;

/// Threads of a runtime. The measurements that the project compares itself with had two.
const WORKERS: usize = 2;

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
    /// One stream of items of 512 bytes, server to client.
    Stream,
    /// One stream of items of 512 bytes, to the server and back.
    TwoWay,
    /// An echo of 1 MiB; the width is calls in flight.
    Bulk,
    /// One small caller at a time, beside four echoes of 1 MiB.
    Mixed,
    /// One node asks many at once and waits for all; the width is nodes.
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
            Self::Fan => "fan",
            Self::Links => "links",
        }
    }
}

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
    /// Two processes on one CPU: what a call costs where no idle CPU has to be woken.
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

    /// The runtime of a process in this mode. It pins the process first, where that is asked for.
    pub(crate) fn start(self) -> crate::Result<Runtime> {
        if self == Self::Pinned {
            crate::usage::pin_to_one_cpu()?;
        }
        let mut builder = match self {
            Self::Current => Builder::new_current_thread(),
            Self::Threads | Self::Pair | Self::Pinned => Builder::new_multi_thread(),
        };
        Ok(builder.worker_threads(WORKERS).enable_all().build()?)
    }
}

/// One measurement.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::Args, Serialize, Deserialize,
)]
pub(crate) struct Cell {
    #[arg(long)]
    pub(crate) work: Work,
    #[arg(long, default_value_t = 1)]
    pub(crate) width: u32,
    #[arg(long, default_value = "threads")]
    pub(crate) mode: Mode,
    #[arg(long, default_value = "grid")]
    pub(crate) contender: Name,
}

impl Cell {
    /// As arguments for a child.
    pub(crate) fn to_args(self) -> [String; 8] {
        let Self { work, width, mode, contender } = self;
        [
            "--work".into(),
            work.name().into(),
            "--width".into(),
            width.to_string(),
            "--mode".into(),
            mode.name().into(),
            "--contender".into(),
            contender.name().into(),
        ]
    }

    /// The work with its width, without the contender.
    pub(crate) fn title(self) -> String {
        let Self { work, width, mode, .. } = self;
        match work {
            Work::Stream | Work::TwoWay | Work::Mixed => format!("{} {}", work.name(), mode.name()),
            _ => format!("{} {width} {}", work.name(), mode.name()),
        }
    }
}
