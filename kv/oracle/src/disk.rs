//! [`Disk`]: the files of a node, in memory. They lose what was not synced, and can fail.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use grid_kv::store::Files;
use redb::StorageBackend;

/// Syncs that a disk which lies has not done yet.
const DELAYED_SYNCS: usize = 30;

/// The files of a node. They stay when the node ends.
#[derive(Debug, Clone, Default)]
pub struct Disk {
    files: Arc<Mutex<HashMap<PathBuf, Handle>>>,
    lies: bool,
}

type Handle = Arc<Mutex<Data>>;

#[derive(Debug, Default)]
struct Data {
    /// What a process sees.
    now: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
    /// What was synced, if the disk has only said so.
    delayed: VecDeque<Vec<Change>>,
    /// What was not synced.
    since: Vec<Change>,
    lies: bool,
    /// Why nothing works any more.
    failure: Option<&'static str>,
}

#[derive(Debug, Clone)]
enum Change {
    Length(usize),
    Write(usize, Vec<u8>),
}

impl Change {
    fn apply(&self, data: &mut Vec<u8>) {
        match self {
            Self::Length(length) => data.resize(*length, 0),
            Self::Write(at, bytes) => {
                if data.len() < at + bytes.len() {
                    data.resize(at + bytes.len(), 0);
                }
                data[*at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Disk {
    /// A disk that says of the log that it is synced before it is.
    pub fn lying() -> Self {
        Self { lies: true, ..Self::default() }
    }

    /// The machine loses its power. Of what was not synced, `is_written` decides for each write whether it is on the disk. What still
    /// runs can write no more. Returns how many writes are lost.
    pub fn lose_power(&self, mut is_written: impl FnMut() -> bool) -> usize {
        let mut lost = 0;
        for file in lock(&self.files).values_mut() {
            let mut data = lock(file);
            let mut disk = data.synced.clone();
            // Of a disk that lies the image of some sync is left: it has lost the last ones.
            let is_behind = !data.delayed.is_empty();
            for change in data.since.iter().filter(|_| !is_behind) {
                // The length is metadata, which file systems keep in order.
                if matches!(change, Change::Length(_)) || is_written() {
                    change.apply(&mut disk);
                } else {
                    lost += 1;
                }
            }
            data.failure = Some("the machine has no power");
            let lies = data.lies;
            let next = Data { now: disk.clone(), synced: disk, lies, ..Data::default() };
            drop(data);
            *file = Arc::new(Mutex::new(next));
        }
        lost
    }

    /// Nothing can be written any more, until the machine is started again.
    pub fn fail(&self) {
        for file in lock(&self.files).values() {
            lock(file).failure = Some("the disk has failed");
        }
    }
}

impl Files for Disk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let mut files = lock(&self.files);
        let file = Arc::clone(files.entry(path.to_owned()).or_default());
        lock(&file).lies = self.lies && path.ends_with("log.redb");
        Ok(Box::new(File(file)))
    }
}

#[derive(Debug)]
struct File(Handle);

impl File {
    fn data(&self) -> io::Result<MutexGuard<'_, Data>> {
        let data = lock(&self.0);
        match data.failure {
            Some(failure) => Err(io::Error::other(failure)),
            None => Ok(data),
        }
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut data = self.data()?;
        change.apply(&mut data.now);
        data.since.push(change);
        Ok(())
    }
}

impl StorageBackend for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.data()?.now.len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let data = self.data()?;
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let bytes = data.now.get(offset..offset + len);
        bytes.map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(usize::try_from(len).map_err(io::Error::other)?))
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        let mut data = self.data()?;
        let Data { synced, since, delayed, lies, .. } = &mut *data;
        delayed.push_back(std::mem::take(since));
        while delayed.len() > if *lies { DELAYED_SYNCS } else { 0 } {
            delayed.pop_front().into_iter().flatten().for_each(|change| change.apply(synced));
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.change(Change::Write(offset, data.to_owned()))
    }
}
