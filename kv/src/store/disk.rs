//! [`Sync`]: whether the disk is waited for; [`Files`]: where the files of databases are.

use std::fmt;
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

/// Where databases are. Tests replace it, to lose what was not synced or to let a disk be full.
pub trait Files: Send + std::marker::Sync + fmt::Debug {
    /// Opens the file with this path, or creates it.
    ///
    /// # Errors
    /// If it cannot be opened, or is open elsewhere.
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>>;
}

/// The files of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsFiles;

impl Files for OsFiles {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        // It locks the file.
        Ok(Box::new(FileBackend::new(file).map_err(other)?))
    }
}

/// A file that is synced or not.
#[derive(Debug)]
struct Backend {
    file: Box<dyn StorageBackend>,
    sync: Sync,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        self.file.read(offset, len)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        match self.sync {
            Sync::Always => self.file.sync_data(eventual),
            Sync::Never => Ok(()),
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.write(offset, data)
    }
}

/// Opens the database in this file, or creates it.
pub(super) fn open(files: &dyn Files, path: &Path, sync: Sync) -> io::Result<Database> {
    let named =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    let file = files.open(path).map_err(named)?;
    // The name must survive as well, which syncing the file alone does not promise.
    if let (Sync::Always, Some(folder)) = (sync, path.parent()) {
        sync_folder(folder)?;
    }
    let mut builder = Database::builder();
    let builder = builder.set_cache_size(CACHE_BYTES);
    builder.create_with_backend(Backend { file, sync }).map_err(|error| named(other(error)))
}

/// Syncs the names of files in a folder.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
