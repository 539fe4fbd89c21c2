//! [`Shared`]: the database of the log, and what is not in it yet.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use openraft::storage::IOFlushed;
use openraft::type_config::alias::{EntryOf, LogIdOf, VoteOf};
use redb::{Database, Durability, ReadableTable as _, Table, TableDefinition};
use tokio::sync::oneshot;

use super::rows::{decode, encode, other};
use crate::model::Types;

/// By index: an entry, and the bytes of the log up to its end. Only the difference of two such numbers means something.
const ENTRIES: TableDefinition<'_, u64, (u64, &[u8])> = TableDefinition::new("entries");
const META: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("meta");
/// Rows of [`META`].
pub(super) const VOTE: &str = "vote";
pub(super) const PURGED: &str = "purged";
pub(super) const COMMITTED: &str = "committed";

pub(super) type Entry = EntryOf<Types>;
pub(super) type LogId = LogIdOf<Types>;

pub(super) struct Shared {
    database: Database,
    recent: Mutex<Recent>,
}

/// What is not in the database yet.
#[derive(Default)]
pub(super) struct Recent {
    /// By index: an entry, and the bytes of its row.
    pub(super) entries: BTreeMap<u64, (Entry, usize)>,
    /// Written with the next entries: if it is lost, a few entries more have to be confirmed by the leader after a crash.
    pub(super) committed: Option<LogId>,
}

impl Recent {
    /// Entries of a range, and the index of the first one that is not in the database, or the end.
    pub(super) fn read(&self, from: u64, end: u64, bytes_max: usize) -> (u64, Read) {
        let mut read = Read::new();
        for (entry, bytes) in self.entries.range(from..end).map(|(_, entry)| entry) {
            if !read.has_room(*bytes, bytes_max) {
                break;
            }
            read.entries.push(entry.clone());
        }
        (read.entries.first().map_or(end, |first| first.log_id.index), read)
    }
}

/// Entries that were read.
pub(super) struct Read {
    pub(super) entries: Vec<Entry>,
    pub(super) bytes: usize,
    /// Whether there was room for all.
    pub(super) is_complete: bool,
}

impl Read {
    fn new() -> Self {
        Self { entries: Vec::new(), bytes: 0, is_complete: true }
    }

    /// Counts an entry if there is room for it. There is for the first one.
    fn has_room(&mut self, bytes: usize, bytes_max: usize) -> bool {
        let total = self.bytes.saturating_add(bytes);
        self.is_complete = total <= bytes_max || self.entries.is_empty();
        if self.is_complete {
            self.bytes = total;
        }
        self.is_complete
    }
}

/// How long the log is; from [`Log::measure`](super::Log::measure).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Measured {
    /// The last entry that has to be purged so that the log has no more bytes than it may have. `None` if it has no more, but for one
    /// entry.
    pub too_long: Option<u64>,
    /// Bytes of the entries that were asked for.
    pub between: u64,
}

/// Something to write. All of them are written in their order.
pub(super) enum Job {
    Append { rows: Vec<(LogId, Vec<u8>)>, flushed: IOFlushed<Types> },
    Vote { vote: VoteOf<Types>, done: Done },
    Truncate { from: u64, done: Done },
    Purge { upto: LogId, done: Done },
}

pub(super) type Done = oneshot::Sender<io::Result<()>>;

impl Shared {
    pub(super) fn new(database: Database) -> io::Result<Self> {
        let transaction = database.begin_write().map_err(other)?;
        transaction.open_table(ENTRIES).map_err(other)?;
        transaction.open_table(META).map_err(other)?;
        transaction.commit().map_err(other)?;
        Ok(Self { database, recent: Mutex::default() })
    }

