//! The two stores that groups run on, as one trait.

mod log;
mod machine;

use std::io;
use std::path::Path;

use grid_kv::model::Types;
use grid_kv::store;
use openraft::storage::{RaftLogStorage, RaftStateMachine};
use tokio::fs::File;

/// A log and a state machine, the same for all contenders.
pub(crate) trait Store: 'static {
    type Log: RaftLogStorage<Types>;
    type Machine: RaftStateMachine<Types, SnapshotData = File>;

    /// Opens an empty one. Snapshots are this much longer than their content.
    ///
    /// Called in a runtime, because logs have tasks.
    fn open(folder: &Path, padding: u64) -> io::Result<(Self::Log, Self::Machine)>;
}

/// That of `kv`: redb, and a sync of the disk for each batch of entries.
pub(crate) struct Redb;

impl Store for Redb {
    type Log = store::Log;
    type Machine = store::Machine;

    fn open(folder: &Path, _: u64) -> io::Result<(Self::Log, Self::Machine)> {
        store::open(folder, store::Sync::Always)
    }
}

/// Maps in memory: what is left is openraft and the network.
pub(crate) struct Memory;

impl Store for Memory {
    type Log = log::Log;
    type Machine = machine::Machine;

    fn open(folder: &Path, padding: u64) -> io::Result<(Self::Log, Self::Machine)> {
        Ok((log::Log::default(), machine::Machine::new(folder, padding)))
    }
}
