//! What the supervisor and a node tell each other: one JSON object a line, over the node's standard input and output.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The first line that a node reads.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Setup {
    pub(crate) id: u64,
    /// The members when the group begins.
    pub(crate) first: Vec<u64>,
    pub(crate) data: PathBuf,
    /// For each place, the port of the proxy that leads there from this one.
    pub(crate) ports: Vec<u16>,
    /// Decides what of the unsynced writes is on the disk when the power is lost.
    pub(crate) seed: u64,
    /// Whether the disk says of the log that it is synced before it is.
    pub(crate) lies: bool,
    pub(crate) snapshot_entries: u64,
}

/// The further lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Order {
    /// From now on the operating system has what is written, as if only the process could fail. Answered with
    /// [`Report::WrittenBack`].
    WriteBack,
    /// The disk is full.
    FillDisk,
    /// Pass the leadership on, finish, and exit.
    Shutdown,
}

/// A line that a node writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// The node accepts connections on this port.
    Listening(u16),
    WrittenBack,
}