    pub(super) fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn commit(&self, jobs: &[Job]) -> io::Result<()> {
        let committed = self.recent().committed;
        let mut transaction = self.database.begin_write().map_err(other)?;
        transaction.set_durability(Durability::Immediate);
        {
            let mut entries = transaction.open_table(ENTRIES).map_err(other)?;
            let mut meta = transaction.open_table(META).map_err(other)?;
            for job in jobs {
                match job {
                    Job::Append { rows, .. } => {
                        let mut end = last_end(&entries)?;
                        for (id, row) in rows {
                            end += row.len() as u64;
                            entries.insert(id.index, (end, row.as_slice())).map_err(other)?;
                        }
                    }
                    Job::Vote { vote, .. } => {
                        meta.insert(VOTE, encode(vote)?.as_slice()).map_err(other)?;
                    }
                    Job::Truncate { from, .. } => {
                        entries.retain_in::<u64, _>(*from.., |_, _| false).map_err(other)?;
                    }
                    Job::Purge { upto, .. } => {
                        entries.retain_in::<u64, _>(..=upto.index, |_, _| false).map_err(other)?;
                        meta.insert(PURGED, encode(upto)?.as_slice()).map_err(other)?;
                    }
                }
            }
            if let Some(committed) = committed {
                meta.insert(COMMITTED, encode(&committed)?.as_slice()).map_err(other)?;
            }
        }
        transaction.commit().map_err(other)
    }

    pub(super) fn finish(&self, job: Job, result: io::Result<()>) {
        let done = match job {
            Job::Append { rows, flushed } => {
                let mut recent = self.recent();
                for (id, _) in rows {
                    // It may have been truncated since, and replaced.
                    if recent.entries.get(&id.index).is_some_and(|(entry, _)| entry.log_id == id) {
                        recent.entries.remove(&id.index);
                    }
                }
                drop(recent);
                return flushed.io_completed(result);
            }
            Job::Vote { done, .. } | Job::Truncate { done, .. } | Job::Purge { done, .. } => done,
        };
        // If it is not there, it has been dropped by openraft, which shuts down.
        let _ = done.send(result);
    }

    /// Entries of the database.
    pub(super) fn stored(&self, from: u64, end: u64, bytes_max: usize) -> io::Result<Read> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ENTRIES).map_err(other)?;
        let mut read = Read::new();
        for row in table.range(from..end).map_err(other)? {
            let (_, value) = row.map_err(other)?;
            let (_, row) = value.value();
            if !read.has_room(row.len(), bytes_max) {
                break;
            }
            read.entries.push(decode(row)?);
        }
        Ok(read)
    }

    pub(super) fn meta<T: serde::de::DeserializeOwned>(&self, name: &str) -> io::Result<Option<T>> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(META).map_err(other)?;
        table.get(name).map_err(other)?.map(|row| decode(row.value())).transpose()
    }

    pub(super) fn last_stored(&self) -> io::Result<Option<LogId>> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ENTRIES).map_err(other)?;
        let last = table.last().map_err(other)?;
        last.map(|(_, value)| decode::<Entry>(value.value().1).map(|entry| entry.log_id))
            .transpose()
    }

    pub(super) fn measure(&self, bytes_max: u64, after: u64, upto: u64) -> io::Result<Measured> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ENTRIES).map_err(other)?;
        let Some((first, value)) = table.first().map_err(other)? else {
            return Ok(Measured::default());
        };
        let (first, begin) = (first.value(), value.value().0 - value.value().1.len() as u64);
        let Some((last, value)) = table.last().map_err(other)? else {
            return Ok(Measured::default());
        };
        let (last, total) = (last.value(), value.value().0);
        // Up to the end of this entry, or of the last one before it.
        let end = |index: u64| {
            let value = table.get(index.min(last)).map_err(other)?;
            Ok::<_, io::Error>(value.map_or(begin, |value| value.value().0))
        };
        let between = end(upto)?.saturating_sub(end(after)?);
        let excess = total.saturating_sub(bytes_max);
        let (mut low, mut high) = (first, last);
        while low < high {
            let middle = low + (high - low) / 2;
            if end(middle)? < excess { low = middle + 1 } else { high = middle }
        }
        Ok(Measured { too_long: (low > first).then_some(low), between })
    }
}

/// The bytes of the log up to its end.
fn last_end(entries: &Table<'_, u64, (u64, &'static [u8])>) -> io::Result<u64> {
    Ok(entries.last().map_err(other)?.map_or(0, |(_, value)| value.value().0))
}
