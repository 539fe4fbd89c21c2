//! [`Disk`]: the files of a node, on a disk that can be full and that loses what was not synced when its process is killed.
//!
//! What is written stays in the memory of the process until it is synced, as in the cache of an operating system. Now and then a
//! part of it is written earlier, as an operating system does. So whenever the process is killed, its files are those of a machine
//! that has lost its power: all that was synced, and any part of the rest, with blocks that are torn between two sectors.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grid_kv::store::{Files, OsFiles};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redb::StorageBackend;

/// Bytes that are lost or written together, unless they are torn: a page of the database, and of most operating systems.
const BLOCK: u64 = 4096;

/// Bytes that a disk writes completely or not at all.
const SECTOR: usize = 512;

/// How often a block is written before it is synced.
const EARLY: f64 = 0.3;

/// Syncs that a disk which lies has not done yet: more than a second of writes.
const DELAYED_SYNCS: usize = 30;

/// Syncs of a new file that such a disk does: without its beginning it would be no database at all.
const HONEST_SYNCS: u32 = 20;

/// Blocks that were written and not synced, by their number.
type Blocks = BTreeMap<u64, Vec<u8>>;

/// The disk of a node.
#[derive(Debug)]
pub(crate) struct Disk {
    shared: Arc<Shared>,
    files: Mutex<Vec<Arc<Layer>>>,
    lies: bool,
}

#[derive(Debug)]
struct Shared {
    is_full: AtomicBool,
    /// Whether the operating system has all that is written.
    is_written_back: AtomicBool,
    random: Mutex<StdRng>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    pub(crate) fn new(seed: u64, lies: bool) -> Self {
        let random = Mutex::new(StdRng::seed_from_u64(seed));
        let (is_full, is_written_back) = (AtomicBool::default(), AtomicBool::default());
        let shared = Arc::new(Shared { is_full, is_written_back, random });
        Self { shared, files: Mutex::default(), lies }
    }

    /// Nothing can be written any more.
    pub(crate) fn fill(&self) {
        self.shared.is_full.store(true, Ordering::SeqCst);
    }

    /// From now on the operating system has what is written.
    pub(crate) fn write_back(&self) -> io::Result<()> {
        self.shared.is_written_back.store(true, Ordering::SeqCst);
        lock(&self.files).iter().try_for_each(|file| file.write_back())
    }
}

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let file = OsFiles.open(path)?;
        let lies = self.lies && path.ends_with("log.redb");
        let (shared, unsynced) = (Arc::clone(&self.shared), Mutex::default());
        let layer = Arc::new(Layer { file, shared, lies, unsynced });
        lock(&self.files).push(Arc::clone(&layer));
        Ok(Box::new(Handle(layer)))
    }
}

/// A file.
#[derive(Debug)]
struct Layer {
    file: Box<dyn StorageBackend>,
    shared: Arc<Shared>,
    lies: bool,
    unsynced: Mutex<Unsynced>,
}

#[derive(Debug, Default)]
struct Unsynced {
    now: Blocks,
    /// What was synced, if the disk has only said so.
    delayed: VecDeque<Blocks>,
    /// Syncs that were done as they should be.
    honest: u32,
}

impl Unsynced {
    /// The block as it was written last.
    fn block(&self, number: u64) -> Option<&Vec<u8>> {
        let delayed = self.delayed.iter().rev();
        self.now.get(&number).or_else(|| delayed.filter_map(|blocks| blocks.get(&number)).next())
    }
}

impl Layer {
    fn check(&self) -> io::Result<()> {
        match self.shared.is_full.load(Ordering::SeqCst) {
            true => Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on the disk")),
            false => Ok(()),
        }
    }

    fn write_back(&self) -> io::Result<()> {
        let mut unsynced = lock(&self.unsynced);
        let Unsynced { now, delayed, .. } = &mut *unsynced;
        let blocks = delayed.drain(..).chain([std::mem::take(now)]);
        blocks.into_iter().try_for_each(|blocks| self.write_blocks(&blocks))
    }

    fn write_blocks(&self, blocks: &Blocks) -> io::Result<()> {
        blocks.iter().try_for_each(|(number, bytes)| self.file.write(number * BLOCK, bytes))
    }

    /// The block as the process sees it.
    fn read_block(&self, unsynced: &Unsynced, number: u64) -> io::Result<Vec<u8>> {
        if let Some(block) = unsynced.block(number) {
            return Ok(block.clone());
        }
        let left = self.file.len()?.saturating_sub(number * BLOCK);
        self.file.read(number * BLOCK, usize::try_from(left.min(BLOCK)).map_err(io::Error::other)?)
    }

    fn write_block(&self, unsynced: &mut Unsynced, number: u64, block: Vec<u8>) -> io::Result<()> {
        let mut random = lock(&self.shared.random);
        if !self.lies && random.random_bool(EARLY) {
            let sectors = random.random_range(0..=block.len() / SECTOR);
            self.file.write(number * BLOCK, &block[..sectors * SECTOR])?;
        }
        unsynced.now.insert(number, block);
        Ok(())
    }
}

/// An open file.
#[derive(Debug)]
struct Handle(Arc<Layer>);

