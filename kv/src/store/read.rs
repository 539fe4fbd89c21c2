//! [`State`]: reads what a node has applied.

use std::fmt;
use std::io;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use redb::Database;
use tokio::sync::watch;

use super::rows::{decode, other};
use super::tables::{HISTORY, Head, ITEMS, Tables};
use crate::model::{Event, Item};

/// What a node has applied. Reads are of the latest transaction, and do not wait for writes.
pub struct State {
    pub(super) database: Database,
    head: Mutex<Head>,
    revision: watch::Sender<u64>,
}

/// Some of the changes after a revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Changes {
    /// These, in their order, with whole batches. Empty if there are none yet.
    Next(Vec<Event>),
    /// The history does not go back so far: the changes up to this revision are gone.
    Compacted {
        /// The latest revision that is gone.
        upto: u64,
    },
}

impl State {
    pub(super) fn new(database: Database) -> io::Result<Self> {
        let transaction = database.begin_write().map_err(other)?;
        let head = Tables::open(&transaction)?.finish()?;
        transaction.commit().map_err(other)?;
        let revision = watch::Sender::new(head.revision);
        Ok(Self { database, head: Mutex::new(head), revision })
    }

    pub(super) fn head(&self) -> Head {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// After a transaction, and only then: who is woken reads it.
    pub(super) fn publish(&self, head: Head) {
        let revision = head.revision;
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = head;
        self.revision.send_if_modified(|known| std::mem::replace(known, revision) != revision);
    }

    /// The latest revision.
    pub fn revision(&self) -> u64 {
        *self.revision.borrow()
    }

    /// The latest revision, and those after it.
    pub fn revisions(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    /// The index of the latest entry.
    pub fn applied(&self) -> Option<u64> {
        self.head().applied.map(|id| id.index)
    }

    /// Reads a key.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn get(&self, key: &str) -> io::Result<Option<Item>> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ITEMS).map_err(other)?;
        table.get(key).map_err(other)?.map(|row| decode(row.value())).transpose()
    }

    /// Reads keys with this prefix in their order, those after `after` if it is some, until there are as many bytes of keys and
    /// values.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn scan(
        &self,
        prefix: &str,
        after: Option<&str>,
        bytes_max: usize,
    ) -> io::Result<Vec<(String, Item)>> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(ITEMS).map_err(other)?;
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let (mut found, mut bytes) = (Vec::new(), 0);
        for row in table.range::<&str>((from, Bound::Unbounded)).map_err(other)? {
            let (key, item) = row.map_err(other)?;
            if bytes >= bytes_max || !key.value().starts_with(prefix) {
                break;
            }
            bytes += key.value().len() + item.value().len();
            found.push((key.value().to_owned(), decode(item.value())?));
        }
        Ok(found)
    }

    /// Reads changes after this revision, at least those of one revision, up to this many bytes.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn changes(&self, after: u64, bytes_max: usize) -> io::Result<Changes> {
        let transaction = self.database.begin_read().map_err(other)?;
        let table = transaction.open_table(HISTORY).map_err(other)?;
        // In the same transaction: what is forgotten meanwhile would be a gap.
        let row = transaction.open_table(super::tables::HEAD).map_err(other)?;
        let row = row.get(()).map_err(other)?;
        let head: Head = row.map(|row| decode(row.value())).transpose()?.unwrap_or_default();
        if after < head.compacted {
            return Ok(Changes::Compacted { upto: head.compacted });
        }
        let (mut events, mut bytes) = (Vec::<Event>::new(), 0);
        // Excluded, and not from the next one on: clients choose the number.
        for row in
            table.range((Bound::Excluded((after, u32::MAX)), Bound::Unbounded)).map_err(other)?
        {
            let (at, row) = row.map_err(other)?;
            let is_next = events.last().is_some_and(|last| last.revision != at.value().0);
            if is_next && bytes >= bytes_max {
                break;
            }
            bytes += row.value().len();
            events.push(decode(row.value())?);
        }
        Ok(Changes::Next(events))
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("State").field("revision", &self.revision()).finish_non_exhaustive()
    }
}
