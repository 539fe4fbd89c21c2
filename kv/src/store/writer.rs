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
    pub(super) entries: BTreeMap<u64, Entry>,
    /// Written with the next entries: if it is lost, a few entries more have to be confirmed by the leader after a crash.
    pub(super) committed: Option<LogId>,
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
                    if recent.entries.get(&id.index).is_some_and(|entry| entry.log_id == id) {
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

    /// Entries of the database, and whether there are as many as were asked for.
    pub(super) fn stored(
        &self,
        from: u64,
        end: u64,
        bytes_max: usize,
    ) -> io::Result<(Vec<Entry>, bool)> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ENTRIES).map_err(other)?;
        let (mut entries, mut bytes) = (Vec::new(), 0);
        for row in table.range(from..end).map_err(other)? {
            let (_, value) = row.map_err(other)?;
            let (_, row) = value.value();
            bytes += row.len();
            if bytes > bytes_max && !entries.is_empty() {
                return Ok((entries, false));
            }
            entries.push(decode(row)?);
        }
        Ok((entries, true))
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

    /// The entry after which the log has at most so many bytes. `None` if it has no more in all, up to one entry.
    pub(super) fn last_before(&self, bytes: u64) -> io::Result<Option<u64>> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ENTRIES).map_err(other)?;
        let Some((first, _)) = table.first().map_err(other)? else { return Ok(None) };
        let Some((last, value)) = table.last().map_err(other)? else { return Ok(None) };
        let (first, last, from) =
            (first.value(), last.value(), value.value().0.saturating_sub(bytes));
        let (mut low, mut high) = (first, last);
        while low < high {
            let middle = low + (high - low) / 2;
            let end = table.get(middle).map_err(other)?.map_or(0, |value| value.value().0);
            if end < from { low = middle + 1 } else { high = middle }
        }
        Ok((low > first).then_some(low))
    }
}

/// The bytes of the log up to its end.
fn last_end(entries: &Table<'_, u64, (u64, &'static [u8])>) -> io::Result<u64> {
    Ok(entries.last().map_err(other)?.map_or(0, |(_, value)| value.value().0))
}