impl StorageBackend for Handle {
    fn len(&self) -> io::Result<u64> {
        self.0.file.len()
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let unsynced = lock(&self.0.unsynced);
        let mut bytes = self.0.file.read(offset, len)?;
        for number in offset / BLOCK..(offset + len as u64).div_ceil(BLOCK) {
            let Some(block) = unsynced.block(number) else { continue };
            overlay(&mut bytes, offset, block, number * BLOCK);
        }
        Ok(bytes)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.check()?;
        // The length is metadata, which file systems keep in order.
        self.0.file.set_len(len)?;
        let mut unsynced = lock(&self.0.unsynced);
        let Unsynced { now, delayed, .. } = &mut *unsynced;
        for blocks in delayed.iter_mut().chain([now]) {
            blocks.retain(|number, _| number * BLOCK < len);
            if let Some(block) = blocks.get_mut(&(len / BLOCK)) {
                block.truncate((len % BLOCK) as usize);
            }
        }
        Ok(())
    }

    fn sync_data(&self, eventual: bool) -> io::Result<()> {
        let Layer { file, lies, .. } = &*self.0;
        let mut unsynced = lock(&self.0.unsynced);
        if !unsynced.now.is_empty() {
            self.0.check()?;
        }
        let blocks = std::mem::take(&mut unsynced.now);
        if *lies && unsynced.honest >= HONEST_SYNCS {
            unsynced.delayed.push_back(blocks);
            while unsynced.delayed.len() > DELAYED_SYNCS {
                let blocks = unsynced.delayed.pop_front().unwrap_or_default();
                self.0.write_blocks(&blocks)?;
            }
            return Ok(());
        }
        unsynced.honest += 1;
        self.0.write_blocks(&blocks)?;
        file.sync_data(eventual)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.check()?;
        let mut unsynced = lock(&self.0.unsynced);
        if self.0.shared.is_written_back.load(Ordering::SeqCst) {
            return self.0.file.write(offset, data);
        }
        for number in offset / BLOCK..(offset + data.len() as u64).div_ceil(BLOCK) {
            let mut block = self.0.read_block(&unsynced, number)?;
            let end = (offset + data.len() as u64).min((number + 1) * BLOCK) - number * BLOCK;
            block.resize(block.len().max(end as usize), 0);
            overlay(&mut block, number * BLOCK, data, offset);
            self.0.write_block(&mut unsynced, number, block)?;
        }
        Ok(())
    }
}

/// Replaces the part of some bytes that others cover, each with its place in the file.
fn overlay(bytes: &mut [u8], at: u64, other: &[u8], other_at: u64) {
    let (from, to) =
        (at.max(other_at), (at + bytes.len() as u64).min(other_at + other.len() as u64));
    if from < to {
        let length = (to - from) as usize;
        let (place, source) = ((from - at) as usize, (from - other_at) as usize);
        bytes[place..place + length].copy_from_slice(&other[source..source + length]);
    }
}

#[cfg(test)]
mod tests {
    use std::fs::read as after_a_kill;

    use super::*;

    #[test]
    fn what_is_written_can_be_read_and_is_on_the_disk_after_a_sync() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut random = StdRng::seed_from_u64(1);
        let disk = Disk::new(1, false);
        let file = disk.open(&path).unwrap();
        let mut expected = vec![0; 50_000];
        file.set_len(50_000).unwrap();
        let mut has_lost = false;
        for _ in 0..300 {
            let (at, length) = (random.random_range(0..40_000), random.random_range(1..10_000));
            let data: Vec<u8> = (0..length).map(|_| random.random()).collect();
            file.write(at as u64, &data).unwrap();
            expected[at..at + length].copy_from_slice(&data);
            let (from, length) = (random.random_range(0..40_000), random.random_range(1..10_000));
            let read = file.read(from as u64, length).unwrap();
            assert_eq!(read, expected[from..from + length]);
            has_lost |= after_a_kill(&path).unwrap() != expected;
            if random.random_bool(0.2) {
                file.sync_data(false).unwrap();
                assert_eq!(after_a_kill(&path).unwrap(), expected);
            }
        }
        assert!(has_lost);
        disk.write_back().unwrap();
        assert_eq!(after_a_kill(&path).unwrap(), expected);
        file.write(0, b"now").unwrap();
        assert_eq!(&after_a_kill(&path).unwrap()[..3], b"now");
    }

    #[test]
    fn a_disk_that_lies_has_lost_the_last_syncs() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.redb");
        let disk = Disk::new(1, true);
        let file = disk.open(&path).unwrap();
        file.set_len(8).unwrap();
        for number in 1..=100_u64 {
            file.write(0, &number.to_le_bytes()).unwrap();
            file.sync_data(false).unwrap();
        }
        assert_eq!(file.read(0, 8).unwrap(), 100_u64.to_le_bytes());
        assert_eq!(after_a_kill(&path).unwrap(), (100 - DELAYED_SYNCS as u64).to_le_bytes());
    }

    #[test]
    fn a_full_disk_takes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(1, false);
        let file = disk.open(&folder.path().join("file")).unwrap();
        file.set_len(8).unwrap();
        file.write(0, b"unsynced").unwrap();
        disk.fill();
        for result in [file.set_len(16), file.write(0, b"a"), file.sync_data(false)] {
            assert_eq!(result.unwrap_err().kind(), io::ErrorKind::StorageFull);
        }
        assert_eq!(file.read(0, 8).unwrap(), b"unsynced");
    }
}
