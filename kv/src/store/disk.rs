//! [`Sync`]: whether the disk is waited for, and the file of a database that does so.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use clap::ValueEnum;
use redb::backends::FileBackend;
use redb::{Database, StorageBackend};
use serde::Deserialize;

use super::rows::other;

/// How much of each database redb keeps in memory. Its default is 1 GiB, which is more than a pod should need.
const CACHE_BYTES: usize = 64 << 20;

/// When a write counts as stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sync {
    /// When the disk has it (`fsync`): nothing that was acknowledged is lost when machines lose power.
    #[default]
    Always,
    /// When the operating system has it: nothing is lost when processes are killed, but what a machine has acknowledged in its last
    /// seconds is lost when it loses power. If that happens to a majority at once, so are writes; and if it happens to one, it may
    /// vote twice. For tests, and for data that can be made again.
    Never,
}

/// A file that is not synced.
#[derive(Debug)]
struct Unsynced(FileBackend);

impl StorageBackend for Unsynced {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.0.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Opens the database in this file, or creates it.
pub(super) fn open(path: &Path, sync: Sync) -> io::Result<Database> {
    let named = |error: redb::DatabaseError| {
        let error = other(error);
        io::Error::new(error.kind(), format!("{}: {error}", path.display()))
    };
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
    // The name must survive as well, which syncing the file alone does not promise.
    if let (Sync::Always, Some(folder)) = (sync, path.parent()) {
        sync_folder(folder)?;
    }
    // It locks the file.
    let file = FileBackend::new(file).map_err(named)?;
    let mut builder = Database::builder();
    let builder = builder.set_cache_size(CACHE_BYTES);
    match sync {
        Sync::Always => builder.create_with_backend(file),
        Sync::Never => builder.create_with_backend(Unsynced(file)),
    }
    .map_err(named)
}

/// Syncs the names of files in a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
