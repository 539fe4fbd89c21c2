//! The storage of a node: the log of openraft and the state machine, each in a redb database of its own.
//!
//! | file | what | synced |
//! |---|---|---|
//! | `log.redb` | entries, the vote, what is known to be committed | before an entry or a vote is acknowledged |
//! | `state.redb` | keys, history, sessions | every `CHECKPOINT_ENTRIES` entries, and before a snapshot |
//! | `snapshot` | the latest snapshot | when it is complete, before it gets its name |
//!
//! The state is not synced with each entry, because the log has it all: after a crash redb is at the last checkpoint, and openraft
//! applies the entries after it again. Two databases, because redb has one writer at a time: the log would wait for the state.

mod apply;
mod disk;
mod log;
mod machine;
mod read;
mod rows;
mod snapshot;
mod tables;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub use self::disk::{Files, OsFiles, Sync};
pub use self::log::Log;
pub use self::machine::Machine;
pub use self::read::{Changes, State};
pub use self::snapshot::Builder;
pub use self::tables::HISTORY_BYTES_MAX;
pub use self::writer::Measured;

/// Opens the storage in this folder, which is created if there is none. Returns the log and the state machine, for `Raft::new`.
///
/// # Errors
/// If the folder or its files cannot be created or opened, for example because another process has them open, or if they are damaged
/// or of another program.
pub fn open(folder: &Path, sync: Sync) -> io::Result<(Log, Machine)> {
    open_with(folder, sync, &OsFiles)
}

/// The same, with databases in other files than those of the operating system. Snapshots stay in the folder.
///
/// # Errors
/// As for [`open`].
pub fn open_with(folder: &Path, sync: Sync, files: &dyn Files) -> io::Result<(Log, Machine)> {
    std::fs::create_dir_all(folder)?;
    let log = Log::new(disk::open(files, &folder.join("log.redb"), sync)?)?;
    let state = State::new(disk::open(files, &folder.join("state.redb"), sync)?)?;
    Ok((log, Machine::new(Arc::new(state), folder.to_owned(), sync)))
}
