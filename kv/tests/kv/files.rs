//! [`Lossy`]: files in memory that lose what was not synced.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use grid_kv::store::Files;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use redb::StorageBackend;

/// The files of a node. They stay when the node ends.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lossy(Arc<Mutex<HashMap<PathBuf, Handle>>>);

type Handle = Arc<Mutex<Data>>;

#[derive(Debug, Default)]
struct Data {
    /// What a process sees.
    now: Vec<u8>,
    /// What is on the disk.
    synced: Vec<u8>,
    since: Vec<Change>,
    /// A file that was lost by a crash still has users, until they are dropped.
    is_lost: bool,
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

impl Lossy {
    /// The machine loses its power. Of what was not synced, any part may be on the disk: the seed decides which. What still runs
    /// can write no more.
    pub(crate) fn crash(&self, seed: u64) -> usize {
        let mut random = StdRng::seed_from_u64(seed);
        let mut lost = 0;
        for file in self.0.lock().unwrap().values_mut() {
            let mut data = file.lock().unwrap();
            let mut disk = data.synced.clone();
            for change in &data.since {
                // The length is metadata, which file systems keep in order.
                if matches!(change, Change::Length(_)) || random.random() {
                    change.apply(&mut disk);
                } else {
                    lost += 1;
                }
            }
            data.is_lost = true;
            let next = Data { now: disk.clone(), synced: disk, ..Data::default() };
            drop(data);
            *file = Arc::new(Mutex::new(next));
        }
        lost
    }
}

impl Files for Lossy {
    fn open(&self, path: &Path) -> io::Result<Box<dyn StorageBackend>> {
        let mut files = self.0.lock().unwrap();
        Ok(Box::new(File(Arc::clone(files.entry(path.to_owned()).or_default()))))
    }
}

#[derive(Debug)]
struct File(Handle);

impl File {
    fn data(&self) -> io::Result<MutexGuard<'_, Data>> {
        let data = self.0.lock().unwrap();
        if data.is_lost { Err(io::Error::other("the machine has no power")) } else { Ok(data) }
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
        let offset = offset as usize;
        let data = self.data()?;
        data.now
            .get(offset..offset + len)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len as usize))
    }

    fn sync_data(&self, _: bool) -> io::Result<()> {
        let mut data = self.data()?;
        let Data { synced, since, .. } = &mut *data;
        since.drain(..).for_each(|change| change.apply(synced));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset as usize, data.to_owned()))
    }
}
